//! Where credentials come from, before machines of the tests' own.

use sha1::{Digest as _, Sha1};

use super::*;
use crate::io::http::{HttpError, Request, Response};
use crate::keys::aws_kms::testing::{Amazon, ROLE, SECRET, TOKEN, with_keys};
use crate::keys::believed::Places;
use crate::keys::machine::{Answer, CommandError};
use crate::keys::testing::{FakeBelieved, FakeMachine, FakePrompt, answer};

/// The id of the key that is found, by whoever asks STS too.
fn found(machine: FakeMachine, named: Option<&str>) -> Result<(String, String), Refusal> {
    let amazon = Amazon::new();
    let services = amazon.services(machine, Places::default());
    find(&services, named)
}

/// The same where servers answer like this.
fn found_at(
    machine: FakeMachine,
    answers: impl Fn(&Request) -> Result<Response, HttpError> + Send + Sync + 'static,
) -> Result<(String, String), Refusal> {
    let services = Services::new(
        std::sync::Arc::new(machine.answers(answers)),
        FakePrompt::silent(),
        std::sync::Arc::new(FakeBelieved::default()),
    );
    find(&services, None)
}

fn find(services: &Services, named: Option<&str>) -> Result<(String, String), Refusal> {
    let region = Region::parse("eu-west-1").unwrap();
    let chain = Chain {
        services,
        region: &region,
    };
    let found = chain.find(named)?;
    let request = Request::new("GET", "https://kms.eu-west-1.amazonaws.com/");
    let signed = found.sign(&request, "kms", "eu-west-1").unwrap();
    let mut headers = signed.headers.iter();
    let (_, authorization) = headers.find(|(name, _)| name == "authorization").unwrap();
    let (_, id) = authorization.split_once("Credential=").unwrap();
    Ok((id.split('/').next().unwrap().to_owned(), found.source))
}

/// What is said where nothing is found, with nothing of what must not be shown.
fn told(result: Result<(String, String), Refusal>) -> (Reason, String) {
    let refusal = result.unwrap_err();
    let text = format!(
        "{}\n{}\n{refusal:?}",
        refusal.message,
        refusal.hints.join("\n")
    );
    for secret in [SECRET, TOKEN, "canary"] {
        assert!(!text.contains(secret), "{text}");
    }
    (refusal.reason, text)
}

fn config(text: &str) -> FakeMachine {
    without_machine().file("/home/ana/.aws/config", text)
}

/// No virtual machine is asked about.
fn without_machine() -> FakeMachine {
    FakeMachine::default().variable("AWS_EC2_METADATA_DISABLED", "true")
}

fn keys(id: &str) -> String {
    format!("aws_access_key_id = {id}\naws_secret_access_key = {SECRET}\n")
}

fn printed(id: &str) -> String {
    format!(
        "{{\"Version\":1,\"Code\":\"Success\",\"AccessKeyId\":\"{id}\",\"SecretAccessKey\":\"{SECRET}\",\"Token\":\"{TOKEN}\",\"Expiration\":\"2099-01-01T00:00:00Z\"}}"
    )
}

fn prints(
    code: i32,
    out: String,
) -> impl Fn(&crate::keys::machine::Program<'_>) -> Result<Answer, CommandError> {
    move |_| {
        Ok(Answer {
            code: Some(code),
            stdout: out.clone().into(),
            stderr: "it said canary".into(),
        })
    }
}

#[test]
fn profiles_are_found_in_their_order() {
    let text = format!(
        "[default]\n{}[profile team]\n{}",
        keys("DEFAULTKEY"),
        keys("TEAMKEY")
    );
    let id = |machine: FakeMachine, named| found(machine, named).unwrap().0;
    assert_eq!(id(config(&text), None), "DEFAULTKEY");
    assert_eq!(
        id(config(&text).variable("AWS_PROFILE", "team"), None),
        "TEAMKEY"
    );
    assert_eq!(
        id(config(&text).variable("AWS_DEFAULT_PROFILE", "team"), None),
        "TEAMKEY"
    );
    let both = || with_keys().file("/home/ana/.aws/config", &text);
    assert_eq!(id(both().variable("AWS_PROFILE", "team"), None), "ENVKEY");
    assert_eq!(id(both(), Some("team")), "TEAMKEY");
    // a name that only others' machines know, in CI
    assert_eq!(id(both(), Some("theirs")), "ENVKEY");
    let (reason, told) = told(found(config(&text), Some("theirs")));
    assert_eq!(reason, Reason::NoCredentials);
    assert!(told.contains("no AWS profile `theirs`"), "{told}");
}

#[test]
fn roles_of_profiles_are_assumed() {
    let text = format!(
        "[profile base]\n{}[profile one]\nrole_arn = {ROLE}\nsource_profile = base\nexternal_id = x\n\
         [profile two]\nrole_arn = {ROLE}s\nsource_profile = one\n\
         [profile env]\nrole_arn = {ROLE}\ncredential_source = Environment\n\
         [profile round]\nrole_arn = {ROLE}\nsource_profile = about\n\
         [profile about]\nrole_arn = {ROLE}\nsource_profile = round\n\
         [profile lost]\nrole_arn = {ROLE}\nsource_profile = gone\n\
         [profile mfa]\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = arn:x\n",
        keys("BASEKEY")
    );
    let amazon = Amazon::new();
    let services = amazon.services(config(&text), Places::default());
    let (id, source) = find(&services, Some("two")).unwrap();
    assert_eq!(
        (id.as_str(), source),
        ("ROLEOPENERS", format!("the role {ROLE}s"))
    );
    let asked = amazon.asked();
    assert!(
        asked[0].contains("ExternalId=x") && asked[0].ends_with("BASEKEY"),
        "{asked:?}"
    );
    assert!(asked[1].ends_with("ROLEOPENER"), "{asked:?}");
    let machine = with_keys().file("/home/ana/.aws/config", &text);
    assert_eq!(found(machine, Some("env")).unwrap().0, "ROLEOPENER");
    for (name, expected) in [
        ("round", "lead in a circle"),
        ("lost", "no AWS profile `gone`"),
        ("mfa", "asks for a code of a second factor"),
        ("env", "wants credentials of `Environment`"),
    ] {
        let (reason, told) = told(found(config(&text), Some(name)));
        assert_eq!(reason, Reason::NoCredentials);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn web_identities_are_traded() {
    let amazon = Amazon::new();
    let machine = without_machine()
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token")
        .variable("AWS_ROLE_ARN", ROLE)
        .variable("AWS_ROLE_SESSION_NAME", "job 7")
        .file("/run/token", "header.payload-_.sig\n");
    let services = amazon.services(machine, Places::default());
    assert_eq!(find(&services, None).unwrap().0, "ROLEOPENER");
    let asked = amazon.asked();
    assert!(
        asked[0].ends_with("RoleSessionName=job7&WebIdentityToken=header.payload-_.sig"),
        "{asked:?}"
    );
    let text = format!("[default]\nrole_arn = {ROLE}\nweb_identity_token_file = /run/token\n");
    let machine = config(&text).file("/run/token", "x.y.z");
    assert_eq!(found(machine, None).unwrap().0, "ROLEOPENER");
    let (_, told) = told(found(config(&text), None));
    assert!(told.contains("/run/token: there is no such file"), "{told}");
}

#[test]
fn programs_print_credentials() {
    let text = "[default]\ncredential_process = \"/opt/a b/print\" --for 'x y'";
    let id = |out: &str| found(config(text).programs(prints(0, out.to_owned())), None);
    assert_eq!(
        id(&printed("PROCKEY")).unwrap(),
        (
            "PROCKEY".to_owned(),
            "the credential_process of the profile default".to_owned()
        )
    );
    let machine = std::sync::Arc::new(config(text).programs(|program| {
        assert_eq!(program.program, "/opt/a b/print");
        assert_eq!(program.arguments, ["--for", "x y"]);
        prints(0, printed("K"))(program)
    }));
    let services = Services::new(
        machine,
        FakePrompt::silent(),
        std::sync::Arc::new(FakeBelieved::default()),
    );
    find(&services, None).unwrap();
    for out in ["", "canary", "{\"Version\":2}", "{\"Version\":1}", "[]"] {
        told(id(out));
    }
    let (_, text) = told(found(
        config(text).programs(prints(3, printed("canary"))),
        None,
    ));
    assert!(text.contains("ended with status 3\n"), "{text}");
    told(found(config("[default]\ncredential_process = 'x"), None));
}

const SIGN_ON: &str = "\
[profile sso]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Dev
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-north-1
[profile old]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-north-1
sso_account_id = 111122223333
sso_role_name = Dev
";

/// What `aws sso login` leaves, under the SHA-1 of `corp` or of the start URL.
fn signed_on(profile: &str, until: &str, more: &str) -> FakeMachine {
    let key = if profile == "sso" {
        "corp"
    } else {
        "https://corp.awsapps.com/start"
    };
    let name = crate::keys::aws_kms::credentials::hex(&Sha1::digest(key));
    config(SIGN_ON).variable("AWS_PROFILE", profile).file(
        &format!("/home/ana/.aws/sso/cache/{name}.json"),
        format!("{{\"accessToken\":\"{TOKEN}\",\"expiresAt\":\"{until}\"{more}}}"),
    )
}

#[test]
fn a_single_sign_on_is_traded_for_a_role() {
    let given = format!(
        "{{\"roleCredentials\":{{\"accessKeyId\":\"SSOKEY\",\"secretAccessKey\":\"{SECRET}\",\"sessionToken\":\"{TOKEN}\",\"expiration\":4102444800000}}}}"
    );
    for (profile, until) in [
        ("sso", "2099-01-01T00:00:00Z"),
        ("old", "2099-01-01T00:00:00UTC"),
    ] {
        let given = given.clone();
        let result = found_at(signed_on(profile, until, ""), move |request| {
            assert_eq!(
                request.url,
                "https://portal.sso.eu-north-1.amazonaws.com/federation/credentials?role_name=Dev&account_id=111122223333"
            );
            assert_eq!(request.headers[0].1.as_str(), TOKEN);
            answer(200, &given)
        });
        assert_eq!(result.unwrap().0, "SSOKEY");
    }
    for (status, body, reason) in [
        (401, "{\"message\":\"canary\"}", Reason::Expired),
        (403, "{\"message\":\"No access\"}", Reason::Denied),
        (200, "canary", Reason::Garbage),
        (500, "canary", Reason::Busy),
    ] {
        let result = found_at(signed_on("sso", "2099-01-01T00:00:00Z", ""), move |_| {
            answer(status, body)
        });
        assert_eq!(told(result).0, reason);
    }
}

#[test]
fn a_single_sign_on_that_ended_says_how_to_renew_it() {
    let ended = |more: &str| signed_on("sso", "2020-01-01T00:00:00Z", more);
    let (reason, text) = told(found(ended(""), None));
    assert_eq!(reason, Reason::Expired);
    assert!(
        text.contains("`aws sso login --sso-session corp`"),
        "{text}"
    );
    let (reason, text) = told(found(config(SIGN_ON), Some("old")));
    assert_eq!(reason, Reason::NoCredentials);
    assert!(text.contains("`aws sso login --profile old`"), "{text}");
    // one that `aws` can renew by itself
    let machine = ended(",\"refreshToken\":\"canary\"").programs(prints(0, printed("NEWKEY")));
    assert_eq!(found(machine, None).unwrap().0, "NEWKEY");
    let machine = ended(",\"refreshToken\":\"canary\"").programs(prints(255, String::new()));
    assert_eq!(told(found(machine, None)).0, Reason::Expired);
    for broken in ["", "canary", "{}"] {
        let machine = config(SIGN_ON).file("/home/ana/.aws/sso/cache/x.json", broken);
        told(found(machine, Some("sso")));
    }
    let (_, text) = told(found(config("[profile a]\nsso_session = b"), Some("a")));
    assert!(text.contains("no [sso-session b]"), "{text}");
}

#[test]
fn containers_have_credentials() {
    let relative = || without_machine().variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
    let result = found_at(relative(), |request| {
        assert!(request.direct);
        assert_eq!(request.url, "http://169.254.170.2/v2/x");
        answer(200, &printed("ECSKEY"))
    });
    assert_eq!(result.unwrap().0, "ECSKEY");
    let full = |url| {
        without_machine()
            .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
            .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/run/token")
            .file("/run/token", format!("{TOKEN}\n"))
    };
    for url in [
        "http://169.254.170.23/v1",
        "http://[fd00:ec2::23]/v1",
        "http://localhost:1/v1",
    ] {
        let result = found_at(full(url), |request| {
            let authorization = request
                .headers
                .iter()
                .find(|(name, _)| name == "authorization");
            assert_eq!(authorization.unwrap().1.as_str(), TOKEN);
            answer(200, &printed("EKSKEY"))
        });
        assert_eq!(result.unwrap().0, "EKSKEY");
    }
    for url in ["http://evil.example/v1", "ftp://x", "nonsense"] {
        told(found(full(url), None));
    }
    told(found_at(relative(), |_| answer(403, "canary")));
    told(found_at(relative(), |_| answer(200, "canary")));
}

#[test]
fn virtual_machines_have_credentials() {
    let imds = |request: &Request| {
        assert!(request.direct && request.timeout.as_secs() == 1);
        let token = request
            .headers
            .iter()
            .any(|(_, value)| value.as_str() == TOKEN);
        match request
            .url
            .strip_prefix("http://169.254.169.254/latest/")
            .unwrap()
        {
            "api/token" => answer(200, TOKEN),
            "meta-data/iam/security-credentials/" if token => answer(200, "the-role\n"),
            "meta-data/iam/security-credentials/the-role" if token => {
                answer(200, &printed("IMDSKEY"))
            }
            _ => answer(401, ""),
        }
    };
    assert_eq!(found_at(FakeMachine::default(), imds).unwrap().0, "IMDSKEY");
    // a laptop waits once
    let result = found_at(FakeMachine::default(), |request| {
        Err(HttpError::Timeout {
            host: request.host(),
            seconds: 1,
        })
    });
    let (reason, text) = told(result);
    assert_eq!(reason, Reason::NoCredentials);
    assert!(text.contains("aws sso login"), "{text}");
    // nobody is asked where the environment says so
    told(found(without_machine(), None));
    let without_role = |request: &Request| match request.method {
        "PUT" => answer(200, TOKEN),
        _ => answer(404, "canary"),
    };
    let (_, text) = told(found_at(FakeMachine::default(), without_role));
    assert!(text.contains("this virtual machine has no role"), "{text}");
}

#[test]
fn half_of_what_is_needed_is_told() {
    let (_, text) = told(found(
        without_machine().variable("AWS_SECRET_ACCESS_KEY", SECRET),
        None,
    ));
    assert!(text.contains("only one of AWS_ACCESS_KEY_ID"), "{text}");
    let (_, text) = told(found(
        without_machine().variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/x"),
        None,
    ));
    assert!(text.contains("AWS_ROLE_ARN is not"), "{text}");
    let (_, text) = told(found(config("[default]\nregion = x\nnonsense"), None));
    assert!(
        text.contains("profile default holds no credentials"),
        "{text}"
    );
    assert!(text.contains("config:3 is malformed"), "{text}");
}
