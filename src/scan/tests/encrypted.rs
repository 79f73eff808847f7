//! Encrypted tokens are skipped, and nothing beside them.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::{KEY, scan};
use crate::scan::{Encrypted, Rule, Rules, Scanner, Text};

/// Finds any text of eight characters behind `password`, and the demo's key anywhere.
fn greedy() -> Scanner {
    let rule = |id: &'static str, regex: &'static str| Rule {
        regex: Some(Text::Borrowed(regex)),
        ..Rule::new(id)
    };
    let mut rules = Rules::none();
    rules.insert(rule("demo", r"demo_[0-9a-f]{16}")).unwrap();
    let any = rule("any", r#"password["']?[:=]\s{0,3}["']?([^\s"']{8,})"#);
    rules.insert(any).unwrap();
    Scanner::new(rules)
}

fn secrets(text: &str) -> (Vec<String>, Encrypted) {
    let found = scan(&greedy(), text.as_bytes(), None);
    let secret = |hit: crate::scan::Hit| hit.secret.as_str().unwrap().to_owned();
    (
        found.hits.into_iter().map(secret).collect(),
        found.encrypted,
    )
}

/// Bytes that are no text, in base64.
fn base64(bytes: usize) -> String {
    random(&[], bytes)
}

/// As many bytes, those at the beginning given.
fn random(head: &[u8], bytes: usize) -> String {
    let mut all = head.to_vec();
    let mut state = 7_u32;
    while all.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        all.push(state.to_be_bytes()[0]);
    }
    STANDARD.encode(all)
}

fn lines(text: &str, width: usize, line_break: &str) -> String {
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(width)
        .map(String::from_utf8_lossy)
        .collect();
    lines.join(line_break)
}

fn sops(data: &str) -> String {
    let (iv, tag) = (base64(32), base64(16));
    format!("ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]")
}

fn vault() -> String {
    let digits = |count: usize| "0123456789abcdef".chars().cycle().take(count);
    let inner: String = digits(64)
        .chain("\n".chars())
        .chain(digits(64))
        .chain("\n".chars())
        .chain(digits(64))
        .collect();
    let outer = inner.bytes().fold(String::new(), |mut outer, byte| {
        outer.extend(
            [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])),
        );
        outer
    });
    format!("$ANSIBLE_VAULT;1.1;AES256\n  {}", lines(&outer, 80, "\n  "))
}

fn age(line_break: &str) -> String {
    let body = random(b"age-encryption.org/v1\n-> X25519 ", 200);
    format!(
        "-----BEGIN AGE ENCRYPTED FILE-----{line_break}{}{line_break}-----END AGE ENCRYPTED FILE-----",
        lines(&body, 64, line_break)
    )
}

fn pgp(header: &str, line_break: &str) -> String {
    let body = random(&[0x84, 0x5e], 300);
    format!(
        "-----BEGIN PGP MESSAGE-----{line_break}{header}{line_break}{}{line_break}=abcd{line_break}-----END PGP MESSAGE-----",
        lines(&body, 76, line_break)
    )
}

#[test]
fn each_kind_is_skipped_and_counted() {
    let one = Encrypted::default();
    let dotenvx = format!("encrypted:{}", random(&[4], 120));
    let sealed = random(&[2, 0], 600);
    let kinds = [
        (sops("YWJj"), Encrypted { sops: 1, ..one }),
        (sops(&base64(200)), Encrypted { sops: 1, ..one }),
        (
            format!("ENC[PKCS7,{}]", random(&[0x30, 0x82], 400)),
            Encrypted { eyaml: 1, ..one },
        ),
        (
            format!("ENC[GPG,{}]", random(&[0x84], 200)),
            Encrypted { eyaml: 1, ..one },
        ),
        (dotenvx, Encrypted { dotenvx: 1, ..one }),
        (vault(), Encrypted { ansible: 1, ..one }),
        (age("\n"), Encrypted { age: 1, ..one }),
        (age("\\n"), Encrypted { age: 1, ..one }),
        (age("\r\n    "), Encrypted { age: 1, ..one }),
        (pgp("", "\n"), Encrypted { pgp: 1, ..one }),
        (pgp("", "\\n"), Encrypted { pgp: 1, ..one }),
        (
            format!("vault:v1:{}", base64(60)),
            Encrypted { vault: 1, ..one },
        ),
    ];
    let mut cases: Vec<_> = kinds
        .into_iter()
        .map(|(token, counts)| (format!("password: {token}\nx: 1\n"), counts))
        .collect();
    cases.push((
        format!("kind: SealedSecret\nspec:\n  encryptedData:\n    password: {sealed}\n"),
        Encrypted {
            sealed_secrets: 1,
            ..one
        },
    ));
    for (text, counts) in cases {
        assert_eq!(secrets(&text), (vec![], counts), "{text}");
        assert_eq!(counts.total(), 1);
        let beside = format!("a: {KEY}\n{text}password: hunter2hunter2\n");
        let (found, _) = secrets(&beside);
        assert_eq!(found, [KEY, "hunter2hunter2"], "{beside}");
    }
}

#[test]
fn headers_of_armour_are_not_encrypted() {
    let (found, counts) = secrets(&pgp(&format!("Comment: {KEY}\n"), "\n"));
    assert_eq!((found, counts.pgp), (vec![KEY.to_owned()], 1));
}

#[test]
fn what_only_touches_a_token_is_found() {
    let token = sops(&base64(9));
    for text in [
        format!("password=\"Zk8mQ2vLp9xTr4w{token}\""),
        format!("password=\"{token}Zk8mQ2vLp9xTr4w\""),
        format!("password=\"Zk8-{token}\""),
        "password=\"Zk8mQ2vLp9xTr4wENC[PKCS7,]\"".to_owned(),
        "password=\"ENC[PKCS7,]Zk8mQ2vLp9xTr4w\"".to_owned(),
    ] {
        assert_eq!(secrets(&text).0.len(), 1, "{text}");
    }
}

#[test]
fn a_token_hides_no_clear_text() {
    let key = concat!("AK", "IATESTTESTTEST2345");
    let (iv, tag) = (base64(32), base64(16));
    let filled = |character: &str| character.repeat(90);
    for text in [
        format!("ENC[PKCS7,{key}]"),
        format!("ENC[AES256_GCM,data:{key},iv:,tag:,type:str]"),
        format!("ENC[AES256_GCM,data:{key},iv:{tag},tag:{tag},type:str]"),
        // with its structure right: it fills a field, and its beginning is fixed
        format!("ENC[AES256_GCM,data:{key},iv:{iv},tag:{tag},type:str]"),
        format!("-----BEGIN PGP MESSAGE-----\n\n{key}\n{}\n", filled("a")),
        format!(
            "-----BEGIN AGE ENCRYPTED FILE-----\n{key}\n{}\n",
            filled("a")
        ),
        format!(
            "-----BEGIN AGE ENCRYPTED FILE-----\n{key}\n{}\n-----END AGE ENCRYPTED FILE-----\n",
            filled("a")
        ),
        format!("vault:v1:{key}"),
        format!("encryptedData:\n  a: {key}"),
        format!("$ANSIBLE_VAULT;1.1;AES256\n{key}\n"),
    ] {
        let scanner = Scanner::new(Rules::builtin());
        let found = scan(&scanner, text.as_bytes(), None);
        assert_eq!(found.hits.len(), 1, "{text}");
    }
    // text in base64 is not encrypted, whatever stands around it
    let plain = STANDARD.encode(format!("the key is {KEY}, is it not"));
    for text in [sops(&plain), format!("vault:v1:{plain}")] {
        assert_eq!(secrets(&text).0, [KEY], "{text}");
    }
}

#[test]
fn what_only_begins_like_one_is_no_token() {
    for text in [
        format!("password: ENC[AES256_GCM,data:{KEY}\n"),
        format!("password: ENC[AES256_GCM,data:{KEY},iv:a,tag:b,type:str]\n"),
        format!(
            "password: {}\n",
            sops("YWJj").replace("type:str", "type:other")
        ),
        format!("password: real{}\n", sops("YWJj")),
        "password: encrypted:Bhunter2\n".to_owned(),
        "password: $ANSIBLE_VAULT;hunter2\n".to_owned(),
        format!("-----BEGIN AGE ENCRYPTED FILE-----\npassword: {KEY}\n"),
        "password: vault:v1:short\n".to_owned(),
        format!("password: {}\n", random(&[2, 0], 600)),
        format!(
            "password: {}\n",
            pgp("", "\\n").replace("-----END", "----END")
        ),
    ] {
        let (found, counts) = secrets(&text);
        assert_eq!((found.len(), counts.total()), (1, 0), "{text}");
    }
}

#[test]
fn a_clear_value_behind_a_token_on_its_line_is_found() {
    let token = sops("YWJj");
    let text = format!("password={token};password=hunter2hunter2");
    assert!(
        secrets(&text)
            .0
            .iter()
            .any(|found| found.contains("hunter2hunter2"))
    );
}
