//! Several services are asked for one key.
//!
//! They are asked in order, but a service that does not answer at once holds nobody up: after a
//! moment the next one is asked beside it, and the first key that comes is taken. Who is still busy
//! then is left to itself. Nothing here asks a person: what takes one has more effort than a network.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
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
    // Given up with the last start, so that the channel ends when all threads have, however they do.
    let mut sender = Some(sender);
    let mut waiting = runners.into_iter().enumerate();
    let mut start_another = true;
    loop {
        if start_another {
            if let (Some((place, (entry, provider))), Some(sender)) = (waiting.next(), &sender) {
                let sender = sender.clone();
                // Not joined: who lost the race may be waiting for a host that never answers.
                thread::spawn(move || {
                    let answer = provider.unwrap(&entry, Effort::Network);
                    // Nobody listens any more where another one was faster.
                    drop(sender.send((place, answer)));
                });
            }
            if waiting.len() == 0 {
                sender = None;
            }
        }
        match receiver.recv_timeout(HEAD_START) {
            Ok((place, answer)) => {
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
            Err(RecvTimeoutError::Timeout) => start_another = true,
            Err(RecvTimeoutError::Disconnected) => return finish,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;
    use crate::keys::remote::{Reason, Refusal};
    use crate::keys::{Kind, Report, Target, WrapError};

    /// Answers as an entry's text says: `MILLISECONDS LENGTH`, `MILLISECONDS fails` or
    /// `MILLISECONDS strange`.
    #[derive(Default)]
    struct Fake {
        asked: Mutex<Vec<String>>,
    }

    impl KeyProvider for Fake {
        fn kind(&self) -> Kind {
            Kind::Vault
        }

        fn wrap(&self, target: &Target, _key: &[u8]) -> Result<Wrapped, WrapError> {
            Ok(target.wrapped(String::new()))
        }

        fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped {
            assert_eq!(effort, Effort::Network);
            self.asked.lock().unwrap().push(entry.recipient.clone());
            let (time, what) = entry.enc.split_once(' ').unwrap();
            thread::sleep(Duration::from_millis(time.parse().unwrap()));
            match what {
                "fails" => Unwrapped::Failed(Box::new(Refusal::new(Reason::Denied, "denied"))),
                "strange" => Unwrapped::NotMine,
                length => Unwrapped::Opened(vec![7; length.parse().unwrap()].into()),
            }
        }

        fn report(&self) -> Report {
            Report::default()
        }
    }

    fn run(texts: &[&str]) -> (Finish, Vec<String>) {
        let fake = Arc::new(Fake::default());
        let runners = texts.iter().enumerate().map(|(place, text)| {
            let target = Target::new(Kind::Vault, place.to_string());
            let provider = Arc::clone(&fake) as Arc<dyn KeyProvider>;
            (target.wrapped((*text).to_owned()), provider)
        });
        let finish = race(runners.collect(), 32);
        let asked = fake.asked.lock().unwrap().clone();
        (finish, asked)
    }

    #[test]
    fn the_first_that_answers_at_once_is_the_only_one_asked() {
        let (finish, asked) = run(&["0 32", "0 32"]);
        assert_eq!(finish.opened.unwrap().0, 0);
        assert_eq!(asked, ["0"]);
    }

    #[test]
    fn a_refusal_lets_the_next_one_begin_at_once_and_is_told() {
        let began = Instant::now();
        let (finish, asked) = run(&["0 fails", "0 strange", "0 33", "0 32", "0 32"]);
        assert!(began.elapsed() < HEAD_START);
        assert_eq!(finish.opened.unwrap().0, 3);
        assert_eq!(finish.failures[0].0, 0);
        assert_eq!(finish.unsound, [(2, 33)]);
        assert_eq!(asked, ["0", "1", "2", "3"]);
    }

    #[test]
    fn one_that_hangs_holds_nobody_up() {
        let began = Instant::now();
        let (finish, asked) = run(&["60000 32", "0 32"]);
        assert!(began.elapsed() < Duration::from_secs(30));
        assert_eq!(finish.opened.unwrap().0, 1);
        assert_eq!(asked.len(), 2);
    }

    #[test]
    fn where_none_opens_all_are_told() {
        let (finish, asked) = run(&["0 fails", "5 fails"]);
        assert!(finish.opened.is_none());
        assert_eq!(finish.failures.len(), 2);
        assert_eq!(asked.len(), 2);
        assert!(race(Vec::new(), 32).opened.is_none());
    }
}
