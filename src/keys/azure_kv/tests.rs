//! Tests of [`super`]: wrapping and unwrapping, what is asked, and what is refused.

use super::testing::{Azure, KEY, TENANT, VERSION, with_secret};
use super::*;
use crate::error::Explain as _;
use crate::keys::contract::{self, Case};
use crate::keys::testing::FakeMachine;

fn provider(azure: &Arc<Azure>) -> AzureKv {
    AzureKv::new(azure.services(with_secret()))
}

fn target(recipient: &str) -> Target {
    Target::new(Kind::AzureKv, recipient)
}

fn reason(answer: Unwrapped) -> String {
    match answer {
        Unwrapped::Failed(error) => format!("{}: {error}", error.code()),
        Unwrapped::Opened(_) => "opened".to_owned(),
        Unwrapped::NotMine => "not mine".to_owned(),
    }
}

#[test]
fn it_keeps_the_contract() {
    let azure = Azure::new();
    let provider = provider(&azure);
    let other = target("https://other.vault.azure.net/keys/sops");
    let strange = provider.wrap(&other, &[9; 32]).unwrap();
    for mine in [KEY.to_owned(), format!("{KEY}/{VERSION}")] {
        contract::check(&Case {
            provider: &provider,
            mine: target(&mine),
            strange: Wrapped {
                recipient: KEY.to_owned(),
                ..strange.clone()
            },
            knows_its_own: false,
            invalid: "https://shop.vault.azure.net.evil.com/keys/sops",
            effort: Effort::Network,
        });
    }
}

#[test]
fn the_version_is_found_once_and_stands_in_the_entry() {
    let azure = Azure::new();
    let provider = provider(&azure);
    for recipient in [KEY.to_owned(), format!("{KEY}/")] {
        let entry = provider.wrap(&target(&recipient), &[7; 32]).unwrap();
        assert_eq!(entry.recipient, format!("{KEY}/{VERSION}"));
    }
    let named = provider
        .wrap(&target(&format!("{KEY}/42")), &[7; 32])
        .unwrap();
    assert_eq!(named.recipient, format!("{KEY}/42"));
    let asked = azure.asked();
    let api = "?api-version=7.4";
    assert_eq!(
        asked,
        [
            // without a token, without a key
            format!("GET {KEY}{api}"),
            format!("POST https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
            "grant_type=client_credentials&client_id=app&scope=https%3a%2f%2fvault.azure.net%2f.default&client_secret=s%26cret%3d%2b%2f".to_owned(),
            format!("GET {KEY}{api} Bearer token-1"),
            format!("POST {KEY}/{VERSION}/encrypt{api} Bearer token-1"),
            format!("POST {KEY}/{VERSION}/encrypt{api} Bearer token-1"),
            format!("POST {KEY}/42/encrypt{api} Bearer token-1"),
        ]
    );
}

#[test]
fn an_entry_is_asked_for_once_and_without_a_version_too() {
    let azure = Azure::new();
    let provider = provider(&azure);
    let entry = provider.wrap(&target(KEY), &[7; 32]).unwrap();
    azure.asked();
    for _ in 0..3 {
        assert!(
            matches!(provider.unwrap(&entry, Effort::Network), Unwrapped::Opened(key) if *key == [7; 32])
        );
    }
    assert_eq!(azure.asked().len(), 1);
    let bare = Wrapped {
        recipient: KEY.to_owned(),
        ..entry
    };
    assert_eq!(reason(provider.unwrap(&bare, Effort::Network)), "opened");
}

#[test]
fn a_foreign_login_is_never_asked() {
    for challenge in [
        "Bearer authorization=\"https://login.evil.com/t\", resource=\"https://vault.azure.net\"",
        "Bearer authorization=\"https://login.microsoftonline.us/t\", resource=\"https://vault.azure.net\"",
        "Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"https://graph.microsoft.com\"",
    ] {
        let azure = Azure::new();
        *azure.challenge.lock().unwrap() = challenge.to_owned();
        let error = provider(&azure).wrap(&target(KEY), &[7; 32]).unwrap_err();
        assert_eq!(error.code(), "not-believed", "{error}");
        assert_eq!(azure.asked(), [format!("GET {KEY}?api-version=7.4")]);
    }
}

#[test]
fn a_foreign_vault_is_never_asked() {
    let azure = Azure::new();
    let provider = provider(&azure);
    for recipient in [
        "https://evil.com/keys/k/1",
        "https://shop.vault.azure.net.evil.com/keys/k/1",
        "https://shop.vault.azure.net@evil.com/keys/k/1",
        "https://shop.vault.azure.net:444/keys/k/1",
        "http://shop.vault.azure.net/keys/k/1",
        "unknown/keys/unknown",
    ] {
        let entry = target(recipient).wrapped("AAAA".to_owned());
        let told = reason(provider.unwrap(&entry, Effort::Network));
        assert!(
            told.starts_with("not-believed") || told.starts_with("bad-recipient"),
            "{told}"
        );
    }
    assert!(azure.asked().is_empty());
}

#[test]
fn a_token_that_expires_in_the_middle_is_renewed_once() {
    let azure = Azure::new();
    let provider = provider(&azure);
    let wrap = || provider.wrap(&target(KEY), &[7; 32]);
    wrap().unwrap();
    *azure.token.lock().unwrap() = "token-2".to_owned();
    azure.asked();
    wrap().unwrap();
    let logins = |asked: Vec<String>| {
        asked
            .iter()
            .filter(|line| line.contains("/oauth2/"))
            .count()
    };
    assert_eq!(logins(azure.asked()), 1);
    wrap().unwrap();
    assert_eq!(logins(azure.asked()), 0);
}

#[test]
fn a_token_that_was_never_good_is_not_renewed() {
    let azure = Azure::new();
    let services = {
        let azure = Arc::clone(&azure);
        let machine = with_secret().answers(move |request| {
            let mut answer = azure.answer(request)?;
            if request.host().starts_with("login.") {
                answer.body = "{\"access_token\":\"of-another-tenant\"}".into();
            }
            Ok(answer)
        });
        crate::keys::testing::services(machine)
    };
    let provider = AzureKv::new(services);
    for _ in 0..2 {
        let error = provider
            .wrap(&target(&format!("{KEY}/1")), &[7; 32])
            .unwrap_err();
        assert_eq!(error.code(), "bad-credentials");
        assert!(!format!("{error:?}").contains("of-another-tenant"));
    }
    let logins = azure.asked();
    assert_eq!(
        logins
            .iter()
            .filter(|line| line.contains("/oauth2/"))
            .count(),
        1
    );
}

#[test]
fn refusals_and_garbage_have_their_reasons() {
    let denied =
        "{\"error\":{\"code\":\"Forbidden\",\"innererror\":{\"code\":\"ForbiddenByRbac\"}}}";
    let kid = |url: &str| format!("{{\"key\":{{\"kid\":\"{url}\"}}}}");
    for (status, body, code) in [
        (403, denied.to_owned(), "service-denied"),
        (404, String::new(), "no-such-key"),
        (429, String::new(), "service-busy"),
        (200, String::new(), "service-garbage"),
        (200, "[]".to_owned(), "service-garbage"),
        (200, "{\"key\":{}}".to_owned(), "service-garbage"),
        (200, "{\"value\":\"*\"}".to_owned(), "service-garbage"),
        (
            200,
            "{\"key\":{\"kid\":\"x\"},\"attributes\":{\"enabled\":false}}".to_owned(),
            "key-disabled",
        ),
        (200, kid("https://evil.com/keys/sops/1"), "service-garbage"),
        (
            200,
            kid("https://other.vault.azure.net/keys/sops/1"),
            "service-garbage",
        ),
        (
            200,
            kid("https://shop.vault.azure.net/keys/other/1"),
            "service-garbage",
        ),
        (200, kid(KEY), "service-garbage"),
    ] {
        let azure = Azure::new();
        *azure.broken.lock().unwrap() = Some((status, body.clone()));
        let error = provider(&azure).wrap(&target(KEY), &[7; 32]).unwrap_err();
        assert_eq!(error.code(), code, "{status} {body}");
        assert!(!error.to_string().contains('\n'));
    }
}

#[test]
fn nothing_is_sent_for_a_wrapped_key_that_is_none() {
    let azure = Azure::new();
    let provider = provider(&azure);
    for enc in ["", "*", "A", &"A".repeat(4000)] {
        let entry = target(&format!("{KEY}/1")).wrapped(enc.to_owned());
        assert!(reason(provider.unwrap(&entry, Effort::Network)).starts_with("service-mismatch"));
    }
    assert!(azure.asked().is_empty());
}

#[test]
fn without_credentials_the_hint_says_how_to_log_in() {
    let azure = Azure::new();
    let machine = FakeMachine::default().programs(|program| {
        Err(crate::keys::machine::CommandError::Start {
            program: program.program.to_owned(),
            why: "not found".to_owned(),
        })
    });
    let machine = machine.answers({
        let azure = Arc::clone(&azure);
        move |request| {
            if request.url.starts_with("http://") {
                return Err(crate::io::http::HttpError::Timeout {
                    host: request.host(),
                    seconds: 1,
                });
            }
            azure.answer(request)
        }
    });
    let provider = AzureKv::new(crate::keys::testing::services(machine));
    let error = provider.wrap(&target(KEY), &[7; 32]).unwrap_err();
    assert_eq!(error.code(), "no-credentials");
    assert!(error.hints().concat().contains("az login"));
}
