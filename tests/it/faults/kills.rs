//! `kill -9` at random moments: every file is whole, old or new.
//!
//! The moments are spread over what the command takes when nobody disturbs it. `MVX_TEST_KILLS` says
//! how often each command is killed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::{APP, CANARY, Chance, age, left_over, plaintexts, repo, team_rules, text};
use crate::repo::{Repo, rules};
use crate::support::Run;

/// A command that rewrites a file, and what may be there when it was killed.
struct Rewrite<'a> {
    /// Its arguments.
    arguments: &'a [&'a str],
    /// The file that it writes.
    file: &'a str,
    /// What was there before; `None` where there was nothing.
    before: Option<Vec<u8>>,
    /// The plaintext that is there afterwards.
    after: String,
    /// Whether the file holds the plaintext itself afterwards.
    opens: bool,
}

fn rounds() -> u32 {
    let rounds = std::env::var("MVX_TEST_KILLS").ok();
    rounds.map_or(30, |rounds| rounds.parse().unwrap())
}

impl Rewrite<'_> {
    fn run(&self, repo: &Repo) -> Run {
        repo.mvx(self.arguments)
            .env("EDITOR", repo.home("editor.sh"))
    }

    fn put_back(&self, repo: &Repo) {
        let path = repo.sandbox.path(self.file);
        match &self.before {
            Some(before) => fs::write(path, before).unwrap(),
            None => drop(fs::remove_file(path)),
        }
    }

    /// Whether the new content is there. Fails on anything that is neither the old nor the new.
    fn is_done(&self, repo: &Repo) -> bool {
        let now = fs::read(repo.sandbox.path(self.file)).ok();
        if now == self.before {
            return false;
        }
        assert!(now.is_some(), "{:?}: the file is gone", self.arguments);
        let plain = if self.opens {
            repo.plaintext(self.file)
        } else {
            repo.read(self.file)
        };
        assert_eq!(plain, self.after, "{:?}", self.arguments);
        true
    }

    /// Kills it again and again. `except` are names of files that may hold plaintext.
    fn is_killed(&self, repo: &Repo, except: &[&str]) {
        let mut longest = Duration::ZERO;
        for _ in 0..3 {
            self.put_back(repo);
            let begin = Instant::now();
            let outcome = self.run(repo).outcome();
            longest = longest.max(begin.elapsed());
            assert_eq!(outcome.code(), Some(0), "{outcome}");
            assert!(self.is_done(repo), "{:?}", self.arguments);
        }
        let mut chance = Chance::new();
        let mut done = 0;
        for round in 0..rounds() {
            self.put_back(repo);
            // Every other one in the second half, where files are written.
            let part = match round % 2 {
                0 => chance.fraction(),
                _ => 0.5 + 0.5 * chance.fraction(),
            };
            let mut child = self.run(repo).start();
            thread::sleep(longest.mul_f64(part));
            child.kill().unwrap();
            let status = child.wait().unwrap();
            assert_ne!(status.code(), Some(4), "{:?}", self.arguments);
            done += u32::from(self.is_done(repo));
        }
        let left = left_over(&repo.sandbox);
        println!(
            "{:?}: {} kills in {longest:?}, {done} after the file was written, {} left behind",
            self.arguments,
            rounds(),
            left.len()
        );
        let found = plaintexts(&repo.sandbox, except);
        assert!(found.is_empty(), "{:?}: {found:?}", self.arguments);
        // No lock stays in the way.
        self.put_back(repo);
        let outcome = self.run(repo).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert!(self.is_done(repo));
        clean_finds_all(repo);
    }
}

/// `mvx clean` finds everything that was left behind, and nothing stays after it.
fn clean_finds_all(repo: &Repo) {
    let root = repo.sandbox.root();
    let mut left: Vec<PathBuf> = left_over(&repo.sandbox)
        .iter()
        .map(|name| match name.split_once("/mvx-") {
            // A draft is in a directory, and that is what is left.
            Some((parent, rest)) => {
                let name = rest.split('/').next().unwrap();
                root.join(parent).join(format!("mvx-{name}"))
            }
            None => root.join(name),
        })
        .collect();
    left.extend(directories_of_drafts(repo));
    left.sort();
    left.dedup();
    age(&left);
    let outcome = repo.mvx(["clean", "--dry-run", "--json"]).outcome();
    for path in &left {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(outcome.stdout().contains(name), "{name}: {outcome}");
    }
    if left.is_empty() {
        return;
    }
    let named = left.iter().map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = ["clean", "--yes"].into_iter().chain(named).collect();
    let outcome = repo.mvx(arguments).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(left_over(&repo.sandbox).is_empty());
    assert!(directories_of_drafts(repo).is_empty());
}

/// They may be empty.
fn directories_of_drafts(repo: &Repo) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for parent in ["run", "tmp"] {
        for entry in fs::read_dir(repo.sandbox.root().join(parent)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with("mvx-") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn changes_of_a_value() {
    let repo = repo();
    let before = Some(fs::read(repo.sandbox.path(APP)).unwrap());
    for (arguments, after) in [
        (
            &[
                "set",
                "-q",
                APP,
                "db.password",
                "--value",
                "canary-3fd1-new",
            ][..],
            text().replacen(CANARY, "canary-3fd1-new", 1),
        ),
        (
            &["mv", APP, "db.port", "db.gate"],
            text().replacen("port", "gate", 1),
        ),
    ] {
        let rewrite = Rewrite {
            arguments,
            file: APP,
            before: before.clone(),
            after,
            opens: true,
        };
        rewrite.is_killed(&repo, &[]);
    }
}

#[test]
fn edits() {
    let repo = repo();
    repo.editor("sed -i 's/5432/6543/' \"$1\"");
    let rewrite = Rewrite {
        arguments: &["edit", APP],
        file: APP,
        before: Some(fs::read(repo.sandbox.path(APP)).unwrap()),
        after: text().replace("5432", "6543"),
        opens: true,
    };
    // A draft cannot go away with a process that is killed. It is in memory and its owner's alone.
    rewrite.is_killed(&repo, &["run/mvx-"]);
}

#[test]
fn new_data_keys() {
    let repo = repo();
    let rewrite = Rewrite {
        arguments: &["rekey", "--yes", APP],
        file: APP,
        before: Some(fs::read(repo.sandbox.path(APP)).unwrap()),
        after: text(),
        opens: true,
    };
    rewrite.is_killed(&repo, &[]);
}

#[test]
fn new_readers() {
    let repo = repo();
    repo.write(
        ".sops-rules.toml",
        rules().replace("[\"ana\", \"bob\"]", "[\"ana\"]"),
    );
    repo.seal("secrets/dev/few.yaml", text());
    repo.write(".sops-rules.toml", rules());
    let file = "secrets/dev/few.enc.yaml";
    let rewrite = Rewrite {
        arguments: &["recipients", "sync", "--yes", file],
        file,
        before: Some(fs::read(repo.sandbox.path(file)).unwrap()),
        after: text(),
        opens: true,
    };
    rewrite.is_killed(&repo, &[]);
}

#[test]
fn encryption_in_place_and_back() {
    let repo = repo();
    let sealed = fs::read(repo.sandbox.path(APP)).unwrap();
    let rewrite = Rewrite {
        arguments: &["encrypt", "-i", APP],
        file: APP,
        before: Some(text().into()),
        after: text(),
        opens: true,
    };
    // The plaintext that was there may be there.
    rewrite.is_killed(&repo, &[APP]);
    let rewrite = Rewrite {
        arguments: &["decrypt", "-i", "--allow-unignored", APP],
        file: APP,
        before: Some(sealed),
        after: text(),
        opens: false,
    };
    // What is being written is the plaintext, beside the place where it was asked for.
    rewrite.is_killed(&repo, &["secrets/dev/"]);
}

#[test]
fn encryption_that_removes_the_plaintext() {
    let repo = repo();
    fs::remove_file(repo.sandbox.path(APP)).unwrap();
    let plain = "secrets/dev/app.yaml";
    let mut chance = Chance::new();
    for _ in 0..rounds() {
        repo.write(plain, text());
        fs::remove_file(repo.sandbox.path(APP)).ok();
        let mut child = repo.mvx(["encrypt", "--rm", plain]).start();
        thread::sleep(Duration::from_millis(40).mul_f64(chance.fraction()));
        child.kill().unwrap();
        child.wait().unwrap();
        // It is never gone before what takes its place is whole.
        if repo.has(plain) {
            assert_eq!(repo.read(plain), text());
        } else {
            assert!(repo.has(APP));
        }
        if repo.has(APP) {
            assert_eq!(repo.plaintext(APP), text());
        }
    }
    fs::remove_file(repo.sandbox.path(plain)).ok();
    assert!(plaintexts(&repo.sandbox, &[]).is_empty());
    clean_finds_all(&repo);
}

#[test]
fn imports() {
    let repo = repo();
    let source = repo.home("old.env");
    fs::write(&source, format!("TOKEN={CANARY}\n")).unwrap();
    let source = source.to_str().unwrap();
    let rewrite = Rewrite {
        arguments: &["import", source, "--to", APP],
        file: APP,
        before: Some(fs::read(repo.sandbox.path(APP)).unwrap()),
        after: format!("{}TOKEN: {CANARY}\n", text()),
        opens: true,
    };
    rewrite.is_killed(&repo, &["home/old.env"]);
    let file = "secrets/dev/new.enc.yaml";
    let rewrite = Rewrite {
        arguments: &["import", source, "--to", file],
        file,
        before: None,
        after: format!("TOKEN: {CANARY}\n"),
        opens: true,
    };
    rewrite.is_killed(&repo, &["home/old.env"]);
}

#[test]
fn repairs() {
    let repo = repo();
    repo.commit();
    let sound = repo.read(APP);
    // A value in clear, where one was encrypted.
    let line = sound.lines().find(|line| line.contains("port:")).unwrap();
    let broken = sound.replace(line, "  port: 5432");
    let rewrite = Rewrite {
        arguments: &["repair", "--take", APP],
        file: APP,
        before: Some(broken.clone().into()),
        after: text(),
        opens: true,
    };
    rewrite.is_killed(&repo, &[]);
    let rewrite = Rewrite {
        arguments: &["repair", "--restore", APP],
        file: APP,
        before: Some(broken.into()),
        after: text(),
        opens: true,
    };
    rewrite.is_killed(&repo, &[]);
}

#[test]
fn one_s_own_key_and_many_files() {
    let repo = Repo::in_memory();
    repo.write(".sops-rules.toml", team_rules());
    let files = ["a", "b", "c"].map(|name| format!("secrets/dev/{name}"));
    for file in &files {
        repo.seal(&format!("{file}.yaml"), format!("key: {CANARY}\n"));
    }
    let keys = repo.home(".config/mvx");
    let mut kept: Vec<PathBuf> = files
        .iter()
        .map(|file| repo.sandbox.path(format!("{file}.enc.yaml")))
        .collect();
    kept.push(repo.sandbox.path(".sops-rules.toml"));
    kept.push(keys.join("keys.txt"));
    let before: Vec<_> = kept.iter().map(|path| fs::read(path).unwrap()).collect();
    let put_back = || {
        for entry in fs::read_dir(&keys).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (path, bytes) in kept.iter().zip(&before) {
            fs::write(path, bytes).unwrap();
        }
        fs::set_permissions(keys.join("keys.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    };
    let all = CANARY.to_owned() + "\n";
    let all_open = || {
        let outcome = repo.mvx(["decrypt", "-q", "secrets"]).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert_eq!(outcome.stdout().matches(&all).count(), files.len());
    };
    let mut chance = Chance::new();
    for arguments in [
        &["keys", "rotate", "--yes"][..],
        &["recipients", "remove", "bob", "--yes"],
    ] {
        put_back();
        let begin = Instant::now();
        let outcome = repo.mvx(arguments).outcome();
        let whole = begin.elapsed();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        for _ in 0..rounds() / 2 {
            put_back();
            let mut child = repo.mvx(arguments).start();
            thread::sleep(whole.mul_f64(chance.fraction()));
            child.kill().unwrap();
            child.wait().unwrap();
            // What this machine holds opens every file, whatever was done already.
            all_open();
            let named: Vec<&str> = match arguments[0] {
                "keys" => arguments.to_vec(),
                _ => vec!["recipients", "sync", "--yes"],
            };
            let outcome = repo.mvx(named).outcome();
            assert_eq!(outcome.code(), Some(0), "{outcome}");
            all_open();
        }
    }
    clean_finds_all(&repo);
}
