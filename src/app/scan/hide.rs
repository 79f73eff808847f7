//! Nothing that a scan says holds a secret, also where one stands in a path, in an author's name, in
//! a ref or in the message of an error: all of that is scanned before it is said.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::rules::Loaded;
use super::{Outcome, Scanner};
use crate::app::{App, Note};
use crate::error::Failure;
use crate::scan::finding::Finding;
use crate::scan::{Rules, Scratch};

/// Hides what is secret in names.
struct Hider<'a> {
    scanners: Vec<(&'a Scanner, Scratch)>,
    known: HashMap<String, String>,
}

impl App<'_> {
    /// An outcome, the notes on the way to it, or the failure, without secrets in names.
    pub(super) fn without_secrets(
        &self,
        result: Result<Outcome, Failure>,
        scanner: &Scanner,
        loaded: &Loaded,
    ) -> Result<Outcome, Failure> {
        // what the project lets be found is not all that may not be said
        let full = (!loaded.weakened.is_nothing()).then(|| Scanner::new(Rules::builtin()));
        let mut hider = Hider::new([scanner].into_iter().chain(&full));
        for note in self.notes.borrow_mut().iter_mut() {
            hider.note(note);
        }
        match result {
            Ok(mut outcome) => {
                for finding in &mut outcome.findings {
                    hider.finding(finding);
                }
                for why in &mut outcome.incomplete {
                    hider.text(why);
                }
                Ok(outcome)
            }
            Err(failure) => Err(hider.failure(failure)),
        }
    }

    /// A failure of a scan that has not begun yet, without secrets in names.
    pub fn failure_without_secrets(&self, failure: Failure) -> Failure {
        let scanner = Scanner::new(Rules::builtin());
        Hider::new([&scanner]).failure(failure)
    }
}

impl<'a> Hider<'a> {
    fn new(scanners: impl IntoIterator<Item = &'a Scanner>) -> Self {
        let scanners = scanners.into_iter();
        Self {
            scanners: scanners
                .map(|scanner| (scanner, scanner.scratch()))
                .collect(),
            known: HashMap::new(),
        }
    }

    fn text(&mut self, text: &mut String) {
        if text.is_empty() {
            return;
        }
        if let Some(known) = self.known.get(text) {
            text.clone_from(known);
            return;
        }
        let mut shown = text.clone();
        for (scanner, scratch) in &mut self.scanners {
            let hidden = scanner.redact(scratch, shown.as_bytes());
            shown = String::from_utf8_lossy(&hidden).into_owned();
        }
        let said = std::mem::replace(text, shown.clone());
        self.known.insert(said, shown);
    }

    fn path(&mut self, path: &Path) -> Option<PathBuf> {
        let text = path.to_string_lossy().into_owned();
        let mut shown = text.clone();
        self.text(&mut shown);
        (shown != text).then(|| shown.into())
    }

    fn finding(&mut self, finding: &mut Finding) {
        if let Some(path) = &finding.place.path
            && let Some(shown) = self.path(path)
        {
            finding.place.path = Some(shown);
            // it names the file
            self.text(&mut finding.remedy);
        }
        if let Some(commit) = &mut finding.place.commit {
            self.text(&mut commit.author);
            self.text(&mut commit.email);
        }
        if let Some(expired) = &mut finding.expired {
            self.text(expired);
        }
    }

    fn note(&mut self, note: &mut Note) {
        match note {
            Note::Said(text) | Note::Detail(_, text) => self.text(text),
            Note::Warned(text, hints) => {
                self.text(text);
                for hint in hints {
                    self.text(hint);
                }
            }
        }
    }

    fn failure(&mut self, mut failure: Failure) -> Failure {
        let said = format!("{:#}", failure.error);
        let mut shown = said.clone();
        self.text(&mut shown);
        if shown != said {
            failure.error = anyhow::Error::msg(shown);
        }
        for text in failure.place.iter_mut().chain(&mut failure.hints) {
            self.text(text);
        }
        failure
    }
}
