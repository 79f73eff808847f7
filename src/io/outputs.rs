//! What a command prints and says, changed on its way to mvx's own standard output and error.
//!
//! Where standard output is a terminal the command gets one too ([`Pty`]), else pipes. They last
//! over restarts of the command, so that nothing is lost in between.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::io::forward::Moment;
use crate::io::pty::{Pty, Raw};
use crate::io::relay::{Change, Ended, Last, relay};
use crate::io::start::Streams;
use crate::io::{IoError, stdio, terminal};

/// The streams of a command on their way.
pub struct Outputs<C> {
    changes: Vec<Arc<Mutex<C>>>,
    pty: Option<Pty>,
    raw: Option<Raw>,
    /// The command's ends of the pipes.
    stdout: Option<PipeWriter>,
    stderr: Option<PipeWriter>,
    /// Closed when the command has ended.
    announce: PipeWriter,
    relays: Vec<JoinHandle<Ended>>,
}

/// What is told when the terminal is to follow something.
pub type Follow = Box<dyn Fn(Moment) + Send>;

impl<C: Change + Send + 'static> Outputs<C> {
    /// Opens the streams. `make` makes what changes each of them.
    pub fn open(make: impl Fn() -> C) -> Result<(Self, Follow), IoError> {
        let pipe = || io::pipe().map_err(|source| IoError::Stdout { source });
        let (when, announce) = pipe()?;
        let mut outputs = Self {
            changes: Vec::new(),
            pty: None,
            raw: None,
            stdout: None,
            stderr: None,
            announce,
            relays: Vec::new(),
        };
        let mut follow: Follow = Box::new(|_| {});
        if terminal::is_stdout() {
            let pty = Pty::open()?;
            let (raw, follows) = pty.connect()?;
            follow = Box::new(follows);
            outputs.relay(
                pty.output()?,
                stdio::raw_stdout()?,
                make(),
                &when,
                TERMINAL_GRACE,
            )?;
            outputs.pty = Some(pty);
            outputs.raw = Some(raw);
        } else {
            let (source, stdout) = pipe()?;
            outputs.relay(source, stdio::raw_stdout()?, make(), &when, PIPE_GRACE)?;
            outputs.stdout = Some(stdout);
        }
        // errors that go to the same terminal keep their order with the rest
        if outputs.pty.is_none() || !terminal::is_stderr() {
            let (source, stderr) = pipe()?;
            outputs.relay(source, stdio::raw_stderr()?, make(), &when, PIPE_GRACE)?;
            outputs.stderr = Some(stderr);
        }
        Ok((outputs, follow))
    }

    /// Whether the command is to lead a session of its own ([`Pty::lead`]).
    pub fn has_terminal(&self) -> bool {
        self.pty.is_some()
    }

    /// The streams of a command that is about to start.
    pub fn streams(&self) -> Result<Streams, IoError> {
        let mut streams = Streams::default();
        let failed = |source| IoError::Stdout { source };
        let copy = |pipe: &PipeWriter| pipe.try_clone().map_err(failed).map(Into::into);
        if let Some(pty) = &self.pty {
            streams.stdout = Some(pty.stream()?);
            streams.stderr = Some(pty.stream()?);
            // In the background it gets no keys, nor takes them from whoever is in the foreground: in
            // another session nothing would stop it.
            if terminal::is_stdin() {
                streams.stdin = Some(pty.stream()?);
            }
        }
        if let Some(stdout) = &self.stdout {
            streams.stdout = Some(copy(stdout)?);
        }
        if let Some(stderr) = &self.stderr {
            streams.stderr = Some(copy(stderr)?);
        }
        Ok(streams)
    }

    /// Alters what changes the streams.
    pub fn alter(&self, with: impl Fn(&mut C)) {
        for change in &self.changes {
            with(&mut locked(change));
        }
    }

    /// Waits for what is still on its way, once the command has ended, and puts the terminal back.
    /// What the command left running is not waited for: it writes to a closed pipe from then on.
    pub fn finish(self) -> Result<(), IoError> {
        let Self {
            relays,
            announce,
            raw,
            pty,
            ..
        } = self;
        drop(announce);
        drop(pty);
        let mut result = Ok(());
        for relay in relays {
            match relay.join() {
                Ok(Ended::Whole | Ended::NoReader) | Err(_) => {}
                Ok(Ended::Reading(source) | Ended::Writing(source)) => {
                    result = Err(IoError::Stdout { source });
                }
            }
        }
        drop(raw);
        result
    }

    fn relay(
        &mut self,
        source: impl io::Read + AsFd + Send + 'static,
        sink: impl io::Write + AsFd + Send + 'static,
        change: C,
        when: &PipeReader,
        grace: Duration,
    ) -> Result<(), IoError> {
        let change = Arc::new(Mutex::new(change));
        self.changes.push(Arc::clone(&change));
        let when = when.try_clone();
        let when = when.map_err(|source| IoError::Stdout { source })?;
        self.relays.push(thread::spawn(move || {
            let last = Last {
                when: when.as_fd(),
                grace,
            };
            relay(source, sink, &mut Shared(change), Some(last))
        }));
        Ok(())
    }
}

/// What changes a stream while it is altered by others.
struct Shared<C>(Arc<Mutex<C>>);

impl<C: Change> Change for Shared<C> {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        locked(&self.0).feed(bytes, out);
    }

    fn waits(&self) -> bool {
        locked(&self.0).waits()
    }

    fn idle(&mut self, out: &mut Vec<u8>) {
        locked(&self.0).idle(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        locked(&self.0).finish(out);
    }
}

fn locked<C>(change: &Mutex<C>) -> MutexGuard<'_, C> {
    change.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was written to a pipe is there.
const PIPE_GRACE: Duration = Duration::ZERO;

/// What was written to a terminal takes a moment to its other side (tty flip buffers of Linux).
const TERMINAL_GRACE: Duration = Duration::from_millis(50);
