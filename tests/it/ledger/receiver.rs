//! Somebody who is told: a server on loopback that checks signatures as the specification of Standard
//! Webhooks says, with nothing of mvx's own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// What a connection is cut with, before any answer.
pub(super) const CUT: &str = "";

/// A server that does what its script says, and answers 200 afterwards.
pub(super) struct Receiver {
    pub(super) host: String,
    got: Arc<Mutex<Vec<Message>>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Receiver {
    /// Each step of the script is the status line of an answer, headers behind it.
    pub(super) fn new(script: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let got: Arc<Mutex<Vec<Message>>> = Arc::default();
        let steps = Arc::new(Mutex::new(script.iter()));
        let shared = Arc::clone(&got);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (got, steps) = (Arc::clone(&shared), Arc::clone(&steps));
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some(message) = request(&mut reader) {
                        got.lock().unwrap().push(message);
                        let step = steps.lock().unwrap().next().copied();
                        if !answer(step.unwrap_or("200 OK"), &stream) {
                            break;
                        }
                    }
                });
            }
        });
        Self { host, got }
    }

    /// An address with a secret of its own in it.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hook/tokenInPath?key=tokenInQuery", self.host)
    }

    /// What has come until now.
    pub(super) fn got(&self) -> Vec<Message> {
        self.got.lock().unwrap().clone()
    }

    /// What came, as objects whose signatures are right.
    pub(super) fn told(&self, key: &[u8]) -> Vec<Value> {
        let check = |message: &Message| {
            assert!(message.is_signed_with(key), "{message:?}");
            let told: Value = serde_json::from_slice(&message.body).unwrap();
            assert_eq!(message.header("webhook-id"), told["id"].as_str().unwrap());
            told
        };
        self.got().iter().map(check).collect()
    }

    /// What came, in short: `rotate A`.
    pub(super) fn heard(&self, key: &[u8]) -> Vec<String> {
        self.told(key).iter().map(short).collect()
    }
}

impl Message {
    pub(super) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(found.next().is_none(), "{name} is there twice");
        value
    }

    /// The specification's own steps, with its tolerance of five minutes.
    pub(super) fn is_signed_with(&self, key: &[u8]) -> bool {
        let time: u64 = self.header("webhook-timestamp").parse().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert!(now.as_secs().abs_diff(time) < 300);
        let content = [
            self.header("webhook-id").as_bytes(),
            b".",
            self.header("webhook-timestamp").as_bytes(),
            b".",
            &self.body,
        ];
        let mut signatures = self.header("webhook-signature").split(' ');
        signatures.any(|signature| {
            let code = signature.strip_prefix("v1,").unwrap();
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            for piece in content {
                mac.update(piece);
            }
            mac.verify_slice(&BASE64_STANDARD.decode(code).unwrap())
                .is_ok()
        })
    }
}

/// `rotate A`: what a message is about.
pub(super) fn short(told: &Value) -> String {
    let secrets = told["secrets"].as_array().unwrap();
    let names = secrets.iter().map(|one| one["name"].as_str().unwrap());
    let names: Vec<&str> = names.collect();
    format!("{} {}", told["action"].as_str().unwrap(), names.join(" "))
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<Message> {
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let line = next().filter(|line| !line.is_empty())?;
    let mut headers = Vec::new();
    while let Some((name, value)) = next()?.split_once(':') {
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut message = Message {
        line,
        headers,
        body: Vec::new(),
    };
    message.body = vec![0; message.header("content-length").parse().unwrap()];
    reader.read_exact(&mut message.body).ok()?;
    Some(message)
}

fn answer(step: &str, mut stream: &TcpStream) -> bool {
    if step == CUT {
        stream.shutdown(Shutdown::Both).ok();
        return false;
    }
    let text = format!("HTTP/1.1 {step}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).is_ok()
}
