//! The user's own settings, `~/.config/mvx/config.toml`: what no repository may decide. Read
//! strictly: an unknown field is an error with its line.

use std::path::{Path, PathBuf};

use serde::Deserialize;

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
    /// `[vault]`.
    #[serde(default)]
    pub vault: Vault,
}

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
        let text = match file::read_text(path, Self::MOST) {
            Ok(text) => text,
            Err(IoError::NotFound { .. }) => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        Self::parse(&text).at(path.display())
    }

    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |message: String| Failure::new(Exit::RULES, "settings", message);
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
        ] {
            let failure = Settings::parse(text).err().unwrap();
            let message = failure.error.to_string();
            assert!(message.starts_with(says), "{message}");
            assert_eq!(failure.code, "settings");
        }
    }
}
