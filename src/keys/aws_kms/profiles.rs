//! The user's own AWS configuration: `~/.aws/config` and `~/.aws/credentials`.
//!
//! Source: "Shared config and credentials files" in the AWS SDKs and Tools Reference Guide. Lines
//! that are none are passed over, as Amazon's own programs do, but not forgotten: they are told where
//! something cannot be found.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::io::IoError;
use crate::keys::machine::Machine;
use crate::keys::remote::{Reason, Refusal, said};

/// Settings by name. Some are secrets.
pub(super) type Section = BTreeMap<String, Zeroizing<String>>;

/// Both files.
#[derive(Default)]
pub(super) struct Profiles {
    /// By the profile's name.
    named: BTreeMap<String, Section>,
    /// The single sign-ons that profiles share, by name.
    sessions: BTreeMap<String, Section>,
    /// The first lines that are none: `/home/ana/.aws/config:7`.
    broken: Vec<String>,
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.named.keys()).finish()
    }
}

impl Profiles {
    /// Reads both files; one that is not there is empty. Where both name a setting of a profile, the
    /// one of the credentials counts.
    pub(super) fn read(machine: &dyn Machine) -> Result<Self, Refusal> {
        let mut all = Self::default();
        for (variable, name, of_config) in [
            ("AWS_CONFIG_FILE", "config", true),
            ("AWS_SHARED_CREDENTIALS_FILE", "credentials", false),
        ] {
            let Some(path) = place(machine, variable, name) else {
                continue;
            };
            let unreadable = |why: String| {
                Refusal::new(
                    Reason::NoCredentials,
                    format!("{} cannot be read: {why}", path.display()),
                )
            };
            let file = match machine.read(&path) {
                Ok(file) => file.text,
                Err(IoError::NotFound { .. }) => continue,
                Err(error) => return Err(unreadable(error.reason())),
            };
            let text = file
                .as_str()
                .ok_or_else(|| unreadable("it is not UTF-8 text".to_owned()))?;
            if let Some(line) = all.add(text, of_config) {
                all.broken.push(format!("{}:{line}", path.display()));
            }
        }
        Ok(all)
    }

    /// A profile by its name.
    pub(super) fn profile(&self, name: &str) -> Option<&Section> {
        self.named.get(name)
    }

    /// A single sign-on by its name.
    pub(super) fn session(&self, name: &str) -> Option<&Section> {
        self.sessions.get(name)
    }

    /// Says that there is no such profile, and which there are.
    pub(super) fn missing(&self, name: &str) -> Refusal {
        let known: Vec<String> = self.named.keys().take(8).map(|name| said(name)).collect();
        let refusal = Refusal::new(
            Reason::NoCredentials,
            format!("this machine has no AWS profile `{}`", said(name)),
        )
        .hint(format!(
            "`aws configure sso --profile {0}` or `aws configure --profile {0}` makes it",
            typed(name)
        ));
        let refusal = if known.is_empty() {
            refusal
        } else {
            refusal.hint(format!("the profiles here: {}", known.join(", ")))
        };
        self.with_broken_lines(refusal)
    }

    /// Adds which lines are none, where there are such.
    pub(super) fn with_broken_lines(&self, refusal: Refusal) -> Refusal {
        self.broken.iter().fold(refusal, |refusal, place| {
            refusal.hint(format!("{place} is malformed"))
        })
    }

    /// Adds the sections of a file. Gives back the number of the first line that is none.
    fn add(&mut self, text: &str, of_config: bool) -> Option<usize> {
        let mut broken = None;
        let mut section: Option<(bool, String)> = None;
        let mut indent = None;
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let own = line.trim_start();
            if own.is_empty() || own.starts_with(['#', ';']) {
                continue;
            }
            if let Some(rest) = own.strip_prefix('[') {
                let name = rest.split_once(']').map(|(name, _)| name.trim());
                section = name.and_then(|name| kind(name, of_config));
                indent = None;
                if name.is_none() {
                    broken = broken.or(Some(number));
                }
                continue;
            }
            let depth = line.len() - own.len();
            if indent.is_some_and(|known| depth > known) {
                continue; // a setting of a setting, such as those of `s3 =`
            }
            indent = Some(depth);
            let Some((name, value)) = own.split_once('=') else {
                broken = broken.or(Some(number));
                continue;
            };
            let Some((of_session, place)) = &section else {
                continue;
            };
            let places = if *of_session {
                &mut self.sessions
            } else {
                &mut self.named
            };
            let value = Zeroizing::new(without_comment(value).trim().to_owned());
            let settings = places.entry(place.clone()).or_default();
            settings.insert(name.trim().to_ascii_lowercase(), value);
        }
        broken
    }
}

/// A profile's name as a part of a command that a person may copy: it may come from the repository, and
/// must not bring another command along.
pub(super) fn typed(name: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    let is_word = !name.starts_with('-') && (1..=64).contains(&name.len());
    if is_word && name.bytes().all(plain) {
        name
    } else {
        "NAME"
    }
}

/// A path of the environment, else one in `~/.aws`.
fn place(machine: &dyn Machine, variable: &'static str, name: &str) -> Option<PathBuf> {
    let Some(named) = machine.variable(variable) else {
        return Some(machine.home()?.join(".aws").join(name));
    };
    match named.to_str().and_then(|text| text.strip_prefix("~/")) {
        Some(below) => Some(machine.home()?.join(below)),
        None => Some(PathBuf::from(named)),
    }
}

/// What a section's title stands for: whether it is a single sign-on, and its name.
fn kind(title: &str, of_config: bool) -> Option<(bool, String)> {
    let unquoted = |name: &str| name.trim().trim_matches(['"', '\'']).to_owned();
    if !of_config {
        return Some((false, unquoted(title)));
    }
    match title.split_once(char::is_whitespace) {
        None if title == "default" => Some((false, title.to_owned())),
        Some(("profile", name)) => Some((false, unquoted(name))),
        Some(("sso-session", name)) => Some((true, unquoted(name))),
        _ => None,
    }
}

/// A comment at the end of a line begins with ` #` or ` ;`.
fn without_comment(value: &str) -> &str {
    let start = value
        .char_indices()
        .zip(value.chars().skip(1))
        .find(|((_, before), c)| before.is_whitespace() && matches!(c, '#' | ';'));
    match start {
        Some(((at, _), _)) => value.get(..at).unwrap_or(value),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::FakeMachine;

    const CONFIG: &str = "\
# ours
[default]
region = eu-west-1
s3 =
  max_concurrent_requests = 20
  aws_access_key_id = not-this
output = json   ; as a table

[profile team]
    SSO_Session = corp
    sso_account_id=111122223333
    sso_role_name = Dev  # and nothing else
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start#/
[profile 'with blanks']
credential_process = \"/opt/a b/print\" --x
[services local]
role_arn = lost
[preview]
role_arn = lost
";

    fn profiles(machine: &FakeMachine) -> Profiles {
        Profiles::read(machine).unwrap()
    }

    fn setting<'a>(profiles: &'a Profiles, profile: &str, name: &str) -> Option<&'a str> {
        Some(profiles.profile(profile)?.get(name)?.as_str())
    }

    #[test]
    fn both_files_are_read() {
        let profiles = profiles(
            &FakeMachine::default()
                .file("/home/ana/.aws/config", CONFIG)
                .file(
                    "/home/ana/.aws/credentials",
                    "[default]\r\naws_access_key_id = AK\r\nregion = x\r\n[other]\r\na = b\r\n",
                ),
        );
        assert_eq!(setting(&profiles, "default", "region"), Some("x"));
        assert_eq!(setting(&profiles, "default", "output"), Some("json"));
        assert_eq!(
            setting(&profiles, "default", "aws_access_key_id"),
            Some("AK")
        );
        assert_eq!(setting(&profiles, "team", "sso_session"), Some("corp"));
        assert_eq!(setting(&profiles, "team", "sso_role_name"), Some("Dev"));
        assert_eq!(setting(&profiles, "other", "a"), Some("b"));
        assert_eq!(
            setting(&profiles, "with blanks", "credential_process"),
            Some("\"/opt/a b/print\" --x")
        );
        let session = profiles.session("corp").unwrap();
        assert_eq!(
            session["sso_start_url"].as_str(),
            "https://corp.awsapps.com/start#/"
        );
        // Other sections are none of ours, in the config file.
        assert!(profiles.profile("preview").is_none() && profiles.profile("local").is_none());
        assert!(profiles.broken.is_empty());
    }

    #[test]
    fn what_is_malformed_is_passed_over_and_told() {
        let broken = "[profile team\nrole_arn = x\n\u{0}\n[profile a]\nnonsense\n=\nb = c";
        let profiles = profiles(&FakeMachine::default().file("/home/ana/.aws/config", broken));
        assert_eq!(setting(&profiles, "a", "b"), Some("c"));
        let refusal = profiles.missing("team");
        assert_eq!(refusal.reason, Reason::NoCredentials);
        let hints = refusal.hints.join("\n");
        assert!(
            hints.contains("/home/ana/.aws/config:1 is malformed"),
            "{hints}"
        );
        assert!(hints.contains("the profiles here: a"), "{hints}");
    }

    #[test]
    fn no_name_brings_a_command_along() {
        for name in [
            "--help",
            "a; rm -rf /",
            "$(id)",
            "`id`",
            "a b",
            "a\nb",
            "",
            "é",
        ] {
            let refusal = Profiles::default().missing(name);
            let hints = refusal.hints.join("\n");
            assert!(hints.contains("--profile NAME`"), "{hints}");
            assert!(!hints.contains("rm") && !hints.contains("id"), "{hints}");
        }
        let refusal = Profiles::default().missing("team-1.x@y");
        assert!(refusal.hints[0].contains("sso --profile team-1.x@y`"));
    }

    #[test]
    fn variables_name_other_files() {
        let machine = FakeMachine::default()
            .file("/home/ana/x/config", "[default]\na = 1")
            .file("/c", "[default]\nb = 2")
            .variable("AWS_CONFIG_FILE", "~/x/config")
            .variable("AWS_SHARED_CREDENTIALS_FILE", "/c");
        let profiles = profiles(&machine);
        assert_eq!(setting(&profiles, "default", "a"), Some("1"));
        assert_eq!(setting(&profiles, "default", "b"), Some("2"));
        assert!(!format!("{profiles:?}").contains('2'));
    }

    #[test]
    fn bytes_that_are_no_text_are_told_without_them() {
        let machine = FakeMachine::default().file("/home/ana/.aws/config", [0xff, b'x']);
        let refusal = Profiles::read(&machine).unwrap_err();
        assert_eq!(
            refusal.message,
            "/home/ana/.aws/config cannot be read: it is not UTF-8 text"
        );
    }
}
