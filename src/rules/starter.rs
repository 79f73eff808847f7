//! The text of a new `.sops-rules.toml`.

use std::fmt::Write;

use super::error::quoted;

/// Somebody who shall open the files of a new repository.
pub struct StarterRecipient<'a> {
    /// The name; what a name cannot have becomes a hyphen.
    pub name: &'a str,
    /// The public key: age, or SSH if it begins with `ssh-`.
    pub key: &'a str,
    /// Who answers for it.
    pub owner: Option<&'a str>,
}

/// The text of a new `.sops-rules.toml`: everyone in one group, and a directory of secrets for
/// each environment. It explains itself to whoever opens it first.
pub fn starter(recipients: &[StarterRecipient<'_>], environments: &[&str]) -> String {
    let mut text = String::from(HEAD);
    let mut names: Vec<String> = Vec::new();
    for recipient in recipients {
        let name = free_name(recipient.name, &names);
        let field = if recipient.key.starts_with("ssh-") {
            "ssh"
        } else {
            "age"
        };
        push(&mut text, format_args!("\n[recipients.{}]", key(&name)));
        push(
            &mut text,
            format_args!("{field} = {}", quoted(recipient.key)),
        );
        if let Some(owner) = recipient.owner {
            push(&mut text, format_args!("owner = {}", quoted(owner)));
        }
        names.push(name);
    }
    let list: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let group = free_name("team", &names);
    text.push_str(GROUPS);
    push(
        &mut text,
        format_args!("{} = [{}]", key(&group), list.join(", ")),
    );
    text.push_str(FILES);
    for environment in environments {
        push(&mut text, format_args!("\n[[files]]"));
        let path = format!("secrets/{environment}/**");
        push(&mut text, format_args!("path = {}", quoted(&path)));
        push(
            &mut text,
            format_args!("environment = {}", quoted(environment)),
        );
        push(&mut text, format_args!("recipients = [{}]", quoted(&group)));
    }
    text
}

const HEAD: &str = "\
# Who opens which secret files of this repository: mvx's rules.
# A mistake in here is an error that names the line. `mvx ls` shows what they come to.

version = 1

# Everyone who can open a file: a name, a public key, who answers for it.
# `mvx recipients add NAME KEY` enters more people; their `mvx keys public` prints the key.
";

const GROUPS: &str = "
# Groups hold names of recipients, and of other groups.
[groups]
";

const FILES: &str = "
# Which files are secret, and who opens them. The first table whose path matches counts.
# Paths are patterns as in .gitignore, from the directory of this file.
# Everything in a file is encrypted, except below keys ending in `_unencrypted`;
# `encrypted_regex = \"^(data|stringData)$\"` encrypts only what is below such keys.
";

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

/// `name` as a key of a TOML table: in quotes where it needs them.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.chars().all(bare) && !name.is_empty() {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// `name` as a name may be, with a number if it is taken.
pub(super) fn free_name(name: &str, taken: &[String]) -> String {
    let allowed = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    let clean: String = name
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect();
    let clean = if clean.is_empty() {
        "somebody".into()
    } else {
        clean
    };
    let numbered = (2..).map(|number| format!("{clean}-{number}"));
    std::iter::once(clean.clone())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .unwrap_or(clean)
}

#[cfg(test)]
mod tests {
    use super::super::{Origin, RecipientSpec, Rules};
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

    #[test]
    fn the_starter_can_be_used_at_once() {
        let recipients = [
            StarterRecipient {
                name: "ana",
                key: KEY,
                owner: Some("Ana \"A\" <ana@example.com>"),
            },
            StarterRecipient {
                name: "recovery",
                key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIInvented",
                owner: None,
            },
        ];
        let text = starter(&recipients, &["dev", "prod"]);
        let rules = Rules::load(&text, Origin::new(".sops-rules.toml")).unwrap();
        let policy = rules.policy("secrets/prod/a.enc.yaml").unwrap();
        assert_eq!(policy.environment.as_deref(), Some("prod"));
        let names: Vec<_> = policy
            .recipients()
            .map(RecipientSpec::display_name)
            .collect();
        assert_eq!(names, ["ana", "recovery"]);
        assert_eq!(
            rules.recipients()[0].owner.as_deref(),
            Some("Ana \"A\" <ana@example.com>")
        );
    }

    proptest! {
        #[test]
        fn any_names_give_rules_that_can_be_read(
            names in proptest::collection::vec(any::<String>(), 1..4),
            owner in "\\PC{1,20}x",
        ) {
            let keys = [KEY, "ssh-rsa AAAA", "ssh-rsa AAAAB"];
            let recipients: Vec<_> = names
                .iter()
                .zip(keys)
                .map(|(name, key)| StarterRecipient { name, key, owner: Some(&owner) })
                .collect();
            let text = starter(&recipients, &["dev"]);
            let rules = Rules::load(&text, Origin::new(".sops-rules.toml"));
            prop_assert!(rules.is_ok(), "{:?}\n{}", rules, text);
        }
    }
}
