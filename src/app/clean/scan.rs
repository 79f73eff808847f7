//! Looking for what was left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::names::{Maker, copy_of, plaintexts};
use super::{Content, Finding, What, git_state};
use crate::app::App;
use crate::app::files::{Wanted, files_below, has_metadata, is_sealed_name, no_such_file};
use crate::error::{Exit, Failure};
use crate::io::file::{Kind, directory_of};
use crate::io::lock::Locks;
use crate::io::look::{is_link, look};
use crate::io::walk::{self, Ignored};
use crate::io::{private, write};
use crate::stores::Format;

/// The originals of which copies may be lying around, with the sealed file each belongs to.
type Originals = BTreeMap<PathBuf, PathBuf>;

impl App<'_> {
    /// Everything below the working directory, and what runs of mvx left on this machine.
    pub(super) fn scan_everything(&self) -> Result<Vec<Finding>, Failure> {
        let mut findings = self.scan(Path::new("."))?;
        let configuration = self.environment().config_directory().ok();
        // a key that was being made; without the directory there is nothing to look at
        let keys =
            configuration.and_then(|directory| walk::files(&directory, Ignored::Included).ok());
        findings.extend(keys.iter().flatten().filter_map(|path| temporary(path)));
        findings.extend(self.scan_machine());
        Ok(findings)
    }

    /// What one argument means: all below a directory, or exactly what is named.
    pub(super) fn scan_named(&self, argument: &Path) -> Result<Vec<Finding>, Failure> {
        let on_machine = self.scan_machine().into_iter();
        if let Some(found) = on_machine
            .into_iter()
            .find(|finding| finding.path == argument)
        {
            return Ok(vec![named(found)]);
        }
        let Some(seen) = look(argument)? else {
            return Err(no_such_file(argument, Wanted::Plain));
        };
        if seen.kind == Some(Kind::Directory) {
            return self.scan(argument);
        }
        let directory = directory_of(argument);
        let around = self.scan(directory)?;
        let same = |path: &Path| {
            path == argument
                || path.file_name() == argument.file_name() && directory_of(path) == directory
        };
        let found = around.into_iter().find(|finding| same(&finding.path));
        found.map(|found| vec![named(found)]).ok_or_else(|| {
            Failure::new(
                Exit::NO,
                "not-left-over",
                "mvx does not take it for something that was left behind; it was left alone",
            )
            .at(argument.display())
            .hint("`rm FILE` removes it, whatever it is")
        })
    }

    /// What is left below a directory.
    fn scan(&self, directory: &Path) -> Result<Vec<Finding>, Failure> {
        let sealed: BTreeSet<PathBuf> = self.sealed_below(directory)?.into_iter().collect();
        let files = files_below(directory, Ignored::Included)?;
        let mut originals = Originals::new();
        let mut plain = Originals::new();
        for sealed in &sealed {
            originals.insert(sealed.clone(), sealed.clone());
            for name in plaintexts(sealed) {
                originals
                    .entry(name.clone())
                    .or_insert_with(|| sealed.clone());
                plain.entry(name).or_insert_with(|| sealed.clone());
            }
        }
        let mut findings = Vec::new();
        for path in &files {
            if sealed.contains(path) {
                continue;
            }
            if let Some(found) = temporary(path).or_else(|| copy(path, &originals)) {
                findings.push(found);
            } else if write::is_temporary(path) {
                // somebody may still write it
            } else if let Some(of) = plain.get(path) {
                if !has_metadata(path)? {
                    findings.push(finding(path, What::Plaintext, Some(of)));
                }
            } else if self.looks_left(path)? {
                findings.push(finding(path, What::Unencrypted, None));
            }
        }
        // links are no files to the walk, and emacs marks what it has open by a link
        for (original, of) in &originals {
            let name = original.file_name().unwrap_or_default().to_string_lossy();
            let mark = original.with_file_name(format!(".#{name}"));
            if is_link(&mark)? {
                let what = What::Leftover(Maker::Mark);
                findings.push(Finding {
                    content: Content::Nothing,
                    ..finding(&mark, what, Some(of))
                });
            }
        }
        findings.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(findings)
    }

    /// Whether a file is plaintext that a rule covers, and looks like secrets: of a type that holds
    /// values, or kept out of git.
    fn looks_left(&self, path: &Path) -> Result<bool, Failure> {
        if is_sealed_name(path) || !self.is_covered(path)? {
            return Ok(false);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains(".example") || name == ".gitignore" || name == ".gitattributes" {
            return Ok(false);
        }
        let typed = Format::from_path(path) != Format::Binary;
        Ok((typed || self.is_left_out(path)) && !has_metadata(path)?)
    }

    /// What runs of mvx that were killed left outside of repositories.
    fn scan_machine(&self) -> Vec<Finding> {
        let drafts = private::left_over(self.environment());
        let drafts = drafts.iter().map(|path| finding(path, What::Draft, None));
        let locks = Locks::of(self.environment()).left_over();
        let locks = locks.iter().map(|path| Finding {
            content: Content::Nothing,
            ..finding(path, What::Lock, None)
        });
        let kept = self.environment().kept_directory().ok();
        let kept = kept.and_then(|directory| walk::files(&directory, Ignored::Included).ok());
        let kept = kept.into_iter().flatten().map(|path| Finding {
            content: Content::Unknown("it may hold values in clear".into()),
            ..finding(&path, What::Kept, None)
        });
        drafts.chain(kept).chain(locks).collect()
    }
}

fn named(finding: Finding) -> Finding {
    Finding {
        named: true,
        ..finding
    }
}

fn finding(path: &Path, what: What, of: Option<&PathBuf>) -> Finding {
    Finding {
        path: path.to_owned(),
        what,
        of: of.cloned(),
        content: Content::Unknown("it was not looked at".into()),
        git: git_state(path),
        named: false,
    }
}

/// A temporary file of mvx's own that nobody writes any more.
fn temporary(path: &Path) -> Option<Finding> {
    write::is_left_over(path).then(|| Finding {
        content: Content::Nothing,
        ..finding(path, What::Temporary, None)
    })
}

/// A copy that an editor or a merge made of a sealed file or of its plaintext.
fn copy(path: &Path, originals: &Originals) -> Option<Finding> {
    let name = path.file_name()?.to_str()?;
    let (maker, bases) = copy_of(name)?;
    let of = bases
        .iter()
        .find_map(|base| originals.get(&path.with_file_name(base)))?;
    let content = match maker {
        Maker::Mark | Maker::Undo => Content::Nothing,
        Maker::Swap => Content::Unknown("only the editor can read it".into()),
        Maker::Backup | Maker::Merge => Content::Unknown("it was not looked at".into()),
    };
    Some(Finding {
        content,
        ..finding(path, What::Leftover(maker), Some(of))
    })
}
