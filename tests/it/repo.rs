//! A repository with rules and keys, and sessions at its terminal.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use regex::Regex;

use crate::support::{Outcome, Run, Sandbox, repository};

/// The public key of `fixtures/identity/ci.txt`, which is Ana's here.
pub(crate) const ANA: &str = "age1rj29hg53klg82pve46rc8cwjfhyukcxpqdl2gg67slm4kgwldv6smrqrjq";

/// The public key of `fixtures/sops/k1.txt`, which is Bob's here.
pub(crate) const BOB: &str = "age10qzyc23jq2xqlxxx9rwdmzz4xyz4dwk3xtahz8fq6ptdeftpw5mscpnswl";

/// The public key of `fixtures/sops/k2.txt`, which is Carol's here. She is not in the rules.
pub(crate) const CAROL: &str = "age14huuej0f28s4dan9dg26y4pv443e2tqmv6mkarp6fn3c5wcts3eq9lf7g5";

/// A git repository of Ana's in a sandbox.
pub(crate) struct Repo {
    pub(crate) sandbox: Sandbox,
}

impl Repo {
    /// With rules, and with plaintext below `secrets/` ignored by git.
    pub(crate) fn new() -> Self {
        Self::with_rules(Self::bare())
    }

    /// As [`Repo::new`], in memory.
    pub(crate) fn in_memory() -> Self {
        Self::with_rules(Self::in_git(Sandbox::in_memory()))
    }

    fn with_rules(repo: Self) -> Self {
        repo.write(".sops-rules.toml", rules());
        repo.write(".gitignore", "/secrets/**/*.yaml\n!/secrets/**/*.enc.*\n");
        repo
    }

    /// With Ana's key and a git repository, and nothing else.
    pub(crate) fn bare() -> Self {
        Self::in_git(Sandbox::new())
    }

    fn in_git(sandbox: Sandbox) -> Self {
        let repo = Self::of_ana(sandbox);
        let outcome = repo.sandbox.run("git", ["init", "-q", "."]).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        repo
    }

    /// With Ana's key alone.
    pub(crate) fn outside_git() -> Self {
        Self::of_ana(Sandbox::new())
    }

    fn of_ana(sandbox: Sandbox) -> Self {
        let repo = Self { sandbox };
        repo.hold("identity/ci.txt");
        repo
    }

    /// The machine holds this identity of the fixtures, and no other.
    pub(crate) fn hold(&self, identity: &str) {
        let key = fs::read(fixture(identity)).unwrap();
        let directory = self.home(".config/mvx");
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("keys.txt");
        fs::write(&path, key).unwrap();
        private(&path);
    }

    /// The machine holds no identity at all.
    pub(crate) fn hold_nothing(&self) {
        fs::remove_file(self.home(".config/mvx/keys.txt")).unwrap();
    }

    /// A path below the home directory.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.sandbox.path("../home").join(name)
    }

    /// Writes a file below the repository.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.sandbox.write(name, content)
    }

    /// Reads a file below the repository.
    pub(crate) fn read(&self, name: &str) -> String {
        self.sandbox.read(name)
    }

    /// Whether a file is below the repository.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.sandbox.path(name).exists()
    }

    /// Writes a plaintext, seals it and removes it; the sealed file's text.
    pub(crate) fn seal(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        self.write(name, content);
        let outcome = self.mvx(["encrypt", "--rm", "-q", name]).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let sealed = mvx::app::files::sealed_name(Path::new(name));
        fs::read_to_string(self.sandbox.path(sealed)).unwrap()
    }

    /// mvx with these arguments, ready to run.
    pub(crate) fn mvx<A: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Run {
        self.sandbox.mvx(arguments)
    }

    /// Commits everything that git does not ignore, as Ana.
    pub(crate) fn commit(&self) {
        let outcome = self.shell(
            "git add -A && git -c user.name=Ana -c user.email=ana@example.com commit -qm change",
        );
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }

    /// An editor: a shell script that gets the draft as `$1`. Its path is what `EDITOR` takes.
    pub(crate) fn editor(&self, script: &str) -> PathBuf {
        let path = self.home("editor.sh");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// The plaintext of a sealed file.
    pub(crate) fn plaintext(&self, name: &str) -> String {
        self.mvx(["decrypt", "-q", name]).outcome().quiet_success()
    }

    /// A shell command in which `mvx` is the program under test.
    pub(crate) fn shell(&self, command: &str) -> Outcome {
        let script = format!("mvx() {{ \"$MVX\" \"$@\"; }}\n{command}\n");
        self.sandbox
            .run("sh", ["-c", &script])
            .env("MVX", crate::support::program())
            .outcome()
    }

    /// What a terminal shows when these lines are typed: each one, what it answers, what it says,
    /// and its status unless it is 0. What differs between runs is replaced by a word.
    pub(crate) fn session(&self, lines: &str) -> String {
        let mut shown = String::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let outcome = self.shell(line);
            writeln!(shown, "$ {line}").unwrap();
            shown += &String::from_utf8_lossy(&outcome.stdout);
            if !shown.ends_with('\n') {
                shown += "⏎\n";
            }
            shown += &outcome.stderr;
            match outcome.code() {
                Some(0) => {}
                Some(code) => writeln!(shown, "[{code}]").unwrap(),
                None => panic!("{outcome}"),
            }
        }
        self.scrub(&shown)
    }

    /// Replaces what differs between runs.
    pub(crate) fn scrub(&self, text: &str) -> String {
        static PATTERNS: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
        let patterns = PATTERNS.get_or_init(|| {
            [
                (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
                (r"(/dev/shm|\[SANDBOX\]/run)/mvx-\w+", "[PRIVATE]"),
                (r"ENC\[AES256_GCM,[^\]]*type:(\w+)\]", "ENC[$1]"),
                (r"\bv1:[A-Za-z0-9+/]{43}=", "[SEAL]"),
                (r"\b[0-9a-f]{40}\b", "[COMMIT]"),
                (r"commit [0-9a-f]{10}\b", "commit [SHORT]"),
                (r"AGE-SECRET-KEY-1\w+", "[A PRIVATE KEY]"),
            ]
            .map(|(pattern, word)| (Regex::new(pattern).unwrap(), word))
            .into()
        });
        let mut text = text.replace(self.sandbox.root().to_str().unwrap(), "[SANDBOX]");
        for (key, name) in [(ANA, "[ANA]"), (BOB, "[BOB]"), (CAROL, "[CAROL]")] {
            text = text.replace(key, name);
        }
        for (pattern, word) in patterns {
            text = pattern.replace_all(&text, *word).into_owned();
        }
        text
    }
}

/// The rules of [`Repo::new`].
pub(crate) fn rules() -> String {
    format!(
        r#"version = 1
[recipients.ana]
age = "{ANA}"
[recipients.bob]
age = "{BOB}"
[groups]
team = ["ana", "bob"]
[[files]]
path = "secrets/dev/**"
environment = "dev"
recipients = ["team"]
[[files]]
path = "secrets/bob/**"
recipients = ["bob"]
[[files]]
path = "secrets/k8s/**"
recipients = ["ana"]
encrypted_regex = "^(data|stringData)$"
[[files]]
path = "odd/**"
recipients = ["ana"]
format = "dotenv"
"#
    )
}

/// A file of the fixtures.
pub(crate) fn fixture(name: &str) -> PathBuf {
    repository().join("fixtures").join(name)
}

fn private(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
