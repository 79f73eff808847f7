//! `mvx import` in work trees of git-crypt and transcrypt.

use crate::repo::Repo;
use crate::support::Step::{Await, Type};

#[test]
fn a_work_tree_of_git_crypts() {
    let repo = Repo::new();
    repo.write(".gitattributes", "# keys\n*.key filter=git-crypt diff=git-crypt\nsecrets/dev/** filter=git-crypt diff=git-crypt\n");
    repo.write("secrets/dev/app.yaml", "a: 1.10 # kept\n");
    repo.write("secrets/dev/id.key", b"\x01\x02 binary");
    repo.write("other/x.key", "k");
    repo.write("other/plain.txt", "p");
    insta::assert_snapshot!(repo.session("
        mvx import --from git-crypt secrets --dry-run
        mvx import --from git-crypt secrets
        mvx import --from git-crypt
        mvx import --from transcrypt
        mvx import --from git-crypt secrets --yes --rm --gitignore
        mvx decrypt secrets/dev/app.enc.yaml
        mvx import --from git-crypt secrets --yes
        tail -n 2 .gitignore
        git check-attr filter secrets/dev/app.enc.yaml
        printf '*.enc.* -filter -diff -merge\\n' >> .gitattributes
        git check-attr filter secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx import --from git-crypt secrets --dry-run
    secrets/dev/app.yaml → secrets/dev/app.enc.yaml
    secrets/dev/id.key → secrets/dev/id.enc.key
    mvx: warning: git-crypt would encrypt secrets/dev/app.enc.yaml, secrets/dev/id.enc.key once more when git adds it, because its mark covers it, too: .gitattributes line 2, .gitattributes line 3
    mvx: hint: before `git add`, put a line below the mark: `*.enc.* -filter -diff -merge` (and `*.enc -filter -diff -merge`)
    mvx: when git has the new files: `git rm --cached` the old ones, then take git-crypt's marks out: .gitattributes line 2, .gitattributes line 3
    mvx: git's history keeps the old files under git-crypt's key: whoever has it reads what was secret until now
    $ mvx import --from git-crypt secrets
    mvx: would import secrets/dev/app.yaml → secrets/dev/app.enc.yaml
    mvx: would import secrets/dev/id.key → secrets/dev/id.enc.key
    mvx: error: cannot ask for a yes or no: there is no terminal
    mvx: hint: `--yes` imports them without asking
    [4]
    $ mvx import --from git-crypt
    mvx: error: no rule of .sops-rules.toml covers other/x.key
    mvx: hint: add to `.sops-rules.toml`:
    mvx:
    mvx:   [[files]]
    mvx:   path = "other/**"
    mvx:   recipients = ["team"]
    mvx: hint: `mvx doctor --explain other/x.key` shows the rules that were compared with its name
    [3]
    $ mvx import --from transcrypt
    mvx: error: .: no file there is marked for transcrypt
    mvx: hint: `git check-attr filter .` shows a file's mark
    [1]
    $ mvx import --from git-crypt secrets --yes --rm --gitignore
    mvx: secrets/dev/app.enc.yaml: 1 value encrypted, for ana, bob; opened again and compared
    mvx: secrets/dev/app.yaml: removed
    mvx: secrets/dev/id.enc.key: 1 value encrypted, for ana, bob; opened again and compared
    mvx: secrets/dev/id.key: removed
    mvx: .gitignore: names secrets/dev/id.key now
    mvx: warning: git-crypt would encrypt secrets/dev/app.enc.yaml, secrets/dev/id.enc.key once more when git adds it, because its mark covers it, too: .gitattributes line 2, .gitattributes line 3
    mvx: hint: before `git add`, put a line below the mark: `*.enc.* -filter -diff -merge` (and `*.enc -filter -diff -merge`)
    mvx: when git has the new files: `git rm --cached` the old ones, then take git-crypt's marks out: .gitattributes line 2, .gitattributes line 3
    mvx: git's history keeps the old files under git-crypt's key: whoever has it reads what was secret until now
    $ mvx decrypt secrets/dev/app.enc.yaml
    a: 1.10 # kept
    $ mvx import --from git-crypt secrets --yes
    mvx: error: secrets: no file there is marked for git-crypt
    mvx: hint: `git check-attr filter secrets` shows a file's mark
    [1]
    $ tail -n 2 .gitignore
    !/secrets/**/*.enc.*
    /secrets/dev/id.key
    $ git check-attr filter secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: filter: git-crypt
    $ printf '*.enc.* -filter -diff -merge\n' >> .gitattributes
    $ git check-attr filter secrets/dev/app.enc.yaml
    secrets/dev/app.enc.yaml: filter: unset
    "###);
    assert_eq!(
        repo.mvx(["decrypt", "secrets/dev/id.enc.key"])
            .outcome()
            .stdout,
        b"\x01\x02 binary"
    );
    repo.write("secrets/dev/one.yaml", b"\0GITCRYPT\0abc");
    repo.write("secrets/dev/two.yaml", b"\0GITCRYPT\0abc");
    repo.write("secrets/dev/three.yaml", "a: 1\n");
    insta::assert_snapshot!(repo.session("
        mvx import --from git-crypt secrets --yes
        rm secrets/dev/two.yaml
        mvx import --from git-crypt secrets --yes --json
        rm secrets/dev/one.yaml
        mvx import --from git-crypt secrets --yes --json
    "), @r###"
    $ mvx import --from git-crypt secrets --yes
    mvx: error: 2 files are still locked by git-crypt
    mvx:   secrets/dev/one.yaml
    mvx:   secrets/dev/two.yaml
    mvx: hint: `git-crypt unlock` decrypts the work tree's files
    [4]
    $ rm secrets/dev/two.yaml
    $ mvx import --from git-crypt secrets --yes --json
    {"code":"locked","exit":4,"message":"still locked by git-crypt","place":"secrets/dev/one.yaml","causes":[],"hints":["`git-crypt unlock` decrypts the work tree's files"]}
    [4]
    $ rm secrets/dev/one.yaml
    $ mvx import --from git-crypt secrets --yes --json
    {"tool":"git-crypt","imported":[{"file":"secrets/dev/three.yaml","written":"secrets/dev/three.enc.yaml","done":true,"also_marked":false,"in_history_since":null,"removed":false,"gitignore":null}],"passed_over":[],"marks":[{"file":".gitattributes","line":2},{"file":".gitattributes","line":3}]}
    "###);
    let run = repo.mvx(["import", "--from", "git-crypt", "secrets", "--overwrite"]);
    let session = run.on_terminal(&[
        Await("would import secrets/dev/three.yaml"),
        Await("Import this file?"),
        Type("n\r"),
        Await("nothing was imported"),
    ]);
    assert_eq!(session.status, 1, "{session:?}");
}

#[test]
fn a_work_tree_of_transcrypts() {
    let repo = Repo::new();
    repo.write(
        ".gitattributes",
        "secrets/dev/*.json filter=crypt diff=crypt merge=crypt\n",
    );
    repo.write("secrets/dev/app.json", "{\"a\": 1}\n");
    repo.write("secrets/dev/list.json", "[1]\n");
    repo.write("secrets/dev/locked.json", "U2FsdGVkX1+invented\n");
    insta::assert_snapshot!(repo.session("
        mvx import --from transcrypt --yes
        rm secrets/dev/locked.json
        mvx import --from transcrypt --yes
        mvx decrypt secrets/dev/list.json.enc
        mvx import --from transcrypt --yes
        mvx import --from transcrypt --yes --overwrite
        mvx -C / import --from transcrypt
    "), @r###"
    $ mvx import --from transcrypt --yes
    mvx: error: secrets/dev/locked.json: still locked by transcrypt
    mvx: hint: `transcrypt` decrypts the work tree's files
    [4]
    $ rm secrets/dev/locked.json
    $ mvx import --from transcrypt --yes
    mvx: secrets/dev/app.enc.json: 1 value encrypted, for ana, bob; opened again and compared
    mvx: secrets/dev/list.json.enc: 1 value encrypted, for ana, bob; opened again and compared
    mvx: warning: transcrypt would encrypt secrets/dev/app.enc.json once more when git adds it, because its mark covers it, too: .gitattributes line 1
    mvx: hint: before `git add`, put a line below the mark: `*.enc.* -filter -diff -merge` (and `*.enc -filter -diff -merge`)
    mvx: when git has the new files: `git rm --cached` the old ones, then take transcrypt's marks out: .gitattributes line 1
    mvx: git's history keeps the old files under transcrypt's key: whoever has it reads what was secret until now
    $ mvx decrypt secrets/dev/list.json.enc
    [1]
    $ mvx import --from transcrypt --yes
    mvx: error: .: every marked file has an encrypted one beside it already
    mvx: hint: `--overwrite` encrypts them again
    [1]
    $ mvx import --from transcrypt --yes --overwrite
    mvx: secrets/dev/app.enc.json: 1 value encrypted, for ana, bob; opened again and compared
    mvx: secrets/dev/list.json.enc: 1 value encrypted, for ana, bob; opened again and compared
    mvx: warning: transcrypt would encrypt secrets/dev/app.enc.json once more when git adds it, because its mark covers it, too: .gitattributes line 1
    mvx: hint: before `git add`, put a line below the mark: `*.enc.* -filter -diff -merge` (and `*.enc -filter -diff -merge`)
    mvx: when git has the new files: `git rm --cached` the old ones, then take transcrypt's marks out: .gitattributes line 1
    mvx: git's history keeps the old files under transcrypt's key: whoever has it reads what was secret until now
    $ mvx -C / import --from transcrypt
    mvx: error: .: this is no git repository, and so nothing is marked in it
    [4]
    "###);
}
