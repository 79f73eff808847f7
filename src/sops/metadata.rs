//! The `sops` block: what it says, and how it is changed (SOPS-FORMAT 1.9).
//!
//! Fields are kept as they were read, in their order; fields and recipient kinds that mvx does not
//! know stay where they are.

use thiserror::Error;

use crate::document::{Meta, MetaBlock};
use crate::error::{Exit, Explain};
use crate::sops::version::is_readable;

/// The version that mvx writes: `SemVer`, as sops demands, and recognisable.
pub const VERSION: &str = concat!("3.13.3+mvx.", env!("CARGO_PKG_VERSION"));

/// The field that keeps the spelling of values (`sops/spelling.rs`).
pub const SPELLING: &str = "mvx_spelling";

/// The field that holds the seal (`sops/signet.rs`).
pub const SEAL: &str = "mvx_seal";

/// The selectors, in the order in which sops evaluates them.
pub const SELECTORS: [&str; 6] = [
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
];

/// The recipient lists that SOPS knows, in the order in which it tries them, age and PGP aside.
const KEY_LISTS: [&str; 7] = [
    "kms", "gcp_kms", "hckms", "azure_kv", "hc_vault", "pgp", "age",
];

/// The metadata of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    fields: Vec<(String, Meta)>,
}

/// One recipient of a file, or of one of its key groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// The list it stands in: `age`, `pgp`, `kms`, `gcp_kms`, `hckms`, `azure_kv`, `hc_vault`, or
    /// a kind that mvx does not know.
    pub kind: String,
    /// Its fields, `enc` (the wrapped data key or share) among them.
    pub fields: Vec<(String, Meta)>,
}

/// How many recipients a file may have: far more than any has, and few enough to compare each with
/// each.
const MOST_RECIPIENTS: usize = 5_000;

/// Metadata that cannot be used.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// A field that sops demands is not there.
    #[error("the `sops` block has no `{0}`")]
    Missing(&'static str),
    /// There is no MAC.
    #[error(
        "the `sops` block has no MAC: nothing proves that the values are the ones that were sealed"
    )]
    NoMac,
    /// A field has a form that SOPS never gave it.
    #[error("the `sops` block's `{0}` is malformed")]
    Malformed(String),
    /// More than one selector.
    #[error("the `sops` block has two selectors, `{0}` and `{1}`; they exclude each other")]
    TwoSelectors(String, String),
    /// There are more recipients than anybody means.
    #[error("the `sops` block names {0} recipients; the limit is {MOST_RECIPIENTS}")]
    TooManyRecipients(usize),
    /// There are no recipients at all.
    #[error("the `sops` block names no recipients")]
    NoRecipients,
}

impl Explain for MetadataError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoMac => Exit::MAC,
            _ => Exit::IO,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoMac => "mac-missing",
            _ => "bad-metadata",
        }
    }

    fn hints(&self) -> Vec<String> {
        vec!["`git log -p -- FILE` shows when the `sops` block was last changed".into()]
    }
}

impl Metadata {
    /// Reads a block as a store found it.
    pub fn from_block(block: &MetaBlock) -> Self {
        Self {
            fields: block.to_meta(),
        }
    }

    /// Metadata for a new file: recipients in groups, threshold, selector and whether the MAC
    /// covers encrypted values only. Fields are in alphabetical order, as sops 3.13 writes them.
    pub fn new(
        groups: &[Vec<KeyEntry>],
        threshold: Option<usize>,
        selector: Option<(&str, &str)>,
        mac_only_encrypted: bool,
    ) -> Self {
        let mut metadata = Self { fields: Vec::new() };
        metadata.set_groups(groups, threshold);
        if let Some((name, pattern)) = selector {
            metadata.set(name, Meta::Str(pattern.into()));
        }
        if mac_only_encrypted {
            metadata.set("mac_only_encrypted", Meta::Bool(true));
        }
        for name in ["lastmodified", "mac"] {
            metadata.set(name, Meta::Str(String::new()));
        }
        metadata.set("version", Meta::Str(VERSION.into()));
        metadata.fields.sort_by(|a, b| a.0.cmp(&b.0));
        metadata
    }

    /// The fields, in order.
    pub fn fields(&self) -> &[(String, Meta)] {
        &self.fields
    }

    /// Replaces all recipients. One group goes into the top-level lists, several into
    /// `key_groups`, as sops does.
    pub fn set_groups(&mut self, groups: &[Vec<KeyEntry>], threshold: Option<usize>) {
        self.fields.retain(|(name, _)| {
            !KEY_LISTS.contains(&name.as_str())
                && name != "key_groups"
                && name != "shamir_threshold"
        });
        if let [group] = groups {
            for (kind, list) in lists(group) {
                self.set(&kind, list);
            }
        } else {
            let groups = groups.iter().map(|group| Meta::Map(lists(group))).collect();
            self.set("key_groups", Meta::List(groups));
        }
        if let Some(threshold) = threshold.and_then(|number| i64::try_from(number).ok()) {
            self.set("shamir_threshold", Meta::Int(threshold));
        }
    }

    /// Replaces the recipients of a file: one key group, or several of which `threshold` are needed.
    /// Lists keep their place among the other fields, which stay.
    pub fn replace_recipients(&mut self, groups: &[Vec<KeyEntry>], threshold: Option<usize>) {
        let (mut new, several) = match groups {
            [group] => (lists(group), false),
            groups => {
                let groups = groups.iter().map(|group| Meta::Map(lists(group))).collect();
                (vec![("key_groups".into(), Meta::List(groups))], true)
            }
        };
        if let Some(number) = threshold.filter(|_| several) {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            new.push(("shamir_threshold".into(), Meta::Int(number)));
        }
        // A single group needs no threshold, and without top-level lists it had one.
        let in_groups = entries(&self.fields).is_ok_and(|entries| entries.is_empty());
        self.fields.retain_mut(|(name, value)| {
            let of_groups = name == "key_groups" || name == "shamir_threshold";
            if !of_groups && !is_key_list(name, value) {
                return true;
            }
            match new.iter().position(|(kind, _)| kind == name) {
                Some(at) => {
                    *value = new.swap_remove(at).1;
                    true
                }
                None if name == "shamir_threshold" => !several && !in_groups,
                None if name == "key_groups" => false,
                // sops 3.12 and older write empty lists.
                None => *value == Meta::Null || *value == Meta::List(Vec::new()),
            }
        });
        for (name, value) in new {
            self.set(&name, value);
        }
    }

    /// Sets a field in place; a new one comes before the first field that sorts after it.
    pub fn set(&mut self, name: &str, value: Meta) {
        if let Some((_, old)) = self.fields.iter_mut().find(|(field, _)| field == name) {
            *old = value;
            return;
        }
        let at = self
            .fields
            .iter()
            .position(|(field, _)| field.as_str() > name);
        self.fields
            .insert(at.unwrap_or(self.fields.len()), (name.into(), value));
    }

    /// Drops a field.
    pub fn unset(&mut self, name: &str) {
        self.fields.retain(|(field, _)| field != name);
    }

    /// The encrypted MAC.
    pub fn mac(&self) -> Result<&str, MetadataError> {
        self.text("mac")
            .filter(|mac| !mac.is_empty())
            .ok_or(MetadataError::NoMac)
    }

    /// When the file was last changed, as written.
    pub fn last_modified(&self) -> Result<&str, MetadataError> {
        self.text("lastmodified")
            .ok_or(MetadataError::Missing("lastmodified"))
    }

    /// Puts mvx's own version in the place of one over which sops would refuse the file.
    pub fn mend_version(&mut self) {
        if !self.version().is_ok_and(is_readable) {
            self.set("version", Meta::Str(VERSION.into()));
        }
    }

    /// The version of the program that created the file. sops refuses a file without one.
    pub fn version(&self) -> Result<&str, MetadataError> {
        self.text("version")
            .filter(|text| !text.is_empty())
            .ok_or(MetadataError::Missing("version"))
    }

    /// The encrypted spelling, where mvx left one.
    pub fn spelling(&self) -> Option<&str> {
        self.text(SPELLING)
    }

    /// The seal, where mvx left one. One that is no text counts as a text that no seal has.
    pub fn seal(&self) -> Option<&str> {
        match self.field(SEAL)? {
            Meta::Str(text) => Some(text),
            Meta::Null => None,
            _ => Some(""),
        }
    }

    /// The selector's field and pattern; `None` means SOPS's default.
    pub fn selector(&self) -> Result<Option<(&'static str, &str)>, MetadataError> {
        let mut found = None;
        for name in SELECTORS {
            let Some(pattern) = self.text(name).filter(|pattern| !pattern.is_empty()) else {
                continue;
            };
            if let Some((first, _)) = found.replace((name, pattern)) {
                return Err(MetadataError::TwoSelectors(first.into(), name.into()));
            }
        }
        Ok(found)
    }

    /// Whether the MAC covers encrypted values only.
    pub fn mac_only_encrypted(&self) -> Result<bool, MetadataError> {
        match self.field("mac_only_encrypted") {
            None | Some(Meta::Null) => Ok(false),
            Some(Meta::Bool(only)) => Ok(*only),
            // The flat stores keep text only; sops writes Go's spelling of a boolean there.
            Some(Meta::Str(text)) if text == "true" => Ok(true),
            Some(Meta::Str(text)) if text == "false" || text.is_empty() => Ok(false),
            Some(_) => Err(MetadataError::Malformed("mac_only_encrypted".into())),
        }
    }

    /// How many key groups must be opened; `None` for a file with one group.
    pub fn threshold(&self) -> Result<Option<usize>, MetadataError> {
        let malformed = || MetadataError::Malformed("shamir_threshold".into());
        match self.field("shamir_threshold") {
            None | Some(Meta::Null | Meta::Int(0)) => Ok(None),
            Some(Meta::Int(number)) => usize::try_from(*number).map(Some).map_err(|_| malformed()),
            Some(Meta::Str(text)) => text.parse().map(Some).map_err(|_| malformed()),
            Some(_) => Err(malformed()),
        }
    }

    /// The recipients: one group from the top-level lists where there are any, else the key
    /// groups.
    pub fn groups(&self) -> Result<Vec<Vec<KeyEntry>>, MetadataError> {
        let groups = self.key_groups()?;
        match groups.iter().map(Vec::len).sum() {
            0..=MOST_RECIPIENTS => Ok(groups),
            count => Err(MetadataError::TooManyRecipients(count)),
        }
    }

    fn key_groups(&self) -> Result<Vec<Vec<KeyEntry>>, MetadataError> {
        let group = entries(&self.fields)?;
        if !group.is_empty() {
            return Ok(vec![group]);
        }
        match self.field("key_groups") {
            Some(Meta::List(groups)) if !groups.is_empty() => groups
                .iter()
                .map(|group| match group {
                    Meta::Map(lists) => entries(lists),
                    _ => Err(MetadataError::Malformed("key_groups".into())),
                })
                .collect(),
            None | Some(Meta::Null | Meta::List(_)) => Err(MetadataError::NoRecipients),
            Some(_) => Err(MetadataError::Malformed("key_groups".into())),
        }
    }

    fn field(&self, name: &str) -> Option<&Meta> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.field(name)? {
            Meta::Str(text) => Some(text),
            _ => None,
        }
    }
}

impl KeyEntry {
    /// An age recipient and its wrapped key.
    pub fn age(recipient: &str, enc: &str) -> Self {
        let text = |text: &str| Meta::Str(text.into());
        Self {
            kind: "age".into(),
            fields: vec![
                ("enc".into(), text(enc)),
                ("recipient".into(), text(recipient)),
            ],
        }
    }

    /// A text field.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.fields.iter().find(|(field, _)| field == name)? {
            (_, Meta::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// The wrapped data key or share.
    pub fn enc(&self) -> Option<&str> {
        self.text("enc")
    }

    /// What names the recipient: its public key, ARN, resource or address.
    pub fn recipient(&self) -> String {
        let text = |name| {
            self.text(name)
                .filter(|text| !text.is_empty())
                .unwrap_or("unknown")
        };
        match self.kind.as_str() {
            "age" => text("recipient").into(),
            "pgp" => text("fp").into(),
            "kms" => text("arn").into(),
            "gcp_kms" => text("resource_id").into(),
            "hckms" => text("key_id").into(),
            "azure_kv" => {
                let key = format!("{}/keys/{}", text("vault_url"), text("name"));
                match self.text("version") {
                    Some(version) if !version.is_empty() => format!("{key}/{version}"),
                    _ => key,
                }
            }
            "hc_vault" => {
                let address = text("vault_address");
                format!(
                    "{address}/v1/{}/keys/{}",
                    text("engine_path"),
                    text("key_name")
                )
            }
            _ => ["recipient", "id", "name"]
                .iter()
                .find_map(|name| self.text(name))
                .unwrap_or("unknown")
                .into(),
        }
    }
}

/// The recipients in a set of lists. A list of maps that each hold `enc` is taken for a recipient
/// kind of a later SOPS.
fn entries(fields: &[(String, Meta)]) -> Result<Vec<KeyEntry>, MetadataError> {
    let mut entries = Vec::new();
    for (kind, value) in fields {
        let known = KEY_LISTS.contains(&kind.as_str());
        let Meta::List(list) = value else {
            if known && *value != Meta::Null {
                return Err(MetadataError::Malformed(kind.clone()));
            }
            continue;
        };
        for entry in list {
            match entry {
                Meta::Map(fields) if known || fields.iter().any(|(name, _)| name == "enc") => {
                    entries.push(KeyEntry {
                        kind: kind.clone(),
                        fields: fields.clone(),
                    });
                }
                _ if known => return Err(MetadataError::Malformed(kind.clone())),
                _ => {}
            }
        }
    }
    let order = |kind: &str| {
        KEY_LISTS
            .iter()
            .position(|list| *list == kind)
            .unwrap_or(usize::MAX)
    };
    entries.sort_by_key(|entry| order(&entry.kind));
    Ok(entries)
}

/// Whether a field holds recipients, also of a kind that mvx does not know.
fn is_key_list(name: &str, value: &Meta) -> bool {
    let wraps = |entry: &Meta| match entry {
        Meta::Map(fields) => fields.iter().any(|(name, _)| name == "enc"),
        _ => false,
    };
    KEY_LISTS.contains(&name) || matches!(value, Meta::List(list) if list.iter().any(wraps))
}

/// A group's recipients as lists by kind, in alphabetical order.
fn lists(group: &[KeyEntry]) -> Vec<(String, Meta)> {
    let mut lists: Vec<(String, Vec<Meta>)> = Vec::new();
    for entry in group {
        let value = Meta::Map(entry.fields.clone());
        match lists.iter_mut().find(|(kind, _)| *kind == entry.kind) {
            Some((_, list)) => list.push(value),
            None => lists.push((entry.kind.clone(), vec![value])),
        }
    }
    lists.sort_by(|a, b| a.0.cmp(&b.0));
    lists
        .into_iter()
        .map(|(kind, list)| (kind, Meta::List(list)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Meta {
        Meta::Str(text.into())
    }

    fn metadata(fields: &[(&str, Meta)]) -> Metadata {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).into(), value.clone()))
            .collect();
        Metadata { fields }
    }

    #[test]
    fn recipients_have_a_limit() {
        let metadata = |count: usize| {
            let entries = (0..count).map(|number| KeyEntry::age(&format!("age1{number}"), "x"));
            let (one, other): (Vec<_>, Vec<_>) = entries.partition(|it| it.recipient().len() > 7);
            Metadata::new(&[one, other], Some(2), None, false)
        };
        assert_eq!(metadata(MOST_RECIPIENTS).groups().unwrap().len(), 2);
        let error = metadata(MOST_RECIPIENTS + 1).groups().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the `sops` block names 5001 recipients; the limit is 5000"
        );
    }

    #[test]
    fn new_metadata_is_in_alphabetical_order() {
        let entry = KeyEntry::age("age1example", "armour");
        let metadata = Metadata::new(&[vec![entry]], None, Some(("encrypted_regex", "^a")), true);
        let names: Vec<&str> = metadata
            .fields()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let expected = [
            "age",
            "encrypted_regex",
            "lastmodified",
            "mac",
            "mac_only_encrypted",
            "version",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn top_level_lists_win_over_key_groups() {
        let entry =
            |recipient: &str| Meta::List(vec![Meta::Map(KeyEntry::age(recipient, "x").fields)]);
        let both = metadata(&[
            (
                "key_groups",
                Meta::List(vec![Meta::Map(vec![("age".into(), entry("b"))])]),
            ),
            ("age", entry("a")),
        ]);
        let groups = both.groups().unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0][0].recipient(), "a");
    }

    #[test]
    fn recipients_of_unknown_kinds_are_seen_and_kept() {
        let later = Meta::List(vec![Meta::Map(vec![
            ("id".into(), text("moon-1")),
            ("enc".into(), text("abc")),
        ])]);
        let metadata = metadata(&[("moon_kms", later.clone()), ("version", text("9.0.0"))]);
        let groups = metadata.groups().unwrap();
        assert_eq!(groups[0][0].kind, "moon_kms");
        assert_eq!(groups[0][0].recipient(), "moon-1");
        assert_eq!(metadata.fields()[0].1, later);
    }

    #[test]
    fn two_selectors_exclude_each_other() {
        let both = metadata(&[
            ("encrypted_regex", text("a")),
            ("unencrypted_suffix", text("b")),
        ]);
        assert!(matches!(
            both.selector(),
            Err(MetadataError::TwoSelectors(..))
        ));
    }

    #[test]
    fn a_new_field_keeps_the_order_of_the_others() {
        let mut metadata = metadata(&[
            ("mac", text("m")),
            ("version", text("3.11.0")),
            ("age", Meta::List(vec![])),
        ]);
        metadata.set(SPELLING, text("s"));
        let names: Vec<&str> = metadata
            .fields()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["mac", SPELLING, "version", "age"]);
    }
}
