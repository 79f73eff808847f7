//! A command that mvx stays beside: signals are passed on to it, and its end is mvx's end.
//!
//! The command is in mvx's own process group unless it is to be restarted or has a terminal of its
//! own. Then what is typed (Ctrl-C, Ctrl-\, Ctrl-Z) reaches both without mvx's doing, and a shell's
//! job control stops and continues both. So of the signals only those are passed on that a process
//! sent to mvx; who sent one, the system tells with it.

use std::io;
use std::process::{ChildStderr, ChildStdout, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::io::start::{Start, Streams};
use crate::io::{IoError, signals};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// Which processes a signal is passed on to, and from whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The command, which is in mvx's own process group: only what a process sent to mvx.
    #[default]
    Command,
    /// The group that the command leads: everything.
    Group,
}

/// What a terminal of the command's own has to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// mvx is about to be stopped.
    Stop,
    /// It runs again.
    Continue,
    /// The window has another size.
    Resize,
}

/// Passes signals on, from the first one that comes after it was made.
pub struct Forward {
    state: Arc<Mutex<State>>,
}

/// A command that runs.
pub struct Running {
    /// What it prints, where that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// What it says, where that is a pipe.
    pub stderr: Option<ChildStderr>,
    state: Arc<Mutex<State>>,
    ended: Receiver<io::Result<ExitStatus>>,
    program: String,
}

impl Forward {
    /// From now on mvx does not end by a signal that it can handle. `follow` is told what a
    /// terminal has to follow.
    pub fn start(follow: impl Fn(Moment) + Send + 'static) -> Result<Self, IoError> {
        let state = Arc::new(Mutex::new(State::default()));
        imp::watch(Arc::clone(&state), follow).map_err(|source| IoError::Signals { source })?;
        signals::leave_all();
        Ok(Self { state })
    }

    /// Starts the command. Signals that came before reach it now.
    pub fn spawn(&self, start: &Start, streams: Streams, reach: Reach) -> Result<Running, IoError> {
        // Nothing is passed on while it begins, so that nothing is lost.
        let mut state = locked(&self.state);
        let mut child = start.spawn(streams)?;
        let (sender, ended) = mpsc::channel();
        let running = Running {
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            state: Arc::clone(&self.state),
            ended,
            program: start.program().to_string_lossy().into_owned(),
        };
        state.command = Some(Target {
            id: child.id(),
            reach,
        });
        for signal in std::mem::take(&mut state.waiting) {
            state.pass_on(signal);
        }
        drop(state);
        let state = Arc::clone(&self.state);
        thread::spawn(move || {
            let status = imp::await_end(child.id()).and_then(|()| {
                // its number may be another process's once it was waited for
                locked(&state).command = None;
                child.wait()
            });
            sender.send(status).ok();
        });
        Ok(running)
    }

    /// The signal that asked mvx, and with it the command, to end, if one came since this was last
    /// asked. The command may have had another opinion.
    pub fn asked_to_end(&self) -> Option<i32> {
        locked(&self.state).asked_to_end.take()
    }
}

impl Running {
    /// Waits for its end, at most for `patience`; `None` if it runs on.
    pub fn ended(&self, patience: Option<Duration>) -> Result<Option<Ending>, IoError> {
        let received = match patience {
            Some(patience) => self.ended.recv_timeout(patience),
            None => self.ended.recv().map_err(RecvTimeoutError::from),
        };
        let lost = |source| IoError::CommandLost {
            program: self.program.clone(),
            source,
        };
        match received {
            Ok(status) => Ok(Some(ending(status.map_err(lost)?))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(lost(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Asks it to end, with all that is in its group, and makes it after `grace`.
    pub fn stop(&self, grace: Duration) -> Result<(), IoError> {
        locked(&self.state).send(imp::TERM);
        if self.ended(Some(grace))?.is_none() {
            locked(&self.state).send(imp::KILL);
            self.ended(None)?;
        }
        Ok(())
    }
}

/// Ends this process by a signal that ended the command, so that whoever waits for it sees the
/// same. Returns where the system knows no such signal.
pub fn die_of(signal: i32) {
    signal_hook::low_level::emulate_default_handler(signal).ok();
}

#[derive(Default)]
struct State {
    command: Option<Target>,
    /// What came before there was a command.
    waiting: Vec<i32>,
    asked_to_end: Option<i32>,
}

struct Target {
    id: u32,
    reach: Reach,
}

impl State {
    /// Sends a signal to the command, or to the next one where none runs.
    fn pass_on(&mut self, signal: i32) {
        match &self.command {
            Some(target) => imp::send(target, signal),
            None => self.waiting.push(signal),
        }
    }

    /// Sends a signal to the command, if one runs.
    fn send(&self, signal: i32) {
        if let Some(target) = &self.command {
            imp::send(target, signal);
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ending(status: ExitStatus) -> Ending {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Ending::Signal(signal);
    }
    Ending::Status(status.code().unwrap_or(1))
}

#[cfg(unix)]
mod imp {
    use rustix::io::Errno;
    use rustix::process::{
        Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
    };
    use signal_hook::consts::{
        SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH,
    };
    use signal_hook::iterator::SignalsInfo;
    use signal_hook::iterator::exfiltrator::WithOrigin;
    use signal_hook::low_level::siginfo::{Cause, Origin};

    use super::{Arc, Moment, Mutex, Reach, State, Target, io, locked, signals, thread};

    pub(super) const TERM: i32 = SIGTERM;
    pub(super) const KILL: i32 = signal_hook::consts::SIGKILL;

    const PASSED_ON: [i32; 9] = [
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP,
    ];

    pub(super) fn watch(
        state: Arc<Mutex<State>>,
        follow: impl Fn(Moment) + Send + 'static,
    ) -> io::Result<()> {
        let ignored = signals::ignored_signals();
        // What `nohup` made us ignore, the command ignores too.
        let watched = PASSED_ON
            .into_iter()
            .filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let mut signals = SignalsInfo::<WithOrigin>::new(watched)?;
        thread::Builder::new()
            .name("forward".into())
            .spawn(move || {
                loop {
                    for origin in signals.wait() {
                        take(&origin, &state, &follow);
                    }
                }
            })?;
        Ok(())
    }

    fn take(origin: &Origin, state: &Mutex<State>, follow: &impl Fn(Moment)) {
        let signal = origin.signal;
        match signal {
            SIGCONT => follow(Moment::Continue),
            SIGWINCH => follow(Moment::Resize),
            _ => {}
        }
        {
            let mut state = locked(state);
            if [SIGINT, SIGTERM, SIGHUP, SIGQUIT].contains(&signal) {
                state.asked_to_end = Some(signal);
            }
            let is_sent = matches!(origin.cause, Cause::Sent(_));
            let group = |target: &Target| target.reach == Reach::Group;
            if is_sent || state.command.as_ref().is_some_and(group) {
                state.pass_on(signal);
            }
        }
        if signal == SIGTSTP {
            follow(Moment::Stop);
            // stands still here until somebody sends SIGCONT
            signal_hook::low_level::emulate_default_handler(SIGTSTP).ok();
        }
    }

    pub(super) fn send(target: &Target, signal: i32) {
        let pid = i32::try_from(target.id).ok().and_then(Pid::from_raw);
        let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(signal)) else {
            return;
        };
        let sent = match target.reach {
            Reach::Command => kill_process(pid, signal),
            // before it leads one, there is no such group
            Reach::Group => kill_process_group(pid, signal).or_else(|_| kill_process(pid, signal)),
        };
        // nobody is there any more
        sent.ok();
    }

    /// Waits until the process has ended, and leaves it to be waited for.
    pub(super) fn await_end(id: u32) -> io::Result<()> {
        let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else {
            return Ok(());
        };
        loop {
            match waitid(
                WaitId::Pid(pid),
                WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
            ) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::sync::atomic::AtomicBool;

    use super::{Arc, Moment, Mutex, State, Target, io};

    pub(super) const TERM: i32 = signal_hook::consts::SIGTERM;
    pub(super) const KILL: i32 = TERM;

    /// The console gives Ctrl-C to all its processes: mvx takes it and waits.
    pub(super) fn watch(
        _state: Arc<Mutex<State>>,
        _follow: impl Fn(Moment) + Send + 'static,
    ) -> io::Result<()> {
        signal_hook::flag::register(
            signal_hook::consts::SIGINT,
            Arc::new(AtomicBool::new(false)),
        )?;
        Ok(())
    }

    pub(super) fn send(_target: &Target, _signal: i32) {}

    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    pub(super) fn await_end(_id: u32) -> io::Result<()> {
        Ok(())
    }
}
