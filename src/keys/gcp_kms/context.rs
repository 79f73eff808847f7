//! What the library of Google's credentials may ask of the machine.
//!
//! It is asynchronous; everything that it asks for here is done when it asks, so that its futures are
//! ready at once and need no runtime.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll, Waker};

use bytes::Bytes;
use reqsign_core::{Context, Env, Error, FileRead, HttpSend};

use crate::io::env::VARIABLES;
use crate::io::http::{HttpError, Request, Response, is_this_machine};
use crate::keys::gcp_kms::refusal;
use crate::keys::remote::{Refusal, Services};

/// The machine as the library sees it.
#[derive(Clone)]
pub(super) struct Bridge {
    services: Arc<Services>,
    /// What the credentials are called in messages.
    source: Arc<str>,
    /// The last thing that went wrong; the library's own errors may hold what was answered.
    trouble: Arc<Mutex<Option<Refusal>>>,
}

/// A file that takes programs to be run is not for us: the gate for it stays shut.
const EXECUTABLES: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";

/// Where Google's, Amazon's and Azure's machines tell about themselves.
const METADATA_HOSTS: [&str; 3] = [
    "169.254.169.254",
    "[fd00:ec2::254]",
    "metadata.google.internal",
];

impl Bridge {
    /// For credentials that messages call `source`.
    pub(super) fn new(services: &Arc<Services>, source: &str) -> Self {
        Self {
            services: Arc::clone(services),
            source: source.into(),
            trouble: Arc::default(),
        }
    }

    /// The context that the library takes.
    pub(super) fn context(&self) -> Context {
        Context::new()
            .with_env(self.clone())
            .with_file_read(self.clone())
            .with_http_send(self.clone())
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

    fn send(&self, request: http::Request<Bytes>) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        let method = match parts.method {
            http::Method::GET => "GET",
            http::Method::POST => "POST",
            http::Method::PUT => "PUT",
            _ => return Err(HttpError::Malformed.into()),
        };
        let host = parts.uri.host().unwrap_or_default();
        let direct = METADATA_HOSTS.contains(&host) || is_this_machine(host);
        let mut request = Request::new(method, parts.uri.to_string()).body(body.to_vec());
        request.direct = direct;
        for (name, value) in &parts.headers {
            let value = value.to_str().map_err(|_| HttpError::Malformed)?;
            request = request.header(name.as_str(), value);
        }
        let response = self.services.send(&request)?;
        if !response.is_success() {
            self.note(refusal::login(&self.source, &response));
        }
        Ok(response)
    }
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").finish_non_exhaustive()
    }
}

impl Env for Bridge {
    fn var(&self, key: &str) -> Option<String> {
        if key == EXECUTABLES {
            return None;
        }
        let (name, _) = VARIABLES.iter().find(|(name, _)| *name == key)?;
        self.services.machine.variable(name)?.into_string().ok()
    }

    fn vars(&self) -> HashMap<String, String> {
        let names = VARIABLES.iter().map(|(name, _)| *name);
        let found = names.filter_map(|name| Some((name.to_owned(), self.var(name)?)));
        found.collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        self.services.machine.home()
    }
}

impl FileRead for Bridge {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let file = self.services.machine.read(Path::new(path));
        let file = file.map_err(|error| Error::config_invalid(error.to_string()))?;
        Ok(file.text.as_bytes().to_vec())
    }
}

impl HttpSend for Bridge {
    async fn http_send(
        &self,
        request: http::Request<Bytes>,
    ) -> reqsign_core::Result<http::Response<Bytes>> {
        let response = self.send(request).map_err(|refusal| {
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

/// What a future comes to that never waits; `None` for one that does.
pub(super) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = task::Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
