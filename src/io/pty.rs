//! A terminal between a command and the real one, for `mvx run --redact`: the command sees a
//! terminal, with its size and settings, and what it shows can be changed on the way.
//!
//! The command gets a session of its own with this terminal: keys are passed on as they are, and
//! Ctrl-C becomes a signal at the inner terminal. A process can be made the leader of a session only
//! by itself, so mvx starts itself once more, which does that and becomes the command.

#![expect(
    clippy::disallowed_methods,
    reason = "terminals are opened and read by their descriptors"
)]

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize,
};

use crate::io::forward::Moment;
use crate::io::start::{self, Start};
use crate::io::{IoError, terminal};

/// What the first argument of the process is that becomes the command.
const NAME: &str = "internal:terminal";

/// A terminal for a command, in front of the one at mvx's standard output.
pub struct Pty {
    master: File,
    slave: File,
    /// The real terminal's settings, where keys are passed on from it.
    outer: Option<Termios>,
}

/// The real terminal, passing on keys as they are. When it is dropped, the terminal is as before.
#[must_use = "the terminal passes on keys only while this lives"]
pub struct Raw {
    settings: Arc<Mutex<Option<Termios>>>,
}

impl Pty {
    /// Makes one with the size and the settings of the real terminal.
    pub fn open() -> Result<Self, IoError> {
        let failed = |source: rustix::io::Errno| IoError::Terminal {
            source: source.into(),
        };
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).map_err(failed)?;
        grantpt(&master).map_err(failed)?;
        unlockpt(&master).map_err(failed)?;
        let name = ptsname(&master, Vec::new()).map_err(failed)?;
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(i32::try_from(OFlags::NOCTTY.bits()).unwrap_or_default())
            .open(OsString::from_vec(name.into_bytes()))
            .map_err(|source| IoError::Terminal { source })?;
        if let Ok(settings) = tcgetattr(io::stdout()) {
            tcsetattr(&slave, OptionalActions::Now, &settings).map_err(failed)?;
        }
        follow_size(&master);
        let outer = (terminal::is_stdin() && is_in_foreground())
            .then(|| tcgetattr(io::stdin()).ok())
            .flatten();
        Ok(Self {
            master: master.into(),
            slave,
            outer,
        })
    }

    /// The command, in a session of its own with this terminal.
    pub fn lead(start: Start) -> Result<Start, IoError> {
        Ok(start.through(start::own_program()?, &[NAME]))
    }

    /// The command's side, for one of its streams.
    pub fn stream(&self) -> Result<Stdio, IoError> {
        let copy = self.slave.try_clone();
        Ok(copy.map_err(|source| IoError::Terminal { source })?.into())
    }

    /// Whether keys are passed on from the real terminal.
    pub fn takes_keys(&self) -> bool {
        self.outer.is_some()
    }

    /// Passes on keys and the window's size from now on.
    pub fn connect(&self) -> Result<(Raw, impl Fn(Moment) + Send + 'static), IoError> {
        let settings = Arc::new(Mutex::new(self.outer.clone()));
        let raw = Raw {
            settings: Arc::clone(&settings),
        };
        raw.set();
        let copy = || self.master.try_clone();
        let (keys, size) = match (copy(), copy()) {
            (Ok(keys), Ok(size)) => (keys, size),
            (Err(source), _) | (_, Err(source)) => return Err(IoError::Terminal { source }),
        };
        if self.takes_keys() {
            thread::spawn(move || pass_keys(keys));
        }
        let follow = move |moment| match moment {
            Moment::Stop => restore(&settings),
            Moment::Continue => {
                make_raw(&settings);
                follow_size(&size);
            }
            Moment::Resize => follow_size(&size),
        };
        Ok((raw, follow))
    }

    /// What the command shows.
    pub fn output(&self) -> Result<File, IoError> {
        let copy = self.master.try_clone();
        copy.map_err(|source| IoError::Terminal { source })
    }
}

impl Raw {
    fn set(&self) {
        make_raw(&self.settings);
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore(&self.settings);
        // nothing makes it raw again
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Whether this process was started to become a command in a session of its own.
pub fn is_meant(arguments: &[OsString]) -> bool {
    arguments.get(1).is_some_and(|first| first == NAME)
}

/// Becomes the command. Returns only if that fails, with the reason.
pub fn serve(arguments: &[OsString]) -> Result<ExitCode, IoError> {
    let mut words = arguments.iter().skip(2).cloned();
    let program = words.next().unwrap_or_default();
    let failed = |source: rustix::io::Errno| IoError::Terminal {
        source: source.into(),
    };
    rustix::process::setsid().map_err(failed)?;
    rustix::process::ioctl_tiocsctty(io::stdout()).map_err(failed)?;
    Err(Start::new(program, words.collect()).replace())
}

/// Whether the terminal listens to this process's group: whoever changes its settings from the
/// background is stopped.
fn is_in_foreground() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

fn make_raw(settings: &Mutex<Option<Termios>>) {
    let settings = settings.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(settings) = &*settings
        && is_in_foreground()
    {
        let mut raw = settings.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok();
    }
}

fn restore(settings: &Mutex<Option<Termios>>) {
    let settings = settings.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(settings) = &*settings {
        tcsetattr(io::stdin(), OptionalActions::Now, settings).ok();
    }
}

fn follow_size(inner: impl AsFd) {
    if let Ok(size) = tcgetwinsize(io::stdout()) {
        tcsetwinsize(inner, size).ok();
    }
}

fn pass_keys(mut inner: File) {
    let Ok(keys) = io::stdin().as_fd().try_clone_to_owned() else {
        return;
    };
    // ends with the process, or when the command's terminal is gone
    io::copy(&mut File::from(keys as OwnedFd), &mut inner).ok();
}
