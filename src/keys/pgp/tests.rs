//! The real gpg with throw-away keys where it is installed, and one made of a table.

use std::ffi::OsStr;
use std::process::Command;

use super::*;
use crate::error::Explain as _;
use crate::io::env::Environment;
use crate::keys::contract::{self, Case};
use crate::keys::machine::{Answer, CommandError, Program};
use crate::keys::system::System;
use crate::keys::testing::{FakeMachine, SESAME, output, program};
use crate::secret::Cleartext;

/// A home of gpg's. Its agent ends with it.
struct Home(tempfile::TempDir);

impl Home {
    /// An empty one; `None`, with the reason on stdout, where there is no gpg.
    fn new() -> Option<Self> {
        program("gpg")?;
        // short: a socket's name has at most 107 bytes
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let mut builder = tempfile::Builder::new();
        let directory = builder.permissions(private).tempdir_in("/tmp");
        let home = Self(directory.unwrap());
        // the agent would make each passphrase take a tenth of a second
        std::fs::write(home.0.path().join("gpg-agent.conf"), "s2k-count 65536\n").unwrap();
        Some(home)
    }

    fn gpg(&self) -> Command {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", self.0.path()).args([
            "--batch",
            "--quiet",
            "--no-tty",
            "--pinentry-mode",
            "loopback",
        ]);
        command
    }

    /// Makes a key with a subkey for encryption; its fingerprint.
    fn key(&self, name: &str, passphrase: &str) -> String {
        let make = |arguments: &[&str]| {
            let mut gpg = self.gpg();
            output(gpg.args(["--passphrase", passphrase]).args(arguments), b"");
        };
        make(&["--quick-gen-key", name, "ed25519", "cert", "0"]);
        let fingerprint = self.fingerprint(name);
        make(&["--quick-add-key", &fingerprint, "cv25519", "encr", "0"]);
        fingerprint
    }

    fn fingerprint(&self, name: &str) -> String {
        let mut gpg = self.gpg();
        let listed = output(gpg.args(["--list-keys", "--with-colons", name]), b"");
        let listed = String::from_utf8(listed).unwrap();
        listing::keys(&listed)[0].fingerprint.clone()
    }

    fn keys(&self, variables: &[(&'static str, &OsStr)]) -> PgpKeys {
        let home = self.0.path().as_os_str();
        let variables = variables.iter().copied().chain([("GNUPGHOME", home)]);
        let environment = Environment::of(variables);
        PgpKeys::new(Arc::new(System::new(Arc::new(environment))))
    }

    fn forget_passphrases(&self) {
        let mut gpgconf = Command::new("gpgconf");
        gpgconf
            .env("GNUPGHOME", self.0.path())
            .args(["--kill", "all"]);
        output(&mut gpgconf, b"");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.forget_passphrases();
    }
}

fn target(fingerprint: &str) -> Target {
    Target::new(Kind::Pgp, fingerprint)
}

fn opened(answer: Unwrapped) -> Vec<u8> {
    match answer {
        Unwrapped::Opened(key) => key.to_vec(),
        Unwrapped::Failed(error) => panic!("{error}"),
        Unwrapped::NotMine => panic!("it is not mine"),
    }
}

fn failed(answer: Unwrapped) -> (String, String) {
    match answer {
        Unwrapped::Failed(error) => (error.to_string(), error.hints().join("\n")),
        Unwrapped::Opened(_) => panic!("it opened"),
        Unwrapped::NotMine => panic!("it is not mine"),
    }
}

#[test]
fn it_keeps_the_contract() {
    let (Some(home), Some(other)) = (Home::new(), Home::new()) else {
        return;
    };
    let fingerprint = home.key("ana@example.com", "");
    let strange = other.key("bob@example.com", "");
    let strange = other.keys(&[]).wrap(&target(&strange), &[7; 32]).unwrap();
    let keys = home.keys(&[]);
    contract::check(&Case {
        provider: &keys,
        mine: target(&fingerprint),
        strange,
        knows_its_own: true,
        invalid: "ana@example.com",
        effort: Effort::Command,
    });
    let report = keys.report();
    assert_eq!(
        report.held[0].recipient.as_deref(),
        Some(fingerprint.as_str())
    );
    assert!(report.troubles.is_empty(), "{:?}", report.troubles);
    // a subkey's fingerprint and a hidden recipient
    let mut gpg = home.gpg();
    let hidden = output(
        gpg.args(["-a", "--trust-model", "always", "-R", &fingerprint, "-e"]),
        &[7; 32],
    );
    let hidden = String::from_utf8(hidden).unwrap();
    let entry = target(&fingerprint.to_ascii_lowercase()).wrapped(hidden.clone());
    assert_eq!(opened(keys.unwrap(&entry, Effort::Command)), [7; 32]);
    let elsewhere = target(&"0".repeat(40)).wrapped(hidden);
    assert!(matches!(
        keys.unwrap(&elsewhere, Effort::Command),
        Unwrapped::NotMine
    ));
}

#[test]
fn a_passphrase_is_asked_for_last_and_a_cached_one_is_used() {
    let Some(home) = Home::new() else {
        return;
    };
    let fingerprint = home.key("ana@example.com", SESAME);
    home.forget_passphrases();
    let keys = home.keys(&[]);
    let entry = keys.wrap(&target(&fingerprint), &[7; 32]).unwrap();
    assert!(matches!(
        keys.unwrap(&entry, Effort::Command),
        Unwrapped::NotMine
    ));
    // the agent learns it from somebody else
    let mut gpg = home.gpg();
    let plain = output(
        gpg.args(["--passphrase", SESAME, "--decrypt"]),
        entry.enc.as_bytes(),
    );
    assert_eq!(plain, [7; 32]);
    assert_eq!(
        opened(home.keys(&[]).unwrap(&entry, Effort::Command)),
        [7; 32]
    );
}

#[test]
fn a_key_from_the_variable_has_a_home_of_its_own() {
    let (Some(home), Some(other)) = (Home::new(), Home::new()) else {
        return;
    };
    for passphrase in ["", SESAME] {
        let name = format!("ci{}@example.com", passphrase.len());
        let fingerprint = home.key(&name, passphrase);
        let mut gpg = home.gpg();
        let exported = output(
            gpg.args([
                "--passphrase",
                passphrase,
                "--armor",
                "--export-secret-keys",
                &fingerprint,
            ]),
            b"",
        );
        let exported = String::from_utf8(exported).unwrap();
        let key = ("MVX_PGP_KEY", OsStr::new(&exported));
        let passphrase = ("MVX_PGP_PASSPHRASE", OsStr::new(passphrase));
        let keys = other.keys(&[key, passphrase]);
        // the user's gpg does not have the key, the variable's home does
        let entry = keys.wrap(&target(&fingerprint), &[7; 32]).unwrap();
        assert_eq!(opened(keys.unwrap(&entry, Effort::Command)), [7; 32]);
        let again = keys.wrap(&target(&fingerprint), &[8; 33]).unwrap();
        assert_eq!(opened(keys.unwrap(&again, Effort::Command)), [8; 33]);
        assert_eq!(keys.report().held[0].source, "MVX_PGP_KEY");
        let place = match &*keys.own() {
            Own::Home(own) => own.place().to_owned(),
            _ => panic!("there is no home"),
        };
        assert!(place.exists());
        keys.close();
        assert!(!place.exists());
        let (_, users) = keys.users();
        assert_eq!(users.as_ref().unwrap().as_slice(), []);
        if !passphrase.1.is_empty() {
            for (wrong, says) in [("x", "is not its passphrase"), ("", "has a passphrase")] {
                let keys = other.keys(&[key, ("MVX_PGP_PASSPHRASE", OsStr::new(wrong))]);
                let (message, _) = failed(keys.unwrap(&entry, Effort::Command));
                assert!(message.contains(says), "{message}");
            }
        }
    }
    let keys = other.keys(&[("MVX_PGP_KEY", OsStr::new("no key"))]);
    let entry = target("x").wrapped(FOR_7.to_owned());
    assert!(matches!(
        keys.unwrap(&entry, Effort::Command),
        Unwrapped::NotMine
    ));
    let troubles = keys.report().troubles.join("\n");
    assert!(
        troubles.contains("MVX_PGP_KEY holds no private PGP key"),
        "{troubles}"
    );
}

#[test]
fn why_a_key_is_not_taken_is_told() {
    let Some(home) = Home::new() else {
        return;
    };
    let fingerprint = home.key("ana@example.com", "");
    let refusal = |keys: &PgpKeys, fingerprint: &str| {
        let error = keys.wrap(&target(fingerprint), &[7; 32]).unwrap_err();
        (error.to_string(), error.hints().join("\n"))
    };
    let keys = home.keys(&[]);
    let (message, hints) = refusal(&keys, &"A".repeat(40));
    assert!(
        message.contains("does not have this public key"),
        "{message}"
    );
    assert!(hints.contains("gpg --recv-keys AAAA"), "{hints}");
    let (message, _) = refusal(&keys, &fingerprint[24..]);
    assert!(message.contains("whole fingerprint"), "{message}");
    let mut gpg = home.gpg();
    let signing = [
        "--quick-gen-key",
        "sign@example.com",
        "ed25519",
        "sign",
        "0",
    ];
    output(gpg.args(["--passphrase", ""]).args(signing), b"");
    let (message, _) = refusal(&keys, &home.fingerprint("sign@example.com"));
    assert!(message.contains("nothing can be encrypted"), "{message}");
    let mut gpg = home.gpg();
    let past = ["--faked-system-time", "20200101T000000", "--passphrase", ""];
    let expired = [
        "--quick-gen-key",
        "past@example.com",
        "default",
        "default",
        "1d",
    ];
    output(gpg.args(past).args(expired), b"");
    let (message, hints) = refusal(&keys, &home.fingerprint("past@example.com"));
    assert!(message.contains("has expired"), "{message}");
    assert!(hints.contains("--quick-set-expire"), "{hints}");
}

/// A message for the key with the id 7.
const FOR_7: &str =
    "-----BEGIN PGP MESSAGE-----\n\nwQ0DAAAAAAAAAAcBAAj/0gQBAgME\n-----END PGP MESSAGE-----";

const SECRET_KEY_7: &str = "sec:u:255:22:0000000000000001:1::::::cEC:::+::ed25519:::0:\n\
                            fpr:::::::::AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:\n\
                            ssb:u:255:18:0000000000000007:1::::::e:::+::cv25519::\n";

/// A machine whose gpg holds the key 7, and answers each try to decrypt with this status.
fn machine(status: &'static str) -> FakeMachine {
    FakeMachine::default()
        .file("/home/ana/.gnupg/private-keys-v1.d", "")
        .programs(move |program| Ok(gpg(program, status)))
}

fn gpg(program: &Program<'_>, status: &str) -> Answer {
    let lists = program
        .arguments
        .iter()
        .any(|word| word == "--list-secret-keys");
    let (code, stdout, stderr) = if lists {
        (0, SECRET_KEY_7, "")
    } else {
        (2, "", status)
    };
    Answer {
        code: Some(code),
        stdout: Cleartext::new(stdout.as_bytes().to_vec()),
        stderr: Cleartext::new(stderr.as_bytes().to_vec()),
    }
}

fn entry() -> Wrapped {
    target("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").wrapped(FOR_7.to_owned())
}

#[test]
fn what_is_not_for_this_machine_starts_nothing_twice() {
    let machine = Arc::new(machine(""));
    let keys = PgpKeys::new(Arc::clone(&machine) as Arc<dyn Machine>);
    let other = target("x").wrapped(FOR_7.replace("AAAAAAAc", "AAAAAAAg"));
    for effort in Effort::ALL {
        assert!(matches!(keys.unwrap(&other, effort), Unwrapped::NotMine));
    }
    let calls = machine.log();
    assert_eq!(
        calls.iter().filter(|line| line.starts_with("call")).count(),
        1,
        "{calls:?}"
    );
    // no home, no gpg
    let bare = Arc::new(FakeMachine::default());
    let keys = PgpKeys::new(Arc::clone(&bare) as Arc<dyn Machine>);
    assert!(matches!(
        keys.unwrap(&entry(), Effort::Device),
        Unwrapped::NotMine
    ));
    assert!(bare.log().iter().all(|line| !line.starts_with("call")));
}

#[test]
fn a_message_for_a_passphrase_never_reaches_gpg() {
    let machine = Arc::new(FakeMachine::default());
    let keys = PgpKeys::new(Arc::clone(&machine) as Arc<dyn Machine>);
    let symmetric = "-----BEGIN PGP MESSAGE-----\n\nwwQECQMC\n-----END PGP MESSAGE-----";
    let entry = target("x").wrapped(symmetric.to_owned());
    let (message, _) = failed(keys.unwrap(&entry, Effort::Command));
    assert!(message.contains("a passphrase opens it"), "{message}");
    assert!(matches!(
        keys.unwrap(&entry, Effort::Device),
        Unwrapped::NotMine
    ));
    assert!(machine.log().is_empty());
}

#[test]
fn who_declined_is_not_asked_again_in_a_run() {
    let cancelled = "[GNUPG:] ERROR pkdecrypt_failed 83886179\n";
    let machine = Arc::new(machine(cancelled));
    let keys = PgpKeys::new(Arc::clone(&machine) as Arc<dyn Machine>);
    let second = target("x").wrapped(FOR_7.replace("AgME", "AgMF"));
    for entry in [entry(), second] {
        assert!(matches!(
            keys.unwrap(&entry, Effort::Command),
            Unwrapped::NotMine
        ));
        let (message, _) = failed(keys.unwrap(&entry, Effort::Device));
        assert_eq!(message, "the question was cancelled");
    }
    let asked = |line: &&String| line.contains("--decrypt") && !line.contains("pinentry-mode");
    assert_eq!(machine.log().iter().filter(asked).count(), 1);
}

#[test]
fn a_missing_gpg_is_named_with_its_package() {
    let machine = FakeMachine::default()
        .file("/home/ana/.gnupg/private-keys-v1.d", "")
        .programs(|program| {
            Err(CommandError::Start {
                program: program.program.to_owned(),
                why: "there is no such file".to_owned(),
            })
        });
    let keys = PgpKeys::new(Arc::new(machine));
    assert!(matches!(
        keys.unwrap(&entry(), Effort::Command),
        Unwrapped::NotMine
    ));
    let troubles = keys.report().troubles;
    assert_eq!(
        troubles,
        ["`gpg` could not be started: there is no such file"]
    );
    let error = keys.wrap(&target(&"A".repeat(40)), &[7; 32]).unwrap_err();
    assert!(error.hints().join("\n").contains("apt-get install gnupg"));
}

#[test]
fn secrets_and_settings_reach_gpg_as_they_should() {
    let machine = FakeMachine::default()
        .variable("SOPS_GPG_EXEC", "gpg2")
        .variable("GNUPGHOME", "/keys")
        .variable("GPG_TTY", "/dev/pts/7")
        .programs(|program| {
            assert_eq!(program.program, "gpg2");
            let set = |name| program.variables.iter().find(|(known, _)| *known == name);
            assert_eq!(set("GNUPGHOME").unwrap().1, "/keys");
            assert_eq!(set("GPG_TTY").is_some(), program.may_ask);
            let words = program.arguments.iter().map(|word| word.to_string_lossy());
            let line = words.collect::<Vec<_>>().join(" ");
            if line.contains("--encrypt") {
                assert_eq!(program.stdin.as_ref().unwrap().as_bytes(), b"not in argv");
                assert!(!line.contains("not in argv"));
            }
            Ok(gpg(program, ""))
        });
    let keys = PgpKeys::new(Arc::new(machine));
    assert!(keys.wrap(&target(&"A".repeat(40)), b"not in argv").is_err());
    for effort in [Effort::Command, Effort::Device] {
        keys.unwrap(&entry(), effort);
    }
}
