//! Handing blobs out on all cores.

use std::cell::RefCell;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::store::{Reader, Type};
use super::{Base, From, Id, Kind, Objects, Piece, Problem, Walked};

/// How many blobs are worth a thread.
const WORTH_A_THREAD: usize = 16;

/// As many threads as there is ever something to do for.
const MOST_THREADS: usize = 16;

/// A blob to hand out.
pub(super) struct Wanted {
    /// The blob.
    pub(super) id: Id,
    /// Its path from the root; none for what a ref points to.
    pub(super) path: Option<PathBuf>,
    /// The commit that it comes with.
    pub(super) commit: Option<Id>,
    /// Its older versions.
    pub(super) bases: Vec<(From, Id)>,
}

impl Objects {
    /// Reads blobs and hands them out.
    pub(super) fn hand_out(
        &self,
        wanted: &[Wanted],
        visit: &(impl Fn(&Piece<'_>) + Sync),
    ) -> Walked {
        self.on_all_cores(wanted, |wanted, reader, walked| {
            let (id, path) = (wanted.id, wanted.path.as_deref());
            let bytes = match self.store.read(&id, reader) {
                Ok((Type::Blob, bytes)) => bytes,
                Ok(_) => return walked.problem(Some(id), path, Problem::Corrupt("no blob")),
                Err(problem) => return walked.problem(Some(id), path, problem),
            };
            // a base that cannot be read suppresses nothing
            let reader = RefCell::new(reader);
            let read = |id: &Id| {
                let (_, bytes) = self.store.read(id, &mut reader.borrow_mut()).ok()?;
                Some(bytes)
            };
            let bases: Vec<Base<'_>> = wanted
                .bases
                .iter()
                .map(|(from, id)| Base {
                    from: *from,
                    id: *id,
                    read: &read,
                })
                .collect();
            walked.pieces += 1;
            walked.bytes += bytes.len() as u64;
            visit(&Piece {
                id,
                kind: Kind::Blob,
                bytes: &bytes,
                ranges: None,
                path,
                commit: wanted.commit,
                bases: &bases,
            });
        })
    }

    /// Does something with each item, a thread a core if there are many.
    pub(super) fn on_all_cores<T: Sync>(
        &self,
        items: &[T],
        work: impl Fn(&T, &mut Reader, &mut Walked) + Sync,
    ) -> Walked {
        let next = AtomicUsize::new(0);
        let run = || {
            let mut walked = Walked::default();
            let mut reader = Reader::of_worker(self.limit);
            while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                work(item, &mut reader, &mut walked);
                reader.is_done();
            }
            walked
        };
        let threads = threads().min(items.len() / WORTH_A_THREAD);
        if threads < 2 {
            return run();
        }
        let mut walked = Walked::default();
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            for thread in running {
                match thread.join() {
                    Ok(part) => walked.add(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        walked
    }
}

/// How many threads there are to be.
pub(super) fn threads() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_THREADS)
}

/// Git's bytes as a path of this system.
#[cfg(unix)]
pub fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes)).to_owned()
}

/// Git's bytes as a path of this system.
#[cfg(not(unix))]
pub fn path_of(bytes: &[u8]) -> PathBuf {
    Path::new(&*String::from_utf8_lossy(bytes)).to_owned()
}
