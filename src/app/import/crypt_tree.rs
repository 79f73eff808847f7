//! Work trees of git-crypt and transcrypt: each file that they mark gets a secret file beside it.

use std::path::{Path, PathBuf};

use super::sources::locked;
use crate::app::encrypt::{Encrypted, Output, Request};
use crate::app::files::{is_sealed_name, sealed_name};
use crate::app::{App, READ_LIMIT, many};
use crate::document::{Body, Tree};
use crate::error::{Exit, Failure};
use crate::git::committed::History;
use crate::git::{self, WorkTree};
use crate::import::crypt::{Tool, marking_lines};
use crate::io::walk::{self, Ignored};
use crate::io::{IoError, file};
use crate::secret::Cleartext;
use crate::stores::Format;

/// The longest `.gitattributes` that is read, in bytes.
const ATTRIBUTES_LIMIT: usize = 1 << 20;

/// What would be done.
pub struct TreePlan {
    /// The tool.
    pub tool: Tool,
    /// The marked files that get a secret file.
    pub files: Vec<TreeFile>,
    /// Marked files that have one already.
    pub passed_over: Vec<PathBuf>,
    /// The lines of `.gitattributes` files that mark.
    pub marks: Vec<(PathBuf, usize)>,
}

/// A marked file.
pub struct TreeFile {
    /// The decrypted file.
    pub plain: PathBuf,
    /// The secret file.
    pub sealed: PathBuf,
    /// Its type, where its name does not tell: a text that is not what its name says is sealed as
    /// a whole.
    format: Option<Format>,
    /// Whether the secret file is marked, too: the tool would encrypt it once more.
    pub doubly: bool,
    /// What git's history holds of it in clear.
    pub history: Option<History>,
}

impl App<'_> {
    /// Finds the files below a directory that `tool` marks, and fails where one of them is still
    /// locked or no rule covers it.
    pub fn plan_crypt_tree(
        &self,
        tool: Tool,
        directory: &Path,
        overwrite: bool,
    ) -> Result<TreePlan, Failure> {
        let Some(tree) = git::work_tree_of(directory)? else {
            let message = "this is no git repository, and so nothing is marked in it";
            return Err(Failure::new(Exit::IO, "no-repository", message).at(directory.display()));
        };
        let mut plan = TreePlan {
            tool,
            files: Vec::new(),
            passed_over: Vec::new(),
            marks: self.marks(&tree, tool)?,
        };
        let mut closed = Vec::new();
        for path in walk::files(directory, Ignored::Included)? {
            let path = path
                .strip_prefix(".")
                .map_or_else(|_| path.clone(), Path::to_owned);
            if is_sealed_name(&path) || !is_marked(&tree, &path, tool)? {
                continue;
            }
            let bytes = file::read(&path, READ_LIMIT)?;
            if Tool::locking(bytes.as_bytes()) == Some(tool) {
                closed.push(path);
                continue;
            }
            if bytes.is_empty() {
                // There is nothing to keep secret.
                continue;
            }
            let (sealed, format) = match kind(&path, &bytes) {
                Kind::Sealed => {
                    plan.passed_over.push(path);
                    continue;
                }
                Kind::Named => (sealed_name(&path), None),
                Kind::Other => (with_ending(&path), Some(Format::Binary)),
            };
            if !overwrite && file::kind(&sealed)?.is_some() {
                plan.passed_over.push(path);
                continue;
            }
            self.policy_for_plaintext(&path, &sealed, &[])?;
            let (history, _) = self.committed(&path, &bytes);
            plan.files.push(TreeFile {
                doubly: is_marked(&tree, &sealed, tool)?,
                plain: path,
                sealed,
                format,
                history,
            });
        }
        match closed.as_slice() {
            [] => {}
            [only] => return Err(locked(only, tool)),
            several => return Err(all_locked(several, tool)),
        }
        if plan.files.is_empty() {
            let message = if plan.passed_over.is_empty() {
                format!("no file there is marked for {}", tool.name())
            } else {
                "every marked file has an encrypted one beside it already".into()
            };
            let hint = if plan.passed_over.is_empty() {
                "`git check-attr filter FILE` shows a file's mark"
            } else {
                "`--overwrite` encrypts them again"
            };
            return Err(Failure::new(Exit::NO, "nothing-to-do", message)
                .at(directory.display())
                .hint(hint));
        }
        Ok(plan)
    }

    /// Encrypts a marked file, and opens the result again where this machine can.
    pub fn import_crypt_file(
        &self,
        file: &TreeFile,
        overwrite: bool,
    ) -> Result<Encrypted, Failure> {
        let done = self.encrypt(Request {
            path: &file.plain,
            bytes: None,
            output: Output::File(file.sealed.clone()),
            format: file.format,
            age: &[],
            overwrite,
        })?;
        let opened = self.open_file(&file.sealed, file.format);
        let mut opened = match opened {
            // It was opened in memory before it was written; nothing more can be done here.
            Err(failure) if failure.exit == Exit::NO_IDENTITY => return Ok(done),
            opened => opened?,
        };
        let format = opened.sealed.format;
        let plain = opened.plaintext()?;
        if plain != done.plaintext && !same_values(format, &plain, &done.plaintext)? {
            let message = "does not hold what was imported";
            return Err(Failure::new(Exit::BUG, "bug", message)
                .at(file.sealed.display())
                .hint("keep the plaintext, and please report this"));
        }
        Ok(done)
    }

    /// The lines that mark files, in every `.gitattributes` of the repository.
    fn marks(&self, tree: &WorkTree, tool: Tool) -> Result<Vec<(PathBuf, usize)>, Failure> {
        let mut marks = Vec::new();
        for path in tree.attribute_files()? {
            let text = match file::read_text(&path, ATTRIBUTES_LIMIT) {
                Ok(text) => text,
                Err(IoError::NotFound { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let shown = file::canonical(self.directory())
                .ok()
                .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned))
                .unwrap_or(path);
            let lines = marking_lines(&text, tool);
            marks.extend(lines.into_iter().map(|line| (shown.clone(), line)));
        }
        Ok(marks)
    }
}

/// What a file is to mvx.
enum Kind {
    /// What its name says.
    Named,
    /// A secret file already.
    Sealed,
    /// Something else, such as a JSON file whose root is a list.
    Other,
}

fn kind(path: &Path, bytes: &Cleartext) -> Kind {
    let store = Format::from_path(path).store();
    let tree = store.expand(bytes.as_bytes()).and_then(|expanded| {
        let text = expanded.as_ref().map_or(bytes, |expanded| &expanded.text);
        store.parse(text.as_bytes())
    });
    match tree {
        Ok(tree) if tree.meta().is_some() => Kind::Sealed,
        Ok(_) => Kind::Named,
        Err(_) => Kind::Other,
    }
}

/// `list.json` → `list.json.enc`, whose name says that it is one value.
fn with_ending(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".enc");
    path.with_file_name(name)
}

fn is_marked(tree: &WorkTree, path: &Path, tool: Tool) -> Result<bool, Failure> {
    let filter = tree.attribute(path, "filter")?;
    Ok(filter.is_some_and(|filter| Tool::of_filter(&filter) == Some(tool)))
}

fn all_locked(files: &[PathBuf], tool: Tool) -> Failure {
    let message = format!(
        "{} still locked by {}",
        many(files.len(), "file is", "files are"),
        tool.name()
    );
    let names = files.iter().rev().map(|file| file.display().to_string());
    let mut lines = names.collect::<Vec<_>>().into_iter();
    let last = anyhow::Error::msg(lines.next().unwrap_or_default());
    let mut failure = Failure::new(Exit::IO, "locked", "").hint(format!(
        "`{}` decrypts the work tree's files",
        tool.unlock()
    ));
    failure.error = lines.fold(last, anyhow::Error::context).context(message);
    failure
}

/// Whether two texts hold the same values at the same places; comments and layout aside.
fn same_values(format: Format, one: &Cleartext, other: &Cleartext) -> Result<bool, Failure> {
    let store = format.store();
    let tree = |text: &Cleartext| {
        let expanded = store.expand(text.as_bytes())?;
        let text = expanded.as_ref().map_or(text, |expanded| &expanded.text);
        store.parse(text.as_bytes())
    };
    let (one, other) = (tree(one)?, tree(other)?);
    let values = |tree: &Tree| -> Vec<usize> {
        let items = tree.items.iter().enumerate();
        items
            .filter(|(_, item)| !matches!(item.body, Body::Comment(_)))
            .map(|(index, _)| index)
            .collect()
    };
    let (left, right) = (values(&one), values(&other));
    Ok(left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| {
            let (Some(left), Some(right)) = (one.items.get(*left), other.items.get(right)) else {
                return false;
            };
            let same = match (&left.body, &right.body) {
                (Body::Leaf(left), Body::Leaf(right)) => left == right,
                (Body::Null, Body::Null) | (Body::Open(_), Body::Open(_)) => true,
                _ => false,
            };
            same && one.path(left) == other.path(right)
        }))
}
