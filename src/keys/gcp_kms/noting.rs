//! The network as the library of Google's credentials sees it, and what went wrong on it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reqsign_core::{Context, Error, HttpSend};

use crate::io::http::Response;
use crate::keys::gcp_kms::refusal;
use crate::keys::remote::{Refusal, Services};
use crate::keys::signing;

/// The network, with a note of what went wrong last: the library's own errors do not tell, or tell
/// whole answers.
#[derive(Clone)]
pub(super) struct Noting {
    services: Arc<Services>,
    /// What the credentials are called in messages.
    source: Arc<str>,
    trouble: Arc<Mutex<Option<Refusal>>>,
}

impl Noting {
    /// For credentials that messages call `source`.
    pub(super) fn new(services: &Arc<Services>, source: &str) -> Self {
        Self {
            services: Arc::clone(services),
            source: source.into(),
            trouble: Arc::default(),
        }
    }

    /// What the library takes.
    pub(super) fn context(&self) -> Context {
        signing::context(&self.services).with_http_send(self.clone())
    }

    /// What went wrong on the way, if anything did.
    pub(super) fn trouble(&self) -> Option<Refusal> {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.take()
    }

    fn note(&self, refusal: Refusal) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = Some(refusal);
    }

    fn send(&self, request: &http::Request<Bytes>) -> Result<Response, Refusal> {
        let request = signing::ours(request);
        let response = self.services.send(&request)?;
        if !response.is_success() {
            self.note(refusal::login(&self.source, &response));
        }
        Ok(response)
    }
}

impl fmt::Debug for Noting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this machine's network")
    }
}

impl HttpSend for Noting {
    async fn http_send(
        &self,
        request: http::Request<Bytes>,
    ) -> reqsign_core::Result<http::Response<Bytes>> {
        let response = self.send(&request).map_err(|refusal| {
            self.note(refusal);
            Error::unexpected("there is no answer")
        })?;
        let mut builder = http::Response::builder().status(response.status);
        for (name, value) in &response.headers {
            builder = builder.header(name, value);
        }
        let body = Bytes::copy_from_slice(response.body.as_bytes());
        Ok(builder.body(body)?)
    }
}
