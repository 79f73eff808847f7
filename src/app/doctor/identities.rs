//! This machine's identities: where they were looked for, what was there, who else can read it.

use std::path::{Path, PathBuf};

use super::{Check, Checks, Identity};
use crate::app::App;
use crate::app::files::shell_word;
use crate::app::recipients::is_same_key;
use crate::io::file::directory_of;
use crate::io::look::{Look, look};
use crate::keys::diagnose::{Found, Place};
use crate::keys::{Held, short};

impl App<'_> {
    /// Looks at every place where identities may be. Commands are not run.
    pub(super) fn check_identities(&self, list: &mut Vec<Check>) -> Vec<Identity> {
        let mut checks = Checks::about("identities", list);
        let mut identities = Vec::new();
        let mut directories = Vec::new();
        let places = self.identities().places();
        for place in &places {
            self.check_place(place, &mut checks, &mut identities);
            if let Some(path) = &place.path {
                check_access(path, &mut directories, &mut checks);
            }
        }
        let unset = self.identities().unset_variables();
        if !unset.is_empty() {
            checks.ok("variables", format!("not set: {}", unset.join(", ")));
        }
        let commands = places.iter().any(|place| place.found == Found::Command);
        if identities.is_empty() && !commands {
            checks.problem(
                "identity",
                "this machine holds no identity",
                [
                    "if you have a key, set MVX_AGE_KEY_FILE to its file; if not, `mvx keys generate` makes one".to_owned(),
                    "`mvx help environment` lists where mvx looks for keys".to_owned(),
                ],
            );
        } else if !commands {
            self.check_standing(&identities, &mut checks);
        }
        identities
    }

    fn check_place(&self, place: &Place, checks: &mut Checks<'_>, identities: &mut Vec<Identity>) {
        let source = &place.source;
        match &place.found {
            Found::Held(held) => {
                for key in held {
                    let identity = self.identity(key);
                    checks.ok("key", format!("{source}: {}", describe(&identity)));
                    identities.push(identity);
                }
            }
            Found::Command => checks.ok(
                "command",
                format!("{source}: a command, which is run when a file needs it"),
            ),
            Found::Nothing if place.troubles.is_empty() => {
                checks.ok("place", format!("{source}: not there"));
            }
            Found::Nothing => {}
        }
        for trouble in &place.troubles {
            let hint = match &place.path {
                Some(path) => format!("look at it: `ls -l {}`", shell_word(path)),
                None => format!("set {source} to the text of a key file, or unset it"),
            };
            checks.problem("key", trouble, [hint]);
        }
    }

    fn identity(&self, held: &Held) -> Identity {
        let recipient = held.recipient.as_deref();
        Identity {
            source: held.source.clone(),
            kind: held.kind.clone(),
            recipient: held.recipient.clone(),
            protected: held.protected,
            name: recipient.and_then(|key| self.register_name(&self.here(), key)),
        }
    }

    /// Whether the rules in force here know any of the identities.
    fn check_standing(&self, identities: &[Identity], checks: &mut Checks<'_>) {
        let Ok((rules, _)) = self.rules_for(&self.here()) else {
            return;
        };
        let unknown = identities.iter().any(|own| own.recipient.is_none());
        let mut register = rules.recipients().iter();
        let known = register.any(|spec| {
            let mut own = identities.iter().filter_map(|own| own.recipient.as_deref());
            own.any(|own| is_same_key(own, &spec.value))
        });
        if !known && !unknown {
            checks.problem(
                "standing",
                format!("{} names none of these identities", self.shown(&rules)),
                ["give your public key (`mvx keys public`) to somebody who can open the files, to add it to the rules".to_owned()],
            );
        }
    }

    /// A file that the rules in force in the working directory would judge.
    pub(super) fn here(&self) -> PathBuf {
        self.directory().join("any")
    }
}

/// An identity in a few words.
fn describe(identity: &Identity) -> String {
    let mut text = identity.kind.clone();
    if identity.protected && identity.recipient.is_some() {
        text += ", behind a passphrase";
    }
    match &identity.recipient {
        // an SSH key's text begins with its kind
        Some(recipient) if recipient.starts_with(&identity.kind) => text = short(recipient),
        Some(recipient) => {
            text.push(' ');
            text += &short(recipient);
        }
        None => text += ", whose public key is known once it is unlocked",
    }
    if let Some(name) = &identity.name {
        text = format!("{text}, `{name}` in the rules");
    }
    text
}

/// Whether others can read a key file, or put another one in its place.
fn check_access(path: &Path, directories: &mut Vec<PathBuf>, checks: &mut Checks<'_>) {
    let shown = path.display();
    if let Ok(Some(seen)) = look(path) {
        if seen.is_shared() || seen.is_open_to_others() {
            checks.problem(
                "key-file",
                format!("{shown}: other users can read it ({})", mode(&seen)),
                [format!("`chmod 600 {}` keeps them out", shell_word(path))],
            );
        }
        if !seen.is_own {
            checks.note(
                "key-file",
                format!("{shown}: it belongs to another user"),
                [format!("`ls -l {}` shows to whom", shell_word(path))],
            );
        }
    }
    let directory = directory_of(path).to_owned();
    if directories.contains(&directory) {
        return;
    }
    if let Ok(Some(seen)) = look(&directory)
        && seen.is_open_to_others()
        && !seen.is_sticky()
    {
        checks.problem(
            "key-directory",
            format!(
                "{}: other users can put a key of theirs into it ({})",
                directory.display(),
                mode(&seen)
            ),
            [format!(
                "`chmod go-w {}` keeps them out",
                shell_word(&directory)
            )],
        );
    }
    directories.push(directory);
}

fn mode(look: &Look) -> String {
    format!("mode {:o}", look.mode.unwrap_or_default())
}
