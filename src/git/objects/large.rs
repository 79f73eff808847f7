//! Large objects, which are held in memory one at a time, however many threads there are.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The size in bytes beyond which an object waits for its turn.
const LARGE: u64 = 32 << 20;

/// The largest buffer that is kept for the next object, in bytes.
pub(super) const LARGEST_KEPT: usize = 24 << 20;

static TURN: Mutex<()> = Mutex::new(());

/// Whether a thread may hold large objects.
#[derive(Default)]
pub(super) struct Turn {
    /// Whoever starts threads and waits for them must not wait for a turn, nor keep one.
    waits: bool,
    held: Option<MutexGuard<'static, ()>>,
}

impl Turn {
    /// Of a thread that does one object after the other, and starts none.
    pub(super) fn of_worker() -> Self {
        Self {
            waits: true,
            held: None,
        }
    }

    /// Waits, before memory for an object of this size is taken, until no other thread has a large
    /// one.
    pub(super) fn wait_for(&mut self, size: u64) {
        if self.waits && size > LARGE && self.held.is_none() {
            self.held = Some(TURN.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The object, and all that was read for it, is gone.
    pub(super) fn end(&mut self) {
        self.held = None;
    }
}

/// Empties a buffer that is too large to be kept.
pub(super) fn trim(buffer: &mut Vec<u8>) {
    if buffer.capacity() > LARGEST_KEPT {
        *buffer = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;
    use crate::git::objects::store::Reader;
    use crate::git::objects::testing::Repo;
    use crate::git::objects::{Id, Objects};
    use crate::io::env::Environment;

    /// The most memory that this process ever had, in bytes.
    #[cfg(target_os = "linux")]
    fn peak() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kilobytes.parse::<u64>().unwrap() << 10
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_large_object_is_held_once() {
        const SIZE: usize = 96 << 20;
        let repo = Repo::new();
        {
            repo.stage("large", vec![b'a'; SIZE]);
        }
        let id: Id = repo.git(&["rev-parse", ":large"]).parse().unwrap();
        // making it has taken as much as reading it may
        let before = peak();
        for pack in [&["status", "-s"][..], &["repack", "-adq"]] {
            repo.git(pack);
            let environment = Environment::of::<&str>([]);
            let objects = Objects::open(&repo.at(""), &environment, 1 << 30).unwrap();
            let mut reader = Reader::of_worker(1 << 30);
            let (_, bytes) = objects.store.read(&id, &mut reader).unwrap();
            assert_eq!(bytes.len(), SIZE);
            let more = peak() - before;
            assert!(more < SIZE as u64 / 2, "{} MB more", more >> 20);
        }
    }

    #[test]
    fn large_objects_are_held_one_at_a_time() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut turn = Turn::of_worker();
                    for _ in 0..50 {
                        turn.wait_for(LARGE + 1);
                        turn.wait_for(LARGE + 2);
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        turn.end();
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
        // small ones, and whoever starts the threads, never wait
        let mut other = Turn::of_worker();
        other.wait_for(LARGE + 1);
        Turn::of_worker().wait_for(LARGE);
        Turn::default().wait_for(LARGE + 1);
    }
}
