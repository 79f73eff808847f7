//! The real [`Machine`]: the process's environment, its files, its child processes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::io::env::{self, Environment};
use crate::io::http::{Client, HttpError, Request, Response};
use crate::io::private::PrivateDirectory;
use crate::io::process::{Invocation, Output, Stderr};
use crate::io::{IoError, clock, file, terminal};
use crate::keys::machine::{
    Answer, CommandError, KeyCommand, KeyFile, MAX_KEY_BYTES, Machine, Platform, Program,
};
use crate::keys::printable;
use crate::secret::Cleartext;

/// The machine that this process runs on.
pub struct System {
    environment: Arc<Environment>,
    /// Made when it is first needed: most runs reach no network.
    client: OnceLock<Result<Client, HttpError>>,
}

/// The longest line of a failed command's stderr that is passed on, in characters.
const MAX_SAID: usize = 200;

impl System {
    /// The machine as `environment` describes it.
    pub fn new(environment: Arc<Environment>) -> Self {
        Self {
            environment,
            client: OnceLock::new(),
        }
    }
}

impl Machine for System {
    fn variable(&self, name: &'static str) -> Option<OsString> {
        self.environment.get(name).map(Into::into)
    }

    fn home(&self) -> Option<PathBuf> {
        let home = self.environment.home().ok()?;
        home.is_absolute().then(|| home.to_owned())
    }

    fn platform(&self) -> Platform {
        if cfg!(windows) {
            Platform::Windows
        } else if cfg!(target_os = "macos") {
            Platform::MacOs
        } else {
            Platform::Unix
        }
    }

    fn read(&self, path: &Path) -> Result<KeyFile, IoError> {
        let contents = file::read_with_access(path, MAX_KEY_BYTES)?;
        Ok(KeyFile {
            text: contents.bytes,
            shared: contents.shared,
        })
    }

    fn run(&self, command: &KeyCommand<'_>) -> Result<Cleartext, CommandError> {
        let invocation = Invocation::new(command.program, command.arguments);
        let output = env::PRIVATE_KEYS
            .into_iter()
            .fold(invocation, Invocation::without)
            .with("SOPS_AGE_RECIPIENT", command.recipient)
            .timeout(command.timeout)
            .limit(MAX_KEY_BYTES)
            .stderr(Stderr::Captured)
            .may_ask()
            .run()
            .map_err(|error| of_command(command.program, &error))?;
        if output.is_success() {
            return Ok(output.stdout);
        }
        Err(CommandError::Status {
            program: command.program.to_owned(),
            status: status(&output),
            said: last_line(&output.stderr),
        })
    }

    fn call(&self, program: Program<'_>) -> Result<Answer, CommandError> {
        let invocation = Invocation::new(program.program, program.arguments.iter().cloned());
        let mut invocation = env::PRIVATE_KEYS
            .into_iter()
            .fold(invocation, Invocation::without)
            .timeout(program.timeout)
            .limit(MAX_KEY_BYTES)
            .stderr(Stderr::Captured);
        // Not in the working directory, which is a repository's: a program may take modules and
        // settings from where it stands, as Python does.
        let home = self.home().filter(|_| cfg!(windows));
        invocation = invocation.directory(home.unwrap_or_else(|| PathBuf::from("/")));
        invocation = invocation.with("PYTHONSAFEPATH", "1");
        for (name, value) in program.variables {
            invocation = invocation.with(*name, value);
        }
        if let Some(stdin) = program.stdin {
            invocation = invocation.stdin(stdin);
        }
        if program.may_ask {
            invocation = invocation.may_ask();
        }
        let output = invocation.run();
        let output = output.map_err(|error| of_command(program.program, &error))?;
        Ok(Answer {
            code: output.code,
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }

    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let client = self.client.get_or_init(|| Client::new(&self.environment));
        client.as_ref().map_err(Clone::clone)?.send(request)
    }

    fn pause(&self, time: Duration) {
        clock::pause(time);
    }

    fn terminal(&self) -> Option<OsString> {
        terminal::device()
    }

    fn private_directory(&self) -> Result<PrivateDirectory, IoError> {
        PrivateDirectory::create(&self.environment)
    }
}

fn of_command(program: &str, error: &IoError) -> CommandError {
    let program = program.to_owned();
    match error {
        IoError::CommandTimedOut { after, .. } => CommandError::Timeout {
            program,
            seconds: after.as_secs(),
        },
        IoError::CommandOutputTooLong { .. } => CommandError::TooMuch { program },
        IoError::CommandLost { .. } => CommandError::Lost {
            program,
            why: error.reason(),
        },
        error => CommandError::Start {
            program,
            why: error.reason(),
        },
    }
}

fn status(output: &Output) -> String {
    match (output.code, output.signal) {
        (Some(code), _) => format!("status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

/// The last line that a failed command wrote to stderr, unless it looks like part of a key.
fn last_line(text: &Cleartext) -> Option<String> {
    let text = text.as_str()?;
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    let upper = line.to_ascii_uppercase();
    if ["AGE-SECRET-KEY", "AGE-PLUGIN-", "PRIVATE KEY"]
        .iter()
        .any(|mark| upper.contains(mark))
    {
        return None;
    }
    Some(
        line.chars()
            .filter(|c| printable(*c))
            .take(MAX_SAID)
            .collect(),
    )
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::keys::age::{AgeKeys, default_key_file};
    use crate::keys::prompt::NoPrompt;

    fn system() -> System {
        let variables: [(&'static str, &str); 0] = [];
        System::new(Arc::new(Environment::of(variables)))
    }

    fn run(script: &str, timeout: Duration) -> Result<Cleartext, CommandError> {
        system().run(&KeyCommand {
            program: "sh",
            arguments: &["-c".to_owned(), script.to_owned()],
            recipient: "age1someone",
            timeout,
        })
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_command_sees_the_recipient_and_its_output_is_taken_whole() {
        let printed = run("printf '%s\\n' \"$SOPS_AGE_RECIPIENT\"; seq 1 20000", LONG).unwrap();
        assert!(printed.as_str().unwrap().starts_with("age1someone\n1\n2\n"));
        assert!(printed.as_str().unwrap().ends_with("\n20000\n"));
    }

    #[test]
    fn a_command_that_fails_says_why_but_never_shows_a_key() {
        let said = |script: &str| match run(script, LONG) {
            Err(CommandError::Status { status, said, .. }) => (status, said),
            _ => panic!("it should have failed"),
        };
        assert_eq!(
            said("echo first >&2; echo '  locked \u{1b}[2J ' >&2; exit 3"),
            ("status 3".into(), Some("locked [2J".into()))
        );
        assert_eq!(
            said("echo '+ echo age-secret-key-1ABC' >&2; exit 1").1,
            None
        );
        assert_eq!(said("kill -9 $$").0, "signal 9");
    }

    #[test]
    fn a_command_that_hangs_is_killed() {
        let start = Instant::now();
        // exec: there is one process, and it holds the pipe
        let error = run("exec sleep 60", Duration::from_millis(80)).err();
        assert!(matches!(error, Some(CommandError::Timeout { .. })));
        // a grandchild that keeps the pipe open holds nobody up either
        let error = run("sleep 5 & sleep 60", Duration::from_millis(80)).err();
        assert!(matches!(error, Some(CommandError::Timeout { .. })));
        assert!(start.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn a_command_that_prints_without_end_is_stopped() {
        let error = run("exec yes", LONG).err();
        assert!(matches!(error, Some(CommandError::TooMuch { .. })));
    }

    #[test]
    fn a_program_for_a_provider_stands_outside_of_the_repository() {
        let script = ["-c".into(), "pwd; printf %s \"$PYTHONSAFEPATH\"".into()];
        let answer = system().call(Program {
            program: "sh",
            arguments: &script,
            stdin: None,
            variables: &[],
            timeout: LONG,
            may_ask: false,
        });
        assert_eq!(answer.ok().unwrap().stdout.as_bytes(), b"/\n1");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = system()
            .run(&KeyCommand {
                program: "mvx-no-such-program",
                arguments: &[],
                recipient: "",
                timeout: LONG,
            })
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "`mvx-no-such-program` could not be started: there is no such file"
        );
    }

    /// Asking for a variable that the table lacks panics.
    #[test]
    fn every_variable_of_the_key_sources_is_documented() {
        let keys = AgeKeys::new(Arc::new(system()), Arc::new(NoPrompt));
        assert!(keys.list().held.is_empty());
        assert_eq!(default_key_file(&system()), None);
    }

    #[test]
    fn a_key_file_that_others_can_read_is_noticed() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.txt");
        std::fs::write(&path, "x".repeat(5000)).unwrap();
        for (mode, expected) in [(0o600, false), (0o640, true), (0o604, true)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let file = system().read(&path).unwrap();
            assert_eq!(file.shared, expected, "{mode:o}");
            assert_eq!(file.text.len(), 5000);
        }
        std::fs::write(&path, vec![b'x'; MAX_KEY_BYTES + 1]).unwrap();
        assert!(system().read(&path).is_err());
        assert!(system().read(directory.path()).is_err());
    }
}
