//! `mvx rekey --rewrap`, before a real `OpenBao`.

use serde_json::{Value, json};

use super::vault::{Engine, TEXT, done, refused};
use crate::interop::ANA;
use crate::support::without_seal;

#[test]
fn after_a_rotation_entries_are_wrapped_anew_inside_of_the_server() {
    let Some(engine) = Engine::new("rewrap") else {
        return;
    };
    let sandbox = &engine.pair.sandbox;
    let seal = |name: &str| {
        sandbox.write(name, TEXT);
        done(&engine.mvx(["encrypt", "-q", "-i", name]).outcome());
        sandbox.read(name)
    };
    let before = seal("a.yaml");
    seal("b.yaml");
    let rekey = |words: &[&str]| {
        let words = [&["rekey", "--rewrap"], words].concat();
        engine.of_root(engine.pair.mvx(words)).outcome()
    };
    let nothing = rekey(&["a.yaml", "b.yaml"]);
    done(&nothing);
    assert!(nothing.stderr.contains("0 files written"), "{nothing}");
    engine.post("rewrap/keys/k/rotate", &json!({}));
    let newest = seal("c.yaml");
    let names = ["a.yaml", "b.yaml", "c.yaml"];
    let planned = rekey(&["--dry-run", names[0], names[1], names[2]]);
    done(&planned);
    let line = "a.yaml: rewrap/keys/k: v1 to v2\n";
    assert!(planned.stdout().contains(line), "{planned}");
    assert_eq!(sandbox.read("a.yaml"), before);
    let all = rekey(&["--json", names[0], names[1], names[2]]);
    let answer: Value = serde_json::from_str(all.stdout()).unwrap();
    assert_eq!(
        answer,
        json!({ "written": ["a.yaml", "b.yaml"], "unchanged": 1, "left": [] })
    );
    assert_eq!(sandbox.read("c.yaml"), newest);
    // nothing but the entry and the seal is another
    let after = sandbox.read("a.yaml");
    assert!(after.contains("enc: vault:v2:"), "{after}");
    let pairs = before.lines().zip(after.lines());
    let other = pairs
        .filter(|(old, new)| old != new)
        .map(|(old, _)| old.trim());
    let fields = ["enc: ", "created_at: ", "mvx_seal: ", "- created_at: "];
    for line in other {
        assert!(fields.iter().any(|field| line.starts_with(field)), "{line}");
    }
    // the old version is not needed any more, neither by mvx nor by sops
    let config = json!({ "min_decryption_version": 2 });
    engine.post("rewrap/keys/k/config", &config);
    for name in names {
        let opened = engine.mvx(["decrypt", "-q", name]).outcome();
        assert_eq!(opened.quiet_success(), TEXT);
        done(&engine.sops(["decrypt", name]).outcome());
    }
}

#[test]
fn entries_are_wrapped_anew_by_who_may_and_where_a_seal_vouches_for_them() {
    let Some(engine) = Engine::new("rewrap-not") else {
        return;
    };
    engine.seal();
    engine.post("rewrap-not/keys/k/rotate", &json!({}));
    let rekey = || engine.mvx(["rekey", "--rewrap", "a.yaml"]);
    let only_decrypts = engine.token("decrypt");
    let told = refused(&rekey().env("VAULT_TOKEN", &only_decrypts).outcome(), 4);
    assert!(told.contains("update on rewrap-not/rewrap/k"), "{told}");
    let sealed = engine.pair.sandbox.read("a.yaml");
    engine.pair.sandbox.write("a.yaml", without_seal(&sealed));
    let told = refused(&rekey().outcome(), 3);
    assert!(
        told.contains("nothing vouches for its recipients"),
        "{told}"
    );
    engine.pair.sandbox.write("a.yaml", &sealed);
    // who may not decrypt there, but holds another key of the file, may do it, too
    let both = format!(
        "creation_rules:\n  - age: {}\n    hc_vault_transit_uri: {}\n",
        ANA,
        engine.url("k")
    );
    engine.pair.sandbox.write(".sops.yaml", both);
    engine.seal();
    engine.post("rewrap-not/keys/k/rotate", &json!({}));
    let only_rewraps = engine.token("rewrap");
    done(&rekey().env("VAULT_TOKEN", &only_rewraps).outcome());
    assert!(
        engine
            .pair
            .sandbox
            .read("a.yaml")
            .contains("enc: vault:v3:")
    );
    engine.opens();
}
