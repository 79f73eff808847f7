//! Several at once: nobody's change is lost, and who cannot write says so.

use std::collections::BTreeSet;
use std::process::{Child, Output};

use super::{APP, CANARY, left_over, plaintexts, repo};
use crate::repo::{Repo, rules};

/// Starts all of them, then waits for all.
fn at_once(children: Vec<Child>) -> Vec<Output> {
    let children = children.into_iter();
    children
        .map(|child| child.wait_with_output().unwrap())
        .collect()
}

/// Whether it wrote. Whoever did not has said why, and may try again.
fn has_written(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(0) {
        return true;
    }
    assert_eq!(output.status.code(), Some(4), "{said}");
    let failure = said.lines().last().unwrap_or_default();
    let failure: serde_json::Value = serde_json::from_str(failure).unwrap();
    let code = failure["code"].as_str().unwrap();
    assert!(["locked", "changed-meanwhile"].contains(&code), "{said}");
    false
}

fn set(repo: &Repo, number: usize) -> Child {
    let (key, value) = (format!("new{number}"), format!("{CANARY}-{number}"));
    repo.mvx(["set", "--json", APP, &key, "--value", &value])
        .start()
}

#[test]
fn of_two_and_of_ten_none_is_lost() {
    for count in [2, 10] {
        let repo = repo();
        let mut waiting: BTreeSet<usize> = (0..count).collect();
        for _ in 0..10 {
            let tried: Vec<usize> = waiting.iter().copied().collect();
            let outputs = at_once(tried.iter().map(|number| set(&repo, *number)).collect());
            let plain = repo.plaintext(APP);
            for (number, output) in tried.iter().zip(&outputs) {
                let line = format!("new{number}: {CANARY}-{number}\n");
                assert_eq!(plain.matches(&line).count() == 1, has_written(output));
                if has_written(output) {
                    waiting.remove(number);
                }
            }
            if waiting.is_empty() {
                break;
            }
        }
        assert!(waiting.is_empty(), "{waiting:?}");
        let plain = repo.plaintext(APP);
        for number in 0..count {
            assert!(plain.contains(&format!("new{number}: {CANARY}-{number}\n")));
        }
        assert!(left_over(&repo.sandbox).is_empty());
        assert!(plaintexts(&repo.sandbox, &[]).is_empty());
    }
}

#[test]
fn different_commands_on_one_file() {
    let repo = repo();
    let children = [
        vec!["set", APP, "a", "--value", "1"],
        vec!["rekey", "--yes", APP],
        vec!["mv", APP, "db.port", "db.gate"],
        vec!["unset", APP, "key3"],
        vec!["set", APP, "key4", "--value", "other"],
        vec!["rekey", "--yes", "secrets"],
    ];
    let start = |arguments: &Vec<&str>| repo.mvx([&["--json"], &arguments[..]].concat()).start();
    let outputs = at_once(children.iter().map(start).collect());
    let written: Vec<bool> = outputs
        .iter()
        .map(|output| {
            let said = String::from_utf8_lossy(&output.stderr);
            // `rekey` names the files that it left.
            let code = output.status.code();
            assert!([Some(0), Some(4)].contains(&code), "{said}");
            code == Some(0)
        })
        .collect();
    let plain = repo.plaintext(APP);
    assert_eq!(plain.contains("\na: "), written[0], "{plain}");
    assert_eq!(plain.contains("gate: 5432"), written[2], "{plain}");
    assert_eq!(!plain.contains("key3:"), written[3], "{plain}");
    assert_eq!(plain.contains("key4: other"), written[4], "{plain}");
    assert!(written.iter().filter(|written| **written).count() > 1);
    assert!(left_over(&repo.sandbox).is_empty());
}

#[test]
fn two_that_bring_many_files_in_line() {
    let repo = Repo::in_memory();
    repo.write(
        ".sops-rules.toml",
        rules().replace("[\"ana\", \"bob\"]", "[\"ana\"]"),
    );
    let names: Vec<String> = (0..24).map(|n| format!("secrets/dev/f{n}.yaml")).collect();
    for name in &names {
        repo.write(name, format!("name: {name}\n"));
    }
    let outcome = repo
        .mvx(["encrypt", "--rm", "-q", "--yes", "secrets"])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    repo.write(".sops-rules.toml", rules());
    let sync = || repo.mvx(["recipients", "sync", "--yes"]).start();
    for output in at_once(vec![sync(), sync()]) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!([Some(0), Some(4)].contains(&output.status.code()), "{said}");
    }
    let rekey = || repo.mvx(["rekey", "--yes"]).start();
    for output in at_once(vec![rekey(), sync(), rekey()]) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!([Some(0), Some(4)].contains(&output.status.code()), "{said}");
    }
    // Whatever one of them left, another has written, or it is done now.
    let outcome = repo.mvx(["recipients", "sync", "--yes"]).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    // Bob opens them all, and each is the one that it was.
    repo.hold("sops/k1.txt");
    for name in &names {
        let sealed = mvx::app::files::sealed_name(std::path::Path::new(name));
        let plain = repo.plaintext(sealed.to_str().unwrap());
        assert_eq!(plain, format!("name: {name}\n"));
    }
    assert!(left_over(&repo.sandbox).is_empty());
}

#[test]
fn two_that_make_the_same_file() {
    for _ in 0..5 {
        let repo = repo();
        repo.write("secrets/dev/new.yaml", format!("first: {CANARY}\n"));
        let other = repo.home("other.env");
        std::fs::write(&other, format!("second={CANARY}\n")).unwrap();
        let other = other.to_str().unwrap();
        let to = "secrets/dev/new.enc.yaml";
        let outputs = at_once(vec![
            repo.mvx(["encrypt", "--rm", "secrets/dev/new.yaml"])
                .start(),
            repo.mvx(["import", "--json", other, "--to", to]).start(),
        ]);
        let written: Vec<_> = outputs.iter().map(|output| output.status.code()).collect();
        let plain = repo.plaintext(to);
        // The plaintext is not removed where it did not become the file.
        assert_eq!(plain.contains("first"), written[0] == Some(0));
        assert_eq!(repo.has("secrets/dev/new.yaml"), written[0] != Some(0));
        assert_eq!(plain.contains("second"), written[1] == Some(0));
        assert!(written.contains(&Some(0)), "{written:?}");
        assert!(left_over(&repo.sandbox).is_empty());
    }
}
