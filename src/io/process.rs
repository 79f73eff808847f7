//! Starting other programs: argument vectors, never a shell; what goes in and comes out may be a
//! secret and is wiped.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that starts programs"
)]

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::io::{IoError, env, file, signals};
use crate::secret::Cleartext;

/// What happens to a program's standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stderr {
    /// Kept for the caller, at most 64 KiB of it.
    Captured,
    /// Dropped.
    Discarded,
    /// Goes where mvx's own goes.
    Inherited,
}

/// A program to run with its input given and its output taken.
pub struct Invocation {
    program: OsString,
    arguments: Vec<OsString>,
    stdin: Option<Cleartext>,
    set: Vec<(OsString, OsString)>,
    unset: Vec<OsString>,
    directory: Option<PathBuf>,
    timeout: Duration,
    limit: usize,
    stderr: Stderr,
    may_ask: bool,
}

/// What a program answered.
pub struct Output {
    /// Its exit status; `None` where a signal ended it.
    pub code: Option<i32>,
    /// The number of the signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: Cleartext,
    /// Its standard error, where that was captured.
    pub stderr: Cleartext,
}

impl Output {
    /// Whether the program said that all went well.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

impl Invocation {
    /// The program, looked up on `PATH` unless it names a directory, with its arguments.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            stdin: None,
            set: Vec::new(),
            unset: Vec::new(),
            directory: None,
            timeout: Duration::from_mins(1),
            limit: 1 << 20,
            stderr: Stderr::Inherited,
            may_ask: false,
        }
    }

    /// What it reads; nothing at all unless this is called.
    #[must_use]
    pub fn stdin(mut self, bytes: Cleartext) -> Self {
        self.stdin = Some(bytes);
        self
    }

    /// Sets an environment variable for it alone.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.set.push((name.into(), value.into()));
        self
    }

    /// Keeps an environment variable from it.
    #[must_use]
    pub fn without(mut self, name: impl Into<OsString>) -> Self {
        self.unset.push(name.into());
        self
    }

    /// Where it runs; else in the working directory.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// How long it may take; 60 s unless this is called. Then it is stopped, with what it started.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes it may write to standard output; 1 MiB unless this is called.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// What happens to its standard error; inherited unless this is called.
    #[must_use]
    pub fn stderr(mut self, stderr: Stderr) -> Self {
        self.stderr = stderr;
        self
    }

    /// Lets it talk to the person at the terminal, such as a password manager that asks for its
    /// passphrase. It stays in the foreground then, and programs that it started may outlive a
    /// timeout; without this, they are stopped with it.
    #[must_use]
    pub fn may_ask(mut self) -> Self {
        self.may_ask = true;
        self
    }

    /// Runs it to its end. That it failed is for the caller to judge, see [`Output::code`].
    pub fn run(mut self) -> Result<Output, IoError> {
        let name = self.program.to_string_lossy().into_owned();
        let lost = |source| IoError::CommandLost {
            program: name.clone(),
            source,
        };
        let deadline = Instant::now() + self.timeout;
        let mut running = self.start()?;
        if let (Some(bytes), Some(pipe)) = (self.stdin.take(), running.child.stdin.take()) {
            thread::spawn(move || feed(pipe, &bytes));
        }
        let stdout = drain(running.child.stdout.take(), Stream::Stdout, self.limit);
        let stderr = drain(running.child.stderr.take(), Stream::Stderr, MOST_STDERR);
        let timed_out = || IoError::CommandTimedOut {
            program: name.clone(),
            after: self.timeout,
        };
        let stdout = match stdout.recv_timeout(left(deadline)) {
            Ok(bytes) => bytes
                .map_err(lost)?
                .ok_or_else(|| IoError::CommandOutputTooLong {
                    program: name.clone(),
                    limit: self.limit,
                })?,
            Err(RecvTimeoutError::Timeout) => return Err(timed_out()),
            Err(RecvTimeoutError::Disconnected) => Cleartext::default(),
        };
        let status = running
            .wait_until(deadline)
            .map_err(lost)?
            .ok_or_else(timed_out)?;
        // A service that it left running may hold standard error open for ever.
        let stderr = match stderr.recv_timeout(left(deadline).min(LAST_WORDS)) {
            // more than the limit is cut off, never a failure
            Ok(bytes) => bytes.map_err(lost)?.unwrap_or_default(),
            Err(_) => Cleartext::default(),
        };
        Ok(Output {
            code: status.code(),
            signal: signal(status),
            stdout,
            stderr,
        })
    }

    fn start(&self) -> Result<Running, IoError> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.set.iter().map(|(name, value)| (name, value)))
            .stdin(match &self.stdin {
                Some(_) => Stdio::piped(),
                // a terminal's input may be read, other input is not the program's to take
                None if self.may_ask && io::stdin().is_terminal() => Stdio::inherit(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(match self.stderr {
                Stderr::Captured => Stdio::piped(),
                Stderr::Discarded => Stdio::null(),
                Stderr::Inherited => Stdio::inherit(),
            });
        for name in self.unset.iter().cloned().chain(env::notify_names()) {
            command.env_remove(name);
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        #[cfg(unix)]
        if !self.may_ask {
            // a group of its own is stopped as a whole, but may not read from the terminal
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let own_group = !self.may_ask;
        let (child, clean_up) = signals::start_and_end(
            || {
                let child = command.spawn();
                child.map_err(|source| not_started(&self.program, source))
            },
            |child| {
                let id = child.id();
                move || send(id, own_group, Ending::Kill)
            },
        )?;
        Ok(Running {
            child,
            own_group,
            ended: false,
            _clean_up: clean_up,
        })
    }
}

/// Runs a program in the foreground with mvx's own terminal, such as an editor, and waits for as
/// long as it takes. Ctrl-C is the program's meanwhile. It sees mvx's environment but for private
/// keys. Its exit status; `None` where a signal ended it.
pub fn foreground(
    program: impl Into<OsString>,
    arguments: &[OsString],
    set: &[(OsString, OsString)],
    directory: Option<&Path>,
) -> Result<Option<i32>, IoError> {
    let program = program.into();
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .envs(set.iter().map(|(name, value)| (name, value)));
    let kept = env::PRIVATE_KEYS.into_iter().map(OsString::from);
    for name in kept.chain(env::notify_names()) {
        command.env_remove(name);
    }
    if let Some(directory) = directory {
        command.current_dir(directory);
    }
    let _left = signals::leave_interrupts();
    let status = command
        .status()
        .map_err(|source| not_started(&program, source))?;
    Ok(status.code())
}

#[derive(Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

/// A child that is stopped if it is dropped before its end, or if a signal ends mvx.
struct Running {
    child: Child,
    own_group: bool,
    ended: bool,
    _clean_up: signals::CleanUp,
}

impl Running {
    /// The exit status, or `None` if the program runs on.
    fn wait_until(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        let mut pause = Duration::from_micros(100);
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.ended = true;
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        send(self.child.id(), self.own_group, Ending::Ask);
        let grace = Instant::now() + Duration::from_millis(200);
        if !matches!(self.wait_until(grace), Ok(Some(_))) || self.own_group {
            send(self.child.id(), self.own_group, Ending::Kill);
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[derive(Clone, Copy)]
enum Ending {
    /// Gives it a chance to put the terminal back.
    Ask,
    Kill,
}

#[cfg(unix)]
fn send(id: u32, group: bool, ending: Ending) {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};

    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else {
        return;
    };
    let signal = match ending {
        Ending::Ask => Signal::TERM,
        Ending::Kill => Signal::KILL,
    };
    if group {
        kill_process_group(pid, signal).ok();
    } else {
        kill_process(pid, signal).ok();
    }
}

#[cfg(not(unix))]
fn send(_id: u32, _group: bool, _ending: Ending) {}

/// A program need not read all of its input.
fn feed(mut pipe: impl Write, bytes: &Cleartext) {
    pipe.write_all(bytes.as_bytes()).ok();
}

/// Reads a pipe beside the program. The thread ends when the pipe does; nobody waits for it.
fn drain(
    pipe: Option<impl Read + Send + 'static>,
    stream: Stream,
    limit: usize,
) -> Receiver<io::Result<Option<Cleartext>>> {
    let (sender, receiver) = mpsc::channel();
    if let Some(mut pipe) = pipe {
        thread::spawn(move || {
            let bytes = match stream {
                Stream::Stdout => file::slurp(pipe, 0, limit),
                Stream::Stderr => {
                    let start = file::slurp((&mut pipe).take(limit as u64), 0, limit);
                    // the rest is read and dropped, so that a full pipe does not stop the program
                    io::copy(&mut pipe, &mut io::sink()).ok();
                    start
                }
            };
            // nobody listens any more after a timeout
            sender.send(bytes).ok();
        });
    }
    receiver
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

fn not_started(program: &OsString, source: io::Error) -> IoError {
    IoError::CommandNotStarted {
        program: program.to_string_lossy().into_owned(),
        source,
    }
}

/// Bytes of standard error that are kept: more than any message, less than a flood.
const MOST_STDERR: usize = 64 * 1024;

/// How long standard error is waited for once the program has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Invocation {
        Invocation::new("sh", ["-c", script])
    }

    fn text(output: &Cleartext) -> &str {
        output.as_str().unwrap()
    }

    #[test]
    fn input_goes_in_and_output_comes_out() {
        let input = b"x".repeat(300_000);
        let output = Invocation::new("cat", [""; 0])
            .stdin(Cleartext::new(input.clone()))
            .run()
            .unwrap();
        assert!(output.is_success());
        assert!(output.stdout.as_bytes() == input);
    }

    #[test]
    fn a_program_that_does_not_read_its_input_is_no_error() {
        let output = shell("echo done")
            .stdin(Cleartext::new(vec![b'x'; 1 << 20]))
            .run()
            .unwrap();
        assert_eq!(text(&output.stdout), "done\n");
    }

    #[test]
    fn arguments_reach_it_untouched() {
        let output = Invocation::new("printf", ["%s|", "a b", "$HOME", "'\";"])
            .run()
            .unwrap();
        assert_eq!(text(&output.stdout), "a b|$HOME|'\";|");
    }

    #[test]
    fn status_and_errors_are_told_apart_from_output() {
        let output = shell("echo out; echo err >&2; exit 7")
            .stderr(Stderr::Captured)
            .run()
            .unwrap();
        assert_eq!(output.code, Some(7));
        assert_eq!(text(&output.stdout), "out\n");
        assert_eq!(text(&output.stderr), "err\n");
        let output = shell("kill -9 $$").run().unwrap();
        assert_eq!((output.code, output.signal), (None, Some(9)));
        assert!(!output.is_success());
    }

    #[test]
    fn what_it_left_running_holds_nobody_up() {
        let started = Instant::now();
        let output = shell("sleep 20 >&- & echo out")
            .stderr(Stderr::Captured)
            .run()
            .unwrap();
        assert_eq!(text(&output.stdout), "out\n");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_flood_of_errors_is_cut_off_and_output_is_not() {
        let output = shell("yes error | head -c 500000 >&2; echo out")
            .stderr(Stderr::Captured)
            .run()
            .unwrap();
        assert_eq!(text(&output.stdout), "out\n");
        assert_eq!(output.stderr.len(), MOST_STDERR);
    }

    #[test]
    fn the_environment_is_its_own() {
        let output = shell("echo \"$MVX_A-$PATH\"")
            .with("MVX_A", "here")
            .without("PATH")
            .directory("/")
            .run()
            .unwrap();
        assert!(text(&output.stdout).starts_with("here-"));
        assert!(!text(&output.stdout).contains(&std::env::var("PATH").unwrap()));
    }

    #[test]
    fn too_much_output_stops_it() {
        let started = Instant::now();
        let error = Invocation::new("yes", [""; 0]).limit(1000).run();
        assert!(matches!(
            error,
            Err(IoError::CommandOutputTooLong { limit: 1000, .. })
        ));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_timeout_stops_it_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let error = shell("(sleep 1; touch late) & sleep 30")
            .directory(directory.path())
            .timeout(Duration::from_millis(100))
            .run();
        assert!(matches!(error, Err(IoError::CommandTimedOut { .. })));
        assert!(started.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(1300));
        assert!(!directory.path().join("late").exists());
    }

    #[test]
    fn a_program_that_closes_its_output_and_runs_on_is_timed_out_too() {
        let error = shell("exec >&-; sleep 30")
            .timeout(Duration::from_millis(100))
            .run();
        assert!(matches!(error, Err(IoError::CommandTimedOut { .. })));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        use crate::error::Explain;

        let error = Invocation::new("mvx-no-such-program", ["invented-value"])
            .run()
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "cannot start `mvx-no-such-program`");
        assert!(!error.hints().is_empty());
    }

    #[test]
    fn a_foreground_program_hands_back_its_status() {
        let arguments = ["-c", "exit $CODE"].map(OsString::from);
        let set = [("CODE".into(), "3".into())];
        assert_eq!(foreground("sh", &arguments, &set, None).unwrap(), Some(3));
    }
}
