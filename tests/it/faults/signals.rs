//! Ctrl-C and other signals, wherever mvx waits or works: it ends by the signal, the terminal is as
//! it was, files are whole, and nothing is left.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::{APP, CANARY, Chance, content, left_over, plaintexts, repo, team_rules, text};
use crate::processes::{SIGHUP, SIGINT, SIGTERM, send};
use crate::repo::Repo;
use crate::support::Step::{self, Await, Signal, Type};

/// Ctrl-C as it is typed, and what comes from elsewhere.
const ENDINGS: [(Step<'static>, i64); 4] = [
    (Type("\u{3}"), -2),
    (Signal(SIGINT), -2),
    (Signal(SIGTERM), -15),
    (Signal(SIGHUP), -1),
];

#[test]
fn at_questions_and_prompts() {
    let repo = repo();
    repo.seal("secrets/dev/other.yaml", "a: 1\n");
    let sound = repo.read(APP);
    repo.commit();
    let line = sound.lines().find(|line| line.contains("port:")).unwrap();
    let broken = sound.replace(line, "  port: 1");
    repo.write("secrets/dev/plain.yaml", text());
    let editor = repo.editor("echo 'a: [ canary-3fd1-new' > \"$1\"");
    repo.write(".sops-rules.toml", team_rules());
    for (arguments, question) in [
        (&["set", APP, "a"][..], "Value of a: "),
        (&["rekey"], "?"),
        (&["repair", APP], "?"),
        (&["edit", APP], "Back into the editor?"),
        (&["encrypt", "secrets/dev/plain.yaml"], "?"),
        (&["recipients", "remove", "bob"], "?"),
    ] {
        let is_repair = arguments[0] == "repair";
        repo.write(APP, if is_repair { &broken } else { &sound });
        let before = content(&repo.sandbox);
        for (ending, status) in ENDINGS {
            let run = repo.mvx(arguments).env("EDITOR", &editor);
            let session = run.on_terminal(&[Await(question), ending]);
            assert_eq!(
                session.status, status,
                "{arguments:?} {ending:?} {session:?}"
            );
            assert!(session.echo, "{session:?}");
            assert!(!session.screen.contains(CANARY), "{session:?}");
            let hidden = session.screen.rfind("\u{1b}[?25l");
            let shown = session.screen.rfind("\u{1b}[?25h");
            assert!(shown >= hidden, "the cursor is hidden: {session:?}");
            // A plaintext is asked about when it is encrypted already.
            fs::remove_file(repo.sandbox.path("secrets/dev/plain.enc.yaml")).ok();
            assert_eq!(content(&repo.sandbox), before, "{arguments:?} {ending:?}");
            assert!(left_over(&repo.sandbox).is_empty(), "{arguments:?}");
        }
    }
    repo.write(APP, &sound);
    fs::remove_file(editor).unwrap();
    let found = plaintexts(&repo.sandbox, &["plain.yaml"]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn at_an_editor_that_heeds_them_not() {
    let repo = repo();
    let before = content(&repo.sandbox);
    let editor = repo.editor("trap '' INT HUP TERM; echo editing; sleep 2; echo q: 1 >> \"$1\"");
    for (signal, status) in [(SIGTERM, -15), (SIGHUP, -1)] {
        let run = repo.mvx(["edit", APP]).env("EDITOR", &editor);
        let session = run.on_terminal(&[Await("editing"), Signal(signal)]);
        assert_eq!(session.status, status, "{session:?}");
        // The editor has another second, and writes into what is gone.
        thread::sleep(Duration::from_millis(2500));
        assert_eq!(content(&repo.sandbox), before);
        let found = plaintexts(&repo.sandbox, &[]);
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn in_the_middle_of_many_files() {
    let repo = Repo::in_memory();
    let few = team_rules().replace("[\"ana\", \"bob\"]", "[\"ana\"]");
    repo.write(".sops-rules.toml", few);
    let names: Vec<String> = (0..60).map(|n| format!("secrets/dev/f{n}.yaml")).collect();
    for name in &names {
        repo.write(name, format!("name: {name}\nvalue: {CANARY}\n"));
    }
    let outcome = repo
        .mvx(["encrypt", "--rm", "-q", "--yes", "secrets"])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    repo.write(".sops-rules.toml", team_rules());
    let sealed: Vec<(String, Vec<u8>)> = names
        .iter()
        .map(|name| {
            let path = mvx::app::files::sealed_name(Path::new(name));
            let bytes = fs::read(repo.sandbox.path(&path)).unwrap();
            (path.to_str().unwrap().to_owned(), bytes)
        })
        .collect();
    let put_back = || {
        for (path, bytes) in &sealed {
            repo.write(path, bytes);
        }
    };
    let mut chance = Chance::new();
    for arguments in [
        &["recipients", "sync", "--yes"][..],
        &["rekey", "--yes"],
        &["recipients", "remove", "bob", "--yes"],
    ] {
        put_back();
        repo.write(".sops-rules.toml", team_rules());
        let begin = Instant::now();
        let outcome = repo.mvx(arguments).outcome();
        let whole = begin.elapsed();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGINT, SIGTERM] {
            put_back();
            repo.write(".sops-rules.toml", team_rules());
            let mut child = repo.mvx(arguments).start();
            thread::sleep(whole.mul_f64(chance.fraction()));
            if child.try_wait().unwrap().is_none() {
                send(&child, signal);
            }
            let status = child.wait().unwrap();
            let ended = [status.signal(), status.code().map(|code| code - 1)];
            assert!(
                ended.contains(&Some(signal)) || status.success(),
                "{status:?}"
            );
            assert!(left_over(&repo.sandbox).is_empty());
            assert!(plaintexts(&repo.sandbox, &[]).is_empty());
            // Opens all of them, or says which does not.
            let outcome = repo.mvx(["decrypt", "-q", "secrets"]).outcome();
            assert_eq!(outcome.code(), Some(0), "{outcome}");
            let opened = outcome
                .stdout()
                .matches(&format!("value: {CANARY}\n"))
                .count();
            assert_eq!(opened, names.len(), "{arguments:?}");
        }
        // It is done by running it again.
        let outcome = repo.mvx(["recipients", "sync", "--yes"]).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let outcome = repo.mvx(["recipients", "sync", "--dry-run"]).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }
}

#[test]
fn in_the_middle_of_one_file() {
    let repo = repo();
    let bytes = (0..3000).fold(String::new(), |text, n| {
        text + &format!("key{n}: {CANARY}\n")
    });
    repo.seal("secrets/dev/large.yaml", &bytes);
    let file = "secrets/dev/large.enc.yaml";
    let sealed = fs::read(repo.sandbox.path(file)).unwrap();
    let editor = repo.editor("echo q: 1 >> \"$1\"");
    let mut chance = Chance::new();
    for arguments in [
        &["set", file, "new", "--value", "1"][..],
        &["edit", file],
        &["rekey", "--yes", file],
        &["decrypt", "-i", "--allow-unignored", file],
    ] {
        let run = || repo.mvx(arguments).env("EDITOR", &editor);
        let begin = Instant::now();
        let outcome = run().outcome();
        let whole = begin.elapsed();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGTERM, SIGHUP, SIGINT] {
            repo.write(file, &sealed);
            let mut child = run().start();
            thread::sleep(whole.mul_f64(chance.fraction()));
            if child.try_wait().unwrap().is_none() {
                send(&child, signal);
            }
            let status = child.wait().unwrap();
            let left = left_over(&repo.sandbox);
            assert!(
                left.is_empty(),
                "{arguments:?} {signal}: {status:?} {left:?}"
            );
            let now = repo.read(file);
            if now.as_bytes() != sealed {
                let plain = if arguments[0] == "decrypt" {
                    now
                } else {
                    repo.plaintext(file)
                };
                assert!(plain.starts_with(&bytes), "{arguments:?} {signal}");
            }
        }
    }
}

#[test]
fn a_reader_that_goes_away() {
    let repo = repo();
    let bytes = format!("{CANARY}\n").repeat(100_000);
    repo.seal("secrets/dev/large", &bytes);
    let before = content(&repo.sandbox);
    for arguments in [
        &["decrypt", "secrets/dev/large.enc"][..],
        &["decrypt", "--json", "secrets/dev/large.enc"],
        &["get", APP, "db.password"],
        &["ls"],
        &["recipients", "list"],
        &["doctor", "secrets/dev/large.enc"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let outcome = repo.mvx(arguments).stdout(Stdio::from(writer)).outcome();
        assert_eq!(outcome.code(), Some(0), "{arguments:?}: {outcome}");
        assert_eq!(outcome.stderr, "", "{arguments:?}");
    }
    assert_eq!(content(&repo.sandbox), before);
    assert!(left_over(&repo.sandbox).is_empty());
}
