//! `mvx edit`.
//!
//! Editors are small scripts. Where a draft lies is written down by the script, so that a test can
//! look whether it is gone.

use std::fs;

use crate::repo::Repo;
use crate::support::Step::{Await, Signal, Type};

const APP: &str = "# the database\ndb:\n  password: hunter2 # old\n  port: 5432\n";

fn repo() -> Repo {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", APP);
    repo
}

/// Notes where the draft is, then does something to it.
fn noting(script: &str) -> String {
    format!("echo \"$1\" >> ~/drafts\n{script}")
}

/// Nothing of the plaintext is left where the editor saw it.
fn nothing_is_left(repo: &Repo) {
    let noted = fs::read_to_string(repo.home("drafts")).unwrap();
    for draft in noted.lines() {
        assert!(draft.contains("/mvx-"), "{draft}");
        let directory = std::path::Path::new(draft).parent().unwrap();
        assert!(!directory.exists(), "{draft} is left");
    }
}

#[test]
fn what_is_edited_is_sealed_again() {
    let repo = repo();
    let before = repo.read("secrets/dev/app.enc.yaml");
    let port = before
        .lines()
        .find(|line| line.contains("port: "))
        .unwrap()
        .to_owned();
    repo.editor(&noting(
        "sed -i s/hunter2/swordfish/ \"$1\"; ls -l \"$1\" | cut -c1-10 > ~/mode",
    ));
    insta::assert_snapshot!(repo.session("
        EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml
        VISUAL=~/editor.sh EDITOR=false mvx edit secrets/dev/app.enc.yaml
        SOPS_EDITOR=~/editor.sh VISUAL=false mvx edit --json secrets/dev/app.enc.yaml
        EDITOR=~/editor.sh mvx edit -q secrets/dev/app.enc.yaml
    "), @r###"
    $ EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: secrets/dev/app.enc.yaml: encrypted again
    $ mvx decrypt secrets/dev/app.enc.yaml
    # the database
    db:
      password: swordfish # old
      port: 5432
    $ VISUAL=~/editor.sh EDITOR=false mvx edit secrets/dev/app.enc.yaml
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: secrets/dev/app.enc.yaml: nothing changed
    [200]
    $ SOPS_EDITOR=~/editor.sh VISUAL=false mvx edit --json secrets/dev/app.enc.yaml
    {"file":"secrets/dev/app.enc.yaml","changed":false,"made":false}
    [200]
    $ EDITOR=~/editor.sh mvx edit -q secrets/dev/app.enc.yaml
    [200]
    "###);
    assert_eq!(
        fs::read_to_string(repo.home("mode")).unwrap(),
        "-rw-------\n"
    );
    // A value that stayed keeps its line.
    assert!(repo.read("secrets/dev/app.enc.yaml").contains(&port));
    nothing_is_left(&repo);
}

#[test]
fn a_new_file_begins_with_an_example() {
    let repo = Repo::new();
    repo.editor(&noting("cat \"$1\"; echo token: t-1 > \"$1\""));
    insta::assert_snapshot!(repo.session("
        EDITOR=~/editor.sh mvx edit secrets/dev/deep/new.enc.yaml
        mvx decrypt secrets/dev/deep/new.enc.yaml
        EDITOR=true mvx edit secrets/dev/other.enc.json
        EDITOR=cat mvx edit secrets/dev/other.enc.env
        EDITOR=cat mvx edit secrets/dev/other.enc.ini
        EDITOR=cat mvx edit secrets/dev/other.enc
        ls secrets/dev
        EDITOR=~/editor.sh mvx edit --json secrets/dev/plain-name.yaml
        EDITOR=~/editor.sh mvx edit elsewhere.enc.yaml
        EDITOR=~/editor.sh mvx edit secrets/dev/deep/new.yaml
    "), @r###"
    $ EDITOR=~/editor.sh mvx edit secrets/dev/deep/new.enc.yaml
    # Values are encrypted when you save; names stay readable.
    example_key: example value
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: secrets/dev/deep/new.enc.yaml: made and encrypted
    $ mvx decrypt secrets/dev/deep/new.enc.yaml
    token: t-1
    $ EDITOR=true mvx edit secrets/dev/other.enc.json
    mvx: `true` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: secrets/dev/other.enc.json: not made: the example was left as it was
    [200]
    $ EDITOR=cat mvx edit secrets/dev/other.enc.env
    # Values are encrypted when you save; names stay readable.
    EXAMPLE_KEY=example value
    mvx: `cat` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: secrets/dev/other.enc.env: not made: the example was left as it was
    [200]
    $ EDITOR=cat mvx edit secrets/dev/other.enc.ini
    ; Values are encrypted when you save; names stay readable.
    [example]
    key = example value
    mvx: `cat` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: secrets/dev/other.enc.ini: not made: the example was left as it was
    [200]
    $ EDITOR=cat mvx edit secrets/dev/other.enc
    Replace this with the content of the file.
    mvx: `cat` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: secrets/dev/other.enc: not made: the example was left as it was
    [200]
    $ ls secrets/dev
    deep
    $ EDITOR=~/editor.sh mvx edit --json secrets/dev/plain-name.yaml
    # Values are encrypted when you save; names stay readable.
    example_key: example value
    {"file":"secrets/dev/plain-name.yaml","changed":true,"made":true}
    {"warning":"secrets/dev/plain-name.yaml: git ignores this encrypted file, so that it would not be committed","hints":["`git check-ignore -v secrets/dev/plain-name.yaml` shows why; `git add --force secrets/dev/plain-name.yaml` takes it all the same"]}
    $ EDITOR=~/editor.sh mvx edit elsewhere.enc.yaml
    mvx: error: no rule of .sops-rules.toml covers elsewhere.enc.yaml
    mvx: hint: add to `.sops-rules.toml`:
    mvx:
    mvx:   [[files]]
    mvx:   path = "/elsewhere.enc.yaml"
    mvx:   recipients = ["team"]
    mvx: hint: `mvx doctor --explain elsewhere.enc.yaml` shows the rules that were compared with its name
    [3]
    $ EDITOR=~/editor.sh mvx edit secrets/dev/deep/new.yaml
    mvx: error: secrets/dev/deep/new.yaml: there is no such file or directory
    mvx: hint: did you mean `secrets/dev/deep/new.enc.yaml`?
    [4]
    "###);
    nothing_is_left(&repo);
}

#[test]
fn mistakes() {
    let repo = repo();
    repo.write("plain.yaml", "a: 1\n");
    repo.seal("secrets/bob/x.yaml", "a: 1\n");
    insta::assert_snapshot!(repo.session("
        mvx edit secrets/dev/app.enc.yaml
        EDITOR=no-such-editor mvx edit secrets/dev/app.enc.yaml
        EDITOR=\"'unclosed\" mvx edit secrets/dev/app.enc.yaml
        EDITOR=false mvx edit secrets/dev/app.enc.yaml
        EDITOR=rm mvx edit secrets/dev/app.enc.yaml
        EDITOR=true mvx edit plain.yaml
        EDITOR=true mvx edit secrets/bob/x.enc.yaml
        EDITOR=true mvx edit secrets
        EDITOR=true mvx edit
    "), @r###"
    $ mvx edit secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: there is no terminal for an editor
    mvx: hint: `mvx set secrets/dev/app.enc.yaml KEY` changes one value without an editor
    mvx: hint: or name an editor that needs no terminal: `EDITOR='code --wait'`
    [4]
    $ EDITOR=no-such-editor mvx edit secrets/dev/app.enc.yaml
    mvx: error: cannot start `no-such-editor`
    mvx:   No such file or directory (os error 2)
    mvx: hint: is it installed and on PATH?
    mvx: hint: set EDITOR to your editor, such as `EDITOR='code --wait'`
    [4]
    $ EDITOR="'unclosed" mvx edit secrets/dev/app.enc.yaml
    mvx: error: secrets/dev/app.enc.yaml: the variable EDITOR does not read as a command
    mvx: hint: for example: `EDITOR='code --wait'`
    [2]
    $ EDITOR=false mvx edit secrets/dev/app.enc.yaml
    mvx: `false` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: error: secrets/dev/app.enc.yaml: the editor ended with status 1; the file was left as it was
    mvx: hint: to use another editor: `EDITOR=nano mvx edit secrets/dev/app.enc.yaml`
    [4]
    $ EDITOR=rm mvx edit secrets/dev/app.enc.yaml
    mvx: `rm` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: error: secrets/dev/app.enc.yaml: the editor left no file; the file was left as it was
    mvx: hint: to use another editor: `EDITOR=nano mvx edit secrets/dev/app.enc.yaml`
    [4]
    $ EDITOR=true mvx edit plain.yaml
    mvx: error: plain.yaml: it is not encrypted: it has no `sops` block
    mvx: hint: `mvx encrypt plain.yaml` encrypts it
    [4]
    $ EDITOR=true mvx edit secrets/bob/x.enc.yaml
    mvx: error: secrets/bob/x.enc.yaml: your one identity does not open this file
    mvx:   it is sealed for bob (age10…wl)
    mvx: hint: `mvx doctor secrets/bob/x.enc.yaml` shows what was tried
    mvx: hint: set MVX_AGE_KEY_FILE to the file of a key that it is sealed for
    mvx: hint: or send one of them what `mvx recipients request` prints, to be given access
    [128]
    $ EDITOR=true mvx edit secrets
    mvx: error: secrets: a directory, not a file
    [4]
    $ EDITOR=true mvx edit
    mvx: error: missing: <FILE>
    mvx: hint: `mvx edit --help` shows what it takes
    [2]
    "###);
    assert_eq!(repo.plaintext("secrets/dev/app.enc.yaml"), APP);
}

#[test]
fn a_mistake_in_the_text_leads_back_into_the_editor() {
    let repo = repo();
    repo.editor(&noting("
        echo run >> ~/runs
        if [ $(wc -l < ~/runs) = 1 ]; then echo 'a: [' > \"$1\"; else cat \"$1\"; echo 'a: 1' > \"$1\"; fi
    "));
    let run = repo.mvx(["edit", "secrets/dev/app.enc.yaml"]);
    let session = run.env("EDITOR", repo.home("editor.sh")).on_terminal(&[
        Await("secrets/dev/app.enc.yaml: line 1:"),
        Await("Back into the editor?"),
        Type("\r"),
        // The draft is as it was left.
        Await("a: ["),
        Await("encrypted again"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert_eq!(repo.plaintext("secrets/dev/app.enc.yaml"), "a: 1\n");
    nothing_is_left(&repo);
}

#[test]
fn giving_up_leaves_the_file() {
    let repo = repo();
    let before = repo.read("secrets/dev/app.enc.yaml");
    let editor = repo.editor(&noting("echo 'a: [ hidden-value' > \"$1\""));
    let run = || {
        repo.mvx(["edit", "secrets/dev/app.enc.yaml"])
            .env("EDITOR", &editor)
    };
    let session = run().on_terminal(&[
        Await("Back into the editor?"),
        Type("n\r"),
        Await("what was edited was dropped"),
    ]);
    assert_eq!(session.status, 4, "{session:?}");
    let interrupted = run().on_terminal(&[Await("Back into the editor?"), Type("\u{3}")]);
    assert_eq!(interrupted.status, -2, "{interrupted:?}");
    assert!(!session.screen.contains("hidden-value"), "{session:?}");
    assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
    nothing_is_left(&repo);
}

#[test]
fn where_nobody_can_be_asked_the_text_is_kept() {
    let repo = repo();
    let before = repo.read("secrets/dev/app.enc.yaml");
    repo.editor(&noting("echo 'a: [ hidden-value' > \"$1\""));
    insta::assert_snapshot!(repo.session("
        EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
        EDITOR=~/editor.sh mvx edit --json secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.edited.yaml.enc
        EDITOR=~/editor.sh mvx edit secrets/dev/new.enc.yaml
        mvx decrypt secrets/dev/new.edited.yaml.enc
        ls secrets/dev
    "), @r###"
    $ EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: error: secrets/dev/app.enc.yaml: line 1: a bracket or brace is opened and not closed
    mvx: hint: what you edited is kept, encrypted, in `secrets/dev/app.edited.yaml.enc`
    mvx: hint: `mvx decrypt secrets/dev/app.edited.yaml.enc` prints it
    [4]
    $ EDITOR=~/editor.sh mvx edit --json secrets/dev/app.enc.yaml
    {"code":"syntax","exit":4,"message":"line 1: a bracket or brace is opened and not closed","place":"secrets/dev/app.enc.yaml","causes":[],"hints":["what you edited is kept, encrypted, in `secrets/dev/app.edited-2.yaml.enc`","`mvx decrypt secrets/dev/app.edited-2.yaml.enc` prints it"]}
    [4]
    $ mvx decrypt secrets/dev/app.edited.yaml.enc
    a: [ hidden-value
    $ EDITOR=~/editor.sh mvx edit secrets/dev/new.enc.yaml
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: error: secrets/dev/new.enc.yaml: line 1: a bracket or brace is opened and not closed
    mvx: hint: what you edited is kept, encrypted, in `secrets/dev/new.edited.yaml.enc`
    mvx: hint: `mvx decrypt secrets/dev/new.edited.yaml.enc` prints it
    [4]
    $ mvx decrypt secrets/dev/new.edited.yaml.enc
    a: [ hidden-value
    $ ls secrets/dev
    app.edited-2.yaml.enc
    app.edited.yaml.enc
    app.enc.yaml
    new.edited.yaml.enc
    "###);
    assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
    nothing_is_left(&repo);
}

#[test]
fn nothing_is_lost_where_the_file_changed_meanwhile() {
    let repo = repo();
    repo.seal("secrets/dev/other.yaml", "theirs: 1\n");
    repo.editor(&noting(
        "
        sed -i s/hunter2/mine/ \"$1\"
        cp secrets/dev/other.enc.yaml secrets/dev/app.enc.yaml
    ",
    ));
    insta::assert_snapshot!(repo.session("
        EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.edited.yaml.enc
    "), @r###"
    $ EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: error: secrets/dev/app.enc.yaml: changed meanwhile; nothing was written
    mvx: hint: run the command again on what is there now
    mvx: hint: what you edited is kept, encrypted, in `secrets/dev/app.edited.yaml.enc`
    mvx: hint: `mvx decrypt secrets/dev/app.edited.yaml.enc` prints it
    [4]
    $ mvx decrypt secrets/dev/app.enc.yaml
    theirs: 1
    $ mvx decrypt secrets/dev/app.edited.yaml.enc
    # the database
    db:
      password: mine # old
      port: 5432
    "###);
    // A new file that somebody else made first.
    repo.editor(&noting(
        "
        echo mine: 1 > \"$1\"
        cp secrets/dev/other.enc.yaml secrets/dev/new.enc.yaml
    ",
    ));
    insta::assert_snapshot!(repo.session("
        EDITOR=~/editor.sh mvx edit secrets/dev/new.enc.yaml
        mvx decrypt secrets/dev/new.edited.yaml.enc
    "), @r###"
    $ EDITOR=~/editor.sh mvx edit secrets/dev/new.enc.yaml
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: error: secrets/dev/new.enc.yaml: was made by somebody else meanwhile; nothing was written
    mvx: hint: `mvx edit secrets/dev/new.enc.yaml` opens what is there now
    mvx: hint: what you edited is kept, encrypted, in `secrets/dev/new.edited.yaml.enc`
    mvx: hint: `mvx decrypt secrets/dev/new.edited.yaml.enc` prints it
    [4]
    $ mvx decrypt secrets/dev/new.edited.yaml.enc
    mine: 1
    "###);
    nothing_is_left(&repo);
}

#[test]
fn a_set_while_the_editor_is_open_is_a_conflict_and_not_lost() {
    let repo = repo();
    let editor = repo.editor(&noting(
        "
        sed -i s/hunter2/mine/ \"$1\"
        echo theirs | \"$MVX\" set -q secrets/dev/app.enc.yaml db.new
    ",
    ));
    let run = repo.mvx(["edit", "secrets/dev/app.enc.yaml"]);
    let outcome = run
        .env("EDITOR", editor)
        .env("MVX", crate::support::program())
        .outcome();
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert!(
        repo.plaintext("secrets/dev/app.enc.yaml")
            .contains("new: theirs")
    );
    assert!(
        repo.plaintext("secrets/dev/app.edited.yaml.enc")
            .contains("mine")
    );
}

#[test]
fn a_crash_of_the_editor_loses_nothing_that_was_saved() {
    let repo = repo();
    let before = repo.read("secrets/dev/app.enc.yaml");
    repo.editor(&noting("kill -9 $$"));
    insta::assert_snapshot!(repo.session("EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml"), @r###"
    $ EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: error: secrets/dev/app.enc.yaml: the editor was ended by a signal; the file was left as it was
    mvx: hint: to use another editor: `EDITOR=nano mvx edit secrets/dev/app.enc.yaml`
    [4]
    "###);
    repo.editor(&noting("echo saved: 1 >> \"$1\"; kill -9 $$"));
    insta::assert_snapshot!(repo.session("
        EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
        mvx decrypt secrets/dev/app.edited.yaml.enc | tail -1
    "), @r###"
    $ EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: error: secrets/dev/app.enc.yaml: the editor was ended by a signal; the file was left as it was
    mvx: hint: to use another editor: `EDITOR=nano mvx edit secrets/dev/app.enc.yaml`
    mvx: hint: what you edited is kept, encrypted, in `secrets/dev/app.edited.yaml.enc`
    mvx: hint: `mvx decrypt secrets/dev/app.edited.yaml.enc` prints it
    [4]
    $ mvx decrypt secrets/dev/app.edited.yaml.enc | tail -1
    saved: 1
    "###);
    // A status is a way to say no.
    repo.editor(&noting("echo saved: 1 >> \"$1\"; exit 1"));
    insta::assert_snapshot!(repo.session("EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml"), @r###"
    $ EDITOR=~/editor.sh mvx edit secrets/dev/app.enc.yaml
    mvx: `editor.sh` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: error: secrets/dev/app.enc.yaml: the editor ended with status 1; the file was left as it was
    mvx: hint: to use another editor: `EDITOR=nano mvx edit secrets/dev/app.enc.yaml`
    [4]
    "###);
    assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
    nothing_is_left(&repo);
}

#[test]
fn signals_leave_the_file_and_no_plaintext() {
    let repo = repo();
    let before = repo.read("secrets/dev/app.enc.yaml");
    let editor = repo.editor(&noting("echo changed: 1 >> \"$1\"; echo editing; sleep 30"));
    for signal in [1, 15] {
        let run = repo
            .mvx(["edit", "secrets/dev/app.enc.yaml"])
            .env("EDITOR", &editor);
        let session = run.on_terminal(&[Await("editing"), Signal(signal)]);
        assert_eq!(session.status, -i64::from(signal), "{session:?}");
    }
    // Ctrl-C goes to the editor; one that dies of it has not said yes.
    let run = repo
        .mvx(["edit", "secrets/dev/app.enc.yaml"])
        .env("EDITOR", &editor);
    let session = run.on_terminal(&[Await("editing"), Type("\u{3}")]);
    assert!([4, -2].contains(&session.status), "{session:?}");
    assert_eq!(repo.read("secrets/dev/app.enc.yaml"), before);
    nothing_is_left(&repo);
}

#[test]
fn the_editor_sees_a_whole_file_of_every_type() {
    let repo = Repo::new();
    let files = [
        ("a.env", "# c\nA=1\n"),
        ("a.json", "{\n  \"a\": [1, {\"b\": null}]\n}\n"),
        ("a.ini", "; c\n[s]\nk = v\n"),
        ("a.pem", "line\n"),
        ("b.yaml", "a: 1\n---\nb: 2\n"),
    ];
    let editor = repo.editor("cp \"$1\" ~/seen; exit 0");
    for (name, text) in files {
        repo.seal(&format!("secrets/dev/{name}"), text);
        let sealed = mvx::app::files::sealed_name(std::path::Path::new(name));
        let path = format!("secrets/dev/{}", sealed.display());
        let outcome = repo.mvx(["edit", &path]).env("EDITOR", &editor).outcome();
        assert_eq!(outcome.code(), Some(200), "{outcome}");
        assert_eq!(
            fs::read_to_string(repo.home("seen")).unwrap(),
            text,
            "{name}"
        );
    }
}

#[test]
fn rules_decide_the_type_where_the_name_does_not() {
    let repo = Repo::new();
    repo.editor("grep -q EXAMPLE_KEY \"$1\" && echo A=1 > \"$1\"");
    insta::assert_snapshot!(repo.session("
        EDITOR=~/editor.sh mvx edit -q odd/prod.enc
        mvx get odd/prod.enc A
        cut -d[ -f1 odd/prod.enc | head -1
    "), @r###"
    $ EDITOR=~/editor.sh mvx edit -q odd/prod.enc
    $ mvx get odd/prod.enc A
    1
    $ cut -d[ -f1 odd/prod.enc | head -1
    A=ENC
    "###);
}

#[test]
fn the_editor_and_a_key_command_see_no_private_key() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    let key = fs::read_to_string(repo.home(".config/mvx/keys.txt")).unwrap();
    let key = key.lines().last().unwrap();
    let editor = repo.editor("env > \"$HOME/seen\"");
    let outcome = repo
        .mvx(["edit", "secrets/dev/a.enc.yaml"])
        .env("EDITOR", &editor)
        .env("MVX_AGE_KEY", key)
        .env("SOPS_AGE_KEY", key)
        .outcome();
    assert_eq!(outcome.code(), Some(200), "{outcome}");
    let seen = fs::read_to_string(repo.home("seen")).unwrap();
    assert!(seen.contains("EDITOR=") && !seen.contains(key), "{seen}");
    let command = format!("{} {}", editor.display(), "x");
    let outcome = repo
        .mvx(["decrypt", "secrets/dev/a.enc.yaml"])
        .env("SOPS_AGE_KEY", key)
        .env("MVX_AGE_KEY_CMD", command)
        .outcome();
    assert_eq!(outcome.stdout(), "a: 1\n", "{outcome}");
    let seen = fs::read_to_string(repo.home("seen")).unwrap();
    assert!(!seen.contains(key), "{seen}");
}
