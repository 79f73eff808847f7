//! What the signing libraries ask of a machine, answered by ours.
//!
//! reqsign knows where AWS and Google keep credentials, trades them for tokens, and signs; files,
//! variables, programs and the network it asks for through traits. They are written for an
//! asynchronous world. Nothing here ever waits anywhere but inside of a call, so that a future is
//! done when it is looked at for the first time, and no runtime is needed.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use reqsign_core::{
    CommandExecute, CommandOutput, Context, Env, Error, FileRead, HttpSend, Result,
};
use zeroize::Zeroizing;

use crate::io::env::VARIABLES;
use crate::io::http::Request;
use crate::keys::machine::Program;
use crate::keys::remote::Services;

/// How long a machine's own metadata service may take: it is next door, or not there at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a program that prints credentials may take; it may ask a person to log in.
const PROGRAM_TIMEOUT: Duration = Duration::from_mins(1);

/// Where clouds keep the metadata of their machines and containers. Sources: "Use `IMDSv2`" and
/// "Container credential provider" of AWS, "VM metadata" of Google.
const METADATA_HOSTS: [&str; 6] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "metadata.google.internal",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
];

/// The machine as the signing libraries see it.
pub fn context(services: &Arc<Services>) -> Context {
    let ours = || Ours(Arc::clone(services));
    Context::new()
        .with_file_read(ours())
        .with_http_send(ours())
        .with_env(ours())
        .with_command_execute(ours())
}

/// Runs a future of theirs to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut task = Task::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut task) {
            return done;
        }
        // Only where the library waits for another thread's turn: a lock around shared tokens.
        std::thread::yield_now();
    }
}

/// A request of theirs as one of ours.
pub fn ours(request: &http::Request<Bytes>) -> Request {
    let method = match request.method().as_str() {
        "POST" => "POST",
        "PUT" => "PUT",
        _ => "GET",
    };
    let mut ours = Request::new(method, request.uri().to_string()).body(request.body().to_vec());
    for (name, value) in request.headers() {
        // The client sets these itself.
        if ["host", "content-length"].contains(&name.as_str()) {
            continue;
        }
        let value = Zeroizing::new(String::from_utf8_lossy(value.as_bytes()).into_owned());
        ours.headers.push((name.as_str().to_owned(), value));
    }
    if is_metadata(request.uri()) {
        ours.direct = true;
        ours.timeout = METADATA_TIMEOUT;
    }
    ours
}

fn is_metadata(uri: &http::Uri) -> bool {
    uri.host().is_some_and(|host| {
        METADATA_HOSTS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host))
    })
}

/// Our machine.
struct Ours(Arc<Services>);

impl fmt::Debug for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this machine")
    }
}

impl FileRead for Ours {
    async fn file_read(&self, path: &str) -> Result<Vec<u8>> {
        match self.0.machine.read(Path::new(path)) {
            Ok(file) => Ok(file.text.as_bytes().to_vec()),
            Err(error) => Err(Error::unexpected(format!("{path}: {}", error.reason()))),
        }
    }
}

impl HttpSend for Ours {
    async fn http_send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        let request = ours(&request);
        // A metadata service that is not there is the usual case, and asked once.
        let answer = if request.direct {
            self.0.machine.send(&request)
        } else {
            self.0.send(&request)
        };
        let answer = answer.map_err(|error| Error::unexpected(error.to_string()))?;
        let mut response = http::Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        response
            .body(Bytes::copy_from_slice(answer.body.as_bytes()))
            .map_err(|_| Error::unexpected("the answer's headers are malformed"))
    }
}

impl Env for Ours {
    fn var(&self, key: &str) -> Option<String> {
        let (name, _) = VARIABLES.iter().find(|(name, _)| *name == key)?;
        self.0.machine.variable(name)?.into_string().ok()
    }

    fn vars(&self) -> HashMap<String, String> {
        let names = VARIABLES.iter().map(|(name, _)| *name);
        names
            .filter_map(|name| Some((name.to_owned(), self.var(name)?)))
            .collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        self.0.machine.home()
    }
}

impl CommandExecute for Ours {
    async fn command_execute(&self, program: &str, arguments: &[&str]) -> Result<CommandOutput> {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        let answer = self.0.machine.call(Program {
            program,
            arguments: &arguments,
            stdin: None,
            variables: &[],
            timeout: PROGRAM_TIMEOUT,
            may_ask: true,
        });
        let answer = answer.map_err(|error| Error::unexpected(error.to_string()))?;
        Ok(CommandOutput {
            status: answer.code.unwrap_or(-1),
            stdout: answer.stdout.as_bytes().to_vec(),
            // Whatever it complained about may hold anything; the status tells enough.
            stderr: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::http::HttpError;
    use crate::keys::machine::Answer;
    use crate::keys::testing::{FakeMachine, answer, services};
    use crate::secret::Cleartext;

    fn machine() -> FakeMachine {
        FakeMachine::default()
            .variable("HTTPS_PROXY", "http://proxy")
            .file("/home/ana/x", "text")
            .answers(|request| {
                if request.host() == "169.254.169.254" {
                    assert!(request.direct);
                    assert_eq!(request.timeout, METADATA_TIMEOUT);
                    return Err(HttpError::Unreachable {
                        host: request.host(),
                        why: "nobody".to_owned(),
                    });
                }
                assert!(!request.direct);
                assert_eq!(*request.body, b"sent");
                assert_eq!(request.headers.len(), 1);
                answer(201, "got")
            })
            .programs(|_| {
                Ok(Answer {
                    code: Some(3),
                    stdout: Cleartext::new(b"out".to_vec()),
                    stderr: Cleartext::new(b"a secret".to_vec()),
                })
            })
    }

    #[test]
    fn the_machine_answers_what_a_library_asks() {
        let context = context(&services(machine()));
        assert_eq!(
            context.env_var("HTTPS_PROXY").as_deref(),
            Some("http://proxy")
        );
        // A variable that mvx does not document is not there.
        assert_eq!(context.env_var("MVX_NO_SUCH_VARIABLE"), None);
        assert_eq!(context.env_vars().len(), 1);
        assert_eq!(context.home_dir(), Some("/home/ana".into()));
        assert_eq!(block_on(context.file_read("/home/ana/x")).unwrap(), b"text");
        let gone = block_on(context.file_read("/home/ana/y")).unwrap_err();
        assert!(gone.to_string().contains("there is no such file"), "{gone}");

        let request = http::Request::post("https://sts.example/")
            .header("host", "sts.example")
            .header("x-y", "z")
            .body(Bytes::from_static(b"sent"));
        let response = block_on(context.http_send(request.unwrap())).unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.body()[..]),
            (201, &b"got"[..])
        );
        let request = http::Request::put("http://169.254.169.254/latest/api/token");
        let request = request.body(Bytes::new()).unwrap();
        assert!(block_on(context.http_send(request)).is_err());

        let output = block_on(context.command_execute("print", &["a b"])).unwrap();
        assert_eq!((output.status, &output.stdout[..]), (3, &b"out"[..]));
        assert!(output.stderr.is_empty());
    }
}
