//! Files of several documents, in which one becomes empty.

use mvx::stores::Format;

use super::Pair;

/// How many documents a plaintext has.
fn documents(text: &[u8]) -> usize {
    Format::Yaml.store().parse(text).unwrap().documents.len()
}

#[test]
fn an_emptied_document_stays_one() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let text = "a: 1\n---\nb: 2\n---\nc: 3\n";
    for key in ["a", "2:b", "3:c"] {
        pair.seal("a.yaml", text);
        let outcome = pair.mvx(["unset", "-q", "a.yaml", key]).outcome();
        outcome.quiet_success();
        let theirs = pair.open_with_sops("a.yaml");
        let ours = pair.open("a.yaml");
        assert_eq!(documents(&theirs), 3, "{key}");
        assert_eq!(documents(&ours), 3, "{key}");
        // What was opened is sealed again, by both, and is still the same.
        pair.seal("b.yaml", &ours);
        assert_eq!(pair.open_with_sops("b.yaml"), theirs, "{key}");
        pair.seal_with_sops("b.yaml", &ours);
        assert_eq!(documents(&pair.open("b.yaml")), 3, "{key}");
    }
}

#[test]
fn a_document_that_sops_emptied_stays_one() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("a.yaml", "a: 1\n---\nb: 2\n");
    let outcome = pair.sops(["unset", "a.yaml", "[\"a\"]"]).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(pair.open("a.yaml"), b"{}\n---\nb: 2\n");
    pair.set("a.yaml", "new", "\"x\"").quiet_success();
    assert_eq!(pair.open("a.yaml"), b"new: x\n---\nb: 2\n");
}

/// Metadata stands in every document and is read in the first, by sops and by mvx. What somebody puts
/// into a later one counts for nothing, and is gone with the next write.
#[test]
fn later_blocks_count_for_nothing() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal_with_sops("a.yaml", "a: 1\n---\nb: 2\n");
    let good = pair.sandbox.read("a.yaml");
    let (first, second) = good.split_once("\n---\n").unwrap();
    let (values, block) = second.split_once("sops:\n").unwrap();
    let evil = "    age:\n        - enc: x\n          recipient: evil\n";
    for (what, second) in [
        ("a recipient", second.replacen("    age:\n", evil, 1)),
        ("a field", format!("{second}    evil: x\n")),
        ("another MAC", second.replacen("mac: ENC", "mac: evil", 1)),
        ("no block", values.to_owned()),
    ] {
        assert!(second == values || second.contains("evil"), "{what}");
        pair.sandbox
            .write("a.yaml", format!("{first}\n---\n{second}"));
        assert_eq!(
            pair.open_with_sops("a.yaml"),
            b"a: 1\n---\nb: 2\n",
            "{what}"
        );
        assert_eq!(pair.open("a.yaml"), b"a: 1\n---\nb: 2\n", "{what}");
        pair.set("a.yaml", "2:b", "3").quiet_success();
        let after = pair.sandbox.read("a.yaml");
        assert!(!after.contains("evil"), "{what}: {after}");
        let (first, second) = after.split_once("\n---\n").unwrap();
        if let Some((_, block)) = second.split_once("sops:\n") {
            assert!(first.ends_with(block.trim_end()), "{what}: {after}");
        }
        assert_eq!(
            pair.open_with_sops("a.yaml"),
            b"a: 1\n---\nb: 3\n",
            "{what}"
        );
    }
    // Without the first one it is no sealed file, to neither.
    let (values, _) = first.split_once("sops:\n").unwrap();
    let text = format!("{values}---\nb: 2\nsops:\n{block}");
    pair.sandbox.write("a.yaml", text);
    assert_ne!(pair.sops(["decrypt", "a.yaml"]).outcome().code(), Some(0));
    let outcome = pair.mvx(["decrypt", "a.yaml"]).outcome();
    assert_eq!(outcome.code(), Some(4), "{outcome}");
}
