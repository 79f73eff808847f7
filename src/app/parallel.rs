//! The same work for many files, on all cores.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::{cell, thread};

use crate::app::{App, Note};
use crate::keys::remote::MOST_CALLS;

/// As many as there is ever something to do for: files are small, and the disk is one.
const MOST_THREADS: usize = 16;

impl App<'_> {
    /// Runs `work` once for each item; the answers are in the order of the items. `done` is told,
    /// on this thread, when one more is finished.
    ///
    /// The first item is worked on here alone: what has to be asked is asked then, and known to
    /// the threads.
    pub(super) fn for_each<I: Sync, T: Send>(
        &self,
        items: &[I],
        work: impl Fn(&App<'_>, &I) -> T + Sync,
        mut done: impl FnMut(),
    ) -> Vec<T> {
        let Some((first, others)) = items.split_first() else {
            return Vec::new();
        };
        let mut answers = vec![work(self, first)];
        done();
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        // Who waits for a service needs no core.
        let services = self.keyring.get().is_some_and(|keyring| keyring.asked());
        let threads = if services { MOST_CALLS } else { cores };
        answers.extend(self.spread(others, threads, work, done));
        answers
    }

    /// Runs `work` once for each item on this many threads at most; the answers are in the order of
    /// the items.
    pub(super) fn spread<I: Sync, T: Send>(
        &self,
        items: &[I],
        threads: usize,
        work: impl Fn(&App<'_>, &I) -> T + Sync,
        mut done: impl FnMut(),
    ) -> Vec<T> {
        let mut answers: Vec<Option<T>> = items.iter().map(|_| None).collect();
        let workers: Vec<App<'_>> = (0..threads.min(items.len()).min(MOST_THREADS))
            .map(|_| self.fork())
            .collect();
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        let notes: Vec<Vec<Note>> = thread::scope(|scope| {
            let running: Vec<_> = workers
                .into_iter()
                .map(|worker| {
                    let (sender, next, work) = (sender.clone(), &next, &work);
                    scope.spawn(move || {
                        loop {
                            let at = next.fetch_add(1, Ordering::Relaxed);
                            let Some(item) = items.get(at) else { break };
                            if sender.send((at, work(&worker, item))).is_err() {
                                break;
                            }
                        }
                        worker.notes.take()
                    })
                })
                .collect();
            drop(sender);
            for (at, answer) in receiver {
                if let Some(place) = answers.get_mut(at) {
                    *place = Some(answer);
                }
                done();
            }
            let end = |thread: thread::ScopedJoinHandle<'_, _>| match thread.join() {
                Ok(notes) => notes,
                // A bug is told as one, on this thread.
                Err(panic) => std::panic::resume_unwind(panic),
            };
            running.into_iter().map(end).collect()
        });
        // In an order that is the same in every run.
        let mut notes: Vec<Note> = notes.into_iter().flatten().collect();
        notes.sort_by_cached_key(|note| match note {
            Note::Said(text) | Note::Warned(text, _) | Note::Detail(_, text) => text.clone(),
        });
        for note in notes {
            self.leave(note);
        }
        answers.into_iter().flatten().collect()
    }

    /// A run for another thread: the same machine and the same identities.
    fn fork(&self) -> Self {
        // Made here, so that all share them.
        self.keyring();
        Self {
            environment: self.environment,
            directory: self.directory,
            machine: Arc::clone(&self.machine),
            prompt: Arc::clone(&self.prompt),
            keyring: self.keyring.clone(),
            order: self.order.clone(),
            offline: self.offline,
            known_keys: self.known_keys.clone(),
            upcoming: cell::RefCell::default(),
            rules: self.rules.fork(),
            ledger_events: self.ledger_events.clone(),
            record: self.record.clone(),
            notes: cell::RefCell::default(),
            taken: cell::Cell::new(0),
            verbose: self.verbose,
        }
    }
}
