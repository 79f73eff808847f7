//! Changes to the text of `.sops-rules.toml`: somebody comes, goes, or has another key.
//!
//! The text is edited, not written anew: comments, blank lines, order and quotes stay. What comes
//! out is read again and must say exactly what it said before but for that change; else nothing
//! comes out, and the way is to edit the file by hand.

mod error;
mod text;

use jiff::civil::Date;
use toml::{Table, Value};

use super::error::RulesError;
use super::native::is_name;
use super::recipient::{Extras, RecipientKind, RecipientSpec};
use super::words::nearest;
use super::{Origin, RULES_FILE, Rules};
use text::{List, entered, without_entry, without_one};

pub use error::EditError;

/// Somebody who is to be entered.
pub struct NewRecipient<'a> {
    /// The name.
    pub name: &'a str,
    /// The kind of key.
    pub kind: RecipientKind,
    /// The public key or resource.
    pub key: &'a str,
    /// What goes with a key of AWS KMS.
    pub extras: &'a Extras,
    /// Who answers for it.
    pub owner: Option<&'a str>,
    /// The last day of access.
    pub expires: Option<Date>,
    /// The groups that get the name.
    pub groups: &'a [String],
    /// The environments whose `[[files]]` tables get the name.
    pub environments: &'a [String],
}

/// Rules from which somebody was taken out.
#[derive(Debug, PartialEq, Eq)]
pub struct Removed {
    /// The new text.
    pub text: String,
    /// Groups that went too, because nobody else was in them.
    pub groups: Vec<String>,
}

/// Enters a recipient, and its name into groups and tables.
pub fn add_recipient(text: &str, new: &NewRecipient<'_>) -> Result<String, EditError> {
    let old = load(text)?;
    let name = new.name;
    must_be_new(&old, new)?;
    let mut wanted = model(text)?;
    let mut entry = Table::new();
    entry.insert(new.kind.field().into(), new.key.into());
    let extras = [("role", &new.extras.role), ("profile", &new.extras.profile)];
    for (field, text) in extras {
        if let Some(text) = text {
            entry.insert(field.into(), text.as_str().into());
        }
    }
    if !new.extras.context.is_empty() {
        let pairs = new.extras.context.iter();
        let pairs = pairs.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        entry.insert("context".into(), Value::Table(pairs.collect()));
    }
    if let Some(owner) = new.owner {
        entry.insert("owner".into(), owner.into());
    }
    if let Some(day) = new.expires {
        entry.insert("expires".into(), Value::Datetime(toml_date(day)));
    }
    let register = wanted
        .entry("recipients")
        .or_insert(Value::Table(Table::new()));
    if let Some(register) = register.as_table_mut() {
        register.insert(name.into(), Value::Table(entry));
    }
    let mut text = entered(text, new)?;
    let mut lists = Vec::new();
    for group in new.groups {
        let known: Vec<String> = old
            .groups()
            .iter()
            .map(|group| group.name.clone())
            .collect();
        if !known.contains(group) {
            return Err(EditError::NoSuchGroup {
                nearest: nearest(group, known.iter().map(String::as_str)),
                name: group.clone(),
                known,
            });
        }
        lists.push(List::Group(group));
    }
    for environment in new.environments {
        let known = old.environments();
        if !known.contains(&environment.as_str()) {
            return Err(EditError::NoSuchEnvironment {
                name: environment.clone(),
                nearest: nearest(environment, known.iter().copied()),
                known: known.into_iter().map(str::to_owned).collect(),
            });
        }
        for (at, rule) in old.content.files.iter().enumerate() {
            let named = rule.environment.as_ref().map(|name| &name.value);
            if named != Some(environment) {
                continue;
            }
            if rule.groups.len() > 1 {
                return Err(EditError::KeyGroups {
                    line: rule.line,
                    name: name.into(),
                });
            }
            lists.push(List::Files(at));
        }
    }
    for list in lists {
        let Some(members) = list.of(&mut wanted) else {
            return Err(EditError::ByHand);
        };
        if members.iter().any(|member| member.as_str() == Some(name)) {
            continue;
        }
        members.push(name.into());
        text = list.appended(&text, name)?;
    }
    checked(text, &wanted)
}

/// Takes a recipient out of the register, of all groups and of all tables. Groups in which nobody
/// else was go too.
pub fn remove_recipient(text: &str, name: &str) -> Result<Removed, EditError> {
    let old = load(text)?;
    must_be_known(&old, name)?;
    let mut gone: Vec<&str> = vec![name];
    while let Some(empty) = old.groups().iter().find(|group| {
        let is_gone = |member: &String| gone.contains(&member.as_str());
        !gone.contains(&group.name.as_str()) && group.members.iter().all(is_gone)
    }) {
        gone.push(&empty.name);
    }
    let mut wanted = model(text)?;
    remove_names(&mut wanted, &gone, &old)?;
    let mut text = text.to_owned();
    for name in &gone {
        while let Some(next) = without_one(&text, name)? {
            text = next;
        }
    }
    text = without_entry(&text, "recipients", name)?;
    for group in gone.iter().skip(1) {
        text = without_entry(&text, "groups", group)?;
    }
    let groups = gone.iter().skip(1).map(|name| (*name).to_owned()).collect();
    Ok(Removed {
        text: checked(text, &wanted)?,
        groups,
    })
}

/// Gives a recipient another key; name, groups, owner and comments stay.
pub fn replace_key(
    text: &str,
    name: &str,
    kind: RecipientKind,
    key: &str,
) -> Result<String, EditError> {
    let old = load(text)?;
    let spec = must_be_known(&old, name)?;
    for other in old.recipients() {
        if other.name != spec.name && same_key(&other.value, key) {
            return Err(EditError::KeyTaken {
                line: other.line,
                name: other.display_name().into(),
            });
        }
    }
    let mut wanted = model(text)?;
    let entry = wanted
        .get_mut("recipients")
        .and_then(|register| register.get_mut(name))
        .and_then(Value::as_table_mut);
    if let Some(entry) = entry {
        entry.remove(spec.kind.field());
        entry.insert(kind.field().into(), key.into());
    }
    let text = text::with_key(text, name, spec.kind, kind, key)?;
    checked(text, &wanted)
}

/// How a private key begins, where the text is one.
fn private_beginning(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_uppercase();
    let mut beginnings = ["AGE-SECRET-KEY-", "AGE-PLUGIN-"].into_iter();
    beginnings.find(|beginning| text.contains(beginning))
}

fn must_be_new(rules: &Rules, new: &NewRecipient<'_>) -> Result<(), EditError> {
    let name = new.name;
    // Typed in the wrong place: it would be committed.
    if let Some(beginning) = private_beginning(name) {
        let name = format!("{beginning}…");
        return Err(EditError::BadName { name });
    }
    if !is_name(name) {
        return Err(EditError::BadName { name: name.into() });
    }
    let taken = |line, what| EditError::NameTaken {
        line,
        what,
        name: name.into(),
    };
    for spec in rules.recipients() {
        let other = spec.display_name();
        if other == name {
            return Err(taken(spec.line, "recipient"));
        }
        if same_key(&spec.value, new.key) {
            return Err(EditError::KeyTaken {
                line: spec.line,
                name: other.into(),
            });
        }
    }
    match rules.groups().iter().find(|group| group.name == name) {
        Some(group) => Err(taken(group.line, "group")),
        None => Ok(()),
    }
}

fn must_be_known<'r>(rules: &'r Rules, name: &str) -> Result<&'r RecipientSpec, EditError> {
    let mut register = rules.recipients().iter();
    let found = register.find(|spec| spec.name.as_deref() == Some(name));
    found.ok_or_else(|| EditError::NoSuchRecipient {
        name: name.into(),
        nearest: nearest(
            name,
            rules.recipients().iter().map(RecipientSpec::display_name),
        ),
    })
}

/// The model without these names: in lists, in the register, among the groups.
fn remove_names(model: &mut Table, gone: &[&str], rules: &Rules) -> Result<(), EditError> {
    let keep = |list: &mut Vec<Value>| {
        list.retain(|member| member.as_str().is_none_or(|member| !gone.contains(&member)));
        !list.is_empty()
    };
    for table in ["recipients", "groups"] {
        if let Some(table) = model.get_mut(table).and_then(Value::as_table_mut) {
            table.retain(|name, _| !gone.contains(&name));
        }
    }
    let groups = model.get_mut("groups").and_then(Value::as_table_mut);
    for (_, members) in groups.into_iter().flatten() {
        members.as_array_mut().map(keep);
    }
    let files = model.get_mut("files").and_then(Value::as_array_mut);
    for (file, rule) in files.into_iter().flatten().zip(&rules.content.files) {
        let mut lists: Vec<&mut Vec<Value>> = Vec::new();
        for (field, value) in file.as_table_mut().into_iter().flatten() {
            match (field.as_str(), value.as_array_mut()) {
                ("recipients", Some(list)) => lists.push(list),
                ("key_groups", Some(groups)) => {
                    lists.extend(groups.iter_mut().filter_map(Value::as_array_mut));
                }
                _ => {}
            }
        }
        for list in lists {
            if !keep(list) {
                return Err(EditError::LeavesNobody {
                    line: rule.line,
                    pattern: rule.matcher.source().into(),
                });
            }
        }
    }
    // A table of which nothing is left is none.
    model.retain(|name, value| {
        name != "groups" || value.as_table().is_none_or(|groups| !groups.is_empty())
    });
    Ok(())
}

/// The text, if it says exactly what it should, and can be used.
fn checked(text: String, wanted: &Table) -> Result<String, EditError> {
    let is = model(&text).map_err(|_| EditError::ByHand)?;
    if is != *wanted {
        return Err(EditError::ByHand);
    }
    load(&text)?;
    Ok(text)
}

fn load(text: &str) -> Result<Rules, RulesError> {
    Rules::load(text, Origin::new(RULES_FILE))
}

fn model(text: &str) -> Result<Table, EditError> {
    // Whatever is wrong with it, reading it as rules has said so before.
    text.parse().map_err(|_| EditError::ByHand)
}

fn toml_date(day: Date) -> toml::value::Datetime {
    let number = |part: i8| u8::try_from(part).unwrap_or(1);
    toml::value::Datetime {
        date: Some(toml::value::Date {
            year: u16::try_from(day.year()).unwrap_or(1),
            month: number(day.month()),
            day: number(day.day()),
        }),
        time: None,
        offset: None,
    }
}

/// An SSH key's comment is not part of it.
fn same_key(one: &str, other: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let words = text.split_ascii_whitespace().take(2);
        words
            .map(|word| word.trim_end_matches('=').into())
            .collect()
    };
    words(one) == words(other)
}

#[cfg(test)]
mod tests;
