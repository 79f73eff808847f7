//! The places that the user's own settings name, for the key providers.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::app::settings::Settings;
use crate::io::env::Environment;
use crate::io::write::{self, Access};
use crate::io::{IoError, file};
use crate::keys::believed::{Believed, Places};

/// The user's settings, read when a provider asks for them.
pub(super) struct OwnPlaces {
    /// The file; an error in one line where there is no home for it.
    path: Result<PathBuf, String>,
}

impl OwnPlaces {
    /// Reads nothing yet.
    pub(super) fn new(environment: &Environment) -> Self {
        let path = Settings::path(environment);
        Self {
            path: path.map_err(|error| error.to_string()),
        }
    }
}

impl Believed for OwnPlaces {
    fn places(&self) -> Result<Places, String> {
        let path = self.path.as_ref().map_err(Clone::clone)?;
        let settings = Settings::read_at(path);
        let settings =
            settings.map_err(|failure| format!("{}: {}", path.display(), failure.error))?;
        Ok(Places {
            aws_endpoint: settings.aws.endpoint,
            gcp_endpoint: settings.gcp.endpoint,
            vault_addresses: settings.vault.addresses,
        })
    }

    fn believe_vault(&self, address: &str) -> Result<String, String> {
        let path = self.path.as_ref().map_err(Clone::clone)?;
        let told = |error: IoError| error.to_string();
        let before = match file::read_text(path, Settings::MOST) {
            Ok(text) => text,
            Err(IoError::NotFound { .. }) => String::new(),
            Err(error) => return Err(told(error)),
        };
        let after = with_address(&before, address);
        let again = Settings::parse(&after).map_err(|failure| failure.error.to_string())?;
        if !again.vault.addresses.iter().any(|known| known == address) {
            return Err(format!(
                "{}: add \"{address}\" to `addresses` of [vault] by hand",
                path.display()
            ));
        }
        if let Some(parent) = path.parent() {
            file::create_private_directories(parent).map_err(told)?;
        }
        write::write(path, after.as_bytes(), Access::Private).map_err(told)?;
        Ok(self.shown())
    }

    fn shown(&self) -> String {
        let path = self.path.as_ref();
        path.map_or_else(Clone::clone, |path| path.display().to_string())
    }
}

/// The settings with one more address. A list that stands there already is continued.
fn with_address(text: &str, address: &str) -> String {
    let quoted = toml::Value::from(address).to_string();
    let mut out = String::with_capacity(text.len() + 64);
    let mut added = false;
    let mut in_vault = false;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            in_vault = trimmed == "[vault]";
        }
        let list = trimmed.strip_prefix("addresses").map(str::trim_start);
        let list = list
            .and_then(|rest| rest.strip_prefix('='))
            .map(str::trim_start);
        match list.and_then(|rest| rest.strip_prefix('[')) {
            Some(rest) if in_vault && !added => {
                let comma = if rest.trim_start().starts_with(']') {
                    ""
                } else {
                    ", "
                };
                let _ = write!(out, "addresses = [{quoted}{comma}{rest}");
                if !rest.ends_with('\n') && line.ends_with('\n') {
                    out.push('\n');
                }
                added = true;
            }
            _ => {
                out.push_str(line);
                if trimmed == "[vault]" && !text.contains("addresses") {
                    if !line.ends_with('\n') {
                        out.push('\n');
                    }
                    let _ = writeln!(out, "addresses = [{quoted}]");
                    added = true;
                }
            }
        }
    }
    if !added {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        let _ = write!(out, "\n[vault]\naddresses = [{quoted}]\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_added_wherever_the_list_stands() {
        let address = "https://vault.example:8200";
        for before in [
            "",
            "[access_log]\nsyslog = true",
            "[vault]\n# ours\naddresses = [\"https://a\"]\n[aws]\nendpoint = \"https://b\"\n",
            "[vault]\naddresses = []\n",
            "[vault]\naddresses = [\n  \"https://a\",\n]\n",
            "[vault]",
        ] {
            let after = with_address(before, address);
            let settings = Settings::parse(&after).ok().unwrap();
            let old = Settings::parse(before).ok().unwrap();
            assert!(
                settings.vault.addresses.contains(&address.to_owned()),
                "{after}"
            );
            assert_eq!(
                settings.vault.addresses.len(),
                old.vault.addresses.len() + 1
            );
            assert_eq!(
                (settings.aws, settings.access_log),
                (old.aws, old.access_log)
            );
            for line in before.lines().filter(|line| line.starts_with('#')) {
                assert!(after.contains(line));
            }
        }
    }

    #[test]
    fn settings_are_made_and_kept() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::of([("XDG_CONFIG_HOME", home.path())]);
        let own = OwnPlaces::new(&environment);
        assert_eq!(own.places(), Ok(Places::default()));
        for address in ["https://one:8200", "https://two:8200"] {
            let path = own.believe_vault(address).unwrap();
            assert!(path.ends_with("mvx/config.toml"));
        }
        let places = own.places().unwrap();
        assert_eq!(
            places.vault_addresses,
            ["https://two:8200", "https://one:8200"]
        );
    }
}
