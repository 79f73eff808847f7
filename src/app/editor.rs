//! The user's editor: which one, and how it is told to keep no copies.

use std::ffi::OsString;
use std::path::Path;

use crate::app::App;
use crate::error::{Exit, Failure};
use crate::io::{IoError, process, terminal};

/// An editor that can be told to leave no swap, undo, backup or history of what it edits.
struct Discreet {
    /// What it is called.
    names: &'static [&'static str],
    options: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
}

const DISCREET: &[Discreet] = &[
    Discreet {
        names: &["vim", "gvim", "mvim", "view"],
        options: &[
            "-n",
            "-i",
            "NONE",
            "--cmd",
            "set nobackup nowritebackup noundofile viminfo=",
        ],
        variables: &[],
    },
    // It may be vim or one of several others, which know neither vim's options nor its variable.
    Discreet {
        names: &["vi"],
        options: &[],
        variables: &[(
            "VIMINIT",
            "set noswapfile nobackup nowritebackup noundofile viminfo=",
        )],
    },
    Discreet {
        names: &["nvim"],
        options: &[
            "-n",
            "-i",
            "NONE",
            "--cmd",
            "set nobackup nowritebackup noundofile shada=",
        ],
        variables: &[],
    },
    Discreet {
        names: &["nano", "pico"],
        options: &["--ignorercfiles"],
        variables: &[],
    },
    Discreet {
        names: &["emacs"],
        options: &[
            "--eval",
            "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)",
        ],
        variables: &[],
    },
    // Waits until the window is closed; it keeps its history of files elsewhere.
    Discreet {
        names: &["code", "codium", "code-insiders"],
        options: &["--wait", "--disable-extensions"],
        variables: &[],
    },
];

/// What is tried where nobody chose an editor.
pub(super) const COMMON: [&str; 3] = ["vim", "nano", "vi"];

/// Whether an editor can be told to keep no copies.
pub(super) fn is_discreet(program: &str) -> bool {
    discreet(program).is_some()
}

fn discreet(program: &str) -> Option<&'static Discreet> {
    let base = Path::new(program).file_stem()?.to_string_lossy();
    DISCREET
        .iter()
        .find(|discreet| discreet.names.contains(&&*base))
}

/// How an editor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With status 0.
    Well,
    /// With another status.
    With(i32),
    /// By a signal: a crash, most likely.
    BySignal,
}

impl App<'_> {
    /// The editors to try, program and arguments: `SOPS_EDITOR`, `VISUAL`, `EDITOR`, else what is
    /// common, which needs a terminal.
    pub(super) fn editors(&self) -> Result<Vec<Vec<String>>, Failure> {
        if let Some((_, words)) = self.chosen_editor()? {
            return Ok(vec![words]);
        }
        if !terminal::is_stdin() || !terminal::is_stdout() {
            return Err(Failure::new(
                Exit::IO,
                "no-terminal",
                "there is no terminal for an editor",
            )
            .hint("`mvx set FILE KEY` changes one value without an editor")
            .hint("or name an editor that needs no terminal: `EDITOR='code --wait'`"));
        }
        Ok(COMMON.map(|name| vec![name.to_owned()]).into())
    }

    /// The editor that a variable names, and the variable.
    pub(super) fn chosen_editor(&self) -> Result<Option<(&'static str, Vec<String>)>, Failure> {
        for name in ["SOPS_EDITOR", "VISUAL", "EDITOR"] {
            let Some(line) = self.environment().text(name)? else {
                continue;
            };
            return match shlex::split(line).filter(|words| !words.is_empty()) {
                Some(words) => Ok(Some((name, words))),
                None => Err(Failure::new(
                    Exit::USAGE,
                    "bad-editor",
                    format!("the variable {name} does not read as a command"),
                )
                .hint(format!("for example: `{name}='code --wait'`"))),
            };
        }
        Ok(None)
    }

    /// Runs the first of the editors that is there on the draft.
    pub(super) fn run_editor(
        &self,
        editors: &[Vec<String>],
        draft: &Path,
    ) -> Result<Ended, Failure> {
        let mut missing = None;
        for words in editors {
            let Some((program, arguments)) = words.split_first() else {
                continue;
            };
            let shown = Path::new(program)
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            let discreet = discreet(program);
            let options = discreet.map_or([].as_slice(), |discreet| discreet.options);
            let variables: Vec<(OsString, OsString)> = discreet
                .map_or([].as_slice(), |discreet| discreet.variables)
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            let mut command: Vec<OsString> = arguments.iter().map(Into::into).collect();
            command.extend(options.iter().map(Into::into));
            command.push(draft.into());
            let ended = match process::foreground(program, &command, &variables, None) {
                Err(error @ IoError::CommandNotStarted { .. }) => {
                    missing = Some(error);
                    continue;
                }
                ended => ended?,
            };
            if discreet.is_none() {
                self.note(format!(
                    "`{shown}` is not an editor that mvx can tell to keep no copies; check that it leaves none"
                ));
            }
            return Ok(match ended {
                Some(0) => Ended::Well,
                Some(status) => Ended::With(status),
                None => Ended::BySignal,
            });
        }
        let failure = missing.map_or_else(
            || Failure::new(Exit::IO, "no-editor", "there is no editor"),
            Failure::from,
        );
        Err(failure.hint("set EDITOR to your editor, such as `EDITOR='code --wait'`"))
    }
}
