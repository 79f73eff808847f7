//! Tests of [`super`]: what is taken for a recipient, and what is said of the rest.

use super::*;
use crate::keys::prompt::NoPrompt;
use crate::keys::testing::{K1_RECIPIENT, SSH_ED25519_PUBLIC, SSH_RSA_PUBLIC};
use proptest::prelude::*;

fn encode(prefix: &str, bytes: &[u8]) -> String {
    let prefix = bech32::Hrp::parse(prefix).unwrap();
    bech32::encode_lower::<Bech32Long>(prefix, bytes).unwrap()
}

fn refusal(text: &str) -> String {
    match text.parse::<Recipient>() {
        Ok(_) => panic!("{text} is taken"),
        Err(error) => {
            assert_eq!(error.exit(), Exit::RULES);
            error.to_string()
        }
    }
}

fn wire(parts: &[&[u8]]) -> String {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(part);
    }
    BASE64_STANDARD_NO_PAD.encode(bytes)
}

/// A tagged recipient: the compressed base point of P-256 (SEC 2, 2.4.2).
fn tagged() -> String {
    let x = [
        0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40,
        0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98,
        0xc2, 0x96,
    ];
    encode("age1tag", &[&[0x03][..], &x].concat())
}

#[test]
fn text_is_kept_as_it_is_written_but_for_blanks_around_it() {
    for text in [K1_RECIPIENT, SSH_ED25519_PUBLIC, SSH_RSA_PUBLIC, &tagged()] {
        let recipient: Recipient = format!(" {text} ").parse().unwrap();
        assert_eq!(recipient.text(), text.trim());
        assert_eq!(recipient.plugin(), None);
    }
    let plugin: Recipient = encode("age1yubikey", &[1, 2, 3]).parse().unwrap();
    assert_eq!(plugin.plugin(), Some("yubikey"));
}

#[test]
fn tagged_recipients_wrap_without_a_plugin() {
    let recipient: Recipient = tagged().parse().unwrap();
    let prompt: Arc<dyn Prompt> = Arc::new(NoPrompt);
    let enc = recipient.wrap(&[7; 32], &prompt).unwrap();
    assert!(enc.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
}

#[test]
fn a_missing_plugin_is_named_with_the_way_to_get_it() {
    let prompt: Arc<dyn Prompt> = Arc::new(NoPrompt);
    for (prefix, hint) in [
        (
            "age1pq",
            "`go install filippo.io/age/cmd/age-plugin-pq@latest`",
        ),
        (
            "age1mvxmissing",
            "install `age-plugin-mvxmissing` and have it on PATH",
        ),
    ] {
        let recipient: Recipient = encode(prefix, &[7; 40]).parse().unwrap();
        let error = recipient.wrap(&[7; 32], &prompt).unwrap_err();
        let binary = prefix.replace("age1", "age-plugin-");
        assert_eq!(
            error.to_string(),
            format!("it takes the age plugin `{binary}`, which is not installed")
        );
        assert!(error.hints()[0].contains(hint), "{:?}", error.hints());
    }
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let ed25519 = SSH_ED25519_PUBLIC.split(' ').nth(1).unwrap();
    let weak = wire(&[b"ssh-rsa", &[1, 0, 1], &[0x7f; 128]]);
    let huge = wire(&[b"ssh-rsa", &[1, 0, 1], &[0x7f; 1024]]);
    let cases = [
        ("", "a recipient is empty"),
        ("   ", "a recipient is empty"),
        (
            "ana",
            "recipient `ana` is not a recipient: those begin with `age1`, `ssh-ed25519` or `ssh-rsa`",
        ),
        (
            "age1",
            "recipient `age1` is misspelt or cut off: its checksum does not match",
        ),
        (
            &K1_RECIPIENT.replace("wl", "wk"),
            "recipient `age10…wk` is misspelt or cut off: its checksum does not match",
        ),
        (
            &K1_RECIPIENT[..40],
            "recipient `age10…ah` is misspelt or cut off: its checksum does not match",
        ),
        (
            &K1_RECIPIENT.replace("qzyc", "qbyc"),
            "recipient `age10…wl` holds `b`, which no age key has",
        ),
        (
            &K1_RECIPIENT.to_uppercase(),
            "is written in capitals; age's public keys are lower case",
        ),
        (
            &format!("{K1_RECIPIENT},{K1_RECIPIENT}"),
            "holds several; each recipient stands on its own",
        ),
        (
            "ssh-ed25519 AAAA ana",
            "recipient `ssh-ed25519 ana` is no valid `ssh-ed25519` key: it is cut off or damaged",
        ),
        (
            &format!("ssh-rsa {ed25519}"),
            "is no valid `ssh-rsa` key: it is cut off or damaged",
        ),
        (
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY",
            "which cannot encrypt; age takes ssh-ed25519 and ssh-rsa",
        ),
        (
            &format!("ssh-rsa {weak}"),
            "is an RSA key of less than 2048 bits, which is too weak",
        ),
        (
            &format!("ssh-rsa {huge}"),
            "is an RSA key of more than 4096 bits, which age does not take",
        ),
        ("github:ana", "recipient `github:ana` is not a recipient"),
        ("age1\u{202e}x", "recipient `age1x` is not a recipient"),
    ];
    for (text, expected) in cases {
        let refusal = refusal(text);
        assert!(refusal.contains(expected), "{text}: {refusal}");
    }
}

#[test]
fn a_private_key_in_a_recipients_place_is_not_shown() {
    for secret in [
        "AGE-SECRET-KEY-1QQQQ",
        "age-secret-key-1qqqq",
        "AGE-PLUGIN-YUBIKEY-1QQQQ",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nqqqq",
    ] {
        let error = secret.parse::<Recipient>().err().unwrap();
        let told = format!("{error} {error:?} {:?}", error.hints());
        assert!(told.contains("private key"));
        assert!(!told.to_lowercase().contains("qqqq"), "{told}");
    }
}

#[test]
fn points_that_give_their_secret_to_everybody_are_refused() {
    let mut points = vec![[0; 32], ORDER_EIGHT[0], ORDER_EIGHT[1]];
    for low in [0xec, 0xed, 0xee] {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (low, 0x7f);
        points.push(point);
    }
    let mut one = [0; 32];
    one[0] = 1;
    points.push(one);
    for mut point in points {
        for high_bit in [0, 0x80] {
            point[31] |= high_bit;
            let text = encode("age", &point);
            assert!(refusal(&text).contains("gives its secret to everybody"));
            // this is what would happen otherwise
            let library: age::x25519::Recipient = text.parse().unwrap();
            let wrapping = std::panic::catch_unwind(|| drop(envelope::seal(&library, &[7; 32])));
            assert!(wrapping.is_err());
        }
    }
    // the neutral element, and a point of order 2 (y = -1)
    let (mut neutral, mut second) = ([0; 32], [0xff; 32]);
    neutral[0] = 1;
    (second[0], second[31]) = (0xec, 0x7f);
    for point in [neutral, second] {
        let text = format!("ssh-ed25519 {}", wire(&[b"ssh-ed25519", &point]));
        assert!(refusal(&text).contains("gives its secret to everybody"));
    }
}

#[test]
fn an_ssh_key_is_checked_to_its_last_byte() {
    let blob = SSH_ED25519_PUBLIC.split(' ').nth(1).unwrap();
    let raw = BASE64_STANDARD_NO_PAD.decode(blob).unwrap();
    let long = BASE64_STANDARD_NO_PAD.encode([&raw[..], b"more"].concat());
    // the library panics at a number of zero bytes alone
    let zero = wire(&[b"ssh-rsa", &[0], &[0]]);
    let negative = wire(&[b"ssh-rsa", &[1, 0, 1], &[0x80; 256]]);
    let padded = wire(&[b"ssh-rsa", &[1, 0, 1], &[&[0][..], &[0x7f; 256]].concat()]);
    for text in [
        format!("ssh-ed25519 {long}"),
        format!("ssh-ed25519 {blob}!"),
        format!("ssh-rsa {zero}"),
        format!("ssh-rsa {negative}"),
        format!("ssh-rsa {padded}"),
        "ssh-rsa".to_owned(),
        "ssh-ed25519 ".to_owned(),
    ] {
        assert!(refusal(&text).contains("cut off or damaged"), "{text}");
    }
}

#[test]
fn a_key_has_one_name_whatever_its_comment_and_padding() {
    assert_eq!(
        key_name("ssh-rsa AAAA== ana@laptop"),
        key_name(" ssh-rsa  AAAA")
    );
    assert_ne!(key_name("ssh-rsa AAAA"), key_name("ssh-rsa AAAB"));
    assert_eq!(plugin_of("age1yubikey1qqqq"), Some("yubikey"));
    for text in [
        K1_RECIPIENT,
        "age1tag1qqqq",
        "age1tagpq1qqqq",
        "ssh-rsa AAAA",
    ] {
        assert_eq!(plugin_of(text), None);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(age1|ssh-rsa |ssh-ed25519 )?[ -~\u{80}-\u{ff}]{0,80}") {
        drop(text.parse::<Recipient>());
    }

    #[test]
    fn no_ssh_numbers_make_the_parser_panic(
        e in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..5),
        n in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..300),
    ) {
        drop(format!("ssh-rsa {}", wire(&[b"ssh-rsa", &e, &n])).parse::<Recipient>());
    }
}
