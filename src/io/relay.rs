//! A stream that is passed on, changed on the way: `mvx redact`, and what a command under
//! `mvx run --redact` prints.

use std::io::{self, Read, Write};
use std::time::Duration;

use zeroize::Zeroizing;

/// What changes a stream.
pub trait Change {
    /// Takes the next piece, and appends what is to be passed on now.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>);
    /// Whether [`Self::idle`] has anything to pass on.
    fn waits(&self) -> bool;
    /// Nothing has come for a moment.
    fn idle(&mut self, out: &mut Vec<u8>);
    /// The stream is at its end.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// How long nothing comes before [`Change::idle`] is called: shorter than a person notices, longer
/// than a program takes between two writes.
const MOMENT: Duration = Duration::from_millis(50);

/// Bytes that are read at once: what a pipe holds on Linux.
const PIECE: usize = 64 * 1024;

/// How a relay ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything was passed on.
    Whole,
    /// Whoever read is gone.
    NoReader,
    /// Reading failed.
    Reading(io::Error),
    /// Writing failed.
    Writing(io::Error),
}

#[cfg(unix)]
pub use unix::{Last, relay};

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsFd, BorrowedFd};
    use std::time::Instant;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    use super::{Change, Duration, Ended, MOMENT, PIECE, Read, Write, Zeroizing, io};

    /// Says when what is there is to be the last.
    #[derive(Clone, Copy)]
    pub struct Last<'a> {
        /// Readable, or closed at its other end, from then on.
        pub when: BorrowedFd<'a>,
        /// How long is waited for what is on its way.
        pub grace: Duration,
    }

    /// Passes on what comes from `source` until its end, or until `last` says that the rest is
    /// of no interest. Every piece is written at once.
    pub fn relay(
        mut source: impl Read + AsFd,
        mut sink: impl Write + AsFd,
        change: &mut impl Change,
        last: Option<Last<'_>>,
    ) -> Ended {
        let mut buffer = Zeroizing::new(vec![0; PIECE]);
        let mut out = Zeroizing::new(Vec::with_capacity(PIECE * 2));
        let mut last = last;
        // nothing is read for longer than this once the end was announced
        let mut deadline = None;
        let mut grace = None;
        loop {
            let wait = if change.waits() { Some(MOMENT) } else { grace };
            let ready = match await_one(&source, last, wait) {
                Ok(ready) => ready,
                Err(error) => return Ended::Reading(error),
            };
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                break;
            }
            if ready.last {
                grace = last.take().map(|last| last.grace);
                deadline = Some(Instant::now() + MOST_GRACE);
            }
            out.clear();
            if ready.source {
                match source.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => change.feed(buffer.get(..count).unwrap_or_default(), &mut out),
                    Err(error) if is_passing(&error) => {}
                    // a terminal whose other side is closed
                    Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => break,
                    Err(error) => return Ended::Reading(error),
                }
            } else if change.waits() {
                change.idle(&mut out);
            } else if !ready.last {
                break;
            }
            if let Err(error) = put(&mut sink, &out) {
                return failed(error);
            }
        }
        out.clear();
        change.finish(&mut out);
        match put(&mut sink, &out) {
            Ok(()) => Ended::Whole,
            Err(error) => failed(error),
        }
    }

    struct Ready {
        source: bool,
        last: bool,
    }

    fn await_one(
        source: impl AsFd,
        last: Option<Last<'_>>,
        wait: Option<Duration>,
    ) -> io::Result<Ready> {
        let wait = wait.map(|wait| Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        });
        let when = last.as_ref().map_or(source.as_fd(), |last| last.when);
        let mut both = [
            PollFd::new(&source, PollFlags::IN),
            PollFd::from_borrowed_fd(when, PollFlags::IN),
        ];
        loop {
            match poll(&mut both, wait.as_ref()) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let [source, when] = both.map(|one| !one.revents().is_empty());
        Ok(Ready {
            source,
            last: when && last.is_some(),
        })
    }

    /// Writes everything, also where the other side has made it a stream that does not wait.
    fn put(sink: &mut (impl Write + AsFd), mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match sink.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut one = [PollFd::new(sink, PollFlags::OUT)];
                    poll(&mut one, None).ok();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        sink.flush()
    }

    fn failed(error: io::Error) -> Ended {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Ended::NoReader,
            _ => Ended::Writing(error),
        }
    }

    fn is_passing(error: &io::Error) -> bool {
        matches!(
            error.kind(),
            io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
        )
    }

    /// However much comes, what a command leaves running is not waited for any longer.
    const MOST_GRACE: Duration = Duration::from_secs(2);
}

/// Passes on what comes from `source` until its end. Every piece is written at once.
#[cfg(not(unix))]
pub fn relay(mut source: impl Read, mut sink: impl Write, change: &mut impl Change) -> Ended {
    let mut buffer = Zeroizing::new(vec![0; PIECE]);
    let mut out = Zeroizing::new(Vec::with_capacity(PIECE * 2));
    loop {
        out.clear();
        let count = match source.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ended::Reading(error),
        };
        if count == 0 {
            change.finish(&mut out);
        } else {
            change.feed(buffer.get(..count).unwrap_or_default(), &mut out);
            // without a way to wait for a while, nothing is held back longer than need be
            change.idle(&mut out);
        }
        if let Err(error) = sink.write_all(&out).and_then(|()| sink.flush()) {
            return match error.kind() {
                io::ErrorKind::BrokenPipe => Ended::NoReader,
                _ => Ended::Writing(error),
            };
        }
        if count == 0 {
            return Ended::Whole;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::thread;

    /// Holds one byte back.
    #[derive(Default)]
    struct Late(Option<u8>);

    impl Change for Late {
        fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
            out.extend(self.0.take());
            out.extend_from_slice(&bytes[..bytes.len() - 1]);
            self.0 = bytes.last().copied();
        }

        fn waits(&self) -> bool {
            self.0.is_some()
        }

        fn idle(&mut self, out: &mut Vec<u8>) {
            out.extend(self.0.take());
        }

        fn finish(&mut self, out: &mut Vec<u8>) {
            out.extend(self.0.take());
        }
    }

    #[test]
    fn everything_comes_through_and_what_waits_after_a_moment() {
        let (source, mut writer) = io::pipe().unwrap();
        let (mut reader, sink) = io::pipe().unwrap();
        let relay = thread::spawn(move || relay(source, sink, &mut Late::default(), None));
        writer.write_all(b"prompt?").unwrap();
        let mut seen = [0; 7];
        // the pipe is open still
        reader.read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"prompt?");
        writer.write_all(b"end").unwrap();
        drop(writer);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"end");
        assert!(matches!(relay.join().unwrap(), Ended::Whole));
    }

    #[test]
    fn a_reader_that_leaves_ends_it() {
        let (source, mut writer) = io::pipe().unwrap();
        let (reader, sink) = io::pipe().unwrap();
        drop(reader);
        writer.write_all(b"abc").unwrap();
        let ended = relay(source, sink, &mut Late::default(), None);
        assert!(matches!(ended, Ended::NoReader));
        // the writer is told, too
        assert!(writer.write_all(b"abc").is_err());
    }

    #[test]
    fn what_is_there_when_the_end_is_announced_still_comes_through() {
        let (source, mut writer) = io::pipe().unwrap();
        let (mut reader, sink) = io::pipe().unwrap();
        let (when, announce) = io::pipe().unwrap();
        writer.write_all(&[b'x'; 10_000]).unwrap();
        drop(announce);
        let relay = thread::spawn(move || {
            let grace = Duration::from_millis(1);
            let last = Last {
                when: when.as_fd(),
                grace,
            };
            relay(source, sink, &mut Late::default(), Some(last))
        });
        let mut seen = Vec::new();
        reader.read_to_end(&mut seen).unwrap();
        assert_eq!(seen.len(), 10_000);
        assert!(matches!(relay.join().unwrap(), Ended::Whole));
        drop(writer);
    }
}
