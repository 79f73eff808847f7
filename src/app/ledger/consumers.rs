//! `mvx consumers`: who says that they use a secret, which profiles deliver it, and where the work
//! tree reads it. Needs no key.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::app::App;
use crate::app::env::deliver::{Depth, Request};
use crate::app::env::profile::Chosen;
use crate::app::files::{is_sealed_text, plain_name, sealed_sibling};
use crate::error::Failure;
use crate::git::objects::{Objects, ObjectsError};
use crate::io::env::Environment;
use crate::io::file::{self, Kind as FileKind};
use crate::io::look::is_link;
use crate::io::walk::{self, Entry, Ignored};
use crate::keypath::KeyPath;
use crate::ledger::consumers::{Kind, Sought};
use crate::ledger::fingerprint::leaves;
use crate::render::Origin;
use crate::render::flatten::{Naming, name_of_file, name_of_key};
use crate::stores::Format;

/// The largest file that is searched, in bytes: people write no larger ones.
const LARGEST: u64 = 4 << 20;

/// The largest object of git that is read on the way to what it tracks, in bytes.
const LARGEST_OBJECT: u64 = 1 << 30;

/// Who uses a secret, as far as can be told.
pub struct Consumers {
    /// The names by which it was looked for.
    pub names: Vec<String>,
    /// Who the rules say uses it.
    pub declared: Vec<String>,
    /// The profiles that deliver it.
    pub delivered: Vec<Delivered>,
    /// Profiles of which that cannot be told.
    pub unknown: Vec<Unknown>,
    /// Where it is read, by file and line.
    pub reads: Vec<Read>,
    /// What was searched.
    pub looked: Looked,
}

/// A profile that delivers a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The profile.
    pub profile: String,
    /// The variable's name there.
    pub name: String,
    /// Where the profile is written, as its rules say.
    pub output: Option<String>,
}

/// A profile of which cannot be told what it delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The profile.
    pub profile: String,
    /// Why.
    pub why: String,
}

/// A place at which a secret is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The file, as the user would type it.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The name that is read.
    pub name: String,
    /// What it is there.
    pub kind: Kind,
    /// The file's language.
    pub language: &'static str,
}

/// What was searched.
#[derive(Default)]
pub struct Looked {
    /// How many files.
    pub files: usize,
    /// Files that are too large.
    pub passed_over: Vec<PathBuf>,
    /// What could not be read, and why.
    pub unread: Vec<Failure>,
}

/// Secrets of which nobody is known who uses them.
pub struct Unused {
    /// The secrets, by file.
    pub secrets: Vec<UnusedSecret>,
    /// How many there are with those that are used.
    pub all: usize,
    /// Profiles of which cannot be told what they deliver.
    pub unknown: Vec<Unknown>,
    /// What was searched.
    pub looked: Looked,
}

/// A secret of which nobody is known who uses it.
pub struct UnusedSecret {
    /// The file, as the user would type it.
    pub file: PathBuf,
    /// Its environment.
    pub environment: Option<String>,
    /// The key path.
    pub key: KeyPath,
}

/// What the profiles deliver.
struct Profiles {
    /// By file, without links, and key path.
    known: HashMap<(PathBuf, String), Vec<Delivered>>,
    unknown: Vec<(Chosen, String)>,
    /// What they write.
    outputs: HashSet<PathBuf>,
}

impl App<'_> {
    /// Who uses a secret. One that is not there any more is looked for by its own name.
    pub fn consumers(&self, path: &Path, key: &KeyPath) -> Result<Consumers, Failure> {
        let sealed = self.read_sealed(path, None)?;
        let binary = sealed.format == Format::Binary;
        if !binary && sealed.tree.find(key).is_none() {
            self.warn(
                format!("{}: there is no `{key}` now", path.display()),
                ["it is looked for by the name that its key path makes; `mvx ls FILE` lists the keys".into()],
            );
        }
        let profiles = self.profiles()?;
        let mut sought = Sought::default();
        let names = profiles.seek(path, key, binary, &mut sought)?;
        let (found, looked) = self.search_reads(&sought, &profiles.outputs)?;
        let reads = found.into_iter().map(|(file, one)| Read {
            file,
            line: one.line,
            name: names.get(&one.name).cloned().unwrap_or_default(),
            kind: one.kind,
            language: one.language,
        });
        Ok(Consumers {
            declared: self.policy_of(path, key)?.consumers.unwrap_or_default(),
            delivered: profiles.delivering(path, key)?.to_vec(),
            reads: reads.collect(),
            names: names.into_values().collect(),
            unknown: profiles.unknown(),
            looked,
        })
    }

    /// The secrets below the arguments, of the whole repository without any, that nothing reads and
    /// nobody says to use. An example of a `.env` file is no use: `mvx env example` writes them.
    pub fn unused(
        &self,
        arguments: &[PathBuf],
        environment: Option<&str>,
    ) -> Result<Unused, Failure> {
        let whole = [self.repository()?];
        let paths = self.sealed_at(if arguments.is_empty() {
            &whole
        } else {
            arguments
        })?;
        let profiles = self.profiles()?;
        let mut sought = Sought::default();
        let mut secrets = Vec::new();
        let mut unreadable = Vec::new();
        for path in paths {
            let sealed = match self.read_sealed(&path, None) {
                Ok(sealed) => sealed,
                Err(failure) => {
                    unreadable.push(failure);
                    continue;
                }
            };
            let policy = self.policy_if_any(&path)?;
            let here = policy.and_then(|policy| policy.environment);
            if environment.is_some() && environment != here.as_deref() {
                continue;
            }
            let binary = sealed.format == Format::Binary;
            for leaf in leaves(&sealed.tree) {
                if !leaf.fingerprint.is_sealed() {
                    continue;
                }
                let names = profiles.seek(&path, &leaf.path, binary, &mut sought)?;
                let policy = self.secret_policy(&path, here.as_deref(), &leaf.path);
                let declared = policy.consumers.is_some_and(|all| !all.is_empty());
                let secret = UnusedSecret {
                    file: path.clone(),
                    environment: here.clone(),
                    key: leaf.path,
                };
                secrets.push((secret, names, declared));
            }
        }
        let (found, mut looked) = self.search_reads(&sought, &profiles.outputs)?;
        looked.unread.extend(unreadable);
        let read: HashSet<usize> = found
            .iter()
            .filter(|(_, one)| one.kind != Kind::Example)
            .map(|(_, one)| one.name)
            .collect();
        let all = secrets.len();
        let unused = secrets.into_iter().filter(|(_, names, declared)| {
            !declared && !names.keys().any(|name| read.contains(name))
        });
        Ok(Unused {
            secrets: unused.map(|(secret, ..)| secret).collect(),
            all,
            unknown: profiles.unknown(),
            looked,
        })
    }

    /// What the profiles of the rules deliver, and what they write.
    fn profiles(&self) -> Result<Profiles, Failure> {
        let mut found = Profiles {
            known: HashMap::new(),
            unknown: Vec::new(),
            outputs: HashSet::new(),
        };
        let rules = match self.rules_here() {
            Ok(rules) => rules,
            Err(failure) if failure.code == "no-rules" => return Ok(found),
            Err(failure) => return Err(failure),
        };
        found.outputs.insert(rules.origin().path.clone());
        for profile in rules.profiles() {
            let chosen = self.profile(Some(&profile.name))?;
            let output = chosen.profile.output.clone();
            if let Some(output) = &output {
                found.outputs.insert(rules.directory().join(output));
            }
            if !chosen.profile.scopes.is_empty() {
                let scopes = chosen.profile.scopes.iter();
                let scopes: Vec<String> = scopes.map(|scope| format!("{{{scope}}}")).collect();
                let why = format!("its files depend on {}", scopes.join(" and "));
                found.unknown.push((chosen, why));
                continue;
            }
            let request = Request {
                profile: Some(profile.name.clone()),
                ..Request::default()
            };
            // What else there is to say of a profile belongs to `mvx env`.
            let said = self.notes.borrow().len();
            let names = self.names(&request, Depth::Sealed);
            self.notes.borrow_mut().truncate(said);
            let names = match names {
                Ok(names) => names.names,
                Err(failure) => {
                    found.unknown.push((chosen, failure.error.to_string()));
                    continue;
                }
            };
            let mut real: HashMap<String, PathBuf> = HashMap::new();
            for one in names {
                let Origin::Secret { file, key } = one.origin else {
                    continue;
                };
                let path = if let Some(path) = real.get(&file) {
                    path.clone()
                } else {
                    let path = file::canonical(Path::new(&file))?;
                    real.entry(file).or_insert(path).clone()
                };
                let all = found.known.entry((path, key.to_string())).or_default();
                all.push(Delivered {
                    profile: profile.name.clone(),
                    name: one.name,
                    output: output.clone(),
                });
            }
        }
        Ok(found)
    }

    /// Searches the files that git has, or would take, on all cores.
    fn search_reads(
        &self,
        sought: &Sought,
        outputs: &HashSet<PathBuf>,
    ) -> Result<(Places, Looked), Failure> {
        let root = file::canonical(&self.repository()?)?;
        let tracked = match Objects::open(&root, &Environment::of::<&str>([]), LARGEST_OBJECT) {
            Ok(objects) => objects.tracked()?,
            Err(ObjectsError::NotARepository { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let search = Search {
            root: &root,
            sought,
            outputs,
            files: AtomicUsize::new(0),
            found: Mutex::default(),
            met: Mutex::default(),
            looked: Mutex::default(),
        };
        walk::each(&root, Ignored::Skipped, &|met| match met {
            Ok(Entry::File(path)) => {
                search.meet(path);
                search.one(path);
            }
            Ok(_) => {}
            Err(error) => search.unread(error.into()),
        });
        // What git has in its index although a rule ignores it.
        let met = search
            .met
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for inside in tracked {
            let path = root.join(&inside);
            let own = inside.iter().any(|part| part == ".mvx" || part == ".git");
            if own || met.contains(&path) || !is_plain(&root, &path)? {
                continue;
            }
            search.one(&path);
        }
        let mut looked = search
            .looked
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        looked.files = search.files.into_inner();
        for path in &mut looked.passed_over {
            *path = self.relative(path);
        }
        looked.passed_over.sort();
        let found = search
            .found
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut found: Places = found
            .into_iter()
            .map(|(path, one)| (self.relative(&path), one))
            .collect();
        found.sort_by(|(a, one), (b, other)| (a, one.line).cmp(&(b, other.line)));
        Ok((found, looked))
    }
}

type Places = Vec<(PathBuf, crate::ledger::consumers::Use)>;

/// A search of a work tree; shared by its threads.
struct Search<'a> {
    root: &'a Path,
    sought: &'a Sought,
    outputs: &'a HashSet<PathBuf>,
    files: AtomicUsize,
    found: Mutex<Places>,
    met: Mutex<HashSet<PathBuf>>,
    looked: Mutex<Looked>,
}

impl Search<'_> {
    fn meet(&self, path: &Path) {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.insert(path.to_owned());
    }

    fn unread(&self, failure: Failure) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.unread.push(failure);
    }

    fn one(&self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if self.outputs.contains(path) || RULES.contains(&&*name) || is_no_text(&name) {
            return;
        }
        if file::size(path) > LARGEST {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            looked.passed_over.push(path.to_owned());
            return;
        }
        let limit = usize::try_from(LARGEST).unwrap_or(usize::MAX);
        let text = match file::read(path, limit) {
            Ok(text) => text,
            Err(error) => return self.unread(error.into()),
        };
        self.files.fetch_add(1, Ordering::Relaxed);
        let inside = path.strip_prefix(self.root).unwrap_or(path);
        let uses = self.sought.uses(&inside.to_string_lossy(), text.as_bytes());
        // A plaintext that was left beside its secret file has every name of it.
        let of_secrets = || sealed_sibling(path).is_some() || is_sealed_text(path, text.as_bytes());
        if uses.is_empty() || of_secrets() {
            return;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.extend(uses.into_iter().map(|one| (path.to_owned(), one)));
    }
}

impl Profiles {
    fn delivering(&self, path: &Path, key: &KeyPath) -> Result<&[Delivered], Failure> {
        let place = (file::canonical(path)?, key.to_string());
        Ok(self
            .known
            .get(&place)
            .map(Vec::as_slice)
            .unwrap_or_default())
    }

    fn unknown(&self) -> Vec<Unknown> {
        let all = self.unknown.iter();
        all.map(|(chosen, why)| Unknown {
            profile: chosen.profile.name.clone(),
            why: why.clone(),
        })
        .collect()
    }

    /// Looks for a secret by every name under which it may be read. Gives the names by number.
    fn seek(
        &self,
        path: &Path,
        key: &KeyPath,
        binary: bool,
        sought: &mut Sought,
    ) -> Result<BTreeMap<usize, String>, Failure> {
        let made = |naming: &Naming| {
            if !binary {
                return name_of_key(key, naming).0;
            }
            let plain = plain_name(path).unwrap_or_else(|| path.to_owned());
            let name = plain.file_name().unwrap_or_default();
            name_of_file(&name.to_string_lossy(), naming).0
        };
        let delivered = self.delivering(path, key)?.iter();
        let delivered = delivered.map(|one| one.name.clone());
        // Where it cannot be told whether a profile delivers it, it may.
        let perhaps = self.unknown.iter().map(|(chosen, _)| {
            let name = made(&chosen.naming());
            let mut renames = chosen.profile.rename.iter();
            match renames.find(|(old, _)| *old == name) {
                Some((_, new)) => new.clone(),
                None => format!(
                    "{}{name}",
                    chosen.profile.prefix.as_deref().unwrap_or_default()
                ),
            }
        });
        let own = made(&Naming::default());
        let mut names = BTreeMap::new();
        let number = sought.variable(&own);
        if !binary {
            sought.path(key, number);
        }
        names.insert(number, own);
        for name in delivered.chain(perhaps) {
            names.insert(sought.variable(&name), name);
        }
        Ok(names)
    }
}

/// Files that name secrets without reading them.
const RULES: &[&str] = &[".sops-rules.toml", ".sops.yaml", ".mvx-baseline"];

/// Whether a file's name says that no text is in it.
fn is_no_text(name: &str) -> bool {
    const ENDS: &[&str] = &[
        "png", "jpg", "jpeg", "gif", "webp", "ico", "pdf", "zip", "gz", "tgz", "xz", "zst", "bz2",
        "woff", "woff2", "ttf", "otf", "mp3", "mp4", "mov", "webm", "wasm", "jar", "so", "dylib",
        "dll", "exe", "class", "pyc",
    ];
    let end = name.rsplit_once('.').map(|(_, end)| end);
    end.is_some_and(|end| ENDS.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

/// Whether a file is there, and no link on the way to it.
fn is_plain(root: &Path, path: &Path) -> Result<bool, Failure> {
    let real = file::canonical(file::directory_of(path));
    let inside = real.is_ok_and(|real| real == file::directory_of(path) && real.starts_with(root));
    Ok(inside && !is_link(path)? && file::kind(path)? == Some(FileKind::File))
}
