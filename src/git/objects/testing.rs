//! Repositories that the real git makes, for tests.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::{From, Kind, Objects, Piece};
use crate::io::env::Environment;

/// Sizes up to which objects are read in tests.
pub(crate) const LIMIT: u64 = 1 << 20;

/// A directory with a repository.
pub(crate) struct Repo {
    directory: tempfile::TempDir,
    at: PathBuf,
}

impl Repo {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self::with(&["init", "-q", "-b", "main", "."])
    }

    /// What this command of git makes in an empty directory.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = fs::canonicalize(directory.path()).unwrap();
        let repo = Self { directory, at };
        repo.git(arguments);
        repo
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        assert!(self.directory.path().exists());
        self.at.join(path)
    }

    /// Runs git with nobody's settings; its output.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.at, arguments)
    }

    pub(crate) fn git_in(&self, directory: &Path, arguments: &[&str]) -> String {
        let output = self.command(directory, arguments).output().unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    pub(crate) fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(["-c", "protocol.file.allow=always", "-c", "gc.auto=0"])
            .args(["-c", "maintenance.auto=false"])
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ana")
            .env("GIT_AUTHOR_EMAIL", "ana@example.com")
            .env("GIT_COMMITTER_NAME", "Ana")
            .env("GIT_COMMITTER_EMAIL", "ana@example.com")
            .env("GIT_EDITOR", "true")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.at.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes and stages.
    pub(crate) fn stage(&self, path: &str, content: impl AsRef<[u8]>) {
        self.write(path, content);
        self.git(&["add", "-f", path]);
    }

    /// Commits what is staged, `minute` minutes after the beginning of time; its id.
    pub(crate) fn commit_at(&self, minute: u64, message: &str) -> String {
        let date = format!("{} +0000", 1_000_000_000 + minute * 60);
        let output = self
            .command(&self.at, &["commit", "-q", "--allow-empty", "-m", message])
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        self.git(&["rev-parse", "HEAD"])
    }

    /// Makes commits on the branch `main`, each with these files changed, a minute apart.
    pub(crate) fn import(&self, commits: &[&[(&str, &str)]]) {
        let mut stream = String::new();
        for (minute, files) in commits.iter().enumerate() {
            let time = 1_000_000_000 + minute * 60;
            write!(
                stream,
                "commit refs/heads/main\ncommitter Ana <ana@example.com> {time} +0000\ndata 1\n{}\n",
                minute % 10
            )
            .unwrap();
            for (path, text) in *files {
                write!(stream, "M 644 inline {path}\ndata {}\n{text}\n", text.len()).unwrap();
            }
        }
        let mut command = self.command(&self.at, &["fast-import", "--quiet"]);
        let mut import = command.stdin(Stdio::piped()).spawn().unwrap();
        import
            .stdin
            .take()
            .unwrap()
            .write_all(stream.as_bytes())
            .unwrap();
        assert!(import.wait().unwrap().success());
        self.git(&["-c", "transfer.unpackLimit=100000", "reset", "-q", "--hard"]);
    }

    /// Writes, stages and commits one file.
    pub(crate) fn commit(&self, minute: u64, path: &str, content: impl AsRef<[u8]>) -> String {
        self.stage(path, content);
        self.commit_at(minute, path)
    }

    pub(crate) fn objects(&self) -> Objects {
        self.objects_in(&self.at, &[])
    }

    pub(crate) fn objects_in(
        &self,
        directory: &Path,
        variables: &[(&'static str, &str)],
    ) -> Objects {
        assert!(self.directory.path().exists());
        let environment = Environment::of(variables.iter().copied());
        Objects::open(directory, &environment, LIMIT).unwrap()
    }

    /// Every file below `.git` with its bytes, to see that nothing is written.
    pub(crate) fn snapshot(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut open = vec![self.at.join(".git")];
        let mut files = Vec::new();
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.push((path.clone(), fs::read(path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }
}

/// A directory with nothing in it.
pub(crate) fn empty_directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A piece as tests compare it: path, text, bases.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) bases: Vec<(String, String)>,
    pub(crate) commit: String,
    pub(crate) id: String,
    pub(crate) is_whole: bool,
    pub(crate) kind: &'static str,
    /// What is new in it.
    pub(crate) new: Vec<String>,
}

/// Collects what is handed out.
#[derive(Default)]
pub(crate) struct Collector(Mutex<Vec<Seen>>);

impl Collector {
    pub(crate) fn visit(&self, piece: &Piece<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let new = piece.ranges.unwrap_or_default().iter();
        let bases = piece.bases.iter().map(|base| {
            let from = match base.from {
                From::SamePath => "same",
                From::Merged => "merged",
                From::Renamed => "renamed",
            };
            (from.to_owned(), text(&base.bytes().unwrap()))
        });
        self.0.lock().unwrap().push(Seen {
            path: piece
                .path
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
            text: text(piece.bytes),
            bases: bases.collect(),
            commit: piece.commit.map(|id| id.to_string()).unwrap_or_default(),
            id: piece.id.to_string(),
            is_whole: piece.ranges.is_none(),
            kind: match piece.kind {
                Kind::Blob => "blob",
                Kind::CommitMessage => "commit",
                Kind::TagMessage => "tag",
                Kind::Name => "name",
            },
            new: new.map(|range| text(&piece.bytes[range.clone()])).collect(),
        });
    }

    /// Sorted by path.
    pub(crate) fn all(self) -> Vec<Seen> {
        let mut all = self.0.into_inner().unwrap();
        all.sort();
        all
    }

    /// Paths and texts.
    pub(crate) fn texts(self) -> Vec<(String, String)> {
        let all = self.all().into_iter();
        all.map(|seen| (seen.path, seen.text)).collect()
    }
}

/// What literals are, as [`Collector::texts`] gives them.
pub(crate) fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect()
}
