//! Tests of [`super`] with servers on loopback that behave badly.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use super::*;

/// Serves connections one after another with `serve`, which gets the request's head.
fn server(
    serve: impl Fn(&str, &mut TcpStream) + Send + 'static,
) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while reader.read_line(&mut head).is_ok_and(|count| count > 2) {}
            sender.send(head.clone()).unwrap();
            serve(&head, &mut stream);
        }
    });
    (address, receiver)
}

fn client() -> Client {
    client_with(&[])
}

fn client_with(variables: &[(&'static str, &str)]) -> Client {
    let environment = Environment::of(variables.iter().map(|(name, value)| (*name, *value)));
    Client::new(&environment).unwrap()
}

fn send(address: &str) -> Result<Response, HttpError> {
    let mut request = Request::new("GET", format!("http://{address}/path"));
    request.timeout = Duration::from_millis(400);
    client().send(&request)
}

#[test]
fn a_request_goes_out_as_it_is_and_the_answer_comes_whole() {
    let (address, heads) = server(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 403 No\r\nX-Why: because\r\nContent-Length: 4\r\n\r\nbody")
            .unwrap();
    });
    let request = Request::new("POST", format!("http://{address}/path?q=1"))
        .header("X-Token", "abc")
        .body(b"sent".to_vec());
    let response = client().send(&request).unwrap();
    assert_eq!((response.status, response.is_success()), (403, false));
    assert_eq!(response.header("x-why"), Some("because"));
    assert_eq!(response.body.as_bytes(), b"body");
    let head = heads.recv().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("post /path?q=1 http/1.1\r\n"), "{head}");
    assert!(head.contains("x-token: abc\r\n"));
    assert!(head.contains("content-length: 4\r\n"));
    assert!(head.contains(concat!("user-agent: mvx/", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let (other, others) = server(|_, _| {});
    let (address, _heads) = server(move |_, stream| {
        let text =
            format!("HTTP/1.1 302 Go\r\nLocation: http://{other}/\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
    });
    assert_eq!(send(&address).unwrap().status, 302);
    assert!(others.try_recv().is_err());
}

#[test]
fn each_way_to_fail_is_told_apart() {
    let (cut, _heads) = server(|_, _| {});
    let (in_the_middle, _heads) = server(|_, stream| {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort";
        stream.write_all(text).unwrap();
    });
    let (garbage, _heads) = server(|_, stream| stream.write_all(b"\x01\x02\r\n\r\n").unwrap());
    let (hangs, _heads) = server(|_, _| thread::sleep(Duration::from_secs(5)));
    let (long, _heads) = server(|_, stream| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            MOST_BYTES + 1
        );
        let _unused = stream.write_all(head.as_bytes());
        let _unused = stream.write_all(&vec![b'x'; MOST_BYTES + 1]);
    });
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let began = Instant::now();
    assert!(matches!(send(&cut), Err(HttpError::Cut { .. })), "cut");
    assert!(
        matches!(send(&in_the_middle), Err(HttpError::Cut { .. })),
        "in the middle"
    );
    assert!(
        matches!(send(&garbage), Err(HttpError::Garbage { .. })),
        "garbage"
    );
    assert!(
        matches!(send(&hangs), Err(HttpError::Timeout { .. })),
        "hangs"
    );
    assert!(
        matches!(send(&long), Err(HttpError::TooLong { .. })),
        "long"
    );
    assert!(
        matches!(send(&closed), Err(HttpError::Unreachable { .. })),
        "closed"
    );
    assert!(began.elapsed() < Duration::from_secs(4));
    let error = client().send(&Request::new("GET", "https://no-such-host.invalid/"));
    let error = error.err();
    assert!(
        matches!(error, Some(HttpError::UnknownHost { .. })),
        "{error:?}"
    );
}

#[test]
fn what_is_no_request_is_not_sent() {
    for request in [
        Request::new("GET", "ftp://127.0.0.1/"),
        Request::new("GET", "no address"),
        Request::new("GET", "/path"),
        Request::new("GET", "http://127.0.0.1:1/").header("X", "a\r\nY: b"),
        Request::new("GET", "http://127.0.0.1:1/").header("X Y", "a"),
    ] {
        assert_eq!(client().send(&request).err(), Some(HttpError::Malformed));
    }
}

#[test]
fn proxies_are_used_but_not_for_this_machine_nor_where_they_are_excepted() {
    let (proxy, heads) = server(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    let proxy = format!("http://{proxy}");
    let client = client_with(&[("http_proxy", &proxy), ("NO_PROXY", "inside.invalid")]);
    let ask = |url: &str, direct| {
        let mut request = Request::new("GET", url);
        request.direct = direct;
        client.send(&request)
    };
    let answer = ask("http://outside.invalid/path", false);
    assert!(matches!(answer, Err(HttpError::Proxy { .. })));
    let head = heads.recv().unwrap();
    assert!(
        head.starts_with("CONNECT outside.invalid:80 HTTP/1.1\r\n"),
        "{head}"
    );
    for (url, direct) in [
        ("http://inside.invalid/", false),
        ("http://outside.invalid/", true),
        ("http://127.0.0.1:1/", false),
        ("http://localhost:1/", false),
        ("http://[::1]:1/", false),
    ] {
        assert!(ask(url, direct).is_err(), "{url}");
    }
    assert!(heads.try_recv().is_err());
    let wrong = Environment::of([("HTTPS_PROXY", "not a proxy")]);
    assert!(matches!(
        Client::new(&wrong).err(),
        Some(HttpError::Proxy { .. })
    ));
}

#[test]
fn nothing_of_a_request_is_shown_but_its_host() {
    let request = Request::new(
        "POST",
        "https://user:word@host.example:8443/token/abc?key=def",
    )
    .header("Authorization", "Bearer ghi");
    assert_eq!(format!("{request:?}"), "POST to host.example:8443");
}

#[test]
fn what_matters_goes_over_https_or_stays_here() {
    for (url, expected) in [
        ("https://example.com/hook?token=x", Ok(())),
        ("HTTPS://example.com:8443", Ok(())),
        ("http://127.0.0.1:9000/hook", Ok(())),
        ("http://[::1]:9000/hook", Ok(())),
        ("http://localhost/hook", Ok(())),
        ("http://example.com/hook", Err(UnsafeUrl::InClear)),
        ("http://127.0.0.1.example.com/", Err(UnsafeUrl::InClear)),
        ("http://0.0.0.0/", Err(UnsafeUrl::InClear)),
        ("http://[::ffff:192.0.2.1]/", Err(UnsafeUrl::InClear)),
        ("https://me:word@example.com/", Err(UnsafeUrl::Credentials)),
        ("http://localhost@example.com/", Err(UnsafeUrl::Credentials)),
        ("ftp://example.com/", Err(UnsafeUrl::Malformed)),
        ("example.com/hook", Err(UnsafeUrl::Malformed)),
        ("/hook", Err(UnsafeUrl::Malformed)),
        ("https://", Err(UnsafeUrl::Malformed)),
        ("https:///hook", Err(UnsafeUrl::Malformed)),
        ("https://exa mple.com/", Err(UnsafeUrl::Malformed)),
        ("", Err(UnsafeUrl::Malformed)),
    ] {
        assert_eq!(is_safe(url), expected, "{url}");
    }
}
