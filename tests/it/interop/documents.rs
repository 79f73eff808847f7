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
