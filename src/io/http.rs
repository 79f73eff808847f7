//! Requests over HTTP, one at a time: no redirects, no retries, no runtime.
//!
//! Certificates are checked against the system's own authorities, or those of `SSL_CERT_FILE` and
//! `SSL_CERT_DIR`, as Go's programs do, and those of `VAULT_CACERT` beside them. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are honoured;
//! requests to this machine never take a proxy. Nothing here logs, and no error holds a header, a
//! body, or more of a URL than its host.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::header::{HeaderName, HeaderValue};
use ureq::http::{Method, Request as Message, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Proxy};
use zeroize::Zeroizing;

use crate::io::env::Environment;
use crate::secret::Cleartext;

/// The longest answer that is read, in bytes.
pub const MOST_BYTES: usize = 1 << 20;

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a whole request may take unless it says something else.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked of a server.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// Where: `https://…`, or `http://…` for what the environment names.
    pub url: String,
    /// Names and values; a value may be a token.
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// What is sent, nothing for a `GET`.
    pub body: Zeroizing<Vec<u8>>,
    /// How long it may take as a whole.
    pub timeout: Duration,
    /// Whether it goes past every proxy: a machine's metadata service is nobody else's business.
    pub direct: bool,
}

/// What a server answered.
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Cleartext,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The URL or a header is none.
    #[error("the address or a header of the request is malformed")]
    Malformed,
    /// The name is not known.
    #[error("the host {host} is not known")]
    UnknownHost {
        /// The host.
        host: String,
    },
    /// There is no connection.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// The host.
        host: String,
        /// The system's reason.
        why: String,
    },
    /// It took too long.
    #[error("{host} did not answer within {seconds} s")]
    Timeout {
        /// The host.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// The server cannot prove that it is who it should be.
    #[error("the certificate of {host} is not accepted: {why}")]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        why: String,
    },
    /// TLS failed for another reason.
    #[error("no TLS connection to {host}: {why}")]
    Tls {
        /// The host.
        host: String,
        /// What went wrong.
        why: String,
    },
    /// The connection ended in the middle.
    #[error("{host} ended the connection before it had answered")]
    Cut {
        /// The host.
        host: String,
    },
    /// What came is no HTTP.
    #[error("{host} answered with something that is no HTTP")]
    Garbage {
        /// The host.
        host: String,
    },
    /// What came is too long.
    #[error("{host} answered with more than {MOST_BYTES} bytes")]
    TooLong {
        /// The host.
        host: String,
    },
    /// The proxy that the environment names does not work.
    #[error("the proxy of HTTPS_PROXY or HTTP_PROXY refused or failed: {why}")]
    Proxy {
        /// What went wrong.
        why: String,
    },
    /// The authorities that the environment names cannot be had.
    #[error("no certificate authorities: {why}")]
    Authorities {
        /// What went wrong.
        why: String,
    },
}

impl HttpError {
    /// Whether the network is what failed, so that asking the same host again is of no use for now.
    pub fn is_of_the_network(&self) -> bool {
        !matches!(
            self,
            Self::Malformed | Self::Garbage { .. } | Self::TooLong { .. }
        )
    }
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &'static str, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: Zeroizing::default(),
            timeout: TOTAL_TIMEOUT,
            direct: false,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = Zeroizing::new(value.into());
        self.headers.push((name.to_owned(), value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        self.body = body.into();
        self
    }

    /// The host it goes to, with its port where the URL names one: what messages show.
    pub fn host(&self) -> String {
        let uri: Option<Uri> = self.url.parse().ok();
        let authority = uri.as_ref().and_then(Uri::authority);
        authority.map_or_else(String::new, |authority| {
            let text = authority.as_str();
            let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
            host.to_owned()
        })
    }
}

impl Response {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// Whether the status says that all is well.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl fmt::Debug for Request {
    /// Nothing that could be a token or a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.method, self.host())
    }
}

/// Sends requests, and keeps connections for the next ones. For several threads at once.
pub struct Client {
    https: Agent,
    http: Agent,
    direct: Agent,
    /// Why there can be no TLS.
    no_tls: Option<HttpError>,
    /// In the place of [`TOTAL_TIMEOUT`], for a slow line.
    timeout: Duration,
}

impl Client {
    /// Reads the certificate authorities and the proxies' addresses, and connects to nothing.
    pub fn new(environment: &Environment) -> Result<Self, HttpError> {
        let (roots, no_tls) = match authorities(environment) {
            Ok(roots) => (roots, None),
            Err(error) => (RootCerts::new_with_certs(&[]), Some(error)),
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = |proxy: Option<Proxy>| {
            let config: Config = Agent::config_builder()
                .tls_config(tls.clone())
                .proxy(proxy)
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .max_idle_connections(32)
                .max_idle_connections_per_host(16)
                .user_agent(concat!("mvx/", env!("CARGO_PKG_VERSION")))
                .build();
            config.new_agent()
        };
        let first = |names: [&'static str; 2]| {
            let mut values = names.into_iter().filter_map(|name| environment.get(name));
            values
                .next()
                .map(|value| value.to_string_lossy().into_owned())
        };
        let no_proxy = first(["NO_PROXY", "no_proxy"]);
        let proxy = |names: [&'static str; 2]| {
            let named = first(names);
            named
                .map(|url| proxy(&url, no_proxy.as_deref()))
                .transpose()
        };
        Ok(Self {
            https: agent(proxy(["HTTPS_PROXY", "https_proxy"])?),
            http: agent(proxy(["HTTP_PROXY", "http_proxy"])?),
            direct: agent(None),
            no_tls,
            timeout: timeout(environment),
        })
    }

    /// Sends one request and waits for the whole answer, whatever its status.
    pub fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let host = request.host();
        let timeout = match request.timeout {
            TOTAL_TIMEOUT => self.timeout,
            own => own,
        };
        let fail = |error: &ureq::Error| describe(error, &host, timeout);
        let uri: Uri = request.url.parse().map_err(|_| HttpError::Malformed)?;
        if let (Some("https"), Some(error)) = (uri.scheme_str(), &self.no_tls) {
            return Err(error.clone());
        }
        let agent = match uri.scheme_str() {
            _ if request.direct || uri.host().is_some_and(is_this_machine) => &self.direct,
            Some("https") => &self.https,
            Some("http") => &self.http,
            _ => return Err(HttpError::Malformed),
        };
        let method = Method::from_bytes(request.method.as_bytes());
        let mut builder = Message::builder()
            .method(method.map_err(|_| HttpError::Malformed)?)
            .uri(uri);
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let mut value = HeaderValue::from_str(value).map_err(|_| HttpError::Malformed)?;
            value.set_sensitive(true);
            builder = builder.header(name.map_err(|_| HttpError::Malformed)?, value);
        }
        let body: &[u8] = &request.body;
        let message = builder.body(body).map_err(|_| HttpError::Malformed)?;
        let message = agent
            .configure_request(message)
            .timeout_global(Some(timeout))
            .build();
        let answer = if request.method == "GET" {
            let (parts, _) = message.into_parts();
            agent.run(Message::from_parts(parts, ()))
        } else {
            agent.run(message)
        };
        let (parts, body) = answer.map_err(|error| fail(&error))?.into_parts();
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 << 16));
        body.into_reader()
            .take(MOST_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| read_failure(error, &host, timeout))?;
        if bytes.len() > MOST_BYTES {
            return Err(HttpError::TooLong { host });
        }
        let headers = parts.headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        Ok(Response {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: Cleartext::new(std::mem::take(&mut *bytes)),
        })
    }
}

/// What `MVX_TIMEOUT` says, from a second to ten minutes.
fn timeout(environment: &Environment) -> Duration {
    let named = environment.get("MVX_TIMEOUT").and_then(OsStr::to_str);
    let seconds = named.and_then(|text| text.trim().parse().ok());
    let seconds = seconds.filter(|seconds| (1..=600).contains(seconds));
    seconds.map_or(TOTAL_TIMEOUT, Duration::from_secs)
}

/// Whether a host is this machine itself.
pub fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Why nothing is sent to a URL. Nothing of it is shown: path and query often are secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeUrl {
    /// It is no URL with a host.
    #[error("it is no https address")]
    Malformed,
    /// It has a user name or a password in it.
    #[error("it has a user name or a password in it")]
    Credentials,
    /// What is sent can be read and changed on the way.
    #[error("it is plain http, which is for this machine itself alone: https is needed")]
    InClear,
}

/// Whether what matters may be sent to a URL: over HTTPS, or to this machine itself.
pub fn is_safe(url: &str) -> Result<(), UnsafeUrl> {
    let uri: Uri = url.parse().map_err(|_| UnsafeUrl::Malformed)?;
    let authority = uri.authority().ok_or(UnsafeUrl::Malformed)?;
    if authority.as_str().contains('@') {
        return Err(UnsafeUrl::Credentials);
    }
    match uri.scheme_str() {
        _ if authority.host().is_empty() => Err(UnsafeUrl::Malformed),
        Some("https") => Ok(()),
        Some("http") if is_this_machine(authority.host()) => Ok(()),
        Some("http") => Err(UnsafeUrl::InClear),
        _ => Err(UnsafeUrl::Malformed),
    }
}

/// The authorities whose certificates are believed: the system's, and those of Vault's variables,
/// which its own programs read.
fn authorities(environment: &Environment) -> Result<RootCerts, HttpError> {
    let mut found = rustls_native_certs::load_native_certs();
    let first =
        |names: [&'static str; 2]| names.into_iter().find_map(|name| environment.path(name));
    let file = first(["VAULT_CACERT", "BAO_CACERT"]);
    let directory = first(["VAULT_CAPATH", "BAO_CAPATH"]);
    if file.is_some() || directory.is_some() {
        let more = rustls_native_certs::load_certs_from_paths(file, directory);
        found.certs.extend(more.certs);
    }
    if found.certs.is_empty() {
        let why = found.errors.first().map_or_else(
            || "this system has none; SSL_CERT_FILE names a file of them".to_owned(),
            ToString::to_string,
        );
        return Err(HttpError::Authorities { why });
    }
    let certificates = found.certs.iter();
    let certificates =
        certificates.map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned());
    Ok(RootCerts::from(certificates.collect::<Vec<_>>()))
}

/// The proxy of a variable, with the exceptions of `NO_PROXY`.
fn proxy(url: &str, no_proxy: Option<&str>) -> Result<Proxy, HttpError> {
    let wrong = |_| HttpError::Proxy {
        why: "its address is malformed".to_owned(),
    };
    let read = Proxy::new(url).map_err(wrong)?;
    let mut builder = Proxy::builder(read.protocol())
        .host(read.host())
        .port(read.port());
    if let Some(name) = read.username() {
        builder = builder.username(name);
    }
    if let Some(word) = read.password() {
        builder = builder.password(word);
    }
    for exception in no_proxy.unwrap_or_default().split(',') {
        builder = builder.no_proxy(exception.trim());
    }
    builder.build().map_err(wrong)
}

fn describe(error: &ureq::Error, host: &str, timeout: Duration) -> HttpError {
    let host = host.to_owned();
    match error {
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            HttpError::Timeout {
                host,
                seconds: CONNECT_TIMEOUT.min(timeout).as_secs(),
            }
        }
        ureq::Error::Timeout(_) => HttpError::Timeout {
            host,
            seconds: timeout.as_secs(),
        },
        ureq::Error::HostNotFound => HttpError::UnknownHost { host },
        ureq::Error::ConnectionFailed => HttpError::Unreachable {
            host,
            why: "no connection".to_owned(),
        },
        ureq::Error::InvalidProxyUrl => HttpError::Proxy {
            why: "its address is malformed".to_owned(),
        },
        ureq::Error::ConnectProxyFailed(_) => HttpError::Proxy {
            why: format!("it made no connection to {host}"),
        },
        ureq::Error::Io(error) => of_io(error, host, timeout),
        ureq::Error::Rustls(error) => of_tls(error, host),
        ureq::Error::Tls(why) => HttpError::Tls {
            host,
            why: (*why).to_owned(),
        },
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => HttpError::Malformed,
        ureq::Error::LargeResponseHeader(..) | ureq::Error::Protocol(_) => {
            HttpError::Garbage { host }
        }
        _ => HttpError::Cut { host },
    }
}

fn read_failure(error: io::Error, host: &str, timeout: Duration) -> HttpError {
    // ureq's own errors come through `Read` inside of the standard library's.
    describe(&ureq::Error::from(error), host, timeout)
}

fn of_io(error: &io::Error, host: String, timeout: Duration) -> HttpError {
    if let Some(tls) = cause::<rustls::Error>(error) {
        return of_tls(tls, host);
    }
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => HttpError::Timeout {
            host,
            seconds: timeout.as_secs(),
        },
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => HttpError::Cut { host },
        // The standard library has no kind for it.
        _ if error.to_string().contains("failed to lookup address") => {
            HttpError::UnknownHost { host }
        }
        _ => HttpError::Unreachable {
            host,
            why: error.kind().to_string(),
        },
    }
}

fn of_tls(error: &rustls::Error, host: String) -> HttpError {
    match error {
        rustls::Error::InvalidCertificate(fault) => HttpError::Certificate {
            why: certificate_fault(fault).to_owned(),
            host,
        },
        rustls::Error::InvalidMessage(_) => HttpError::Tls {
            host,
            why: "what it answers is no TLS".to_owned(),
        },
        _ => HttpError::Tls {
            host,
            why: "the two sides do not agree".to_owned(),
        },
    }
}

fn certificate_fault(fault: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as Fault;
    match fault {
        Fault::Expired | Fault::ExpiredContext { .. } => "it has expired",
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => "it is not valid yet",
        Fault::Revoked => "it was revoked",
        Fault::UnknownIssuer => "no authority that this system believes has signed it",
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            "it was made for another name"
        }
        _ => "it is malformed or signed wrongly",
    }
}

/// The first cause of this type.
fn cause<T: Error + 'static>(error: &io::Error) -> Option<&T> {
    let mut next: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| {
        let inner: &(dyn Error + 'static) = inner;
        inner
    });
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
