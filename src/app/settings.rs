//! The user's own settings, `~/.config/mvx/config.toml`: what no repository may decide. Read
//! strictly: an unknown field is an error with its line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use zeroize::Zeroizing;

use crate::error::{At as _, Exit, Failure};
use crate::io::env::Environment;
use crate::io::{IoError, file};

/// What the user says.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[access_log]`.
    #[serde(default)]
    pub access_log: AccessLog,
    /// `[aws]`.
    #[serde(default)]
    pub aws: Endpoint,
    /// `[gcp]`.
    #[serde(default)]
    pub gcp: Endpoint,
    /// `[notify.NAME]`, by name.
    #[serde(default)]
    pub notify: BTreeMap<String, Told>,
    /// `[vault]`.
    #[serde(default)]
    pub vault: Vault,
    /// Whether others can read them.
    #[serde(skip)]
    pub shared: bool,
}

/// Where somebody is told of what happens in the ledger, whom the rules name.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The address. Whoever knows it may be able to use it.
    pub url: Option<Hidden>,
    /// What is sent there is signed with it.
    pub secret: Option<Hidden>,
}

/// A text that is never shown.
#[derive(Default, PartialEq, Eq)]
pub struct Hidden(Zeroizing<String>);

/// Where a cloud's key service is asked.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// An address in place of the service's own.
    pub endpoint: Option<String>,
}

/// Vault servers.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// Those that are given this user's token, such as `https://vault.example.com:8200`.
    #[serde(default)]
    pub addresses: Vec<String>,
}

/// Where the access log goes beside its file in the state directory.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// A file of its own; an absolute path.
    pub file: Option<PathBuf>,
    /// The system's log.
    #[serde(default)]
    pub syslog: bool,
}

impl Hidden {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer) {
            Ok(toml::Value::String(text)) => Ok(Self(Zeroizing::new(text))),
            // serde's own message has the value in it
            _ => Err(D::Error::custom("this is no text in quotes")),
        }
    }
}

impl Settings {
    /// Reads the settings; nothing is set where there is no file.
    pub fn read(environment: &Environment) -> Result<Self, Failure> {
        Self::read_at(&Self::path(environment)?)
    }

    /// The longest settings that are read, in bytes.
    pub(super) const MOST: usize = 1 << 20;

    /// Where they stand.
    pub(super) fn path(environment: &Environment) -> Result<PathBuf, IoError> {
        Ok(environment.config_directory()?.join("config.toml"))
    }

    pub(super) fn read_at(path: &Path) -> Result<Self, Failure> {
        let contents = match file::read_with_access(path, Self::MOST) {
            Ok(contents) => contents,
            Err(IoError::NotFound { .. }) => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        let text = contents
            .bytes
            .as_str()
            .ok_or_else(|| IoError::NotText { path: path.into() })?;
        Ok(Self {
            shared: contents.shared,
            ..Self::parse(text).at(path.display())?
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let settings: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |text| text.matches('\n').count() + 1);
            wrong(format!("line {line}: {}", error.message()))
        })?;
        if let Some(path) = &settings.access_log.file
            && !path.is_absolute()
        {
            return Err(wrong("`file` of [access_log] is no absolute path".into()));
        }
        let addresses = settings.vault.addresses.iter();
        let places = addresses
            .chain(&settings.aws.endpoint)
            .chain(&settings.gcp.endpoint);
        for place in places {
            if !place.starts_with("https://") && !place.starts_with("http://") {
                return Err(wrong(format!("`{place}` is no https address")));
            }
        }
        Ok(settings)
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(Exit::RULES, "settings", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_strictly() {
        let settings = Settings::parse("[access_log]\nfile = \"/var/log/x\"\nsyslog = true\n");
        let settings = settings.ok().unwrap().access_log;
        assert_eq!(settings.file, Some("/var/log/x".into()));
        assert!(settings.syslog);
        assert_eq!(Settings::parse("").ok().unwrap(), Settings::default());
        for (text, says) in [
            (
                "[access_log]\nsislog = true\n",
                "line 2: unknown field `sislog`",
            ),
            ("\n[other]\n", "line 2: unknown field `other`"),
            (
                "[access_log]\nfile = \"x\"\n",
                "`file` of [access_log] is no absolute path",
            ),
            ("[access_log\n", "line 1: "),
            (
                "[notify.bot]\nurl = 4711\n",
                "line 2: this is no text in quotes",
            ),
            (
                "[notify.bot]\nsecret = [\"invented\"]\n",
                "line 2: this is no text in quotes",
            ),
            ("[notify.bot]\nsecret = \"invented\nx", "line 3: "),
            ("[notify]\nbot = 4711\n", "line 2: "),
        ] {
            let failure = Settings::parse(text).err().unwrap();
            let message = failure.error.to_string();
            assert!(message.starts_with(says), "{message}");
            assert!(!message.contains("invented"), "{message}");
            assert_eq!(failure.code, "settings");
        }
    }

    #[test]
    fn addresses_and_secrets_are_not_shown() {
        let text = "[notify.deploy-bot]\nurl = \"https://invented\"\nsecret = \"invented\"\n";
        let settings = Settings::parse(text).ok().unwrap();
        let told = &settings.notify["deploy-bot"];
        assert_eq!(told.url.as_ref().unwrap().expose(), "https://invented");
        assert!(!format!("{settings:?}").contains("invented"));
    }
}
