//! Where those are told whom the rules name: the environment or the user's own settings say it, and
//! nothing in the repository does.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::settings::{Hidden, Settings, Told};
use crate::error::{At as _, Exit, Failure};
use crate::io::env::NOTIFY;
use crate::io::http::{Request, is_safe};
use crate::ledger::webhook::SigningKeys;
use crate::rules::{Notify, Rules};

/// Where somebody is told, and with what it is signed.
pub struct Destination {
    /// The host, with its port where it has one: all of the address that is ever shown.
    pub host: String,
    pub(super) url: Zeroizing<String>,
    pub(super) keys: SigningKeys,
}

/// What this machine knows of destinations; read once.
pub(super) struct Known {
    settings: Settings,
    place: String,
}

impl App<'_> {
    /// Who is told of what, by these rules. Two whose addresses would stand in the same variable are an
    /// error.
    pub(super) fn notifies<'r>(&self, rules: &'r Rules) -> Result<&'r [Notify], Failure> {
        let mut variables: BTreeMap<String, &str> = BTreeMap::new();
        for notify in rules.notify() {
            let variable = variable(&notify.name, "URL");
            if let Some(other) = variables.get(&variable) {
                let name = &notify.name;
                let message =
                    format!("[notify.{other}] and [notify.{name}] would both be {variable}");
                return Err(Failure::new(Exit::RULES, "rules", message)
                    .at(format!("{}:{}", self.shown(rules), notify.line))
                    .hint("give one of them another name"));
            }
            variables.insert(variable, &notify.name);
        }
        Ok(rules.notify())
    }

    /// Reads what this machine knows of destinations.
    pub(super) fn known_destinations(&self) -> Result<Known, Failure> {
        let path = Settings::path(self.environment)?;
        let settings = Settings::read_at(&path)?;
        let place = path.display().to_string();
        let holds = |told: &Told| told.url.is_some() || told.secret.is_some();
        if settings.shared && settings.notify.values().any(holds) {
            self.warn(
                format!("{place}: others on this machine can read it, and it holds a secret"),
                [format!("`chmod 600 {place}`")],
            );
        }
        Ok(Known { settings, place })
    }

    /// Where somebody is told. What is missing or wrong is said, with what to do.
    pub(super) fn destination(&self, known: &Known, name: &str) -> Result<Destination, Failure> {
        let own = known.settings.notify.get(name);
        let address = self.setting(known, name, "URL", own.and_then(|own| own.url.as_ref()))?;
        let secret = self.setting(
            known,
            name,
            "SECRET",
            own.and_then(|own| own.secret.as_ref()),
        )?;
        let wrong = |setting: &Setting, error: &dyn std::fmt::Display| {
            let message = format!("`{name}` cannot be told: {error}");
            Failure::new(Exit::NO, "bad-destination", message).at(&setting.place)
        };
        is_safe(&address.text).map_err(|error| {
            wrong(&address, &error)
                .hint("an address is like https://hooks.example.com/mvx, without a user name")
        })?;
        let keys = SigningKeys::parse(&secret.text).map_err(|error| {
            wrong(&secret, &error).hint(
                "the receiver says what it is: `whsec_` and base64, or 24 bytes of text and more",
            )
        })?;
        Ok(Destination {
            host: Request::new("POST", address.text.as_str()).host(),
            url: address.text,
            keys,
        })
    }

    fn setting(
        &self,
        known: &Known,
        name: &str,
        what: &'static str,
        own: Option<&Hidden>,
    ) -> Result<Setting, Failure> {
        let variable = variable(name, what);
        if let Some(value) = self.environment.notify(&variable) {
            let text = value
                .to_str()
                .ok_or_else(|| Failure::new(Exit::NO, "bad-destination", "it is not UTF-8 text"));
            return Ok(Setting {
                text: Zeroizing::new(text.at(&variable)?.trim().to_owned()),
                place: variable,
            });
        }
        if let Some(own) = own {
            return Ok(Setting {
                text: Zeroizing::new(own.expose().trim().to_owned()),
                place: known.place.clone(),
            });
        }
        let (missing, field) = match what {
            "URL" => ("address", "url"),
            _ => ("secret to sign with", "secret"),
        };
        let message = format!("`{name}` has no {missing}");
        let place = &known.place;
        Err(
            Failure::new(Exit::NO, "no-destination", message).hint(format!(
                "set {variable}, or `{field}` under [notify.{name}] in {place}"
            )),
        )
    }
}

/// What was set, and where.
struct Setting {
    text: Zeroizing<String>,
    place: String,
}

/// The variable of a name: `MVX_NOTIFY_DEPLOY_BOT_URL`.
fn variable(name: &str, what: &str) -> String {
    let sound = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(sound).collect();
    format!("{NOTIFY}{name}_{what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_variable_that_every_shell_takes() {
        assert_eq!(variable("deploy-bot", "URL"), "MVX_NOTIFY_DEPLOY_BOT_URL");
        assert_eq!(variable("é.2\n", "SECRET"), "MVX_NOTIFY___2__SECRET");
    }
}
