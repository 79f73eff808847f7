//! A server on loopback that behaves badly in the ways that servers do, and otherwise passes requests
//! on to a sound one.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What it does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers with a status, headers (each ending with CR LF) and a body.
    Answer(u16, &'static str, String),
    /// Answers with bytes that are no HTTP.
    Garbage,
    /// Reads the request and ends the connection.
    Cut,
    /// Ends the connection in the middle of the answer.
    CutInTheBody,
    /// Answers nothing for this long, then ends the connection.
    Hang(Duration),
    /// Waits, then passes the request on.
    Late(Duration),
    /// Passes the request on to the server behind it.
    Pass,
}

/// The server. It lives until the test process ends.
pub(crate) struct Rough {
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Rough {
    /// Starts it. The acts are used up one a request; after them, `last` goes on for ever. `behind` is
    /// `http://HOST:PORT` of the sound server.
    pub(crate) fn start(acts: impl IntoIterator<Item = Act>, last: Act, behind: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let acts: Arc<Mutex<VecDeque<Act>>> = Arc::new(Mutex::new(acts.into_iter().collect()));
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let behind = behind.trim_start_matches("http://").to_owned();
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (acts, log, behind, last) = (
                    Arc::clone(&acts),
                    Arc::clone(&log),
                    behind.clone(),
                    last.clone(),
                );
                thread::spawn(move || serve(stream, &acts, &last, &log, &behind));
            }
        });
        Self { address, seen }
    }

    /// What was asked so far: the request line and the headers, then the body, as text.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Serves the requests of one connection.
fn serve(
    stream: TcpStream,
    acts: &Mutex<VecDeque<Act>>,
    last: &Act,
    log: &Mutex<Vec<String>>,
    behind: &str,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read_message(&mut reader) {
        log.lock()
            .unwrap()
            .push(String::from_utf8_lossy(&request).into_owned());
        let act = acts
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| last.clone());
        let done = match act {
            Act::Answer(status, headers, body) => stream.write_all(
                format!(
                    "HTTP/1.1 {status} Any\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .as_bytes(),
            ),
            Act::Garbage => {
                let _unused = stream.write_all(b"\x00\x01\x02 this is no HTTP\r\n\r\n");
                return;
            }
            Act::Cut => return,
            Act::CutInTheBody => {
                let _unused =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"cut");
                return;
            }
            Act::Hang(time) => {
                thread::sleep(time);
                return;
            }
            Act::Late(time) => {
                thread::sleep(time);
                pass(&request, behind, &mut stream)
            }
            Act::Pass => pass(&request, behind, &mut stream),
        };
        if done.is_err() {
            return;
        }
    }
}

/// One message with its body, where `Content-Length` tells of one.
fn read_message(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let mut length = 0;
    loop {
        let start = message.len();
        if reader.read_until(b'\n', &mut message).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&message[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let start = message.len();
    message.resize(start + length, 0);
    reader.read_exact(&mut message[start..]).ok()?;
    Some(message)
}

/// Passes a request on over a connection of its own, and the whole answer back.
fn pass(request: &[u8], behind: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    let mut upstream = TcpStream::connect(behind)?;
    upstream.write_all(request)?;
    let mut reader = BufReader::new(upstream);
    let answer = read_message(&mut reader).ok_or(std::io::ErrorKind::UnexpectedEof)?;
    stream.write_all(&answer)
}
