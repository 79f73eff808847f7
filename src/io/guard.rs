//! A second process of mvx that outlives the first by a moment, to clean up after it: also where
//! that was killed with -9, when nothing of its own runs any more.
//!
//! It reads a pipe whose other end the first process alone holds. At its end, the first process is
//! gone, however that came about, and the private directory is removed, and the terminal is put
//! back to how it was. It has a session of its own, so that Ctrl-C does not reach it, ignores the
//! signals that ask it to end, and closes every descriptor that it inherited: it keeps no
//! terminal and no step of a pipeline open, but for the terminal that it is to put back.

#![expect(
    clippy::disallowed_methods,
    reason = "a process of mvx itself, with pipes to it"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::io::IoError;

/// What the first argument of such a process is; no command is called so.
const NAME: &str = "internal:guard";

/// What is done when this process is gone.
#[derive(Default)]
pub struct Task<'a> {
    /// A private directory that is removed with all that is in it.
    pub directory: Option<&'a Path>,
    /// Whether the terminal at standard output gets back the settings that it has now.
    pub terminal: bool,
}

/// A process that watches over this one. When it is dropped, its work is over, too.
#[must_use = "it guards only while this lives"]
pub struct Guard {
    #[cfg(unix)]
    child: std::process::Child,
    #[cfg(unix)]
    pipe: Option<std::io::PipeWriter>,
}

/// Whether this process was started to be a guard.
pub fn is_meant(arguments: &[OsString]) -> bool {
    arguments.get(1).is_some_and(|first| first == NAME)
}

/// Is a guard, until the process that started it is gone.
pub fn serve(arguments: &[OsString]) -> ExitCode {
    let directory = arguments.get(2).filter(|path| !path.is_empty());
    let directory = directory.map(PathBuf::from);
    let terminal = arguments.get(3).is_some();
    if imp::serve(directory.as_deref(), terminal) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(unix)]
mod imp {
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::{fs, io};

    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

    use super::{Guard, IoError, NAME, Path, Task};
    use crate::io::{private, start};

    impl Guard {
        /// Starts one, and waits until it is ready.
        pub fn start(task: &Task<'_>) -> Result<Self, IoError> {
            let failed = |source| IoError::CommandNotStarted {
                program: "mvx".into(),
                source,
            };
            let (watched, pipe) = io::pipe().map_err(failed)?;
            let (mut answer, ready) = io::pipe().map_err(failed)?;
            let mut command = Command::new(start::own_program()?);
            command
                .arg(NAME)
                .arg(task.directory.unwrap_or(Path::new("")))
                .env_clear()
                .current_dir("/")
                .stdin(watched)
                .stderr(ready)
                .stdout(Stdio::null());
            if task.terminal {
                let terminal = io::stdout().as_fd().try_clone_to_owned();
                command.arg("terminal").stdout(terminal.map_err(failed)?);
            }
            let child = command.spawn().map_err(failed)?;
            // the other end of `ready` is the guard's alone
            drop(command);
            let guard = Self {
                child,
                pipe: Some(pipe),
            };
            let mut byte = [0];
            answer.read_exact(&mut byte).map_err(failed)?;
            Ok(guard)
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            // What it was to do is done: it need not look after it.
            if let Some(mut pipe) = self.pipe.take() {
                pipe.write_all(b".").ok();
            }
            self.child.wait().ok();
        }
    }

    pub(super) fn serve(directory: Option<&Path>, terminal: bool) -> bool {
        close_inherited();
        // leader of a group it is not: this makes a session
        rustix::process::setsid().ok();
        for signal in [
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
            signal_hook::consts::SIGQUIT,
            signal_hook::consts::SIGTSTP,
        ] {
            // taken, and nothing follows
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).ok();
        }
        let settings = terminal.then(|| tcgetattr(io::stdout()).ok()).flatten();
        let Ok(nothing) = fs::OpenOptions::new().write(true).open("/dev/null") else {
            return false;
        };
        if io::stderr().write_all(b".").is_err() {
            return false;
        }
        rustix::stdio::dup2_stderr(&nothing).ok();
        let mut byte = [0];
        // whatever else comes than a byte, the process is gone
        if io::stdin().read_exact(&mut byte).is_ok() {
            return true;
        }
        if let Some(settings) = settings {
            tcsetattr(io::stdout(), OptionalActions::Now, &settings).ok();
        }
        directory.is_none_or(private::remove_abandoned)
    }

    /// Closes what was inherited beyond the standard streams. Before anything else is opened.
    fn close_inherited() {
        // Linux, and macOS and the BSDs
        let numbers = ["/proc/self/fd", "/dev/fd"].into_iter().find_map(|place| {
            let entries = fs::read_dir(place).ok()?;
            let names = entries.flatten().map(|entry| entry.file_name());
            let numbers = names.filter_map(|name| name.to_str()?.parse::<i32>().ok());
            Some(numbers.filter(|number| *number > 2).collect::<Vec<i32>>())
        });
        for number in numbers.unwrap_or_default() {
            nix::unistd::close(number).ok();
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use super::{Guard, IoError, Path, Task};

    impl Guard {
        /// Windows has no such thing yet.
        pub fn start(_task: &Task<'_>) -> Result<Self, IoError> {
            Ok(Self {})
        }
    }

    pub(super) fn serve(_directory: Option<&Path>, _terminal: bool) -> bool {
        false
    }
}
