//! A machine and a person for tests: nothing here touches the process's environment or home.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::io::IoError;
use crate::io::env::Environment;
use crate::io::http::{HttpError, Request, Response};
use crate::io::private::PrivateDirectory;
use crate::keys::believed::{Believed, Places};
use crate::keys::machine::{Answer, CommandError, KeyCommand, KeyFile, Machine, Platform, Program};
use crate::keys::open::{OpenFailure, Opened, Order, unwrap_any};
use crate::keys::prompt::Prompt;
use crate::keys::remote::Services;
use crate::keys::{Extras, KeyProvider, Kind, Wrapped};
use crate::secret::{Cleartext, Passphrase};

/// A throw-away identity of the fixtures, and its recipient.
pub(crate) const K1: &str = include_str!("../../fixtures/sops/k1.txt");
pub(crate) const K1_RECIPIENT: &str =
    "age10qzyc23jq2xqlxxx9rwdmzz4xyz4dwk3xtahz8fq6ptdeftpw5mscpnswl";
/// Another.
pub(crate) const K2: &str = include_str!("../../fixtures/sops/k2.txt");
pub(crate) const K2_RECIPIENT: &str =
    "age14huuej0f28s4dan9dg26y4pv443e2tqmv6mkarp6fn3c5wcts3eq9lf7g5";

pub(crate) const SSH_ED25519: &str = include_str!("../../fixtures/keys/ssh_ed25519");
pub(crate) const SSH_ED25519_PUBLIC: &str = include_str!("../../fixtures/keys/ssh_ed25519.pub");
pub(crate) const SSH_RSA: &str = include_str!("../../fixtures/keys/ssh_rsa");
pub(crate) const SSH_RSA_PUBLIC: &str = include_str!("../../fixtures/keys/ssh_rsa.pub");

/// What protects the protected keys of the fixtures.
pub(crate) const SESAME: &str = "open sesame";

type Answers = Box<dyn Fn(&Request) -> Result<Response, HttpError> + Send + Sync>;
type Programs = Box<dyn Fn(&Program<'_>) -> Result<Answer, CommandError> + Send + Sync>;
type Script = Box<dyn Fn(&KeyCommand<'_>) -> Result<Cleartext, CommandError> + Send + Sync>;

/// A machine made of tables. It notes every file that is read and every command that is run.
pub(crate) struct FakeMachine {
    platform: Platform,
    variables: HashMap<&'static str, OsString>,
    files: HashMap<PathBuf, (Vec<u8>, bool)>,
    script: Option<Script>,
    programs: Option<Programs>,
    answers: Option<Answers>,
    log: Mutex<Vec<String>>,
}

impl Default for FakeMachine {
    fn default() -> Self {
        Self {
            platform: Platform::Unix,
            variables: HashMap::new(),
            files: HashMap::new(),
            script: None,
            programs: None,
            answers: None,
            log: Mutex::default(),
        }
    }
}

impl FakeMachine {
    pub(crate) fn on(platform: Platform) -> Self {
        Self {
            platform,
            ..Self::default()
        }
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    pub(crate) fn file(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.files
            .insert(path.into(), (bytes.as_ref().to_vec(), false));
        self
    }

    pub(crate) fn shared_file(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.files
            .insert(path.into(), (bytes.as_ref().to_vec(), true));
        self
    }

    pub(crate) fn script(
        mut self,
        script: impl Fn(&KeyCommand<'_>) -> Result<Cleartext, CommandError> + Send + Sync + 'static,
    ) -> Self {
        self.script = Some(Box::new(script));
        self
    }

    /// How programs other than key commands answer.
    pub(crate) fn programs(
        mut self,
        programs: impl Fn(&Program<'_>) -> Result<Answer, CommandError> + Send + Sync + 'static,
    ) -> Self {
        self.programs = Some(Box::new(programs));
        self
    }

    /// How servers answer.
    pub(crate) fn answers(
        mut self,
        answers: impl Fn(&Request) -> Result<Response, HttpError> + Send + Sync + 'static,
    ) -> Self {
        self.answers = Some(Box::new(answers));
        self
    }

    /// What was read, run, asked and waited for since the last call.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

impl Machine for FakeMachine {
    fn variable(&self, name: &'static str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home/ana".into())
    }

    fn platform(&self) -> Platform {
        self.platform
    }

    fn read(&self, path: &Path) -> Result<KeyFile, IoError> {
        self.log
            .lock()
            .unwrap()
            .push(format!("read {}", path.display()));
        let (bytes, shared) = self
            .files
            .get(path)
            .ok_or_else(|| IoError::NotFound { path: path.into() })?;
        Ok(KeyFile {
            text: Cleartext::new(bytes.clone()),
            shared: *shared,
        })
    }

    fn run(&self, command: &KeyCommand<'_>) -> Result<Cleartext, CommandError> {
        let words = [
            &[command.program.to_owned()],
            command.arguments,
            &[format!("for {}", command.recipient)],
        ];
        self.log
            .lock()
            .unwrap()
            .push(format!("run {}", words.concat().join(" ")));
        self.script.as_ref().expect("no command is expected")(command)
    }

    fn call(&self, program: Program<'_>) -> Result<Answer, CommandError> {
        let arguments = program.arguments.iter().map(|word| word.to_string_lossy());
        let line = arguments.fold(program.program.to_owned(), |line, word| {
            format!("{line} {word}")
        });
        self.log.lock().unwrap().push(format!("call {line}"));
        self.programs.as_ref().expect("no program is expected")(&program)
    }

    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let line = format!("{} {}", request.method, request.url);
        self.log.lock().unwrap().push(line);
        self.answers.as_ref().expect("no request is expected")(request)
    }

    fn pause(&self, time: Duration) {
        assert!(time <= Duration::from_secs(5));
        self.log.lock().unwrap().push("wait".to_owned());
    }

    fn terminal(&self) -> Option<OsString> {
        None
    }

    fn private_directory(&self) -> Result<PrivateDirectory, IoError> {
        let nothing: [(&'static str, &str); 0] = [];
        PrivateDirectory::create(&Environment::of(nothing))
    }
}

/// A server's answer.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is what a server's closure gives back"
)]
pub(crate) fn answer(status: u16, body: &str) -> Result<Response, HttpError> {
    Ok(Response {
        status,
        headers: Vec::new(),
        body: Cleartext::new(body.as_bytes().to_vec()),
    })
}

/// A user's configuration.
#[derive(Default)]
pub(crate) struct FakeBelieved {
    pub(crate) places: Places,
    pub(crate) added: Mutex<Vec<String>>,
}

impl Believed for FakeBelieved {
    fn places(&self) -> Result<Places, String> {
        let mut places = self.places.clone();
        places
            .vault_addresses
            .extend(self.added.lock().unwrap().clone());
        Ok(places)
    }

    fn believe_vault(&self, address: &str) -> Result<String, String> {
        self.added.lock().unwrap().push(address.to_owned());
        Ok(self.shown())
    }

    fn shown(&self) -> String {
        "/home/ana/.config/mvx/config.toml".to_owned()
    }
}

/// What providers share, on a machine of the test's own.
pub(crate) fn services(machine: FakeMachine) -> Arc<Services> {
    Arc::new(Services::new(
        Arc::new(machine),
        FakePrompt::silent(),
        Arc::new(FakeBelieved::default()),
    ))
}

/// A person with an answer to each question. Notes what was asked and said.
#[derive(Default)]
pub(crate) struct FakePrompt {
    answer: Option<&'static str>,
    log: Mutex<Vec<String>>,
}

impl FakePrompt {
    pub(crate) fn answering(answer: &'static str) -> Arc<Self> {
        Arc::new(Self {
            answer: Some(answer),
            log: Mutex::default(),
        })
    }

    pub(crate) fn silent() -> Arc<Self> {
        Arc::default()
    }

    /// What was asked and said since the last call.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

impl Prompt for FakePrompt {
    fn passphrase(&self, what: &str) -> Option<Passphrase> {
        self.log.lock().unwrap().push(what.to_owned());
        self.answer.map(|answer| Passphrase::new(answer.to_owned()))
    }

    fn message(&self, text: &str) {
        self.log.lock().unwrap().push(text.to_owned());
    }

    fn confirm(&self, text: &str, _yes: &str, _no: Option<&str>) -> Option<bool> {
        self.log.lock().unwrap().push(text.to_owned());
        self.answer.map(|answer| answer == "yes")
    }
}

/// An entry as a file's metadata holds it.
pub(crate) fn age_entry(recipient: &str, enc: &str) -> Wrapped {
    Wrapped {
        kind: Kind::Age,
        recipient: recipient.to_owned(),
        extras: Extras::default(),
        enc: enc.to_owned(),
    }
}

/// Opens a file's data key with one provider.
pub(crate) fn open_with<P: KeyProvider + 'static>(
    entries: &[Wrapped],
    provider: &Arc<P>,
) -> Result<Opened, OpenFailure> {
    let provider = Arc::clone(provider) as Arc<dyn KeyProvider>;
    unwrap_any(entries, &[provider], &Order::Cheapest)
}

/// Starts a real program of the system; `None`, with the reason on stdout, if it is not there.
pub(crate) fn program(name: &str) -> Option<Command> {
    let found = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match found {
        Ok(_) => Some(Command::new(name)),
        Err(error) => {
            println!("skipped: `{name}` cannot be started: {error}");
            None
        }
    }
}

/// Runs a command that must succeed, with `input` on stdin; gives back its stdout.
pub(crate) fn output(command: &mut Command, input: &[u8]) -> Vec<u8> {
    use std::io::Write;

    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
