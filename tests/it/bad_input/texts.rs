//! Plaintexts that no file type takes.

use crate::repo::Repo;

use super::{laughs, refused};

/// Deeper than any parser's stack.
const DEEP: usize = 10_000;

fn deep_block() -> String {
    let mut text = String::new();
    for depth in 0..DEEP {
        text.push_str(&" ".repeat(depth.min(2_000)));
        text.push_str("a:\n");
    }
    text
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
fn they_are_refused_with_their_line_and_stay_as_they_are() {
    let repo = Repo::new();
    let texts: Vec<(&str, Vec<u8>, i32)> = vec![
        ("deep-block.yaml", deep_block().into(), 4),
        (
            "deep-flow.yaml",
            ("a: ".to_owned() + &"[".repeat(DEEP)).into(),
            4,
        ),
        (
            "deep-closed.yaml",
            format!("a: {}{}", "[".repeat(DEEP), "]".repeat(DEEP)).into(),
            4,
        ),
        (
            "deep-dashes.yaml",
            ("a:\n ".to_owned() + &"- ".repeat(DEEP)).into(),
            4,
        ),
        (
            "deep-maps.yaml",
            ("a: ".to_owned() + &"{a: ".repeat(DEEP)).into(),
            4,
        ),
        ("deep-keys.yaml", "? ".repeat(DEEP).into(), 4),
        ("deep.json", "{\"a\":".repeat(DEEP).into(), 4),
        (
            "deep-list.json",
            format!("{{\"a\": {}{}}}", "[".repeat(DEEP), "]".repeat(DEEP)).into(),
            4,
        ),
        ("laughs.yaml", laughs("").into(), 4),
        ("self.yaml", "a: &a [*a]\n".into(), 4),
        ("unknown-alias.yaml", "a: *b\n".into(), 4),
        ("latin1.yaml", b"a: \xe9\n".to_vec(), 4),
        ("latin1.json", b"{\"a\": \"\xe9\"}".to_vec(), 4),
        ("latin1.ini", b"a = \xe9\n".to_vec(), 4),
        ("latin1-key.env", b"\xe9=1\n".to_vec(), 4),
        ("nul.yaml", b"a: x\0y\n".to_vec(), 4),
        ("nul.json", b"{\"a\": \"x\0y\"}".to_vec(), 4),
        ("utf16.yaml", utf16("a: b\n"), 4),
        ("utf16.json", utf16("{\"a\": 1}"), 4),
        ("utf16.ini", utf16("a = 1\n"), 4),
        ("utf16.env", utf16("A=1\n"), 4),
        ("half-surrogate.json", "{\"a\": \"\\ud800\"}".into(), 4),
        ("tab.yaml", "a:\n\tb: 1\n".into(), 4),
        ("twice.yaml", "a: 1\na: 2\n".into(), 4),
        ("twice-below.yaml", "- x\n".into(), 4),
        ("section-twice-key.ini", "[s]\na = 1\na = 2\n".into(), 4),
        ("empty.yaml", Vec::new(), 4),
        ("empty.json", Vec::new(), 4),
        ("blank.json", " \n".into(), 4),
        ("comments.yaml", "# a\n# b\n".into(), 4),
        ("root-list.yaml", "- a\n".into(), 4),
        ("root-scalar.yaml", "a\n".into(), 4),
        ("root-list.json", "[1]".into(), 4),
        ("root-scalar.json", "1".into(), 4),
        ("sops.yaml", "sops: mine\na: b\n".into(), 203),
        ("sops-second.yaml", "a: b\n---\nsops: mine\n".into(), 203),
        ("sops.json", "{\"a\": 1, \"sops\": 1}".into(), 203),
        ("sops.env", "A=1\nsops_mine=1\n".into(), 203),
        ("sops.ini", "[sops]\na = 1\n".into(), 203),
        ("carriage-return.yaml", "a: 1\rb: 2\n".into(), 4),
        ("separator.yaml", "a: 1\u{2028}b: 2\n".into(), 4),
        (
            "long-number.json",
            format!("{{\"a\": 1e{}}}", "9".repeat(400)).into(),
            4,
        ),
    ];
    let mut wrong = Vec::new();
    for (name, text, exit) in texts {
        let path = format!("secrets/dev/{name}");
        repo.write(&path, &text);
        let arguments = ["encrypt", "--rm", &path];
        let outcome = repo.mvx(arguments).outcome();
        if outcome.code() != Some(exit) {
            wrong.push(format!("{name}: {:?} {}", outcome.code(), outcome.stderr));
            continue;
        }
        let said = refused(&repo, arguments, name, &[exit]);
        assert!(said.contains(name), "{name}: {said}");
        assert!(repo.has(&path), "{name} is gone");
        let sealed = mvx::app::files::sealed_name(std::path::Path::new(&path));
        assert!(!repo.sandbox.path(sealed).exists(), "{name} was sealed");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What looks odd and is none the less right comes back to the byte.
#[test]
fn odd_texts_come_back() {
    let repo = Repo::new();
    for (name, text) in [
        ("sops-below.yaml", "a:\n  sops: mine\n"),
        ("bom.yaml", "\u{feff}a: b\n"),
        ("crlf.yaml", "a: b\r\n# c\r\nd:\r\n  - e\r\n"),
        ("crlf.json", "{\r\n  \"a\": 1\r\n}\r\n"),
        ("crlf.env", "A=1\r\nB=2\r\n"),
        ("crlf.ini", "[s]\r\na = 1\r\n"),
        ("tab.yaml", "a: b\t# c\n"),
        ("twice.json", "{\"a\": 1, \"a\": 2}\n"),
        ("twice.env", "A=1\nA=2\n"),
        ("no-newline.yaml", "a: b"),
        ("braces.yaml", "{}\n"),
        ("empty.env", ""),
        ("empty.ini", ""),
        ("comments.env", "# a\n"),
        ("comments.ini", "; a\n"),
        ("control.json", "{\"a\": \"\\u0000\\u001b\"}\n"),
        ("control.bin", "\0\u{1b}\n"),
    ] {
        let path = format!("secrets/dev/{name}");
        repo.seal(&path, text);
        let sealed = mvx::app::files::sealed_name(std::path::Path::new(&path));
        let sealed = sealed.to_str().unwrap();
        assert_eq!(repo.plaintext(sealed), text, "{name}");
    }
}
