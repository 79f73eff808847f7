//! Several services are asked for one key.
//!
//! They are asked in order, but a service that does not answer at once holds nobody up: after a
//! moment the next one is asked beside it, and the first key that comes is taken. Who is still busy
//! then is left to itself. Nothing here asks a person: what takes one has more effort than a network.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::Explain;
use crate::keys::{Effort, KeyProvider, Unwrapped, Wrapped};

/// How long a service has to itself: several times what an answer takes from another continent.
const HEAD_START: Duration = Duration::from_millis(800);

/// One who may unwrap an entry.
pub(super) type Runner = (Wrapped, Arc<dyn KeyProvider>);

/// What came of it.
#[derive(Default)]
pub(super) struct Finish {
    /// The place, among the runners, of the one whose key came first, and the key.
    pub(super) opened: Option<(usize, Zeroizing<Vec<u8>>)>,
    /// The places of those that failed before, and why.
    pub(super) failures: Vec<(usize, Box<dyn Explain + Send + Sync>)>,
    /// The places of those that gave something of another length, and that length.
    pub(super) unsound: Vec<(usize, usize)>,
}

/// Asks all of them, until one gives a key of `length` bytes.
pub(super) fn race(runners: Vec<Runner>, length: usize) -> Finish {
    let mut finish = Finish::default();
    let (sender, receiver) = mpsc::channel();
    let mut waiting = runners.into_iter().enumerate();
    let mut running = 0;
    let mut start_another = true;
    loop {
        if start_another {
            if let Some((place, (entry, provider))) = waiting.next() {
                let sender = sender.clone();
                running += 1;
                // Not joined: who lost the race may be waiting for a host that never answers.
                thread::spawn(move || {
                    let answer = provider.unwrap(&entry, Effort::Network);
                    // Nobody listens any more where another one was faster.
                    drop(sender.send((place, answer)));
                });
            } else if running == 0 {
                return finish;
            }
        }
        match receiver.recv_timeout(HEAD_START) {
            Ok((place, answer)) => {
                running -= 1;
                match answer {
                    Unwrapped::Opened(key) if key.len() == length => {
                        finish.opened = Some((place, key));
                        return finish;
                    }
                    Unwrapped::Failed(error) => finish.failures.push((place, error)),
                    Unwrapped::Opened(key) => finish.unsound.push((place, key.len())),
                    Unwrapped::NotMine => {}
                }
                start_another = true;
            }
            // A thread that panicked sends nothing; while others run, they are waited for.
            Err(_) => start_another = waiting.len() > 0,
        }
    }
}
