//! `.sops.yaml` (SOPS-FORMAT 2.1), with what sops lets pass and should not: unknown fields, bad
//! regexes, selectors that can match nothing, several selectors at once.

use super::error::RulesError;
use super::files::{self, FileRule, Matcher};
use super::glob::path_regex;
use super::node::{Entry, Fields, Lined, Node, Value};
use super::recipient::{Extras, RecipientKind, RecipientSpec};
use super::{Content, Warning, yaml_text};

const TOP: &[&str] = &["creation_rules", "destination_rules", "stores"];

const KEY_LISTS: &[&str] = &[
    "kms",
    "age",
    "pgp",
    "gcp_kms",
    "azure_keyvault",
    "hc_vault_transit_uri",
    "hckms",
];

const CREATION_RULE: &[&str] = &[
    "path_regex",
    "kms",
    "aws_profile",
    "age",
    "pgp",
    "gcp_kms",
    "hckms",
    "azure_keyvault",
    "hc_vault_transit_uri",
    "key_groups",
    "shamir_threshold",
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
    "mac_only_encrypted",
];

const KEY_GROUP: &[&str] = &[
    "merge",
    "kms",
    "gcp_kms",
    "hckms",
    "azure_keyvault",
    "hc_vault",
    "age",
    "pgp",
];

const DESTINATION_RULE: &[&str] = &[
    "path_regex",
    "s3_bucket",
    "s3_prefix",
    "gcs_bucket",
    "gcs_prefix",
    "vault_path",
    "vault_address",
    "vault_kv_mount_name",
    "vault_kv_version",
    "recreation_rule",
    "omit_extensions",
];

/// Reads `.sops.yaml`.
pub(super) fn read(text: &str) -> Result<Content, RulesError> {
    let mut root = yaml_text::parse(text)?;
    set_anchors_aside(&mut root, text);
    let mut fields = Fields::new(root, "", TOP)?;
    let mut reader = Reader::default();
    for node in fields.nodes("creation_rules")? {
        let rule = reader.creation_rule(node)?;
        reader.content.files.push(rule);
    }
    for node in fields.nodes("destination_rules")? {
        reader.destination_rule(node)?;
    }
    if let Some(entry) = fields.take("stores") {
        stores(entry.node)?;
    }
    Ok(reader.content)
}

/// Takes out the top-level entries of other names that only hold anchors, as many repositories
/// have them (`keys: [&ana age1…]`); sops ignores them. What has no anchor is left to be refused.
fn set_anchors_aside(root: &mut Node, text: &str) {
    let Value::Table(entries) = &mut root.value else {
        return;
    };
    let lines: Vec<&str> = text.lines().collect();
    let starts: Vec<usize> = entries.iter().map(|entry| entry.line).collect();
    entries.retain(|entry| {
        let end = starts.iter().find(|start| **start > entry.line);
        let block = lines
            .iter()
            .take(end.map_or(lines.len(), |end| end - 1))
            .skip(entry.line - 1);
        TOP.contains(&entry.name.as_str()) || !block.into_iter().any(|line| has_anchor(line))
    });
}

/// Whether an anchor (`&name`) stands in a line, outside comments.
fn has_anchor(line: &str) -> bool {
    let content = line.split(" #").next().unwrap_or_default();
    content
        .split([' ', '\t', '[', ',', '{'])
        .any(|word| word.len() > 1 && word.starts_with('&'))
}

#[derive(Default)]
struct Reader {
    content: Content,
}

impl Reader {
    fn creation_rule(&mut self, node: Node) -> Result<FileRule, RulesError> {
        let mut fields = Fields::new(node, "a creation rule", CREATION_RULE)?;
        let matcher = match fields.optional("path_regex")? {
            Some(regex) if !regex.value.is_empty() => {
                Matcher::Regex(path_regex("path_regex", &regex)?.value)
            }
            _ => Matcher::Always,
        };
        let groups = self.groups(&mut fields)?;
        // sops takes 0 for "all", and looks at the threshold only where there are groups.
        let threshold = fields.integer("shamir_threshold")?;
        let threshold = threshold.filter(|threshold| threshold.value != 0 && groups.len() > 1);
        Ok(FileRule {
            line: fields.line,
            matcher,
            environment: None,
            threshold: files::check_threshold(threshold.as_ref(), groups.len())?,
            groups,
            selector: fields.selector()?,
            mac_only_encrypted: fields.yaml_boolean("mac_only_encrypted")?,
            rotate_after: None,
            format: None,
        })
    }

    /// The key groups of a rule: its `key_groups`, else one of its flat fields.
    fn groups(&mut self, fields: &mut Fields) -> Result<Vec<Vec<usize>>, RulesError> {
        let mut groups = Vec::new();
        for node in fields.nodes("key_groups")? {
            let mut group = Vec::new();
            self.key_group(node, &mut group)?;
            groups.push(group);
        }
        let given = fields.given(KEY_LISTS);
        let mut flat = Vec::new();
        self.flat(fields, &mut flat)?;
        if groups.is_empty() {
            groups.push(flat);
        } else {
            let why = "sops ignores it beside `key_groups`";
            self.content
                .warnings
                .extend(given.into_iter().map(|(line, field)| Warning::NotUsed {
                    line,
                    field: field.into(),
                    why,
                }));
        }
        Ok(groups)
    }

    /// The fields of a creation rule that are one key group, in sops's order.
    fn flat(&mut self, fields: &mut Fields, group: &mut Vec<usize>) -> Result<(), RulesError> {
        for key in fields.keys("age")? {
            self.add_age(key, group);
        }
        for key in fields.keys("pgp")? {
            self.add(RecipientKind::Pgp, key, Extras::default(), group);
        }
        let profile = fields.optional("aws_profile")?.map(|text| text.value);
        let profile = profile.filter(|profile| !profile.is_empty());
        for key in fields.keys("kms")? {
            // `ARN+ARN of the role`
            let (arn, role) = match key.value.split_once("+arn:") {
                Some((arn, role)) => (arn.to_owned(), Some(format!("arn:{role}"))),
                None => (key.value, None),
            };
            let extras = Extras {
                role,
                profile: profile.clone(),
                ..Extras::default()
            };
            let key = Lined {
                line: key.line,
                value: arn,
            };
            self.add(RecipientKind::AwsKms, key, extras, group);
        }
        for (field, kind) in [
            ("gcp_kms", RecipientKind::GcpKms),
            ("hckms", RecipientKind::HuaweiKms),
            ("azure_keyvault", RecipientKind::AzureKv),
            ("hc_vault_transit_uri", RecipientKind::Vault),
        ] {
            for key in fields.keys(field)? {
                self.add(kind, key, Extras::default(), group);
            }
        }
        Ok(())
    }

    /// One entry of `key_groups`, with what it merges.
    fn key_group(&mut self, node: Node, group: &mut Vec<usize>) -> Result<(), RulesError> {
        let mut fields = Fields::new(node, "a key group", KEY_GROUP)?;
        for node in fields.nodes("merge")? {
            self.key_group(node, group)?;
        }
        for key in fields.keys("age")? {
            self.add_age(key, group);
        }
        for key in fields.keys("pgp")? {
            self.add(RecipientKind::Pgp, key, Extras::default(), group);
        }
        for node in fields.nodes("kms")? {
            let known = &["arn", "role", "context", "aws_profile"];
            let mut kms = Fields::new(node, "a KMS key", known)?;
            let arn = kms.needed("arn")?;
            let extras = Extras {
                role: kms.optional_word("role")?,
                context: context(&mut kms)?,
                profile: kms.optional_word("aws_profile")?,
                unbelieved_endpoint: None,
            };
            self.add(RecipientKind::AwsKms, arn, extras, group);
        }
        for node in fields.nodes("gcp_kms")? {
            let key =
                Fields::new(node, "a GCP KMS key", &["resource_id"])?.needed("resource_id")?;
            self.add(RecipientKind::GcpKms, key, Extras::default(), group);
        }
        for node in fields.nodes("hckms")? {
            let key = Fields::new(node, "a Huawei KMS key", &["key_id"])?.needed("key_id")?;
            self.add(RecipientKind::HuaweiKms, key, Extras::default(), group);
        }
        for node in fields.nodes("azure_keyvault")? {
            let known = &["vaultUrl", "key", "version"];
            let mut azure = Fields::new(node, "a Key Vault key", known)?;
            let (url, name) = (azure.needed("vaultUrl")?, azure.needed("key")?);
            let version = azure.optional_word("version")?;
            let version = version.map_or_else(String::new, |version| format!("/{version}"));
            let key = url
                .map(|url| format!("{}/keys/{}{version}", url.trim_end_matches('/'), name.value));
            self.add(RecipientKind::AzureKv, key, Extras::default(), group);
        }
        for key in fields.keys("hc_vault")? {
            self.add(RecipientKind::Vault, key, Extras::default(), group);
        }
        Ok(())
    }

    fn add_age(&mut self, key: Lined<String>, group: &mut Vec<usize>) {
        let kind = if key.value.starts_with("ssh-") {
            RecipientKind::Ssh
        } else {
            RecipientKind::Age
        };
        self.add(kind, key, Extras::default(), group);
    }

    /// Puts a key into the register and into a group, each once.
    fn add(
        &mut self,
        kind: RecipientKind,
        key: Lined<String>,
        extras: Extras,
        group: &mut Vec<usize>,
    ) {
        let register = &mut self.content.recipients;
        let known = register.iter().position(|known| {
            known.kind == kind && known.value == key.value && known.extras == extras
        });
        let at = known.unwrap_or(register.len());
        if known.is_none() {
            register.push(RecipientSpec {
                name: None,
                kind,
                value: key.value,
                owner: None,
                expires: None,
                extras,
                line: key.line,
            });
        }
        if !group.contains(&at) {
            group.push(at);
        }
    }

    /// A destination rule, for `sops publish`: checked, and not used.
    fn destination_rule(&mut self, node: Node) -> Result<(), RulesError> {
        let mut fields = Fields::new(node, "a destination rule", DESTINATION_RULE)?;
        if let Some(regex) = fields.optional("path_regex")?
            && !regex.value.is_empty()
        {
            path_regex("path_regex", &regex)?;
        }
        fields.one_of(&["s3_bucket", "gcs_bucket", "vault_path"])?;
        fields.integer("vault_kv_version")?;
        fields.yaml_boolean("omit_extensions")?;
        if let Some(entry) = fields.take("recreation_rule") {
            Self::default().creation_rule(entry.node)?;
        }
        for field in DESTINATION_RULE {
            fields.optional(field)?;
        }
        self.content.warnings.push(Warning::NotUsed {
            line: fields.line,
            field: "destination_rules".into(),
            why: "mvx does not publish",
        });
        Ok(())
    }
}

/// `stores`, which says how sops indents; mvx keeps every file's own indentation.
fn stores(node: Node) -> Result<(), RulesError> {
    let known = ["yaml", "json", "json_binary", "dotenv", "ini"];
    let mut fields = Fields::new(node, "stores", &known)?;
    for store in known {
        let Some(Entry { node, .. }) = fields.take(store) else {
            continue;
        };
        if matches!(node.value, Value::Null) {
            continue;
        }
        let known: &[&str] = match store {
            "dotenv" | "ini" => &[],
            _ => &["indent"],
        };
        Fields::new(node, &format!("stores.{store}"), known)?.integer("indent")?;
    }
    Ok(())
}

fn context(kms: &mut Fields) -> Result<Vec<(String, String)>, RulesError> {
    let Some(entry) = kms.take("context") else {
        return Ok(Vec::new());
    };
    if matches!(entry.node.value, Value::Null) {
        return Ok(Vec::new());
    }
    let entries = entry.node.table("context")?.into_iter();
    let texts = entries.map(|entry| {
        let text = entry
            .node
            .text(&format!("context.{}", entry.name), "text")?;
        Ok((entry.name, text.value))
    });
    texts.collect()
}

/// YAML's looser ways: what is null is not there.
impl Fields {
    fn taken(&mut self, field: &str) -> Option<Entry> {
        self.take(field)
            .filter(|entry| !matches!(entry.node.value, Value::Null))
    }

    fn optional(&mut self, field: &str) -> Result<Option<Lined<String>>, RulesError> {
        self.taken(field)
            .map(|entry| entry.node.text(field, "text"))
            .transpose()
    }

    fn optional_word(&mut self, field: &str) -> Result<Option<String>, RulesError> {
        let text = self.optional(field)?.map(|text| text.value);
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn needed(&mut self, field: &str) -> Result<Lined<String>, RulesError> {
        self.optional(field)?
            .ok_or_else(|| self.missing(format!("`{field}`")))
    }

    fn nodes(&mut self, field: &str) -> Result<Vec<Node>, RulesError> {
        let list = self
            .taken(field)
            .map(|entry| entry.node.list(field, "a list"))
            .transpose()?;
        Ok(list.map_or_else(Vec::new, |list| list.value))
    }

    /// Keys, as a list or as text with commas.
    fn keys(&mut self, field: &str) -> Result<Vec<Lined<String>>, RulesError> {
        let Some(entry) = self.taken(field) else {
            return Ok(Vec::new());
        };
        let nodes = match entry.node.value {
            Value::List(nodes) => nodes,
            value => vec![Node {
                line: entry.node.line,
                value,
            }],
        };
        let mut keys = Vec::new();
        for node in nodes {
            let text = node.text(field, "text, or a list of texts")?;
            let parts = text.value.split(',').map(str::trim);
            keys.extend(parts.filter(|key| !key.is_empty()).map(|key| Lined {
                line: text.line,
                value: key.to_owned(),
            }));
        }
        Ok(keys)
    }

    /// A boolean, also in the words of YAML 1.1, as sops's parser takes them.
    fn yaml_boolean(&mut self, field: &str) -> Result<bool, RulesError> {
        let Some(mut entry) = self.taken(field) else {
            return Ok(false);
        };
        if let Value::Text(text) = &entry.node.value {
            match text.to_ascii_lowercase().as_str() {
                "y" | "yes" | "on" => entry.node.value = Value::Boolean(true),
                "n" | "no" | "off" => entry.node.value = Value::Boolean(false),
                _ => {}
            }
        }
        entry.node.boolean(field).map(|value| value.value)
    }
}

#[cfg(test)]
mod tests;
