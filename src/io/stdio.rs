//! Standard input and output, without the copies that the standard library's buffers would keep
//! of a secret.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that opens the standard streams"
)]

use std::io::{self, Write};

use crate::io::relay::{Change, Ended, relay};
use crate::io::{IoError, file, terminal};
use crate::secret::Cleartext;

/// All of standard input, of at most `limit` bytes.
pub fn read_stdin(limit: usize) -> Result<Cleartext, IoError> {
    let bytes = file::slurp(raw_stdin()?, 0, limit).map_err(|source| IoError::Stdin { source })?;
    bytes.ok_or(IoError::TooLarge {
        path: "standard input".into(),
        limit,
    })
}

/// Passes standard input on to standard output, changed on the way, every piece at once. Ctrl-C is
/// for who writes: his last words are passed on too, unless it is a person who types.
pub fn pass_on(change: &mut impl Change) -> Result<(), IoError> {
    if !terminal::is_stdin() {
        let taken = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGINT, taken)
            .map_err(|source| IoError::Signals { source })?;
    }
    #[cfg(unix)]
    let ended = relay(raw_stdin()?, raw_stdout()?, change, None);
    #[cfg(not(unix))]
    let ended = relay(raw_stdin()?, raw_stdout()?, change);
    match ended {
        Ended::Whole => Ok(()),
        Ended::NoReader => Err(IoError::StdoutClosed),
        Ended::Reading(source) => Err(IoError::Stdin { source }),
        Ended::Writing(source) => Err(IoError::Stdout { source }),
    }
}

/// Standard output through one buffer of our own, which is wiped.
pub struct Stdout {
    sink: Box<dyn Write>,
    buffer: Cleartext,
}

impl Stdout {
    /// The process's standard output.
    pub fn open() -> Result<Self, IoError> {
        Ok(Self::to(raw_stdout()?))
    }

    /// Any other place: tests look at what was written.
    pub fn to(sink: impl Write + 'static) -> Self {
        Self {
            sink: Box::new(sink),
            buffer: Cleartext::with_capacity(BUFFER),
        }
    }

    /// Writes `bytes`, at the latest when [`Self::flush`] is called.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), IoError> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            return put(&mut *self.sink, bytes);
        }
        self.buffer.push(bytes);
        Ok(())
    }

    /// Hands everything on. What could not be written is not tried again.
    pub fn flush(&mut self) -> Result<(), IoError> {
        let buffer = std::mem::replace(&mut self.buffer, Cleartext::with_capacity(BUFFER));
        if buffer.is_empty() {
            return Ok(());
        }
        put(&mut *self.sink, buffer.as_bytes())
    }
}

fn put(sink: &mut dyn Write, bytes: &[u8]) -> Result<(), IoError> {
    sink.write_all(bytes)
        .and_then(|()| sink.flush())
        .map_err(|source| match source.kind() {
            io::ErrorKind::BrokenPipe => IoError::StdoutClosed,
            _ => IoError::Stdout { source },
        })
}

/// Bytes: what std buffers too; wiping more would cost page faults that small answers never need.
const BUFFER: usize = 8 * 1024;

/// Standard input, without a buffer.
#[cfg(unix)]
pub(crate) fn raw_stdin() -> Result<std::fs::File, IoError> {
    use std::os::fd::AsFd;

    let copy = io::stdin().as_fd().try_clone_to_owned();
    Ok(copy.map_err(|source| IoError::Stdin { source })?.into())
}

/// Standard output, without a buffer.
#[cfg(unix)]
pub(crate) fn raw_stdout() -> Result<std::fs::File, IoError> {
    use std::os::fd::AsFd;

    let copy = io::stdout().as_fd().try_clone_to_owned();
    Ok(copy.map_err(|source| IoError::Stdout { source })?.into())
}

/// Standard error, without a buffer.
#[cfg(unix)]
pub(crate) fn raw_stderr() -> Result<std::fs::File, IoError> {
    use std::os::fd::AsFd;

    let copy = io::stderr().as_fd().try_clone_to_owned();
    Ok(copy.map_err(|source| IoError::Stdout { source })?.into())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn raw_stdin() -> Result<io::Stdin, IoError> {
    Ok(io::stdin())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn raw_stdout() -> Result<io::Stdout, IoError> {
    Ok(io::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn small_pieces_go_out_together_and_in_order() {
        let sink = Sink::default();
        let mut stdout = Stdout::to(sink.clone());
        for _ in 0..3 {
            stdout.write(b"piece ").unwrap();
        }
        assert!(sink.0.lock().unwrap().is_empty());
        stdout.write(&vec![b'x'; BUFFER + 1]).unwrap();
        stdout.write(b"last").unwrap();
        stdout.flush().unwrap();
        stdout.flush().unwrap();
        let pieces = sink.0.lock().unwrap();
        let lengths: Vec<usize> = pieces.iter().map(Vec::len).collect();
        assert_eq!(lengths, [18, BUFFER + 1, 4]);
    }

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is() {
        use crate::error::{Exit, Explain};

        let mut stdout = Stdout::to(Failing(io::ErrorKind::BrokenPipe));
        stdout.write(b"x").unwrap();
        assert_eq!(stdout.flush().unwrap_err().exit(), Exit::OK);
        let mut stdout = Stdout::to(Failing(io::ErrorKind::StorageFull));
        stdout.write(b"x").unwrap();
        assert_eq!(stdout.flush().unwrap_err().exit(), Exit::IO);
        stdout.flush().unwrap();
    }
}
