//! A sealed file in the user's editor.
//!
//! What was typed there is never lost by an accident: where it cannot take the file's place, and
//! nobody is there to decide, it is kept in an encrypted file of its own.

use std::path::{Path, PathBuf};

use crate::app::editor::Ended;
use crate::app::encrypt::NewKey;
use crate::app::files::{
    Wanted, can_be_made, is_sealed_name, no_such_file, plain_name, sealed_name, sealed_sibling,
    shell_word,
};
use crate::app::ledger::store::{Old, Purpose, Storing};
use crate::app::load::OpenFile;
use crate::app::policy::{Policy, format_of};
use crate::app::{App, READ_LIMIT};
use crate::error::{At as _, Exit, Failure};
use crate::io::private::PrivateDirectory;
use crate::io::write::{self, Access};
use crate::io::{IoError, file};
use crate::secret::Cleartext;
use crate::sops::metadata::Metadata;
use crate::sops::previous::Previous;
use crate::stores::Format;

/// What came of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file was sealed again.
    Changed,
    /// A new file was made.
    Made,
    /// The text was left as it was.
    Unchanged,
    /// The example of a new file was left as it was; there is no file.
    NotMade,
}

/// What to do when the edited text cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Back into the editor.
    Reopen,
    /// Give up; the edited text is dropped, and the file stays as it was.
    Discard,
}

impl App<'_> {
    /// Opens a sealed file in an editor and seals what comes back; makes the file where there is
    /// none. `again` is asked when the text cannot be sealed, and answers `None` where nobody is
    /// there to be asked.
    pub fn edit(
        &self,
        path: &Path,
        format: Option<Format>,
        mut again: impl FnMut(&Failure) -> Option<Again>,
    ) -> Result<Outcome, Failure> {
        let editors = self.editors().at(path.display())?;
        let target = self.edit_target(path, format)?;
        self.edit_text(path, &editors, target, &mut again)
    }

    /// As [`App::edit`], for a file that is open already.
    pub(super) fn edit_opened(
        &self,
        path: &Path,
        mut file: OpenFile,
        mut again: impl FnMut(&Failure) -> Option<Again>,
    ) -> Result<Outcome, Failure> {
        let editors = self.editors().at(path.display())?;
        let plain = file.plaintext()?;
        let target = Target::Existing(Box::new(file), plain);
        self.edit_text(path, &editors, target, &mut again)
    }

    fn edit_text(
        &self,
        path: &Path,
        editors: &[Vec<String>],
        mut target: Target,
        again: &mut dyn FnMut(&Failure) -> Option<Again>,
    ) -> Result<Outcome, Failure> {
        let directory = PrivateDirectory::create(self.environment)?;
        if !directory.is_in_memory() {
            self.note("this system has no memory file system: the plaintext was on disk for a while, and was overwritten");
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let draft = directory.add(&name, target.text().as_bytes())?;
        loop {
            let ended = self.run_editor(editors, &draft)?;
            let edited = match file::read(&draft, READ_LIMIT) {
                Err(IoError::NotFound { .. }) => return Err(editor_failed("left no file", path)),
                edited => edited?,
            };
            let unchanged = edited == *target.text();
            match ended {
                Ended::Well if unchanged => {
                    directory.close()?;
                    return Ok(match target {
                        Target::Existing(..) => Outcome::Unchanged,
                        Target::New { .. } => Outcome::NotMade,
                    });
                }
                Ended::Well => {}
                // `:cq` in vim: a way to say no.
                Ended::With(status) => {
                    return Err(editor_failed(&format!("ended with status {status}"), path));
                }
                Ended::BySignal => {
                    let failure = editor_failed("was ended by a signal", path);
                    return Err(if unchanged {
                        failure
                    } else {
                        self.keep(path, &target, &edited, failure)
                    });
                }
            }
            let outcome = self.put_back(path, &mut target, &edited);
            let failure = match outcome {
                Ok(outcome) => {
                    directory.close()?;
                    return Ok(outcome);
                }
                Err(failure) => failure,
            };
            // To edit on would be to overwrite what somebody else has just written.
            let conflict = failure.code == CHANGED;
            match (!conflict).then(|| again(&failure)).flatten() {
                Some(Again::Reopen) => {}
                Some(Again::Discard) => {
                    let message = "what was edited was dropped; the file is as it was";
                    return Err(Failure::new(failure.exit, "discarded", message).at(path.display()));
                }
                None => return Err(self.keep(path, &target, &edited, failure)),
            }
        }
    }

    /// The file to edit, opened, or what is needed to make it: whatever can fail fails before
    /// anything is typed.
    fn edit_target(&self, path: &Path, format: Option<Format>) -> Result<Target, Failure> {
        if file::kind(path)?.is_some() {
            file::is_replaceable(path)?;
            self.is_not_kept(path)?;
            let mut file = self.open_file(path, format)?;
            let plain = file.plaintext()?;
            return Ok(Target::Existing(Box::new(file), plain));
        }
        can_be_made(path)?;
        if sealed_sibling(path).is_some() {
            return Err(no_such_file(path, Wanted::Sealed));
        }
        let policy = self.policy_for(path, &[])?;
        let key = self.new_key(&policy).at(path.display())?;
        if !is_sealed_name(path) {
            self.note(format!(
                "{}: the name does not say that the file is encrypted, as {} would",
                path.display(),
                sealed_name(path).display()
            ));
        }
        let format = format
            .or(format_of(&policy))
            .unwrap_or_else(|| Format::from_path(path));
        Ok(Target::New {
            policy: Box::new(policy),
            key,
            format,
            example: example(format).into(),
        })
    }

    /// Seals the edited text and writes it.
    fn put_back(
        &self,
        path: &Path,
        target: &mut Target,
        edited: &Cleartext,
    ) -> Result<Outcome, Failure> {
        match target {
            Target::Existing(file, plain) => {
                let sealed = self.reseal(file, plain, edited)?;
                let lock = self.lock(path)?;
                let storing = Storing {
                    path,
                    lock: &lock,
                    old: Old::Open(file),
                    new: &sealed,
                    format: file.sealed.format,
                };
                self.store(&storing, &Purpose::of("mvx edit"))?;
                Ok(Outcome::Changed)
            }
            Target::New {
                policy,
                key,
                format,
                ..
            } => {
                let name = path.display().to_string();
                let sealed = self.seal_new(&name, edited, *format, policy, key)?;
                file::create_directories(file::directory_of(path))?;
                let lock = self.lock(path)?;
                let storing = Storing {
                    path,
                    lock: &lock,
                    old: Old::Nothing,
                    new: &sealed.text,
                    format: *format,
                };
                self.store(&storing, &Purpose::of("mvx edit")).map_err(
                    |failure| match failure.code {
                        "already-exists" => made_meanwhile(path),
                        _ => failure,
                    },
                )?;
                self.warn_if_left_out(path);
                self.warn_if_closed(path, policy);
                Ok(Outcome::Made)
            }
        }
    }

    /// Seals an edited text with the file's own key, recipients and selector. Values that stayed
    /// the same keep their ciphertext and their line.
    fn reseal(
        &self,
        file: &OpenFile,
        plain: &Cleartext,
        edited: &Cleartext,
    ) -> Result<Cleartext, Failure> {
        let name = &file.sealed.name;
        let closed = |envelope: &Cleartext| {
            memchr::memmem::find(edited.as_bytes(), envelope.as_bytes()).is_some()
        };
        if file.closed.iter().any(closed) {
            let message = "a value that does not open still stands there as `ENC[…]`";
            return Err(Failure::new(Exit::VALUE, "value-not-authentic", message)
                .at(name)
                .hint("type the value anew in its place, or take the entry out"));
        }
        let store = file.store();
        let expanded = store
            .expand(plain.as_bytes())
            .at(name)?
            .map(|expanded| expanded.text);
        let plain = expanded.as_ref().unwrap_or(plain);
        let plain_tree = store.parse(plain.as_bytes()).at(name)?;
        let sealed = (file.sealed.text.as_bytes(), &file.sealed.tree, &file.opened);
        let previous = Previous::new(&file.key, sealed, (plain.as_bytes(), &plain_tree));
        let metadata = file.sealed.metadata.clone();
        let sealed = self.seal(
            name,
            edited,
            file.sealed.format,
            &file.key,
            metadata,
            Some(previous),
        )?;
        Ok(sealed.text)
    }

    /// Keeps an edited text in an encrypted file of its own, and adds to `failure` where it is.
    fn keep(&self, path: &Path, target: &Target, edited: &Cleartext, failure: Failure) -> Failure {
        let failure = failure.at(path.display());
        if edited.as_bytes().trim_ascii().is_empty() {
            return failure;
        }
        match self.kept(path, target, edited) {
            Ok(kept) => failure
                .hint(format!(
                    "what you edited is kept, encrypted, in `{}`",
                    kept.display()
                ))
                .hint(format!("`mvx decrypt {}` prints it", shell_word(&kept))),
            Err(_) => failure.hint("what you edited could not be kept"),
        }
    }

    /// Seals the text as a whole, since it may be no sound file, and writes it beside the file or,
    /// where that is not possible, to where mvx keeps its own things.
    fn kept(&self, path: &Path, target: &Target, edited: &Cleartext) -> Result<PathBuf, Failure> {
        let name = path.display().to_string();
        let sealed = match target {
            Target::Existing(file, _) => {
                let old = &file.sealed.metadata;
                let metadata = Metadata::new(&old.groups()?, old.threshold()?, None, false);
                self.seal(&name, edited, Format::Binary, &file.key, metadata, None)?
            }
            Target::New { policy, key, .. } => {
                self.seal_new(&name, edited, Format::Binary, policy, key)?
            }
        };
        let bytes = sealed.text.as_bytes();
        let elsewhere = || -> Result<PathBuf, Failure> {
            let directory = self.environment.state_directory()?.join("kept");
            file::create_private_directories(&directory)?;
            Ok(create_free(
                &directory.join(path.file_name().unwrap_or_default()),
                bytes,
            )?)
        };
        create_free(path, bytes).or_else(|_| elsewhere())
    }
}

/// Writes a file whose name is free: `app.enc.yaml` → `app.edited.yaml.enc`.
fn create_free(path: &Path, bytes: &[u8]) -> Result<PathBuf, IoError> {
    let mut number = 1;
    loop {
        let kept = kept_name(path, number);
        match write::create_new(&kept, bytes, Access::Shared) {
            Err(IoError::AlreadyExists { .. }) if number < 1000 => number += 1,
            written => return written.map(|()| kept),
        }
    }
}

fn kept_name(path: &Path, number: usize) -> PathBuf {
    let plain = plain_name(path).unwrap_or_else(|| path.to_owned());
    let name = plain.file_name().unwrap_or_default().to_string_lossy();
    let (stem, ending) = name.split_at(name.rfind('.').unwrap_or(name.len()));
    let number = match number {
        1 => String::new(),
        number => format!("-{number}"),
    };
    path.with_file_name(format!("{stem}.edited{number}{ending}.enc"))
}

/// Somebody else was faster with a new file.
fn made_meanwhile(path: &Path) -> Failure {
    let message = "was made by somebody else meanwhile; nothing was written";
    Failure::new(Exit::IO, CHANGED, message)
        .at(path.display())
        .hint("`mvx edit FILE` opens what is there now")
}

/// The code of [`IoError::ChangedMeanwhile`].
const CHANGED: &str = "changed-meanwhile";

fn editor_failed(how: &str, path: &Path) -> Failure {
    Failure::new(
        Exit::IO,
        "editor-failed",
        format!("the editor {how}; the file was left as it was"),
    )
    .at(path.display())
    .hint("to use another editor: `EDITOR=nano mvx edit FILE`")
}

enum Target {
    Existing(Box<OpenFile>, Cleartext),
    New {
        policy: Box<Policy>,
        key: NewKey,
        format: Format,
        example: Cleartext,
    },
}

impl Target {
    /// What the editor begins with.
    fn text(&self) -> &Cleartext {
        match self {
            Self::Existing(_, text) | Self::New { example: text, .. } => text,
        }
    }
}

/// What a new file starts from.
fn example(format: Format) -> &'static str {
    match format {
        Format::Yaml => {
            "# Values are encrypted when you save; names stay readable.\nexample_key: example value\n"
        }
        Format::Json => "{\n  \"example_key\": \"example value\"\n}\n",
        Format::Dotenv => {
            "# Values are encrypted when you save; names stay readable.\nEXAMPLE_KEY=example value\n"
        }
        Format::Ini => {
            "; Values are encrypted when you save; names stay readable.\n[example]\nkey = example value\n"
        }
        Format::Binary => "Replace this with the content of the file.\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_a_name_of_its_own() {
        for (path, kept) in [
            ("secrets/app.enc.yaml", "secrets/app.edited.yaml.enc"),
            ("app.yaml", "app.edited.yaml.enc"),
            (".enc.env", ".edited.env.enc"),
            ("key.enc", "key.edited.enc"),
        ] {
            assert_eq!(kept_name(Path::new(path), 1), Path::new(kept));
            assert!(is_sealed_name(Path::new(kept)), "{kept}");
            assert_eq!(Format::from_path(Path::new(kept)), Format::Binary);
        }
        assert_eq!(
            kept_name(Path::new("a.enc.yaml"), 2),
            Path::new("a.edited-2.yaml.enc")
        );
    }
}
