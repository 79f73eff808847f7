//! The token, and the namespace: from variables and the file of `vault login`, never from a
//! repository.

use zeroize::Zeroizing;

use super::address::Server;
use super::answer::LOG_IN;
use crate::io::IoError;
use crate::keys::remote::{Reason, Refusal, Services};

/// A token, fit for a header.
pub(super) struct Token {
    /// Its text.
    pub(super) text: Zeroizing<String>,
    /// Where it comes from: a variable's name, or a path.
    pub(super) source: String,
}

/// Where `vault login` and `bao login` leave the token, below the home directory.
const FILE: &str = ".vault-token";

impl Token {
    /// The token for a server: `VAULT_TOKEN`, `BAO_TOKEN`, the file. For the server of `BAO_ADDR`
    /// the two variables change places.
    pub(super) fn find(services: &Services, server: &Server) -> Result<Self, Refusal> {
        let machine = &services.machine;
        let bao = machine.variable("BAO_ADDR");
        let bao = bao.and_then(|address| Server::parse(address.to_str()?.trim()));
        let names = if bao.as_ref() == Some(server) {
            ["BAO_TOKEN", "VAULT_TOKEN"]
        } else {
            ["VAULT_TOKEN", "BAO_TOKEN"]
        };
        for name in names {
            if let Some(value) = machine.variable(name) {
                let text = Zeroizing::new(value.into_string().unwrap_or_default());
                return Self::new(&text, name.to_owned());
            }
        }
        let none = || {
            Refusal::new(Reason::NoCredentials, "there is no token for it here")
                .hint("`vault login` or `bao login` leaves one, or VAULT_TOKEN holds it")
        };
        let path = machine.home().ok_or_else(none)?.join(FILE);
        let shown = path.display();
        match machine.read(&path) {
            Ok(file) => {
                let text = file.text.as_str().unwrap_or("\0");
                Self::new(text, shown.to_string())
            }
            Err(IoError::NotFound { .. }) => Err(none()),
            Err(error) => Err(Refusal::new(Reason::NoCredentials, error.to_string())),
        }
    }

    fn new(text: &str, source: String) -> Result<Self, Refusal> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("what {source} holds is no token");
            return Err(Refusal::new(Reason::BadCredentials, message).hint(LOG_IN));
        }
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            source,
        })
    }
}

/// The namespace that requests go to, where one is named.
pub(super) fn namespace(services: &Services) -> Result<Option<String>, Refusal> {
    for name in ["VAULT_NAMESPACE", "BAO_NAMESPACE"] {
        let Some(value) = services.machine.variable(name) else {
            continue;
        };
        let text = value.into_string().unwrap_or_default();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("{name} holds no namespace");
            return Err(Refusal::new(Reason::BadCredentials, message));
        }
        return Ok(Some(text));
    }
    Ok(None)
}
