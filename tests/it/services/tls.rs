//! TLS before servers on loopback, under the names of real services: `scripts/tls_proxy.py`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::address;
use crate::support::Run;

/// The proxy.
pub(crate) struct Proxy {
    /// `http://127.0.0.1:PORT`.
    address: String,
    /// The authority of its certificates.
    authority: String,
}

impl Proxy {
    /// `None`, with a printed reason, where it was not started; but never in CI.
    pub(crate) fn find() -> Option<Self> {
        Some(Self {
            address: address("MVX_TEST_PROXY")?,
            authority: address("MVX_TEST_CA")?,
        })
    }

    /// Whoever asks for `host` talks to the server at `http://127.0.0.1:PORT`.
    pub(crate) fn route(&self, host: &str, to: &str) {
        self.route_with(host, to, "sound");
    }

    /// The same with a certificate that is `expired`, for an`other` host, or `unsigned` by the authority.
    pub(crate) fn route_with(&self, host: &str, to: &str, certificate: &str) {
        let to = to.trim_start_matches("http://");
        self.ask(&format!(
            "POST /route?host={host}&to={to}&certificate={certificate}"
        ));
    }

    /// What the host was asked: `CONNECT` for each connection, and the first line of each request.
    pub(crate) fn seen(&self, host: &str) -> Vec<String> {
        serde_json::from_str(&self.ask(&format!("GET /seen?host={host}"))).unwrap()
    }

    /// The program takes this proxy, and believes its certificates.
    pub(crate) fn before(&self, run: Run) -> Run {
        self.unbelieved(run).env("SSL_CERT_FILE", &self.authority)
    }

    /// The program takes this proxy.
    pub(crate) fn unbelieved(&self, run: Run) -> Run {
        run.env("HTTPS_PROXY", &self.address)
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        let request = format!("{request} HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        body.to_owned()
    }
}
