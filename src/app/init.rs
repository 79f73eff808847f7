//! A repository's first day: rules, a key, a recovery recipient, `.gitignore`.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::error::{Exit, Failure};
use crate::git;
use crate::io::write::{self, Access};
use crate::io::{IoError, file};
use crate::rules::{Origin, RULES_FILE, Rules, StarterRecipient, starter};

/// What `.gitignore` gets, so that plaintext is not committed by accident.
const IGNORED: &str = "\
# mvx: plaintext is not for git; encrypted files are.
.env
.env.*
!.env.example
/secrets/**
!/secrets/**/
!/secrets/**/*.enc
!/secrets/**/*.enc.*
";

/// The line by which mvx knows its part of `.gitignore` again.
const MARK: &str = "# mvx: plaintext is not for git; encrypted files are.";

/// What a person decided about the new repository.
pub struct Request {
    /// The name under which the rules know this person.
    pub name: String,
    /// Who answers for the key, such as a mail address.
    pub owner: Option<String>,
    /// This person's public key.
    pub recipient: String,
    /// The public key of an offline recovery identity.
    pub recovery: Option<String>,
    /// The environments to begin with.
    pub environments: Vec<String>,
}

/// What was set up.
pub struct Initialized {
    /// The rules.
    pub rules: PathBuf,
    /// `.gitignore`, where it was changed.
    pub gitignore: Option<PathBuf>,
}

impl App<'_> {
    /// The directory that gets the rules: the repository's root, else the working directory. An
    /// error where rules are there already.
    pub fn init_root(&self) -> Result<PathBuf, Failure> {
        let root = git::repository_root(self.directory)?;
        let root = root.unwrap_or_else(|| self.directory.to_owned());
        let rules = root.join(RULES_FILE);
        if file::kind(&rules)?.is_some() {
            return Err(Failure::new(
                Exit::RULES,
                "exists",
                "there are rules already; they were left alone",
            )
            .at(rules.display())
            .hint("edit the file to add recipients or paths; `mvx ls` shows what it covers"));
        }
        Ok(root)
    }

    /// Writes rules and `.gitignore` into `root`.
    pub fn init(&self, root: &Path, request: &Request) -> Result<Initialized, Failure> {
        let mut recipients = vec![StarterRecipient {
            name: &request.name,
            key: &request.recipient,
            owner: request.owner.as_deref(),
        }];
        if let Some(recovery) = &request.recovery {
            recipients.push(StarterRecipient {
                name: "recovery",
                key: recovery,
                owner: Some("offline, for the day when all other keys are lost"),
            });
        }
        let environments: Vec<&str> = request.environments.iter().map(String::as_str).collect();
        let text = starter(&recipients, &environments);
        let rules = root.join(RULES_FILE);
        // What was typed may be no key at all; then nothing is written.
        Rules::load(&text, Origin::new(&rules))?;
        write::create_new(&rules, text.as_bytes(), Access::Shared)?;
        let gitignore = ignore_plaintext(&root.join(".gitignore"))?;
        Ok(Initialized { rules, gitignore })
    }
}

/// Adds the lines to `.gitignore`, once.
fn ignore_plaintext(path: &Path) -> Result<Option<PathBuf>, Failure> {
    let old = match file::read_text(path, 1 << 20) {
        Ok(old) => old,
        Err(IoError::NotFound { .. }) => String::new(),
        Err(error) => return Err(error.into()),
    };
    if old.lines().any(|line| line == MARK) {
        return Ok(None);
    }
    let gap = match old.as_str() {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    write::write(
        path,
        format!("{old}{gap}{IGNORED}").as_bytes(),
        Access::Shared,
    )?;
    Ok(Some(path.into()))
}
