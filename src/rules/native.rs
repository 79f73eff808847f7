//! `.sops-rules.toml`, whole.

use super::cycle::cycle;
use super::error::RulesError;
use super::files::{self, Access, FileRule};
use super::node::{Entry, Fields, Lined, Node, Value, distinct};
use super::notify::Notify;
use super::profile::{self, Profile};
use super::recipient::{self, Extras, RecipientKind, RecipientSpec};
use super::scan::ScanRules;
use super::secrets::SecretsRule;
use super::words::nearest;
use super::{Content, Group, Warning, toml_text};

const FIELDS: &[&str] = &[
    "version",
    "seal",
    "audit",
    "recipients",
    "groups",
    "files",
    "secrets",
    "env",
    "scan",
    "notify",
];

const WISHES: &[&str] = &["required", "optional"];

/// Reads `.sops-rules.toml`.
pub(super) fn read(text: &str) -> Result<Content, RulesError> {
    let mut fields = Fields::new(toml_text::parse(text)?, "", FIELDS)?;
    version(&mut fields)?;
    let mut required = |field| {
        let wish = fields.word(field, WISHES)?;
        Ok(wish.is_some_and(|wish| wish.value == "required"))
    };
    let (seal_required, audit_required) = (required("seal")?, required("audit")?);

    let mut warnings = Vec::new();
    let register = Register::read(&mut fields, &mut warnings)?;
    let mut rules: Vec<FileRule> = Vec::new();
    for node in fields.tables("files")? {
        let rule = files::read(node, |access| register.resolve(access))?;
        let same = |first: &&FileRule| first.matcher.source() == rule.matcher.source();
        if let Some(first) = rules.iter().find(same) {
            return Err(RulesError::Duplicate {
                line: rule.line,
                what: format!("the path `{}`", rule.matcher.source()),
                first_line: first.line,
            });
        }
        rules.push(rule);
    }
    let environments = Environments::check(&rules)?;
    let secrets = fields.tables("secrets")?.into_iter().map(|node| {
        SecretsRule::read(node, |fields| {
            let name = fields.some_text("environment")?;
            name.map(|name| environments.known(name)).transpose()
        })
    });
    let secrets = secrets.collect::<Result<_, _>>()?;
    let profiles = named(&mut fields, "env")?
        .into_iter()
        .map(|(name, node)| Profile::read(name, node))
        .collect::<Result<Vec<_>, _>>()?;
    profile::check(&profiles)?;
    let notify = named(&mut fields, "notify")?
        .into_iter()
        .map(|(name, node)| Notify::read(name, node))
        .collect::<Result<_, _>>()?;
    let scan = fields.take("scan").map(|entry| ScanRules::read(entry.node));

    Ok(Content {
        recipients: register.recipients,
        groups: register.groups,
        files: rules,
        secrets,
        profiles,
        scan: scan.transpose()?.unwrap_or_default(),
        notify,
        seal_required,
        audit_required,
        warnings,
    })
}

fn version(fields: &mut Fields) -> Result<(), RulesError> {
    match fields.integer("version")? {
        Some(Lined { value: 1, .. }) => Ok(()),
        Some(Lined { line, value }) => Err(RulesError::Version {
            line,
            version: value,
        }),
        None => {
            fields.place = "the file".into();
            Err(fields.missing("`version = 1`"))
        }
    }
}

/// The entries of a table of tables, their names checked.
fn named(fields: &mut Fields, field: &str) -> Result<Vec<(Lined<String>, Node)>, RulesError> {
    let entries = fields.entries(field)?.into_iter();
    entries.map(name).collect()
}

/// Whether this may be the name of a recipient, a group, a profile or a destination.
pub(super) fn is_name(name: &str) -> bool {
    let sound = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    !name.is_empty() && name.chars().all(sound)
}

fn name(entry: Entry) -> Result<(Lined<String>, Node), RulesError> {
    let Entry { name, line, node } = entry;
    if !is_name(&name) {
        return Err(RulesError::BadName { line, name });
    }
    Ok((Lined { line, value: name }, node))
}

/// Recipients and groups.
#[derive(Default)]
struct Register {
    recipients: Vec<RecipientSpec>,
    groups: Vec<Group>,
}

impl Register {
    fn read(fields: &mut Fields, warnings: &mut Vec<Warning>) -> Result<Self, RulesError> {
        let mut register = Self::default();
        for (name, node) in named(fields, "recipients")? {
            let recipient = read_recipient(name, node)?;
            // An SSH key's comment is not part of it.
            let key = |recipient: &RecipientSpec| {
                let mut words = recipient.value.split_ascii_whitespace();
                (
                    words.next().map(str::to_owned),
                    words.next().map(str::to_owned),
                )
            };
            let same = |first: &&RecipientSpec| {
                first.kind == recipient.kind
                    && key(first) == key(&recipient)
                    && first.extras == recipient.extras
            };
            if let Some(first) = register.recipients.iter().find(same) {
                return Err(RulesError::Duplicate {
                    line: recipient.line,
                    what: format!("the key of `{}`", recipient.display_name()),
                    first_line: first.line,
                });
            }
            if recipient.extras.unbelieved_endpoint.is_some() {
                warnings.push(Warning::EndpointNotBelieved {
                    line: recipient.line,
                    recipient: recipient.display_name().into(),
                });
            }
            register.recipients.push(recipient);
        }
        register.read_groups(fields)?;
        Ok(register)
    }

    fn read_groups(&mut self, fields: &mut Fields) -> Result<(), RulesError> {
        let mut members: Vec<Vec<Lined<String>>> = Vec::new();
        for entry in fields.entries("groups")? {
            let (name, node) = name(entry)?;
            if let Some(first) = self.recipient(&name.value) {
                return Err(RulesError::Duplicate {
                    line: name.line,
                    what: format!("the name `{}`", name.value),
                    first_line: self.recipients.get(first).map_or(0, |first| first.line),
                });
            }
            let list = node.texts(&name.value)?;
            if list.value.is_empty() {
                return Err(RulesError::Empty {
                    line: list.line,
                    what: format!("group `{}`", name.value),
                });
            }
            distinct(&name.value, &list.value)?;
            self.groups.push(Group {
                name: name.value,
                line: name.line,
                members: list.value.iter().map(|text| text.value.clone()).collect(),
            });
            members.push(list.value);
        }
        for member in members.iter().flatten() {
            self.known(member)?;
        }
        let inside = |name: &str| {
            let group = self.groups.iter().find(|group| group.name == name);
            group.map_or_else(Vec::new, |group| {
                group.members.iter().map(String::as_str).collect()
            })
        };
        for group in &self.groups {
            if let Some(way) = cycle(&group.name, inside) {
                return Err(RulesError::Cycle {
                    line: group.line,
                    what: "group",
                    name: group.name.clone(),
                    way: way.join(" → "),
                });
            }
        }
        Ok(())
    }

    fn recipient(&self, name: &str) -> Option<usize> {
        self.recipients
            .iter()
            .position(|recipient| recipient.name.as_deref() == Some(name))
    }

    fn known(&self, name: &Lined<String>) -> Result<(), RulesError> {
        let groups = self.groups.iter().map(|group| group.name.as_str());
        if self.recipient(&name.value).is_some() || groups.clone().any(|known| known == name.value)
        {
            return Ok(());
        }
        let recipients = self.recipients.iter().map(RecipientSpec::display_name);
        Err(RulesError::UnknownName {
            line: name.line,
            what: "recipient or group",
            name: name.value.clone(),
            nearest: nearest(&name.value, groups.chain(recipients)),
        })
    }

    /// The recipients behind the names of a `[[files]]` table, group by group, each once.
    fn resolve(&self, access: &Access) -> Result<Vec<Vec<usize>>, RulesError> {
        let mut resolved: Vec<Vec<usize>> = Vec::new();
        for names in &access.groups {
            distinct("recipients", &names.value)?;
            for name in &names.value {
                self.known(name)?;
            }
            let group = self.expand(names.value.iter().map(|name| name.value.as_str()));
            let twice = group
                .iter()
                .find(|at| resolved.iter().flatten().any(|earlier| earlier == *at));
            if let Some(recipient) = twice.and_then(|at| self.recipients.get(*at)) {
                return Err(RulesError::TwoGroups {
                    line: names.line,
                    name: recipient.display_name().into(),
                });
            }
            resolved.push(group);
        }
        Ok(resolved)
    }

    /// Recipients by their place in the register, in the order of the names, each once.
    fn expand<'a>(&'a self, names: impl DoubleEndedIterator<Item = &'a str>) -> Vec<usize> {
        let mut open: Vec<&str> = names.rev().collect();
        let mut seen: Vec<&str> = Vec::new();
        let mut recipients = Vec::new();
        while let Some(name) = open.pop() {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            if let Some(at) = self.recipient(name) {
                recipients.push(at);
            } else if let Some(group) = self.groups.iter().find(|group| group.name == name) {
                open.extend(group.members.iter().rev().map(String::as_str));
            }
        }
        recipients
    }
}

fn read_recipient(name: Lined<String>, node: Node) -> Result<RecipientSpec, RulesError> {
    let kinds = RecipientKind::NATIVE.map(RecipientKind::field);
    let extras = ["role", "context", "profile", "endpoint"];
    let known: Vec<&str> = kinds
        .into_iter()
        .chain(["owner", "expires"])
        .chain(extras)
        .collect();
    let mut fields = Fields::new(node, &format!("[recipients.{}]", name.value), &known)?;
    fields.line = name.line;
    let field = match fields.given(&kinds).as_slice() {
        [] => {
            let (last, first) = kinds.split_last().unwrap_or((&"", &[]));
            return Err(fields.missing(format!("key (`{}` or `{last}`)", first.join("`, `"))));
        }
        [(_, field)] => *field,
        [(_, first), (line, second), ..] => {
            return Err(RulesError::TwoKeys {
                line: *line,
                name: name.value,
                first,
                second,
            });
        }
    };
    let kind = RecipientKind::NATIVE
        .into_iter()
        .find(|kind| kind.field() == field)
        .unwrap_or(RecipientKind::Age);
    if let Some((line, field)) = fields.given(&extras).first()
        && kind != RecipientKind::AwsKms
    {
        return Err(RulesError::NotOfThisKind {
            line: *line,
            field,
            kind: RecipientKind::AwsKms.field(),
        });
    }
    let value = match fields.text(field)? {
        Some(text) => recipient::check(kind, &text)?,
        None => String::new(),
    };
    let mut context = Vec::new();
    for entry in fields.entries("context")? {
        let text = match entry.node.value {
            Value::Text(text) => text,
            _ => {
                entry
                    .node
                    .text(&format!("context.{}", entry.name), "text")?
                    .value
            }
        };
        context.push((entry.name, text));
    }
    let mut text = |field| Ok(fields.some_text(field)?.map(|text| text.value));
    Ok(RecipientSpec {
        kind,
        value,
        extras: Extras {
            role: text("role")?,
            context,
            profile: text("profile")?,
            unbelieved_endpoint: text("endpoint")?,
        },
        owner: text("owner")?,
        expires: fields.date("expires")?.map(|date| date.value),
        name: Some(name.value),
        line: name.line,
    })
}

/// The environments that `[[files]]` tables declare.
struct Environments(Vec<String>);

impl Environments {
    /// Collects them, and checks the order of rotation between them.
    fn check(rules: &[FileRule]) -> Result<Self, RulesError> {
        let mut names: Vec<String> = Vec::new();
        for name in rules.iter().filter_map(|rule| rule.environment.as_ref()) {
            if !names.contains(&name.value) {
                names.push(name.value.clone());
            }
        }
        let environments = Self(names);
        for name in rules.iter().filter_map(|rule| rule.rotate_after.clone()) {
            environments.known(name)?;
        }
        let before = |name: &str| {
            let of = |rule: &&FileRule| {
                rule.environment
                    .as_ref()
                    .is_some_and(|environment| environment.value == name)
            };
            rules
                .iter()
                .filter(of)
                .filter_map(|rule| rule.rotate_after.as_ref())
                .map(|name| name.value.as_str())
                .collect()
        };
        for rule in rules {
            let (Some(name), Some(after)) = (&rule.environment, &rule.rotate_after) else {
                continue;
            };
            if let Some(way) = cycle(&name.value, before) {
                return Err(RulesError::Cycle {
                    line: after.line,
                    what: "environment",
                    name: name.value.clone(),
                    way: way.join(" → "),
                });
            }
        }
        Ok(environments)
    }

    fn known(&self, name: Lined<String>) -> Result<String, RulesError> {
        if self.0.contains(&name.value) {
            return Ok(name.value);
        }
        Err(RulesError::UnknownName {
            line: name.line,
            what: "environment",
            nearest: nearest(&name.value, self.0.iter().map(String::as_str)),
            name: name.value,
        })
    }
}
