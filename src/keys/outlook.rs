//! What it would take to try an entry at its service: told without asking anybody, for a person who
//! wants to know before anything is reached.

use std::path::PathBuf;

use crate::keys::machine::Machine;

/// What it would take to try an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The host that would be asked; `None` where no network is needed.
    pub host: Option<String>,
    /// What this machine has that a service may take for credentials: names of variables and files,
    /// never what they hold.
    pub has: Vec<String>,
    /// What stands against it.
    pub trouble: Option<String>,
}

impl Outlook {
    /// The outlook at the host of `url`, with those of these variables that are set and those of
    /// these files, by their path from the home directory, that can be read.
    pub fn at(
        url: &str,
        machine: &dyn Machine,
        variables: &[&'static str],
        files: &[&'static str],
    ) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or_default();
        let set = variables
            .iter()
            .filter(|name| machine.variable(name).is_some());
        let mut has: Vec<String> = set.map(|name| (*name).to_owned()).collect();
        let home = machine.home();
        let there = files.iter().filter(|file| {
            let path: Option<PathBuf> = home.as_ref().map(|home| home.join(file));
            path.is_some_and(|path| machine.read(&path).is_ok())
        });
        has.extend(there.map(|file| format!("~/{file}")));
        Self {
            host: Some(host.to_owned()),
            has,
            trouble: None,
        }
    }

    /// An entry that no service can be asked about, and why.
    pub fn none(trouble: impl Into<String>) -> Self {
        Self {
            trouble: Some(trouble.into()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::FakeMachine;

    #[test]
    fn names_are_told_and_not_what_they_hold() {
        let machine = FakeMachine::default()
            .variable("AWS_PROFILE", "team")
            .file("/home/ana/.aws/config", "[profile team]");
        let outlook = Outlook::at(
            "https://kms.eu-west-1.amazonaws.com/x",
            &machine,
            &["AWS_ACCESS_KEY_ID", "AWS_PROFILE"],
            &[".aws/config", ".aws/credentials"],
        );
        assert_eq!(outlook.host.as_deref(), Some("kms.eu-west-1.amazonaws.com"));
        assert_eq!(outlook.has, ["AWS_PROFILE", "~/.aws/config"]);
    }
}
