//! The values of several files become the variables of one profile: chosen, renamed, complete, and
//! no two of one name.

use std::collections::HashMap;

use thiserror::Error;

use super::Origin;
use super::flatten::Leaf;
use super::names::{is_name, matches};
use crate::document::Kind;
use crate::error::{Exit, Explain};
use crate::secret::Cleartext;

/// What a profile does with names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Globs of names that are taken; all when `None`. They are held against what the keys make,
    /// before anything else happens to it.
    pub include: Option<Vec<String>>,
    /// Globs of names that are not, held against the same.
    pub exclude: Vec<String>,
    /// New names by what the keys make. A new name is taken as it is.
    pub rename: Vec<(String, String)>,
    /// What stands before the names that are not renamed.
    pub prefix: String,
    /// Values for names that no file has.
    pub defaults: Vec<(String, String)>,
    /// Final names that must be there and not be empty.
    pub required: Vec<String>,
    /// Globs of final names; where there are some, nothing else is delivered.
    pub only: Vec<String>,
}

/// What stands behind the name of a secret whose old value is delivered beside it.
const PREVIOUS: &str = "_PREVIOUS";

/// A variable on its way.
pub struct Entry {
    /// Its final name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Its value; `None` where the file was not opened.
    pub value: Option<Cleartext>,
    /// Whether the value is empty.
    pub is_empty: bool,
    /// Where it comes from.
    pub origin: Origin,
    /// The comments above it.
    pub comments: Vec<String>,
}

/// What came together.
pub struct Gathered {
    /// The variables, in the order of the files and of what stands in them; defaults behind them.
    pub entries: Vec<Entry>,
    /// Old names of `rename` that no key makes.
    pub unused: Vec<String>,
}

/// Why it does not come together.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum GatherError {
    /// Two keys come to one name.
    #[error("two keys come to the name `{name}`: {first}, and {second}")]
    Collision {
        /// The name.
        name: String,
        /// The one, as messages call it.
        first: String,
        /// The other.
        second: String,
    },
    /// A key makes no name.
    #[error("{place} makes no name for a variable: `{name}`")]
    BadName {
        /// What it makes.
        name: String,
        /// The key, as messages call it.
        place: String,
    },
    /// A name in the profile is none.
    #[error("`{name}` in {field} is no name for a variable")]
    BadField {
        /// What stands there.
        name: String,
        /// Where.
        field: &'static str,
    },
    /// Required names are missing or empty.
    #[error("{}", missing(names))]
    Missing {
        /// The names.
        names: Vec<String>,
    },
    /// What was asked for alone is not there.
    #[error("the profile delivers no `{pattern}`")]
    NoSuchName {
        /// The name or glob.
        pattern: String,
    },
}

impl Explain for GatherError {
    fn exit(&self) -> Exit {
        match self {
            Self::Missing { .. } | Self::NoSuchName { .. } => Exit::NO,
            Self::Collision { .. } | Self::BadName { .. } | Self::BadField { .. } => Exit::RULES,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Collision { .. } => "names-collide",
            Self::BadName { .. } | Self::BadField { .. } => "bad-name",
            Self::Missing { .. } => "required-missing",
            Self::NoSuchName { .. } => "no-such-name",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Collision { .. } => vec![
                "rename one of the keys with `mvx mv`, or read fewer `files` in the profile; `separator` says how nested keys are joined"
                    .into(),
            ],
            Self::BadName { name, .. } => vec![format!(
                "name it in the profile: `rename = {{ {name:?} = \"NAME\" }}`, or leave it out with `exclude`"
            )],
            Self::BadField { .. } => {
                vec!["names have letters, digits and `_`, and no digit first".into()]
            }
            Self::Missing { .. } => vec![
                "`mvx set` adds a secret; `required` of the profile says which names must be there, and not be empty"
                    .into(),
            ],
            Self::NoSuchName { .. } => {
                vec!["`mvx run --dry-run` lists the names of a profile".into()]
            }
        }
    }
}

/// Brings the values of files together: for each file its name for messages, and its values.
pub fn gather(files: Vec<(String, Vec<Leaf>)>, plan: &Plan) -> Result<Gathered, GatherError> {
    check_fields(plan)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut used = vec![false; plan.rename.len()];
    for (file, leaves) in files {
        for leaf in leaves {
            let Some(mut name) = final_name(&leaf, &file, plan, &mut used)? else {
                continue;
            };
            if leaf.is_previous {
                name.push_str(PREVIOUS);
            }
            let entry = entry(name, leaf, &file);
            if let Some(other) = places
                .insert(entry.name.clone(), entries.len())
                .and_then(|at| entries.get(at))
            {
                return Err(GatherError::Collision {
                    first: place(&other.origin),
                    second: place(&entry.origin),
                    name: entry.name,
                });
            }
            entries.push(entry);
        }
    }
    for (name, value) in &plan.defaults {
        if !places.contains_key(name) {
            entries.push(Entry {
                name: name.clone(),
                kind: Kind::Str,
                value: Some(value.as_str().into()),
                is_empty: value.is_empty(),
                origin: Origin::Default,
                comments: Vec::new(),
            });
        }
    }
    let is_there = |name: &String| {
        let mut found = entries.iter().filter(|entry| entry.name == *name);
        found.any(|entry| !entry.is_empty)
    };
    let names: Vec<String> = plan
        .required
        .iter()
        .filter(|name| !is_there(name))
        .cloned()
        .collect();
    if !names.is_empty() {
        return Err(GatherError::Missing { names });
    }
    if !plan.only.is_empty() {
        let hits = |pattern: &str| entries.iter().any(|entry| matches(pattern, &entry.name));
        if let Some(pattern) = plan.only.iter().find(|pattern| !hits(pattern)) {
            let pattern = pattern.clone();
            return Err(GatherError::NoSuchName { pattern });
        }
        entries.retain(|entry| {
            plan.only
                .iter()
                .any(|pattern| matches(pattern, &entry.name))
        });
    }
    let unused = plan.rename.iter().zip(used).filter(|(_, used)| !used);
    Ok(Gathered {
        entries,
        unused: unused.map(|((old, _), _)| old.clone()).collect(),
    })
}

/// A key as messages call it.
pub fn place(origin: &Origin) -> String {
    match origin {
        Origin::Secret { file, key } => format!("`{key}` in {file}"),
        Origin::Previous { file, key } => format!("the old value of `{key}` in {file}"),
        Origin::Default => "a default of the profile".into(),
    }
}

/// The name under which a value is delivered; `None` where it is not.
fn final_name(
    leaf: &Leaf,
    file: &str,
    plan: &Plan,
    used: &mut [bool],
) -> Result<Option<String>, GatherError> {
    let hits = |globs: &[String]| globs.iter().any(|glob| matches(glob, &leaf.name));
    if plan.include.as_deref().is_some_and(|globs| !hits(globs)) || hits(&plan.exclude) {
        return Ok(None);
    }
    let renamed = plan.rename.iter().position(|(old, _)| *old == leaf.name);
    if let Some((at, (_, new))) = renamed.and_then(|at| Some((at, plan.rename.get(at)?))) {
        if let Some(used) = used.get_mut(at) {
            *used = true;
        }
        return Ok(Some(new.clone()));
    }
    let name = format!("{}{}", plan.prefix, leaf.name);
    if leaf.is_lossy || !is_name(&name) {
        return Err(GatherError::BadName {
            name: leaf.name.clone(),
            place: format!("`{}` in {file}", leaf.key),
        });
    }
    Ok(Some(name))
}

fn entry(name: String, leaf: Leaf, file: &str) -> Entry {
    let (file, key) = (file.to_owned(), leaf.key);
    Entry {
        name,
        kind: leaf.kind,
        value: leaf.value,
        is_empty: leaf.is_empty,
        origin: if leaf.is_previous {
            Origin::Previous { file, key }
        } else {
            Origin::Secret { file, key }
        },
        comments: leaf.comments,
    }
}

/// The names that the profile itself gives.
fn check_fields(plan: &Plan) -> Result<(), GatherError> {
    let renamed = plan.rename.iter().map(|(_, new)| (new, "`rename`"));
    let defaults = plan.defaults.iter().map(|(name, _)| (name, "`defaults`"));
    let required = plan.required.iter().map(|name| (name, "`required`"));
    for (name, field) in renamed.chain(defaults).chain(required) {
        if !is_name(name) {
            let name = name.clone();
            return Err(GatherError::BadField { name, field });
        }
    }
    Ok(())
}

fn missing(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [one] => format!("{one} is required, and missing or empty"),
        several => format!("{} are required, and missing or empty", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::flatten::{Naming, Source, leaves};
    use crate::stores::Format;

    fn file(name: &str, text: &str) -> (String, Vec<Leaf>) {
        let tree = Format::Yaml.store().parse(text.as_bytes()).unwrap();
        let values = tree.items.iter().map(|_| None).collect();
        let naming = Naming::default();
        (
            name.into(),
            leaves(Source::Opened(&tree, values), &naming, None),
        )
    }

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|&(a, b)| (a.into(), b.into())).collect()
    }

    fn names(files: Vec<(String, Vec<Leaf>)>, plan: &Plan) -> Vec<String> {
        let gathered = gather(files, plan).unwrap();
        let text = |entry: Entry| {
            let value = entry.value.unwrap();
            format!("{}={}", entry.name, value.as_str().unwrap())
        };
        gathered.entries.into_iter().map(text).collect()
    }

    fn error(files: Vec<(String, Vec<Leaf>)>, plan: &Plan) -> String {
        gather(files, plan).err().unwrap().to_string()
    }

    #[test]
    fn names_are_chosen_then_renamed_then_prefixed() {
        let plan = Plan {
            include: Some(texts(&["DB_*", "PORT"])),
            exclude: texts(&["*_OLD"]),
            rename: pairs(&[("DB_PASSWORD", "PGPASSWORD"), ("NONE", "X")]),
            prefix: "APP_".into(),
            defaults: pairs(&[("APP_PORT", "1"), ("LOG", "info")]),
            ..Plan::default()
        };
        let text = "db: {password: p, user: u, old: x}\nport: 80\nother: 1\n";
        assert_eq!(
            names(vec![file("a", text)], &plan),
            ["PGPASSWORD=p", "APP_DB_USER=u", "APP_PORT=80", "LOG=info"]
        );
        assert_eq!(
            gather(vec![file("a", text)], &plan).unwrap().unused,
            ["NONE"]
        );
    }

    #[test]
    fn two_keys_of_one_name_are_an_error_that_names_both() {
        let one = "db: {password: p}\ndb_password: q\n";
        assert_eq!(
            error(vec![file("a", one)], &Plan::default()),
            "two keys come to the name `DB_PASSWORD`: `db.password` in a, and `db_password` in a"
        );
        let files = vec![file("a", "k: 1\n"), file("b", "K: 1\n")];
        assert_eq!(
            error(files, &Plan::default()),
            "two keys come to the name `K`: `k` in a, and `K` in b"
        );
    }

    #[test]
    fn what_makes_no_name_is_an_error_unless_it_is_left_out_or_renamed() {
        let text = "ключ: 1\n2fa: x\n";
        let says = error(vec![file("a", text)], &Plan::default());
        assert_eq!(says, "`ключ` in a makes no name for a variable: `____`");
        let plan = Plan {
            exclude: texts(&["____"]),
            ..Plan::default()
        };
        let says = error(vec![file("a", text)], &plan);
        assert_eq!(says, "`2fa` in a makes no name for a variable: `2FA`");
        let plan = Plan {
            prefix: "APP_".into(),
            rename: pairs(&[("____", "KEY")]),
            ..Plan::default()
        };
        assert_eq!(names(vec![file("a", text)], &plan), ["KEY=1", "APP_2FA=x"]);
    }

    #[test]
    fn required_names_are_there_and_not_empty() {
        let plan = Plan {
            required: texts(&["A", "B", "C"]),
            defaults: pairs(&[("C", "1")]),
            ..Plan::default()
        };
        assert_eq!(
            error(vec![file("a", "a: ''\nb:\n")], &plan),
            "`A`, `B` are required, and missing or empty"
        );
        assert_eq!(
            names(vec![file("a", "a: 1\nb: 2\n")], &plan),
            ["A=1", "B=2", "C=1"]
        );
    }

    #[test]
    fn only_what_was_asked_for() {
        let plan = |only: &[&str]| Plan {
            only: texts(only),
            ..Plan::default()
        };
        let text = "a: 1\nb_x: 2\nb_y: 3\n";
        assert_eq!(
            names(vec![file("a", text)], &plan(&["B_*"])),
            ["B_X=2", "B_Y=3"]
        );
        assert_eq!(
            error(vec![file("a", text)], &plan(&["A", "Z"])),
            "the profile delivers no `Z`"
        );
    }
}
