//! What is inside of archives: looked at where it is asked for, and never passed over in silence.

use serde_json::Value;

use super::{clean, found, listing, repo, run, scan, token};
use crate::repo::Repo;

/// Makes archives: the program gets `T`, the text with a token in it.
fn make(repo: &Repo, program: &str) {
    let head = "import zipfile, tarfile, gzip, io, sys\nT = sys.argv[1]\n\
        def z(name, entries, how=zipfile.ZIP_DEFLATED):\n\
        \x20   with zipfile.ZipFile(name, 'w', how) as f:\n\
        \x20       for n, d in entries: f.writestr(n, d)\n\
        def b(entries, how=zipfile.ZIP_DEFLATED):\n\
        \x20   out = io.BytesIO(); z(out, entries, how); return out.getvalue()\n";
    repo.write("../make.py", format!("{head}{program}\n"));
    let text = format!("x = 1\ntoken = \"{}\"\n", token(1));
    run(repo, &format!("python3 ../make.py '{text}'"));
}

#[test]
fn archives_are_looked_into_on_demand_and_told_of_otherwise() {
    for (archive, program, place) in [
        ("a.zip", "z('a.zip', [('in/a.py', T)])", "in/a.py"),
        (
            "a.jar",
            "z('a.jar', [('b.zip', b([('c.py', T)]))])",
            "b.zip!c.py",
        ),
        (
            "a.tgz",
            "f = tarfile.open('a.tgz', 'w:gz'); i = tarfile.TarInfo('d/a.py'); i.size = len(T); f.addfile(i, io.BytesIO(T.encode())); f.close()",
            "d/a.py",
        ),
        (
            "a.py.gz",
            "gzip.open('a.py.gz', 'wb').write(T.encode())",
            "a.py",
        ),
    ] {
        let repo = repo();
        make(&repo, program);
        let place = format!("{archive}!{place}:2:10: ");
        let stdin = format!("--stdin --filename {archive} <{archive}");
        let trials = ["", "--no-ignore", "--staged", stdin.as_str()];
        let later = ["--history", "--history HEAD~1..HEAD", "--diff HEAD~1"];
        run(&repo, "git add -A");
        for arguments in trials.into_iter().chain(later) {
            if arguments == later[0] {
                run(&repo, "git commit -qm archive");
            }
            for turn in 0..2 {
                let outcome = scan(&repo, arguments);
                clean(&outcome);
                assert!(
                    outcome.stderr.contains("1 archive not looked into"),
                    "{arguments} {turn}: {outcome}"
                );
                found(&scan(&repo, &format!("--archives {arguments}")), &place);
            }
        }
        let outcome = scan(&repo, "--json");
        let value: Value = serde_json::from_str(outcome.stdout()).unwrap();
        assert_eq!(value["scanned"]["archives"]["left"], 1);
    }
}

#[test]
fn what_the_archive_of_before_holds_as_well_is_not_new() {
    let repo = repo();
    make(&repo, "z('a.zip', [('a.py', T)])");
    repo.commit();
    make(&repo, "z('a.zip', [('moved.py', T), ('new.py', 'x')])");
    run(&repo, "git add -A");
    let outcome = scan(&repo, "--staged --archives");
    clean(&outcome);
    assert!(outcome.stderr.contains("1 finding not new"), "{outcome}");
}

/// Stored without compression, a token is in the archive's own bytes as well.
#[test]
fn what_is_stored_is_told_once_and_where_it_stands() {
    let repo = repo();
    make(
        &repo,
        "z('a.zip', [('b.zip', b([('c.py', T)], zipfile.ZIP_STORED))], zipfile.ZIP_STORED)",
    );
    found(&scan(&repo, ""), "a.zip:");
    found(&scan(&repo, "--archives"), "a.zip!b.zip!c.py:2:10: ");
}

#[test]
fn rules_that_ask_for_a_path_see_the_whole_one() {
    let repo = repo();
    make(&repo, "z('a.zip', [('in/a.py', T)])");
    let rules = |path: &str| {
        format!("version = 1\n[[scan.allow]]\npaths = [\"{path}\"]\nreason = \"invented\"\n")
    };
    repo.write(".sops-rules.toml", rules("a.zip!in/*.py"));
    clean(&scan(&repo, "--archives"));
    repo.write(".sops-rules.toml", rules("other/**"));
    found(&scan(&repo, "--archives"), "a.zip!in/a.py:2:10: ");
}

#[test]
fn bombs_and_broken_archives_are_no_clean_answer() {
    for (program, why) in [
        (
            "z('a.zip', [('a', b'\\0' * (100 << 20))])",
            "holds more than 250 times its size",
        ),
        (
            "z('a.zip', [('a%d' % n, '') for n in range(100001)])",
            "more than 100000 entries",
        ),
        (
            "d = b([('x', 'x')])\nfor n in range(3): d = b([('i.zip', d)])\nopen('a.zip', 'wb').write(d)",
            "too deep",
        ),
        (
            "d = b([('x', T * 99)]); open('a.zip', 'wb').write(d[:60])",
            "is broken",
        ),
    ] {
        let repo = repo();
        make(&repo, program);
        let outcome = scan(&repo, "--archives");
        assert_eq!(outcome.code(), Some(4), "{program}: {outcome}");
        assert!(outcome.stderr.contains(why), "{program}: {outcome}");
        assert!(!outcome.stderr.contains("no secrets found"), "{outcome}");
        repo.commit();
        // and what was not looked at is not remembered as clean
        for _ in 0..2 {
            let outcome = scan(&repo, "--history --archives");
            assert_eq!(outcome.code(), Some(4), "{program}: {outcome}");
        }
    }
}

#[test]
fn encrypted_entries_are_told_and_names_lead_nowhere() {
    let repo = repo();
    make(
        &repo,
        "d = bytearray(b([('a.py', 'x')])); i = d.index(b'PK\\1\\2'); d[6] |= 1; d[i + 8] |= 1\n\
         open('locked.zip', 'wb').write(d)\nz('up.zip', [('../../up.py', T), ('/abs.py', 'x')])",
    );
    let before = listing(&repo, "..");
    let outcome = scan(&repo, "--archives");
    found(&outcome, "up.zip!../../up.py:2:10: ");
    assert!(
        outcome.stderr.contains("1 entry of archives encrypted"),
        "{outcome}"
    );
    assert_eq!(listing(&repo, "..").len(), before.len());
}
