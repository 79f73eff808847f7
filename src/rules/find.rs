//! Looks for the rules of a file: upward from the file's own directory, then from the working
//! directory, never past the root of the repository.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::io::file::{self, Kind};

use super::error::{LocatedError, RulesError};
use super::{Origin, RULES_FILE, Rules, SOPS_FILE};

/// The longest file of rules that is read, in bytes.
const MOST_RULES: usize = 16 << 20;

/// Finds rules and remembers them, so that a thousand files of one tree cost one reading.
#[derive(Clone)]
pub struct Finder {
    working_directory: PathBuf,
    /// By directory, the file of rules that is in force there.
    places: HashMap<PathBuf, Option<PathBuf>>,
    loaded: HashMap<PathBuf, Arc<Rules>>,
}

impl Finder {
    /// A finder for a process that stands in `working_directory`, an absolute path.
    pub fn new(working_directory: impl Into<PathBuf>) -> Self {
        Self {
            working_directory: working_directory.into(),
            places: HashMap::new(),
            loaded: HashMap::new(),
        }
    }

    /// The rules for `file` (which need not exist), and what they call it. Where there is a
    /// `.sops-rules.toml` on either way upward it is taken, else a `.sops.yaml`.
    pub fn rules_for(&mut self, file: &Path) -> Result<(Arc<Rules>, String), LocatedError> {
        let file = absolute(&self.working_directory, file);
        let from_file = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let known = self.places.get(&from_file).cloned();
        let place = known.unwrap_or_else(|| self.search(&from_file));
        self.places.insert(from_file.clone(), place.clone());
        let Some(place) = place else {
            let yml = from_file.join(".sops.yml");
            return Err(LocatedError {
                source: RulesError::NoRules {
                    passed_over: stands(&yml).is_some().then_some(yml),
                },
                path: file,
            });
        };
        let rules = self.load(&place)?;
        let name = rules.name_of(&file);
        Ok((rules, name))
    }

    /// The rules in the file at `path`.
    pub fn load(&mut self, path: &Path) -> Result<Arc<Rules>, LocatedError> {
        let path = absolute(&self.working_directory, path);
        if let Some(rules) = self.loaded.get(&path) {
            return Ok(Arc::clone(rules));
        }
        let located = |source| LocatedError {
            path: path.clone(),
            source,
        };
        let bytes = file::read(&path, MOST_RULES).map_err(|error| {
            located(RulesError::Read {
                why: error.reason(),
            })
        })?;
        let text = str::from_utf8(bytes.as_bytes()).map_err(|error| {
            let valid = bytes.as_bytes().get(..error.valid_up_to());
            located(RulesError::Syntax {
                line: memchr::memchr_iter(b'\n', valid.unwrap_or_default()).count() + 1,
                message: "this is not UTF-8 text".into(),
            })
        })?;
        let rules = Rules::load(text, Origin::new(path.clone())).map_err(located)?;
        let rules = Arc::new(rules);
        self.loaded.insert(path, Arc::clone(&rules));
        Ok(rules)
    }

    /// Takes these rules for what stands in their file, which is not read.
    pub fn assume(&mut self, rules: Arc<Rules>) {
        let path = absolute(&self.working_directory, &rules.origin().path);
        self.loaded.insert(path, rules);
    }

    fn search(&self, directory: &Path) -> Option<PathBuf> {
        let mut ways = within_repository(directory);
        for above in within_repository(&self.working_directory) {
            if !ways.contains(&above) {
                ways.push(above);
            }
        }
        [RULES_FILE, SOPS_FILE].into_iter().find_map(|name| {
            ways.iter()
                .map(|directory| directory.join(name))
                .find(|path| stands(path) == Some(Kind::File))
        })
    }
}

/// What is at `path`. What cannot be looked at, as above a directory that is closed to us, is as
/// good as nothing.
fn stands(path: &Path) -> Option<Kind> {
    file::kind(path).ok().flatten()
}

/// `directory` and those above it, up to and with the first that holds `.git` (a directory, or a
/// file in a worktree or submodule). Outside a repository, up to the root.
fn within_repository(directory: &Path) -> Vec<PathBuf> {
    let mut way = Vec::new();
    for above in directory.ancestors() {
        way.push(above.to_path_buf());
        if stands(&above.join(".git")).is_some() {
            break;
        }
    }
    way
}

/// An absolute path without `.` and `..`. Where there is a `..`, what stands before it is resolved
/// first, because after a symbolic link it leads elsewhere than its text says.
fn absolute(working_directory: &Path, path: &Path) -> PathBuf {
    let joined = working_directory.join(path);
    let mut clean = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if let Ok(real) = file::canonical(&clean) {
                    clean = real;
                }
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::{Exit, Explain};

    const TOML: &str = "version = 1\n";
    const YAML: &str = "creation_rules: []\n";

    /// A directory with these files; an empty text makes a directory.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            if text.is_empty() {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        root
    }

    /// The rules found for `file` from `cwd`, relative to the tree, and what they call the file.
    fn found(root: &Path, cwd: &str, file: &str) -> (String, String) {
        let mut finder = Finder::new(root.join(cwd));
        let (rules, name) = finder.rules_for(Path::new(file)).unwrap();
        let path = rules.origin().path.strip_prefix(root).unwrap();
        (path.display().to_string(), name)
    }

    fn both(rules: &str, name: &str) -> (String, String) {
        (rules.into(), name.into())
    }

    #[test]
    fn the_files_own_directory_comes_before_the_working_directory() {
        let root = tree(&[
            ("repo/.git", ""),
            ("repo/.sops-rules.toml", TOML),
            ("repo/api/.sops-rules.toml", TOML),
            ("repo/web/a.yaml", "a: 1"),
        ]);
        let root = root.path();
        assert_eq!(
            found(root, "repo", "api/x/a.yaml"),
            both("repo/api/.sops-rules.toml", "x/a.yaml")
        );
        assert_eq!(
            found(root, "repo/api", "../web/a.yaml"),
            both("repo/.sops-rules.toml", "web/a.yaml")
        );
        assert_eq!(
            found(root, "repo/api", "./a.yaml"),
            both("repo/api/.sops-rules.toml", "a.yaml")
        );
    }

    #[test]
    fn nothing_above_the_repository_is_looked_at() {
        let root = tree(&[
            (".sops-rules.toml", TOML),
            ("repo/.git", "gitdir: elsewhere\n"),
            ("repo/x", ""),
            ("plain", ""),
        ]);
        let root = root.path();
        let mut finder = Finder::new(root.join("repo/x"));
        assert!(finder.rules_for(Path::new("a.yaml")).is_err());
        assert_eq!(
            found(root, "plain", "a.yaml"),
            both(".sops-rules.toml", "plain/a.yaml")
        );
    }

    #[test]
    fn the_working_directory_serves_files_elsewhere() {
        let root = tree(&[
            ("repo/.git", ""),
            ("repo/.sops-rules.toml", TOML),
            ("other/.git", ""),
        ]);
        let root = root.path();
        let elsewhere = root.join("other/a.yaml").display().to_string();
        assert_eq!(
            found(root, "repo", "../other/a.yaml"),
            both("repo/.sops-rules.toml", &elsewhere)
        );
    }

    #[test]
    fn toml_comes_before_yaml() {
        let root = tree(&[
            ("repo/.git", ""),
            ("repo/api/.sops.yaml", YAML),
            ("repo/.sops-rules.toml", TOML),
        ]);
        assert_eq!(
            found(root.path(), "repo", "api/a"),
            both("repo/.sops-rules.toml", "api/a")
        );
        fs::remove_file(root.path().join("repo/.sops-rules.toml")).unwrap();
        assert_eq!(
            found(root.path(), "repo", "api/a"),
            both("repo/api/.sops.yaml", "a")
        );
    }

    #[test]
    fn errors_name_the_file() {
        let root = tree(&[
            ("repo/.git", ""),
            (
                "repo/.sops-rules.toml",
                "version = 1\nsael = \"required\"\n",
            ),
            ("old/.git", ""),
            ("old/.sops.yml", YAML),
        ]);
        let mut finder = Finder::new(root.path().join("repo"));
        let error = finder.rules_for(Path::new("a.yaml")).unwrap_err();
        let path = root.path().join("repo/.sops-rules.toml");
        assert_eq!(
            error.to_string(),
            format!(
                "{}: line 2: unknown field `sael` at the top; did you mean `seal`?",
                path.display()
            )
        );
        assert_eq!((error.exit(), error.code()), (Exit::RULES, "unknown-field"));

        let mut finder = Finder::new(root.path().join("old"));
        let error = finder.rules_for(Path::new("a.yaml")).unwrap_err();
        assert_eq!(error.code(), "no-rules");
        assert!(error.hints()[0].contains(".sops.yml is not read"));

        fs::write(&path, b"version = 1\n\xff").unwrap();
        let mut finder = Finder::new(root.path());
        let error = finder.load(&path).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("line 2: this is not UTF-8 text")
        );
        let error = finder.load(Path::new("missing.toml")).unwrap_err();
        assert_eq!((error.exit(), error.code()), (Exit::IO, "rules-unreadable"));
    }

    #[cfg(unix)]
    #[test]
    fn a_way_up_from_a_symbolic_link_leads_from_its_target() {
        let root = tree(&[
            ("repo/.git", ""),
            ("repo/.sops-rules.toml", TOML),
            ("repo/prod/inner", ""),
            ("repo/dev", ""),
        ]);
        let root = fs::canonicalize(root.path()).unwrap();
        std::os::unix::fs::symlink(root.join("repo/prod/inner"), root.join("repo/dev/link"))
            .unwrap();
        assert_eq!(
            found(&root, "repo", "dev/link/../a.yaml"),
            both("repo/.sops-rules.toml", "prod/a.yaml")
        );
    }
}
