//! Where age identities come from: variables, key files, commands, and the order among them.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::io::IoError;
use crate::keys::Effort;
use crate::keys::age::identity::{self, Key};
use crate::keys::machine::{CommandError, KeyCommand, Machine, Platform};
use crate::secret::Cleartext;

/// How long a key command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// The variables that name identities, in the order in which they are looked at.
pub(super) const SOURCE_VARIABLES: [&str; 8] = [
    "MVX_AGE_KEY",
    "MVX_AGE_KEY_FILE",
    "MVX_AGE_KEY_CMD",
    "SOPS_AGE_KEY",
    "SOPS_AGE_KEY_FILE",
    "SOPS_AGE_KEY_CMD",
    "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
    "SOPS_AGE_SSH_PRIVATE_KEY_CMD",
];

/// A place that may hold identities. It is looked at when its turn comes, and once.
pub(super) struct Source {
    /// The effort that looking at it takes.
    pub(super) effort: Effort,
    origin: Origin,
}

enum Origin {
    /// The text stands in a variable.
    Variable {
        name: &'static str,
        loaded: OnceLock<Arc<Loaded>>,
    },
    /// A file, which `name` points to unless it is one of the usual places.
    File {
        name: Option<&'static str>,
        path: PathBuf,
        loaded: OnceLock<Arc<Loaded>>,
    },
    /// A command prints it. The answer may differ from recipient to recipient.
    Command {
        name: &'static str,
        line: OsString,
        answers: Mutex<Vec<(String, Arc<Loaded>)>>,
    },
}

/// What a source holds.
#[derive(Default)]
pub(super) struct Loaded {
    /// The source in words.
    pub(super) label: String,
    /// Its identities.
    pub(super) keys: Vec<Key>,
    /// What kept it, or a part of it, from being used.
    pub(super) troubles: Vec<String>,
    /// What a person should know in any case.
    pub(super) note: Option<String>,
    /// The command ran into its time limit and is not run again.
    hung: bool,
}

impl Source {
    /// Every source of this machine, in the order in which they are listed.
    pub(super) fn all(machine: &dyn Machine) -> Vec<Self> {
        let variable = |name| {
            machine
                .variable(name)
                .filter(|value| !value.is_empty())
                .map(|value| (name, value))
        };
        let mut sources = Vec::new();
        for [text, file, command] in [
            ["MVX_AGE_KEY", "MVX_AGE_KEY_FILE", "MVX_AGE_KEY_CMD"],
            ["SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY_CMD"],
        ] {
            sources.extend(variable(text).map(|(name, _)| Self::variable(name)));
            sources.extend(variable(file).map(|(name, path)| Self::file(Some(name), path.into())));
            sources.extend(variable(command).map(|(name, line)| Self::command(name, line)));
        }
        sources.extend(
            variable("SOPS_AGE_SSH_PRIVATE_KEY_FILE")
                .map(|(name, path)| Self::file(Some(name), path.into()).with(Effort::Ssh)),
        );
        sources.extend(
            variable("SOPS_AGE_SSH_PRIVATE_KEY_CMD").map(|(name, line)| Self::command(name, line)),
        );
        for directory in config_directories(machine) {
            sources.push(Self::file(None, directory.join("mvx").join("keys.txt")));
        }
        if let Some(directory) = sops_config_directory(machine) {
            sources.push(Self::file(None, directory.join("sops/age/keys.txt")));
        }
        if let Some(home) = machine.home() {
            for name in ["id_ed25519", "id_rsa"] {
                let path = home.join(".ssh").join(name);
                sources.push(Self::file(None, path).with(Effort::Ssh));
            }
        }
        let mut paths: Vec<PathBuf> = Vec::new();
        sources.retain(|source| match &source.origin {
            Origin::File { path, .. } => {
                let new = !paths.contains(path);
                paths.push(path.clone());
                new
            }
            _ => true,
        });
        sources
    }

    fn variable(name: &'static str) -> Self {
        Self {
            effort: Effort::Plain,
            origin: Origin::Variable {
                name,
                loaded: OnceLock::new(),
            },
        }
    }

    fn file(name: Option<&'static str>, path: PathBuf) -> Self {
        Self {
            effort: Effort::Plain,
            origin: Origin::File {
                name,
                path,
                loaded: OnceLock::new(),
            },
        }
    }

    fn command(name: &'static str, line: OsString) -> Self {
        Self {
            effort: Effort::Command,
            origin: Origin::Command {
                name,
                line,
                answers: Mutex::default(),
            },
        }
    }

    fn with(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }

    /// What a variable or a file holds. A command holds nothing until it is asked.
    pub(super) fn load(&self, machine: &dyn Machine) -> Option<Arc<Loaded>> {
        match &self.origin {
            Origin::Variable { name, loaded } => Some(Arc::clone(loaded.get_or_init(|| {
                let value = machine.variable(name).unwrap_or_default();
                let text = Cleartext::new(value.into_encoded_bytes());
                Arc::new(Loaded::parse(&text, (*name).to_owned()))
            }))),
            Origin::File { name, path, loaded } => Some(Arc::clone(
                loaded.get_or_init(|| Arc::new(read(*name, path, machine))),
            )),
            Origin::Command { .. } => None,
        }
    }

    /// What a command printed for `recipient`. It is run at most once for each.
    pub(super) fn ask(&self, machine: &dyn Machine, recipient: &str) -> Option<Arc<Loaded>> {
        let Origin::Command {
            name,
            line,
            answers,
        } = &self.origin
        else {
            return None;
        };
        // held while the command runs, so that it never runs twice at once
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = answers
            .iter()
            .find(|(asked, loaded)| asked == recipient || loaded.hung);
        if let Some((_, loaded)) = known {
            return Some(Arc::clone(loaded));
        }
        let loaded = Arc::new(run(name, line, recipient, machine));
        answers.push((recipient.to_owned(), Arc::clone(&loaded)));
        Some(loaded)
    }

    /// What has been looked at so far.
    pub(super) fn seen(&self) -> Vec<Arc<Loaded>> {
        match &self.origin {
            Origin::Variable { loaded, .. } | Origin::File { loaded, .. } => {
                loaded.get().cloned().into_iter().collect()
            }
            Origin::Command { answers, .. } => answers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .map(|(_, loaded)| Arc::clone(loaded))
                .collect(),
        }
    }

    /// The variable or the path, as it is told to people.
    pub(super) fn name(&self) -> String {
        match &self.origin {
            Origin::Variable { name, .. } | Origin::Command { name, .. } => (*name).to_owned(),
            Origin::File { path, .. } => path.display().to_string(),
        }
    }

    /// The file, where it is one and its name is no secret.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File { path, .. } if !is_key(path.as_os_str()) => Some(path),
            _ => None,
        }
    }

    /// The variable of a command that has not been run.
    pub(super) fn unasked(&self) -> Option<&'static str> {
        match &self.origin {
            Origin::Command { name, .. } if self.seen().is_empty() => Some(name),
            _ => None,
        }
    }
}

impl Loaded {
    fn parse(text: &Cleartext, label: String) -> Self {
        let (keys, errors) = identity::parse(text, &label);
        let troubles = errors
            .iter()
            .map(|error| format!("{label}: {error}"))
            .collect();
        Self {
            label,
            keys,
            troubles,
            ..Self::default()
        }
    }

    fn trouble(label: String, why: &str) -> Self {
        Self {
            troubles: vec![format!("{label}: {why}")],
            label,
            ..Self::default()
        }
    }
}

/// Where `mvx keys generate` puts a key, and the first of the usual places that are read.
pub fn default_key_file(machine: &dyn Machine) -> Option<PathBuf> {
    let directory = config_directories(machine).into_iter().next()?;
    Some(directory.join("mvx").join("keys.txt"))
}

/// The directories of a user's configuration; only macOS has two.
fn config_directories(machine: &dyn Machine) -> Vec<PathBuf> {
    if machine.platform() == Platform::Windows {
        return absolute(machine, "APPDATA").into_iter().collect();
    }
    let home = machine.home();
    let mut directories: Vec<PathBuf> = absolute(machine, "XDG_CONFIG_HOME")
        .or_else(|| Some(home.as_ref()?.join(".config")))
        .into_iter()
        .collect();
    if machine.platform() == Platform::MacOs {
        directories.extend(home.map(|home| home.join("Library/Application Support")));
    }
    directories
}

/// The directory that sops looks in (SOPS-FORMAT 2.3).
fn sops_config_directory(machine: &dyn Machine) -> Option<PathBuf> {
    match machine.platform() {
        Platform::Windows => absolute(machine, "APPDATA"),
        Platform::MacOs => absolute(machine, "XDG_CONFIG_HOME")
            .or_else(|| Some(machine.home()?.join("Library/Application Support"))),
        Platform::Unix => {
            absolute(machine, "XDG_CONFIG_HOME").or_else(|| Some(machine.home()?.join(".config")))
        }
    }
}

/// A directory from a variable. A relative one is ignored, as the XDG specification asks.
fn absolute(machine: &dyn Machine, name: &'static str) -> Option<PathBuf> {
    machine
        .variable(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// Reads a key file. One of the usual places may well be empty; one that a variable names not.
fn read(name: Option<&'static str>, path: &Path, machine: &dyn Machine) -> Loaded {
    if let Some(name) = name
        && is_key(path.as_os_str())
    {
        return misplaced(name);
    }
    let shown = path.display();
    let label = match name {
        Some(name) => format!("{name} ({shown})"),
        None => shown.to_string(),
    };
    match machine.read(path) {
        Ok(file) => Loaded {
            note: file.shared.then(|| {
                format!(
                    "other users can read the key file {shown}: `chmod 600 {shown}` keeps them out"
                )
            }),
            ..Loaded::parse(&file.text, label)
        },
        Err(error) => {
            if name.is_none() && is_absent(&error) {
                return Loaded {
                    label,
                    ..Loaded::default()
                };
            }
            Loaded::trouble(label, &error.reason())
        }
    }
}

/// Whether the value of a variable is a private key where it should say how to find one. Then it
/// must not be shown.
fn is_key(value: &OsStr) -> bool {
    let value = value.to_string_lossy().to_ascii_uppercase();
    value.contains("AGE-SECRET-KEY-") || value.contains("PRIVATE KEY-")
}

fn misplaced(name: &'static str) -> Loaded {
    Loaded::trouble(
        name.to_owned(),
        "it holds a private key itself; the variable for that is MVX_AGE_KEY",
    )
}

fn is_absent(error: &IoError) -> bool {
    match error {
        IoError::NotFound { .. } => true,
        IoError::Read { source, .. } => source.kind() == ErrorKind::NotADirectory,
        _ => false,
    }
}

fn run(name: &'static str, line: &OsString, recipient: &str, machine: &dyn Machine) -> Loaded {
    if is_key(line) {
        return misplaced(name);
    }
    let label = name.to_owned();
    let words = line.to_str().and_then(shlex::split);
    let Some((program, arguments)) = words.as_deref().and_then(<[String]>::split_first) else {
        return Loaded::trouble(label, "its quotes do not match, or it is empty");
    };
    let printed = machine.run(&KeyCommand {
        program,
        arguments,
        recipient,
        timeout: COMMAND_TIMEOUT,
    });
    match printed {
        Ok(text) => Loaded::parse(&text, label),
        Err(error) => Loaded {
            hung: matches!(error, CommandError::Timeout { .. }),
            ..Loaded::trouble(label, &error.to_string())
        },
    }
}
