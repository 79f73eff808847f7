//! Tests of [`super`]: every source of a token, and which one is taken.

use super::*;
use crate::keys::azure_kv::key::KeyId;
use crate::keys::azure_kv::testing::{Azure, TENANT, with_secret};
use crate::keys::machine::Answer;
use crate::keys::testing::{FakeMachine, answer, services};

fn challenge() -> Challenge {
    let key = KeyId::parse("https://shop.vault.azure.net/keys/k").unwrap();
    Challenge {
        cloud: key.cloud,
        login: "login.microsoftonline.com",
        tenant: TENANT.to_owned(),
        domain: "vault.azure.net",
    }
}

/// What is asked on this machine to get a token.
fn asked(machine: FakeMachine) -> Vec<String> {
    let azure = Azure::new();
    let services = azure.services(machine);
    let token = find(&services, &challenge()).unwrap();
    let request = token.on(Request::new("GET", "https://x"));
    assert_eq!(request.headers[0].1.as_str(), "Bearer token-1");
    azure.asked()
}

fn refused(machine: FakeMachine) -> Refusal {
    let azure = Azure::new();
    let refusal = find(&azure.services(machine), &challenge());
    refusal.err().unwrap()
}

#[test]
fn a_federated_token_is_exchanged() {
    let machine = FakeMachine::default()
        .variable("AZURE_TENANT_ID", "contoso.onmicrosoft.com")
        .variable("AZURE_CLIENT_ID", "app")
        .variable("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")
        .variable("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token")
        .file("/var/run/token", "a.b.c\n");
    assert_eq!(
        asked(machine),
        [
            "POST https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token",
            "grant_type=client_credentials&client_id=app&scope=https%3a%2f%2fvault.azure.net%2f.default&client_assertion_type=urn%3aietf%3aparams%3aoauth%3aclient-assertion-type%3ajwt-bearer&client_assertion=a.b.c",
        ]
    );
}

#[test]
fn managed_identities_are_asked_where_they_are() {
    let machine = FakeMachine::default()
        .variable("IDENTITY_ENDPOINT", "http://127.0.0.1:41001/msi/token")
        .variable("IDENTITY_HEADER", "shown")
        .variable("AZURE_CLIENT_ID", "app");
    assert_eq!(
        asked(machine),
        [
            "GET http://127.0.0.1:41001/msi/token?api-version=2019-08-01&resource=https%3a%2f%2fvault.azure.net&client_id=app shown"
        ]
    );
    assert_eq!(
        asked(FakeMachine::default()),
        [
            "GET http://169.254.169.254/metadata/identity/oauth2/token",
            "GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3a%2f%2fvault.azure.net true",
        ]
    );
}

#[test]
fn a_secret_comes_before_everything_else() {
    let machine = with_secret()
        .variable("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token")
        .variable("IDENTITY_ENDPOINT", "http://127.0.0.1:41001/msi/token")
        .variable("IDENTITY_HEADER", "shown");
    assert!(asked(machine)[1].contains("client_secret="));
}

#[test]
fn what_is_half_configured_is_told() {
    let half = FakeMachine::default()
        .variable("AZURE_CLIENT_SECRET", "s")
        .variable("AZURE_CLIENT_ID", "app");
    assert_eq!(
        refused(half).message,
        "AZURE_CLIENT_SECRET is set, but AZURE_TENANT_ID is not"
    );
    let absent = with_secret();
    let absent = absent.variable("AZURE_TENANT_ID", "../x?y=");
    assert_eq!(refused(absent).reason, Reason::BadCredentials);
    let lost = FakeMachine::default().variable("AZURE_FEDERATED_TOKEN_FILE", "/nowhere");
    assert_eq!(refused(lost).reason, Reason::BadCredentials);
    let certificate = FakeMachine::default().variable("AZURE_CLIENT_CERTIFICATE_PATH", "/c.pem");
    assert_eq!(refused(certificate).reason, Reason::NoCredentials);
}

#[test]
fn another_authority_must_be_one_of_the_vaults_cloud() {
    for host in [
        "https://login.evil.com",
        "https://login.microsoftonline.us",
        "https://login.microsoftonline.com.evil.com/",
        "http://login.microsoftonline.com/",
    ] {
        let machine = with_secret().variable("AZURE_AUTHORITY_HOST", host);
        assert_eq!(refused(machine).reason, Reason::NotBelieved, "{host}");
    }
    let machine = with_secret().variable("AZURE_AUTHORITY_HOST", "login.windows.net");
    assert!(asked(machine)[0].starts_with("POST https://login.windows.net/"));
}

/// A machine that is none of Azure's, with an `az` that answers so.
fn with_az(code: i32, stdout: &'static str, stderr: &'static str) -> FakeMachine {
    FakeMachine::default()
        .answers(|_| answer(400, "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}"))
        .programs(move |program| {
            let words: Vec<_> = program.arguments.iter().filter_map(|it| it.to_str()).collect();
            let expected = format!("account get-access-token --output json --resource https://vault.azure.net --tenant {TENANT}");
            assert_eq!((program.program, words.join(" ")), ("az", expected));
            assert!(!program.may_ask);
            Ok(Answer {
                code: Some(code),
                stdout: Cleartext::from(stdout),
                stderr: Cleartext::from(stderr),
            })
        })
}

fn of_az(machine: FakeMachine) -> Result<Token, Refusal> {
    find(&services(machine), &challenge())
}

#[test]
fn the_login_of_az_is_taken_where_there_is_nothing_else() {
    let said = "{\"accessToken\": \"a.b.c\", \"expiresOn\": \"2026-11-23 02:00:00.000000\"}";
    assert!(of_az(with_az(0, said, "WARNING: x")).is_ok());
    let refusal = of_az(with_az(
        1,
        "",
        "ERROR: Please run 'az login' to setup account.\n",
    ));
    let refusal = refusal.err().unwrap();
    assert_eq!(
        refusal.message,
        "`az` has no token for the vault: Please run 'az login' to setup account"
    );
    assert_eq!(
        refusal.hints,
        [format!("`az login --tenant {TENANT}` logs you in")]
    );
    let expired = "ERROR: AADSTS70043: The refresh token has expired. Trace ID: 1\n";
    assert_eq!(
        of_az(with_az(1, "", expired)).err().unwrap().reason,
        Reason::Expired
    );
    for garbage in [
        "",
        "{}",
        "{\"accessToken\": \"\"}",
        "{\"accessToken\": \"a b\"}",
        "no json",
    ] {
        assert_eq!(
            of_az(with_az(0, garbage, "")).err().unwrap().reason,
            Reason::Garbage
        );
    }
}

#[test]
fn an_identity_that_is_named_and_missing_is_told_where_az_is_not_there() {
    // a runner of GitHub whose job has logged in with `az`
    let said = "{\"accessToken\": \"a.b.c\"}";
    let machine = with_az(0, said, "").variable("AZURE_CLIENT_ID", "app");
    assert!(of_az(machine).is_ok());
    let machine = with_az(0, said, "")
        .variable("AZURE_CLIENT_ID", "app")
        .programs(|program| {
            Err(CommandError::Start {
                program: program.program.to_owned(),
                why: "not found".to_owned(),
            })
        });
    let refusal = of_az(machine).err().unwrap();
    assert_eq!(refusal.reason, Reason::NoCredentials);
    assert_eq!(
        refusal.message,
        "the managed identity gave no token (status 400: Identity not found)"
    );
}

#[test]
fn a_form_keeps_every_byte() {
    assert_eq!(
        form(&[("a", "x y&z=ü"), ("b", "-._~")]).as_slice(),
        b"a=x%20y%26z%3d%c3%bc&b=-._~"
    );
}
