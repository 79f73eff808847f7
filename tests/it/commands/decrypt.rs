//! `mvx decrypt`.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::repo::{Repo, fixture};
use crate::support::Step::{Await, Type};

const APP: &str = "db:\n  password: hunter2 # was set in spring\n\n  port: 5432\n";

fn repo() -> Repo {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", APP);
    repo
}

#[test]
fn the_plaintext_is_the_answer() {
    let repo = repo();
    insta::assert_snapshot!(repo.session("
        mvx decrypt secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml secrets/dev/app.enc.yaml
        mvx decrypt --json secrets/dev/app.enc.yaml
        mvx decrypt -o - secrets
        cat secrets/dev/app.enc.yaml | mvx decrypt - --filename any.yaml
        cat secrets/dev/app.enc.yaml | mvx decrypt - --format yaml
        cd secrets/dev && mvx decrypt app.enc.yaml
    "), @r###"
    $ mvx decrypt secrets/dev/app.enc.yaml
    db:
      password: hunter2 # was set in spring

      port: 5432
    $ mvx decrypt secrets/dev/app.enc.yaml secrets/dev/app.enc.yaml
    db:
      password: hunter2 # was set in spring

      port: 5432
    $ mvx decrypt --json secrets/dev/app.enc.yaml
    {"decrypted":[{"file":"secrets/dev/app.enc.yaml","written":null,"plaintext":"db:\n  password: hunter2 # was set in spring\n\n  port: 5432\n"}]}
    $ mvx decrypt -o - secrets
    db:
      password: hunter2 # was set in spring

      port: 5432
    $ cat secrets/dev/app.enc.yaml | mvx decrypt - --filename any.yaml
    db:
      password: hunter2 # was set in spring

      port: 5432
    $ cat secrets/dev/app.enc.yaml | mvx decrypt - --format yaml
    db:
      password: hunter2 # was set in spring

      port: 5432
    $ cd secrets/dev && mvx decrypt app.enc.yaml
    db:
      password: hunter2 # was set in spring

      port: 5432
    "###);
}

#[test]
fn mistakes() {
    let repo = repo();
    repo.write("plain.yaml", APP);
    repo.write("secrets/dev/not-yet.enc.yaml", APP);
    repo.write("notes.txt", "hello\n");
    repo.write("secrets/bob/x.txt", "");
    insta::assert_snapshot!(repo.session("
        mvx decrypt
        mvx decrypt missing.enc.yaml
        mvx decrypt secrets/dev/app.yaml
        mvx decrypt plain.yaml
        mvx decrypt secrets/dev/not-yet.enc.yaml
        mvx decrypt notes.txt
        mvx decrypt secrets/bob
        mvx decrypt - < secrets/dev/app.enc.yaml
        mvx decrypt - < plain.yaml --format yaml
        mvx decrypt -i - --filename x.yaml < secrets/dev/app.enc.yaml
        mvx decrypt - secrets/dev/app.enc.yaml --filename x.yaml
        mvx decrypt --format json secrets/dev/app.enc.yaml
        mvx decrypt -o x secrets/dev/app.enc.yaml plain.yaml
        mvx decrypt --format toml secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx decrypt
    mvx: error: missing: <FILE>...
    mvx: hint: `mvx decrypt --help` shows what it takes
    [2]
    $ mvx decrypt missing.enc.yaml
    mvx: error: missing.enc.yaml: there is no such file or directory
    mvx: hint: `mvx ls` lists the secret files
    [4]
    $ mvx decrypt secrets/dev/app.yaml
    mvx: error: secrets/dev/app.yaml: there is no such file or directory
    mvx: hint: did you mean `secrets/dev/app.enc.yaml`?
    [4]
    $ mvx decrypt plain.yaml
    mvx: error: plain.yaml: it is not encrypted: it has no `sops` block
    mvx: hint: `mvx encrypt plain.yaml` encrypts it
    [4]
    $ mvx decrypt secrets/dev/not-yet.enc.yaml
    mvx: error: secrets/dev/not-yet.enc.yaml: it is not encrypted: it has no `sops` block
    mvx: hint: `mvx encrypt -i secrets/dev/not-yet.enc.yaml` encrypts it in place
    [4]
    $ mvx decrypt notes.txt
    mvx: error: notes.txt: it is not encrypted: it has no `sops` block
    mvx: hint: `mvx encrypt notes.txt` encrypts it
    mvx: hint: its name does not tell its type: `--format yaml|json|dotenv|ini` does
    [4]
    $ mvx decrypt secrets/bob
    mvx: error: no encrypted file there is covered by a rule
    mvx: hint: `mvx ls` lists the secret files
    [1]
    $ mvx decrypt - < secrets/dev/app.enc.yaml
    mvx: error: standard input has no name to tell its type by
    mvx: hint: `mvx decrypt - --filename app.yaml`, or `mvx decrypt - --format yaml`
    [2]
    $ mvx decrypt - < plain.yaml --format yaml
    mvx: error: standard input: it is not encrypted: it has no `sops` block
    [4]
    $ mvx decrypt -i - --filename x.yaml < secrets/dev/app.enc.yaml
    mvx: error: standard input cannot be decrypted in place
    [2]
    $ mvx decrypt - secrets/dev/app.enc.yaml --filename x.yaml
    mvx: error: `-` stands alone: standard input is one file
    [2]
    $ mvx decrypt --format json secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: line 1: a value, a bracket or a comma is expected here
    [4]
    $ mvx decrypt -o x secrets/dev/app.enc.yaml plain.yaml
    mvx: error: `--output` names one file, but there are several to decrypt
    [2]
    $ mvx decrypt --format toml secrets/dev/app.enc.yaml
    mvx: error: `--format <TYPE>` is one of: yaml, json, dotenv, ini, binary
    mvx: hint: `mvx decrypt --help` shows what it takes
    [2]
    "###);
}

#[test]
fn a_plaintext_in_the_work_tree_must_be_ignored() {
    let repo = repo();
    insta::assert_snapshot!(repo.session("
        mvx decrypt -o app.yaml secrets/dev/app.enc.yaml
        echo /app.yaml >> .gitignore
        mvx decrypt -o app.yaml secrets/dev/app.enc.yaml
        mvx decrypt -o app.yaml secrets/dev/app.enc.yaml
        mvx decrypt --overwrite -o app.yaml secrets/dev/app.enc.yaml
        mkdir sub; cd sub; mvx decrypt -o 'my *.yaml' ../secrets/dev/app.enc.yaml
        mvx decrypt -o 'my *.yaml' secrets/dev/app.enc.yaml
        git add -f app.yaml; mvx decrypt --overwrite -o app.yaml secrets/dev/app.enc.yaml
        mvx decrypt -o none/app.yaml secrets/dev/app.enc.yaml
        mvx decrypt -o ../tmp/app.yaml secrets/dev/app.enc.yaml
        mvx decrypt --overwrite -o ./secrets/dev/app.enc.yaml secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx decrypt -o app.yaml secrets/dev/app.enc.yaml
    mvx: error: app.yaml: git does not ignore this file; plaintext in it would be committed sooner or later
    mvx: hint: have git ignore it: `echo /app.yaml >> .gitignore`
    mvx: hint: or write it all the same with `--allow-unignored`
    [4]
    $ echo /app.yaml >> .gitignore
    $ mvx decrypt -o app.yaml secrets/dev/app.enc.yaml
    mvx: app.yaml: decrypted; it holds plaintext
    $ mvx decrypt -o app.yaml secrets/dev/app.enc.yaml
    mvx: error: app.yaml: exists already; it was left alone
    mvx: hint: `--overwrite` replaces it
    [4]
    $ mvx decrypt --overwrite -o app.yaml secrets/dev/app.enc.yaml
    mvx: app.yaml: decrypted; it holds plaintext
    $ mkdir sub; cd sub; mvx decrypt -o 'my *.yaml' ../secrets/dev/app.enc.yaml
    mvx: error: my *.yaml: git does not ignore this file; plaintext in it would be committed sooner or later
    mvx: hint: have git ignore it: `echo "/sub/my \\*.yaml" >> [SANDBOX]/work/.gitignore`
    mvx: hint: or write it all the same with `--allow-unignored`
    [4]
    $ mvx decrypt -o 'my *.yaml' secrets/dev/app.enc.yaml
    mvx: error: my *.yaml: git does not ignore this file; plaintext in it would be committed sooner or later
    mvx: hint: have git ignore it: `echo "/my \\*.yaml" >> .gitignore`
    mvx: hint: or write it all the same with `--allow-unignored`
    [4]
    $ git add -f app.yaml; mvx decrypt --overwrite -o app.yaml secrets/dev/app.enc.yaml
    mvx: error: app.yaml: git tracks this file; plaintext in it would be in the next commit
    mvx: hint: `git rm --cached app.yaml` takes it out of git, but for its history
    mvx: hint: or write it all the same with `--allow-unignored`
    [4]
    $ mvx decrypt -o none/app.yaml secrets/dev/app.enc.yaml
    mvx: error: none/app.yaml: there is no directory `none`
    mvx: hint: `mkdir -p none` makes it
    [4]
    $ mvx decrypt -o ../tmp/app.yaml secrets/dev/app.enc.yaml
    mvx: ../tmp/app.yaml: decrypted; it holds plaintext
    $ mvx decrypt --overwrite -o ./secrets/dev/app.enc.yaml secrets/dev/app.enc.yaml
    mvx: error: ./secrets/dev/app.enc.yaml: the output is the encrypted file itself
    mvx: hint: `mvx decrypt -i ./secrets/dev/app.enc.yaml` decrypts it in place
    [2]
    "###);
    let mode = fs::metadata(repo.sandbox.path("app.yaml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn in_place() {
    let repo = repo();
    insta::assert_snapshot!(repo.session("
        mvx decrypt -i secrets/dev/app.enc.yaml
        mvx decrypt -i --allow-unignored secrets/dev/app.enc.yaml
        cat secrets/dev/app.enc.yaml
        mvx decrypt -i --allow-unignored secrets/dev/app.enc.yaml
        mvx encrypt -i secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml | head -1
        mvx decrypt -i --allow-unignored --json secrets
    "), @r###"
    $ mvx decrypt -i secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: git does not ignore this file; plaintext in it would be committed sooner or later
    mvx: hint: `mvx edit secrets/dev/app.enc.yaml` changes it, and `-o` writes the plaintext elsewhere
    mvx: hint: or write it all the same with `--allow-unignored`, and `mvx encrypt -i secrets/dev/app.enc.yaml` afterwards
    [4]
    $ mvx decrypt -i --allow-unignored secrets/dev/app.enc.yaml
    mvx: secrets/dev/app.enc.yaml: decrypted; `mvx encrypt -i secrets/dev/app.enc.yaml` encrypts it again
    $ cat secrets/dev/app.enc.yaml
    db:
      password: hunter2 # was set in spring

      port: 5432
    $ mvx decrypt -i --allow-unignored secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: it is not encrypted: it has no `sops` block
    mvx: hint: `mvx encrypt -i secrets/dev/app.enc.yaml` encrypts it in place
    [4]
    $ mvx encrypt -i secrets/dev/app.enc.yaml
    mvx: secrets/dev/app.enc.yaml: 2 values encrypted, for ana, bob
    $ mvx decrypt secrets/dev/app.enc.yaml | head -1
    db:
    $ mvx decrypt -i --allow-unignored --json secrets
    {"decrypted":[{"file":"secrets/dev/app.enc.yaml","written":"secrets/dev/app.enc.yaml","plaintext":null}]}
    "###);
}

#[test]
fn a_link_does_not_lead_plaintext_past_git() {
    let repo = repo();
    repo.write("seen.yaml", "");
    repo.write(".gitignore", "hidden.yaml\n");
    symlink("seen.yaml", repo.sandbox.path("hidden.yaml")).unwrap();
    let outcome = repo
        .mvx([
            "decrypt",
            "--overwrite",
            "-o",
            "hidden.yaml",
            "secrets/dev/app.enc.yaml",
        ])
        .outcome();
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert_eq!(repo.read("seen.yaml"), "");
}

#[test]
fn outside_of_git_nothing_is_asked_of_it() {
    let repo = Repo::outside_git();
    repo.write(".sops-rules.toml", crate::repo::rules());
    repo.seal("secrets/dev/app.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx decrypt -o app.yaml secrets/dev/app.enc.yaml
        mvx decrypt -i secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx decrypt -o app.yaml secrets/dev/app.enc.yaml
    mvx: app.yaml: decrypted; it holds plaintext
    $ mvx decrypt -i secrets/dev/app.enc.yaml
    mvx: secrets/dev/app.enc.yaml: decrypted; `mvx encrypt -i secrets/dev/app.enc.yaml` encrypts it again
    "###);
}

#[test]
fn no_identity_opens_it() {
    let repo = Repo::new();
    repo.seal("secrets/dev/both.yaml", APP);
    repo.seal("secrets/bob/app.yaml", APP);
    let ssh = fixture("keys/ssh_ed25519.pub");
    repo.write("one.yaml", APP);
    repo.session(&format!(
        "mvx encrypt --age \"$(cat {})\" one.yaml",
        ssh.display()
    ));
    insta::assert_snapshot!(repo.session("
        mvx decrypt secrets/bob/app.enc.yaml
        mvx decrypt one.enc.yaml
        mvx decrypt --json secrets/bob/app.enc.yaml
    "), @r###"
    $ mvx decrypt secrets/bob/app.enc.yaml
    mvx: error: secrets/bob/app.enc.yaml: your one identity does not open this file
    mvx:   it is sealed for bob (age10…wl)
    mvx: hint: `mvx doctor secrets/bob/app.enc.yaml` shows what was tried
    mvx: hint: set MVX_AGE_KEY_FILE to the file of a key that it is sealed for
    mvx: hint: or send one of them what `mvx recipients request` prints, to be given access
    [128]
    $ mvx decrypt one.enc.yaml
    mvx: error: one.enc.yaml: your one identity does not open this file
    mvx:   it is sealed for ssh-ed25519 throw-away
    mvx: hint: `mvx doctor one.enc.yaml` shows what was tried
    mvx: hint: set MVX_AGE_KEY_FILE to the file of a key that it is sealed for
    mvx: hint: or send one of them what `mvx recipients request` prints, to be given access
    [128]
    $ mvx decrypt --json secrets/bob/app.enc.yaml
    {"code":"no-identity","exit":128,"message":"your one identity does not open this file","place":"secrets/bob/app.enc.yaml","causes":["it is sealed for bob (age10…wl)"],"hints":["`mvx doctor secrets/bob/app.enc.yaml` shows what was tried","set MVX_AGE_KEY_FILE to the file of a key that it is sealed for","or send one of them what `mvx recipients request` prints, to be given access"]}
    [128]
    "###);
    repo.hold_nothing();
    insta::assert_snapshot!(repo.session("
        mvx decrypt secrets/dev/both.enc.yaml
        MVX_AGE_KEY_FILE=missing.txt mvx decrypt secrets/dev/both.enc.yaml
        MVX_AGE_KEY=garbage mvx decrypt secrets/dev/both.enc.yaml
        MVX_AGE_KEY_CMD='sh -c \"exit 3\"' mvx decrypt secrets/dev/both.enc.yaml
    "), @r###"
    $ mvx decrypt secrets/dev/both.enc.yaml
    mvx: error: secrets/dev/both.enc.yaml: this machine holds no identity that could open the file
    mvx:   it is sealed for ana (age1r…jq) and bob (age10…wl)
    mvx: hint: `mvx doctor secrets/dev/both.enc.yaml` shows what was tried
    mvx: hint: if you have a key, set MVX_AGE_KEY_FILE to its file; if not, `mvx keys generate` makes one
    mvx: hint: then send somebody who can open the file what `mvx recipients request` prints
    [128]
    $ MVX_AGE_KEY_FILE=missing.txt mvx decrypt secrets/dev/both.enc.yaml
    mvx: error: secrets/dev/both.enc.yaml: this machine holds no identity that could open the file
    mvx:   it is sealed for ana (age1r…jq) and bob (age10…wl)
    mvx:   MVX_AGE_KEY_FILE (missing.txt): there is no such file
    mvx: hint: `mvx doctor secrets/dev/both.enc.yaml` shows what was tried
    mvx: hint: if you have a key, set MVX_AGE_KEY_FILE to its file; if not, `mvx keys generate` makes one
    mvx: hint: then send somebody who can open the file what `mvx recipients request` prints
    [128]
    $ MVX_AGE_KEY=garbage mvx decrypt secrets/dev/both.enc.yaml
    mvx: error: secrets/dev/both.enc.yaml: this machine holds no identity that could open the file
    mvx:   it is sealed for ana (age1r…jq) and bob (age10…wl)
    mvx:   MVX_AGE_KEY: line 1 is not an age identity
    mvx: hint: `mvx doctor secrets/dev/both.enc.yaml` shows what was tried
    mvx: hint: if you have a key, set MVX_AGE_KEY_FILE to its file; if not, `mvx keys generate` makes one
    mvx: hint: then send somebody who can open the file what `mvx recipients request` prints
    [128]
    $ MVX_AGE_KEY_CMD='sh -c "exit 3"' mvx decrypt secrets/dev/both.enc.yaml
    mvx: error: secrets/dev/both.enc.yaml: this machine holds no identity that could open the file
    mvx:   it is sealed for ana (age1r…jq) and bob (age10…wl)
    mvx:   MVX_AGE_KEY_CMD: `sh` ended with status 3
    mvx: hint: `mvx doctor secrets/dev/both.enc.yaml` shows what was tried
    mvx: hint: if you have a key, set MVX_AGE_KEY_FILE to its file; if not, `mvx keys generate` makes one
    mvx: hint: then send somebody who can open the file what `mvx recipients request` prints
    [128]
    "###);
    repo.hold("sops/k1.txt");
    assert_eq!(repo.plaintext("secrets/bob/app.enc.yaml"), APP);
    repo.hold("keys/ssh_ed25519");
    insta::assert_snapshot!(repo.session("
        mvx decrypt one.enc.yaml
    "), @r###"
    $ mvx decrypt one.enc.yaml
    db:
      password: hunter2 # was set in spring

      port: 5432
    "###);
}

#[test]
fn a_passphrase_is_asked_for_once_a_run() {
    let repo = Repo::new();
    repo.seal("secrets/bob/a.yaml", "a: 1\n");
    repo.seal("secrets/bob/b.yaml", "b: 2\n");
    repo.hold("keys/age.protected");
    let session = repo
        .mvx([
            "decrypt",
            "secrets/bob/a.enc.yaml",
            "secrets/bob/b.enc.yaml",
        ])
        .on_terminal(&[
            Await("Passphrase for "),
            Type("open sesame\r"),
            Await("a: 1"),
            Await("b: 2"),
        ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert_eq!(
        session.screen.matches("Passphrase").count(),
        1,
        "{session:?}"
    );
    assert!(!session.screen.contains("sesame"), "{session:?}");
    let session = repo
        .mvx(["get", "secrets/bob/a.enc.yaml", "a"])
        .on_terminal(&[
            Await("Passphrase for "),
            Type("wrong\r"),
            Await("does not open this file"),
        ]);
    assert_eq!(session.status, 128, "{session:?}");
    // Without a terminal nobody waits.
    let run = repo.mvx(["decrypt", "secrets/bob/a.enc.yaml"]);
    let outcome = run.in_a_session_of_its_own().outcome();
    assert_eq!(outcome.code(), Some(128), "{outcome}");
    insta::assert_snapshot!(repo.scrub(&outcome.stderr), @r###"
    mvx: error: secrets/bob/a.enc.yaml: your one identity does not open this file
    mvx:   it is sealed for bob (age10…wl)
    mvx:   the key file [SANDBOX]/home/.config/mvx/keys.txt is protected, and no passphrase was given
    mvx: hint: `mvx doctor secrets/bob/a.enc.yaml` shows what was tried
    mvx: hint: set MVX_AGE_KEY_FILE to the file of a key that it is sealed for
    mvx: hint: or send one of them what `mvx recipients request` prints, to be given access
    "###);
}

#[test]
fn what_was_tampered_with_is_not_shown() {
    let repo = Repo::new();
    let sealed = repo.seal("secrets/dev/app.yaml", "a: hunter2\nb: swordfish\nc: ''\n");
    let a = sealed.lines().next().unwrap();
    let b = sealed.lines().nth(1).unwrap();
    let swapped = format!(
        "{}\n{}",
        b.replacen("b:", "a:", 1),
        a.replacen("a:", "b:", 1)
    );
    repo.write(
        "swapped.yaml",
        sealed.replacen(&format!("{a}\n{b}"), &swapped, 1),
    );
    repo.write("removed.yaml", sealed.replacen(&format!("{a}\n"), "", 1));
    repo.write("clear.yaml", sealed.replacen(a, "a: pasted-in-clear", 1));
    let mac = sealed.lines().find(|line| line.contains("mac: ")).unwrap();
    repo.write("no-mac.yaml", sealed.replacen(&format!("{mac}\n"), "", 1));
    let version = sealed
        .lines()
        .find(|line| line.contains("version: "))
        .unwrap();
    repo.write(
        "no-version.yaml",
        sealed.replacen(&format!("{version}\n"), "", 1),
    );
    repo.write("cut.yaml", &sealed[..sealed.len() / 2]);
    insta::assert_snapshot!(repo.session("
        mvx decrypt swapped.yaml
        mvx decrypt removed.yaml
        mvx decrypt clear.yaml
        mvx decrypt no-mac.yaml
        mvx decrypt no-version.yaml
        mvx decrypt cut.yaml
        mvx decrypt --json swapped.yaml
    "), @r###"
    $ mvx decrypt swapped.yaml
    mvx: error: swapped.yaml: a: the value does not authenticate; it was changed, moved or sealed with another key
    mvx: hint: `mvx repair swapped.yaml` shows what differs from the last good version in git, and mends it
    mvx: hint: `git log -p -- swapped.yaml` shows who changed it
    [25]
    $ mvx decrypt removed.yaml
    mvx: error: removed.yaml: the MAC does not match: values were added, removed, swapped or changed after the file was sealed
    mvx: hint: `mvx repair removed.yaml` shows what differs from the last good version in git, and mends it
    mvx: hint: `git log -p -- removed.yaml` shows who changed it
    [51]
    $ mvx decrypt clear.yaml
    mvx: error: clear.yaml: a: the selector says that this value is encrypted, but it stands in clear
    mvx: hint: take it out or restore the file with `git checkout -- clear.yaml`; then `mvx set clear.yaml KEY` sets it
    mvx: hint: if it was committed in clear, it has leaked: set a new one
    [25]
    $ mvx decrypt no-mac.yaml
    mvx: error: no-mac.yaml: the `sops` block has no MAC: nothing proves that the values are the ones that were sealed
    mvx: hint: `git log -p -- no-mac.yaml` shows when the `sops` block was last changed
    [51]
    $ mvx decrypt no-version.yaml
    mvx: error: no-version.yaml: the `sops` block has no `version`
    mvx: hint: `git log -p -- no-version.yaml` shows when the `sops` block was last changed
    [4]
    $ mvx decrypt cut.yaml
    mvx: error: cut.yaml: the `sops` block has no `version`
    mvx: hint: `git log -p -- cut.yaml` shows when the `sops` block was last changed
    [4]
    $ mvx decrypt --json swapped.yaml
    {"code":"value-not-authentic","exit":25,"message":"a: the value does not authenticate; it was changed, moved or sealed with another key","place":"swapped.yaml","causes":[],"hints":["`mvx repair swapped.yaml` shows what differs from the last good version in git, and mends it","`git log -p -- swapped.yaml` shows who changed it"]}
    [25]
    "###);
}

#[test]
fn bytes_are_not_thrown_at_a_terminal() {
    let repo = Repo::new();
    repo.seal("secrets/dev/key.bin", [0u8, 159, 146, 150, 27]);
    let session = repo
        .mvx(["decrypt", "secrets/dev/key.enc.bin"])
        .on_terminal(&[]);
    assert_eq!(session.status, 4, "{session:?}");
    insta::assert_snapshot!(repo.session("
        mvx decrypt secrets/dev/key.enc.bin | od -An -tx1
        mvx decrypt --json secrets/dev/key.enc.bin
        mvx get --raw secrets/dev/key.enc.bin data | od -An -tx1
        mvx get --json secrets/dev/key.enc.bin data
    "), @r###"
    $ mvx decrypt secrets/dev/key.enc.bin | od -An -tx1
     00 9f 92 96 1b
    $ mvx decrypt --json secrets/dev/key.enc.bin
    {"code":"not-text","exit":4,"message":"the plaintext is not UTF-8 text, and JSON holds text only","place":"secrets/dev/key.enc.bin","causes":[],"hints":["leave `--json` out, or write it to a file with `-o`"]}
    [4]
    $ mvx get --raw secrets/dev/key.enc.bin data | od -An -tx1
     00 9f 92 96 1b
    $ mvx get --json secrets/dev/key.enc.bin data
    {"code":"not-text","exit":4,"message":"the value is not UTF-8 text, and JSON holds text only","place":"secrets/dev/key.enc.bin","causes":[],"hints":["`--raw` prints its bytes"]}
    [4]
    "###);
}

#[test]
fn a_reader_that_leaves_early_and_a_full_disk() {
    let repo = Repo::new();
    repo.seal(
        "secrets/dev/large.yaml",
        format!("a: {}\n", "x".repeat(300_000)),
    );
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let outcome = repo
        .mvx(["decrypt", "secrets/dev/large.enc.yaml"])
        .stdout(writer)
        .outcome();
    assert_eq!((outcome.code(), outcome.stderr.as_str()), (Some(0), ""));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let outcome = repo
        .mvx(["decrypt", "secrets/dev/large.enc.yaml"])
        .stdout(full)
        .outcome();
    assert_eq!(outcome.code(), Some(4), "{outcome}");
}

#[test]
fn broken_rules_keep_nobody_from_opening_a_file() {
    let repo = repo();
    repo.write(".sops-rules.toml", "version = 1\nrecipiants = {}\n");
    insta::assert_snapshot!(repo.session("
        mvx decrypt secrets/dev/app.enc.yaml
        echo x | mvx set secrets/dev/app.enc.yaml a
        mvx ls
        mvx encrypt x.yaml
    "), @r###"
    $ mvx decrypt secrets/dev/app.enc.yaml
    db:
      password: hunter2 # was set in spring

      port: 5432
    $ echo x | mvx set secrets/dev/app.enc.yaml a
    mvx: a line break at the end of the value was dropped; `--exact` keeps it
    mvx: secrets/dev/app.enc.yaml: `a` added
    $ mvx ls
    mvx: error: .sops-rules.toml: line 2: unknown field `recipiants` at the top; did you mean `recipients`?
    [3]
    $ mvx encrypt x.yaml
    mvx: error: x.yaml: there is no such file or directory
    [4]
    "###);
}

/// git on Windows does that, and one line in `.gitattributes`.
#[test]
fn a_dotenv_file_that_git_gave_other_line_ends_opens() {
    let repo = Repo::new();
    let sealed = repo.seal("secrets/dev/.env", "# note\nA=1\nB=two\n");
    repo.write("secrets/dev/.enc.env", sealed.replace('\n', "\r\n"));
    assert_eq!(
        repo.plaintext("secrets/dev/.enc.env"),
        "# note\nA=1\nB=two\n"
    );
    let set = repo
        .mvx(["set", "-q", "secrets/dev/.enc.env", "A"])
        .stdin("2")
        .outcome();
    assert_eq!(set.code(), Some(0), "{set}");
    assert_eq!(
        repo.plaintext("secrets/dev/.enc.env"),
        "# note\nA=2\nB=two\n"
    );
    // A line end in clear that was there before it was sealed is the value's own.
    let mixed = sealed.replace("B=", "C=x\r\nB=");
    repo.write("secrets/dev/.enc.env", mixed);
    assert_ne!(
        repo.mvx(["decrypt", "secrets/dev/.enc.env"])
            .outcome()
            .code(),
        Some(0)
    );
}
