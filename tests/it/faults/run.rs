//! `mvx run` when something goes wrong around it: signals, kills, closed pipes, children of children.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{plaintexts, skipped};
use crate::commands::run::{repo, words};
use crate::processes::{SIGHUP, SIGINT, SIGTERM, send, wait_for};
use crate::repo::Repo;
use crate::support::Step::{Await, Signal, Type};

const SIGKILL: i32 = 9;
const SIGUSR1: i32 = 10;

/// A command under mvx that has printed its first line, and that line.
fn started(
    repo: &Repo,
    options: &[&str],
    script: &str,
) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let words = words(options, script);
    let mut child = repo.mvx(words).start();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    (child, stdout, line.trim().to_owned())
}

/// Whether nothing of a private file is anywhere below the sandbox's directories in memory.
fn nothing_left(repo: &Repo, file: &str) -> bool {
    !Path::new(file).exists() && plaintexts(&repo.sandbox, &[]).is_empty()
}

#[test]
fn signals_reach_the_command_and_its_end_is_mvxs() {
    let repo = repo();
    for options in [
        &["--files", "DB_PASSWORD=F"][..],
        &["--redact"],
        &["--watch"],
        &[],
    ] {
        for (signal, name) in [
            (SIGTERM, "TERM"),
            (SIGINT, "INT"),
            (SIGHUP, "HUP"),
            (SIGUSR1, "USR1"),
        ] {
            let script = format!(
                "trap 'echo caught; exit 9' {name}; echo up $F; while :; do sleep 0.05; done"
            );
            let (mut child, mut stdout, line) = started(&repo, options, &script);
            assert!(line.starts_with("up"), "{line}");
            send(&child, signal);
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            let status = child.wait().unwrap();
            assert_eq!(
                (rest.as_str(), status.code()),
                ("caught\n", Some(9)),
                "{options:?} {name}"
            );
            assert!(nothing_left(&repo, line.trim_start_matches("up ")));
            // without a handler it is the end of both, by that signal
            let (mut child, _, line) = started(&repo, options, "echo up $F; exec sleep 30");
            send(&child, signal);
            assert_eq!(
                child.wait().unwrap().signal(),
                Some(signal),
                "{options:?} {name}"
            );
            assert!(nothing_left(&repo, line.trim_start_matches("up ")));
        }
    }
}

#[test]
fn a_command_that_dies_of_a_signal_takes_mvx_with_it() {
    let repo = repo();
    for options in [
        &["--files", "DB_PASSWORD=F"][..],
        &["--redact"],
        &["--watch"],
        &[],
    ] {
        for signal in [SIGKILL, SIGTERM, 11, 6] {
            let (mut child, _, line) =
                started(&repo, options, &format!("echo up $F; kill -{signal} $$"));
            assert_eq!(child.wait().unwrap().signal(), Some(signal), "{options:?}");
            assert!(nothing_left(&repo, line.trim_start_matches("up ")));
        }
    }
}

#[test]
fn files_are_gone_after_mvx_was_killed() {
    let repo = repo();
    let (mut child, _, file) = started(
        &repo,
        &["--files", "DB_PASSWORD=F"],
        "echo $F; exec sleep 3",
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "canary-3fd1-value");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(wait_for(|| nothing_left(&repo, &file)));
    assert!(!Path::new(&file).parent().unwrap().exists());
}

#[test]
fn ctrl_c_does_not_reach_who_removes_the_files() {
    let repo = repo();
    // heeds no signal, and is killed with mvx
    let script = "trap '' INT TERM HUP; echo \"file:$F:\"; sleep 2";
    let run = repo.mvx(["run", "--files", "DB_PASSWORD=F", "--", "sh", "-c", script]);
    let session = run.on_terminal(&[
        Await("file:"),
        Type("\u{3}"),
        Type("\u{3}"),
        Signal(SIGKILL),
    ]);
    assert_eq!(session.status, -9, "{session:?}");
    let file = session.screen.split(':').nth(1).unwrap().to_owned();
    assert!(file.contains("/mvx-"), "{session:?}");
    assert!(wait_for(|| nothing_left(&repo, &file)));
}

#[test]
fn who_removes_the_files_keeps_nothing_open() {
    if fs::metadata("/proc/self/fd").is_err() {
        return skipped("there is no /proc");
    }
    let repo = repo();
    let script = "exec 8>held; mvx run --files DB_PASSWORD=F -- sh -c 'ps -eo pid,ppid,args | grep internal:guard > guards; echo $PPID > parent'";
    let outcome = repo.shell(script);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    // while one runs: all that it has are a pipe and /dev/null
    let (mut child, _, _) = started(
        &repo,
        &["--files", "DB_PASSWORD=F"],
        "echo $F; exec sleep 20",
    );
    let parent = child.id().to_string();
    let guard = fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let directory = entry.path();
        let words = fs::read_to_string(directory.join("cmdline")).ok()?;
        let status = fs::read_to_string(directory.join("status")).ok()?;
        let ours = status.lines().any(|line| {
            line.strip_prefix("PPid:")
                .is_some_and(|id| id.trim() == parent)
        });
        (words.contains("internal:guard") && ours).then_some(directory)
    });
    let guard = guard.expect("a guard runs");
    let links = fs::read_dir(guard.join("fd")).map(|entries| {
        let links = entries
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok());
        links
            .map(|link| link.display().to_string())
            .collect::<Vec<_>>()
    });
    if let Ok(links) = links {
        let fine = |link: &String| {
            link.starts_with("pipe:") || link == "/dev/null" || link.starts_with("socket:")
        };
        assert!(links.iter().all(fine), "{links:?}");
    }
    let environ = fs::read(guard.join("environ")).unwrap_or_default();
    assert!(environ.is_empty(), "it inherits no environment");
    send(&child, SIGTERM);
    child.wait().unwrap();
    assert!(wait_for(|| !guard.exists()));
}

#[test]
fn what_a_command_leaves_running_is_not_waited_for() {
    let repo = repo();
    for options in [&["--files", "DB_PASSWORD=F"][..], &["--redact"]] {
        let begin = Instant::now();
        let script = "(sleep 30; echo late) & echo \"first $F\"; exit 4";
        let words = words(options, script);
        let mut child = repo.mvx(words).start();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(4));
        assert!(begin.elapsed() < Duration::from_secs(15), "{options:?}");
        assert!(plaintexts(&repo.sandbox, &[]).is_empty());
    }
}

#[test]
fn a_reader_that_leaves_ends_the_command_as_without_mvx() {
    let repo = repo();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let run = repo
        .mvx(["run", "--redact", "--", "yes"])
        .stdout(Stdio::from(writer));
    let outcome = run.outcome();
    assert_eq!(outcome.status.signal(), Some(13), "{outcome}");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_terminal_is_passed_through_and_left_as_it_was() {
    let repo = repo();
    let script = "test -t 0 && test -t 1 && test -t 2 && echo 'all tty'; stty size; echo \"pw $DB_PASSWORD\"; \
                  printf 'name? '; read name; echo \"hello $name\"; stty -echo; exit 5";
    let session = repo
        .mvx(["run", "--redact", "--", "sh", "-c", script])
        .on_terminal(&[
            Await("all tty"),
            Await("24 80"),
            Await("pw ***"),
            Await("name? "),
            Type("bob\r"),
            Await("hello bob"),
        ]);
    assert_eq!(session.status, 5, "{session:?}");
    assert!(session.echo, "{session:?}");
    assert!(!session.screen.contains("canary"), "{session:?}");
    // Ctrl-C is a signal at the inner terminal, and a kill from outside leaves the outer one in order
    let script = "trap 'echo caught; exit 6' INT; echo up; while :; do sleep 0.05; done";
    let run = || repo.mvx(["run", "--redact", "--", "sh", "-c", script]);
    let session = run().on_terminal(&[Await("up"), Type("\u{3}"), Await("caught")]);
    assert_eq!((session.status, session.echo), (6, true), "{session:?}");
    let session = run().on_terminal(&[Await("up"), Signal(SIGTERM)]);
    assert_eq!((session.status, session.echo), (-15, true), "{session:?}");
    let session = run().on_terminal(&[Await("up"), Signal(SIGKILL)]);
    assert_eq!((session.status, session.echo), (-9, true), "{session:?}");
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    let repo = repo();
    let script = "trap 'echo once' INT; echo up; sleep 1; sleep 1; exit 3";
    let run = repo.mvx(["run", "--files", "DB_PASSWORD=F", "--", "sh", "-c", script]);
    let session = run.on_terminal(&[Await("up"), Type("\u{3}"), Await("once")]);
    assert_eq!(session.status, 3, "{session:?}");
    assert_eq!(session.screen.matches("once").count(), 1, "{session:?}");
}

#[test]
fn a_shell_stops_and_continues_both() {
    let repo = repo();
    for options in ["--files DB_PASSWORD=F", ""] {
        // a shell with job control, and the command in the foreground
        let script = format!(
            "set -m; \"$MVX\" run {options} -- sh -c 'echo up; sleep 1; echo done'; echo \"stopped $?\"; fg >/dev/null; echo \"ended $?\""
        );
        let run = repo
            .sandbox
            .run("bash", ["-c", &script])
            .env("MVX", crate::support::program());
        let session = run.on_terminal(&[
            Await("up"),
            Type("\u{1a}"),
            Await("stopped 14"),
            Await("done"),
            Await("ended 0"),
        ]);
        assert_eq!(session.status, 0, "{session:?}");
    }
}

#[test]
fn a_change_restarts_the_command_and_a_broken_file_does_not() {
    let repo = repo();
    let log = repo.sandbox.path("log");
    let script =
        "echo \"$PORT\" >> log; trap 'echo bye >> log; exit 0' TERM; while :; do sleep 0.05; done";
    let mut child = repo
        .mvx(["run", "--watch", "--", "sh", "-c", script])
        .start();
    let text = || fs::read_to_string(&log).unwrap_or_default();
    assert!(wait_for(|| text() == "5432\n"), "{}", text());
    let set = |value: &str| {
        let words = [
            "set",
            "-q",
            "secrets/dev/app.enc.yaml",
            "port",
            "--value",
            value,
        ];
        let outcome = repo.mvx(words).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    };
    set("6543");
    assert!(wait_for(|| text() == "5432\nbye\n6543\n"), "{}", text());
    // the same again changes nothing
    let file = "secrets/dev/app.enc.yaml";
    let sound = repo.read(file);
    repo.write(file, &sound);
    thread::sleep(Duration::from_millis(1200));
    repo.write(file, sound.replacen("ENC[", "ENC[x", 1));
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(text(), "5432\nbye\n6543\n");
    repo.write(file, &sound);
    set("7654");
    assert!(
        wait_for(|| text() == "5432\nbye\n6543\nbye\n7654\n"),
        "{}",
        text()
    );
    send(&child, SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(
        said.contains("the command runs on with the secrets that it has"),
        "{said}"
    );
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn a_command_that_does_not_end_is_made_to_with_all_that_it_started() {
    let repo = repo();
    let script = "sh -c 'echo $$ > inner; exec sleep 60' & echo up; trap 'exit 0' TERM; wait";
    let (mut child, _, _) = started(&repo, &["--watch"], script);
    let inner = || {
        fs::read_to_string(repo.sandbox.path("inner"))
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    };
    assert!(wait_for(|| inner().is_some()));
    let process = PathBuf::from(format!("/proc/{}", inner().unwrap()));
    send(&child, SIGTERM);
    child.wait().unwrap();
    if Path::new("/proc/self/status").exists() {
        let runs = || {
            fs::read_to_string(process.join("status")).is_ok_and(|text| !text.contains("zombie"))
        };
        assert!(wait_for(|| !runs()));
    }
}

#[test]
fn mvxs_own_environment_holds_no_value() {
    if fs::metadata("/proc/self/environ").is_err() {
        return skipped("there is no /proc");
    }
    let repo = repo();
    // the command reads what it may of its parent, as the same user or as root
    let script = "tr '\\0' '\\n' < /proc/$PPID/environ > environ 2>/dev/null; tr '\\0' ' ' < /proc/$PPID/cmdline > cmdline";
    for options in [&["--redact"][..], &["--files", "PORT"]] {
        let words = words(options, script);
        assert!(repo.mvx(words).outcome().status.success());
        for name in ["environ", "cmdline"] {
            assert!(!repo.read(name).contains("canary"), "{name}");
        }
    }
}
