//! A sealed file in the user's editor.

use std::ffi::OsString;
use std::path::Path;

use crate::app::load::OpenFile;
use crate::app::policy::{Policy, format_of};
use crate::app::{App, READ_LIMIT, SystemRandomness, now};
use crate::error::{At as _, Exit, Failure};
use crate::io::private::PrivateDirectory;
use crate::io::write::{self, Access};
use crate::io::{IoError, file, process};
use crate::secret::Cleartext;
use crate::sops::metadata::Metadata;
use crate::sops::seal::{Previous, Sealer};
use crate::stores::Format;

/// Editors that can be told to leave no swap, undo or backup file of what they edit, and how.
const DISCREET: &[(&[&str], &[&str])] = &[
    (
        &["vim", "vi", "gvim", "mvim", "view"],
        &[
            "-n",
            "-i",
            "NONE",
            "--cmd",
            "set nobackup nowritebackup noundofile viminfo=",
        ],
    ),
    (
        &["nvim"],
        &[
            "-n",
            "-i",
            "NONE",
            "--cmd",
            "set nobackup nowritebackup noundofile shada=",
        ],
    ),
    (&["nano", "pico"], &["--ignorercfiles"]),
    (
        &["emacs", "emacsclient"],
        &[
            "--eval",
            "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)",
        ],
    ),
    // Waits until the window is closed; it keeps its history of files elsewhere.
    (
        &["code", "codium", "code-insiders"],
        &["--wait", "--disable-extensions"],
    ),
];

/// What came of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file was sealed again, or made.
    Changed,
    /// The text was left as it was.
    Unchanged,
}

/// What to do when the edited text cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Back into the editor.
    Reopen,
    /// Give up; the edited text is lost, and the file stays as it was.
    Discard,
}

impl App<'_> {
    /// Opens a sealed file in an editor and seals what comes back; makes the file where there is
    /// none. `again` is asked when the text cannot be sealed.
    pub fn edit(
        &self,
        path: &Path,
        format: Option<Format>,
        mut again: impl FnMut(&Failure) -> Result<Again, Failure>,
    ) -> Result<Outcome, Failure> {
        let absolute = self.absolute(path);
        let name = path.display().to_string();
        let mut target = if file::kind(&absolute)?.is_some() {
            let mut file = self.open_file(path, format)?;
            let plain = file.plaintext()?;
            Target::Existing(Box::new(file), plain)
        } else {
            let policy = self.policy_for(path, &[])?;
            let format = format
                .or(format_of(&policy))
                .unwrap_or_else(|| Format::from_path(path));
            Target::New(Box::new(policy), format, example(format).into())
        };
        let directory = PrivateDirectory::create(self.environment)?;
        if !directory.is_in_memory() {
            self.note("this system has no memory file system: the plaintext was on disk for a while, and was overwritten");
        }
        let file_name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let draft = directory.add(&file_name, target.text().as_bytes())?;
        loop {
            self.run_editor(&draft)?;
            let edited = file::read(&draft, READ_LIMIT)?;
            if edited == *target.text() {
                directory.close()?;
                return Ok(Outcome::Unchanged);
            }
            let sealed = match &mut target {
                Target::Existing(file, plain) => reseal(file, plain, &edited),
                Target::New(policy, format, _) => self
                    .seal_new(&name, &edited, *format, policy)
                    .map(|(text, _, _)| text),
            };
            match sealed {
                Ok(sealed) => {
                    self.put_back(&absolute, &target, &sealed)?;
                    directory.close()?;
                    return Ok(Outcome::Changed);
                }
                Err(failure) => {
                    if again(&failure)? == Again::Discard {
                        return Err(failure);
                    }
                }
            }
        }
    }

    fn put_back(&self, path: &Path, target: &Target, sealed: &Cleartext) -> Result<(), Failure> {
        let lock = self.lock(path)?;
        match target {
            Target::Existing(file, _) => {
                let old = file.sealed.original.as_bytes();
                write::write_if_unchanged(&lock, old, sealed.as_bytes(), Access::Shared)?;
            }
            Target::New(..) => write::create_new(path, sealed.as_bytes(), Access::Shared)?,
        }
        Ok(())
    }

    /// Runs the user's editor on the draft: the first of several that is there.
    fn run_editor(&self, draft: &Path) -> Result<(), Failure> {
        let mut missing = None;
        for words in self.editors()? {
            let Some((program, arguments)) = words.split_first() else {
                continue;
            };
            let base = Path::new(program)
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy();
            let discreet = DISCREET.iter().find(|(names, _)| names.contains(&&*base));
            let options = discreet.map(|(_, options)| *options).unwrap_or_default();
            let mut command: Vec<OsString> = arguments.iter().map(Into::into).collect();
            command.extend(options.iter().map(Into::into));
            command.push(draft.into());
            let ended = match process::foreground(program, &command, &[], None) {
                Err(error @ IoError::CommandNotStarted { .. }) => {
                    missing = Some(error);
                    continue;
                }
                ended => ended?,
            };
            if discreet.is_none() {
                self.note(format!(
                    "`{base}` is not an editor that mvx can tell to keep no copies; check that it leaves none"
                ));
            }
            let ended = match ended {
                Some(0) => return Ok(()),
                Some(status) => format!("ended with status {status}"),
                None => "was ended by a signal".into(),
            };
            return Err(Failure::new(
                Exit::IO,
                "editor-failed",
                format!("the editor `{base}` {ended}; the file was left as it was"),
            )
            .hint("set EDITOR to another editor, such as `EDITOR=nano`"));
        }
        let failure = missing.map_or_else(
            || Failure::new(Exit::IO, "no-editor", "there is no editor"),
            Failure::from,
        );
        Err(failure.hint("set EDITOR to your editor, such as `EDITOR='code --wait'`"))
    }

    /// The editors to try, program and arguments: `SOPS_EDITOR`, `VISUAL`, `EDITOR`, else what is
    /// common.
    fn editors(&self) -> Result<Vec<Vec<String>>, Failure> {
        for name in ["SOPS_EDITOR", "VISUAL", "EDITOR"] {
            let Some(line) = self.environment.text(name)? else {
                continue;
            };
            return match shlex::split(line).filter(|words| !words.is_empty()) {
                Some(words) => Ok(vec![words]),
                None => Err(Failure::new(
                    Exit::USAGE,
                    "bad-editor",
                    format!("the variable {name} does not read as a command"),
                )
                .hint(format!("for example: `{name}='code --wait'`"))),
            };
        }
        Ok(["vim", "nano", "vi"]
            .map(|name| vec![name.to_owned()])
            .into())
    }
}

/// Seals an edited text with the file's own key, recipients and selector. Values that stayed the
/// same keep their ciphertext and their line.
fn reseal(file: &OpenFile, plain: &Cleartext, edited: &Cleartext) -> Result<Cleartext, Failure> {
    let name = &file.sealed.name;
    let store = file.store();
    let expanded = store
        .expand(plain.as_bytes())
        .at(name)?
        .map(|expanded| expanded.text);
    let plain = expanded.as_ref().unwrap_or(plain);
    let plain_tree = store.parse(plain.as_bytes()).at(name)?;
    let before = (file.sealed.text.as_bytes(), &file.sealed.tree, &file.opened);
    let previous = Previous::new(&file.key, before, (plain.as_bytes(), &plain_tree));
    let metadata: Metadata = file.sealed.metadata.clone();
    let now = now();
    let mut random = SystemRandomness::default();
    let mut sealer = Sealer {
        store,
        key: &file.key,
        now: &now,
        random: &mut random,
    };
    Ok(sealer
        .seal(edited.as_bytes(), metadata, Some(previous))
        .at(name)?
        .text)
}

enum Target {
    Existing(Box<OpenFile>, Cleartext),
    New(Box<Policy>, Format, Cleartext),
}

impl Target {
    fn text(&self) -> &Cleartext {
        match self {
            Self::Existing(_, text) | Self::New(_, _, text) => text,
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
