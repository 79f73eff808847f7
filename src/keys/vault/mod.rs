//! Transit keys of Vault and of `OpenBao`, its open fork: the server wraps and unwraps, and the key
//! never leaves it.
//!
//! Source: the API reference of the transit engine, `POST /v1/ENGINE/encrypt|decrypt|rewrap/NAME`;
//! what sops stores is SOPS-FORMAT 1.9. The token is sent to servers alone that `trust.rs`
//! believes.

mod address;
mod answer;
mod token;
mod trust;

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use self::address::{Server, TransitKey};
use self::answer::Operation;
use self::token::Token;
use self::trust::Trust;
use crate::io::http::{HttpError, Request, Response};
use crate::keys::outlook::Outlook;
use crate::keys::remote::{Memory, Reason, Refusal, Services};
use crate::keys::{Effort, Held, KeyProvider, Kind, Report, Target, Unwrapped, WrapError, Wrapped};

/// What every wrapped key begins with: then the key's version, a colon and base64.
const PREFIX: &str = "vault:v";

/// The longest wrapped key that is sent, in bytes: RSA-4096 takes less than a thousand.
const MOST_ENC: usize = 16 << 10;

/// The servers of Vault and `OpenBao`.
pub struct VaultKeys {
    services: Arc<Services>,
    trust: Trust,
    memory: Memory,
    /// Where the tokens came from that were used.
    sources: Mutex<Vec<String>>,
}

impl VaultKeys {
    /// Looks at nothing yet.
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            trust: Trust::default(),
            memory: Memory::default(),
            sources: Mutex::default(),
        }
    }

    /// The entry wrapped with the newest version of its key; the server alone sees the data key.
    /// `None` where it is wrapped with that one already. A person may be asked about the server.
    pub fn rewrap(&self, entry: &Wrapped) -> Result<Option<Wrapped>, Refusal> {
        let key = read(&entry.recipient)?;
        let old = version(&entry.enc)?;
        let token = self.token(&key.server)?;
        self.trust.ask(&self.services, &key.server)?;
        let enc = self.ask(&key, &token, Operation::Rewrap, &entry.enc)?;
        let new = version(&enc)?;
        if new == old {
            return Ok(None);
        }
        Ok(Some(Wrapped {
            enc: enc.to_string(),
            ..entry.clone()
        }))
    }

    fn open(&self, entry: &Wrapped, key: &TransitKey) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        version(&entry.enc)?;
        let token = self.token(&key.server)?;
        let text = self.ask(key, &token, Operation::Decrypt, &entry.enc)?;
        let bytes = STANDARD.decode(text.as_bytes()).map(Zeroizing::new);
        bytes.map_err(|_| Refusal::new(Reason::Garbage, "what the server unwrapped is no base64"))
    }

    fn seal(&self, target: &Target, secret: &[u8]) -> Result<Wrapped, Refusal> {
        let key = read(&target.recipient)?;
        let token = self.token(&key.server)?;
        self.trust.ask(&self.services, &key.server)?;
        let text = Zeroizing::new(STANDARD.encode(secret));
        let enc = self.ask(&key, &token, Operation::Encrypt, &text)?;
        version(&enc)?;
        Ok(target.wrapped(enc.to_string()))
    }

    fn token(&self, server: &Server) -> Result<Token, Refusal> {
        let token = Token::find(&self.services, server)?;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if !sources.contains(&token.source) {
            sources.push(token.source.clone());
        }
        Ok(token)
    }

    /// Asks for one operation of a key. The server is believed.
    fn ask(
        &self,
        key: &TransitKey,
        token: &Token,
        operation: Operation,
        text: &str,
    ) -> Result<Zeroizing<String>, Refusal> {
        let (field, _) = operation.fields();
        // neither base64 nor `vault:v1:…` has a character that JSON escapes
        let body = Zeroizing::new(format!("{{\"{field}\":\"{text}\"}}"));
        let mut request = Request::new("POST", key.url(operation.path()))
            .header("X-Vault-Token", token.text.as_str())
            .header("X-Vault-Request", "true")
            .header("Content-Type", "application/json")
            .body(body.as_bytes().to_vec());
        if let Some(namespace) = token::namespace(&self.services)? {
            request = request.header("X-Vault-Namespace", namespace);
        }
        let response = self.send(&request)?;
        if response.is_success() {
            answer::field(&response, operation)
        } else {
            Err(answer::refusal(&response, operation, key))
        }
    }

    fn send(&self, request: &Request) -> Result<Response, Refusal> {
        let answer = self.services.send_unless(request, answer::is_busy);
        answer.map_err(|error| {
            let of_tls = matches!(error, HttpError::Certificate { .. });
            let mut refusal = Refusal::from(error);
            if of_tls {
                refusal.hints.insert(
                    0,
                    "VAULT_CACERT names the file of the authority that signed your server's certificate".to_owned(),
                );
                let skips = ["VAULT_SKIP_VERIFY", "BAO_SKIP_VERIFY"];
                let skips = skips.into_iter().find(|name| self.services.machine.variable(name).is_some());
                if let Some(name) = skips {
                    refusal = refusal.hint(format!(
                        "{name} is not honoured: whoever sits in between would get the token"
                    ));
                }
            }
            refusal
        })
    }
}

impl KeyProvider for VaultKeys {
    fn kind(&self) -> Kind {
        Kind::Vault
    }

    fn wrap(&self, target: &Target, key: &[u8]) -> Result<Wrapped, WrapError> {
        self.seal(target, key).map_err(WrapError::new)
    }

    fn unwrap(&self, entry: &Wrapped, effort: Effort) -> Unwrapped {
        if !matches!(effort, Effort::Network | Effort::Device) {
            return Unwrapped::NotMine;
        }
        let at_network = effort == Effort::Network;
        let key = match read(&entry.recipient) {
            Ok(key) => key,
            Err(refusal) if at_network => return Unwrapped::Failed(Box::new(refusal)),
            Err(_) => return Unwrapped::NotMine,
        };
        let its_turn = if at_network {
            self.trust.is_believed(&self.services, &key.server)
        } else {
            // the others were asked before
            !self.trust.is_named(&self.services, &key.server)
        };
        if !its_turn {
            return Unwrapped::NotMine;
        }
        self.memory.unwrap(entry, || {
            // without a token there is nothing to ask a person about
            self.token(&key.server)?;
            self.trust.ask(&self.services, &key.server)?;
            self.open(entry, &key)
        })
    }

    fn outlook(&self, entry: &Wrapped) -> Outlook {
        let key = match read(&entry.recipient) {
            Ok(key) => key,
            Err(refusal) => return Outlook::none(refusal.to_string()),
        };
        let mut outlook = Outlook::at(
            &key.server.to_string(),
            self.services.machine.as_ref(),
            &["VAULT_TOKEN", "BAO_TOKEN"],
            &[".vault-token"],
        );
        if !self.trust.is_named(&self.services, &key.server) {
            let message =
                "neither VAULT_ADDR nor your own configuration names it, so that it gets no token";
            outlook.trouble = Some(message.to_owned());
        }
        outlook
    }

    fn report(&self) -> Report {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let held = sources.iter().map(|source| Held {
            source: source.clone(),
            kind: "Vault token".to_owned(),
            recipient: None,
            protected: false,
        });
        Report {
            held: held.collect(),
            troubles: self.trust.trouble().into_iter().collect(),
            notes: Vec::new(),
        }
    }
}

fn read(recipient: &str) -> Result<TransitKey, Refusal> {
    TransitKey::parse(recipient).ok_or_else(|| {
        let message = "it is not the address of a transit key";
        Refusal::new(Reason::Malformed, message)
            .hint("such an address looks like https://vault.example.com:8200/v1/transit/keys/NAME")
    })
}

/// The key's version in a wrapped key. An error where it is none: nothing else is sent to a server,
/// and nothing else is taken from it.
fn version(enc: &str) -> Result<u32, Refusal> {
    let parts = enc.strip_prefix(PREFIX).filter(|_| enc.len() <= MOST_ENC);
    let parts = parts.and_then(|rest| rest.split_once(':'));
    let sound = parts.filter(|(_, text)| {
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        !text.is_empty() && text.bytes().all(base64)
    });
    let number = sound.and_then(|(number, _)| number.parse().ok());
    number.ok_or_else(|| Refusal::new(Reason::Garbage, "the wrapped key is not one of Vault's"))
}

#[cfg(test)]
mod tests;
