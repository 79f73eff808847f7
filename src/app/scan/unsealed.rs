//! Files that the rules want encrypted and that are not.

use std::path::{Path, PathBuf};

use super::collect::At;
use crate::app::App;
use crate::app::files::{is_sealed_name, is_sealed_text};
use crate::git;
use crate::git::objects::Base;
use crate::rules::Dialect;
use crate::rules::find::Finder;
use crate::scan::finding::Source;
use crate::stores::Format;

/// The id of the rule that finds them.
pub(super) const RULE: &str = "mvx-not-encrypted";

/// What the rules cover. Each thread has one of its own.
#[derive(Clone)]
pub(super) struct Coverage {
    finder: Finder,
    /// The work tree's root, which the paths of git's objects begin from.
    root: PathBuf,
}

impl App<'_> {
    /// What the rules cover, as they stand in the work tree.
    pub(super) fn coverage(&self) -> Coverage {
        let root = git::repository_root(self.directory()).ok().flatten();
        Coverage {
            finder: Finder::new(self.directory()),
            root: root.unwrap_or_else(|| self.directory().to_owned()),
        }
    }
}

impl Coverage {
    /// Whether a piece is a file that should be encrypted and is not. Rules that cannot be read were
    /// an error before anything was scanned. What was so before is not said again.
    pub(super) fn is_unsealed(&mut self, at: &At, bytes: &[u8], bases: &[Base<'_>]) -> bool {
        let Some(path) = &at.path else { return false };
        let full = match at.source {
            Source::File | Source::Stdin => path.clone(),
            Source::Staged | Source::History | Source::Unreachable | Source::Stash => {
                self.root.join(path)
            }
            Source::Message | Source::Tag | Source::Note | Source::Name => return false,
        };
        self.is_to_be_sealed(&full)
            && !bytes.trim_ascii().is_empty()
            && !is_sealed_text(path, bytes)
            && !bases.iter().any(|base| Some(base.id) == at.id)
    }

    /// Whether what stands at this path of the repository should be encrypted.
    pub(super) fn covers(&mut self, path: &Path) -> bool {
        let full = self.root.join(path);
        self.is_to_be_sealed(&full)
    }

    fn is_to_be_sealed(&mut self, path: &Path) -> bool {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return false;
        };
        let sealed_name = is_sealed_name(path);
        if name.contains(".example") || Format::from_path(path) == Format::Binary && !sealed_name {
            return false;
        }
        let Ok((rules, name)) = self.finder.rules_for(path) else {
            return false;
        };
        // `.sops.yaml` says how a file is encrypted if it is; which ones are says only their name
        let says_so = rules.origin().dialect == Dialect::Native || sealed_name;
        says_so && rules.covers(&name).unwrap_or(false)
    }
}
