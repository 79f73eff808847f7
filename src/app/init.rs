//! A repository's first day: rules, a key, a recovery recipient, `.gitignore`.

use std::path::{Path, PathBuf};

use crate::app::files::shell_word;
use crate::app::plaintext::must_be_no_link;
use crate::app::{App, recovery};
use crate::error::{At as _, Exit, Failure};
use crate::git;
use crate::io::walk::{self, Ignored};
use crate::io::write::{self, Access};
use crate::io::{IoError, file};
use crate::rules::{
    Origin, RULES_FILE, Rules, SOPS_FILE, StarterRecipient, Translation, agree, starter, translate,
};

/// What `.gitignore` gets, so that plaintext is not committed by accident.
const IGNORED: &str = "\
# mvx: plaintext is not for git; encrypted files are.
.env
.env.*
!.env.example
!.env.enc
!.env.enc.*
!.env.*.enc
/secrets/**
!/secrets/**/
!/secrets/**/*.enc
!/secrets/**/*.enc.*
.mvx-*.tmp
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

/// SOPS's rules, taken over.
pub struct TakenOver {
    /// The new rules.
    pub rules: PathBuf,
    /// SOPS's rules, which stay.
    pub from: PathBuf,
    /// What came of them.
    pub translation: Translation,
}

impl App<'_> {
    /// The directory that gets the rules: the repository's root, else the working directory. An
    /// error where rules are there already.
    pub fn init_root(&self) -> Result<PathBuf, Failure> {
        let root = git::repository_root(self.directory)?;
        let root = root.unwrap_or_else(|| self.directory.to_owned());
        self.must_be_free(&root.join(RULES_FILE))?;
        if let Some(path) = self.sops_rules(&root)? {
            return Err(Failure::new(
                Exit::RULES,
                "sops-rules",
                "sops's rules are in force here, and new ones would take their place",
            )
            .at(self.relative(&path).display())
            .hint("`mvx init --from-sops` translates them"));
        }
        Ok(root)
    }

    /// Whether git knows the working directory.
    pub fn is_repository(&self) -> Result<bool, Failure> {
        Ok(git::repository_root(self.directory)?.is_some())
    }

    /// Translates SOPS's rules into mvx's own, beside them. Every file below gets the same policy
    /// as before; SOPS's rules stay where they are.
    pub fn init_from_sops(&self) -> Result<TakenOver, Failure> {
        let root = git::repository_root(self.directory)?;
        let root = root.unwrap_or_else(|| self.directory.to_owned());
        let Some(from) = self.sops_rules(&root)? else {
            return Err(Failure::new(
                Exit::RULES,
                "no-sops-rules",
                format!("there is no {SOPS_FILE} here or above"),
            )
            .hint("`mvx init` writes new rules"));
        };
        let directory = from.parent().unwrap_or(&root);
        let rules = directory.join(RULES_FILE);
        self.must_be_free(&rules)?;
        let files = walk::files(directory, Ignored::Skipped)?;
        self.none_below(directory, &files)?;
        let shown = self.relative(&from).display().to_string();
        let text = file::read_text(&from, 1 << 20)?;
        let translation = translate(&text).at(&shown)?;
        let old = Rules::load(&text, Origin::new(&from)).at(&shown)?;
        let new = Rules::load(&translation.text, Origin::new(&rules)).at(rules.display())?;
        for file in &files {
            let carried = translation.lost.is_empty();
            if carried && !agree(&old, &new, &old.name_of(file)) {
                let message = "the translated rules would say something else of this file";
                return Err(Failure::new(Exit::BUG, "bug", message)
                    .at(self.relative(file).display())
                    .hint("please report it with your rules; nothing was written"));
            }
        }
        write::create_new(&rules, translation.text.as_bytes(), Access::Shared)?;
        Ok(TakenOver {
            rules: self.relative(&rules),
            from: self.relative(&from),
            translation,
        })
    }

    fn must_be_free(&self, rules: &Path) -> Result<(), Failure> {
        if file::kind(rules)?.is_none() {
            return Ok(());
        }
        Err(Failure::new(
            Exit::RULES,
            "already-exists",
            "there are rules already; they were left alone",
        )
        .at(self.relative(rules).display())
        .hint("`mvx recipients add` enters more people; edit the file to add paths, `mvx ls` shows what it covers"))
    }

    /// SOPS's rules in the working directory or above, up to `root`.
    fn sops_rules(&self, root: &Path) -> Result<Option<PathBuf>, Failure> {
        // The root is known without symlinks.
        let here = file::canonical(self.directory)?;
        for directory in here.ancestors() {
            let path = directory.join(SOPS_FILE);
            if file::kind(&path)?.is_some() {
                return Ok(Some(path));
            }
            if directory == root {
                break;
            }
        }
        Ok(None)
    }

    /// Fails where another `.sops.yaml` is in force further down: rules of mvx's own above it would
    /// take its place.
    fn none_below(&self, directory: &Path, files: &[PathBuf]) -> Result<(), Failure> {
        for path in files {
            let nested = path.file_name().is_some_and(|name| name == SOPS_FILE)
                && path.parent() != Some(directory);
            let above = path.ancestors().skip(1);
            let mut between = above.take_while(|above| *above != directory);
            if nested && !between.any(|above| files.contains(&above.join(RULES_FILE))) {
                let place = path.parent().unwrap_or(path);
                return Err(Failure::new(
                    Exit::RULES,
                    "sops-rules",
                    "other rules of sops are in force below, and mvx's own would take their place",
                )
                .at(self.relative(path).display())
                .hint(format!(
                    "translate them first: `mvx -C {} init --from-sops`",
                    shell_word(&self.relative(place))
                )));
            }
        }
        Ok(())
    }

    /// Writes rules and `.gitignore` into `root`.
    pub fn init(&self, root: &Path, request: &Request) -> Result<Initialized, Failure> {
        let mut recipients = vec![StarterRecipient {
            name: &request.name,
            key: &request.recipient,
            owner: request.owner.as_deref(),
        }];
        if let Some(key) = &request.recovery {
            recipients.push(StarterRecipient {
                name: recovery::NAME,
                key,
                owner: Some(recovery::OWNER),
            });
        }
        let environments: Vec<&str> = request.environments.iter().map(String::as_str).collect();
        let text = starter(&recipients, &environments);
        let rules = root.join(RULES_FILE);
        // What was typed may be no key at all; then nothing is written.
        Rules::load(&text, Origin::new(&rules)).at(self.relative(&rules).display())?;
        let list = root.join(".gitignore");
        must_be_no_link(&list, &self.relative(&list))?;
        write::create_new(&rules, text.as_bytes(), Access::Shared)?;
        let gitignore = ignore_plaintext(&list)?;
        Ok(Initialized {
            rules: self.relative(&rules),
            gitignore: gitignore.map(|path| self.relative(&path)),
        })
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
