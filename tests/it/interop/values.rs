//! Every type of value in every file type under every selector: sealed by one program, the other
//! opens it to the same.

use mvx::stores::Format;

use super::{Pair, types, values};

/// A creation rule's lines for each selector, and whether it looks at comments.
const SELECTORS: [(&str, &str); 8] = [
    ("default", ""),
    ("unencrypted_suffix", "unencrypted_suffix: _clear"),
    ("encrypted_suffix", "encrypted_suffix: _secret"),
    ("unencrypted_regex", "unencrypted_regex: '^(num|PLAIN)'"),
    ("encrypted_regex", "encrypted_regex: '(?i)secret|^nest$'"),
    (
        "unencrypted_comment_regex",
        "unencrypted_comment_regex: '\\bpublic\\b'",
    ),
    (
        "encrypted_comment_regex",
        "encrypted_comment_regex: '\\bsealed\\b'",
    ),
    (
        "mac_only_encrypted",
        "encrypted_regex: '(?i)secret|^nest$'\nmac_only_encrypted: true",
    ),
];

const YAML: &str = r##"# a comment at the top
str_secret: plain text
quoted: "a: b # c \u00e9\ttab"
single: 'it''s'
empty_secret: ""
emptier:
nothing: ~
lines_secret: |
  first
    second

  third
folded: >-
  folded
  text
unicode: "schlüssel ✓ 𝄞"
looks_like_number: "42"
looks_like_bool: "true"
looks_like_null: "null"
number_secret: 42 # sealed: beside a value
num_negative: -7
num_hex: 0x1F
num_octal: 0o17
num_big: 9223372036854775807
num_small: -9223372036854775808
float: 1.50
float_secret: -0.000001
float_large: 1e+30
yes_secret: true
no: False
date: 2024-01-02
instant_secret: 2001-12-14t21:59:43.10-05:00
some_unencrypted: stays in clear by default
some_clear: stays in clear with a suffix
# public knowledge
known: to all
# this one is sealed
hidden: from most
nest:
  inner: 1
  # public too
  deep:
    deeper: [a, 2, 3.5, true, null, "", {x: y}]
  list_secret:
    - one
    # sealed item
    - two
    - k: v
      l: 5
    - - nested
      - list
    -
    - last # public item
empty_map: {}
empty_list: []
"key with spaces": v
"a:b": colon
"é": accent
"#": sign
"##;
const JSON: &str = r#"{
	"str_secret": "plain text",
	"escapes": "a\"b\\c\/d\n\t\u00e9\ud834\udd1e<>&\u2028",
	"empty_secret": "",
	"nothing": null,
	"number_secret": 42.5,
	"num_int": 7,
	"num_negative": -7,
	"float": 0.000001,
	"large": 1e21,
	"yes_secret": true,
	"no": false,
	"some_unencrypted": "clear",
	"some_clear": 3,
	"nest": {"inner": [1.5, "two", [null, true, {"k": "v"}], {}, []], "deep_secret": {"x": "y"}},
	"empty_map": {}, "empty_list": [],
	"a:b": "colon", "": "no name", "a.b": "dot"
}
"#;
const DOTENV: &str = "# a comment\nSTR_secret=plain text\nQUOTED=\"kept as it is\"\nEMPTY_secret=\n\
NUMBER_secret=42\nEQUALS=a=b=c\nLINES=first\\nsecond\nSPACES =  x  \nexport EXPORTED=1\n\
PLAIN=text\nSOME_unencrypted=clear\nSOME_clear=clear\n# public\nKNOWN=to all\n# sealed\nHIDDEN=x\n\
nest=value\nUNICODE=schlüssel ✓\n";
const INI: &str = "; a comment\nstr_secret = plain text\n\n[section]\nempty_secret =\nnumber_secret = 42\n\
PLAIN = text\nsome_unencrypted = clear\nsome_clear = clear\n; public\nknown = to all\n; sealed\n\
hidden = x\nunicode = schlüssel ✓\n\n[nest]\ninner = 1\nquoted = \"a b\"\n";

#[test]
fn yaml() {
    both_ways(Format::Yaml, "yaml", YAML);
}

#[test]
fn json() {
    both_ways(Format::Json, "json", JSON);
}

#[test]
fn dotenv() {
    both_ways(Format::Dotenv, "env", DOTENV);
}

#[test]
fn ini() {
    both_ways(Format::Ini, "ini", INI);
}

#[test]
fn binary() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let every_byte: Vec<u8> = (0..=255).cycle().take(4096).collect();
    for (number, bytes) in [&every_byte[..], b"text\n", b"\n", b"\xff\xfe\0"]
        .into_iter()
        .enumerate()
    {
        let name = format!("{number}.bin");
        pair.seal(&name, bytes);
        assert_eq!(pair.open_with_sops(&name), bytes, "{name}");
        pair.seal_with_sops(&name, bytes);
        assert_eq!(pair.open(&name), bytes, "{name}");
    }
}

/// What JSON has no word for.
#[test]
fn floats_that_are_no_numbers() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    let text = "a: .inf\nb: -.inf\nc: .nan\nd: -0.0\n";
    pair.seal("f.yaml", text);
    pair.sandbox.write("own.yaml", text);
    pair.seal_with_sops("own.yaml", text);
    assert_eq!(
        pair.open_with_sops("f.yaml"),
        pair.open_with_sops("own.yaml")
    );
    assert_eq!(
        values(Format::Yaml, &pair.open("own.yaml")),
        values(Format::Yaml, text.as_bytes())
    );
}

/// One file type's text may be sealed as another's.
#[test]
fn sops_converts_what_mvx_sealed() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("a.yaml", "a: 1\nb: two\nc: [x, 2.5, true]\n");
    let json = pair.json_with_sops("a.yaml");
    pair.seal("b.json", &json);
    let outcome = pair
        .sops(["decrypt", "--output-type", "yaml", "b.json"])
        .outcome();
    let text = super::succeeded(outcome).stdout;
    assert_eq!(
        values(Format::Yaml, &text),
        values(Format::Yaml, b"a: 1\nb: two\nc: [x, 2.5, true]\n")
    );
}

fn both_ways(format: Format, ending: &str, text: &str) {
    let Some(pair) = Pair::new() else { return };
    let plain = values(format, text.as_bytes());
    for (selector, rule) in SELECTORS {
        pair.rule(rule);
        let ours = format!("{selector}.ours.{ending}");
        let theirs = format!("{selector}.theirs.{ending}");

        pair.seal_with_sops(&theirs, text);
        let opened = pair.open(&theirs);
        assert_eq!(plain, values(format, &opened), "{theirs}");

        if format == Format::Json && selector == "encrypted_comment_regex" {
            // JSON has no comments: nothing would be encrypted, which sops lets pass.
            pair.sandbox.write(&ours, text);
            let outcome = pair.mvx(["encrypt", "-i", &ours]).outcome();
            assert_eq!(outcome.code(), Some(3), "{outcome}");
            continue;
        }
        pair.seal(&ours, text);
        assert_eq!(String::from_utf8_lossy(&pair.open(&ours)), text, "{ours}");
        if format == Format::Yaml || format == Format::Json {
            assert_eq!(
                pair.json_with_sops(&ours),
                pair.json_with_sops(&theirs),
                "{ours}"
            );
        } else {
            assert_eq!(
                values(format, &pair.open_with_sops(&ours)),
                values(format, &pair.open_with_sops(&theirs)),
                "{ours}"
            );
        }
        let selected = |name: &str| -> Vec<(String, bool)> {
            types(format, pair.sandbox.read(name).as_bytes())
                .into_iter()
                .map(|(path, kind)| (path, kind.is_some()))
                .collect()
        };
        assert_eq!(selected(&ours), selected(&theirs), "{ours}");
        if format == Format::Yaml {
            let of = |name: &str| types(format, pair.sandbox.read(name).as_bytes());
            assert_eq!(of(&ours), of(&theirs), "{ours}");
        }
    }
}
