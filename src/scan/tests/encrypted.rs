//! Encrypted tokens are skipped, and nothing beside them.

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

fn base64(length: usize) -> String {
    "q7Zt5rWv2nLk9sXc".chars().cycle().take(length).collect()
}

#[test]
fn each_kind_is_skipped_and_counted() {
    let one = Encrypted::default();
    let dotenvx = format!("encrypted:B{}", base64(150));
    let sealed = format!("AgB{}", base64(700));
    let cases = [
        (
            "password: ENC[AES256_GCM,data:YWJj,iv:YWJjYWJj,tag:YWJj,type:str]\n".to_owned(),
            Encrypted { sops: 1, ..one },
        ),
        (
            "password: ENC[PKCS7,YWJjYWJjYWJj]\n".to_owned(),
            Encrypted { eyaml: 1, ..one },
        ),
        (format!("password={dotenvx}\n"), Encrypted { dotenvx: 1, ..one }),
        (
            "password: $ANSIBLE_VAULT;1.1;AES256\n  6162636465\n  6162\nx: 1\n".to_owned(),
            Encrypted { ansible: 1, ..one },
        ),
        (
            "password: -----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5\ncHRpb24=\n\
             -----END AGE ENCRYPTED FILE-----\n"
                .to_owned(),
            Encrypted { age: 1, ..one },
        ),
        (
            r#""password":"-----BEGIN PGP MESSAGE-----\n\nYWdlLWVuY3J5\n=abcd\n-----END PGP MESSAGE-----\n""#
                .to_owned(),
            Encrypted { pgp: 1, ..one },
        ),
        (
            format!("kind: SealedSecret\nspec:\n  encryptedData:\n    password: {sealed}\n"),
            Encrypted { sealed_secrets: 1, ..one },
        ),
        (
            format!("password: vault:v1:{}\n", base64(60)),
            Encrypted { vault: 1, ..one },
        ),
    ];
    for (text, counts) in cases {
        assert_eq!(secrets(&text), (vec![], counts), "{text}");
        assert_eq!(counts.total(), 1);
        let beside = format!("a: {KEY}\n{text}password: hunter2hunter2\n");
        let (found, _) = secrets(&beside);
        assert_eq!(found, [KEY, "hunter2hunter2"], "{beside}");
    }
}

#[test]
fn what_only_begins_like_one_is_no_token() {
    for text in [
        format!("password: ENC[AES256_GCM,data:{KEY}\n"),
        format!("password: ENC[AES256_GCM,data:{KEY},iv:a,tag:b,type:str]\n"),
        "password: ENC[AES256_GCM,data:YWJj,iv:YWJj,tag:YWJj,type:other]\n".to_owned(),
        "password: encrypted:Bhunter2\n".to_owned(),
        "password: $ANSIBLE_VAULT;hunter2\n".to_owned(),
        format!("-----BEGIN AGE ENCRYPTED FILE-----\npassword: {KEY}\n"),
        "password: vault:v1:short\n".to_owned(),
        format!("password: AgB{}\n", base64(700)),
    ] {
        let (found, counts) = secrets(&text);
        assert_eq!((found.len(), counts.total()), (1, 0), "{text}");
    }
}

#[test]
fn a_clear_value_behind_a_token_on_its_line_is_found() {
    let token = "ENC[AES256_GCM,data:YWJj,iv:YWJj,tag:YWJj,type:str]";
    let text = format!("password={token};password=hunter2hunter2");
    assert_eq!(secrets(&text).0, ["hunter2hunter2"]);
}
