//! What other scanners let pass: `.gitleaksignore` and `.secrets.baseline`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sha1::{Digest as _, Sha1};

use super::report::hex;

/// Findings that gitleaks is told to ignore: `file:rule:line` and `commit:file:rule:line`, as its
/// README, "gitleaksignore", says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitleaksIgnore {
    lines: Vec<Ignored>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ignored {
    commit: Option<String>,
    path: String,
    rule: String,
    line: usize,
    text: String,
}

/// Where a finding stands, for those who ask for a place.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The commit, as far as there is one.
    pub commit: Option<&'a str>,
    /// The path from the repository's root, with `/`.
    pub path: &'a str,
    /// The line on which it begins.
    pub line: usize,
}

impl GitleaksIgnore {
    /// Reads `.gitleaksignore`. What is no fingerprint is passed over, as gitleaks does.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self {
            lines: lines.filter_map(Ignored::parse).collect(),
        }
    }

    /// The number of the line that lets this finding pass. `is_rule` says whether a name is that of
    /// the finding's rule, or one that gitleaks has for it.
    pub fn passes(&self, at: &At<'_>, is_rule: impl Fn(&str) -> bool) -> Option<usize> {
        self.lines.iter().position(|line| {
            let commit = line.commit.as_deref();
            (commit.is_none() || commit == at.commit)
                && line.line == at.line
                && line.path == at.path
                && is_rule(&line.rule)
        })
    }

    /// Its lines, by number.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &str> {
        self.lines.iter().map(|line| line.text.as_str())
    }
}

impl Ignored {
    fn parse(text: &str) -> Option<Self> {
        let (rest, line) = text.rsplit_once(':')?;
        let (rest, rule) = rest.rsplit_once(':')?;
        let is_commit = |word: &str| {
            matches!(word.len(), 40 | 64) && word.chars().all(|c| c.is_ascii_hexdigit())
        };
        let (commit, path) = match rest.split_once(':') {
            Some((commit, path)) if is_commit(commit) => (Some(commit.to_owned()), path),
            _ => (None, rest),
        };
        Some(Self {
            commit,
            path: path.replace('\\', "/"),
            rule: rule.to_owned(),
            line: line.parse().ok()?,
            text: text.to_owned(),
        })
    }
}

/// What detect-secrets knows: SHA-1 of each secret, by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretsBaseline {
    files: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Deserialize)]
struct Document {
    results: BTreeMap<String, Vec<Known>>,
}

#[derive(Deserialize)]
struct Known {
    hashed_secret: String,
}

impl SecretsBaseline {
    /// Reads `.secrets.baseline`; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let document: Document = serde_json::from_str(text).ok()?;
        let files = document.results.into_iter().map(|(path, known)| {
            let hashes = known
                .into_iter()
                .map(|known| known.hashed_secret.to_ascii_lowercase());
            (path.replace('\\', "/"), hashes.collect())
        });
        Some(Self {
            files: files.collect(),
        })
    }

    /// The hash in the file's list that lets this secret pass.
    pub fn passes(&self, path: &str, secret: &[u8]) -> Option<String> {
        let hashes = self.files.get(path)?;
        let hash = hex(&Sha1::digest(secret));
        hashes.contains(&hash).then_some(hash)
    }

    /// Files and hashes.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .flat_map(|(path, hashes)| hashes.iter().map(|hash| (path.as_str(), hash.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gitleaks_fingerprints_are_honoured() {
        let commit = "1f0c2d3e4f5061728394a5b6c7d8e9f001122334";
        let text = format!(
            "# known\n\na.py:github-pat:3\n{commit}:src\\b.py:private-key:1\nnonsense\na:b:c\n"
        );
        let ignore = GitleaksIgnore::parse(&text);
        assert_eq!(ignore.lines().len(), 2);
        let rules = crate::scan::Rules::builtin();
        let at = |commit, path, rule: &str, line| {
            let at = At { commit, path, line };
            let rule = rules.rule(rule).unwrap();
            ignore.passes(&at, |name| rule.is(name)).is_some()
        };
        assert!(at(None, "a.py", "github-pat", 3));
        assert!(at(Some(commit), "a.py", "github-token", 3));
        assert!(at(Some(commit), "src/b.py", "private-key", 1));
        for (known, path, rule, line) in [
            (None, "src/b.py", "private-key", 1),
            (None, "a.py", "github-pat", 4),
            (None, "b.py", "github-pat", 3),
            (None, "a.py", "gitlab-pat", 3),
            // of the same issuer, and another rule
            (None, "a.py", "github-fine-grained-pat", 3),
        ] {
            assert!(!at(known, path, rule, line));
        }
    }

    #[test]
    fn secrets_are_known_by_their_hash_in_their_file() {
        let text = format!(
            r#"{{"version": "1.5.0", "plugins_used": [], "results": {{"a.py": [{{"type": "x", "filename": "a.py", "hashed_secret": "{}", "is_verified": false, "line_number": 1}}]}}}}"#,
            hex(&Sha1::digest(b"test"))
        );
        let baseline = SecretsBaseline::parse(&text).unwrap();
        assert!(baseline.passes("a.py", b"test").is_some());
        assert!(baseline.passes("b.py", b"test").is_none());
        assert!(baseline.passes("a.py", b"other").is_none());
        assert_eq!(baseline.entries().count(), 1);
        assert_eq!(SecretsBaseline::parse("{}"), None);
    }
}
