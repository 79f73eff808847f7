//! Plaintext that was left behind: beside encrypted files, by editors, by runs that were killed.
//!
//! Nothing is ever lost by accident. What is the same as an encrypted file's content may go; what
//! differs from it, or cannot be compared, goes only when it is named itself; what git tracks stays,
//! because its history would hold it all the same.

mod compare;
mod names;
mod scan;

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::files::shell_word;
use crate::error::{Exit, Failure};
use crate::git;
use crate::io::file::{self, directory_of};
use crate::io::lock::Locks;
use crate::io::{private, write};

pub use names::Maker;
pub(in crate::app) use names::plaintexts;

/// Something that was left behind.
pub struct Finding {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub what: What,
    /// The encrypted file that it belongs to.
    pub of: Option<PathBuf>,
    /// How it compares with what is encrypted.
    pub content: Content,
    /// What git makes of it.
    pub git: Git,
    /// Whether the user named it.
    pub named: bool,
}

/// What was left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Plaintext beside its encrypted file.
    Plaintext,
    /// Plaintext that a rule covers, and no encrypted file beside it.
    Unencrypted,
    /// What an editor or a merge left.
    Leftover(Maker),
    /// A temporary file of a write that did not come to its end.
    Temporary,
    /// A directory with what was being edited.
    Draft,
    /// A version of a file that `mvx repair` replaced.
    Kept,
    /// A lock that nobody holds.
    Lock,
}

/// How something compares with what is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// It is the same.
    Same,
    /// It is another.
    Differs,
    /// That cannot be told; why.
    Unknown(String),
    /// It holds nothing that could be lost.
    Nothing,
}

/// What git makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Git {
    /// It is in the index: the history holds it, or will.
    Tracked,
    /// It stays out of commits.
    Ignored,
    /// The next `git add` may take it.
    Untracked,
    /// There is no repository around it, or none that can be asked.
    Outside,
}

impl What {
    /// The token for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Unencrypted => "unencrypted",
            Self::Leftover(_) => "leftover",
            Self::Temporary => "temporary",
            Self::Draft => "draft",
            Self::Kept => "kept",
            Self::Lock => "lock",
        }
    }
}

impl Git {
    /// The token for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tracked => "tracked",
            Self::Ignored => "ignored",
            Self::Untracked => "untracked",
            Self::Outside => "outside",
        }
    }
}

impl Content {
    /// The token for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Unknown(_) => "unknown",
            Self::Nothing => "nothing",
        }
    }
}

impl Finding {
    /// Whether it may be removed: nothing is lost by it, or the user named it.
    pub fn may_go(&self) -> bool {
        let harmless = matches!(self.content, Content::Same | Content::Nothing);
        self.git != Git::Tracked && (harmless || self.named)
    }

    /// What it is and how it compares, on one line.
    pub fn words(&self) -> String {
        let of = |lead: &str| match &self.of {
            Some(sealed) => format!("{lead} of {}", sealed.display()),
            None => lead.to_owned(),
        };
        let what = match self.what {
            What::Plaintext => of("plaintext"),
            What::Unencrypted => "not encrypted, though a rule covers it".to_owned(),
            What::Leftover(maker) => of(maker.words()),
            What::Temporary => "a temporary file of a write that was cut off".to_owned(),
            What::Draft => "a draft of a `mvx edit` that was killed".to_owned(),
            What::Kept => "a version that `mvx repair` kept".to_owned(),
            What::Lock => "a lock of a run that was killed".to_owned(),
        };
        let content = match &self.content {
            _ if self.what == What::Unencrypted => String::new(),
            Content::Same => ", the same as what is encrypted".to_owned(),
            Content::Differs => ", and differs from what is encrypted".to_owned(),
            Content::Unknown(why) => format!(", and not compared: {why}"),
            Content::Nothing => String::new(),
        };
        let git = match self.git {
            Git::Tracked => "; git tracks it",
            Git::Ignored => "; git ignores it",
            Git::Untracked => "; git does not ignore it",
            Git::Outside => "",
        };
        format!("{what}{content}{git}")
    }

    /// What to do about it, where it stays.
    pub fn hints(&self) -> Vec<String> {
        if self.may_go() {
            return Vec::new();
        }
        let word = shell_word(&self.path);
        if self.git == Git::Tracked {
            return vec![
                format!("`git rm --cached {word}` takes it out of the next commit, and then `mvx clean` removes it"),
                "the history keeps it: whoever can read the repository has these values, so change them".to_owned(),
            ];
        }
        let named = format!("`mvx clean {word}` removes it all the same");
        match self.what {
            What::Unencrypted => vec![format!("`mvx encrypt --rm {word}` encrypts it"), named],
            What::Plaintext if self.content == Content::Differs => vec![
                format!(
                    "`mvx encrypt --overwrite --rm {word}` takes what is in it for the encrypted file"
                ),
                named,
            ],
            What::Leftover(Maker::Swap) => {
                vec![format!("`vim -r {word}` shows what was not saved"), named]
            }
            What::Draft => vec![format!("`ls -lA {word}` shows what is in it"), named],
            _ => vec![named],
        }
    }
}

impl App<'_> {
    /// What was left behind at the given places; without any, below the working directory and in the
    /// directories of this machine where mvx keeps things for a while. Files that are named count as
    /// named.
    pub fn left_behind(&self, arguments: &[PathBuf]) -> Result<Vec<Finding>, Failure> {
        let mut findings = if arguments.is_empty() {
            self.scan_everything()?
        } else {
            let mut findings = Vec::new();
            for argument in arguments {
                findings.extend(self.scan_named(argument)?);
            }
            findings
        };
        let mut seen: Vec<PathBuf> = Vec::new();
        findings.retain(|finding| {
            let new = !seen.contains(&finding.path);
            seen.push(finding.path.clone());
            new
        });
        self.compare_all(&mut findings);
        Ok(findings)
    }

    /// Removes what may go. It is looked at once more: what changed meanwhile stays.
    pub fn clean(&self, finding: &Finding) -> Result<(), Failure> {
        let path = &finding.path;
        let _lock = match finding.what {
            What::Plaintext | What::Unencrypted | What::Leftover(_) => Some(self.lock(path)?),
            _ => None,
        };
        if !finding.named && self.compare_anew(finding) != finding.content {
            return Err(Failure::new(
                Exit::IO,
                "changed-meanwhile",
                "changed since it was compared; it was not removed",
            )
            .at(path.display())
            .hint("`mvx clean` compares it again"));
        }
        match finding.what {
            What::Draft => private::remove_left_over(self.environment(), path)?,
            What::Lock => Locks::of(self.environment()).remove_left_over(path)?,
            What::Temporary if !write::is_left_over(path) => {
                return Err(
                    Failure::new(Exit::IO, "in-use", "is in use; it was not removed")
                        .at(path.display())
                        .hint("`mvx clean` looks again"),
                );
            }
            _ => file::remove(path)?,
        }
        Ok(())
    }
}

/// What git makes of a file.
fn git_state(path: &Path) -> Git {
    let Ok(Some(tree)) = git::work_tree_of(directory_of(path)) else {
        return Git::Outside;
    };
    match (tree.is_tracked(path), tree.is_ignored(path)) {
        (Ok(true), _) => Git::Tracked,
        (_, Ok(true)) => Git::Ignored,
        (Ok(false), Ok(false)) => Git::Untracked,
        _ => Git::Outside,
    }
}
