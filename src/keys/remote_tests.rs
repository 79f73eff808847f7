//! Tests of [`super`]: how often a service is asked, and what is remembered.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::keys::Kind;
use crate::keys::testing::{FakeBelieved, FakeMachine, FakePrompt, answer};
use crate::keys::{Extras, Target};

fn services(
    answers: impl Fn(&Request) -> Result<Response, HttpError> + Send + Sync + 'static,
) -> (Services, Arc<FakeMachine>) {
    let machine = Arc::new(FakeMachine::default().answers(answers));
    let services = Services::new(
        Arc::clone(&machine) as Arc<dyn Machine>,
        FakePrompt::silent(),
        Arc::new(FakeBelieved::default()),
    );
    (services, machine)
}

const URL: &str = "https://service.example/x";

#[test]
fn only_what_may_pass_is_tried_again() {
    for (status, tries) in [
        (429, 3),
        (500, 3),
        (503, 3),
        (400, 1),
        (403, 1),
        (302, 1),
        (200, 1),
    ] {
        let (services, machine) = services(move |_| answer(status, ""));
        let response = services.send(&Request::new("GET", URL)).unwrap();
        assert_eq!(response.status, status);
        let log = machine.log();
        assert_eq!(
            log.iter().filter(|line| *line != "wait").count(),
            tries,
            "{status}"
        );
        assert_eq!(log.iter().filter(|line| *line == "wait").count(), tries - 1);
    }
}

#[test]
fn a_service_that_was_busy_once_is_asked_again_and_answers() {
    let count = AtomicU32::new(0);
    let (services, machine) = services(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => answer(429, "slow down"),
        _ => answer(200, "here"),
    });
    let response = services.send(&Request::new("GET", URL)).unwrap();
    assert_eq!(response.body.as_bytes(), b"here");
    assert_eq!(machine.log().len(), 3);
}

#[test]
fn a_host_that_cannot_be_reached_is_asked_once_in_a_run() {
    let (services, machine) = services(|request| {
        Err(HttpError::Timeout {
            host: request.host(),
            seconds: 20,
        })
    });
    for _ in 0..4 {
        let error = services.send(&Request::new("GET", URL)).err().unwrap();
        assert_eq!(
            error.to_string(),
            "service.example did not answer within 20 s"
        );
    }
    // three tries with two waits between them, and none after that
    assert_eq!(machine.log().len(), 5);
    let other = services.send(&Request::new("GET", "https://other.example/"));
    assert!(other.is_err());
    assert_eq!(machine.log().len(), 5);
}

#[test]
fn a_host_that_stays_busy_is_tried_once_for_what_comes_next() {
    let (services, machine) = services(|_| answer(503, ""));
    for _ in 0..4 {
        let response = services.send(&Request::new("GET", URL)).unwrap();
        assert_eq!(response.status, 503);
    }
    // three tries with two waits between them, and one for each of the others
    assert_eq!(machine.log().len(), 5 + 3);
}

#[test]
fn a_refusal_repeats_nothing_of_what_was_sent() {
    let key = "ZK94/jyQapVx+0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sS=";
    let echo = format!("no {key} for s.abcdefgh with Signature deadbeefdeadbeef: Plaintext");
    let body = format!("{{\"message\":\"{echo}\"}}");
    let (services, _) = services(move |_| answer(400, &body));
    let request = Request::new("POST", URL)
        .header("X-Vault-Token", "s.abcdefgh")
        .header("Authorization", "AWS4 Signature=deadbeefdeadbeef")
        .body(format!("{{\"Plaintext\":\"{key}\"}}").into_bytes());
    let refusal = services.send(&request).unwrap();
    let text = refusal.body.as_str().unwrap();
    assert_eq!(
        text,
        "{\"message\":\"no …= for … with Signature …: Plaintext\"}"
    );
}

#[test]
fn a_cut_connection_is_tried_again_and_takes_no_host_down() {
    let count = AtomicU32::new(0);
    let (services, _) = services(move |request| match count.fetch_add(1, Ordering::Relaxed) {
        0 | 2..=4 => Err(HttpError::Cut {
            host: request.host(),
        }),
        _ => answer(200, "here"),
    });
    assert!(services.send(&Request::new("GET", URL)).is_ok());
    assert!(services.send(&Request::new("GET", URL)).is_err());
    assert!(services.send(&Request::new("GET", URL)).is_ok());
}

#[test]
fn what_could_be_a_token_is_left_out() {
    for opaque in [
        "s.K3xAbCdEfGhIjKlMnOpQrStUv",
        "{\"plaintext\":\"ZK94/jyQapVx0aB1cD2eF3gH4i\"}",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.aaa-BBB_111",
        "deadbeefdeadbeefdeadbeefdeadbeef",
    ] {
        assert!(is_opaque(opaque), "{opaque}");
    }
    for word in [
        "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "projects/p/locations/global/keyRings/r/cryptoKeys/k",
        "arn:aws:iam::111122223333:user/ana",
        "transit/decrypt/shop",
        "ValidationException",
    ] {
        assert!(!is_opaque(word), "{word}");
    }
}

#[test]
fn waits_grow_and_are_left_to_chance() {
    for tries in 1..=3 {
        let whole = FIRST_WAIT * 2_u32.pow(tries - 1);
        let waits: Vec<Duration> = (0..50).map(|_| wait(tries)).collect();
        assert!(
            waits
                .iter()
                .all(|wait| *wait >= whole / 2 && *wait <= whole)
        );
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
    assert!(wait(40) <= LONGEST_WAIT);
}

#[test]
fn an_entry_is_asked_for_once_by_all_threads_of_a_run() {
    let memory = Memory::default();
    let asked = AtomicU32::new(0);
    let target = Target::new(Kind::AwsKms, "arn");
    let entry = target.wrapped("enc".to_owned());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = memory.unwrap(&entry, || {
                    asked.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(5));
                    Ok(Zeroizing::new(vec![7; 32]))
                });
                assert!(matches!(answer, Unwrapped::Opened(key) if *key == [7; 32]));
            });
        }
    });
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let elsewhere = Wrapped {
        extras: Extras {
            context: vec![("app".to_owned(), "shop".to_owned())],
            ..Extras::default()
        },
        ..entry
    };
    let refused = || Err(Refusal::new(Reason::Mismatch, "another context"));
    assert!(matches!(
        memory.unwrap(&elsewhere, refused),
        Unwrapped::Failed(_)
    ));
}

#[test]
fn a_services_words_are_cut_and_cleaned() {
    let token = "A".repeat(40);
    assert_eq!(
        said(&format!("bad\n token \u{1b}[31m{token}. Go")),
        "bad token … Go"
    );
    assert_eq!(
        said(
            "key arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab is off"
        ),
        "key arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab is off"
    );
    assert!(said(&"word ".repeat(200)).chars().count() <= MOST_SAID + 1);
}
