//! Several kinds of keys in one file, and many files of one key: what is asked, in which order, how
//! often.

use std::time::{Duration, Instant};

use super::pgp::Home;
use super::rough::{Act, Rough};
use super::vault::Engine;
use crate::interop::ANA;
use crate::support::Outcome;

const TEXT: &str = "password: invented\n";

fn done(outcome: &Outcome) {
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

/// Two of three groups, each of another kind: an age key, a transit key, a PGP key.
#[test]
fn groups_of_several_kinds() {
    let Some(engine) = Engine::new("mixed") else {
        return;
    };
    let home = Home::new();
    let gpg = home.key("ana", ("ed25519", "cv25519"), "");
    let groups = |threshold: usize| {
        let rules = format!(
            "creation_rules:\n  - shamir_threshold: {threshold}\n    key_groups:\n      - age: [{ANA}]\n      - hc_vault: [\"{}\"]\n      - pgp: [{gpg}]\n",
            engine.url("k")
        );
        engine.pair.sandbox.write(".sops.yaml", rules);
    };
    let gnupg = home.path().to_owned();
    let nowhere = Home::new();
    // Which of the three are held, and whether that is enough.
    let takes = |file: &str, needed: usize| {
        for chosen in 1..8_usize {
            let held = |at: usize| chosen >> at & 1 == 1;
            engine
                .pair
                .identities(if held(0) { &["k1.txt"] } else { &["k2.txt"] });
            let token = if held(1) { "root" } else { "wrong" };
            let gnupg = if held(2) { &gnupg } else { nowhere.path() };
            for run in [
                engine.mvx(["decrypt", "-q", file]),
                engine.sops(["decrypt", file]),
            ] {
                let outcome = run
                    .env("VAULT_TOKEN", token)
                    .env("GNUPGHOME", gnupg)
                    .outcome();
                let enough = chosen.count_ones() as usize >= needed;
                assert_eq!(outcome.stdout() == TEXT, enough, "{chosen:b}: {outcome}");
            }
        }
        engine.pair.identities(&["k1.txt"]);
    };
    groups(2);
    for (file, by_mvx) in [("ours.yaml", true), ("theirs.yaml", false)] {
        engine.pair.sandbox.write(file, TEXT);
        let run = if by_mvx {
            engine.mvx(["encrypt", "-q", "-i", file])
        } else {
            engine.sops(["encrypt", "-i", file])
        };
        done(&run.env("GNUPGHOME", &gnupg).outcome());
        takes(file, 2);
    }
    groups(3);
    let sync = engine.mvx(["recipients", "sync", "--yes", "theirs.yaml"]);
    done(&sync.env("GNUPGHOME", &gnupg).outcome());
    takes("theirs.yaml", 3);
    let rotate = engine.sops(["rotate", "-i", "ours.yaml"]);
    done(&rotate.env("GNUPGHOME", &gnupg).outcome());
    takes("ours.yaml", 2);
}

/// Thirty keys from a server that takes its time: not one after the other, and each once.
#[test]
fn keys_of_many_files_are_asked_for_beside_each_other() {
    const FILES: u32 = 30;
    const PAUSE: Duration = Duration::from_millis(300);
    let Some(engine) = Engine::new("many") else {
        return;
    };
    let late = Rough::start([], Act::Late(PAUSE), &engine.server);
    let url = engine.url("k").replace(&engine.server, &late.address);
    let rule = format!("creation_rules:\n  - hc_vault_transit_uri: {url}\n");
    engine.pair.sandbox.write(".sops.yaml", rule);
    let names: Vec<String> = (0..FILES).map(|at| format!("f{at}.yaml")).collect();
    // sops takes them one by one: the same wrapped key in all would be asked for once
    for name in &names {
        engine.pair.sandbox.write(name, TEXT);
    }
    let run = |words: &[&str]| {
        let words = words
            .iter()
            .copied()
            .chain(names.iter().map(String::as_str));
        let run = engine.pair.mvx(words).env("VAULT_TOKEN", "root");
        run.env("VAULT_ADDR", &late.address)
    };
    done(&run(&["encrypt", "-q", "-i"]).outcome());
    let before = late.requests().len();
    let start = Instant::now();
    let opened = run(&["decrypt", "-q"]).outcome();
    let took = start.elapsed();
    done(&opened);
    assert_eq!(opened.stdout(), TEXT.repeat(FILES as usize));
    assert_eq!(late.requests().len() - before, FILES as usize);
    assert!(took < PAUSE * FILES / 2, "{took:?}");
}

/// Local keys come first; an order that somebody gives wins, the command line's before the
/// variable's.
#[test]
fn the_order_of_kinds_is_followed() {
    let Some(engine) = Engine::new("order") else {
        return;
    };
    let rough = Rough::start([], Act::Pass, &engine.server);
    let url = engine.url("k").replace(&engine.server, &rough.address);
    let rule = format!("creation_rules:\n  - age: {ANA}\n    hc_vault_transit_uri: {url}\n");
    engine.pair.sandbox.write(".sops.yaml", rule);
    engine.pair.sandbox.write("a.yaml", TEXT);
    let run = |words: &[&str]| {
        let run = engine.pair.mvx(words.iter().copied());
        run.env("VAULT_TOKEN", "root")
            .env("VAULT_ADDR", &rough.address)
    };
    done(&run(&["encrypt", "-q", "-i", "a.yaml"]).outcome());
    let asked = |words: &[&str], order: &str| {
        let before = rough.requests().len();
        let outcome = run(words).env("SOPS_DECRYPTION_ORDER", order).outcome();
        done(&outcome);
        rough.requests().len() - before
    };
    let decrypt = ["decrypt", "-q", "a.yaml"];
    assert_eq!(asked(&decrypt, ""), 0);
    assert_eq!(asked(&decrypt, "hc_vault,age"), 1);
    assert_eq!(asked(&decrypt, "age,hc_vault"), 0);
    let own = ["decrypt", "-q", "--decryption-order", "vault", "a.yaml"];
    assert_eq!(asked(&own, "age"), 1);
    let own = ["decrypt", "-q", "--decryption-order", "age", "a.yaml"];
    assert_eq!(asked(&own, "hc_vault"), 0);
    for outcome in [
        run(&["decrypt", "--decryption-order", "invented", "a.yaml"]).outcome(),
        run(&decrypt)
            .env("SOPS_DECRYPTION_ORDER", "invented")
            .outcome(),
    ] {
        assert_eq!(outcome.code(), Some(2), "{outcome}");
        assert!(
            outcome.stderr.contains("age, pgp, kms, gcp_kms"),
            "{outcome}"
        );
        assert!(!outcome.stderr.contains("invented"), "{outcome}");
    }
    // and the doctor reaches nothing without saying so
    let before = rough.requests().len();
    engine.pair.identities(&["k2.txt"]);
    let doctor = run(&["doctor", "a.yaml"]).outcome();
    let host = rough.address.trim_start_matches("http://");
    assert!(
        doctor
            .stdout()
            .contains(&format!("not tried: it takes {host}, with VAULT_TOKEN")),
        "{doctor}"
    );
    assert!(
        doctor.stdout().contains("mvx doctor --online a.yaml"),
        "{doctor}"
    );
    assert_eq!(rough.requests().len(), before);
    let doctor = run(&["doctor", "--online", "a.yaml"]).outcome();
    assert!(
        doctor.stderr.contains(&format!("this asks {host}")),
        "{doctor}"
    );
    assert!(
        doctor.stdout().contains(&format!("opened by {host}")),
        "{doctor}"
    );
    assert_eq!(rough.requests().len(), before + 1);
}

/// Three kinds, and each fails in its own way: each is a line, and says what helps.
#[test]
fn where_nothing_opens_each_says_why() {
    let Some(engine) = Engine::new("nothing") else {
        return;
    };
    let home = Home::new();
    let gpg = home.key("ana", ("ed25519", "cv25519"), "");
    let rule = format!(
        "creation_rules:\n  - age: {ANA}\n    pgp: {gpg}\n    hc_vault_transit_uri: {}\n",
        engine.url("k")
    );
    engine.pair.sandbox.write(".sops.yaml", rule);
    engine.pair.sandbox.write("a.yaml", TEXT);
    let encrypt = engine.mvx(["encrypt", "-q", "-i", "a.yaml"]);
    done(&encrypt.env("GNUPGHOME", home.path()).outcome());
    engine.pair.identities(&["k2.txt"]);
    let nowhere = Home::new();
    let run = engine
        .mvx(["decrypt", "a.yaml"])
        .env("VAULT_TOKEN", "wrong");
    let outcome = run.env("GNUPGHOME", nowhere.path()).outcome();
    assert_eq!(outcome.code(), Some(128), "{outcome}");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert!(
        lines.iter().any(|line| line.contains("/keys/k: ")),
        "{outcome}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("mvx: hint: ")),
        "{outcome}"
    );
}
