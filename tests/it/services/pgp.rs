//! PGP keys: mvx and real sops with one real gpg and throw-away keys.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::interop::Pair;
use crate::support::{Outcome, Run, Step};

const TEXT: &str = "# kept\npassword: invented  # here\n";
const PASSPHRASE: &str = "open-sesame-invented";

/// A home of gpg's whose agent ends with it. Its path is short: a socket's name has at most 107
/// bytes.
pub(super) struct Home(tempfile::TempDir);

impl Home {
    pub(super) fn new() -> Self {
        let mut builder = tempfile::Builder::new();
        let private = fs::Permissions::from_mode(0o700);
        let home = Self(builder.permissions(private).tempdir_in("/tmp").unwrap());
        // the agent would make each passphrase take a tenth of a second
        fs::write(home.path().join("gpg-agent.conf"), "s2k-count 65536\n").unwrap();
        home
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs gpg, which must succeed; what it prints.
    fn gpg(&self, arguments: &[&str]) -> String {
        let usual = [
            "--batch",
            "--quiet",
            "--no-tty",
            "--pinentry-mode",
            "loopback",
        ];
        let output = Command::new("gpg")
            .env("GNUPGHOME", self.path())
            .args(usual)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A key with a subkey for encryption of this kind; its fingerprint.
    pub(super) fn key(
        &self,
        name: &str,
        (primary, subkey): (&str, &str),
        passphrase: &str,
    ) -> String {
        let with = ["--passphrase", passphrase];
        self.gpg(&[&with[..], &["--quick-gen-key", name, primary, "cert", "0"]].concat());
        let fingerprint = self.fingerprints(name).remove(0);
        let subkey = ["--quick-add-key", &fingerprint, subkey, "encr", "0"];
        self.gpg(&[&with[..], &subkey].concat());
        fingerprint
    }

    /// The fingerprints of a key and its subkeys.
    fn fingerprints(&self, name: &str) -> Vec<String> {
        let listed = self.gpg(&["--list-keys", "--with-colons", name]);
        let lines = listed.lines().filter(|line| line.starts_with("fpr:"));
        let field = lines.map(|line| line.split(':').nth(9).unwrap().to_owned());
        field.collect()
    }

    /// The agent forgets all passphrases.
    fn forget(&self) {
        let mut gpgconf = Command::new("gpgconf");
        gpgconf
            .env("GNUPGHOME", self.path())
            .args(["--kill", "all"]);
        let _status = gpgconf.status();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.forget();
    }
}

const CURVE: (&str, &str) = ("ed25519", "cv25519");
const RSA: (&str, &str) = ("rsa2048", "rsa2048");

/// A sandbox in which both programs have a home of gpg's.
struct Keys {
    pair: Pair,
    home: Home,
}

impl Keys {
    fn new() -> Option<Self> {
        if !has("gpg") {
            println!("skipped: there is no gpg");
            return None;
        }
        Some(Self {
            pair: Pair::new()?,
            home: Home::new(),
        })
    }

    /// Files are sealed for these keys.
    fn rule(&self, fingerprints: &[&str]) {
        let rule = format!("creation_rules:\n  - pgp: {}\n", fingerprints.join(","));
        self.pair.sandbox.write(".sops.yaml", rule);
    }

    fn mvx<const N: usize>(&self, arguments: [&str; N]) -> Run {
        let run = self.pair.mvx(arguments);
        run.env("GNUPGHOME", self.home.path())
    }

    fn sops<const N: usize>(&self, arguments: [&str; N]) -> Run {
        let run = self.pair.sops(arguments);
        run.env("GNUPGHOME", self.home.path())
    }

    fn seal(&self, name: &str) {
        self.pair.sandbox.write(name, TEXT);
        done(&self.mvx(["encrypt", "-q", "-i", name]).outcome());
    }

    fn opens(&self, name: &str) {
        let run = self.mvx(["decrypt", "-q", name]).in_a_session_of_its_own();
        assert_eq!(run.outcome().quiet_success(), TEXT);
    }

    /// A directory of programs in the place of PATH: links to these, and no others.
    fn programs(&self, names: &[&str]) -> PathBuf {
        let directory = self.pair.sandbox.path("../bin");
        fs::create_dir_all(&directory).unwrap();
        for name in names {
            let found = path_of(name).unwrap();
            std::os::unix::fs::symlink(found, directory.join(name)).unwrap();
        }
        directory
    }

    /// gpg's agent asks by this program, whose script answers.
    fn pinentry(&self, script: &str) {
        let path = self.home.path().join("pinentry");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let config = format!("s2k-count 65536\npinentry-program {}\n", path.display());
        fs::write(self.home.path().join("gpg-agent.conf"), config).unwrap();
        self.home.forget();
    }
}

/// A pinentry in shell: answers `GETPIN` as it says, all else with OK. What was asked is counted.
fn answering(pin: &str) -> String {
    format!(
        "echo OK\nwhile read -r word rest; do\n  case $word in\n    GETPIN) echo asked >>\"${{0%/*}}/asked\"; {pin};;\n    BYE) echo OK; exit;;\n    *) echo OK;;\n  esac\ndone"
    )
}

fn path_of(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|directory| directory.join(name));
    found.find(|path| path.is_file())
}

fn has(name: &str) -> bool {
    path_of(name).is_some()
}

fn done(outcome: &Outcome) {
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

fn refused(outcome: &Outcome, code: i32) -> String {
    assert_eq!(outcome.code(), Some(code), "{outcome}");
    assert_eq!(outcome.stdout(), "");
    assert!(!outcome.stderr.contains("invented"), "{outcome}");
    outcome.stderr.clone()
}

#[test]
fn what_one_wraps_the_other_unwraps() {
    let Some(keys) = Keys::new() else {
        return;
    };
    for (name, kind) in [("curve@example.com", CURVE), ("rsa@example.com", RSA)] {
        let fingerprint = keys.home.key(name, kind, "");
        keys.rule(&[&fingerprint]);
        keys.seal("a.yaml");
        let sealed = keys.pair.sandbox.read("a.yaml");
        assert!(sealed.contains(&format!("fp: {fingerprint}\n")), "{sealed}");
        assert!(sealed.contains("enc: |-\n"), "{sealed}");
        let by_sops = keys.sops(["decrypt", "a.yaml"]).outcome();
        assert!(by_sops.stdout().contains("password: invented"), "{by_sops}");
        keys.opens("a.yaml");

        keys.pair.sandbox.write("b.yaml", TEXT);
        done(&keys.sops(["encrypt", "-i", "b.yaml"]).outcome());
        let opened = keys.mvx(["decrypt", "-q", "b.yaml"]).outcome();
        assert!(opened.quiet_success().contains("password: invented"));
        // and each goes on where the other stopped
        done(
            &keys
                .mvx(["set", "-q", "b.yaml", "other"])
                .stdin("x")
                .outcome(),
        );
        done(
            &keys
                .sops(["set", "a.yaml", "[\"other\"]", "\"y\""])
                .outcome(),
        );
        let by_sops = keys.sops(["decrypt", "--extract", "[\"other\"]", "b.yaml"]);
        assert_eq!(by_sops.outcome().stdout(), "x");
        let by_mvx = keys.mvx(["get", "a.yaml", "other"]).outcome();
        assert_eq!(by_mvx.stdout().trim(), "y");
    }
}

#[test]
fn a_file_for_two_keys_opens_with_either() {
    let Some(keys) = Keys::new() else {
        return;
    };
    let other = Home::new();
    let mine = keys.home.key("mine@example.com", CURVE, "");
    let theirs = other.key("theirs@example.com", RSA, "");
    let exported = keys.pair.sandbox.path("theirs.asc");
    let public = other.gpg(&["--armor", "--export", &theirs]);
    fs::write(&exported, public).unwrap();
    keys.home.gpg(&["--import", exported.to_str().unwrap()]);
    // a subkey's own fingerprint, and `!` for exactly that one
    let subkeys = other.fingerprints(&theirs);
    for theirs in [&theirs, &subkeys[1], &format!("{}!", subkeys[1])] {
        keys.rule(&[&mine, theirs]);
        keys.seal("a.yaml");
        keys.opens("a.yaml");
        let run = keys.mvx(["decrypt", "-q", "a.yaml"]);
        let run = run.env("GNUPGHOME", other.path());
        assert_eq!(run.outcome().quiet_success(), TEXT);
        done(&keys.sops(["decrypt", "a.yaml"]).outcome());
    }
    keys.rule(&[&theirs]);
    keys.seal("a.yaml");
    let told = refused(&keys.mvx(["decrypt", "a.yaml"]).outcome(), 128);
    assert!(told.contains(&theirs), "{told}");
    // the public key alone starts no decryption
    assert!(!told.contains("secret key"), "{told}");
}

#[test]
fn a_passphrase_is_asked_for_by_gpgs_agent() {
    let Some(keys) = Keys::new() else {
        return;
    };
    let fingerprint = keys.home.key("ana@example.com", CURVE, PASSPHRASE);
    keys.rule(&[&fingerprint]);
    keys.seal("a.yaml");
    keys.seal("b.yaml");
    let asked = || fs::read_to_string(keys.home.path().join("asked")).unwrap_or_default();
    let cancels = "echo \"ERR 83886179 Operation cancelled <Pinentry>\"";
    keys.pinentry(&answering(cancels));
    let run = keys.mvx(["decrypt", "-i", "a.yaml", "b.yaml"]);
    let told = refused(&run.outcome(), 128);
    assert!(told.contains("the question was cancelled"), "{told}");
    assert_eq!(asked(), "asked\n", "one question for two files");
    keys.pinentry(&answering("echo 'D wrong'; echo OK"));
    let told = refused(&keys.mvx(["decrypt", "a.yaml"]).outcome(), 128);
    assert!(told.contains("the passphrase is wrong"), "{told}");
    keys.pinentry(&answering(&format!("echo 'D {PASSPHRASE}'; echo OK")));
    fs::remove_file(keys.home.path().join("asked")).unwrap();
    keys.opens("a.yaml");
    // the agent knows it now
    keys.opens("b.yaml");
    assert_eq!(asked(), "asked\n");
}

#[test]
fn a_passphrase_is_typed_at_the_terminal() {
    let Some(keys) = Keys::new() else {
        return;
    };
    if !has("pinentry-curses") {
        println!("skipped: there is no pinentry-curses");
        return;
    }
    let fingerprint = keys.home.key("ana@example.com", CURVE, PASSPHRASE);
    keys.rule(&[&fingerprint]);
    keys.seal("a.yaml");
    keys.pinentry("exec pinentry-curses \"$@\"");
    // without a terminal it says how to get one
    let alone = keys.mvx(["decrypt", "a.yaml"]).in_a_session_of_its_own();
    let told = refused(&alone.outcome(), 128);
    assert!(
        told.contains("cannot ask for the passphrase here"),
        "{told}"
    );
    assert!(
        told.contains("GPG_TTY") && told.contains("MVX_PGP_KEY"),
        "{told}"
    );
    let session = keys.mvx(["decrypt", "-q", "a.yaml"]).on_terminal(&[
        Step::Await("Passphrase"),
        Step::Type(PASSPHRASE),
        Step::Type("\r"),
        Step::Await("password: invented"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(
        session.echo && !session.screen.contains(PASSPHRASE),
        "{session:?}"
    );
}

#[test]
fn a_job_has_its_key_in_a_variable() {
    let Some(keys) = Keys::new() else {
        return;
    };
    let job = Home::new();
    for passphrase in ["", PASSPHRASE] {
        let name = format!("ci{}@example.com", passphrase.len());
        let fingerprint = keys.home.key(&name, CURVE, passphrase);
        keys.rule(&[&fingerprint]);
        keys.seal("a.yaml");
        let export = [
            "--passphrase",
            passphrase,
            "--armor",
            "--export-secret-keys",
        ];
        let key = keys.home.gpg(&[&export[..], &[&fingerprint]].concat());
        let run = |words: &[&str], given: &str| {
            let run = keys.pair.mvx(words).in_a_session_of_its_own();
            run.env("GNUPGHOME", job.path().join("none"))
                .env("MVX_PGP_KEY", &key)
                .env("MVX_PGP_PASSPHRASE", given)
                .outcome()
        };
        let opened = run(&["decrypt", "-q", "a.yaml"], passphrase);
        assert_eq!(opened.quiet_success(), TEXT);
        // it wraps for it, too: the job's gpg knows nobody
        done(&run(&["rekey", "--yes", "a.yaml"], passphrase));
        // and the command that it becomes sees neither
        let seen = run(
            &[
                "run",
                "--",
                "sh",
                "-c",
                "echo $MVX_PGP_KEY$MVX_PGP_PASSPHRASE",
            ],
            passphrase,
        );
        assert!(!seen.stdout().contains("PRIVATE"), "{seen}");
        if !passphrase.is_empty() {
            let told = refused(&run(&["decrypt", "a.yaml"], "another-invented"), 128);
            assert!(
                told.contains("MVX_PGP_PASSPHRASE is not its passphrase"),
                "{told}"
            );
        }
    }
    // gpg's own home was not touched, and no agent is left
    assert!(!job.path().join("none").exists());
    assert_eq!(keys.agents(), [""; 0]);
}

#[test]
fn a_signal_leaves_no_key_behind() {
    let Some(keys) = Keys::new() else {
        return;
    };
    let fingerprint = keys.home.key("ci@example.com", CURVE, "");
    keys.rule(&[&fingerprint]);
    keys.seal("a.yaml");
    let key = keys
        .home
        .gpg(&["--armor", "--export-secret-keys", &fingerprint]);
    // an editor that waits holds the run open, with the key in its home
    let editor = keys
        .pair
        .sandbox
        .write("editor.sh", "#!/bin/sh\necho up >up\nsleep 5\n");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o700)).unwrap();
    // an interrupt would be the editor's
    for signal in ["TERM", "HUP"] {
        let run = keys.pair.mvx(["edit", "a.yaml"]);
        let mut child = run
            .env("GNUPGHOME", keys.home.path().join("none"))
            .env("MVX_PGP_KEY", &key)
            .env("EDITOR", &editor)
            .start();
        let up = keys.pair.sandbox.path("up");
        while !up.exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        fs::remove_file(up).unwrap();
        assert_ne!(keys.agents(), [""; 0], "the agent is there meanwhile");
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.unwrap().success());
        let status = child.wait().unwrap();
        assert!(!status.success(), "{status}");
        // an agent whose home is gone ends by itself, in its own time
        let mut patience = 100;
        while !keys.agents().is_empty() {
            patience -= 1;
            assert!(patience > 0, "an agent is left: {:?}", keys.agents());
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

#[test]
fn keys_that_cannot_be_used_are_named_with_the_reason() {
    let Some(keys) = Keys::new() else {
        return;
    };
    keys.pair.sandbox.write("a.yaml", TEXT);
    let told = |fingerprint: &str| {
        keys.rule(&[fingerprint]);
        refused(&keys.mvx(["encrypt", "-i", "a.yaml"]).outcome(), 4)
    };
    let missing = told(&"A".repeat(40));
    assert!(
        missing.contains("does not have this public key"),
        "{missing}"
    );
    assert!(missing.contains("gpg --recv-keys"), "{missing}");
    let past = ["--faked-system-time", "20200101T000000", "--passphrase", ""];
    let gone = [
        "--quick-gen-key",
        "past@example.com",
        "default",
        "default",
        "1d",
    ];
    keys.home.gpg(&[&past[..], &gone].concat());
    let expired = told(&keys.home.fingerprints("past@example.com")[0]);
    assert!(expired.contains("has expired"), "{expired}");
    let revoked = keys.home.key("gone@example.com", CURVE, "");
    let certificate = keys
        .home
        .path()
        .join(format!("openpgp-revocs.d/{revoked}.rev"));
    let text = fs::read_to_string(&certificate).unwrap();
    fs::write(&certificate, text.replace(":-----BEGIN", "-----BEGIN")).unwrap();
    keys.home.gpg(&["--import", certificate.to_str().unwrap()]);
    let revoked = told(&revoked);
    assert!(revoked.contains("has revoked the key"), "{revoked}");
}

#[test]
fn a_machine_without_gpg_says_which_package_has_it() {
    let Some(keys) = Keys::new() else {
        return;
    };
    let fingerprint = keys.home.key("ana@example.com", CURVE, "");
    keys.rule(&[&fingerprint]);
    keys.seal("a.yaml");
    let bare = keys.programs(&["sh"]);
    let told = refused(
        &keys.mvx(["decrypt", "a.yaml"]).env("PATH", &bare).outcome(),
        128,
    );
    assert!(told.contains("`gpg` could not be started"), "{told}");
    keys.pair.sandbox.write("b.yaml", TEXT);
    let run = keys.mvx(["encrypt", "-i", "b.yaml"]).env("PATH", &bare);
    let told = refused(&run.outcome(), 4);
    assert!(told.contains("apt-get install gnupg"), "{told}");
    let named = keys.mvx(["decrypt", "-q", "a.yaml"]);
    let named = named
        .env("PATH", &bare)
        .env("SOPS_GPG_EXEC", path_of("gpg").unwrap());
    assert_eq!(named.outcome().quiet_success(), TEXT);
}

#[test]
fn hostile_messages_neither_hang_nor_ask() {
    let Some(keys) = Keys::new() else {
        return;
    };
    let fingerprint = keys.home.key("ana@example.com", CURVE, "");
    let zeros = keys.pair.sandbox.write("zeros", vec![0; 8 << 20]);
    let message = |arguments: &[&str]| {
        let usual = ["--armor", "--trust-model", "always", "--output", "-"];
        keys.home
            .gpg(&[&usual[..], arguments, &[zeros.to_str().unwrap()]].concat())
    };
    let for_ana = ["--recipient", &fingerprint];
    keys.rule(&[&fingerprint]);
    keys.seal("a.yaml");
    let sealed = keys.pair.sandbox.read("a.yaml");
    let (before, rest) = sealed.split_once("enc: |-\n").unwrap();
    let (_, after) = rest.split_once("-----END PGP MESSAGE-----\n").unwrap();
    let indent = rest.len() - rest.trim_start().len();
    keys.pinentry(&answering(&format!("echo 'D {PASSPHRASE}'; echo OK")));
    for (message, says) in [
        (
            message(&["--passphrase", PASSPHRASE, "--symmetric"]),
            "a passphrase opens it",
        ),
        (
            message(
                &[
                    &for_ana[..],
                    &["--passphrase", PASSPHRASE, "--symmetric", "--encrypt"],
                ]
                .concat(),
            ),
            "a passphrase opens it",
        ),
        (message(&["--store"]), "it is not encrypted"),
        // eight megabytes of zeros, in a few bytes
        (
            message(&[&for_ana[..], &["--encrypt"]].concat()),
            "cannot decrypt it",
        ),
        (
            message(&[&for_ana[..], &["--compress-algo", "none", "--encrypt"]].concat()),
            "far longer than a wrapped key",
        ),
        (
            "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n".to_owned(),
            "damaged",
        ),
    ] {
        let lines = message
            .lines()
            .map(|line| format!("{:indent$}{line}\n", ""));
        let text = format!("{before}enc: |-\n{}{after}", lines.collect::<String>());
        keys.pair.sandbox.write("b.yaml", text);
        let told = refused(&keys.mvx(["decrypt", "b.yaml"]).outcome(), 128);
        assert!(told.contains(says), "{told}");
    }
    assert!(!keys.home.path().join("asked").exists());
}

impl Keys {
    /// The agents that run on homes of mvx's own in this sandbox, or in memory.
    fn agents(&self) -> Vec<String> {
        let mut found = Vec::new();
        let run = self.pair.sandbox.path("../run");
        let run = fs::canonicalize(run).unwrap();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(line) = fs::read(entry.path().join("cmdline")) else {
                continue;
            };
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let environment = String::from_utf8_lossy(&environment);
            if line.contains("gpg-agent") && environment.contains(run.to_str().unwrap()) {
                found.push(line);
            }
        }
        found
    }
}
