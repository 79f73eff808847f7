//! `[env.NAME]`: a profile, what `mvx env` renders and `mvx run` delivers.

use super::cycle::cycle;
use super::error::RulesError;
use super::glob::path_glob;
use super::node::{Fields, Lined, Node, Value};
use super::scope::filled;
use super::words::nearest;

/// A profile. What is `None` comes from the profile it extends, else from mvx's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Globs of secret files. `{name}` is a scope, filled in at the command line.
    pub files: Option<Vec<String>>,
    /// The scopes that `files` names, sorted.
    pub scopes: Vec<String>,
    /// Where it is written, relative to the rules; inside the work tree.
    pub output: Option<String>,
    /// The example that says which names there are.
    pub example: Option<String>,
    /// The reader that a dotenv output is for.
    pub dialect: Option<&'static str>,
    /// The format of the output.
    pub format: Option<&'static str>,
    /// The profile whose fields it begins with.
    pub extends: Option<String>,
    /// Globs of names that are delivered; all when `None`.
    pub include: Option<Vec<String>>,
    /// Globs of names that are not.
    pub exclude: Option<Vec<String>>,
    /// What stands before every name.
    pub prefix: Option<String>,
    /// New names by old ones, in the order of the file.
    pub rename: Vec<(String, String)>,
    /// Values that are no secrets, used where the files have none.
    pub defaults: Vec<(String, String)>,
    /// Names that must be there.
    pub required: Option<Vec<String>>,
    /// What joins the parts of a nested key.
    pub separator: Option<String>,
    /// The case of names: `upper`, `lower` or `keep`.
    pub case: Option<&'static str>,
    /// Whether old values are delivered too, as the secrets' policy allows.
    pub dual: Option<bool>,
    /// Names that steer a process (`PATH`, `LD_PRELOAD`) and are delivered nevertheless.
    pub allow: Option<Vec<String>>,
    /// Whether it is the one that is meant where none is named.
    pub default: bool,
}

const FIELDS: &[&str] = &[
    "files",
    "output",
    "example",
    "dialect",
    "format",
    "extends",
    "include",
    "exclude",
    "prefix",
    "rename",
    "defaults",
    "required",
    "separator",
    "case",
    "dual",
    "allow",
    "default",
];

const DIALECTS: &[&str] = &[
    "portable", "node", "expand", "shell", "compose", "python", "docker", "rust",
];

const FORMATS: &[&str] = &[
    "dotenv", "json", "yaml", "shell", "k8s", "docker", "systemd", "tfvars", "github", "gitlab",
    "azure",
];

const CASES: &[&str] = &["upper", "lower", "keep"];

impl Profile {
    /// Reads `[env.NAME]`.
    pub(super) fn read(name: Lined<String>, node: Node) -> Result<Self, RulesError> {
        let mut fields = Fields::new(node, &format!("[env.{}]", name.value), FIELDS)?;
        let (files, scopes) = read_files(&mut fields)?;
        let text = |text: Lined<String>| text.value;
        let word = |word: Lined<&'static str>| word.value;
        let profile = Self {
            name: name.value,
            line: name.line,
            files,
            scopes,
            output: fields.inside("output")?,
            example: fields.inside("example")?,
            dialect: fields.word("dialect", DIALECTS)?.map(word),
            format: fields.word("format", FORMATS)?.map(word),
            extends: fields.some_text("extends")?.map(text),
            include: fields.names("include")?,
            exclude: fields.names("exclude")?,
            prefix: fields.some_text("prefix")?.map(text),
            rename: pairs(&mut fields, "rename")?,
            defaults: pairs(&mut fields, "defaults")?,
            required: fields.names("required")?,
            separator: fields.text("separator")?.map(text),
            case: fields.word("case", CASES)?.map(word),
            dual: fields.boolean("dual")?.map(|value| value.value),
            allow: fields.names("allow")?,
            default: fields.boolean("default")?.is_some_and(|value| value.value),
        };
        if profile.files.is_none() && profile.extends.is_none() {
            return Err(fields.missing("`files` or `extends`"));
        }
        Ok(profile)
    }

    /// What of `base` this profile does not say itself; entries of tables are taken one by one.
    fn inherit(&mut self, base: &Self) {
        if self.files.is_none() {
            self.files.clone_from(&base.files);
            self.scopes.clone_from(&base.scopes);
        }
        let inherit = |own: &mut Option<String>, base: &Option<String>| {
            if own.is_none() {
                own.clone_from(base);
            }
        };
        inherit(&mut self.output, &base.output);
        inherit(&mut self.example, &base.example);
        inherit(&mut self.prefix, &base.prefix);
        inherit(&mut self.separator, &base.separator);
        let inherit = |own: &mut Option<Vec<String>>, base: &Option<Vec<String>>| {
            if own.is_none() {
                own.clone_from(base);
            }
        };
        inherit(&mut self.include, &base.include);
        inherit(&mut self.exclude, &base.exclude);
        inherit(&mut self.required, &base.required);
        inherit(&mut self.allow, &base.allow);
        self.dialect = self.dialect.or(base.dialect);
        self.format = self.format.or(base.format);
        self.case = self.case.or(base.case);
        self.dual = self.dual.or(base.dual);
        let inherit = |own: &mut Vec<(String, String)>, base: &[(String, String)]| {
            for (name, text) in base {
                if !own.iter().any(|(known, _)| known == name) {
                    own.push((name.clone(), text.clone()));
                }
            }
        };
        inherit(&mut self.rename, &base.rename);
        inherit(&mut self.defaults, &base.defaults);
    }
}

/// The profile called `name` with everything that it takes from those it extends; `None` where
/// there is none of this name.
pub(super) fn resolved(profiles: &[Profile], name: &str) -> Option<Profile> {
    let find = |name: &str| profiles.iter().find(|profile| profile.name == name);
    let mut profile = find(name)?.clone();
    let mut above = profile.extends.as_deref().and_then(find);
    // No profile extends itself: `check` has seen to that.
    while let Some(base) = above {
        profile.inherit(base);
        above = base.extends.as_deref().and_then(find);
    }
    Some(profile)
}

/// Checks what profiles say of each other.
pub(super) fn check(profiles: &[Profile]) -> Result<(), RulesError> {
    let find = |name: &str| profiles.iter().find(|profile| profile.name == name);
    for profile in profiles {
        if let Some(name) = profile
            .extends
            .as_deref()
            .filter(|name| find(name).is_none())
        {
            return Err(RulesError::UnknownName {
                line: profile.line,
                what: "profile",
                name: name.into(),
                nearest: nearest(name, profiles.iter().map(|other| other.name.as_str())),
            });
        }
    }
    let extended = |name: &str| {
        let extends = find(name).and_then(|profile| profile.extends.as_deref());
        extends.into_iter().collect()
    };
    for profile in profiles {
        if let Some(way) = cycle(&profile.name, extended) {
            return Err(RulesError::Cycle {
                line: profile.line,
                what: "profile",
                name: profile.name.clone(),
                way: way.join(" → "),
            });
        }
    }
    let mut defaults = profiles.iter().filter(|profile| profile.default);
    if let (Some(first), Some(second)) = (defaults.next(), defaults.next()) {
        return Err(RulesError::Duplicate {
            line: second.line,
            what: "a default profile".into(),
            first_line: first.line,
        });
    }
    Ok(())
}

type Files = (Option<Vec<String>>, Vec<String>);

/// The globs of `files`, and the scopes in them.
fn read_files(fields: &mut Fields) -> Result<Files, RulesError> {
    let Some(list) = fields.texts("files")? else {
        return Ok((None, Vec::new()));
    };
    if list.value.is_empty() {
        return Err(RulesError::Empty {
            line: list.line,
            what: "`files`".into(),
        });
    }
    let mut scopes = Vec::new();
    for text in &list.value {
        // A scope is checked as if a plain name stood in its place.
        let value = filled(&text.value, |scope| {
            scopes.push(scope.to_owned());
            scope
        });
        let plain = Lined {
            line: text.line,
            value,
        };
        path_glob("files", &plain)?;
    }
    scopes.sort_unstable();
    scopes.dedup();
    let files = list.value.into_iter().map(|text| text.value).collect();
    Ok((Some(files), scopes))
}

/// A table of texts; numbers and booleans are taken as text.
fn pairs(fields: &mut Fields, field: &str) -> Result<Vec<(String, String)>, RulesError> {
    let entries = fields.entries(field)?.into_iter().map(|entry| {
        let text = match entry.node.value {
            Value::Integer(number) if field == "defaults" => number.to_string(),
            Value::Boolean(value) if field == "defaults" => value.to_string(),
            _ => {
                entry
                    .node
                    .text(&format!("{field}.{}", entry.name), "text")?
                    .value
            }
        };
        Ok((entry.name, text))
    });
    entries.collect()
}
