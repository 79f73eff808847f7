//! Plugins, with a real one: `examples/age-plugin-mvxtest.rs`.
//!
//! The age library looks for plugins on the process's own PATH. So each test here starts this
//! test binary once more, with such a PATH, and has it run the ignored test of the same name.

use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::error::{Exit, Explain};
use crate::keys::contract::{Case, check};
use crate::keys::open::OpenFailure;
use crate::keys::testing::*;
use crate::secret::Passphrase;

const KEY: [u8; 32] = [7; 32];

/// Runs the ignored test `name` of this module where the plugin is on PATH.
fn with_plugin(name: &str) {
    let executable = std::env::current_exe().unwrap();
    let examples = executable.ancestors().nth(2).unwrap().join("examples");
    let plugin = examples.join(format!(
        "age-plugin-mvxtest{}",
        std::env::consts::EXE_SUFFIX
    ));
    assert!(
        plugin.is_file(),
        "{} is not built: run `cargo build --examples`",
        plugin.display()
    );
    let directory = tempfile::tempdir().unwrap();
    // the same program under a second name, which knows no key of that name
    let second = format!("age-plugin-mvxother{}", std::env::consts::EXE_SUFFIX);
    std::fs::hard_link(&plugin, directory.path().join(&second))
        .or_else(|_| std::fs::copy(&plugin, directory.path().join(&second)).map(drop))
        .unwrap();
    let path = std::env::join_paths([examples, directory.path().to_owned()]).unwrap();
    let output = Command::new(executable)
        .args(["--exact", "--ignored", "--nocapture"])
        .arg(format!("keys::age::plugin_tests::inside::{name}"))
        .env("PATH", path)
        .env("MVXTEST_LOG", directory.path().join("log"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_plugin_keeps_the_contract() {
    with_plugin("a_plugin_keeps_the_contract");
}

#[test]
fn a_plugin_is_asked_last() {
    with_plugin("a_plugin_is_asked_last");
}

#[test]
fn the_plugin_that_the_entry_names_goes_first() {
    with_plugin("the_plugin_that_the_entry_names_goes_first");
}

#[test]
fn a_plugin_talks_to_a_person_through_the_prompt() {
    with_plugin("a_plugin_talks_to_a_person_through_the_prompt");
}

#[test]
fn a_plugin_that_fails_is_told_and_does_no_further_harm() {
    with_plugin("a_plugin_that_fails_is_told_and_does_no_further_harm");
}

#[test]
fn a_plugin_identity_in_a_protected_file_works() {
    with_plugin("a_plugin_identity_in_a_protected_file_works");
}

#[test]
fn a_missing_plugin_is_named() {
    // no plugin on PATH is needed for this one
    let machine = FakeMachine::default().variable("MVX_AGE_KEY", &identity("nobody"));
    let provider = provider(machine, &FakePrompt::silent());
    let entries = [age_entry(&recipient("nobody"), AGE_FILE)];
    let failure = open_with(&entries, &provider).err().unwrap();
    assert_eq!(
        lines(&failure)[1..],
        [
            "age1mvxtest1n…: it takes the age plugin `age-plugin-mvxtest`, which is not installed"
                .replace(
                    "1n…",
                    &crate::keys::short(&recipient("nobody"))["age1mvxtest".len()..]
                )
        ]
    );
}

/// An age file with a stanza of the plugin's kind, for tests that need no plugin to make one.
const AGE_FILE: &str = "age-encryption.org/v1\n-> mvxtest b2JvZHk\nAAAAAAAAAAAAAAAAAAAAAA\n\
    --- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n0123456789012345678901234567890123456789";

/// A recipient of the plugin; the name's first letter says how the plugin behaves.
fn recipient(name: &str) -> String {
    let prefix = bech32::Hrp::parse("age1mvxtest").unwrap();
    bech32::encode_lower::<bech32_long::Bech32Long>(prefix, name.as_bytes()).unwrap()
}

fn identity(name: &str) -> String {
    let prefix = bech32::Hrp::parse("AGE-PLUGIN-MVXTEST-").unwrap();
    bech32::encode_upper::<bech32_long::Bech32Long>(prefix, name.as_bytes()).unwrap()
}

fn provider(machine: FakeMachine, prompt: &Arc<FakePrompt>) -> Arc<AgeKeys> {
    let prompt = Arc::clone(prompt) as _;
    Arc::new(AgeKeys::new(Arc::new(machine), prompt))
}

fn lines(failure: &OpenFailure) -> Vec<String> {
    match failure {
        OpenFailure::NoIdentity(tried) => tried.lines().map(str::to_owned).collect(),
        OpenFailure::Shares(_) => panic!("no shares here"),
    }
}

mod inside {
    use super::*;

    fn starts() -> usize {
        let log = PathBuf::from(std::env::var_os("MVXTEST_LOG").unwrap());
        std::fs::read_to_string(log).map_or(0, |log| log.lines().count())
    }

    fn sealed(recipients: &[&str]) -> Vec<Wrapped> {
        let nobody = provider(FakeMachine::default(), &FakePrompt::silent());
        recipients
            .iter()
            .map(|recipient| {
                nobody
                    .wrap(&Target::new(Kind::Age, *recipient), &KEY)
                    .unwrap()
            })
            .collect()
    }

    #[test]
    #[ignore = "started by the test of the same name, with the plugin on PATH"]
    fn a_plugin_keeps_the_contract() {
        let machine = FakeMachine::default().variable("MVX_AGE_KEY", &identity("nmine"));
        let provider = provider(machine, &FakePrompt::silent());
        // what the plugin wraps has no randomness of its own, but age's file around it has
        check(&Case {
            provider: provider.as_ref(),
            mine: Target::new(Kind::Age, recipient("nmine")),
            strange: sealed(&[K1_RECIPIENT]).remove(0),
            knows_its_own: true,
            invalid: "age1mvxtest1nonsense",
            effort: Effort::Device,
        });
        let strange = sealed(&[&recipient("nstrange")]);
        assert!(open_with(&strange, &provider).is_err());
    }

    #[test]
    #[ignore = "started by the test of the same name, with the plugin on PATH"]
    fn a_plugin_is_asked_last() {
        let machine = FakeMachine::default()
            .variable("MVX_AGE_KEY", &format!("{} {}", identity("nmine"), K1))
            .file(
                "/home/ana/.ssh/id_ed25519",
                include_str!("../../../fixtures/keys/ssh_ed25519.protected"),
            );
        let prompt = FakePrompt::answering(SESAME);
        let provider = provider(machine, &prompt);
        let mine = recipient("nmine");
        let files = [
            sealed(&[&mine, K1_RECIPIENT]),
            sealed(&[&mine, SSH_ED25519_PUBLIC]),
            sealed(&[K2_RECIPIENT, &mine]),
        ];
        let before = starts();
        open_with(&files[0], &provider).ok().unwrap();
        assert_eq!((starts() - before, prompt.log().len()), (0, 0));
        open_with(&files[1], &provider).ok().unwrap();
        assert_eq!((starts() - before, prompt.log().len()), (0, 1));
        // and then only for the entry that names it
        open_with(&files[2], &provider).ok().unwrap();
        assert_eq!((starts() - before, prompt.log().len()), (1, 0));
    }

    #[test]
    #[ignore = "started by the test of the same name, with the plugin on PATH"]
    fn the_plugin_that_the_entry_names_goes_first() {
        let prefix = bech32::Hrp::parse("AGE-PLUGIN-MVXOTHER-").unwrap();
        let other = bech32::encode_upper::<bech32_long::Bech32Long>(prefix, b"nmine").unwrap();
        let both = format!("{other} {}", identity("nmine"));
        let machine = FakeMachine::default().variable("MVX_AGE_KEY", &both);
        let provider = provider(machine, &FakePrompt::silent());
        let mut entries = sealed(&[&recipient("nmine")]);
        let before = starts();
        open_with(&entries, &provider).ok().unwrap();
        assert_eq!(starts() - before, 1);
        // where the entry names none of them, each is asked in turn
        entries[0].recipient = K1_RECIPIENT.to_owned();
        open_with(&entries, &provider).ok().unwrap();
        assert_eq!(starts() - before, 3);
    }

    #[test]
    #[ignore = "started by the test of the same name, with the plugin on PATH"]
    fn a_plugin_talks_to_a_person_through_the_prompt() {
        let open = |prompt: &Arc<FakePrompt>| {
            let machine = FakeMachine::default().variable("SOPS_AGE_KEY", &identity("pmine"));
            let provider = provider(machine, prompt);
            let mine = recipient("pmine");
            let enc = provider
                .wrap(&Target::new(Kind::Age, &*mine), &KEY)
                .unwrap()
                .enc;
            assert_eq!(prompt.log(), ["please [31mtouch the token"]);
            open_with(&[age_entry(&mine, &enc)], &provider)
        };
        let prompt = FakePrompt::answering("1234");
        assert!(open(&prompt).is_ok());
        assert_eq!(prompt.log(), ["PIN of the [31mtoken"]);

        let told = lines(&open(&FakePrompt::answering("4321")).err().unwrap());
        assert!(told[1].contains("wrong PIN"), "{told:?}");
        let told = lines(&open(&FakePrompt::silent()).err().unwrap());
        assert!(told[1].contains("no PIN was given"), "{told:?}");
    }

    #[test]
    #[ignore = "started by the test of the same name, with the plugin on PATH"]
    fn a_plugin_that_fails_is_told_and_does_no_further_harm() {
        // the letter decides, so the same name with another letter is wrapped without trouble
        for (letter, expected) in [
            ("d", "`age-plugin-mvxtest` ended before it answered"),
            ("e", "the token is broken"),
            (
                "w",
                "an answer that opens nothing (from `age-plugin-mvxtest`)",
            ),
        ] {
            let machine =
                FakeMachine::default().variable("MVX_AGE_KEY", &identity(&format!("{letter}mine")));
            let provider = provider(machine, &FakePrompt::silent());
            let failure = open_with(&sealed(&[&recipient("nmine")]), &provider)
                .err()
                .unwrap();
            let told = lines(&failure);
            assert_eq!(told.len(), 2, "{told:?}");
            assert!(told[1].contains(expected), "{letter}: {told:?}");
            assert!(!told[1].contains('\u{2068}'), "{told:?}");
        }
        let nobody = provider(FakeMachine::default(), &FakePrompt::silent());
        for (letter, expected) in [
            ("d", "`age-plugin-mvxtest` ended before it answered"),
            ("e", "the token is full"),
        ] {
            let error = nobody
                .wrap(
                    &Target::new(Kind::Age, recipient(&format!("{letter}mine"))),
                    &KEY,
                )
                .unwrap_err();
            assert!(error.to_string().contains(expected), "{letter}: {error}");
            assert_eq!((error.exit(), error.code()), (Exit::IO, "plugin"));
        }
    }

    #[test]
    #[ignore = "started by the test of the same name, with the plugin on PATH"]
    fn a_plugin_identity_in_a_protected_file_works() {
        let text = identity("nmine");
        let file = protect(&text.as_str().into(), &Passphrase::new(SESAME.into()), 2).unwrap();
        let machine = FakeMachine::default()
            .variable("MVX_AGE_KEY_FILE", "/k")
            .file("/k", file);
        let prompt = FakePrompt::answering(SESAME);
        let provider = provider(machine, &prompt);
        let entries = sealed(&[K1_RECIPIENT, &recipient("nmine")]);
        open_with(&entries, &provider).ok().unwrap();
        assert_eq!(prompt.log(), ["the key file MVX_AGE_KEY_FILE (/k)"]);
    }
}
