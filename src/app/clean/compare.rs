//! Comparing what was left behind with what is encrypted.

use std::path::{Path, PathBuf};

use super::names::Maker;
use super::{Content, Finding, What};
use crate::app::{App, READ_LIMIT};
use crate::io::{file, private};
use crate::secret::Cleartext;
use crate::stores::Format;

/// A sealed file's text and plaintext, the last one that was opened: findings of one file stand
/// together.
#[derive(Default)]
struct Opened {
    last: Option<(PathBuf, Result<[Cleartext; 2], String>)>,
}

impl App<'_> {
    /// Compares every finding.
    pub(super) fn compare_all(&self, findings: &mut [Finding]) {
        let mut opened = Opened::default();
        let mut order: Vec<usize> = (0..findings.len()).collect();
        order.sort_by_key(|at| findings.get(*at).and_then(|finding| finding.of.clone()));
        for at in order {
            if let Some(finding) = findings.get_mut(at) {
                finding.content = self.judge(finding, &mut opened);
            }
        }
    }

    /// Compares one finding with what is there now.
    pub(super) fn compare_anew(&self, finding: &Finding) -> Content {
        self.judge(finding, &mut Opened::default())
    }

    fn judge(&self, finding: &Finding, opened: &mut Opened) -> Content {
        match (finding.what, &finding.of) {
            (What::Draft, _) => self.judge_draft(&finding.path, opened),
            (What::Unencrypted, _) => {
                Content::Unknown("there is no encrypted file beside it".into())
            }
            (What::Plaintext | What::Leftover(Maker::Backup | Maker::Merge), Some(of)) => {
                self.judge_file(&finding.path, of, opened)
            }
            _ => finding.content.clone(),
        }
    }

    fn judge_file(&self, path: &Path, of: &Path, opened: &mut Opened) -> Content {
        let text = match file::read(path, READ_LIMIT) {
            Ok(text) => text,
            Err(error) => return Content::Unknown(error.reason()),
        };
        match opened.get(self, of) {
            Ok(known) if known.contains(&text) => Content::Same,
            _ if is_sealed(&text, of) => {
                Content::Unknown("it is another version of the encrypted file".into())
            }
            Ok(_) => Content::Differs,
            Err(why) => Content::Unknown(why.clone()),
        }
    }

    /// A draft has the name of the file that it is of. It may go where it is the same as a sealed
    /// file of that name below the working directory.
    fn judge_draft(&self, directory: &Path, opened: &mut Opened) -> Content {
        let files = match private::files_in(directory) {
            Ok(files) => files,
            Err(error) => return Content::Unknown(error.reason()),
        };
        if files.is_empty() {
            return Content::Nothing;
        }
        let sealed = self.sealed_below(Path::new(".")).unwrap_or_default();
        let same = |draft: &PathBuf, opened: &mut Opened| {
            let mut candidates = sealed
                .iter()
                .filter(|path| path.file_name() == draft.file_name());
            candidates.any(|path| self.judge_file(draft, path, opened) == Content::Same)
        };
        if files.iter().all(|draft| same(draft, opened)) {
            return Content::Same;
        }
        Content::Unknown("no encrypted file here has the same in it".into())
    }
}

impl Opened {
    /// The text of a sealed file and its plaintext, or why it does not open.
    fn get(&mut self, app: &App<'_>, sealed: &Path) -> &Result<[Cleartext; 2], String> {
        let known = matches!(&self.last, Some((path, _)) if path == sealed);
        if !known {
            self.last = None;
        }
        let (_, content) = self
            .last
            .get_or_insert_with(|| (sealed.to_owned(), open(app, sealed)));
        content
    }
}

/// Whether a text is encrypted itself, in the form of the file that it belongs to.
fn is_sealed(text: &Cleartext, of: &Path) -> bool {
    let parsed = Format::from_path(of).store().parse(text.as_bytes());
    parsed.is_ok_and(|tree| tree.meta().is_some())
}

fn open(app: &App<'_>, sealed: &Path) -> Result<[Cleartext; 2], String> {
    let file = app.open_file(sealed, None);
    let content = file.and_then(|mut file| Ok([file.plaintext()?, file.sealed.original]));
    content.map_err(|failure| format!("{} does not open here: {}", sealed.display(), failure.error))
}
