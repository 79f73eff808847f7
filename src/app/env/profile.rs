//! Which profile is meant, and which files it reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::App;
use crate::app::files::shell_word;
use crate::error::{Exit, Failure};
use crate::io::file::{self, Kind};
use crate::io::look::is_link;
use crate::io::walk::{self, Met};
use crate::render::flatten::{Case, Naming};
use crate::render::gather::Plan;
use crate::rules::{Dialect, FileGlob, Profile, Rules};

/// A profile of the rules that are in force in the working directory.
pub struct Chosen {
    /// The profile, with what it takes from those it extends.
    pub profile: Profile,
    /// The rules that hold it.
    pub rules: Arc<Rules>,
}

impl App<'_> {
    /// The profile of this name; without one, the default profile, or the only one.
    pub fn profile(&self, name: Option<&str>) -> Result<Chosen, Failure> {
        let rules = self.rules_here()?;
        let shown = self.shown(&rules);
        let profiles = rules.profiles();
        let names = || {
            let names: Vec<String> = profiles
                .iter()
                .map(|one| format!("`{}`", one.name))
                .collect();
            names.join(", ")
        };
        if profiles.is_empty() {
            let failure = Failure::new(Exit::RULES, "no-profile", "there is no profile").at(&shown);
            return Err(match rules.origin().dialect {
                Dialect::Native => failure.hint(
                    "add one: `[env.local]`, `files = [\"secrets/dev/*.enc.yaml\"]`, `output = \".env.local\"`",
                ),
                Dialect::Sops => failure.hint(
                    "profiles stand in .sops-rules.toml: `mvx init --from-sops` makes one of these rules",
                ),
            });
        }
        let chosen = if let Some(name) = name {
            let found = profiles.iter().find(|profile| profile.name == name);
            found.ok_or_else(|| {
                let message = format!("there is no profile `{name}`");
                Failure::new(Exit::USAGE, "no-such-profile", message)
                    .at(&shown)
                    .hint(format!("there are {}", names()))
            })?
        } else {
            let only = match profiles {
                [only] => Some(only),
                several => several.iter().find(|profile| profile.default),
            };
            only.ok_or_else(|| {
                Failure::new(Exit::USAGE, "which-profile", "which profile is meant?")
                    .at(&shown)
                    .hint(format!("name one of {}", names()))
                    .hint("or say `default = true` in one of them")
            })?
        };
        let profile = rules.profile(&chosen.name);
        let profile = profile.unwrap_or_else(|| chosen.clone());
        Ok(Chosen { profile, rules })
    }

    /// The secret files of a profile, each once: in the order of its globs, and sorted within each.
    /// A glob that no file matches is an error, and so is a symbolic link on the way.
    pub fn profile_files(
        &self,
        chosen: &Chosen,
        with: &[(String, String)],
    ) -> Result<Vec<PathBuf>, Failure> {
        let place = format!(
            "{}: line {}",
            self.shown(&chosen.rules),
            chosen.profile.line
        );
        let mut files: Vec<PathBuf> = Vec::new();
        for glob in chosen.profile.globs(with)? {
            let found = self.matching(&chosen.rules, &glob)?;
            if found.is_empty() {
                let message = format!(
                    "`files` of the profile `{}`: no file matches {}",
                    chosen.profile.name,
                    glob.source()
                );
                return Err(Failure::new(Exit::RULES, "no-files", message)
                    .at(place)
                    .hint("`mvx ls` lists the secret files"));
            }
            for path in found {
                if !files.contains(&path) {
                    files.push(path);
                }
            }
        }
        Ok(files)
    }

    fn matching(&self, rules: &Rules, glob: &FileGlob) -> Result<Vec<PathBuf>, Failure> {
        let mut start = rules.directory().to_owned();
        for part in Path::new(glob.start()) {
            start.push(part);
            if is_link(&start)? {
                return Err(self.link(&start));
            }
        }
        let met = match file::kind(&start)? {
            None => return Ok(Vec::new()),
            Some(Kind::Directory) => walk::files_and_links(&start)?,
            Some(_) => vec![Met {
                path: start,
                is_link: false,
            }],
        };
        let mut found = Vec::new();
        for Met { path, is_link } in met {
            let name = rules.name_of(&path);
            if Rules::is_reserved(&name) || !glob.is_match(&name) {
                continue;
            }
            if is_link {
                return Err(self.link(&path));
            }
            found.push(self.relative(&path));
        }
        Ok(found)
    }

    fn link(&self, path: &Path) -> Failure {
        let path = self.relative(path);
        Failure::new(
            Exit::IO,
            "symbolic-link",
            "a symbolic link, and profiles follow none: it may lead out of the work tree",
        )
        .at(path.display())
        .hint(format!(
            "name the file or directory that it leads to in `files`: `readlink -f {}`",
            shell_word(&path)
        ))
    }
}

impl Chosen {
    /// How it makes names of keys.
    pub fn naming(&self) -> Naming {
        let Naming { separator, .. } = Naming::default();
        Naming {
            separator: self.profile.separator.clone().unwrap_or(separator),
            case: match self.profile.case {
                Some("lower") => Case::Lower,
                Some("keep") => Case::Keep,
                _ => Case::Upper,
            },
        }
    }

    /// What it does with them. `only` are globs of names that alone are wanted.
    pub fn plan(&self, only: &[String]) -> Plan {
        let profile = &self.profile;
        Plan {
            include: profile.include.clone(),
            exclude: profile.exclude.clone().unwrap_or_default(),
            rename: profile.rename.clone(),
            prefix: profile.prefix.clone().unwrap_or_default(),
            defaults: profile.defaults.clone(),
            required: profile.required.clone().unwrap_or_default(),
            only: only.to_vec(),
        }
    }
}
