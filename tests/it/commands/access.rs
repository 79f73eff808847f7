//! Who gets in and who does not: entries that were planted or taken from git's history, files that
//! cannot be opened, and runs that end in the middle.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use mvx::document::splice;
use mvx::sops::metadata::{KeyEntry, Metadata};
use mvx::stores::Format;

use crate::repo::{ANA, BOB, CAROL, Repo, rules};

/// Rules in which the team are these.
fn team(names: &str) -> String {
    let carol = format!("[recipients.carol]\nage = \"{CAROL}\"\n[groups]\n");
    rules().replace("[groups]\n", &carol).replacen(
        "team = [\"ana\", \"bob\"]",
        &format!("team = [{names}]"),
        1,
    )
}

/// The metadata of a sealed YAML text.
fn metadata(text: &str) -> Metadata {
    let tree = Format::Yaml.store().parse(text.as_bytes()).unwrap();
    Metadata::from_block(tree.meta().unwrap())
}

/// A sealed YAML text with other metadata.
fn with_metadata(text: &str, metadata: &Metadata) -> String {
    let store = Format::Yaml.store();
    let tree = store.parse(text.as_bytes()).unwrap();
    let edits = store.refresh(text.as_bytes(), &tree, metadata.fields());
    let text = splice(text.as_bytes(), edits).unwrap();
    text.as_str().unwrap().to_owned()
}

/// The same without the seal, as sops or an attacker leaves it.
pub(super) fn unsealed(text: &str) -> String {
    let mut metadata = metadata(text);
    metadata.unset("mvx_seal");
    with_metadata(text, &metadata)
}

/// The same with one more entry.
pub(super) fn with_entry(text: &str, entry: &KeyEntry) -> String {
    let mut metadata = metadata(text);
    let mut groups = metadata.groups().unwrap();
    groups[0].push(entry.clone());
    metadata.set_groups(&groups, None);
    with_metadata(text, &metadata)
}

pub(super) fn entry_of(text: &str, recipient: &str) -> KeyEntry {
    let groups = metadata(text).groups().unwrap();
    let mut entries = groups[0].iter();
    entries
        .find(|entry| entry.recipient() == recipient)
        .unwrap()
        .clone()
}

#[test]
fn an_entry_from_history_opens_nothing_of_the_new_file() {
    let repo = Repo::new();
    repo.write(".sops-rules.toml", team("\"ana\", \"bob\""));
    let old = repo.seal("secrets/dev/a.yaml", "a: hidden\n");
    repo.write(".sops-rules.toml", team("\"ana\", \"carol\""));
    repo.mvx(["recipients", "sync", "--yes", "-q"])
        .outcome()
        .quiet_success();
    let new = repo.read("secrets/dev/a.enc.yaml");
    let bobs = entry_of(&old, BOB);
    repo.hold("sops/k1.txt");
    for (text, expected) in [
        // As it was, it was his; and a file that only looks new is his still.
        (old.clone(), 0),
        (with_entry(&unsealed(&old), &bobs), 0),
        (new.clone(), 128),
        (with_entry(&new, &bobs), 25),
        (with_entry(&unsealed(&new), &bobs), 25),
    ] {
        repo.write("grafted.enc.yaml", &text);
        let outcome = repo.mvx(["decrypt", "grafted.enc.yaml"]).outcome();
        assert_eq!(outcome.code(), Some(expected), "{outcome}\n{text}");
        assert_eq!(outcome.stdout().contains("hidden"), expected == 0);
    }
}

#[test]
fn a_planted_recipient_is_named_and_dropped() {
    let repo = Repo::new();
    let text = unsealed(&repo.seal("secrets/dev/a.yaml", "a: 1\n"));
    let planted = with_entry(&text, &KeyEntry::age(CAROL, "-----BEGIN AGE-----\n"));
    repo.write("secrets/dev/a.enc.yaml", &planted);
    repo.write("secrets/dev/b.enc.yaml", &planted);
    // Every command that writes leaves the entry as it is, and wraps for nobody anew.
    insta::assert_snapshot!(repo.session("
        mvx recipients list secrets/dev/a.enc.yaml
        mvx recipients sync --yes secrets/dev/a.enc.yaml
        mvx rekey secrets/dev/b.enc.yaml
        mvx recipients list
    "), @r###"
    $ mvx recipients list secrets/dev/a.enc.yaml
    NAME                KIND  KEY       GROUPS  FILES
    ana                 age   age1r…jq  team    secrets/dev/a.enc.yaml
    bob                 age   age10…wl  team    secrets/dev/a.enc.yaml
    (not in the rules)  age   age14…g5          secrets/dev/a.enc.yaml

    secrets/dev/a.enc.yaml
      age14…g5  can open it, and the rules do not name it
    mvx: 1 file is not as the rules say; `mvx recipients sync` brings them in line
    $ mvx recipients sync --yes secrets/dev/a.enc.yaml
    mvx: secrets/dev/a.enc.yaml: removed age14…g5, new data key
    mvx: 1 file written
    $ mvx rekey secrets/dev/b.enc.yaml
    mvx: secrets/dev/b.enc.yaml: removed age14…g5, new data key
    mvx: 1 file written
    $ mvx recipients list
    NAME  KIND  KEY       GROUPS  FILES
    ana   age   age1r…jq  team    2
    bob   age   age10…wl  team    2
    "###);
    repo.hold("sops/k2.txt");
    for name in ["a", "b"] {
        let name = format!("secrets/dev/{name}.enc.yaml");
        assert!(!repo.read(&name).contains(CAROL));
        let outcome = repo.mvx(["decrypt", name.as_str()]).outcome();
        assert_eq!(outcome.code(), Some(128));
    }
}

#[test]
fn without_rules_a_seal_vouches_or_nobody_does() {
    let repo = Repo::new();
    let text = repo.seal("secrets/dev/a.yaml", "a: 1\n");
    fs::remove_file(repo.sandbox.path(".sops-rules.toml")).unwrap();
    let entry = KeyEntry::age(CAROL, "-----BEGIN AGE-----\n");
    repo.write("unsealed.enc.yaml", unsealed(&text));
    repo.write("planted.enc.yaml", with_entry(&text, &entry));
    repo.write("both.enc.yaml", with_entry(&unsealed(&text), &entry));
    insta::assert_snapshot!(repo.session("
        mvx rekey secrets/dev/a.enc.yaml
        mvx rekey unsealed.enc.yaml
        mvx rekey planted.enc.yaml
        mvx rekey both.enc.yaml
        mvx rekey --yes
        mvx recipients sync
        mvx recipients add carol age1x
        mvx decrypt secrets/dev/a.enc.yaml
    "), @r###"
    $ mvx rekey secrets/dev/a.enc.yaml
    mvx: secrets/dev/a.enc.yaml: new data key
    mvx: 1 file written
    $ mvx rekey unsealed.enc.yaml
    mvx: error: unsealed.enc.yaml: no rule covers it and it has no seal, so that nothing vouches for its recipients
    mvx: hint: cover it with a [[files]] table in the rules; `mvx init` writes new ones
    [3]
    $ mvx rekey planted.enc.yaml
    mvx: error: planted.enc.yaml: the seal is broken: keys, types, comments, selector or recipients were changed after the file was sealed
    mvx: hint: `mvx seal accept planted.enc.yaml` shows what differs, and seals the file once you have said yes
    mvx: hint: `mvx repair planted.enc.yaml` restores the last good version in git, too
    [51]
    $ mvx rekey both.enc.yaml
    mvx: error: both.enc.yaml: no rule covers it and it has no seal, so that nothing vouches for its recipients
    mvx: hint: cover it with a [[files]] table in the rules; `mvx init` writes new ones
    [3]
    $ mvx rekey --yes
    mvx: error: 3 files of 4 cannot be rewritten; nothing was written
    mvx:   both.enc.yaml: no rule covers it and it has no seal, so that nothing vouches for its recipients
    mvx:   planted.enc.yaml: the seal is broken: keys, types, comments, selector or recipients were changed after the file was sealed
    mvx:   unsealed.enc.yaml: no rule covers it and it has no seal, so that nothing vouches for its recipients
    mvx: hint: cover it with a [[files]] table in the rules; `mvx init` writes new ones
    mvx: hint: `--keep-going` writes the others; or name files and directories
    [3]
    $ mvx recipients sync
    mvx: error: no `.sops-rules.toml` or `.sops.yaml` is in force here
    mvx: hint: `mvx init` writes the rules
    [3]
    $ mvx recipients add carol age1x
    mvx: error: no `.sops-rules.toml` or `.sops.yaml` is in force here
    mvx: hint: `mvx init` writes the rules
    [3]
    $ mvx decrypt secrets/dev/a.enc.yaml
    a: 1
    "###);
    let new = repo.read("secrets/dev/a.enc.yaml");
    let readers: Vec<String> = metadata(&new).groups().unwrap()[0]
        .iter()
        .map(KeyEntry::recipient)
        .collect();
    assert_eq!(readers, [ANA, BOB]);
}

#[test]
fn one_file_that_cannot_be_opened_keeps_all_from_being_written() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.seal("secrets/bob/b.yaml", "b: 1\n");
    repo.seal("secrets/dev/c.yaml", "c: 1\n");
    let broken = repo
        .read("secrets/dev/c.enc.yaml")
        .replace("c: ENC", "d: ENC");
    repo.write("secrets/dev/c.enc.yaml", broken);
    let rules = team("\"ana\", \"bob\", \"carol\"").replace(
        "recipients = [\"bob\"]",
        "recipients = [\"bob\", \"carol\"]",
    );
    repo.write(".sops-rules.toml", rules);
    let names = [
        "secrets/dev/a.enc.yaml",
        "secrets/bob/b.enc.yaml",
        "secrets/dev/c.enc.yaml",
    ];
    let before = names.map(|name| repo.read(name));
    insta::assert_snapshot!(repo.session("
        mvx recipients sync --yes
        mvx recipients sync --dry-run
        mvx recipients sync --yes secrets/bob
        mvx rekey --yes --json
    "), @r###"
    $ mvx recipients sync --yes
    mvx: error: 2 files of 3 cannot be rewritten; nothing was written
    mvx:   secrets/bob/b.enc.yaml: your one identity does not open this file
    mvx:   secrets/dev/c.enc.yaml: d: the value does not authenticate; it was changed, moved or sealed with another key
    mvx: hint: somebody who can open them may run the same command
    mvx: hint: `--keep-going` writes the others; or name files and directories
    [128]
    $ mvx recipients sync --dry-run
    secrets/dev/a.enc.yaml: add carol
    mvx: warning: secrets/bob/b.enc.yaml: cannot be rewritten: your one identity does not open this file
    mvx: warning: secrets/dev/c.enc.yaml: cannot be rewritten: d: the value does not authenticate; it was changed, moved or sealed with another key
    mvx: 1 file would be written
    $ mvx recipients sync --yes secrets/bob
    mvx: error: secrets/bob/b.enc.yaml: your one identity does not open this file
    mvx:   it is sealed for bob (age10…wl)
    mvx: hint: `mvx doctor secrets/bob/b.enc.yaml` shows what was tried
    mvx: hint: set MVX_AGE_KEY_FILE to the file of a key that it is sealed for
    mvx: hint: or send one of them what `mvx recipients request` prints, to be given access
    [128]
    $ mvx rekey --yes --json
    {"code":"files-left","exit":128,"message":"2 files of 3 cannot be rewritten; nothing was written","place":null,"causes":["secrets/bob/b.enc.yaml: your one identity does not open this file","secrets/dev/c.enc.yaml: d: the value does not authenticate; it was changed, moved or sealed with another key"],"hints":["somebody who can open them may run the same command","`--keep-going` writes the others; or name files and directories"]}
    [128]
    "###);
    assert_eq!(names.map(|name| repo.read(name)), before);
    insta::assert_snapshot!(repo.session("
        mvx recipients sync --yes --keep-going
        mvx recipients sync --yes --keep-going --json
    "), @r###"
    $ mvx recipients sync --yes --keep-going
    mvx: secrets/dev/a.enc.yaml: added carol
    mvx: 1 file written
    mvx: error: 2 files were left as before, of 3
    mvx:   secrets/bob/b.enc.yaml: your one identity does not open this file
    mvx:   secrets/dev/c.enc.yaml: d: the value does not authenticate; it was changed, moved or sealed with another key
    mvx: hint: run it again when that is seen to: what is done stays
    [128]
    $ mvx recipients sync --yes --keep-going --json
    {"written":[],"unchanged":1,"uncovered":[],"left":[{"file":"secrets/bob/b.enc.yaml","code":"no-identity","message":"your one identity does not open this file"},{"file":"secrets/dev/c.enc.yaml","code":"value-not-authentic","message":"d: the value does not authenticate; it was changed, moved or sealed with another key"}]}
    {"code":"files-left","exit":128,"message":"2 files were left as before, of 2","place":null,"causes":["secrets/bob/b.enc.yaml: your one identity does not open this file","secrets/dev/c.enc.yaml: d: the value does not authenticate; it was changed, moved or sealed with another key"],"hints":["run it again when that is seen to: what is done stays"]}
    [128]
    "###);
    assert!(repo.read(names[0]).contains(CAROL));
    assert_eq!(
        [1, 2].map(|at| repo.read(names[at])),
        [1, 2].map(|at| before[at].clone())
    );
    // Not even the rules are written where the files that follow cannot be.
    repo.seal("secrets/bob/e.yaml", "e: 1\n");
    let before = repo.read(".sops-rules.toml");
    let outcome = repo
        .mvx(["recipients", "remove", "carol", "--yes"])
        .outcome();
    assert_eq!(outcome.code(), Some(128), "{outcome}");
    assert_eq!(repo.read(".sops-rules.toml"), before);
    let outcome = repo
        .mvx(["recipients", "remove", "carol", "--yes", "--no-sync", "-q"])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(!repo.read(".sops-rules.toml").contains(CAROL));
}

#[test]
fn a_person_is_asked_before_anything_is_written() {
    use crate::support::Step::{Await, Type};

    let repo = Repo::new();
    repo.write(".sops-rules.toml", team("\"ana\", \"bob\""));
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    let before = (
        repo.read(".sops-rules.toml"),
        repo.read("secrets/dev/a.enc.yaml"),
    );
    let session = repo.mvx(["recipients", "remove", "bob"]).on_terminal(&[]);
    assert_eq!(session.status, 3, "{session:?}");
    repo.write(
        ".sops-rules.toml",
        before
            .0
            .replace("recipients = [\"bob\"]", "recipients = [\"ana\", \"bob\"]"),
    );
    let before = (repo.read(".sops-rules.toml"), before.1);
    let session = repo.mvx(["recipients", "remove", "bob"]).on_terminal(&[
        Await("remove bob from the register"),
        Await("Write the rules and this file?"),
        Type("n\r"),
        Await("nothing was written"),
    ]);
    assert_eq!(session.status, 1, "{session:?}");
    assert_eq!(
        (
            repo.read(".sops-rules.toml"),
            repo.read("secrets/dev/a.enc.yaml")
        ),
        before
    );
    let session = repo
        .mvx([
            "recipients",
            "add",
            "dora",
            "ssh-ed25519",
            "AAAAC3NzaC1lZDI1NTE5AAAAIKX/x1RK3Z0F4Dik/mvZiFYcouE2zK/myCBWe8uG4b38",
            "dora@laptop",
        ])
        .on_terminal(&[
            Await("What may dora read?"),
            Await("the environment dev"),
            Type("\u{1b}[B"),
            Type("\r"),
            Await("Write the rules and this file?"),
            Type("y\r"),
            Await("1 file written"),
        ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(
        repo.read(".sops-rules.toml")
            .contains("recipients = [\"team\", \"dora\"]")
    );
    let session = repo.mvx(["rekey"]).on_terminal(&[
        Await("new data key"),
        Await("Rekey this file?"),
        Type("\u{3}"),
    ]);
    assert_eq!(session.status, -2, "{session:?}");
}

/// The files of a run that ends in the middle are whole, each old or new, and the next run ends
/// what was begun.
#[test]
fn a_run_that_is_killed_leaves_whole_files_and_is_taken_up_again() {
    const FILES: usize = 120;
    let repo = Repo::new();
    repo.write(".sops-rules.toml", team("\"ana\", \"bob\", \"carol\""));
    let text = repo.seal("secrets/dev/a.yaml", "a: hidden\n");
    fs::remove_file(repo.sandbox.path("secrets/dev/a.enc.yaml")).unwrap();
    let names: Vec<String> = (0..FILES)
        .map(|number| format!("secrets/dev/f{number}.enc.yaml"))
        .collect();
    for name in &names {
        repo.write(name, &text);
    }
    for signal in ["-9", "-15", "-2"] {
        for name in &names {
            repo.write(name, &text);
        }
        repo.write(".sops-rules.toml", team("\"ana\", \"bob\", \"carol\""));
        let mut child = repo
            .mvx(["recipients", "remove", "carol", "--yes", "-q"])
            .start();
        // Somewhere in the middle of the writing.
        while !repo.read(&names[FILES / 3]).contains("sops:")
            || repo.read(&names[FILES / 3]) == text
        {
            assert!(
                child.try_wait().unwrap().is_none(),
                "it was faster than this test"
            );
            thread::sleep(Duration::from_millis(1));
        }
        let status = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
        child.wait().unwrap();
        let texts: Vec<String> = names.iter().map(|name| repo.read(name)).collect();
        let new = texts.iter().filter(|now| **now != text).count();
        assert!(new > 0 && new < FILES, "{new} files were written");
        for now in &texts {
            assert!(*now == text || !now.contains(CAROL));
        }
        let rules = repo.read(".sops-rules.toml");
        assert!(!rules.contains(CAROL), "the rules come first");
        let outcome = repo
            .mvx(["recipients", "sync", "--yes", "--json"])
            .outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let answer: serde_json::Value = serde_json::from_str(outcome.stdout()).unwrap();
        let written = answer["written"].as_array().unwrap();
        assert_eq!(written.len(), FILES - new);
        for name in &names {
            assert!(!repo.read(name).contains(CAROL));
        }
        let outcome = repo.mvx(["decrypt", names[7].as_str()]).outcome();
        assert_eq!(outcome.stdout(), "a: hidden\n");
        assert_eq!(
            repo.mvx(["recipients", "sync", "--check"]).outcome().code(),
            Some(0)
        );
        let leftovers = repo.sandbox.files().into_iter();
        let leftovers: Vec<String> = leftovers.filter(|name| name.contains(".mvx-")).collect();
        // Nothing runs after a SIGKILL.
        assert!(signal == "-9" || leftovers.is_empty(), "{leftovers:?}");
        for name in leftovers {
            fs::remove_file(repo.sandbox.root().join(name)).unwrap();
        }
    }
}

#[test]
fn a_private_key_does_not_become_a_name() {
    let repo = Repo::new();
    let key = fs::read_to_string(repo.home(".config/mvx/keys.txt")).unwrap();
    let key = key.lines().last().unwrap();
    let before = repo.read(".sops-rules.toml");
    let add = ["recipients", "add", key, CAROL, "--group", "team", "--yes"];
    let outcome = repo.mvx(add).outcome();
    assert_ne!(outcome.code(), Some(0), "{outcome}");
    assert!(!outcome.stderr.contains(key), "{outcome}");
    assert_eq!(repo.read(".sops-rules.toml"), before);
}
