//! `[[files]]`: which files are secret files, and who opens them.

use super::error::RulesError;
use super::glob::{PathGlob, PathRegex};
use super::node::{Fields, Lined, Node, Texts};
use crate::sops::re2::Re2Error;
use crate::sops::select::{self, Selector, Useless};

/// A file's format, where a rule says it instead of the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// `KEY=value` lines.
    Dotenv,
    /// INI.
    Ini,
    /// The file as a whole.
    Binary,
}

impl FileFormat {
    const WORDS: &[&str] = &["yaml", "json", "dotenv", "ini", "binary"];

    /// Its word in the rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Binary => "binary",
        }
    }

    fn from_word(word: &str) -> Self {
        match word {
            "yaml" => Self::Yaml,
            "json" => Self::Json,
            "dotenv" => Self::Dotenv,
            "ini" => Self::Ini,
            _ => Self::Binary,
        }
    }
}

/// A rule over files, from either kind of configuration.
#[derive(Debug)]
pub(super) struct FileRule {
    /// The line on which it begins.
    pub(super) line: usize,
    pub(super) matcher: Matcher,
    pub(super) environment: Option<Lined<String>>,
    /// Key groups of recipients, by their place in the register.
    pub(super) groups: Vec<Vec<usize>>,
    pub(super) threshold: Option<usize>,
    /// A selector's field and text, checked.
    pub(super) selector: Option<Lined<(&'static str, String)>>,
    pub(super) mac_only_encrypted: bool,
    pub(super) rotate_after: Option<Lined<String>>,
    pub(super) format: Option<FileFormat>,
}

/// What a path is compared with.
#[derive(Debug)]
pub(super) enum Matcher {
    Glob(PathGlob),
    Regex(PathRegex),
    /// A creation rule without `path_regex`.
    Always,
}

impl Matcher {
    /// The pattern as it was written.
    pub(super) fn source(&self) -> &str {
        match self {
            Self::Glob(glob) => glob.source(),
            Self::Regex(regex) => regex.source(),
            Self::Always => "",
        }
    }

    pub(super) fn is_match(&self, path: &str) -> Result<bool, Re2Error> {
        match self {
            Self::Glob(glob) => Ok(glob.is_match(path)),
            Self::Regex(regex) => regex.is_match(path),
            Self::Always => Ok(true),
        }
    }
}

/// What a `[[files]]` table says of recipients, before names are looked up.
pub(super) struct Access {
    /// One list of names, or one for each key group.
    pub(super) groups: Vec<Texts>,
    pub(super) threshold: Option<usize>,
}

const FIELDS: &[&str] = &[
    "path",
    "path_regex",
    "environment",
    "recipients",
    "key_groups",
    "threshold",
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
    "mac_only_encrypted",
    "rotate_after",
    "format",
];

/// Reads a `[[files]]` table; `resolve` looks the recipients up.
pub(super) fn read(
    node: Node,
    resolve: impl Fn(&Access) -> Result<Vec<Vec<usize>>, RulesError>,
) -> Result<FileRule, RulesError> {
    let mut fields = Fields::new(node, "[[files]]", FIELDS)?;
    let matcher = match fields.one_of(&["path", "path_regex"])? {
        Some("path") => fields
            .path_glob("path")?
            .map(|glob| Matcher::Glob(glob.value)),
        Some(_) => fields
            .path_regex("path_regex")?
            .map(|regex| Matcher::Regex(regex.value)),
        None => None,
    };
    let matcher = matcher.ok_or_else(|| fields.missing("`path` or `path_regex`"))?;
    let selector = fields.selector()?;
    let access = access(&mut fields)?;
    Ok(FileRule {
        line: fields.line,
        matcher,
        environment: fields.some_text("environment")?,
        groups: resolve(&access)?,
        threshold: access.threshold,
        selector,
        mac_only_encrypted: fields
            .boolean("mac_only_encrypted")?
            .is_some_and(|value| value.value),
        rotate_after: fields.some_text("rotate_after")?,
        format: fields
            .word("format", FileFormat::WORDS)?
            .map(|word| FileFormat::from_word(word.value)),
    })
}

fn access(fields: &mut Fields) -> Result<Access, RulesError> {
    let given = fields.one_of(&["recipients", "key_groups"])?;
    let groups = match given {
        Some("recipients") => fields.texts("recipients")?.into_iter().collect(),
        _ => fields.lists("key_groups")?.unwrap_or_default(),
    };
    if given.is_none() {
        return Err(fields.missing("`recipients` or `key_groups`"));
    }
    if groups.is_empty() {
        return Err(RulesError::Empty {
            line: fields.line,
            what: "`key_groups`".into(),
        });
    }
    for group in &groups {
        if group.value.is_empty() {
            return Err(RulesError::Empty {
                line: group.line,
                what: match given {
                    Some("recipients") => "`recipients`".into(),
                    _ => "a group in `key_groups`".into(),
                },
            });
        }
    }
    let threshold = fields.integer("threshold")?;
    Ok(Access {
        threshold: check_threshold(threshold.as_ref(), groups.len())?,
        groups,
    })
}

/// SOPS splits a data key for two groups and more, and asks for at least two of them.
pub(super) fn check_threshold(
    threshold: Option<&Lined<i64>>,
    groups: usize,
) -> Result<Option<usize>, RulesError> {
    let Some(&Lined { line, value }) = threshold else {
        return Ok(None);
    };
    match usize::try_from(value) {
        Ok(threshold) if (2..=groups).contains(&threshold) => Ok(Some(threshold)),
        _ => Err(RulesError::Threshold {
            line,
            threshold: value,
            groups,
        }),
    }
}

impl Fields {
    /// The one selector, if there is one: sound, and able to select something.
    pub(super) fn selector(&mut self) -> Result<Option<Lined<(&'static str, String)>>, RulesError> {
        let Some(field) = self.one_of(&Selector::FIELDS)? else {
            return Ok(None);
        };
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        let line = text.line;
        match select::check(field, &text.value) {
            Ok(None) => Ok(Some(text.map(|text| (field, text)))),
            Ok(Some(Useless::MatchesNothing)) => Err(RulesError::MatchesNothing {
                line,
                field: field.into(),
            }),
            Ok(Some(Useless::EncryptsNothing)) => Err(RulesError::EncryptsNothing {
                line,
                field: field.into(),
            }),
            Err(source) => Err(RulesError::Selector { line, source }),
        }
    }
}
