//! Where a transit key is: `ADDRESS/v1/ENGINE/keys/NAME`, taken apart strictly. The text may come
//! from a file that a stranger wrote, and a token goes where it says.

use std::fmt;

use crate::io::http::is_this_machine;

/// A server: scheme, host and port, spelled in one way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    https: bool,
    host: String,
    port: u16,
}

/// A transit key of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TransitKey {
    /// Who is asked.
    pub(super) server: Server,
    /// The engine's path, which may have several parts: `team/transit`.
    pub(super) engine: String,
    /// The key's name.
    pub(super) name: String,
}

impl Server {
    /// Reads an address; what follows its host and port is not looked at. `None` if it is none, or
    /// has a user name in it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(Self::split(text)?.0)
    }

    /// An address, and the path that follows it, without its first slash.
    fn split(text: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = text.split_once("://")?;
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let usual = if https { 443 } else { 80 };
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (inner, port) = rest.split_once(']')?;
                let address: std::net::Ipv6Addr = inner.parse().ok()?;
                (format!("[{address}]"), port.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
                None => (authority.to_ascii_lowercase(), None),
            },
        };
        let port = match port {
            None | Some("") => usual,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port > 0)?
            }
            Some(_) => return None,
        };
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if host.is_empty() || !(host.starts_with('[') || host.bytes().all(name)) {
            return None;
        }
        Some((Self { https, host, port }, path))
    }

    /// Whether what is sent to it can be read on the way.
    pub(super) fn is_open(&self) -> bool {
        !self.https && !is_this_machine(&self.host)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.https {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

impl TransitKey {
    /// Reads the URL of a key. Doubled slashes count as one, as sops has it; `None` where a part
    /// could lead out of `/v1/ENGINE/` or is empty.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (server, path) = Server::split(text)?;
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let ["v1", engine @ .., "keys", name] = parts.as_slice() else {
            return None;
        };
        if engine.is_empty() || !engine.iter().chain([name]).all(|part| is_plain(part)) {
            return None;
        }
        Some(Self {
            server,
            engine: engine.join("/"),
            name: (*name).to_owned(),
        })
    }

    /// The path of one of the key's operations below `/v1/`: `transit/decrypt/NAME`.
    pub(super) fn path(&self, operation: &str) -> String {
        format!("{}/{operation}/{}", self.engine, self.name)
    }

    /// The URL of one of its operations.
    pub(super) fn url(&self, operation: &str) -> String {
        format!("{}/v1/{}", self.server, self.path(operation))
    }
}

/// Whether a part of a path stands for itself: RFC 3986's unreserved characters and those of
/// `sub-delims`, `:` and `@` that mean nothing in a path; no `%`, and no `.` or `..`.
fn is_plain(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$'()*+,;=:@".contains(&byte);
    part != "." && part != ".." && part.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_spelled_in_one_way() {
        for (text, expected) in [
            ("https://vault.example.com", "https://vault.example.com"),
            (
                "https://vault.example.com:443/",
                "https://vault.example.com",
            ),
            (
                "HTTPS://Vault.Example.COM:8200",
                "https://vault.example.com:8200",
            ),
            ("https://vault:08200/v1/transit", "https://vault:8200"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[0:0::1]:8200", "http://[::1]:8200"),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!(server.to_string(), expected);
            assert_eq!(Server::parse(expected), Some(server));
        }
        let apart = [
            "https://a:8200",
            "http://a:8200",
            "https://a:8201",
            "https://a.b:8200",
        ];
        for (at, one) in apart.iter().enumerate() {
            for other in apart.get(at + 1..).unwrap_or_default() {
                assert_ne!(Server::parse(one), Server::parse(other));
            }
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in [
            "",
            "vault.example.com",
            "ftp://vault",
            "https://",
            "https:///v1/transit/keys/k",
            "https://good@evil",
            "https://good:8200@evil/",
            "https://good%2eexample",
            "https://good\\@evil",
            "https://good evil",
            "https://good\n.evil",
            "https://gööd",
            "https://good:0",
            "https://good:99999",
            "https://good:+80",
            "https://good?x/",
            "https://good#x/",
            "https://[::1",
            "https://[evil]:1",
        ] {
            assert_eq!(Server::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        let open = |text| Server::parse(text).unwrap().is_open();
        for text in [
            "http://127.0.0.1",
            "http://[::1]:8200",
            "http://localhost:1",
            "https://a",
        ] {
            assert!(!open(text), "{text}");
        }
        for text in [
            "http://a",
            "http://127.0.0.1.example",
            "http://localhost.example",
        ] {
            assert!(open(text), "{text}");
        }
    }

    #[test]
    fn a_key_is_taken_apart() {
        for text in [
            "https://vault:8200/v1/team/transit/keys/k-1.x",
            "https://vault:8200//v1/team/transit/keys/k-1.x",
            "https://vault:8200/v1/team//transit//keys/k-1.x",
        ] {
            let key = TransitKey::parse(text).unwrap();
            assert_eq!(key.engine, "team/transit");
            assert_eq!(
                key.url("decrypt"),
                "https://vault:8200/v1/team/transit/decrypt/k-1.x"
            );
        }
        let key = TransitKey::parse("https://vault/v1/keys/keys/keys").unwrap();
        assert_eq!(key.path("encrypt"), "keys/encrypt/keys");
    }

    #[test]
    fn a_path_cannot_lead_elsewhere() {
        for path in [
            "",
            "v1/transit/keys/",
            "v1/keys/k",
            "v2/transit/keys/k",
            "x/v1/transit/keys/k",
            "v1/../sys/keys/k",
            "v1/transit/./keys/k",
            "v1/transit/keys/..",
            "v1/transit/keys/k/../x",
            "v1/transit/keys/k?x=1",
            "v1/transit/keys/k#x",
            "v1/transit%2f..%2f/keys/k",
            "v1/transit/keys/k\n",
            "v1/transit/keys/k k",
            "v1/tr\\ansit/keys/k",
            "v1/tränsit/keys/k",
            "v1/transit/encrypt/k",
        ] {
            let text = format!("https://vault/{path}");
            assert_eq!(TransitKey::parse(&text), None, "{path}");
        }
    }
}
