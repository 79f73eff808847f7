use proptest::prelude::*;

use super::read::BACKTICKS;
use super::*;
use crate::error::Explain as _;
use crate::stores::contract::{
    apply, attach_then_cut, attached, insert, leaves, refresh, remove, rename, seal_then_open, set,
    string,
};

const SAMPLE: &str = include_str!("../../../fixtures/sops/i.ini");

fn code(text: &str) -> &'static str {
    Ini.parse(text.as_bytes())
        .map_or_else(|error| error.code(), |_| "parsed")
}

/// Paths with values; comments as `#` and the container they stand in.
fn read(text: &str) -> Vec<(String, String)> {
    leaves(&Ini, text.as_bytes())
        .into_iter()
        .map(|(path, kind, bytes)| match kind {
            Kind::Comment => (format!("#{path}"), bytes),
            _ => (path, bytes),
        })
        .collect()
}

fn values(text: &str) -> Vec<String> {
    read(text)
        .into_iter()
        .filter(|(path, _)| !path.starts_with('#'))
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn sections_and_comments_stand_where_sops_has_them() {
    let found = read(SAMPLE);
    let found: Vec<_> = found
        .iter()
        .map(|(p, v)| (p.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("DEFAULT.global", "1"),
            ("#DEFAULT", "top comment"),
            ("#sec", "section comment"),
            ("sec.k", "v"),
            ("#sec", "key comment"),
            ("sec.quoted", "a b"),
            ("sec.k2_unencrypted", "clear"),
            ("#sec", "inline"),
            ("sec.multi", "line1\\nline2"),
            ("sec.empty", ""),
            ("\"sec2.sub\".x", "1"),
            ("sec.dupkey", "z"),
        ]
    );
    let tree = Ini.parse(SAMPLE.as_bytes()).unwrap();
    let aads: Vec<String> = tree.items.iter().map(|item| tree.aad(item)).collect();
    assert_eq!(
        aads[..6],
        [
            "DEFAULT:",
            "DEFAULT:global:",
            "DEFAULT:",
            "sec:",
            "sec:",
            "sec:k:"
        ]
    );
}

#[test]
fn values_are_read_as_sops_reads_them() {
    for (line, value) in [
        ("k=v", "v"),
        ("k :  v \t", "v"),
        ("k = \"a b\"", "a b"),
        ("k = 'a b' ; c", "a b"),
        ("k = \"\"", ""),
        ("k = \"", "\\\""),
        ("k = \"a\" b", "\\\"a\\\" b"),
        ("k = \"a\"b\"", "\\\"a\\\"b\\\""),
        ("k = `a;b#c`", "a;b#c"),
        ("k = `a`b`", "a`b"),
        ("k = ``", ""),
        ("k = \"\"\"a\"\"\"", "a"),
        ("k = \"\"\"a\"b\"\"\" # c", "a\\\"b"),
        ("k = \"\"\"\n\"\"\"", "\\n"),
        ("k = `a\r\nb`", "a\\r\\nb"),
        ("k = \"\"\"a\nb\"\"\" ; c", "a\\nb"),
        ("k = a \\\n  b \\\n c", "a b c"),
        ("k = a\\\n\nb = c", "a"),
        ("k = \\", ""),
        ("k = ; c", ""),
        ("k =", ""),
        ("k = a\u{a0}", "a"),
        ("k = http://x/y?z=1", "http://x/y?z=1"),
    ] {
        assert_eq!(values(line)[0], value, "{line}");
        attach_then_cut(&Ini, line.as_bytes());
        seal_then_open(&Ini, line.as_bytes(), !line.contains('\\'));
    }
    for (line, path) in [
        ("\"a b\" = v", "DEFAULT.a b"),
        ("`a=b` x : v", "DEFAULT.a=b"),
        ("\"\"\"a\"\"\" = v", "DEFAULT.a"),
        ("a b=v", "DEFAULT.a b"),
        ("a:b=v", "DEFAULT.a"),
        ("[ s ]junk\nk=v", " s .k"),
        ("[DEFAULT]\nk=v", "DEFAULT.k"),
    ] {
        assert_eq!(read(line)[0].0, path);
    }
}

#[test]
fn what_sops_takes_otherwise_than_it_looks_is_refused() {
    for text in [
        "k = a#b",
        "k = a;b",
        "k = \"a ; b\"",
        "k = 'a # b'",
        "k = \"\"\"a\"\"\" b",
        "k = `a` b",
        "k = \"\"\"a\n",
        "k = \"\"\"",
        "k = `",
        "k",
        "= v",
        "\"\" = v",
        "\"a = v",
        "`a` b",
        "- = v",
        "[",
        "[]",
        "[a",
        "[a] ; see [b]",
    ] {
        assert_eq!(code(text), "syntax", "{text}");
        let text = format!("a = hunter2\n{text}");
        let error = Ini.parse(text.as_bytes()).err().unwrap().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
        assert!(!error.contains("hunter2"));
    }
    for (text, expected) in [
        ("k=1\nk=2\n", "duplicate-key"),
        ("[s]\nk=1\n[s]\nk=2\n", "parsed"),
        ("[sops]\nmine=1\n", "reserved-key"),
        ("[sops]\nmac=1\n[sops]\n", "duplicate-key"),
        ("[sops]\nmac=1\na=1\na__map_b=2\n", "syntax"),
        ("", "parsed"),
        ("\u{feff}k=v", "parsed"),
        ("; only a comment", "parsed"),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
    assert!(matches!(
        Ini.parse(b"a=1\nb=\xff"),
        Err(StoreError::NotText { line: 2 })
    ));
}

#[test]
fn lines_of_comments_are_one_text() {
    for (text, comment) in [
        ("; a\nk=v", "a"),
        (";; a  \nk=v", "a"),
        ("#a\n; b \nk=v", "a\\n; b"),
        ("; a\n\n  # b\nk=v", "a\\n# b"),
        (";\n; a\nk=v", " \\n; a"),
        (";\n;\nk=v", " \\n;"),
        ("; a\r\n; b\r\nk=v", "a\\r\\n; b"),
        (";\nk=v", ""),
    ] {
        let found = read(text);
        assert_eq!(found[1], ("#DEFAULT".to_owned(), comment.to_owned()));
        assert_eq!(found.len(), 2, "{text}");
        seal_then_open(&Ini, text.as_bytes(), true);
    }
    // sops joins both comments, and panics if the first line of what it joined is empty.
    let text = ";\nk=v ; c\n";
    let found: Vec<_> = read(text).into_iter().map(|(_, value)| value).collect();
    assert_eq!(found, ["v", " ", "c"]);
    seal_then_open(&Ini, text.as_bytes(), true);
}

#[test]
fn sealed_comments_leave_their_signs() {
    let text = "; one\n\n  # two\nk = v ; in\n[s] ; on\n";
    let tree = Ini.parse(text.as_bytes()).unwrap();
    let mut edits = Vec::new();
    for item in &tree.items {
        if let Body::Comment(_) = item.body {
            let placed = Ini.envelope(text.as_bytes(), &tree, item, "ENC[AES256_GCM,x]");
            item.replace(&placed.text, &mut edits);
        }
    }
    let out = String::from_utf8(apply(text.as_bytes(), edits)).unwrap();
    assert_eq!(
        out,
        "; ENC[AES256_GCM,x]\n\n  #\nk = v ; ENC[AES256_GCM,x]\n; ENC[AES256_GCM,x]\n[s]\n"
    );
}

#[test]
fn a_comment_that_sops_sealed_whole_gets_its_lines_back() {
    let text = "  ; ENC[AES256_GCM,x]\r\nk = v\r\n";
    let tree = Ini.parse(text.as_bytes()).unwrap();
    let value = Value::new(Kind::Comment, "a\n; b\nc");
    let out = Ini.plain(text.as_bytes(), &tree, &tree.items[2], Style::Plain, &value);
    let edit = Edit::new(tree.items[2].span.clone(), out.unwrap());
    let out = String::from_utf8(apply(text.as_bytes(), vec![edit])).unwrap();
    assert_eq!(out, "  ; a\r\n  ; b\r\n  ; c\r\nk = v\r\n");
}

#[test]
fn comments_that_nothing_follows_stay_at_the_root() {
    let text = "[s]\nk = v\n; last\n";
    assert_eq!(
        read(text).last().unwrap(),
        &("#".to_owned(), "last".to_owned())
    );
    seal_then_open(&Ini, text.as_bytes(), true);
    let larger = set(&Ini, text, "new.k", "v").unwrap();
    assert_eq!(larger, "[s]\nk = v\n\n[new]\nk = v\n; last\n");
}

#[test]
fn contract() {
    for text in [
        "",
        "\n",
        "\u{feff}",
        "k=v",
        "k=v\n",
        "k=v\n\n",
        "k=v\r\n",
        "k=v\r",
        "k = v\r\n\r\n[s]\r\n  a = `b`\r\n; end",
        "[s]",
        "; c",
        SAMPLE,
    ] {
        attach_then_cut(&Ini, text.as_bytes());
        refresh(&Ini, text.as_bytes());
        seal_then_open(&Ini, text.as_bytes(), true);
    }
    // A comment on a section's line moves above it.
    seal_then_open(&Ini, b"[s] ; c\nk = v\n", false);
}

#[test]
fn real_files_of_sops_are_read() {
    let sealed = include_str!("../../../fixtures/sops/i.enc.ini");
    let tree = Ini.parse(sealed.as_bytes()).unwrap();
    let block = tree.meta().unwrap();
    let mut names: Vec<&str> = block
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "age",
            "lastmodified",
            "mac",
            "unencrypted_suffix",
            "version"
        ]
    );
    let version = block.fields.iter().find(|field| field.name == "version");
    assert_eq!(&sealed[version.unwrap().span.clone()], "3.11.0");
    let edits = block.cut.iter().map(|cut| Edit::new(cut.clone(), ""));
    let without = apply(sealed.as_bytes(), edits.collect());
    assert!(without.ends_with(b"]\n") && !without.ends_with(b"\n\n"));
    let opened = include_str!("../../../fixtures/sops/i.decrypted-by-sops.ini");
    assert_eq!(values(opened), values(SAMPLE));
    assert_eq!(values(sealed).len(), values(SAMPLE).len());
}

#[test]
fn metadata_with_real_line_breaks_is_read() {
    let text = "[sops]\nmac = x\nage__list_0__map_enc = \"\"\"a\nb\n\"\"\"\n";
    let tree = Ini.parse(text.as_bytes()).unwrap();
    let lines = flat::flatten(&tree.meta().unwrap().to_meta());
    assert_eq!(lines[1].value, "a\nb\n");
    let text = "[s]\nk=v\n[sops]\nmac = x\n; above t\n[t]\nk=v\n";
    let tree = Ini.parse(text.as_bytes()).unwrap();
    let cut = &tree.meta().unwrap().cut;
    assert_eq!(&text[cut[0].clone()], "[sops]\nmac = x\n");
    assert_eq!(read(text)[1], ("#t".to_owned(), "above t".to_owned()));
}

#[test]
fn new_lines_look_like_their_neighbours() {
    for (text, path, result) in [
        ("[s]\nk=v\n", "s.b", "[s]\nk=v\nb=v\n"),
        ("[s]\n  k : v\n", "s.b", "[s]\n  k : v\n  b : v\n"),
        (
            "[s]\nlong = v\nk    = w ; c\n[t]\n",
            "s.ab",
            "[s]\nlong = v\nk    = w ; c\nab   = v\n[t]\n",
        ),
        ("[s]\n\n; t\n[t]\n", "s.b", "[s]\nb = v\n\n; t\n[t]\n"),
        ("[s]\nk = v", "s.b", "[s]\nk = v\nb = v"),
        ("[s]\nk = v\n", "t.b", "[s]\nk = v\n\n[t]\nb = v\n"),
        ("[s]\nk = v", "t.b", "[s]\nk = v\n\n[t]\nb = v"),
        ("", "t.b", "[t]\nb = v\n"),
        ("; c\n", "t.b", "[t]\nb = v\n\n; c\n"),
        ("; c\n[s]\n", "DEFAULT.b", "b = v\n\n; c\n[s]\n"),
        ("a=1\n[s]\n", "DEFAULT.b", "a=1\nb=v\n[s]\n"),
        ("\u{feff}[s]\n", "DEFAULT.b", "\u{feff}b = v\n\n[s]\n"),
        ("[s]\r\nk = v\r\n", "s.b", "[s]\r\nk = v\r\nb = v\r\n"),
        (
            "[s]\nk = \"\"\"a\nb\"\"\"\n",
            "s.b",
            "[s]\nk = \"\"\"a\nb\"\"\"\nb = v\n",
        ),
        (
            "[s]\nk=1\n[t]\n[s]\nl=2\n",
            "s.b",
            "[s]\nk=1\n[t]\n[s]\nl=2\nb=v\n",
        ),
        ("[s]\nk = \"a\"\n", "s.k", "[s]\nk = \"v\"\n"),
        ("[s]\na = 1\nk =\n", "s.k", "[s]\na = 1\nk = v\n"),
        ("[s]\nk = ; c\n", "s.k", "[s]\nk = v ; c\n"),
        ("[s] ; c\n", "s.k", "[s] ; c\nk = v\n"),
    ] {
        assert_eq!(set(&Ini, text, path, "v").unwrap(), result);
    }
    for text in ["[s]\nk = v\n", "[s]\nk = v", "", "; c\n[s]\n; d\n"] {
        let sealed = String::from_utf8(attached(&Ini, text.as_bytes())).unwrap();
        let larger = set(&Ini, &sealed, "new.k", "v").unwrap();
        assert!(larger.find("[new]") < larger.find("[sops]"), "{larger}");
        let larger = set(&Ini, &sealed, "DEFAULT.k", "v").unwrap();
        assert!(larger.find("k = v") < larger.find("[sops]"), "{larger}");
    }
}

#[test]
fn whole_sections_can_be_put_in() {
    let node = NewNode::Map(vec![("a".into(), string("1")), ("b".into(), string("2"))]);
    for (text, path, result) in [
        ("[s]\nk=v\n", "t", "[s]\nk=v\n\n[t]\na = 1\nb = 2\n"),
        (
            "; c\n[s] ; d\nk=v\nl=w\n[t]\n",
            "s",
            "; c\n[s] ; d\na = 1\nb = 2\n[t]\n",
        ),
        ("k=v\n[t]\n", "DEFAULT", "a = 1\nb = 2\n[t]\n"),
    ] {
        assert_eq!(insert(&Ini, text, path, &node).unwrap(), result);
    }
}

#[test]
fn any_text_finds_quotes() {
    for (value, line) in [
        ("a b", "k = a b"),
        (" a ", "k = \" a \""),
        ("a;b", "k = `a;b`"),
        ("a\nb", "k = \"\"\"a\nb\"\"\""),
        ("a\\", "k = \"a\\\""),
        ("\"x\"", "k = `\"x\"`"),
        ("`x", "k = \"`x\""),
        ("`x\"#", "k = ``x\"#`"),
        ("\"\"\"\n;", "k = `\"\"\"\n;`"),
        ("", "k = "),
    ] {
        let out = set(&Ini, "k = v\n", "DEFAULT.k", value).unwrap();
        assert_eq!(out, format!("{line}\n"));
    }
    let both = "\"\"\"`\n`";
    assert_eq!(
        set(&Ini, "k = v\n", "DEFAULT.k", both).unwrap_err().code(),
        "cannot-carry"
    );
}

#[test]
fn paths_that_lead_nowhere_are_refused() {
    let text = "k = v\n[s]\n";
    for (path, node, code) in [
        ("k", string("v"), "cannot-carry"),
        ("s.a.b", string("v"), "cannot-carry"),
        ("DEFAULT.k.b", string("v"), "not-a-container"),
        ("s.a", NewNode::Null, "cannot-carry"),
        ("s.a", NewNode::Map(Vec::new()), "cannot-carry"),
        ("s.-", string("v"), "cannot-carry"),
        ("s[0]", string("v"), "cannot-carry"),
        ("sops.a", string("v"), "reserved-key"),
        ("\"a]b\".c", string("v"), "cannot-carry"),
    ] {
        let error = insert(&Ini, text, path, &node).unwrap_err();
        assert_eq!(error.code(), code, "{path}");
    }
    assert_eq!(
        set(&Ini, text, "s.\"a=b\"", "v").unwrap(),
        "k = v\n[s]\n`a=b` = v\n"
    );
    assert_eq!(
        set(&Ini, text, "s.\"#a\"", "v").unwrap(),
        "k = v\n[s]\n`#a` = v\n"
    );
}

#[test]
fn removal_takes_the_comments_above() {
    for (text, path, result) in [
        (
            "[s]\na = 1 ; in\n; of k\n\n; of k too\nk = v ; in\nb = 2\n",
            "s.k",
            "[s]\na = 1 ; in\nb = 2\n",
        ),
        ("; c\n[s] ; on\n; k\nk = v\n", "s.k", "; c\n[s] ; on\n"),
        ("; c\nk = v\n[s]\n", "DEFAULT.k", "[s]\n"),
        (
            "k = \"\"\"a\nb\"\"\"\nl = w",
            "DEFAULT.l",
            "k = \"\"\"a\nb\"\"\"",
        ),
        (
            "[s]\nk=v\n\n; t\n[t]\na=b\n\n[u]\n",
            "t",
            "[s]\nk=v\n\n[u]\n",
        ),
        ("[s]\nk=v\n", "s", ""),
    ] {
        assert_eq!(remove(&Ini, text, path).unwrap(), result);
    }
    assert!(remove(&Ini, "k=v\n", "DEFAULT.x").is_err());
}

#[test]
fn renaming_keeps_the_columns() {
    for (text, path, key, result) in [
        (
            "a   = 1\nbcd = 2\n",
            "DEFAULT.a",
            "ab",
            "ab  = 1\nbcd = 2\n",
        ),
        ("a   = 1\nbcd = 2\n", "DEFAULT.bcd", "b", "a   = 1\nb = 2\n"),
        ("a=1\n", "DEFAULT.a", "longer", "longer=1\n"),
        ("a=1\n", "DEFAULT.a", "x:y", "`x:y`=1\n"),
        (" \"a\" : 1\n", "DEFAULT.a", "b", " b : 1\n"),
        ("[s] ; c\na=1\n", "s", "t", "[t] ; c\na=1\n"),
    ] {
        assert_eq!(rename(&Ini, text, path, key).unwrap(), result);
    }
    for (path, key) in [
        ("DEFAULT.a", "b"),
        ("DEFAULT.a", ""),
        ("DEFAULT.a", "-"),
        ("DEFAULT.a", "x\ny"),
        ("DEFAULT", "t"),
        ("s", "sops"),
        ("s", "a]"),
        ("s", "DEFAULT"),
    ] {
        assert!(rename(&Ini, "a=1\nb=2\n[s]\n", path, key).is_err(), "{key}");
    }
}

#[test]
fn quoting_style_is_found_in_the_sealed_text() {
    for (line, style) in [
        ("k = v", Style::Plain),
        ("k = 'v'", Style::Single),
        ("k = \"v\"", Style::Double),
        ("k = `v`", BACKTICKS),
        ("k = \"\"\"v\"\"\"", Style::Literal),
    ] {
        let tree = Ini.parse(line.as_bytes()).unwrap();
        assert_eq!(tree.items[1].style, style);
        let placed = Ini.envelope(line.as_bytes(), &tree, &tree.items[1], "ENC[x]");
        assert_eq!(
            format!("k = {}", placed.text.as_str().unwrap()),
            line.replace('v', "ENC[x]")
        );
    }
}

#[test]
fn a_section_can_stand_alone() {
    let text = "a = 1\n; c\n[s]\nk = v\n\n[t]\n";
    let tree = Ini.parse(text.as_bytes()).unwrap();
    let show = |id| {
        Ini.extract(text.as_bytes(), &tree, id)
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(show(0), text);
    assert_eq!(show(1), "a = 1\n");
    assert_eq!(show(2), "; c\n[s]\nk = v\n");
    let sealed = attached(&Ini, text.as_bytes());
    let tree = Ini.parse(&sealed).unwrap();
    assert_eq!(Ini.extract(&sealed, &tree, 0).as_str(), Some(text));
}

/// Lines of all kinds, most of them readable.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "( |  )?[a-e]{1,3}( |  )?[=:] ?[a-z\"'`\\\\ é]{0,6}( ; [a-z]{1,3})?",
        1 => "[a-e]{1,2} = (\"[a-z;# ]{0,4}\"|'[a-z]{0,3}'|`[a-z;\"]{0,4}`|\"\"\"[a-z;\n]{0,5}\"\"\")",
        1 => "( )?[;#]{1,2}( )?[a-z;\t ]{0,6}",
        1 => "\\[[st .]{1,3}\\]( ; [a-z]{1,3})?",
        1 => "( ){0,2}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_file_is_sealed_and_opened(
        lines in proptest::collection::vec(line(), 0..8),
        crlf: bool,
        last: bool,
    ) {
        let newline = if crlf { "\r\n" } else { "\n" };
        let mut text = lines.join(newline);
        if last {
            text.push_str(newline);
        }
        if Ini.parse(text.as_bytes()).is_ok() {
            attach_then_cut(&Ini, text.as_bytes());
            refresh(&Ini, text.as_bytes());
            let moved = text.lines().any(|line| line.starts_with('[') && line.contains(';'));
            if !moved {
                seal_then_open(&Ini, text.as_bytes(), !text.contains('\\'));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(text: Vec<u8>, noise in "[\\[\\]=:;#\"'`\\\\\n\r ak-]{0,24}") {
        drop(Ini.parse(&text));
        if let Ok(tree) = Ini.parse(noise.as_bytes()) {
            for item in &tree.items {
                prop_assert!(item.entry.start <= item.entry.end);
                prop_assert!(noise.get(item.span.clone()).is_some());
                prop_assert!(noise.get(item.entry.clone()).is_some());
            }
        }
    }

    #[test]
    fn any_value_is_carried_or_refused(value in "[a-c;#\"'`\\\\\n\r\t é]{0,10}") {
        let result = insert(&Ini, "[s]\nk = v ; c\n", "s.n", &string(&value));
        if let Ok(out) = result {
            let tree = Ini.parse(out.as_bytes()).unwrap();
            let path = KeyPath::parse("s.n").unwrap();
            let Body::Leaf(found) = &tree.find(&path).unwrap().body else {
                panic!("a leaf");
            };
            prop_assert_eq!(found.bytes.as_bytes(), value.as_bytes());
        } else {
            prop_assert!(value.contains('\n') || value.contains('`'), "{:?}", value);
        }
    }

    #[test]
    fn edits_leave_the_rest_alone(lines in proptest::collection::vec(line(), 0..6), sealed: bool) {
        let text = lines.join("\n") + "\n";
        prop_assume!(Ini.parse(text.as_bytes()).is_ok());
        let text = if sealed {
            String::from_utf8(attached(&Ini, text.as_bytes())).unwrap()
        } else {
            text
        };
        let larger = set(&Ini, &text, "zz.k", "v").unwrap();
        let larger = set(&Ini, &larger, "zz.l", "w").unwrap();
        let renamed = rename(&Ini, &larger, "zz", "yy").unwrap();
        let renamed = rename(&Ini, &renamed, "yy.k", "m").unwrap();
        let smaller = remove(&Ini, &renamed, "yy").unwrap();
        prop_assert_eq!(read(&smaller), read(&text));
        prop_assert_eq!(
            Ini.parse(smaller.as_bytes()).unwrap().meta().is_some(),
            sealed
        );
    }
}

#[test]
fn a_value_that_passes_for_a_comment_stands_for_no_value() {
    let text = b"[s]\nk = new\n[s]\nk = sealed\n";
    let tree = Ini.parse(text).unwrap();
    let item = tree.items.last().unwrap();
    let edit = Ini.list_comment(text, &tree, item, b"old");
    let out = splice(text, vec![edit]).unwrap();
    assert_eq!(out.as_str(), Some("[s]\nk = new\n[s]\n; old\n"));
}
