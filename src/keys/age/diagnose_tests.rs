//! What is told about identities and entries that do not come together.

use super::*;
use crate::keys::diagnose::{Found, Outcome, Reach};
use crate::keys::prompt::NoPrompt;
use crate::keys::testing::*;

const PROTECTED: &str = include_str!("../../../fixtures/keys/age.protected");
const PROTECTED_SSH: &str = include_str!("../../../fixtures/keys/ssh_ed25519.protected");

fn keys(machine: FakeMachine) -> Arc<AgeKeys> {
    Arc::new(AgeKeys::new(Arc::new(machine), Arc::new(NoPrompt)))
}

fn entry(recipient: &str) -> Wrapped {
    let target = Target::new(Kind::Age, recipient);
    let enc = keys(FakeMachine::default()).wrap(&target, &[7; 32]);
    enc.unwrap()
}

fn outcomes(keys: &AgeKeys, entry: &Wrapped, reach: Reach) -> Vec<(String, Outcome)> {
    keys.diagnose(entry, reach)
        .unwrap()
        .into_iter()
        .map(|attempt| (attempt.source, attempt.outcome))
        .collect()
}

#[test]
fn each_identity_says_what_it_made_of_an_entry() {
    let keys = keys(
        FakeMachine::default()
            .variable("MVX_AGE_KEY", K1)
            .variable("SOPS_AGE_KEY", K2)
            .file("/home/ana/.ssh/id_ed25519", SSH_ED25519),
    );
    let ssh = "/home/ana/.ssh/id_ed25519";
    let told = |recipient| outcomes(&keys, &entry(recipient), Reach::Ready);
    assert_eq!(
        told(K1_RECIPIENT),
        [
            ("MVX_AGE_KEY".to_owned(), Outcome::Opened),
            ("SOPS_AGE_KEY".to_owned(), Outcome::NotMine),
            (ssh.to_owned(), Outcome::NotMine),
        ]
    );
    assert_eq!(told(SSH_ED25519_PUBLIC)[2].1, Outcome::Opened);
    // an entry that claims to be for somebody else than it is
    let mut claimed = entry(K2_RECIPIENT);
    K1_RECIPIENT.clone_into(&mut claimed.recipient);
    let told = outcomes(&keys, &claimed, Reach::Ready);
    assert!(matches!(&told[0].1, Outcome::Failed(why) if why.contains("names your key")));
    assert_eq!(told[1].1, Outcome::Opened);
    claimed.enc = "nonsense".to_owned();
    let why = keys.diagnose(&claimed, Reach::Ready).unwrap_err();
    assert_eq!(why, "its wrapped key is not an age file");
}

#[test]
fn nobody_is_asked_and_nothing_is_run_unless_it_may_be() {
    let machine = || {
        FakeMachine::default()
            .variable("MVX_AGE_KEY_FILE", "/protected")
            .variable("MVX_AGE_KEY_CMD", "print")
            .file("/protected", PROTECTED)
            .file("/home/ana/.ssh/id_ed25519", PROTECTED_SSH)
            .script(|_| Ok(K1.into()))
    };
    let prompt = FakePrompt::answering(SESAME);
    let machine = Arc::new(machine());
    let keys = AgeKeys::new(Arc::clone(&machine) as _, Arc::clone(&prompt) as _);
    let mine = entry(K1_RECIPIENT);
    let told = outcomes(&keys, &mine, Reach::Ready);
    assert!(prompt.log().is_empty());
    assert!(machine.log().iter().all(|line| !line.starts_with("run")));
    let [file, command, ssh] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(matches!(&file.1, Outcome::NotTried(why) if why.contains("passphrase")));
    // the SSH key's public side is known, and it is another
    assert_eq!(ssh.1, Outcome::NotMine, "{ssh:?}");
    assert!(matches!(&command.1, Outcome::NotTried(_)), "{command:?}");
    let told = outcomes(&keys, &mine, Reach::Commands);
    assert!(told.contains(&("MVX_AGE_KEY_CMD".to_owned(), Outcome::Opened)));
    assert!(prompt.log().is_empty());
    outcomes(&keys, &mine, Reach::People);
    assert_eq!(prompt.log(), ["the key file MVX_AGE_KEY_FILE (/protected)"]);
}

#[test]
fn a_plugin_that_is_missing_is_named() {
    let comment =
        "# recipient: age1mvxnone1qqpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqg";
    let text = format!("{comment}\n{}\n", plugin_identity());
    let keys = keys(FakeMachine::default().variable("MVX_AGE_KEY", &text));
    let mut other = entry(K1_RECIPIENT);
    assert_eq!(
        outcomes(&keys, &other, Reach::People)[0].1,
        Outcome::NotMine
    );
    "age1mvxnone1qqqqqq".clone_into(&mut other.recipient);
    let told = outcomes(&keys, &other, Reach::Ready);
    assert!(
        matches!(&told[0].1, Outcome::Failed(why) if why.contains("`age-plugin-mvxnone`, which is not installed")),
        "{told:?}"
    );
}

fn plugin_identity() -> String {
    let prefix = bech32::Hrp::parse("AGE-PLUGIN-MVXNONE-").unwrap();
    bech32::encode_upper::<bech32_long::Bech32Long>(prefix, &[1; 8]).unwrap()
}

#[test]
fn places_say_what_was_found_there() {
    let keys = keys(
        FakeMachine::default()
            .variable("MVX_AGE_KEY", "garbage")
            .variable("MVX_AGE_KEY_FILE", "/none")
            .variable("SOPS_AGE_KEY_FILE", K2)
            .variable("SOPS_AGE_KEY_CMD", "print")
            .file("/home/ana/.config/mvx/keys.txt", K1),
    );
    let places = keys.places();
    let about = |source: &str| {
        let mut places = places.iter();
        places
            .find(|place| place.source.starts_with(source))
            .unwrap()
    };
    assert_eq!(about("MVX_AGE_KEY").found, Found::Nothing);
    assert!(about("MVX_AGE_KEY").troubles[0].ends_with("line 1 is not an age identity"));
    assert!(about("MVX_AGE_KEY_FILE").troubles[0].ends_with("there is no such file"));
    assert_eq!(about("SOPS_AGE_KEY_CMD").found, Found::Command);
    let default = about("/home/ana/.config/mvx/keys.txt");
    assert!(matches!(&default.found, Found::Held(held) if held.len() == 1));
    assert_eq!(about("/home/ana/.config/sops").found, Found::Nothing);
    assert!(about("/home/ana/.config/sops").troubles.is_empty());
    // a private key in the wrong variable is shown nowhere
    assert!(!format!("{places:?}").contains("SECRET"));
    assert_eq!(
        keys.unset_variables(),
        [
            "MVX_AGE_KEY_CMD",
            "SOPS_AGE_KEY",
            "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
            "SOPS_AGE_SSH_PRIVATE_KEY_CMD",
        ]
    );
}
