//! Comments: which container one belongs to is a matter of layout, and SOPS's additional data for
//! it is that container's path. Whatever mvx seals must open in sops, where a comment that does
//! not open is shown as `ENC[…]`.

use std::collections::BTreeMap;

use super::{Pair, succeeded};
use crate::support::Outcome;

mod layouts;

use layouts::{LAYOUTS, layout};

/// Comments by their words, with how often they were shown.
fn shown(text: &str) -> BTreeMap<&str, usize> {
    let mut shown = BTreeMap::new();
    for line in text.lines() {
        if let Some(at) = line.find("# ") {
            *shown.entry(line[at..].trim_end()).or_default() += 1;
        }
    }
    shown
}

/// Fails if `outcome` shows a comment that did not open.
fn all_open(what: &str, outcome: Outcome) -> String {
    let outcome = succeeded(outcome);
    assert!(
        !outcome.stdout().contains("ENC["),
        "{what}: sops could not open a comment\n{}",
        outcome.stdout()
    );
    outcome.stdout().to_owned()
}

/// mvx and sops both seal and open a layout, each also what the other one sealed. Hands out the
/// comments that sops loses from mvx's file and not from its own: where a list's first item is a
/// map and both have comments above them, it prints only one of the two.
fn agrees(pair: &Pair, name: &str, text: &str) -> Vec<String> {
    pair.seal("ours.yaml", text);
    pair.seal_with_sops("theirs.yaml", text);
    let of_ours = all_open(name, pair.sops(["decrypt", "ours.yaml"]).outcome());
    // sops loses comments in some places, and cannot open some that it has moved to others.
    let of_theirs = succeeded(pair.sops(["decrypt", "theirs.yaml"]).outcome());
    let of_theirs = of_theirs.stdout();
    let (ours, theirs) = (shown(&of_ours), shown(of_theirs));
    for (comment, times) in &ours {
        assert_eq!(*times, 1, "{name}: {comment} is there twice\n{of_ours}");
    }
    assert_eq!(
        String::from_utf8_lossy(&pair.open("ours.yaml")),
        text,
        "{name}"
    );
    let opened = pair.mvx(["decrypt", "theirs.yaml"]).outcome();
    assert_eq!(opened.stderr, "", "{name}: {opened}");
    let opened = all_open(name, opened);
    for comment in theirs.keys() {
        assert!(
            shown(&opened).contains_key(comment),
            "{name}: mvx loses {comment} from sops's file\n{text}\n{opened}"
        );
    }
    theirs
        .into_keys()
        .filter(|comment| !ours.contains_key(comment))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_layout_opens_in_sops() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    for (name, text) in LAYOUTS {
        let lost = agrees(&pair, name, text);
        assert!(lost.is_empty(), "{name}: {lost:?}");
    }
}

/// go-yaml sees a blank line behind every comment that ends in a carriage return.
#[test]
fn layouts_with_carriage_returns_open_in_sops() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    for (name, text) in LAYOUTS.iter().step_by(3) {
        let lost = agrees(&pair, name, &text.replace('\n', "\r\n"));
        assert!(lost.is_empty(), "{name}: {lost:?}");
    }
}

#[test]
fn layouts_at_random_open_in_sops() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    for seed in 0..30 {
        let text = layout(seed);
        agrees(&pair, &format!("layout {seed}"), &text);
    }
}

/// Entries come, go and move; the comments around them stay readable.
#[test]
fn comments_open_after_changes() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    for seed in 100..120 {
        let text = layout(seed);
        pair.seal("a.yaml", &text);
        let keys: Vec<String> = super::types(
            mvx::stores::Format::Yaml,
            pair.sandbox.read("a.yaml").as_bytes(),
        )
        .into_iter()
        .map(|(path, _)| path)
        .collect();
        if keys.is_empty() {
            continue;
        }
        let pick = |number: usize| {
            keys[(usize::try_from(seed).unwrap() * 7 + number) % keys.len()].clone()
        };
        for arguments in [
            vec!["unset".into(), "a.yaml".into(), pick(0)],
            vec!["mv".into(), "a.yaml".into(), pick(1), "moved.here".into()],
            vec![
                "set".into(),
                "a.yaml".into(),
                "added".into(),
                "--value=v".into(),
            ],
            vec!["unset".into(), "a.yaml".into(), pick(2)],
        ] {
            // What was taken out before may be asked for again: the answer is no.
            let outcome = pair.mvx(&arguments).outcome();
            assert!(matches!(outcome.code(), Some(0 | 1 | 4)), "{outcome}");
            let what = format!("layout {seed} after {arguments:?}");
            all_open(&what, pair.sops(["decrypt", "a.yaml"]).outcome());
            all_open(&what, pair.mvx(["decrypt", "a.yaml"]).outcome());
        }
    }
}

/// Comment selectors look at what stands above a value, and beside it.
#[test]
fn comments_select_as_in_sops() {
    let Some(pair) = Pair::new() else { return };
    let text = "# x: first\na: 1\nb: 2 # x\nc: 3\n# x\n\nd: 4\nl:\n  - p\n  # x\n  - q\n  - r # x\n  - s\n\
                # x: all below\nm:\n  n: 5\n  o: [6, 7]\n# y\ne: 8\nf:\n  g: 9\n  # x\n  h: 10\ni: 11\n";
    for rule in [
        "encrypted_comment_regex: '\\bx\\b'",
        "unencrypted_comment_regex: '\\bx\\b'",
    ] {
        pair.rule(rule);
        pair.seal("ours.yaml", text);
        pair.seal_with_sops("theirs.yaml", text);
        let selected = |name: &str| -> Vec<(String, bool)> {
            super::types(
                mvx::stores::Format::Yaml,
                pair.sandbox.read(name).as_bytes(),
            )
            .into_iter()
            .map(|(path, kind)| (path, kind.is_some()))
            .collect()
        };
        assert_eq!(selected("ours.yaml"), selected("theirs.yaml"), "{rule}");
        all_open(rule, pair.sops(["decrypt", "ours.yaml"]).outcome());
    }
}

/// Whatever the layout, sops chooses the same values when it opens the file; a comment that it
/// would not see is refused.
#[test]
fn comments_select_alike_at_random() {
    let Some(pair) = Pair::new() else { return };
    let mut sealed = 0;
    for seed in 200..230 {
        let field = ["encrypted_comment_regex", "unencrypted_comment_regex"][seed % 2];
        pair.rule(&format!("{field}: '[27]$'"));
        pair.sandbox.write("a.yaml", layout(seed as u64));
        let outcome = pair.mvx(["encrypt", "-q", "-i", "a.yaml"]).outcome();
        if outcome.code() == Some(3) {
            continue;
        }
        outcome.quiet_success();
        all_open(field, pair.sops(["decrypt", "a.yaml"]).outcome());
        sealed += 1;
    }
    assert!(sealed > 10, "only {sealed} could be sealed");
}

#[test]
fn a_comment_that_sops_does_not_see_must_not_select() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("encrypted_comment_regex: seal");
    pair.sandbox
        .write("a.yaml", "# seal\na: 1\nl: [ # seal\n  x\n]\n");
    let outcome = pair.mvx(["encrypt", "-i", "a.yaml"]).outcome();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert!(outcome.stderr.contains("line 3"), "{outcome}");
    // The other way round, more is encrypted than was asked for.
    pair.rule("unencrypted_comment_regex: public");
    pair.seal("b.yaml", "a: 1\nl: [ # public\n  x\n]\n");
    assert!(!pair.sandbox.read("b.yaml").contains(" x\n"));
    all_open("b.yaml", pair.sops(["decrypt", "b.yaml"]).outcome());
}

/// An entry goes, and the comment that selected it now stands above the next one.
#[test]
fn a_comment_left_behind_selects_what_follows() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("encrypted_comment_regex: seal");
    pair.seal("a.yaml", "# seal\na: 1\nb: 2\n# seal\nc: 3\n");
    pair.mvx(["unset", "-q", "a.yaml", "a"])
        .outcome()
        .quiet_success();
    assert!(pair.sandbox.read("a.yaml").contains("\nb: ENC["));
    all_open("b", pair.sops(["decrypt", "a.yaml"]).outcome());

    pair.rule("unencrypted_comment_regex: public");
    pair.seal("b.yaml", "# public\na: 1\nb: 2\n");
    let before = pair.sandbox.read("b.yaml");
    let outcome = pair.mvx(["unset", "b.yaml", "a"]).outcome();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert_eq!(pair.sandbox.read("b.yaml"), before);
}

/// INI's comments: several above a section, beside its name, above a value or beside it. Both open
/// what the other sealed, and no word is lost or shown twice.
#[test]
fn comments_of_ini_open_in_both() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let texts = [
        "; one\n; two\n[s]\nk = v\n",
        "; one\n; two\n[s] ; beside\nk = v\n",
        "; one\r\n# two\r\n  [s] # beside\r\nk = v\r\n",
        "[s] ; beside\n; one\n# two\nk = v\n",
        "; one\n# two\n[s] # beside\nk = v ; next\nl = w\n",
        "; one\n\n; two\nroot = x\n\n; three\n[s]\nk = v ; beside\n",
        "[s]\nk = v\n\n; one\n; two\n[t] ; beside\n; three\nl = w\n",
    ];
    let words = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        let mut words: Vec<String> = text
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(|word| !word.is_empty() && *word != "DEFAULT")
            .map(str::to_owned)
            .collect();
        words.sort();
        words
    };
    for text in texts {
        let wanted = words(text.as_bytes());
        pair.seal("ours.ini", text);
        // Beside a section's name there is room for one comment: where others stand above it, the
        // one beside it joins them.
        assert_eq!(words(&pair.open("ours.ini")), wanted, "{text:?}");
        let theirs = pair.open_with_sops("ours.ini");
        assert_eq!(words(&theirs), wanted, "{text:?}: sops opens mvx's");

        pair.seal_with_sops("theirs.ini", text);
        let by_sops = words(&pair.open_with_sops("theirs.ini"));
        let by_us = words(&pair.open("theirs.ini"));
        assert_eq!(by_us, by_sops, "{text:?}: mvx opens sops's");
        pair.set("theirs.ini", "s.k", "\"z\"").quiet_success();
        pair.set("ours.ini", "s.k", "\"z\"").quiet_success();
        let changed: Vec<String> = words(text.replacen("k = v", "k = z", 1).as_bytes());
        assert_eq!(words(&pair.open_with_sops("ours.ini")), changed, "{text:?}");
    }
}

/// The one that sops does not see: it joins what stands above a value and beside it, and of two
/// envelopes it opens the first. mvx keeps both, each in its place.
#[test]
fn a_comment_of_ini_beside_a_value_with_one_above() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let text = "[s]\n; one\nk = v ; beside\n";
    pair.seal("a.ini", text);
    assert_eq!(pair.open("a.ini"), text.as_bytes());
    assert_eq!(pair.open_with_sops("a.ini"), b"[s]\n; one\nk = v\n");
}
