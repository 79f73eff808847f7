//! Whom a file is wrapped for: those whom its rule names; where no rule covers it, those in its
//! metadata, if a valid seal vouches for them. Nothing else decides it.

use std::path::Path;

use crate::app::App;
use crate::app::entries::extras;
use crate::app::load::OpenFile;
use crate::app::readers::is_for;
use crate::app::recipients::is_same_key;
use crate::app::rewrite::{Request, unreachable};
use crate::error::{At as _, Exit, Failure};
use crate::keys::keyring::Keyring;
use crate::keys::{Kind, short};
use crate::rules::{Dialect, Extras, Policy, RecipientKind, RecipientSpec};
use crate::sops::metadata::KeyEntry;
use crate::sops::signet::SealState;

/// Who is to read a file.
pub(super) enum Readers {
    /// Those whom its rule names.
    Named(Box<Policy>),
    /// Those who can read it now, if its seal is valid.
    Vouched(Vec<Vec<RecipientSpec>>),
    /// Nobody can tell.
    Unknown,
}

impl App<'_> {
    /// Whom a file is to be wrapped for: the one place where this is decided.
    pub(super) fn readers_of(
        &self,
        path: &Path,
        groups: &[Vec<KeyEntry>],
        request: &Request<'_>,
    ) -> Result<Readers, Failure> {
        if let Some(parent) = self.parent_of_previous(path) {
            if !self.is_covered(&parent)? {
                return Ok(Readers::Unknown);
            }
            let policy = self.previous_policy(&parent)?;
            return Ok(Readers::Named(Box::new(policy)));
        }
        if let Some(policy) = self.policy_if_any(path)? {
            return Ok(Readers::Named(Box::new(policy)));
        }
        if !request.new_keys {
            if request.named.iter().any(|named| named == path) {
                // Says which rules there are, and what to add.
                self.policy_for(path, &[])?;
            }
            return Ok(Readers::Unknown);
        }
        // Its seal is looked at when it is opened, `must_be_vouched`.
        let mut readers = Vec::new();
        for entries in groups {
            let specs = vouched(entries, self.keyring(), request.drop).at(path.display())?;
            self.must_be_registered(path, &specs)?;
            readers.push(specs);
        }
        Ok(Readers::Vouched(readers))
    }

    /// Fails where a register of names does not know one of those in a file that no rule covers: it
    /// may be somebody who was removed from it.
    fn must_be_registered(&self, path: &Path, specs: &[RecipientSpec]) -> Result<(), Failure> {
        let Ok((rules, _)) = self.rules_for(path) else {
            return Ok(());
        };
        let register = rules.recipients();
        let stranger = specs.iter().find(|spec| {
            let mut known = register.iter();
            !known.any(|known| is_same_key(&known.value, &spec.value))
        });
        match stranger.filter(|_| rules.origin().dialect == Dialect::Native) {
            None => Ok(()),
            Some(spec) => Err(Failure::new(
                Exit::RULES,
                "not-vouched",
                format!(
                    "no rule covers it, and the rules do not know {}, who is in it",
                    short(&spec.value)
                ),
            )
            .at(path.display())
            .hint("cover it with a [[files]] table in the rules, and run `mvx recipients sync`")),
        }
    }

    /// Who could read a file by the rules as they were, is to do so no more, and has no entry in it:
    /// the data key may be one that they know, because an entry can be taken out without a new one.
    pub(super) fn former_readers(
        &self,
        path: &Path,
        groups: &[Vec<KeyEntry>],
        wanted: &[Vec<RecipientSpec>],
        request: &Request<'_>,
    ) -> Vec<String> {
        let Some(before) = request.before else {
            return Vec::new();
        };
        let name = match self.rules_for(path) {
            Ok((rules, name)) if rules.origin() == before.origin() => name,
            _ => return Vec::new(),
        };
        let Ok(policy) = before.policy(&name) else {
            return Vec::new();
        };
        let gone = |spec: &&RecipientSpec| {
            let mut wanted = wanted.iter().flatten();
            let mut entries = groups.iter().flatten();
            request.is_about(&spec.value)
                && !wanted.any(|other| is_same_key(&other.value, &spec.value))
                && !entries.any(|entry| is_for(spec, entry))
        };
        let mut keys: Vec<String> = policy
            .recipients()
            .filter(gone)
            .map(|spec| spec.value.clone())
            .collect();
        keys.dedup();
        keys
    }

    /// Fails for a file that no rule covers and whose recipients no seal vouches for: one of them
    /// may have been planted.
    pub(super) fn must_be_vouched(&self, path: &Path, file: &OpenFile) -> Result<(), Failure> {
        if self.is_covered(path)? || file.opened.seal == SealState::Valid {
            return Ok(());
        }
        Err(Failure::new(
            Exit::RULES,
            "not-vouched",
            "no rule covers it and it has no seal, so that nothing vouches for its recipients",
        )
        .at(path.display())
        .hint("cover it with a [[files]] table in the rules; `mvx init` writes new ones"))
    }
}

/// Those in a file's metadata, as rules would name them. Who is given up and cannot be wrapped for
/// is left out.
fn vouched(
    entries: &[KeyEntry],
    keyring: &Keyring,
    drop: &[String],
) -> Result<Vec<RecipientSpec>, Failure> {
    let mut specs = Vec::new();
    for entry in entries {
        let value = entry.recipient();
        let known = keyring.provider(&Kind::of_field(&entry.kind)).is_some();
        match spec_of(entry).filter(|_| known) {
            Some(spec) => specs.push(spec),
            None if drop.contains(&value) => {}
            None => return Err(unreachable(&value, &entry.kind)),
        }
    }
    Ok(specs)
}

/// An entry's recipient, as rules would name it; `None` for a kind that they do not know.
fn spec_of(entry: &KeyEntry) -> Option<RecipientSpec> {
    let value = entry.recipient();
    let kind = match Kind::of_field(&entry.kind) {
        Kind::Age if value.starts_with("ssh-") => RecipientKind::Ssh,
        Kind::Age => RecipientKind::Age,
        Kind::AwsKms => RecipientKind::AwsKms,
        Kind::AzureKv => RecipientKind::AzureKv,
        Kind::GcpKms => RecipientKind::GcpKms,
        Kind::HcKms => RecipientKind::HuaweiKms,
        Kind::Pgp => RecipientKind::Pgp,
        Kind::Vault => RecipientKind::Vault,
        Kind::Unknown(_) => return None,
    };
    let extras = extras(entry);
    Some(RecipientSpec {
        name: None,
        kind,
        value,
        owner: None,
        expires: None,
        extras: Extras {
            role: extras.role,
            context: extras.context,
            profile: extras.profile,
            unbelieved_endpoint: None,
        },
        line: 0,
    })
}
