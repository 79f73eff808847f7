//! The real [`Machine`]: the process's environment, its files, its child processes.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::keys::machine::{CommandError, KeyCommand, KeyFile, MAX_KEY_BYTES, Machine, Platform};
use crate::keys::printable;
use crate::secret::Cleartext;

/// The machine that this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

/// How often a command that has closed its output is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// The longest line of a failed command's stderr that is passed on, in characters.
const MAX_SAID: usize = 200;

impl Machine for System {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|home| home.is_absolute())
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

    fn read(&self, path: &Path) -> io::Result<KeyFile> {
        let mut file = File::open(path)?;
        let shared = shared(&file.metadata()?);
        let text = drain(&mut file, MAX_KEY_BYTES)?
            .ok_or_else(|| io::Error::other("too large to be a key file"))?;
        Ok(KeyFile { text, shared })
    }

    fn run(&self, command: &KeyCommand<'_>) -> Result<Cleartext, CommandError> {
        let program = command.program.to_owned();
        let deadline = Instant::now() + command.timeout;
        let mut child = Command::new(command.program)
            .args(command.arguments)
            .env("SOPS_AGE_RECIPIENT", command.recipient)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| CommandError::Start {
                program: program.clone(),
                why: reason(&error),
            })?;
        let printed = collect(child.stdout.take());
        let said = collect(child.stderr.take());
        let timeout = |child: &mut Child| {
            kill(child);
            CommandError::Timeout {
                program: program.clone(),
                seconds: command.timeout.as_secs(),
            }
        };
        let printed = match printed.recv_timeout(left(deadline)) {
            Err(RecvTimeoutError::Timeout) => return Err(timeout(&mut child)),
            Err(RecvTimeoutError::Disconnected) => None,
            Ok(printed) => printed,
        };
        let Some(printed) = printed else {
            kill(&mut child);
            return Err(CommandError::TooMuch { program });
        };
        let Some(status) = wait(&mut child, deadline) else {
            return Err(timeout(&mut child));
        };
        if status.success() {
            return Ok(printed);
        }
        // its children may hold stderr open, so this is waited for no longer than needed
        let said = said.recv_timeout(left(deadline).min(Duration::from_millis(200)));
        Err(CommandError::Status {
            program,
            status: describe(status),
            said: said.ok().flatten().and_then(|text| last_line(&text)),
        })
    }
}

/// An operating system's reason, in words that fit into a message of ours.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        io::ErrorKind::Other => error.to_string(),
        kind => kind.to_string(),
    }
}

#[cfg(unix)]
fn shared(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;

    // pipes such as <(command) have modes of their own that say nothing
    metadata.is_file() && metadata.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
fn shared(_metadata: &Metadata) -> bool {
    false
}

/// Reads to the end into memory that is wiped; `None` if there is more than `limit`.
fn drain(source: &mut impl Read, limit: usize) -> io::Result<Option<Cleartext>> {
    let mut text = Cleartext::with_capacity(1024);
    let mut buffer = Zeroizing::new([0; 4096]);
    loop {
        match source.read(&mut buffer[..]) {
            Ok(0) => return Ok(Some(text)),
            Ok(count) => text.push(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if text.len() > limit {
            return Ok(None);
        }
    }
}

/// Drains a child's pipe beside it. The thread ends when the pipe does; nobody waits for it.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Option<Cleartext>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let text = match pipe {
            Some(mut pipe) => drain(&mut pipe, MAX_KEY_BYTES).ok().flatten(),
            None => None,
        };
        // where the receiver has given up, the text is dropped, and so wiped
        drop(sender.send(text));
    });
    receiver
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Waits until `deadline` for a child that has closed its output.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if left(deadline).is_zero() => return None,
            Ok(None) => thread::sleep(POLL),
            Err(_) => return None,
        }
    }
}

/// Ends a child and forgets it. One that has ended meanwhile is no error.
fn kill(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.code().map_or_else(
        || "an unknown status".to_owned(),
        |code| format!("status {code}"),
    )
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
    use super::*;

    fn run(script: &str, timeout: Duration) -> Result<Cleartext, CommandError> {
        System.run(&KeyCommand {
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
    fn a_missing_program_is_named() {
        let error = System
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

    #[test]
    fn a_key_file_that_others_can_read_is_noticed() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.txt");
        std::fs::write(&path, "x".repeat(5000)).unwrap();
        for (mode, expected) in [(0o600, false), (0o640, true), (0o604, true)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let file = System.read(&path).unwrap();
            assert_eq!(file.shared, expected, "{mode:o}");
            assert_eq!(file.text.len(), 5000);
        }
        std::fs::write(&path, vec![b'x'; MAX_KEY_BYTES + 1]).unwrap();
        assert!(System.read(&path).is_err());
        assert!(System.read(directory.path()).is_err());
    }
}
