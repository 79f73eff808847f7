//! Which servers are given a token.
//!
//! The address stands in the file and in the rules, which whoever opens a pull request writes. It
//! is believed if the environment or the user's own settings name the same server, or if the user
//! agrees at the terminal; the answer is remembered in those settings.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::address::Server;
use crate::keys::remote::{Reason, Refusal, Services};

/// What is known of servers in a run.
#[derive(Default)]
pub(super) struct Trust {
    named: OnceLock<Named>,
    /// What the user answered, by server.
    answers: Mutex<HashMap<Server, Result<(), Refusal>>>,
}

/// Whom the environment and the user's settings name.
#[derive(Default)]
struct Named {
    servers: Vec<Server>,
    /// Whether `SOPS_HC_VAULT_ALLOWLIST` forbids them all.
    none: bool,
    /// Why the settings could not be read, in one line.
    trouble: Option<String>,
}

impl Trust {
    /// Whether a server is believed without asking anybody, or the user has agreed already.
    pub(super) fn is_believed(&self, services: &Services, server: &Server) -> bool {
        if self.is_named(services, server) {
            return true;
        }
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(server).is_some_and(Result::is_ok)
    }

    /// Whether the environment or the user's settings name a server.
    pub(super) fn is_named(&self, services: &Services, server: &Server) -> bool {
        let named = self.named(services);
        !named.none && named.servers.contains(server)
    }

    /// Believes a server, or asks, once in a run. A refusal where it is not to be believed, or
    /// nobody can be asked.
    pub(super) fn ask(&self, services: &Services, server: &Server) -> Result<(), Refusal> {
        if self.is_named(services, server) {
            return Ok(());
        }
        let named = self.named(services);
        if named.none {
            let message = "SOPS_HC_VAULT_ALLOWLIST is `none`: no Vault server may be asked";
            return Err(Refusal::new(Reason::NotBelieved, message)
                .hint(format!("SOPS_HC_VAULT_ALLOWLIST={server} allows this one")));
        }
        // Held while the question stands: nobody is asked twice.
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get(server) {
            return answer.clone();
        }
        let answer = question(services, server);
        answers.insert(server.clone(), answer.clone());
        answer
    }

    /// Why the user's settings could not be read, if they could not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.named.get()?.trouble.clone()
    }

    fn named(&self, services: &Services) -> &Named {
        self.named.get_or_init(|| Named::read(services))
    }
}

impl Named {
    fn read(services: &Services) -> Self {
        let variable = |name| {
            let value = services.machine.variable(name)?;
            value.into_string().ok()
        };
        let mut named = Self::default();
        let mut add = |text: &str| named.servers.extend(Server::parse(text.trim()));
        for name in ["VAULT_ADDR", "BAO_ADDR"] {
            if let Some(address) = variable(name) {
                add(&address);
            }
        }
        // sops 3.13 takes `all`, its default, and the beginnings of addresses, too. Neither says
        // who is meant: whole addresses count here, and `all` names nobody.
        let list = variable("SOPS_HC_VAULT_ALLOWLIST").unwrap_or_default();
        list.split(',').for_each(&mut add);
        match services.believed.places() {
            Ok(places) => places.vault_addresses.iter().for_each(|text| add(text)),
            Err(why) => named.trouble = Some(why),
        }
        named.none = list.trim() == "none";
        named
    }
}

/// Asks whether a server is to be given the token.
fn question(services: &Services, server: &Server) -> Result<(), Refusal> {
    let shown = services.believed.shown();
    let not_believed = |message: &str| {
        Refusal::new(Reason::NotBelieved, message)
            .hint(format!(
                "if {server} is yours, add to {shown}: `[vault]` and below it `addresses = [\"{server}\"]`"
            ))
            .hint(format!("or set VAULT_ADDR={server}"))
    };
    if server.is_open() {
        return Err(not_believed(
            "it has no TLS, and nothing of yours names it: a token would be sent in clear",
        ));
    }
    let text = format!(
        "The address {server} comes from the repository. mvx would send your Vault token there. Is it yours?"
    );
    match services
        .prompt
        .confirm(&text, "yes, send it my token", Some("no"))
    {
        None => Err(not_believed(
            "only the repository names this server: it is given no token",
        )),
        Some(false) => Err(not_believed("you declined: it is given no token")),
        Some(true) => {
            let told = match services.believed.believe_vault(&server.to_string()) {
                Ok(path) => format!("{server} is remembered in {path}"),
                Err(why) => format!("{server} could not be remembered: {why}"),
            };
            services.prompt.message(&told);
            Ok(())
        }
    }
}
