//! Access tokens for an `Authorization: Bearer` header (RFC 6750), kept for a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

use crate::io::http::{HttpError, Request, Response};
use crate::keys::once::Once;
use crate::keys::remote::{Reason, Refusal};

/// A token.
#[derive(Clone)]
pub(super) struct Token(Arc<Inner>);

struct Inner {
    text: Zeroizing<String>,
    /// Goes with the token as a header of its own: who is charged.
    project: Option<String>,
    accepted: AtomicBool,
}

impl Token {
    /// Takes over a token, if it could be one: visible ASCII alone.
    pub(super) fn new(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::new(
                Reason::Garbage,
                "what came as a token is none",
            ));
        }
        Ok(Self(Arc::new(Inner {
            text: Zeroizing::new(text.to_owned()),
            project: None,
            accepted: AtomicBool::new(false),
        })))
    }

    /// The token, with the Google project that is charged for what is done with it.
    pub(super) fn charged_to(self, project: Option<String>) -> Self {
        Self(Arc::new(Inner {
            text: self.0.text.clone(),
            project,
            accepted: AtomicBool::new(false),
        }))
    }

    /// The request with this token.
    pub(super) fn on(&self, request: Request) -> Request {
        let request = match &self.0.project {
            Some(project) => request.header("x-goog-user-project", project.as_str()),
            None => request,
        };
        request.header("authorization", ["Bearer ", &self.0.text].concat())
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The tokens of a run, by name.
#[derive(Default)]
pub(super) struct Tokens(Once<Token>);

impl Tokens {
    /// Sends a request with the token `name`, which `find` gets where there is none yet, and once more
    /// with a new one if the old one was good before: then it has expired.
    pub(super) fn send(
        &self,
        name: &str,
        find: impl Fn() -> Result<Token, Refusal>,
        send: impl Fn(&Token) -> Result<Response, HttpError>,
    ) -> Result<Response, Refusal> {
        let token = self.0.value(name, &find)?;
        let response = send(&token)?;
        if response.status != 401 {
            token.0.accepted.store(true, Ordering::Relaxed);
            return Ok(response);
        }
        if !token.0.accepted.load(Ordering::Relaxed) {
            return Ok(response);
        }
        self.0.forget(name, |known| known.is(&token));
        let token = self.0.value(name, find)?;
        Ok(send(&token)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_stand_in_a_header_is_no_token() {
        for text in ["", "a b", "a\r\nX: y", "é", "\u{7f}"] {
            assert!(Token::new(text).is_err(), "{text:?}");
        }
        let request = Token::new("a.b-c~d/e+f=").unwrap();
        let request = request.on(Request::new("GET", "https://x"));
        assert_eq!(request.headers[0].1.as_str(), "Bearer a.b-c~d/e+f=");
        assert_eq!(request.headers.len(), 1);
    }
}
