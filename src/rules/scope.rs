//! Scopes: the places in a profile's globs that the command line fills in, `{client}` by
//! `--with client=acme`, so that a run sees one tenant's secrets and no other's.

use thiserror::Error;

use super::glob::PathGlob;
use super::profile::Profile;
use super::words::nearest;
use crate::error::{Exit, Explain};

/// A glob of a profile, ready to be held against paths.
#[derive(Debug)]
pub struct FileGlob(PathGlob);

/// Why scopes cannot be filled in.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ScopeError {
    /// A scope has no value.
    #[error("the profile `{profile}` needs a value for `{scope}`: it reads {glob}")]
    Missing {
        /// The profile.
        profile: String,
        /// The scope.
        scope: String,
        /// A glob that names it.
        glob: String,
    },
    /// A value is for no scope of the profile.
    #[error("the files of the profile `{profile}` have no scope `{scope}`")]
    Unknown {
        /// The profile.
        profile: String,
        /// What was given.
        scope: String,
        /// The scopes that it has.
        scopes: Vec<String>,
    },
    /// A scope has two values.
    #[error("`{scope}` is given twice")]
    Twice {
        /// The scope.
        scope: String,
    },
    /// A value could lead somewhere else.
    #[error("the value for `{scope}` {why}; it stands for one name in a path")]
    Value {
        /// The scope.
        scope: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Explain for ScopeError {
    fn exit(&self) -> Exit {
        Exit::USAGE
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "scope-missing",
            Self::Unknown { .. } => "unknown-scope",
            Self::Twice { .. } | Self::Value { .. } => "bad-scope",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Missing { scope, .. } => vec![format!("`--with {scope}=NAME` fills it in")],
            Self::Unknown { scope, scopes, .. } if !scopes.is_empty() => {
                let near = nearest(scope, scopes.iter().map(String::as_str));
                let scope = near.as_ref().or(scopes.first());
                let scope = scope.map_or("", String::as_str);
                vec![format!("did you mean `--with {scope}=NAME`?")]
            }
            _ => Vec::new(),
        }
    }
}

impl Profile {
    /// The globs of the profile's files with `with`, scopes and their values, filled in.
    pub fn globs(&self, with: &[(String, String)]) -> Result<Vec<FileGlob>, ScopeError> {
        for (at, (scope, value)) in with.iter().enumerate() {
            let scope = scope.clone();
            if !self.scopes.contains(&scope) {
                return Err(ScopeError::Unknown {
                    profile: self.name.clone(),
                    scope,
                    scopes: self.scopes.clone(),
                });
            }
            if with.iter().skip(at + 1).any(|(other, _)| *other == scope) {
                return Err(ScopeError::Twice { scope });
            }
            if let Some(why) = leads_elsewhere(value) {
                let why = why.into();
                return Err(ScopeError::Value { scope, why });
            }
        }
        let value = |scope: &str| with.iter().find(|(known, _)| known == scope);
        let globs = self.files.iter().flatten().map(|glob| {
            if let Some(scope) = scopes(glob).find(|scope| value(scope).is_none()) {
                return Err(ScopeError::Missing {
                    profile: self.name.clone(),
                    scope: scope.into(),
                    glob: glob.clone(),
                });
            }
            let source = filled(glob, |scope| value(scope).map_or("", |(_, value)| value));
            PathGlob::new(&source)
                .map(FileGlob)
                .map_err(|why| ScopeError::Value {
                    scope: scopes(glob).next().unwrap_or_default().into(),
                    why: format!("makes no glob: {why}"),
                })
        });
        globs.collect()
    }
}

impl FileGlob {
    /// The glob, scopes filled in.
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// The file or directory, from the directory of the rules, outside of which nothing matches.
    /// Empty for that directory itself.
    pub fn start(&self) -> &str {
        self.0.start()
    }

    /// Whether the file called `name` ([`super::Rules::name_of`]) matches.
    pub fn is_match(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// A glob with something in the place of each scope.
pub(super) fn filled<'a>(glob: &'a str, mut value: impl FnMut(&'a str) -> &'a str) -> String {
    let mut text = String::with_capacity(glob.len());
    let mut rest = glob;
    while let Some((before, scope, after)) = next_scope(rest) {
        text.push_str(before);
        text.push_str(value(scope));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The scopes in a glob.
fn scopes(glob: &str) -> impl Iterator<Item = &str> {
    let mut rest = glob;
    std::iter::from_fn(move || {
        let (_, scope, after) = next_scope(rest)?;
        rest = after;
        Some(scope)
    })
}

/// What stands before the next scope, its name, and what stands behind it.
fn next_scope(text: &str) -> Option<(&str, &str, &str)> {
    let (before, after) = text.split_once('{')?;
    let (scope, after) = after.split_once('}')?;
    let is_name = !scope.is_empty()
        && scope
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    is_name.then_some((before, scope, after))
}

/// Why a value would not stay one name at its place in a path.
fn leads_elsewhere(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        Some("is empty")
    } else if value.starts_with('.') {
        Some("begins with a dot")
    } else if value.contains("..") {
        Some("holds `..`")
    } else if value.contains(['/', '\\', ':']) {
        Some("holds a separator of paths")
    } else if value.contains(['*', '?', '[', ']', '{', '}', '!']) {
        Some("holds a character that means something in a glob")
    } else if value.contains(char::is_control) {
        Some("holds a control character")
    } else if value.trim() != value {
        Some("begins or ends with a blank")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn profile(globs: &[&str]) -> Profile {
        let mut found: Vec<String> = globs
            .iter()
            .flat_map(|glob| scopes(glob))
            .map(str::to_owned)
            .collect();
        found.sort_unstable();
        found.dedup();
        Profile {
            name: "tenant".into(),
            files: Some(globs.iter().map(|&glob| glob.into()).collect()),
            scopes: found,
            ..Profile::default()
        }
    }

    fn with(scope: &str, value: &str) -> Vec<(String, String)> {
        vec![(scope.into(), value.into())]
    }

    #[test]
    fn a_scope_is_filled_in_everywhere() {
        let profile = profile(&["a/{client}/{client}.yaml", "b/*.yaml"]);
        let globs = profile.globs(&with("client", "acme")).unwrap();
        let sources: Vec<&str> = globs.iter().map(FileGlob::source).collect();
        assert_eq!(sources, ["a/acme/acme.yaml", "b/*.yaml"]);
        let starts: Vec<&str> = globs.iter().map(FileGlob::start).collect();
        assert_eq!(starts, ["a/acme/acme.yaml", "b"]);
    }

    #[test]
    fn nothing_is_guessed() {
        let profile = profile(&["a/{client}/*.yaml"]);
        let says = |with: &[(String, String)]| profile.globs(with).unwrap_err().to_string();
        assert_eq!(
            says(&[]),
            "the profile `tenant` needs a value for `client`: it reads a/{client}/*.yaml"
        );
        assert_eq!(
            says(&with("clients", "acme")),
            "the files of the profile `tenant` have no scope `clients`"
        );
        let twice = [with("client", "a"), with("client", "b")].concat();
        assert_eq!(says(&twice), "`client` is given twice");
    }

    #[test]
    fn a_value_is_one_name() {
        let profile = profile(&["a/{client}/*.yaml"]);
        for bad in [
            "", ".", "..", ".mvx", "a/b", "a\\b", "a..b", "*", "a?", "[ab]", "{x}", "a\nb", "!a",
            " a", "c:",
        ] {
            let error = profile.globs(&with("client", bad)).unwrap_err();
            assert_eq!(error.code(), "bad-scope", "{bad:?}");
        }
        for good in ["acme", "a-b_c.d", "ümlaut", "a b", "#1"] {
            assert!(profile.globs(&with("client", good)).is_ok(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn no_value_reaches_another_directory(value: String, other in "[a-z./]{1,12}") {
            let profile = profile(&["a/{client}/*.yaml"]);
            if let Ok(globs) = profile.globs(&with("client", &value)) {
                let path = format!("a/{other}/x.yaml");
                if globs[0].is_match(&path) {
                    let own = format!("a/{value}/");
                    prop_assert!(path.starts_with(&own), "{}", path);
                }
            }
        }
    }
}
