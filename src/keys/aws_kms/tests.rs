//! The provider, before a KMS of the tests' own.

use std::sync::Arc;

use super::testing::{ALIAS, Amazon, KEY, ROLE, SECRET, TOKEN, target, with_keys};
use super::*;
use crate::io::http::HttpError;
use crate::keys::believed::Places;
use crate::keys::contract::{self, Case};
use crate::keys::testing::{FakeMachine, answer};

const DATA_KEY: [u8; 32] = [0xa7; 32];

fn opened(provider: &AwsKms, entry: &Wrapped) -> Vec<u8> {
    match provider.unwrap(entry, Effort::Network) {
        Unwrapped::Opened(key) => key.to_vec(),
        Unwrapped::NotMine => panic!("not mine"),
        Unwrapped::Failed(error) => panic!("{error}"),
    }
}

/// What is said where an entry does not open, with nothing of what must not be shown.
fn failed(provider: &AwsKms, entry: &Wrapped) -> (&'static str, String) {
    let Unwrapped::Failed(error) = provider.unwrap(entry, Effort::Network) else {
        panic!("it did not fail");
    };
    let told = format!("{error}\n{}", error.hints().join("\n"));
    let data_key = BASE64_STANDARD.encode(DATA_KEY);
    for secret in [SECRET, TOKEN, data_key.as_str(), "canary"] {
        assert!(!told.contains(secret), "{told}");
    }
    (error.code(), told)
}

fn wrapped(context: &[(&str, &str)]) -> (Arc<Amazon>, AwsKms, Wrapped) {
    let amazon = Amazon::new();
    let provider = amazon.provider(with_keys());
    let entry = provider.wrap(&target(context), &DATA_KEY).unwrap();
    (amazon, provider, entry)
}

#[test]
fn it_keeps_the_contract() {
    let amazon = Amazon::new();
    let provider = amazon.provider(with_keys());
    let other = KEY.replace("1234abcd", "9999abcd");
    let strange = Target::new(Kind::AwsKms, other.as_str());
    let strange = Wrapped {
        recipient: KEY.to_owned(),
        ..provider.wrap(&strange, &DATA_KEY).unwrap()
    };
    contract::check(&Case {
        provider: &provider,
        mine: target(&[("app", "mvx")]),
        strange,
        knows_its_own: false,
        invalid: "arn:aws:kms:evil.com/:111122223333:key/x",
        effort: Effort::Network,
    });
}

#[test]
fn a_request_is_what_kms_reads() {
    let (amazon, provider, entry) = wrapped(&[("app", "mv\"x é"), ("env", "prod")]);
    assert_eq!(opened(&provider, &entry), DATA_KEY);
    // what was opened is remembered
    assert_eq!(opened(&provider, &entry), DATA_KEY);
    assert_eq!(
        amazon.asked(),
        [
            "kms.eu-west-1.amazonaws.com TrentService.Encrypt ENVKEY",
            "kms.eu-west-1.amazonaws.com TrentService.Decrypt ENVKEY",
        ]
    );
    let arn = KeyArn::parse(KEY).unwrap();
    let body = body(&arn, &entry.extras, "Plaintext", "cGxhaW4=").unwrap();
    assert_eq!(
        std::str::from_utf8(&body).unwrap(),
        format!(
            "{{\"KeyId\":\"{KEY}\",\"Plaintext\":\"cGxhaW4=\",\"EncryptionContext\":{{\"app\":\"mv\\\"x é\",\"env\":\"prod\"}}}}"
        )
    );
}

#[test]
fn only_the_network_is_asked_and_only_then() {
    let (amazon, provider, entry) = wrapped(&[]);
    amazon.asked();
    for effort in Effort::ALL {
        if effort != Effort::Network {
            assert!(matches!(
                provider.unwrap(&entry, effort),
                Unwrapped::NotMine
            ));
        }
    }
    assert!(amazon.asked().is_empty());
    assert_eq!(
        provider.report().held[0].source,
        "AWS credentials of AWS_ACCESS_KEY_ID"
    );
    assert!(
        AwsKms::new(amazon.services(with_keys(), Places::default()))
            .report()
            .held
            .is_empty()
    );
}

#[test]
fn an_alias_opens_and_a_key_must_be_the_one_that_is_named() {
    let (amazon, provider, _) = wrapped(&[]);
    let alias = Target::new(Kind::AwsKms, ALIAS);
    let entry = provider.wrap(&alias, &DATA_KEY).unwrap();
    assert_eq!(entry.recipient, ALIAS);
    assert_eq!(opened(&provider, &entry), DATA_KEY);
    // the same ciphertext, by the key's own name
    let entry = Wrapped {
        recipient: KEY.to_owned(),
        ..entry
    };
    let other = format!(
        "{{\"Plaintext\":\"canary\",\"KeyId\":\"{}\"}}",
        KEY.replace("1234abcd", "9999abcd")
    );
    amazon.broken.lock().unwrap().push(answer(200, &other));
    let (code, told) = failed(&provider, &entry);
    assert_eq!(code, "service-mismatch");
    assert!(told.contains("another key than the file says"), "{told}");
}

#[test]
fn a_role_is_assumed_once_with_the_profile_that_the_entry_names() {
    let amazon = Amazon::new();
    let provider = amazon.provider(with_keys().file(
        "/home/ana/.aws/credentials",
        format!("[team]\naws_access_key_id = TEAMKEY\naws_secret_access_key = {SECRET}\n"),
    ));
    let mut target = target(&[]);
    target.extras.role = Some(ROLE.to_owned());
    target.extras.profile = Some("team".to_owned());
    let entries: Vec<Wrapped> = (0..3)
        .map(|_| provider.wrap(&target, &DATA_KEY).unwrap())
        .collect();
    for entry in &entries {
        assert_eq!(entry.extras, target.extras);
        assert_eq!(opened(&provider, entry), DATA_KEY);
    }
    let asked = amazon.asked();
    assert!(
        asked[0].starts_with("sts.eu-west-1.amazonaws.com Action=AssumeRole&"),
        "{asked:?}"
    );
    assert!(asked[0].contains("RoleSessionName=mvx"), "{asked:?}");
    assert!(asked[0].ends_with(" TEAMKEY"), "{asked:?}");
    assert!(asked[1..].iter().all(|line| line.ends_with(" ROLEOPENER")));
    assert_eq!(asked.len(), 7);
}

#[test]
fn threads_share_one_set_of_credentials() {
    let amazon = Amazon::new();
    let provider = amazon.provider(with_keys());
    let mut target = target(&[]);
    target.extras.role = Some(ROLE.to_owned());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| provider.wrap(&target, &DATA_KEY).unwrap());
        }
    });
    let asked = amazon.asked();
    let roles = asked.iter().filter(|line| line.starts_with("sts."));
    assert_eq!((roles.count(), asked.len()), (1, 9));
}

#[test]
fn hostile_entries_reach_nobody() {
    let (amazon, provider, entry) = wrapped(&[]);
    amazon.asked();
    let with = |change: &dyn Fn(&mut Wrapped)| {
        let mut entry = entry.clone();
        change(&mut entry);
        failed(&provider, &entry).0
    };
    assert_eq!(
        with(&|entry| entry.recipient = "arn:aws:kms:evil.com:111122223333:key/x".to_owned()),
        "bad-recipient"
    );
    assert_eq!(
        with(&|entry| entry.extras.role = Some("arn:aws:iam::1:role/x&Action=y".to_owned())),
        "bad-recipient"
    );
    let context: Vec<(String, String)> = (0..10_000)
        .map(|number| (format!("name{number}"), "value".to_owned()))
        .collect();
    assert_eq!(
        with(&|entry| entry.extras.context.clone_from(&context)),
        "bad-recipient"
    );
    for enc in [
        "",
        "!",
        "AQI=\"",
        "\u{0}",
        &"A".repeat(1 << 20),
        "QUJD\",\"KeyId\":\"x",
    ] {
        assert_eq!(
            with(&|entry| entry.enc = enc.to_owned()),
            "service-mismatch"
        );
    }
    assert!(amazon.asked().is_empty());
}

#[test]
fn the_users_settings_name_another_place_for_kms_alone() {
    let amazon = Amazon::new();
    let places = Places {
        aws_endpoint: Some("https://vpce.example/".to_owned()),
        ..Places::default()
    };
    let provider = amazon.provider_with(with_keys(), places);
    let mut target = target(&[]);
    target.extras.role = Some(ROLE.to_owned());
    provider.wrap(&target, &DATA_KEY).unwrap();
    let asked = amazon.asked();
    assert!(asked[0].starts_with("sts.eu-west-1.amazonaws.com "));
    assert!(asked[1].starts_with("vpce.example "));
}

#[test]
fn each_refusal_says_why_and_what_to_do() {
    let signature = "The request signature we calculated does not match: canary-canary";
    for (code, message, token, expected) in [
        (
            "com.amazonaws.kms#AccessDeniedException",
            "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: kms:Decrypt on resource: x canary",
            "service-denied",
            "access denied (kms:Decrypt) for arn:aws:iam::111122223333:user/ana\nask for kms:Decrypt on arn:",
        ),
        (
            "AccessDeniedException",
            "The ciphertext refers to a customer master key that does not exist",
            "service-denied",
            "access denied (kms:Decrypt)\nask for kms:Decrypt on arn:",
        ),
        (
            "DisabledException",
            "it is disabled.",
            "key-disabled",
            "the key is disabled\n`aws kms enable-key",
        ),
        (
            "NotFoundException",
            "Key does not exist",
            "no-such-key",
            "there is no such key in eu-west-1\nlook at",
        ),
        (
            "KMSInvalidStateException",
            "x is pending deletion.",
            "key-disabled",
            "the key is about to be deleted\n`aws kms cancel-key-deletion",
        ),
        (
            "KMSInvalidStateException",
            "x is pending import.",
            "key-disabled",
            "state does not allow this\n`aws kms describe-key",
        ),
        (
            "InvalidCiphertextException",
            "",
            "service-mismatch",
            "another encryption context than the file's (app, env)",
        ),
        (
            "IncorrectKeyException",
            "canary",
            "service-mismatch",
            "wrapped with another key",
        ),
        (
            "InvalidKeyUsageException",
            "",
            "service-mismatch",
            "not one that encrypts",
        ),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "bad-credentials",
            "AWS does not accept the credentials of AWS_ACCESS_KEY_ID",
        ),
        (
            "InvalidSignatureException",
            signature,
            "bad-credentials",
            "the secret access key does not belong",
        ),
        (
            "InvalidSignatureException",
            "Signature expired: 20261123T000000Z is now earlier than 20261123T010000Z",
            "bad-credentials",
            "this machine's clock differs",
        ),
        (
            "RequestExpired",
            "canary",
            "bad-credentials",
            "clock differs",
        ),
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            "session-expired",
            "the AWS session of AWS_ACCESS_KEY_ID has expired\nAWS_ACCESS_KEY_ID",
        ),
        (
            "SomethingNewException",
            "a thing happened",
            "service-garbage",
            "KMS in eu-west-1 answered with status 400: a thing happened",
        ),
    ] {
        let (amazon, provider, entry) = wrapped(&[("app", "canary"), ("env", "canary")]);
        amazon.refuses(code, message);
        let (got, told) = failed(&provider, &entry);
        assert_eq!(got, token, "{told}");
        assert!(told.contains(expected), "{code}: {told}");
    }
}

#[test]
fn a_throttled_request_is_made_again() {
    let (amazon, provider, entry) = wrapped(&[]);
    amazon.asked();
    amazon.refuses("ThrottlingException", "Rate exceeded");
    amazon.refuses("com.amazonaws.kms#KMSInternalException", "");
    assert_eq!(opened(&provider, &entry), DATA_KEY);
    assert_eq!(amazon.asked().len(), 3);

    let (amazon, provider, entry) = wrapped(&[]);
    for _ in 0..3 {
        amazon.refuses("ThrottlingException", "Rate exceeded");
    }
    let (code, told) = failed(&provider, &entry);
    assert_eq!(code, "service-busy");
    assert!(told.contains("too busy (status 400)"), "{told}");
}

#[test]
fn garbage_is_told() {
    for (status, body) in [
        (200, ""),
        (200, "canary"),
        (200, "{\"Plaintext\":17}"),
        (200, "{\"Plaintext\":\"canary!\"}"),
        (200, "{}"),
        (302, "<html>canary"),
        (400, "[17]"),
        (403, "<canary/>"),
    ] {
        let (amazon, provider, entry) = wrapped(&[]);
        amazon.broken.lock().unwrap().push(answer(status, body));
        assert_eq!(failed(&provider, &entry).0, "service-garbage", "{body}");
    }
    let (amazon, provider, entry) = wrapped(&[]);
    amazon
        .broken
        .lock()
        .unwrap()
        .push(Err(HttpError::UnknownHost {
            host: "kms".to_owned(),
        }));
    assert_eq!(failed(&provider, &entry).0, "no-network");
}

#[test]
fn a_role_that_cannot_be_assumed_says_so() {
    let xml = |code: &str, message: &str| {
        answer(
            403,
            &format!(
                "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            ),
        )
    };
    for (broken, token, expected) in [
        (
            xml(
                "AccessDenied",
                "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: sts:AssumeRole on resource: x",
            ),
            "service-denied",
            "the role arn:aws:iam::111122223333:role/opener cannot be assumed: access denied (sts:AssumeRole) for arn:aws:iam::111122223333:user/ana\nthe trust policy",
        ),
        (
            xml("ExpiredToken", "x"),
            "session-expired",
            "cannot be assumed: the AWS session of AWS_ACCESS_KEY_ID has expired",
        ),
        (
            xml("InvalidClientTokenId", "x"),
            "bad-credentials",
            "cannot be assumed: AWS does not accept",
        ),
        (
            answer(403, "canary"),
            "service-garbage",
            "STS answered with status 403",
        ),
        (
            answer(200, "canary"),
            "service-garbage",
            "cannot be understood",
        ),
        (
            answer(
                200,
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>can\nary</SecretAccessKey><SessionToken></SessionToken></Credentials></AssumeRoleResult></AssumeRoleResponse>",
            ),
            "bad-credentials",
            "are malformed",
        ),
    ] {
        let (amazon, provider, mut entry) = wrapped(&[]);
        entry.extras.role = Some(ROLE.to_owned());
        amazon.broken_sts.lock().unwrap().push(broken);
        let (code, told) = failed(&provider, &entry);
        assert_eq!(code, token, "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn credentials_that_expired_meanwhile_are_found_anew() {
    let amazon = Amazon::new();
    let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let machine = FakeMachine::default()
        .file(
            "/home/ana/.aws/config",
            "[default]\ncredential_process = printer",
        )
        .programs(move |_| {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(crate::keys::machine::Answer {
                code: Some(0),
                stdout: format!("{{\"Version\":1,\"AccessKeyId\":\"KEY{number}\",\"SecretAccessKey\":\"{SECRET}\"}}").into(),
                stderr: "".into(),
            })
        });
    let provider = amazon.provider(machine);
    let entry = provider.wrap(&target(&[]), &DATA_KEY).unwrap();
    amazon.refuses("ExpiredTokenException", "");
    assert_eq!(opened(&provider, &entry), DATA_KEY);
    let asked = amazon.asked();
    let who: Vec<&str> = asked
        .iter()
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(who, ["KEY0", "KEY0", "KEY1"]);
}

#[test]
fn the_outlook_names_the_host_and_asks_nobody() {
    let (amazon, provider, entry) = wrapped(&[]);
    amazon.asked();
    let outlook = provider.outlook(&entry);
    assert_eq!(outlook.host.as_deref(), Some("kms.eu-west-1.amazonaws.com"));
    assert_eq!(outlook.has, ["AWS_ACCESS_KEY_ID"]);
    let hostile = Wrapped {
        recipient: "arn:aws:kms:evil.com:111122223333:key/x".to_owned(),
        ..entry
    };
    let outlook = provider.outlook(&hostile);
    assert_eq!(outlook.host, None);
    assert!(outlook.trouble.unwrap().contains("ARN of no KMS key"));
    assert!(amazon.asked().is_empty());
}
