//! Sending what is told, over HTTP: each message until it has arrived, or it is clear that it does not.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::destinations::Destination;
use crate::error::{Exit, Failure};
use crate::io::http::{Client, HttpError, Request, Response};
use crate::io::{clock, random};
use crate::ledger::id::Id;
use crate::ledger::notice::Notice;
use crate::ledger::webhook;

/// How patiently messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How often each message is tried at most.
    pub tries: u32,
    /// How long the first wait between two tries is at most; each one after it is twice as long. The
    /// second half of it is left to chance, so that many senders do not come back together.
    pub first_wait: Duration,
    /// The longest wait that a receiver may ask for.
    pub longest_wait: Duration,
    /// How long one message may take, waits included.
    pub message: Duration,
    /// How long all messages to one receiver may take.
    pub all: Duration,
}

impl Default for Pace {
    /// Five tries within 15 seconds, if they are answered at once.
    fn default() -> Self {
        Self {
            tries: 5,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            message: Duration::from_secs(90),
            all: Duration::from_mins(15),
        }
    }
}

/// A message that has arrived.
pub struct Sent {
    /// The status that the receiver answered with.
    pub status: u16,
    /// How often it was sent.
    pub tries: u32,
}

/// What became of the messages for one receiver.
#[derive(Default)]
pub struct Delivery {
    /// The first ones, which have arrived, in order.
    pub sent: Vec<Sent>,
    /// Why the others have not.
    pub failure: Option<Failure>,
}

/// Sends each receiver its messages, one after another; all receivers at once. `step` is called for each
/// message that has arrived, and `None` stands for what there is no receiver of.
pub(super) fn deliver(
    client: &Client,
    mail: &[Option<(&Destination, &[Notice])>],
    pace: Pace,
    step: &mut dyn FnMut(),
) -> Vec<Delivery> {
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let running: Vec<_> = mail
            .iter()
            .map(|one| {
                let tell = tell.clone();
                one.map(|(to, notices)| {
                    scope.spawn(move || in_turn(client, to, notices, pace, &tell))
                })
            })
            .collect();
        drop(tell);
        // Ends when all threads have.
        for () in told {
            step();
        }
        let ended = running.into_iter().map(|thread| match thread {
            Some(thread) => thread.join().unwrap_or_else(|_| Delivery {
                sent: Vec::new(),
                failure: Some(Failure::new(
                    Exit::BUG,
                    "bug",
                    "sending was stopped by a bug",
                )),
            }),
            None => Delivery::default(),
        });
        ended.collect()
    })
}

fn in_turn(
    client: &Client,
    to: &Destination,
    notices: &[Notice],
    pace: Pace,
    tell: &mpsc::Sender<()>,
) -> Delivery {
    let mut delivery = Delivery::default();
    let last = Instant::now() + pace.all;
    for notice in notices {
        let until = last.min(Instant::now() + pace.message);
        let sent = if Instant::now() < last {
            send(client, to, notice, pace, until)
        } else {
            let message = format!("{} took too long over the others", to.host);
            Err(Failure::new(Exit::NO, "not-delivered", message))
        };
        match sent {
            Ok((status, tries)) => {
                delivery.sent.push(Sent { status, tries });
                let _unheard = tell.send(());
            }
            // What comes later may follow from this one.
            Err(failure) => {
                delivery.failure = Some(failure);
                break;
            }
        }
    }
    delivery
}

/// Sends one message; the status that came back, and how often it was sent.
fn send(
    client: &Client,
    to: &Destination,
    notice: &Notice,
    pace: Pace,
    until: Instant,
) -> Result<(u16, u32), Failure> {
    let id = notice.id;
    let body = notice.to_json().to_string().into_bytes();
    let mut tries = 0;
    loop {
        tries += 1;
        let answer = client.send(&message(to, id, &body));
        let (why, asked) = match judge(answer, &to.host) {
            Judged::Arrived(status) => return Ok((status, tries)),
            Judged::Never(failure) => return Err(failure),
            Judged::Later(why, asked) => (why, asked),
        };
        let given_up = |more: &str| {
            let often = match tries {
                1 => "tried once".to_owned(),
                tries => format!("tried {tries} times"),
            };
            Failure::new(Exit::NO, "not-delivered", format!("{why} ({often}{more})"))
        };
        if tries >= pace.tries {
            return Err(given_up(""));
        }
        if asked.is_some_and(|asked| asked > pace.longest_wait) {
            return Err(given_up(
                "; it asks for a longer wait than mvx has time for",
            ));
        }
        let wait = wait(pace.first_wait, tries).max(asked.unwrap_or_default());
        if Instant::now() + wait > until {
            return Err(given_up("; there was no time for more"));
        }
        clock::pause(wait);
    }
}

/// One try: its time is the present one, its id stays.
fn message(to: &Destination, id: Id, body: &[u8]) -> Request {
    let (id, now) = (id.to_string(), clock::now().as_second());
    Request::new("POST", to.url.as_str())
        .header("content-type", "application/json")
        .header(webhook::ID, id.as_str())
        .header(webhook::TIMESTAMP, now.to_string())
        .header(webhook::SIGNATURE, to.keys.sign(&id, now, body))
        .body(body.to_vec())
}

enum Judged {
    Arrived(u16),
    /// Another try is of no use.
    Never(Failure),
    /// Another try may be; after this time, where the receiver asks for one.
    Later(String, Option<Duration>),
}

fn judge(answer: Result<Response, HttpError>, host: &str) -> Judged {
    let never = |code, message: String| Judged::Never(Failure::new(Exit::NO, code, message));
    let response = match answer {
        Ok(response) => response,
        Err(error) => {
            return match error {
                HttpError::UnknownHost { .. }
                | HttpError::Unreachable { .. }
                | HttpError::Timeout { .. }
                | HttpError::Cut { .. }
                | HttpError::Proxy { .. } => Judged::Later(error.to_string(), None),
                _ => never("not-delivered", error.to_string()),
            };
        }
    };
    let status = response.status;
    match status {
        200..300 => Judged::Arrived(status),
        300..400 => {
            let message = format!("{host} answers {status}, a redirect, which is not followed");
            let hint = "give the address to which it leads, if that is to be told";
            Judged::Never(Failure::new(Exit::NO, "redirect", message).hint(hint))
        }
        410 => never(
            "gone",
            format!("{host} answers {status}: nobody listens there any more"),
        ),
        // RFC 9110, RFC 8470 and RFC 6585: the same request may succeed later.
        408 | 425 | 429 | 500.. => {
            let asked = response.header("retry-after").and_then(asked_wait);
            Judged::Later(format!("{host} answers {status}"), asked)
        }
        _ => {
            let message = format!("{host} refuses it with {status}");
            let hint = "the receiver's own log says why; a wrong secret is a common cause";
            Judged::Never(Failure::new(Exit::NO, "refused", message).hint(hint))
        }
    }
}

/// The wait that a `Retry-After` header asks for: seconds, or a date (RFC 9110, 10.2.3).
fn asked_wait(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) if text.is_empty() => None,
            Err(_) => Some(Duration::MAX),
        };
    }
    let date: Timestamp = rfc2822::parse(text).ok()?.timestamp();
    let left = date.duration_since(clock::now());
    // A date that has passed asks for nothing.
    Some(Duration::try_from(left).unwrap_or_default())
}

/// How long to wait after so many tries: between a half and the whole of a time that doubles.
fn wait(first: Duration, tries: u32) -> Duration {
    let whole = first.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
    let mut chance = [0; 2];
    // Without randomness all wait for the whole time.
    let share = match random::fill(&mut chance) {
        Ok(()) => f64::from(u16::from_le_bytes(chance)) / f64::from(u16::MAX),
        Err(_) => 1.0,
    };
    whole.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
