//! Pipes, sockets, devices and files with several names.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use regex::Regex;

use crate::repo::Repo;

fn repo_with_a_pipe(name: &str) -> Repo {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "a: 1\n");
    let outcome = repo.shell(&format!("mkfifo {name}"));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    repo
}

/// Waits until a process sleeps in the kernel, as one does that waits for a pipe's other end.
fn is_waiting(child: &mut Child) {
    for _ in 0..500 {
        assert!(child.try_wait().unwrap().is_none(), "it did not wait");
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        thread::sleep(Duration::from_millis(20));
        if state == Some('S') {
            return;
        }
    }
    panic!("it never came to wait");
}

#[test]
fn a_pipe_is_read_like_a_file() {
    let repo = repo_with_a_pipe("secrets/dev/new.yaml");
    insta::assert_snapshot!(repo.session("
        printf 'b: two\\n' > secrets/dev/new.yaml & mvx encrypt secrets/dev/new.yaml
        mvx decrypt secrets/dev/new.enc.yaml
        cat secrets/dev/app.enc.yaml > secrets/dev/new.yaml & mvx decrypt secrets/dev/new.yaml
        cat secrets/dev/app.enc.yaml | mvx decrypt /dev/stdin --format yaml
    "), @r###"
    $ printf 'b: two\n' > secrets/dev/new.yaml & mvx encrypt secrets/dev/new.yaml
    mvx: secrets/dev/new.enc.yaml: 1 value encrypted, for ana, bob
    $ mvx decrypt secrets/dev/new.enc.yaml
    b: two
    $ cat secrets/dev/app.enc.yaml > secrets/dev/new.yaml & mvx decrypt secrets/dev/new.yaml
    a: 1
    $ cat secrets/dev/app.enc.yaml | mvx decrypt /dev/stdin --format yaml
    a: 1
    "###);
}

#[test]
fn a_pipe_that_nobody_writes_to_can_be_interrupted() {
    for arguments in [
        ["encrypt", "secrets/dev/p.yaml"],
        ["decrypt", "secrets/dev/p.yaml"],
    ] {
        for signal in [2, 15] {
            let repo = repo_with_a_pipe("secrets/dev/p.yaml");
            let before = repo.sandbox.files();
            let mut child = repo.mvx(arguments).start();
            is_waiting(&mut child);
            let signalled = Command::new("kill")
                .args([format!("-{signal}"), child.id().to_string()])
                .status();
            assert!(signalled.unwrap().success());
            assert_eq!(child.wait().unwrap().signal(), Some(signal));
            assert_eq!(repo.sandbox.files(), before);
        }
    }
}

#[test]
fn what_is_no_file_is_not_written_and_not_waited_for() {
    let repo = repo_with_a_pipe("secrets/dev/p.enc.yaml");
    let _socket = UnixListener::bind(repo.sandbox.path("secrets/dev/s.enc.yaml")).unwrap();
    insta::assert_snapshot!(repo.session("
        mvx encrypt -i secrets/dev/p.enc.yaml
        mvx encrypt --rm secrets/dev/p.enc.yaml -o secrets/dev/o.enc.yaml
        mvx decrypt -i --allow-unignored secrets/dev/p.enc.yaml
        printf x | mvx set secrets/dev/p.enc.yaml a
        mvx unset secrets/dev/p.enc.yaml a
        EDITOR=true mvx edit secrets/dev/p.enc.yaml
        mvx rekey --yes secrets/dev/p.enc.yaml
        mvx decrypt secrets/dev/s.enc.yaml
        mvx decrypt --format yaml /dev/zero
        mvx encrypt --format yaml /dev/zero -o secrets/dev/o.enc.yaml
        mvx decrypt secrets
    "), @r###"
    $ mvx encrypt -i secrets/dev/p.enc.yaml
    mvx: error: secrets/dev/p.enc.yaml: a pipe, not a file
    [4]
    $ mvx encrypt --rm secrets/dev/p.enc.yaml -o secrets/dev/o.enc.yaml
    mvx: error: secrets/dev/p.enc.yaml: a pipe, not a file
    [4]
    $ mvx decrypt -i --allow-unignored secrets/dev/p.enc.yaml
    mvx: error: secrets/dev/p.enc.yaml: a pipe, not a file
    [4]
    $ printf x | mvx set secrets/dev/p.enc.yaml a
    mvx: error: secrets/dev/p.enc.yaml: a pipe, not a file
    [4]
    $ mvx unset secrets/dev/p.enc.yaml a
    mvx: error: secrets/dev/p.enc.yaml: a pipe, not a file
    [4]
    $ EDITOR=true mvx edit secrets/dev/p.enc.yaml
    mvx: error: secrets/dev/p.enc.yaml: a pipe, not a file
    [4]
    $ mvx rekey --yes secrets/dev/p.enc.yaml
    mvx: error: secrets/dev/p.enc.yaml: a pipe, not a file
    [4]
    $ mvx decrypt secrets/dev/s.enc.yaml
    mvx: error: secrets/dev/s.enc.yaml: a socket, not a file
    [4]
    $ mvx decrypt --format yaml /dev/zero
    mvx: error: /dev/zero: a device, not a file
    [4]
    $ mvx encrypt --format yaml /dev/zero -o secrets/dev/o.enc.yaml
    mvx: error: /dev/zero: a device, not a file
    [4]
    $ mvx decrypt secrets
    a: 1
    "###);
    for name in ["p", "s"] {
        let kind = fs::metadata(repo.sandbox.path(format!("secrets/dev/{name}.enc.yaml")));
        let kind = kind.unwrap().file_type();
        assert!(kind.is_fifo() || kind.is_socket());
    }
}

#[test]
fn a_hard_link_is_cut_with_a_warning() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "a: 1\n");
    fs::hard_link(
        repo.sandbox.path("secrets/dev/app.enc.yaml"),
        repo.sandbox.path("secrets/dev/link.enc.yaml"),
    )
    .unwrap();
    let shown = repo.session(
        "
        printf 2 | mvx set secrets/dev/app.enc.yaml a
        printf 3 | mvx set -q secrets/dev/app.enc.yaml a
        mvx get secrets/dev/app.enc.yaml a
        mvx get secrets/dev/link.enc.yaml a
    ",
    );
    let shown = Regex::new("inum [0-9]+").unwrap().replace(&shown, "inum …");
    insta::assert_snapshot!(shown, @r###"
    $ printf 2 | mvx set secrets/dev/app.enc.yaml a
    mvx: warning: secrets/dev/app.enc.yaml: had another name (a hard link), which still holds the old content
    mvx: hint: `find . -inum …` finds them
    mvx: secrets/dev/app.enc.yaml: `a` changed
    $ printf 3 | mvx set -q secrets/dev/app.enc.yaml a
    $ mvx get secrets/dev/app.enc.yaml a
    3
    $ mvx get secrets/dev/link.enc.yaml a
    1
    "###);
}
