//! Tests of [`super`]: every source of a token, and which one is taken.

use std::sync::Mutex;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::*;
use crate::io::http::{HttpError, Response};
use crate::keys::testing::{FakeMachine, answer, services};

type Log = Arc<Mutex<Vec<(String, String)>>>;

/// Answers as Google's logins would: everything gives a token that names where it came from.
fn google(request: &Request) -> Result<Response, HttpError> {
    let body = match request.host().as_str() {
        "oauth2.googleapis.com" => {
            "{\"access_token\":\"of-oauth2\",\"expires_in\":3599,\"token_type\":\"Bearer\"}"
        }
        "sts.googleapis.com" => {
            "{\"access_token\":\"of-sts\",\"issued_token_type\":\"urn:ietf:params:oauth:token-type:access_token\",\"token_type\":\"Bearer\",\"expires_in\":3599}"
        }
        "iamcredentials.googleapis.com" => {
            "{\"accessToken\":\"of-iam\",\"expireTime\":\"2099-01-01T00:00:00Z\"}"
        }
        "169.254.169.254" | "127.0.0.1:8080" => {
            return Ok(Response {
                status: 200,
                headers: vec![("metadata-flavor".to_owned(), "Google".to_owned())],
                body: "{\"access_token\":\"of-metadata\",\"expires_in\":3599}".into(),
            });
        }
        "jobs.example" => "{\"value\":\"of-the-job\"}",
        other => panic!("{other} is asked"),
    };
    answer(200, body)
}

/// The token that this machine finds, the project that is charged, and what was asked.
fn found(machine: FakeMachine) -> (String, Vec<(String, String)>) {
    let log: Log = Arc::default();
    let seen = Arc::clone(&log);
    let machine = machine.answers(move |request| {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let line = format!("{} {}", request.method, request.url);
        seen.lock().unwrap().push((line, body));
        google(request)
    });
    let token = find(&services(machine)).map_err(|refusal| refusal.message);
    let request = token.unwrap().on(Request::new("GET", "https://x"));
    let headers = request.headers.iter().map(|(_, value)| value.as_str());
    let headers = headers.collect::<Vec<_>>().join(" ");
    let log = log.lock().unwrap().clone();
    (headers, log)
}

fn refused(machine: FakeMachine) -> Refusal {
    find(&services(machine)).err().unwrap()
}

fn service_account() -> String {
    let key = include_str!("../../../fixtures/keys/rsa_pkcs8.pem");
    json!({
        "type": "service_account",
        "project_id": "shop",
        "private_key": key,
        "client_email": "mvx@shop.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
    .to_string()
}

const USER: &str = "{\"type\":\"authorized_user\",\"client_id\":\"id\",\"client_secret\":\"sesame\",\"refresh_token\":\"refresh\",\"quota_project_id\":\"shop-7\"}";
const GCLOUD: &str = "/home/ana/.config/gcloud/application_default_credentials.json";

#[test]
fn a_service_account_signs_for_its_token() {
    let text = service_account();
    let (headers, asked) = found(FakeMachine::default().variable("GOOGLE_CREDENTIALS", &text));
    assert_eq!(headers, "Bearer of-oauth2");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].0, "POST https://oauth2.googleapis.com/token");
    let (_, assertion) = asked[0].1.rsplit_once("assertion=").unwrap();
    let claims = assertion.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], "mvx@shop.iam.gserviceaccount.com");
    assert_eq!(claims["scope"], SCOPE);
    // the same from a file
    for name in ["GOOGLE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"] {
        let machine = FakeMachine::default().variable(name, "/keys/sa.json");
        let (headers, _) = found(machine.file("/keys/sa.json", &text));
        assert_eq!(headers, "Bearer of-oauth2");
    }
}

#[test]
fn the_login_of_gcloud_is_found_and_its_project_charged() {
    let (headers, asked) = found(FakeMachine::default().file(GCLOUD, USER));
    assert_eq!(headers, "shop-7 Bearer of-oauth2");
    assert!(asked[0].1.contains("refresh"));
    let elsewhere = FakeMachine::default()
        .variable("CLOUDSDK_CONFIG", "/gcloud")
        .variable("GOOGLE_CLOUD_QUOTA_PROJECT", "other")
        .file("/gcloud/application_default_credentials.json", USER);
    assert_eq!(found(elsewhere).0, "other Bearer of-oauth2");
}

#[test]
fn the_order_is_that_of_sops() {
    let all = || {
        FakeMachine::default()
            .file(GCLOUD, USER)
            .file("/adc.json", service_account())
    };
    assert_eq!(found(all()).0, "shop-7 Bearer of-oauth2");
    let with_file = || all().variable("GOOGLE_APPLICATION_CREDENTIALS", "/adc.json");
    assert_eq!(found(with_file()).0, "Bearer of-oauth2");
    let with_token = || with_file().variable("GOOGLE_OAUTH_ACCESS_TOKEN", "given");
    assert_eq!(found(with_token()), ("Bearer given".to_owned(), vec![]));
    let with_all = with_token().variable("GOOGLE_CREDENTIALS", USER);
    assert_eq!(found(with_all).0, "shop-7 Bearer of-oauth2");
}

#[test]
fn workload_identity_trades_a_token_in() {
    let file = |source: Value, more: Value| {
        let mut file = json!({
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": source,
        });
        for (name, value) in more.as_object().unwrap() {
            file[name] = value.clone();
        }
        let machine =
            FakeMachine::default().variable("GOOGLE_APPLICATION_CREDENTIALS", "/wif.json");
        machine
            .file("/wif.json", file.to_string())
            .file("/token", "of-kubernetes")
    };
    // Kubernetes, without a format
    let (headers, asked) = found(file(json!({"file": "/token"}), json!({})));
    assert_eq!(headers, "Bearer of-sts");
    assert!(asked[0].1.contains("of-kubernetes"), "{asked:?}");
    // GitHub, acting as a service account
    let source = json!({
        "url": "https://jobs.example/token",
        "headers": {"Authorization": "Bearer runtime"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    });
    let account = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/mvx@shop.iam.gserviceaccount.com:generateAccessToken";
    let (headers, asked) = found(file(
        source,
        json!({"service_account_impersonation_url": account}),
    ));
    assert_eq!(headers, "Bearer of-iam");
    assert!(asked[1].1.contains("of-the-job"));
    assert_eq!(asked[2].0, format!("POST {account}"));
    // Amazon, by a request to its token service that Google sends
    let source = json!({
        "environment_id": "aws1",
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    });
    let machine = file(
        source,
        json!({"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"}),
    )
    .variable("AWS_REGION", "eu-west-1")
    .variable("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    .variable("AWS_SECRET_ACCESS_KEY", "test");
    let (headers, asked) = found(machine);
    assert_eq!((headers.as_str(), asked.len()), ("Bearer of-sts", 1));
    assert!(
        asked[0].1.contains("sts.eu-west-1.amazonaws.com"),
        "{asked:?}"
    );
    // a program is not run
    let refusal = refused(file(
        json!({"executable": {"command": "/bin/evil"}}),
        json!({}),
    ));
    assert!(refusal.message.contains("does not run"), "{refusal}");
}

#[test]
fn a_user_can_act_as_a_service_account() {
    let text = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/mvx@shop.iam.gserviceaccount.com:generateAccessToken",
        "source_credentials": serde_json::from_str::<Value>(USER).unwrap(),
        "delegates": [],
    });
    let (headers, asked) = found(FakeMachine::default().file(GCLOUD, text.to_string()));
    assert_eq!(headers, "Bearer of-iam");
    assert_eq!(asked.len(), 2);
}

#[test]
fn a_machine_of_googles_has_an_account_of_its_own() {
    let (headers, asked) = found(FakeMachine::default());
    assert_eq!(headers, "Bearer of-metadata");
    assert_eq!(asked[0].0, "GET http://169.254.169.254/");
    assert_eq!(
        asked[1].0,
        format!(
            "GET http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token?scopes={SCOPE}"
        )
    );
    let named = FakeMachine::default().variable("GCE_METADATA_HOST", "127.0.0.1:8080");
    assert_eq!(found(named).1.len(), 1);
    // another cloud's machine, and none
    let other = FakeMachine::default().answers(|_| answer(404, ""));
    assert_eq!(refused(other).reason, Reason::NoCredentials);
    let none = FakeMachine::default().answers(|request| {
        assert_eq!(request.timeout, PROBE);
        Err(HttpError::Timeout {
            host: request.host(),
            seconds: 1,
        })
    });
    let refusal = refused(none);
    assert_eq!(refusal.reason, Reason::NoCredentials);
    assert!(refusal.hints[0].contains("gcloud auth application-default login"));
}

#[test]
fn what_is_wrong_with_credentials_is_told_without_them() {
    let no_key = service_account().replace("PRIVATE KEY", "WHATEVER");
    for (name, text) in [
        ("GOOGLE_CREDENTIALS", "{"),
        ("GOOGLE_CREDENTIALS", "{\"type\":\"sesame\"}"),
        (
            "GOOGLE_CREDENTIALS",
            "{\"type\":\"authorized_user\",\"client_secret\":\"sesame\"}",
        ),
        (
            "GOOGLE_CREDENTIALS",
            "{\"type\":\"external_account\",\"sesame\":1}",
        ),
        ("GOOGLE_CREDENTIALS", no_key.as_str()),
        ("GOOGLE_CREDENTIALS", "/nowhere"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere"),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "ses ame"),
    ] {
        let refusal = refused(FakeMachine::default().variable(name, text));
        assert_eq!(refusal.reason, Reason::BadCredentials, "{text}");
        assert!(!format!("{refusal:?}").contains("sesame"), "{refusal:?}");
    }
    let broken = USER.replace("shop-7", "a b");
    let refusal = refused(
        FakeMachine::default()
            .variable("GOOGLE_CREDENTIALS", &broken)
            .answers(google),
    );
    assert_eq!(refusal.reason, Reason::BadCredentials);
}

#[test]
fn the_reason_of_a_failed_login_is_googles_or_the_networks() {
    let user = || FakeMachine::default().file(GCLOUD, USER);
    let expired = "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}";
    let refusal = refused(user().answers(move |_| answer(400, expired)));
    assert_eq!(refusal.reason, Reason::Expired);
    let refusal = refused(user().answers(|request| {
        Err(HttpError::UnknownHost {
            host: request.host(),
        })
    }));
    assert_eq!(refusal.reason, Reason::Network);
    let refusal = refused(user().answers(|_| answer(200, "<html>")));
    assert_eq!(refusal.reason, Reason::BadCredentials);
    let account = service_account();
    let account = FakeMachine::default().variable("GOOGLE_CREDENTIALS", &account);
    let refusal = refused(account.answers(|_| answer(503, "")));
    assert_eq!(refusal.reason, Reason::Busy);
}
