//! What SOPS's encryption and MAC do not cover, gap by gap: a file without a seal opens with it, as
//! it does in sops, and a sealed one does not.

use crate::fuzzed::targets::gaps::Gap;
use crate::fuzzed::targets::seal::{Base, Outcome, bases};
use crate::repo::{CAROL, Repo};
use crate::support::without_seal;

fn base(name: &str) -> &'static Base {
    bases().iter().find(|base| base.name() == name).unwrap()
}

/// Changes a file of each kind that is named, without its seal and with it.
fn opens_without_a_seal_only(gap: Option<Gap>, changes: &[(&str, &str, &str)]) {
    for (name, from, to) in changes {
        let base = base(name);
        let sealed = String::from_utf8(base.text.clone()).unwrap();
        assert!(sealed.contains(from), "{from} in {sealed}");
        let sealed = sealed.replacen(from, to, 1);
        let what = format!("{name}: {from} → {to}");
        assert_eq!(base.judge(sealed.as_bytes()), Outcome::Refused, "{what}");
        let outcome = base.judge(without_seal(&sealed).as_bytes());
        let wanted = match gap {
            Some(gap) => Outcome::UnsealedAndChanged([gap].into()),
            None => Outcome::Unsealed,
        };
        assert_eq!(outcome, wanted, "{what}");
    }
}

/// The line of a file that begins like that.
fn line(name: &str, start: &str) -> String {
    let text = std::str::from_utf8(&base(name).text).unwrap();
    let mut lines = text.lines();
    lines.find(|line| line.starts_with(start)).unwrap().into()
}

#[test]
fn a_clear_key_is_renamed() {
    opens_without_a_seal_only(
        Some(Gap::ClearName),
        &[
            ("yaml", "next: llo", "evil: llo"),
            ("yaml", "next: llo", "m: {n: llo}"),
            ("json", "\"clear\"", "\"evil\""),
            ("dotenv", "clear=", "evil="),
        ],
    );
}

#[test]
fn clear_values_are_split_elsewhere() {
    opens_without_a_seal_only(
        Some(Gap::ClearSplit),
        &[
            ("yaml", "clear: he\nnext: llo", "clear: hel\nnext: lo"),
            ("yaml", "clear: he\nnext: llo", "clear: hello"),
            ("yaml", "next: llo", "next: l\nmore: lo"),
        ],
    );
}

#[test]
fn nulls_and_empty_values_come_and_go() {
    opens_without_a_seal_only(
        Some(Gap::Nothing),
        &[
            ("yaml", "empty: \"\"\n", ""),
            ("yaml", "empty: \"\"\n", "empty: null\n"),
            ("yaml", "    none: null\n", ""),
            ("yaml", "clear: he\n", "clear: he\nevil: null\n"),
            ("yaml", "clear: he\n", "clear: he\nevil: {a: [{}]}\n"),
            (
                "json",
                "\"map\": {",
                "\"map\": {\"no\": null, \"empty\": \"\", \"nested\": [[]], ",
            ),
            ("dotenv", "clear=1\n", "clear=1\nevil=\n"),
            ("ini", "[map]\n", "[map]\nevil =\n"),
        ],
    );
}

#[test]
fn comments_come_go_and_say_something_else() {
    let hidden = line("yaml", "    #ENC[");
    opens_without_a_seal_only(
        Some(Gap::Comment),
        &[
            ("yaml", "# head\n", ""),
            ("yaml", "# head\n", "# tail\n"),
            ("yaml", "clear: he\n", "# new\nclear: he\n"),
            ("yaml", &format!("{hidden}\n"), ""),
            ("yaml", &hidden, "    # in clear"),
            ("dotenv", "clear=1\n", "# new\nclear=1\n"),
            ("ini", "[map]\n", "; new\n[map]\n"),
        ],
    );
}

#[test]
fn a_type_is_another_where_the_bytes_are_the_same() {
    let secret = line("yaml", "secret: ");
    let number = secret.replace("type:str", "type:int");
    opens_without_a_seal_only(
        Some(Gap::Type),
        &[
            ("yaml", &secret, &number),
            ("json", "type:bool", "type:str"),
            ("json", "type:int", "type:str"),
            ("dotenv", "type:str", "type:int"),
        ],
    );
}

#[test]
fn a_value_goes_where_the_names_are_the_same() {
    let (_, rest) = std::str::from_utf8(&base("json").text)
        .unwrap()
        .split_once("\"secret\": [")
        .unwrap();
    let first = format!("{}]\"", rest.split_once("]\"").unwrap().0);
    opens_without_a_seal_only(
        Some(Gap::Nesting),
        &[("json", &first, &format!("[{first}]"))],
    );
}

/// Recipients, version, and a selector that selects the same.
#[test]
fn metadata_is_another() {
    opens_without_a_seal_only(
        None,
        &[
            ("yaml", "recipient: age1example", "recipient: age1evil"),
            (
                "yaml",
                "    version:",
                "    evil: []\n    later: x\n    version:",
            ),
            ("yaml", "^(s|list|map)", "^(s|list|map|q)"),
            ("dotenv", "sops_version=3.13.3", "sops_version=3.11.0"),
        ],
    );
}

/// The same through the program: a file that never had a seal opens as it does in sops, and the
/// next change seals it; a sealed one does not open.
#[test]
fn the_program_takes_them_where_there_is_no_seal() {
    const FILE: &str = "secrets/k8s/app.enc.yaml";
    let repo = Repo::new();
    let text = "# about\nkind: Secret\nmore: x\ndata:\n  a: \"12\"\n";
    let good = repo.seal("secrets/k8s/app.yaml", text);
    let planted = format!("    age:\n        - enc: x\n          recipient: {CAROL}\n");
    for (what, from, to) in [
        ("a clear key", "kind: ", "sort: "),
        ("clear values", "Secret\nmore: x", "Secretx\nmore: \"\""),
        ("an empty value", "kind: ", "evil: \"\"\nkind: "),
        ("a null", "kind: ", "evil: null\nkind: "),
        ("a comment", "# about", "# another"),
        ("no comment", "# about\n", ""),
        ("a type", "type:str]\"\nsops", "type:int]\"\nsops"),
        ("a recipient", "    age:\n", &planted),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{what}");
        repo.write(FILE, &bad);
        let outcome = repo.mvx(["decrypt", FILE]).outcome();
        assert_eq!(outcome.code(), Some(51), "{what}: {outcome}");

        repo.write(FILE, without_seal(&bad));
        let _opens = repo.plaintext(FILE);
        let set = repo.mvx(["set", FILE, "data.a", "--value", "13"]).outcome();
        assert_eq!(set.code(), Some(0), "{what}: {set}");
        assert!(repo.read(FILE).contains("mvx_seal: "), "{what}");
    }
}
