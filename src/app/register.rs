//! The register of the rules: somebody is entered, taken out, or has another key.
//!
//! A change is prepared first and holds from then on for everything that is planned; the file is
//! written when all that follows from it is known to be possible.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;

use crate::app::App;
use crate::app::people::today;
use crate::app::recipients::{is_same_key, typed};
use crate::error::{At as _, Exit, Failure};
use crate::io::file;
use crate::io::write::Access;
use crate::keys::age::Recipient;
use crate::rules::edit::{NewRecipient, Removed, add_recipient, remove_recipient, replace_key};
use crate::rules::{Dialect, Extras, Origin, RecipientKind, RecipientSpec, Rules};

/// The largest file of rules that is changed, in bytes.
const MOST_RULES: usize = 16 << 20;

/// Rules that are about to be written.
pub struct RulesChange {
    /// Their file, as the user would type it.
    pub file: PathBuf,
    /// The rules as they stand.
    pub before: Arc<Rules>,
    path: PathBuf,
    old: String,
    new: String,
}

/// Somebody who is to be entered.
pub struct Newcomer {
    /// The name.
    pub name: String,
    /// The public key or resource, as it was typed.
    pub key: String,
    /// What goes with a key of AWS KMS.
    pub extras: Extras,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The last day of access, such as `2027-01-31`.
    pub expires: Option<String>,
    /// The groups that get the name.
    pub groups: Vec<String>,
    /// The environments whose `[[files]]` tables get the name.
    pub environments: Vec<String>,
}

/// Somebody who was taken out.
pub struct Leaver {
    /// The name.
    pub name: String,
    /// The public key.
    pub key: String,
    /// Groups that went too.
    pub groups: Vec<String>,
    /// Whether the key is one of this machine's.
    pub is_own: bool,
}

impl App<'_> {
    /// The rules in force in the working directory, which have a register.
    pub fn register(&self) -> Result<Arc<Rules>, Failure> {
        let rules = self.rules_here()?;
        if rules.origin().dialect == Dialect::Sops {
            let file = self.relative(&rules.origin().path);
            return Err(Failure::new(
                Exit::RULES,
                "sops-rules",
                "sops's rules have no register of names that mvx could change",
            )
            .at(file.display())
            .hint("edit the file, and then `mvx recipients sync`")
            .hint("or `mvx init --from-sops` translates it into rules of mvx's own"));
        }
        Ok(rules)
    }

    /// Enters somebody; the public key is returned as it is written down.
    pub fn enter(&self, newcomer: &Newcomer) -> Result<(RulesChange, String), Failure> {
        let rules = self.register()?;
        let (kind, key) = typed(&newcomer.key)?;
        if kind != RecipientKind::AwsKms && newcomer.extras != Extras::default() {
            let message = "`--role`, `--context` and `--profile` go with keys of AWS KMS alone";
            return Err(Failure::new(Exit::USAGE, "usage", message));
        }
        let expires = newcomer.expires.as_deref().map(last_day).transpose()?;
        let new = NewRecipient {
            name: &newcomer.name,
            kind,
            key: &key,
            extras: &newcomer.extras,
            owner: newcomer.owner.as_deref(),
            expires,
            groups: &newcomer.groups,
            environments: &newcomer.environments,
        };
        let change = self.prepare(&rules, |text| Ok(add_recipient(text, &new)?))?;
        Ok((change, key))
    }

    /// Takes somebody out, by name or by public key.
    pub fn strike(&self, name: &str) -> Result<(RulesChange, Leaver), Failure> {
        let rules = self.register()?;
        let mut register = rules.recipients().iter();
        let is_it = |spec: &&RecipientSpec| {
            spec.name.as_deref() == Some(name) || is_same_key(&spec.value, name)
        };
        let spec = register.find(is_it);
        let name = spec.and_then(|spec| spec.name.as_deref()).unwrap_or(name);
        let mut groups = Vec::new();
        let change = self.prepare(&rules, |text| {
            let Removed { text, groups: gone } = remove_recipient(text, name)?;
            groups = gone;
            Ok(text)
        })?;
        let key = spec.map(|spec| spec.value.clone()).unwrap_or_default();
        let held = self.list_keys().held;
        let mut own = held.iter().filter_map(|held| held.recipient.as_deref());
        let leaver = Leaver {
            name: name.into(),
            is_own: own.any(|own| is_same_key(own, &key)),
            key,
            groups,
        };
        Ok((change, leaver))
    }

    /// Gives somebody another key.
    pub fn give_key(&self, name: &str, key: &str) -> Result<RulesChange, Failure> {
        let rules = self.register()?;
        self.prepare(&rules, |text| {
            Ok(replace_key(text, name, kind_of(key), key)?)
        })
    }

    /// Changes the text of the rules, and has the new ones hold.
    fn prepare(
        &self,
        rules: &Arc<Rules>,
        edit: impl FnOnce(&str) -> Result<String, Failure>,
    ) -> Result<RulesChange, Failure> {
        let path = rules.origin().path.clone();
        let file = self.relative(&path);
        let old = file::read_text(&path, MOST_RULES)?;
        let new = edit(&old).at(file.display())?;
        let assumed = Rules::load(&new, Origin::new(&path)).at(file.display())?;
        self.assume(assumed);
        Ok(RulesChange {
            file,
            before: Arc::clone(rules),
            path,
            old,
            new,
        })
    }

    /// Writes changed rules, unless somebody else changed them meanwhile.
    pub fn write_rules(&self, change: &RulesChange) -> Result<(), Failure> {
        let lock = self.lock(&change.path)?;
        let (old, new) = (change.old.as_bytes(), change.new.as_bytes());
        self.replace(&lock, old, new, Access::Shared)
    }
}

/// A public key that somebody typed, checked to the last character. What is none is not repeated:
/// it may be a private one.
pub fn public_key(text: &str) -> Result<String, Failure> {
    crate::app::recipients::check(text)?;
    let recipient: Recipient = text.parse()?;
    Ok(recipient.text().to_owned())
}

fn kind_of(key: &str) -> RecipientKind {
    if key.starts_with("ssh-") {
        RecipientKind::Ssh
    } else {
        RecipientKind::Age
    }
}

/// The last day of somebody's access.
fn last_day(text: &str) -> Result<Date, Failure> {
    let bad = |message: &str| {
        Failure::new(Exit::USAGE, "bad-date", message).hint("a day is written as 2027-01-31")
    };
    let day: Date = text
        .parse()
        .ok()
        .filter(|day: &Date| day.to_string() == text)
        .ok_or_else(|| bad("the last day of access cannot be read"))?;
    if day < today() {
        return Err(bad("the last day of access is over already"));
    }
    Ok(day)
}
