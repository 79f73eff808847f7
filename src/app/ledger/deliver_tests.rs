//! Tests of [`super`] with receivers on loopback that behave badly.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use zeroize::Zeroizing;

use super::*;
use crate::io::env::Environment;
use crate::ledger::event::Action;
use crate::ledger::webhook::SigningKeys;

/// As patient as a test can be.
const QUICK: Pace = Pace {
    tries: 5,
    first_wait: Duration::from_millis(4),
    longest_wait: Duration::from_secs(2),
    message: Duration::from_secs(20),
    all: Duration::from_mins(1),
};

/// What a receiver does with one request: answers with a status line and headers, or cuts the
/// connection.
type Script = &'static [&'static str];

const CUT: &str = "";

/// A receiver that follows a script, and its last line from then on. What it got comes out of the
/// channel: headers in lower case, and the body.
fn receiver(script: Script) -> (Destination, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (sender, got) = mpsc::channel();
    thread::spawn(move || {
        let mut steps = script
            .iter()
            .chain(std::iter::repeat(script.last().unwrap()));
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while let Some(message) = request(&mut reader) {
                if sender.send(message).is_err() || !answer(steps.next().unwrap(), &stream) {
                    break;
                }
            }
        }
    });
    let url = Zeroizing::new(format!("http://{host}/hook?token=invented"));
    (destination(host, url), got)
}

fn destination(host: String, url: Zeroizing<String>) -> Destination {
    let keys = SigningKeys::parse("an-invented-secret-of-a-test").unwrap();
    Destination { host, url, keys }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut head = String::new();
    while reader.read_line(&mut head).ok()? > 2 {}
    let head = head.to_lowercase();
    let (_, length) = head.split_once("content-length: ")?;
    let mut body = vec![0; length.lines().next()?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

fn answer(line: &str, mut stream: &TcpStream) -> bool {
    if line == CUT {
        stream.shutdown(std::net::Shutdown::Both).ok();
        return false;
    }
    let text = format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).is_ok()
}

fn notices(count: i64) -> Vec<Notice> {
    let one = |number| Notice {
        id: Id::of(&[&[u8::try_from(number).unwrap()]]),
        action: Action::Rotate,
        at: Timestamp::from_second(number).unwrap(),
        file: "a.enc.yaml".into(),
        environment: None,
        secrets: Vec::new(),
        recipients: Vec::new(),
        reason: None,
        grace_until: None,
    };
    (0..count).map(one).collect()
}

fn client() -> Client {
    let nothing: [(&'static str, &str); 0] = [];
    Client::new(&Environment::of(nothing)).unwrap()
}

fn run(to: &Destination, count: i64, pace: Pace) -> Delivery {
    let notices = notices(count);
    let mut all = deliver(&client(), &[Some((to, &notices))], pace, &mut || {});
    all.pop().unwrap()
}

fn message(delivery: &Delivery) -> (&'static str, String) {
    let failure = delivery.failure.as_ref().unwrap();
    assert_eq!(failure.exit, Exit::NO);
    let text = format!("{} {:?}", failure.error, failure.hints);
    assert!(!text.contains("token") && !text.contains("hook"), "{text}");
    (failure.code, failure.error.to_string())
}

#[test]
fn what_may_pass_is_tried_again_under_the_same_id() {
    for failing in [
        &["500 No", "200 OK"],
        &["503 No\r\nRetry-After: 0", "204 OK"],
        &["429 Slow", "202 OK"],
        &["408 Late", "200 OK"],
        &["425 Early", "200 OK"],
        &[CUT, "200 OK"],
    ] {
        let (to, got) = receiver(failing);
        let delivery = run(&to, 1, QUICK);
        assert!(delivery.failure.is_none(), "{failing:?}");
        assert_eq!(delivery.sent[0].tries, 2, "{failing:?}");
        let (first, second) = (got.recv().unwrap(), got.recv().unwrap());
        let id = format!("webhook-id: {}\r\n", notices(1)[0].id);
        assert!(first.0.contains(&id) && second.0.contains(&id), "{first:?}");
        assert_eq!(first.1, second.1);
        assert!(first.0.contains("content-type: application/json\r\n"));
    }
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    for (status, code, says) in [
        ("400 No", "refused", "refuses it with 400"),
        ("401 No", "refused", "refuses it with 401"),
        ("404 No", "refused", "refuses it with 404"),
        ("410 Gone", "gone", "nobody listens there any more"),
        (
            "307 Go\r\nLocation: http://127.0.0.1:9/",
            "redirect",
            "answers 307, a redirect",
        ),
    ] {
        let script: Script = Box::leak(Box::new([status]));
        let (to, got) = receiver(script);
        let delivery = run(&to, 3, QUICK);
        let (told, message) = message(&delivery);
        assert_eq!(told, code);
        assert!(message.contains(says), "{message}");
        assert!(message.contains(&to.host), "{message}");
        assert!(delivery.sent.is_empty());
        got.recv().unwrap();
        assert!(got.try_recv().is_err(), "what comes later was sent");
    }
}

#[test]
fn it_gives_up_and_what_comes_later_is_not_sent() {
    let (to, got) = receiver(&["200 OK", "500 No"]);
    let delivery = run(&to, 4, QUICK);
    assert_eq!(delivery.sent.len(), 1);
    let (code, text) = message(&delivery);
    assert_eq!(code, "not-delivered");
    assert!(text.ends_with("answers 500 (tried 5 times)"), "{text}");
    assert_eq!(got.try_iter().count(), 6);

    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = closed.local_addr().unwrap().to_string();
    drop(closed);
    let url = Zeroizing::new(format!("http://{host}/hook?token=invented"));
    let delivery = run(&destination(host, url), 2, QUICK);
    let (_, text) = message(&delivery);
    assert!(
        text.contains("connection refused (tried 5 times)"),
        "{text}"
    );
}

#[test]
fn one_receiver_does_not_hold_up_another_and_order_is_kept() {
    let (good, got) = receiver(&["500 No", "200 OK"]);
    let (bad, _unheard) = receiver(&["403 No"]);
    let notices = notices(9);
    let mail = [Some((&bad, &notices[..])), None, Some((&good, &notices))];
    let mut steps = 0;
    let all = deliver(&client(), &mail, QUICK, &mut || steps += 1);
    assert!(all[0].failure.is_some() && all[1].failure.is_none());
    assert!(all[1].sent.is_empty());
    assert_eq!((all[2].sent.len(), steps), (9, 9));
    let ids: Vec<String> = got.try_iter().skip(1).map(|(_, body)| body).collect();
    assert_eq!(ids.len(), 9);
    for (notice, body) in notices.iter().zip(ids) {
        assert_eq!(body, notice.to_json().to_string());
    }
}

#[test]
fn waits_are_asked_for_and_end() {
    let began = Instant::now();
    let (to, _got) = receiver(&["503 No\r\nRetry-After: 1", "200 OK"]);
    assert!(run(&to, 1, QUICK).failure.is_none());
    assert!(began.elapsed() >= Duration::from_secs(1));

    let (to, got) = receiver(&["503 No\r\nRetry-After: 3600"]);
    let (_, text) = message(&run(&to, 1, QUICK));
    assert!(
        text.contains("tried once; it asks for a longer wait"),
        "{text}"
    );
    assert_eq!(got.try_iter().count(), 1);

    let (to, _got) = receiver(&["500 No"]);
    let hasty = Pace {
        message: Duration::ZERO,
        ..QUICK
    };
    let (_, text) = message(&run(&to, 1, hasty));
    assert!(text.contains("tried once; there was no time"), "{text}");

    let (to, got) = receiver(&["200 OK"]);
    let late = Pace {
        all: Duration::ZERO,
        ..QUICK
    };
    let (_, text) = message(&run(&to, 2, late));
    assert!(text.contains("took too long over the others"), "{text}");
    assert!(got.try_recv().is_err());
}

#[test]
fn the_header_is_a_number_or_a_date() {
    assert_eq!(asked_wait(" 12 "), Some(Duration::from_secs(12)));
    assert_eq!(asked_wait("99999999999999999999"), Some(Duration::MAX));
    assert_eq!(asked_wait(""), None);
    assert_eq!(asked_wait("soon"), None);
    assert_eq!(asked_wait("-1"), None);
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(asked_wait(past), Some(Duration::ZERO));
    let future = "Sat, 06 Nov 2094 08:49:37 GMT";
    assert!(asked_wait(future).unwrap() > Duration::from_hours(1));
}

#[test]
fn waits_double_and_differ() {
    let first = Duration::from_secs(1);
    for (tries, whole) in [(1, 1), (2, 2), (3, 4), (4, 8)] {
        let whole = Duration::from_secs(whole);
        let waits: Vec<Duration> = (0..20).map(|_| wait(first, tries)).collect();
        assert!(
            waits
                .iter()
                .all(|wait| *wait >= whole / 2 && *wait <= whole)
        );
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
