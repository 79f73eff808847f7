//! What all services have in common that are asked over a network: who asks, how often, what is
//! remembered, and how a refusal is told.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::{Exit, Explain};
use crate::io::http::{HttpError, Request, Response};
use crate::io::random;
use crate::keys::believed::Believed;
use crate::keys::machine::Machine;
use crate::keys::once::Once;
use crate::keys::prompt::Prompt;
use crate::keys::{Unwrapped, Wrapped, printable};
use crate::secret::Cleartext;

/// How many requests of a run are under way at once.
pub const MOST_CALLS: usize = 16;

/// How often one request is made before its failure counts.
const MOST_TRIES: u32 = 3;

/// The shortest and the longest wait before another try; between them it doubles, and half of it is
/// left to chance, so that a hundred jobs that were refused together do not come back together.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The most characters that a service's own words take in a message.
const MOST_SAID: usize = 160;

/// What the providers that ask services share.
pub struct Services {
    /// The machine.
    pub machine: Arc<dyn Machine>,
    /// The person.
    pub prompt: Arc<dyn Prompt>,
    /// The user's own configuration.
    pub believed: Arc<dyn Believed>,
    calls: Calls,
    asked: AtomicBool,
    /// Hosts that could not be reached: a run does not wait for each of a hundred files.
    down: Mutex<HashMap<String, HttpError>>,
    /// Hosts that were busy through all tries: what comes next is tried once.
    busy: Mutex<HashSet<String>>,
}

impl Services {
    /// Nothing is read or reached yet.
    pub fn new(
        machine: Arc<dyn Machine>,
        prompt: Arc<dyn Prompt>,
        believed: Arc<dyn Believed>,
    ) -> Self {
        Self {
            machine,
            prompt,
            believed,
            calls: Calls::default(),
            asked: AtomicBool::new(false),
            down: Mutex::default(),
            busy: Mutex::default(),
        }
    }

    /// Sends a request, again after 429, 5xx or a timeout, and never after anything else. A host
    /// that could not be reached is not asked again in this run.
    pub fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.send_unless(request, |response| {
            response.status == 429 || (500..600).contains(&response.status)
        })
    }

    /// As [`Self::send`], for a service that says "slow down" with another status.
    pub fn send_unless(
        &self,
        request: &Request,
        is_busy: impl Fn(&Response) -> bool,
    ) -> Result<Response, HttpError> {
        self.asked.store(true, Ordering::Relaxed);
        let host = request.host();
        let mut tries = 0;
        loop {
            if let Some(error) = self.known_down(&host) {
                return Err(error);
            }
            let answer = {
                let _turn = self.calls.begin();
                self.machine.send(request)
            };
            tries += 1;
            let (again, after) = match &answer {
                Ok(response) => (is_busy(response), retry_after(response)),
                // A connection that was cut says nothing about the next one, and every request
                // here may be made twice.
                Err(error) => {
                    let passing =
                        matches!(error, HttpError::Timeout { .. } | HttpError::Cut { .. });
                    (passing, None)
                }
            };
            let was_busy = || {
                let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
                busy.contains(&host)
            };
            if !again || tries == MOST_TRIES || was_busy() {
                if again {
                    let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
                    busy.insert(host.clone());
                }
                if let Err(error) = &answer
                    && error.is_of_the_network()
                    && !matches!(error, HttpError::Cut { .. })
                {
                    let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
                    down.insert(host, error.clone());
                }
                return answer.map(|response| {
                    if response.is_success() {
                        response
                    } else {
                        without_what_was_sent(request, response)
                    }
                });
            }
            self.machine.pause(after.unwrap_or_else(|| wait(tries)));
        }
    }

    /// Whether anything was sent in this run.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn known_down(&self, host: &str) -> Option<HttpError> {
        let down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        down.get(host).cloned()
    }
}

/// A refusal in which nothing is left of what was sent: a service, or a gateway before it, may repeat
/// a token or a key in its complaint, and messages are made of complaints.
fn without_what_was_sent(request: &Request, response: Response) -> Response {
    const SECRET_HEADERS: [&str; 4] = ["authorization", "token", "secret", "identity"];
    let headers = request.headers.iter().filter(|(name, _)| {
        let name = name.to_ascii_lowercase();
        SECRET_HEADERS.iter().any(|part| name.contains(part))
    });
    let words = headers.flat_map(|(_, value)| value.split([' ', ',', '=', ';']));
    let words = words.filter(|word| {
        let is_name = [
            "Signature",
            "SignedHeaders",
            "Credential",
            "AWS4-HMAC-SHA256",
        ];
        word.len() >= 8 && !is_name.contains(word)
    });
    let body = std::str::from_utf8(&request.body).unwrap_or_default();
    let fields = body.split(['"', '&', '=', '\n']);
    // Names of fields are words, and say nothing.
    let is_word = |byte: u8| byte.is_ascii_alphabetic() || b"_-.:/ {},[]".contains(&byte);
    let fields = fields.filter(|field| field.len() >= 8 && !field.bytes().all(is_word));
    let mut text = Zeroizing::new(response.body.as_bytes().to_vec());
    for word in words.chain(fields) {
        let word = word.trim_end_matches('=').as_bytes();
        while let Some(at) = memchr::memmem::find(&text, word) {
            text.splice(at..at + word.len(), "…".bytes());
        }
    }
    Response {
        body: Cleartext::new(std::mem::take(&mut *text)),
        ..response
    }
}

/// How long a service asks to be left alone, in whole seconds (RFC 9110, 10.2.3), at most
/// [`LONGEST_WAIT`].
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.header("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// How long is waited before the next try, the `tries`th having failed.
fn wait(tries: u32) -> Duration {
    let mut byte = [0; 1];
    let chance = match random::fill(&mut byte) {
        Ok(()) => f64::from(byte[0]) / 255.0,
        Err(_) => 1.0,
    };
    let whole = FIRST_WAIT * 2_u32.saturating_pow(tries.saturating_sub(1));
    whole.min(LONGEST_WAIT).mul_f64(0.5 + chance / 2.0)
}

/// Counts the requests that are under way.
#[derive(Default)]
struct Calls {
    count: Mutex<usize>,
    ended: Condvar,
}

struct Turn<'a>(&'a Calls);

impl Calls {
    /// Waits until there is room for one more.
    fn begin(&self) -> Turn<'_> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count >= MOST_CALLS {
            count = self
                .ended
                .wait(count)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *count += 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut count = self.0.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        drop(count);
        self.0.ended.notify_one();
    }
}

/// What entries were unwrapped to in this run: each is asked for once, also by several threads at
/// the same time. By a hash of the whole entry.
#[derive(Default)]
pub struct Memory(Once<Zeroizing<Vec<u8>>, [u8; 32]>);

impl Memory {
    /// The entry's key as it is remembered, else as `unwrap` finds it.
    pub fn unwrap(
        &self,
        entry: &Wrapped,
        unwrap: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, Refusal>,
    ) -> Unwrapped {
        match self.0.value(&name(entry), unwrap) {
            Ok(key) => Unwrapped::Opened(key),
            Err(refusal) => Unwrapped::Failed(Box::new(refusal)),
        }
    }
}

fn name(entry: &Wrapped) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    };
    add(entry.kind.field());
    add(&entry.recipient);
    add(&entry.enc);
    for text in [&entry.extras.role, &entry.extras.profile] {
        add(text.as_deref().unwrap_or_default());
    }
    for (name, value) in &entry.extras.context {
        add(name);
        add(value);
    }
    hash.finalize().into()
}

/// Why a service did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Who asks may not.
    Denied,
    /// The key is switched off, or about to be deleted.
    Disabled,
    /// There is no such key.
    NoKey,
    /// The encryption context, the key or the ciphertext is not the one that was wrapped.
    Mismatch,
    /// The session or token has expired.
    Expired,
    /// This machine has no credentials for the service.
    NoCredentials,
    /// The credentials are not accepted.
    BadCredentials,
    /// There is no way to the service.
    Network,
    /// The service is too busy, after several tries.
    Busy,
    /// The service answered with what cannot be understood.
    Garbage,
    /// The place is not one that may be given a token or a key.
    NotBelieved,
    /// The recipient is malformed.
    Malformed,
}

/// A service's refusal, in one line and without a byte of what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of refusal it is.
    pub reason: Reason,
    /// The line, without the recipient's name: `access denied (kms:Decrypt)`.
    pub message: String,
    /// What would help, a line each.
    pub hints: Vec<String>,
}

impl Refusal {
    /// A refusal without advice.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Adds a line of advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl Explain for Refusal {
    fn exit(&self) -> Exit {
        match self.reason {
            Reason::Malformed | Reason::NotBelieved => Exit::RULES,
            _ => Exit::IO,
        }
    }

    fn code(&self) -> &'static str {
        match self.reason {
            Reason::Denied => "service-denied",
            Reason::Disabled => "key-disabled",
            Reason::NoKey => "no-such-key",
            Reason::Mismatch => "service-mismatch",
            Reason::Expired => "session-expired",
            Reason::NoCredentials => "no-credentials",
            Reason::BadCredentials => "bad-credentials",
            Reason::Network => "no-network",
            Reason::Busy => "service-busy",
            Reason::Garbage => "service-garbage",
            Reason::NotBelieved => "not-believed",
            Reason::Malformed => "bad-recipient",
        }
    }

    fn hints(&self) -> Vec<String> {
        self.hints.clone()
    }
}

impl From<HttpError> for Refusal {
    fn from(error: HttpError) -> Self {
        let refusal = |reason| Self::new(reason, error.to_string());
        match &error {
            HttpError::Malformed => refusal(Reason::Malformed),
            HttpError::Garbage { .. } | HttpError::TooLong { .. } => refusal(Reason::Garbage),
            HttpError::Certificate { .. } | HttpError::Authorities { .. } => {
                refusal(Reason::Network).hint(
                    "SSL_CERT_FILE names a file of certificate authorities, if your network has its own",
                )
            }
            HttpError::Proxy { .. } => {
                refusal(Reason::Network).hint("look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY")
            }
            _ => refusal(Reason::Network)
                .hint("look at your network; HTTPS_PROXY names a proxy where one is needed"),
        }
    }
}

/// A service's own words, fit for a line: printable, cut, and without what looks like a token or a
/// key.
pub fn said(text: &str) -> String {
    let line: String = text.chars().filter(|c| printable(*c)).collect();
    let words: Vec<&str> = line
        .split_whitespace()
        .map(|word| if is_opaque(word) { "…" } else { word })
        .collect();
    let line = words.join(" ");
    if line.chars().count() <= MOST_SAID {
        return line;
    }
    let cut: String = line.chars().take(MOST_SAID).collect();
    format!("{cut}…")
}

/// A service's own words behind a message of ours: `: WORDS`, or nothing where there are none.
pub(super) fn quoted(words: &str) -> String {
    let words = said(words);
    if words.is_empty() {
        words
    } else {
        format!(": {words}")
    }
}

/// Whether a word could be a token, a key or a ciphertext: a piece of it is long and of base64's
/// letters alone, or of some length and of all their kinds. Names of resources are words, or have
/// colons between their parts.
fn is_opaque(word: &str) -> bool {
    let of_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=_-.~".contains(c);
    word.split(|c| !of_base64(c)).any(|piece| {
        let has = |is: fn(&u8) -> bool| piece.bytes().any(|byte| is(&byte));
        let of_all_kinds =
            has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
        let run = piece.split(['-', '/', '.']).map(str::len).max();
        (piece.len() >= 16 && of_all_kinds) || run >= Some(32)
    })
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
