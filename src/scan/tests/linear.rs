//! Cost grows with the input and no faster, whatever stands in it. Counted in bytes, not in seconds.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use crate::scan::{Input, Rules, Scanner, Work};

/// Texts that make scanners slow, of about this many bytes.
fn texts(size: usize) -> Vec<(&'static str, String)> {
    let fill = |piece: &str| piece.repeat(size / piece.len());
    let nested = |depth: usize| {
        let mut text = fill("plain text and more of it ");
        text.truncate(size / (1 << depth));
        (0..depth).fold(text, |text, _| STANDARD.encode(text))
    };
    let encoded = STANDARD.encode(fill("plain text, in lines "));
    let lines: Vec<_> = encoded
        .as_bytes()
        .chunks(76)
        .map(String::from_utf8_lossy)
        .collect();
    let wrapped = lines.join("\n");
    // begins like text in every line, and is none
    let false_lines = fill(&format!("{}{}\n", "cGxhaW4gdGV4dCBw", "gYGB".repeat(15)));
    vec![
        ("near misses", fill("ghp_ AKIA sk_live_ -----BEGIN ")),
        ("near misses on lines", fill("token = \n")),
        ("names", fill("password: secret token= api_key ")),
        ("one line", fill("secret_token_value = abcdefgh, ")),
        ("beginnings of keys", fill("-----BEGIN PRIVATE KEY-----\n")),
        ("ends of keys", fill("-----END PRIVATE KEY-----\n")),
        ("schemes", fill("postgres://user:")),
        ("nested once", nested(1)),
        ("nested five times", nested(5)),
        ("wrapped", wrapped),
        ("wrapped and false", false_lines),
        ("short runs", fill("cGxhaW4gdGV4dCBhbmQ= ")),
        ("hex", fill("706c61696e2074657874202c")),
        ("percent", fill("%41%42")),
        ("percent in words", fill("%41%42c ")),
        ("escapes", fill(r"\u0041\u0042")),
        ("escapes that are no text", fill(r"\x00\x01\x02")),
        ("backslashes", fill("\\")),
        ("unfinished tokens", fill("ENC[AES256_GCM,data:")),
        ("unfinished vaults", fill("$ANSIBLE_VAULT;1.1;AES256\n61")),
        (
            "unfinished armour",
            fill("-----BEGIN AGE ENCRYPTED FILE-----\n"),
        ),
        ("sealed", fill("encryptedData: AgA")),
        ("one escape a word", fill("ghp%5Fa ")),
        ("escapes in braces", fill(r"\u{5f}\u{")),
        ("written line breaks", fill(r"cGxhaW4gdGV4dCBhbmQ=\n")),
        ("written and false", fill(r"cGxhaW4gdGV4dCBwgYGBgYGB\n")),
        ("two bytes a character", fill("g\0h\0p\0_\0")),
        ("its places change", fill("g\0h\0p\0_\0g\0h\0p\0_\0x")),
        ("nearly two bytes", fill("g\0h\0p\0_\0xyz\0\0")),
        ("unfinished values", fill("ENC[PKCS7,MII")),
        (
            "headers of armour",
            fill("-----BEGIN PGP MESSAGE-----\nComment: x\n"),
        ),
        (
            "armour without an end",
            format!(
                "-----BEGIN AGE ENCRYPTED FILE-----\n{}",
                fill(&format!("{}\n", "YWdl".repeat(16)))
            ),
        ),
        ("many marked", fill("password = 'q8Zt5rWv2n' # mvx:allow\n")),
        ("one letter", fill("A")),
        ("line breaks", fill("\n")),
    ]
}

fn work(scanner: &Scanner, text: &str) -> Work {
    let mut scratch = scanner.scratch();
    let found = scanner.scan(&mut scratch, &Input::of(text.as_bytes()));
    drop(found);
    scratch.work()
}

#[test]
fn cost_is_linear() {
    let scanner = Scanner::new(Rules::builtin());
    let small = texts(32 * 1024);
    let large = texts(128 * 1024);
    for ((name, small), (_, large)) in small.iter().zip(&large) {
        let (one, four) = (work(&scanner, small), work(&scanner, large));
        let grows = |one: u64, four: u64| four <= 5 * one + 300_000;
        assert!(
            grows(one.literals, four.literals)
                && grows(one.regexes, four.regexes)
                && grows(one.decoded, four.decoded)
                && grows(one.encoded, four.encoded),
            "{name}: {one:?}, four times as much: {four:?}"
        );
        let bytes = large.len() as u64;
        // every rule may search every window, and windows overlap a little
        assert!(four.regexes <= 40 * bytes, "{name}: {four:?}");
        assert!(four.decoded <= 9 * bytes + 65_536, "{name}: {four:?}");
        assert!(four.encoded <= 20 * bytes + 65_536, "{name}: {four:?}");
    }
}
