//! Globs and regexes over paths, checked when the rules are read and prepared when they are used.
//!
//! A path is relative to the directory of the rules, with `/` between its parts on every system.

use std::sync::OnceLock;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::error::RulesError;
use super::node::{Fields, Lined};
use crate::sops::re2::{Pattern, Re2Error, Reach};

/// A pattern of `.gitignore`, read from the directory of the rules.
#[derive(Debug)]
pub(super) struct PathGlob {
    source: String,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// `dir/file`: this path, and what is below it.
    Exact(String),
    /// `dir/**`: what is below the directory. It ends with a slash.
    Below(String),
    /// Anything else. A path that does not begin with `prefix` cannot match.
    Glob {
        prefix: String,
        builder: Box<GitignoreBuilder>,
        prepared: OnceLock<Option<Gitignore>>,
    },
}

/// A regex over paths.
#[derive(Debug)]
pub(super) struct PathRegex {
    source: String,
    prepared: OnceLock<Result<Pattern, Re2Error>>,
}

impl PathGlob {
    /// Reads a glob; says why not where it is none or could match nothing.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        if let Some(why) = cannot_match(source) {
            return Err(why.into());
        }
        let mut builder = GitignoreBuilder::new("");
        builder.allow_unclosed_class(false);
        let line = match source.chars().next() {
            Some('#') => format!("\\{source}"),
            _ => source.into(),
        };
        if let Err(error) = builder.add_line(None, &line) {
            return Err(match error {
                ignore::Error::Glob { err, .. } => err,
                other => other.to_string(),
            });
        }
        let body = source.strip_prefix('/').unwrap_or(source);
        let anchored = source.starts_with('/') || body.trim_end_matches('/').contains('/');
        let literal = |text: &str| !text.contains(['*', '?', '[', '\\']);
        let form = if anchored && literal(body) && !body.ends_with('/') {
            Form::Exact(body.into())
        } else if let Some(directory) = body
            .strip_suffix("**")
            .filter(|directory| directory.ends_with('/') && literal(directory))
        {
            Form::Below(directory.into())
        } else {
            let end = body
                .find(['*', '?', '[', '\\'])
                .unwrap_or_else(|| body.trim_end_matches('/').len());
            Form::Glob {
                prefix: if anchored {
                    body.get(..end).unwrap_or_default().into()
                } else {
                    String::new()
                },
                builder: Box::new(builder),
                prepared: OnceLock::new(),
            }
        };
        Ok(Self {
            source: source.into(),
            form,
        })
    }

    /// The glob as it was written.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The directory below which everything stands that can match: the whole path where the glob
    /// is one. Empty for the directory of the rules.
    pub(super) fn start(&self) -> &str {
        match &self.form {
            Form::Exact(path) => path,
            Form::Below(directory) => directory.trim_end_matches('/'),
            Form::Glob { prefix, .. } => prefix
                .rsplit_once('/')
                .map_or("", |(directory, _)| directory),
        }
    }

    /// Whether the file at `path`, or a directory that it is in, matches.
    pub(super) fn is_match(&self, path: &str) -> bool {
        match &self.form {
            Form::Exact(exact) => path
                .strip_prefix(exact.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Form::Below(directory) => path.len() > directory.len() && path.starts_with(directory),
            Form::Glob {
                prefix,
                builder,
                prepared,
            } => {
                // A path with a root is not in the rules' directory.
                path.starts_with(prefix.as_str())
                    && !path.starts_with('/')
                    && prepared
                        .get_or_init(|| builder.build().ok())
                        .as_ref()
                        .is_some_and(|glob| {
                            glob.matched_path_or_any_parents(path, false).is_ignore()
                        })
            }
        }
    }
}

impl PathRegex {
    /// Checks a regex.
    pub(super) fn new(source: &str) -> Result<(Self, Reach), Re2Error> {
        let reach = Pattern::check(source)?;
        let regex = Self {
            source: source.into(),
            prepared: OnceLock::new(),
        };
        Ok((regex, reach))
    }

    /// The regex as it was written.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it matches anywhere in `path`. An error where the regex is too large to be used.
    pub(super) fn is_match(&self, path: &str) -> Result<bool, Re2Error> {
        self.prepared
            .get_or_init(|| Pattern::new(&self.source))
            .as_ref()
            .map(|pattern| pattern.is_match(path))
            .map_err(Clone::clone)
    }
}

impl Fields {
    /// A glob over paths.
    pub(super) fn path_glob(&mut self, field: &str) -> Result<Option<Lined<PathGlob>>, RulesError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        path_glob(field, &text).map(Some)
    }

    /// A list of globs over paths.
    pub(super) fn path_globs(&mut self, field: &str) -> Result<Vec<String>, RulesError> {
        let texts = self.texts(field)?.map_or_else(Vec::new, |list| list.value);
        let checked = texts.into_iter().map(|text| {
            path_glob(field, &text)?;
            Ok(text.value)
        });
        checked.collect()
    }

    /// A regex over paths that can match something.
    pub(super) fn path_regex(
        &mut self,
        field: &str,
    ) -> Result<Option<Lined<PathRegex>>, RulesError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        path_regex(field, &text).map(Some)
    }

    /// A list of regexes that can match something.
    pub(super) fn regexes(&mut self, field: &str) -> Result<Vec<String>, RulesError> {
        let texts = self.texts(field)?.map_or_else(Vec::new, |list| list.value);
        let checked = texts.into_iter().map(|text| {
            path_regex(field, &text)?;
            Ok(text.value)
        });
        checked.collect()
    }
}

/// Reads the glob of a field.
pub(super) fn path_glob(field: &str, text: &Lined<String>) -> Result<Lined<PathGlob>, RulesError> {
    let value = PathGlob::new(&text.value).map_err(|why| RulesError::BadGlob {
        line: text.line,
        field: field.into(),
        why,
    })?;
    Ok(Lined {
        line: text.line,
        value,
    })
}

/// Reads the regex of a field.
pub(super) fn path_regex(
    field: &str,
    text: &Lined<String>,
) -> Result<Lined<PathRegex>, RulesError> {
    let (line, field) = (text.line, field.to_owned());
    match PathRegex::new(&text.value) {
        Ok((_, Reach::Nothing)) => Err(RulesError::MatchesNothing { line, field }),
        Ok((value, _)) => Ok(Lined { line, value }),
        Err(source) => Err(RulesError::BadRegex {
            line,
            field,
            source,
        }),
    }
}

/// Why a glob matches nothing, or not what its writer thinks.
fn cannot_match(glob: &str) -> Option<&'static str> {
    let mut escaped = false;
    let mut unescaped = glob.chars().map(|c| {
        let plain = !escaped;
        escaped = plain && c == '\\';
        (plain, c)
    });
    let body = glob.strip_prefix('/').unwrap_or(glob);
    let mut parts = body.strip_suffix('/').unwrap_or(body).split('/');
    if glob.trim().is_empty() {
        Some("it is empty")
    } else if glob.trim() != glob {
        Some("it begins or ends with a blank")
    } else if glob.contains(char::is_control) {
        Some("it holds a control character")
    } else if glob.starts_with('!') {
        Some("`!` means nothing where the first match wins")
    } else if parts.clone().any(|part| part == "." || part == "..") {
        Some("`.` and `..` match nothing; paths begin at the directory of the rules")
    } else if parts.clone().any(str::is_empty) {
        Some("there is nothing between two slashes")
    } else if parts.next() == Some(".mvx") {
        Some("`.mvx/` is mvx's own and never covered")
    } else if unescaped.any(|(plain, c)| plain && matches!(c, '{' | '}')) {
        Some("braces mean nothing in a glob of gitignore; give one glob for each, or a regex")
    } else if glob
        .split('\\')
        .skip(1)
        .any(|rest| rest.starts_with(char::is_alphanumeric))
    {
        Some("directories are separated by `/`")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn globs_match_as_in_gitignore() {
        for (glob, hits, misses) in [
            (
                "secrets/dev/**",
                &["secrets/dev/a.yaml", "secrets/dev/x/y"][..],
                &["secrets/dev", "secrets/device/a", "x/secrets/dev/a"][..],
            ),
            (
                "secrets/dev",
                &["secrets/dev", "secrets/dev/a"],
                &["secrets/device", "a/secrets/dev"],
            ),
            ("/secrets", &["secrets", "secrets/a/b"], &["x/secrets"]),
            (
                "secrets",
                &["secrets", "secrets/a", "x/secrets/a"],
                &["secret"],
            ),
            (
                "secrets/",
                &["secrets/a", "x/secrets/a"],
                &["secrets", "x/secrets"],
            ),
            ("a/b/", &["a/b/c"], &["a/b", "x/a/b/c"]),
            ("*.enc.yaml", &["a.enc.yaml", "x/y/a.enc.yaml"], &["a.yaml"]),
            ("/*.enc.yaml", &["a.enc.yaml"], &["x/a.enc.yaml"]),
            (
                "secrets/*.yaml",
                &["secrets/a.yaml", "secrets/a.yaml/b"],
                &["secrets/x/a.yaml"],
            ),
            (
                "secrets/**/*.yaml",
                &["secrets/a.yaml", "secrets/x/y/a.yaml"],
                &["a.yaml"],
            ),
            (
                "**/prod/**",
                &["prod/a", "x/prod/y/a"],
                &["prod", "production/a"],
            ),
            (
                "secrets/[a-c]?.env",
                &["secrets/b1.env"],
                &["secrets/d1.env", "secrets/b12.env"],
            ),
            ("secrets/\\*.env", &["secrets/*.env"], &["secrets/a.env"]),
            ("#odd", &["#odd"], &["odd"]),
            ("**", &["a", "a/b"], &[]),
        ] {
            let compiled = PathGlob::new(glob).unwrap();
            for path in hits {
                assert!(compiled.is_match(path), "{glob} should match {path}");
            }
            for path in misses {
                assert!(!compiled.is_match(path), "{glob} should not match {path}");
            }
            assert!(!compiled.is_match("/etc/a.enc.yaml"), "{glob}");
        }
    }

    #[test]
    fn globs_that_match_nothing_are_refused() {
        for (glob, why) in [
            ("", "it is empty"),
            (" a", "it begins or ends with a blank"),
            ("!a", "`!` means nothing where the first match wins"),
            (
                "./secrets/**",
                "`.` and `..` match nothing; paths begin at the directory of the rules",
            ),
            (
                "../x",
                "`.` and `..` match nothing; paths begin at the directory of the rules",
            ),
            ("a//b", "there is nothing between two slashes"),
            ("/", "there is nothing between two slashes"),
            (".mvx/**", "`.mvx/` is mvx's own and never covered"),
            (
                "secrets/{dev,prod}/**",
                "braces mean nothing in a glob of gitignore; give one glob for each, or a regex",
            ),
            ("secrets\\dev\\*", "directories are separated by `/`"),
            ("secrets/[ab", "unclosed character class; missing ']'"),
            ("secrets/[b-a]", "invalid range; 'b' > 'a'"),
        ] {
            assert_eq!(PathGlob::new(glob).unwrap_err(), why, "{glob}");
        }
        assert!(
            PathGlob::new("secrets/\\{a\\}")
                .unwrap()
                .is_match("secrets/{a}")
        );
    }

    proptest! {
        #[test]
        fn short_cuts_agree_with_gitignore(glob in "/?[ab*?]{1,2}(/[ab*?]{1,3}){0,2}/?", path in "[ab]{1,2}(/[ab]{1,3}){0,3}") {
            let mut builder = GitignoreBuilder::new("");
            builder.add_line(None, &glob).unwrap();
            let expected = builder
                .build()
                .unwrap()
                .matched_path_or_any_parents(&path, false)
                .is_ignore();
            let compiled = PathGlob::new(&glob).unwrap();
            prop_assert_eq!(compiled.is_match(&path), expected, "{} {}", glob, path);
        }

        #[test]
        fn any_text_is_a_glob_or_refused(glob: String, path: String) {
            if let Ok(glob) = PathGlob::new(&glob) {
                glob.is_match(&path);
            }
        }
    }
}
