//! Credentials that a program prints: `credential_process` of a profile.
//!
//! Source: "Process credential provider" in the AWS SDKs and Tools Reference Guide. The line is the
//! user's own, out of `~/.aws/config`; it is split as a shell would, and no shell is started.

use std::ffi::OsString;
use std::time::Duration;

use serde::Deserialize;

use crate::keys::aws_kms::credentials::Credentials;
use crate::keys::aws_kms::metadata::Printed;
use crate::keys::machine::{Platform, Program};
use crate::keys::remote::{Reason, Refusal, Services, said};

/// How long the program may take; it may ask a person to log in.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Runs the line of a profile, which is called `source`.
pub(super) fn run(services: &Services, source: &str, line: &str) -> Result<Credentials, Refusal> {
    let words = match services.machine.platform() {
        // A backslash is a part of a path there.
        Platform::Windows => shlex::split(&line.replace('\\', "\\\\")),
        Platform::MacOs | Platform::Unix => shlex::split(line),
    };
    let Some((program, arguments)) = words.as_deref().and_then(<[String]>::split_first) else {
        return Err(Refusal::new(
            Reason::NoCredentials,
            format!("the credential_process of {source} is no command"),
        ));
    };
    let source = format!("the credential_process of {source}");
    call(services, &source, program, arguments, true)
}

/// Asks Amazon's own program for a profile's credentials: it renews what mvx only reads.
pub(super) fn export(services: &Services, profile: &str) -> Result<Credentials, Refusal> {
    let arguments = [
        "configure".to_owned(),
        "export-credentials".to_owned(),
        format!("--profile={profile}"),
        "--format=process".to_owned(),
    ];
    call(
        services,
        "`aws configure export-credentials`",
        "aws",
        &arguments,
        false,
    )
}

fn call(
    services: &Services,
    source: &str,
    program: &str,
    arguments: &[String],
    may_ask: bool,
) -> Result<Credentials, Refusal> {
    let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
    let failed = |why: String| Refusal::new(Reason::NoCredentials, why);
    let answer = services.machine.call(Program {
        program,
        arguments: &arguments,
        stdin: None,
        variables: &[],
        timeout: TIMEOUT,
        may_ask,
    });
    let answer = answer.map_err(|error| failed(format!("{source}: {error}")))?;
    if answer.code != Some(0) {
        let status = answer
            .code
            .map_or_else(|| "a signal".to_owned(), |code| format!("status {code}"));
        // What it complained with may hold anything.
        return Err(failed(format!("{source} ended with {status}"))
            .hint(format!("run it by hand to see why: `{}`", said(program))));
    }
    let version: Option<Version> = serde_json::from_slice(answer.stdout.as_bytes()).ok();
    if version.is_some_and(|known| known.version != 1) {
        return Err(failed(format!("{source} printed another version than 1")));
    }
    let renewal = format!(
        "run the program by hand to see what it says: `{}`",
        said(program)
    );
    Printed::credentials(answer.stdout.as_bytes(), source, &renewal)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: u32,
}
