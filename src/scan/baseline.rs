//! The file of known findings: a line each, sorted, without places and times, so that git merges it
//! and a new secret on an old line is new.
//!
//! ```text
//! # mvx scan baseline 1, salt 00112233445566778899aabbccddeeff
//! # 00
//! 00c3…  github-token  # why it is let pass
//! # 01
//! ```
//!
//! A line stands below the comment with its first two digits. Those comments are always there: git
//! calls it a conflict when two branches add lines at the same place, and so they add them at
//! different ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use thiserror::Error;

use super::fingerprint::{Fingerprint, Salt};
use crate::error::{Exit, Explain};

/// Known findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    salt: Salt,
    entries: BTreeMap<Fingerprint, Entry>,
}

/// What stands beside a fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The rule that finds it.
    pub rule: String,
    /// Whether it was found in history alone: scans of the work tree do not find it.
    pub is_history: bool,
    /// What somebody wrote behind it.
    pub comment: Option<String>,
}

/// Why a baseline cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaselineError {
    /// A merge left its marks.
    #[error("line {line}: a merge is not decided")]
    Conflict {
        /// The line, from 1.
        line: usize,
    },
    /// A line that is none.
    #[error("line {line}: this is no line of a baseline")]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// The first line does not say what it is.
    #[error("this is no baseline of `mvx scan`")]
    NoBaseline,
    /// A later version.
    #[error("this baseline was made by a newer mvx")]
    Newer,
}

impl Explain for BaselineError {
    fn exit(&self) -> Exit {
        Exit::RULES
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "baseline-conflict",
            Self::Line { .. } | Self::NoBaseline => "baseline",
            Self::Newer => "baseline-newer",
        }
    }

    fn hints(&self) -> Vec<String> {
        vec![
            match self {
                Self::Conflict { .. } => {
                    "keep the lines of both sides, in any order, and remove git's marks"
                }
                Self::Line { .. } => "`mvx scan baseline update` writes such lines",
                Self::NoBaseline => "`mvx scan baseline create` makes one",
                Self::Newer => "install the version that made it",
            }
            .to_owned(),
        ]
    }
}

const HEAD: &str = "# mvx scan baseline ";
const VERSION: &str = "1";

impl Baseline {
    /// One without entries.
    pub fn new(salt: Salt) -> Self {
        Self {
            salt,
            entries: BTreeMap::new(),
        }
    }

    /// Reads a baseline. Lines may stand in any order, and twice: merges do that.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let mut lines = (1..).zip(text.lines());
        let first = lines.next().map_or("", |(_, line)| line.trim_end());
        if first.starts_with("<<<<<<<") {
            return Err(BaselineError::Conflict { line: 1 });
        }
        let (version, salt) = first
            .strip_prefix(HEAD)
            .and_then(|rest| rest.split_once(", salt "))
            .ok_or(BaselineError::NoBaseline)?;
        if version != VERSION {
            return Err(BaselineError::Newer);
        }
        let mut baseline = Self::new(Salt::parse(salt).ok_or(BaselineError::NoBaseline)?);
        for (line, text) in lines {
            let text = text.trim();
            if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"]
                .iter()
                .any(|mark| text.starts_with(mark))
            {
                return Err(BaselineError::Conflict { line });
            }
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (entry, comment) = match text.split_once('#') {
                Some((entry, comment)) => (entry, Some(comment.trim().to_owned())),
                None => (text, None),
            };
            let words: Vec<&str> = entry.split_whitespace().collect();
            let (fingerprint, rule, is_history) = match words.as_slice() {
                [fingerprint, rule] => (fingerprint, rule, false),
                [fingerprint, rule, "history"] => (fingerprint, rule, true),
                _ => return Err(BaselineError::Line { line }),
            };
            let fingerprint =
                Fingerprint::parse(fingerprint).ok_or(BaselineError::Line { line })?;
            let new = Entry {
                rule: (*rule).to_owned(),
                is_history,
                comment,
            };
            baseline.add(fingerprint, new);
        }
        Ok(baseline)
    }

    /// The file's text.
    pub fn render(&self) -> String {
        let mut text = format!(
            "{HEAD}{VERSION}, salt {}\n# Findings that are known and let pass: hashes that are slow to compute. `mvx scan baseline explain`\n# tells where they stand, `update` adds, `prune` removes what is gone. Text behind # stays.\n",
            self.salt.digits()
        );
        let mut entries = self.entries.iter().peekable();
        for bucket in 0..=u8::MAX {
            let bucket = format!("{bucket:02x}");
            // writing to a string does not fail
            writeln!(text, "# {bucket}").ok();
            while let Some((fingerprint, entry)) =
                entries.next_if(|(fingerprint, _)| fingerprint.as_str().starts_with(&bucket))
            {
                write!(text, "{} {}", fingerprint.as_str(), entry.rule).ok();
                if entry.is_history {
                    text += " history";
                }
                if let Some(comment) = &entry.comment {
                    write!(text, "  # {comment}").ok();
                }
                text.push('\n');
            }
        }
        text
    }

    /// Adds an entry. One that is there stays, and is of the work tree if either is.
    pub fn add(&mut self, fingerprint: Fingerprint, entry: Entry) -> bool {
        match self.entries.get_mut(&fingerprint) {
            Some(known) => {
                known.is_history &= entry.is_history;
                if known.comment.is_none() {
                    known.comment = entry.comment;
                }
                false
            }
            None => self.entries.insert(fingerprint, entry).is_none(),
        }
    }

    /// Removes an entry.
    pub fn remove(&mut self, fingerprint: &Fingerprint) {
        self.entries.remove(fingerprint);
    }

    /// Whether this finding is known.
    pub fn has(&self, fingerprint: &Fingerprint) -> bool {
        self.entries.contains_key(fingerprint)
    }

    /// Its salt.
    pub fn salt(&self) -> Salt {
        self.salt
    }

    /// Its entries, sorted.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&Fingerprint, &Entry)> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(start: &str) -> Fingerprint {
        Fingerprint::parse(&format!("{start}{}", "0".repeat(32 - start.len()))).unwrap()
    }

    fn entry(rule: &str) -> Entry {
        Entry {
            rule: rule.into(),
            ..Entry::default()
        }
    }

    fn baseline() -> Baseline {
        let mut baseline = Baseline::new(Salt::new([1; 16]));
        baseline.add(print("ff"), entry("b"));
        baseline.add(print("00"), entry("a"));
        baseline.add(
            print("ffa"),
            Entry {
                is_history: true,
                comment: Some("an old test".into()),
                ..entry("c")
            },
        );
        baseline
    }

    #[test]
    fn what_was_written_is_read_back() {
        let baseline = baseline();
        let text = baseline.render();
        assert_eq!(Baseline::parse(&text), Ok(baseline.clone()));
        assert_eq!(Baseline::parse(&text.replace('\n', "\r\n")), Ok(baseline));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[3], "# 00");
        assert_eq!(lines[4], "00000000000000000000000000000000 a");
        assert_eq!(lines[5], "# 01");
        assert!(text.ends_with(
            "ff000000000000000000000000000000 b\nffa00000000000000000000000000000 c history  # an old test\n"
        ));
    }

    #[test]
    fn what_merges_leave_is_read_or_told() {
        let text = baseline().render();
        // in any order, and twice
        let mut lines: Vec<&str> = text.lines().skip(1).collect();
        lines.reverse();
        let head = text.lines().next().unwrap();
        let mixed = format!("{head}\n{}\n{}\n", lines.join("\n"), lines.join("\n"));
        assert_eq!(Baseline::parse(&mixed), Ok(baseline()));
        for (text, error) in [
            (
                format!("{text}<<<<<<< HEAD\n"),
                BaselineError::Conflict { line: 263 },
            ),
            ("<<<<<<< HEAD\n".into(), BaselineError::Conflict { line: 1 }),
            (format!("{head}\nx y\n"), BaselineError::Line { line: 2 }),
            (
                head.replace("baseline 1", "baseline 2"),
                BaselineError::Newer,
            ),
            ("[]".into(), BaselineError::NoBaseline),
            (String::new(), BaselineError::NoBaseline),
        ] {
            assert_eq!(Baseline::parse(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_entry_that_is_found_in_the_work_tree_is_no_longer_of_history_alone() {
        let mut baseline = baseline();
        assert!(!baseline.add(print("ffa"), entry("c")));
        let (_, entry) = baseline
            .entries()
            .find(|(one, _)| **one == print("ffa"))
            .unwrap();
        assert!(!entry.is_history);
        assert_eq!(entry.comment.as_deref(), Some("an old test"));
    }
}
