//! `mvx init`.

use std::fs;

use crate::repo::{ANA, BOB, Repo};
use crate::support::Step::{Await, Type};

#[test]
fn a_first_day_without_a_key() {
    let repo = Repo::bare();
    repo.hold_nothing();
    let session = repo.session("
        mvx init --yes --name ana --owner ana@example.com
        cat .sops-rules.toml
        cat .gitignore
        EDITOR='sed -i s/example/real/' mvx edit secrets/dev/app.enc.yaml
        mvx ls
        printf 'A=1\\n' > secrets/prod.env; mkdir secrets/prod; mv secrets/prod.env secrets/prod/app.env
        mvx encrypt --yes secrets
        git status --short --untracked-files=all
        mvx init
    ");
    let public = repo.mvx(["keys", "public"]).outcome().quiet_success();
    let session = session.replace(public.trim(), "[NEW]");
    insta::assert_snapshot!(session, @r###"
    $ mvx init --yes --name ana --owner ana@example.com
    mvx: warning: there is no recovery key: whoever loses their key loses the secrets, too
    mvx: hint: `mvx keys recovery` makes one for paper, and says how to add it
    mvx: [SANDBOX]/home/.config/mvx/keys.txt: a new identity, yours; keep it to yourself
    mvx: .sops-rules.toml: written
    mvx: .gitignore: plaintext is ignored from now on
    mvx: next: `mvx edit secrets/dev/app.enc.yaml` makes the first secret file
    mvx: or put a file into secrets/dev, and `mvx encrypt secrets/dev`
    mvx: or bring in what there is: `mvx import .env --to secrets/dev/app.enc.yaml`
    $ cat .sops-rules.toml
    # Who opens which secret files of this repository: mvx's rules.
    # A mistake in here is an error that names the line. `mvx ls` shows what they come to.

    version = 1

    # Everyone who can open a file: a name, a public key, who answers for it.
    # `mvx recipients add NAME KEY` enters more people; their `mvx keys public` prints the key.

    [recipients.ana]
    age = "[NEW]"
    owner = "ana@example.com"

    # Groups hold names of recipients, and of other groups.
    [groups]
    team = ["ana"]

    # Which files are secret, and who opens them. The first table whose path matches counts.
    # Paths are patterns as in .gitignore, from the directory of this file.
    # Everything in a file is encrypted, except below keys ending in `_unencrypted`;
    # `encrypted_regex = "^(data|stringData)$"` encrypts only what is below such keys.

    [[files]]
    path = "secrets/dev/**"
    environment = "dev"
    recipients = ["team"]

    [[files]]
    path = "secrets/prod/**"
    environment = "prod"
    recipients = ["team"]
    $ cat .gitignore
    # mvx: plaintext is not for git; encrypted files are.
    .env
    .env.*
    !.env.example
    !.env.enc
    !.env.enc.*
    !.env.*.enc
    /secrets/**
    !/secrets/**/
    !/secrets/**/*.enc
    !/secrets/**/*.enc.*
    .mvx-*.tmp
    $ EDITOR='sed -i s/example/real/' mvx edit secrets/dev/app.enc.yaml
    mvx: `sed` is not an editor that mvx can tell to keep no copies; check that it leaves none
    mvx: secrets/dev/app.enc.yaml: made and encrypted
    $ mvx ls
    secrets/dev/app.enc.yaml
      dev, for ana, changed [TIME]
      real_key  str
    $ printf 'A=1\n' > secrets/prod.env; mkdir secrets/prod; mv secrets/prod.env secrets/prod/app.env
    $ mvx encrypt --yes secrets
    mvx: secrets/prod/app.enc.env: 1 value encrypted, for ana
    mvx: secrets/prod/app.env: the plaintext is still there
    $ git status --short --untracked-files=all
    ?? .gitignore
    ?? .sops-rules.toml
    ?? secrets/dev/app.enc.yaml
    ?? secrets/prod/app.enc.env
    $ mvx init
    mvx: error: .sops-rules.toml: there are rules already; they were left alone
    mvx: hint: `mvx recipients add` enters more people; edit the file to add paths, `mvx ls` shows what it covers
    [3]
    "###);
}

#[test]
fn with_everything_given_nothing_is_asked() {
    let repo = Repo::bare();
    repo.write("bob.txt", BOB);
    repo.write(".gitignore", "target\n");
    insta::assert_snapshot!(repo.session("
        mvx init --json --yes --name 'Ana B' --environment staging --recovery $(cat bob.txt)
        cat .gitignore | head -3
        grep -v '^#' .sops-rules.toml
    "), @r###"
    $ mvx init --json --yes --name 'Ana B' --environment staging --recovery $(cat bob.txt)
    {"rules":".sops-rules.toml","gitignore":".gitignore","recipient":"[ANA]","recovery":"[BOB]"}
    $ cat .gitignore | head -3
    target

    # mvx: plaintext is not for git; encrypted files are.
    $ grep -v '^#' .sops-rules.toml

    version = 1


    [recipients.Ana-B]
    age = "[ANA]"

    [recipients.recovery]
    age = "[BOB]"
    owner = "offline, for the day when all other keys are lost"

    [groups]
    team = ["Ana-B", "recovery"]


    [[files]]
    path = "secrets/staging/**"
    environment = "staging"
    recipients = ["team"]
    "###);
}

#[test]
fn mistakes() {
    let repo = Repo::bare();
    let home = repo.home("recovery.txt").display().to_string();
    insta::assert_snapshot!(repo.session(&format!("
        mvx init --yes --recipient age1foo --recovery-to {home}
        mvx init --yes --recovery nonsense
        mvx init --yes --recovery $(mvx keys public)
        mvx init --yes --recovery-to recovery.txt
        mvx init --yes --recovery-to sub/../recovery.txt
        mvx init --yes --recovery-to ~/none/recovery.txt
        mvx init --yes --environment ''
        mvx init --recovery x --no-recovery
        mvx init --from-sops --name x
        mvx init --from-sops
        ls -A . ~
    ")), @r###"
    $ mvx init --yes --recipient age1foo --recovery-to [SANDBOX]/work/../home/recovery.txt
    mvx: error: recipient `age1foo` holds `o`, which no age key has
    mvx: hint: let its owner run `mvx keys public` and copy the line again
    [3]
    $ mvx init --yes --recovery nonsense
    mvx: error: that is no recipient: those begin with `age1`, `ssh-ed25519` or `ssh-rsa`
    mvx: hint: `mvx keys public` prints the public key of whoever runs it
    [2]
    $ mvx init --yes --recovery $(mvx keys public)
    mvx: error: the recovery key is your own key; it must be another one
    [2]
    $ mvx init --yes --recovery-to recovery.txt
    mvx: error: recovery.txt: a recovery key inside the repository protects nothing
    mvx: hint: name a file on another medium, such as --recovery-to /media/usb/recovery.txt
    [2]
    $ mvx init --yes --recovery-to sub/../recovery.txt
    mvx: error: sub/../recovery.txt: there is no directory `sub/..`
    mvx: hint: `mkdir -p sub/..` makes it
    [4]
    $ mvx init --yes --recovery-to ~/none/recovery.txt
    mvx: error: [SANDBOX]/home/none/recovery.txt: there is no directory `[SANDBOX]/home/none`
    mvx: hint: `mkdir -p [SANDBOX]/home/none` makes it
    [4]
    $ mvx init --yes --environment ''
    mvx: error: the name of an environment is letters, digits and `-_.`
    [2]
    $ mvx init --recovery x --no-recovery
    mvx: error: `--recovery <RECIPIENT>` and `--no-recovery` exclude each other
    mvx: hint: `mvx init --help` shows what it takes
    [2]
    $ mvx init --from-sops --name x
    mvx: error: `--from-sops` and `--name <NAME>` exclude each other
    mvx: hint: `mvx init --help` shows what it takes
    [2]
    $ mvx init --from-sops
    mvx: error: there is no .sops.yaml here or above
    mvx: hint: `mvx init` writes new rules
    [3]
    $ ls -A . ~
    .:
    .git

    [SANDBOX]/home:
    .config
    "###);
}

#[test]
fn a_recovery_key_is_made_outside() {
    let repo = Repo::bare();
    let session = repo.session(
        "
        mvx init --yes --name ana --recovery-to ~/recovery.txt
        ls -l ~/recovery.txt | cut -c1-10
        grep -c recovery .sops-rules.toml
    ",
    );
    insta::assert_snapshot!(session, @r###"
    $ mvx init --yes --name ana --recovery-to ~/recovery.txt
    mvx: [SANDBOX]/home/recovery.txt: the recovery key; print it, put it away, and remove the file from this machine
    mvx: .sops-rules.toml: written
    mvx: .gitignore: plaintext is ignored from now on
    mvx: next: `mvx edit secrets/dev/app.enc.yaml` makes the first secret file
    mvx: or put a file into secrets/dev, and `mvx encrypt secrets/dev`
    mvx: or bring in what there is: `mvx import .env --to secrets/dev/app.enc.yaml`
    $ ls -l ~/recovery.txt | cut -c1-10
    -rw-------
    $ grep -c recovery .sops-rules.toml
    2
    "###);
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.hold_nothing();
    let run = repo.mvx(["get", "secrets/dev/a.enc.yaml", "a"]);
    let outcome = run
        .env("MVX_AGE_KEY_FILE", repo.home("recovery.txt"))
        .outcome();
    assert_eq!(outcome.quiet_success(), "1\n");
}

#[test]
fn outside_of_git() {
    let repo = Repo::outside_git();
    insta::assert_snapshot!(repo.session("
        mvx init --yes --no-recovery
        mvx init --yes --no-recovery
    "), @r###"
    $ mvx init --yes --no-recovery
    mvx: .sops-rules.toml: written
    mvx: .gitignore: plaintext is ignored from now on
    mvx: this is no git repository yet: `git init` makes it one
    mvx: next: `mvx edit secrets/dev/app.enc.yaml` makes the first secret file
    mvx: or put a file into secrets/dev, and `mvx encrypt secrets/dev`
    mvx: or bring in what there is: `mvx import .env --to secrets/dev/app.enc.yaml`
    $ mvx init --yes --no-recovery
    mvx: error: .sops-rules.toml: there are rules already; they were left alone
    mvx: hint: `mvx recipients add` enters more people; edit the file to add paths, `mvx ls` shows what it covers
    [3]
    "###);
}

#[test]
fn from_a_subdirectory_the_root_gets_the_rules() {
    let repo = Repo::bare();
    insta::assert_snapshot!(repo.session("
        mkdir sub && cd sub && mvx init --yes --no-recovery -q
        ls -A
        mvx -C sub init
    "), @r###"
    $ mkdir sub && cd sub && mvx init --yes --no-recovery -q
    $ ls -A
    .git
    .gitignore
    .sops-rules.toml
    sub
    $ mvx -C sub init
    mvx: error: [SANDBOX]/work/.sops-rules.toml: there are rules already; they were left alone
    mvx: hint: `mvx recipients add` enters more people; edit the file to add paths, `mvx ls` shows what it covers
    [3]
    "###);
}

#[test]
fn the_dialogue() {
    let repo = Repo::bare();
    repo.session("git config user.name 'Ana B'; git config user.email ana@example.com");
    let recovery = repo.home("recovery.txt");
    let session = repo.mvx(["init"]).on_terminal(&[
        Await("Your name in the rules"),
        Await("ana"),
        Type("\r"),
        Await("Who answers for this key"),
        Await("ana@example.com"),
        Type("\r"),
        Await("if every key is lost"),
        Await("Make one now"),
        Type("n\r"),
        Await("File for a new recovery key"),
        Type(&format!("{}\r", recovery.display())),
        Await("the recovery key; print it"),
        Await(".sops-rules.toml: written"),
        Await("next: `mvx edit secrets/dev/app.enc.yaml`"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    let rules = repo.read(".sops-rules.toml");
    assert!(rules.contains("[recipients.ana]"), "{rules}");
    assert!(rules.contains("owner = \"ana@example.com\""), "{rules}");
    assert!(rules.contains("team = [\"ana\", \"recovery\"]"), "{rules}");
    assert!(
        fs::read_to_string(recovery)
            .unwrap()
            .contains("AGE-SECRET-KEY-")
    );
}

#[test]
fn a_recovery_key_is_printed_on_the_first_day() {
    let repo = Repo::bare();
    let session = repo.mvx(["init", "--name", "ana"]).on_terminal(&[
        Await("Make one now"),
        Type("\r"),
        Await("Passphrase for the recovery key"),
        Type("open sesame\r"),
        Await("The same again: "),
        Type("open sesame\r"),
        Await("RECOVERY KEY of work"),
        Await("To use it"),
        Await(".sops-rules.toml: written"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    let page = session.screen.replace('\r', "");
    let begin = page.find("-----BEGIN").unwrap();
    let end = page.find("END AGE ENCRYPTED FILE-----").unwrap();
    fs::write(
        repo.home("paper.txt"),
        &page[begin..end + "END AGE ENCRYPTED FILE-----".len()],
    )
    .unwrap();
    repo.seal("secrets/dev/a.yaml", "a: invented\n");
    repo.hold_nothing();
    let run = repo.mvx(["get", "secrets/dev/a.enc.yaml", "a"]);
    let run = run.env("MVX_AGE_KEY_FILE", repo.home("paper.txt"));
    let session = run.on_terminal(&[Await("Passphrase for"), Type("open sesame\r")]);
    assert!(session.screen.contains("invented"), "{session:?}");
}

#[test]
fn a_dialogue_broken_off_leaves_nothing() {
    let repo = Repo::bare();
    repo.hold_nothing();
    for steps in [
        &[Await("Your name in the rules"), Type("\u{3}")][..],
        &[
            Await("Your name in the rules"),
            Type("x\r"),
            Await("Make one now"),
            Type("n\r"),
            Await("File for a new recovery key"),
            Type("\u{3}"),
        ],
        &[
            Await("Your name in the rules"),
            Type("x\r"),
            Await("Make one now"),
            Type("\r"),
            Await("Passphrase for the recovery key"),
            Type("\u{3}"),
        ],
    ] {
        let session = repo.mvx(["init"]).on_terminal(steps);
        assert_eq!(session.status, -2, "{session:?}");
        assert!(!repo.has(".sops-rules.toml") && !repo.has(".gitignore"));
        assert!(!repo.home(".config/mvx/keys.txt").exists());
    }
    let session = repo.mvx(["init"]).on_terminal(&[
        Await("Your name in the rules"),
        Type("\r"),
        Await("Make one now"),
        Type("n\r"),
        Await("File for a new recovery key"),
        Type("\r"),
        Await("there is no recovery key"),
        Await("next:"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
}

#[test]
fn what_gitignore_says_is_what_was_meant() {
    let repo = Repo::bare();
    repo.session("mvx init --yes --no-recovery");
    for plain in [
        ".env",
        ".env.local",
        "sub/.env",
        "secrets/dev/app.yaml",
        "secrets/prod/deep/app.json",
        "secrets/dev/key",
    ] {
        let sealed = mvx::app::files::sealed_name(std::path::Path::new(plain));
        let ignored = |path: &std::path::Path| {
            let run = repo
                .sandbox
                .run("git", ["check-ignore".as_ref(), path.as_os_str()]);
            run.outcome().code() == Some(0)
        };
        assert!(ignored(plain.as_ref()), "{plain} is not ignored");
        assert!(!ignored(&sealed), "{} is ignored", sealed.display());
    }
}

fn sops_yaml() -> String {
    format!(
        "\
keys:
  - &ana {ANA}
  - &bob {BOB}
creation_rules:
  # for the cluster
  - path_regex: ^k8s/.*\\.yaml$
    encrypted_regex: ^(data|stringData)$
    age: {ANA},{BOB}
  - path_regex: \\.env$
    key_groups:
      - age: [*ana, *bob]
stores:
  yaml:
    indent: 2
"
    )
}

#[test]
fn rules_of_sops_are_translated() {
    let repo = Repo::bare();
    repo.write(".sops.yaml", sops_yaml());
    repo.write("k8s/a.yaml", "data:\n  a: 1\n");
    repo.write("x.env", "A=1\n");
    insta::assert_snapshot!(repo.session("
        mvx encrypt -i k8s/a.yaml
        mvx init
        mvx init --from-sops
        cat .sops-rules.toml
        mvx ls
        mvx encrypt -i x.env
        mvx init --from-sops
    "), @r###"
    $ mvx encrypt -i k8s/a.yaml
    mvx: k8s/a.yaml: 1 value encrypted, for age1r…jq, age10…wl
    $ mvx init
    mvx: error: .sops.yaml: sops's rules are in force here, and new ones would take their place
    mvx: hint: `mvx init --from-sops` translates them
    [3]
    $ mvx init --from-sops
    mvx: .sops.yaml: line 12: `stores` is not needed: files keep their own indentation
    mvx: .sops-rules.toml: written, with 2 recipients and 2 rules
    mvx: .sops.yaml stays for sops; mvx reads .sops-rules.toml from now on, so change both or remove the one
    mvx: next: look at the names in .sops-rules.toml; `mvx ls` shows who opens what
    $ cat .sops-rules.toml
    # Who opens which secret files of this repository: mvx's rules, translated from .sops.yaml.
    # `mvx ls` shows what they come to.

    version = 1

    [recipients.ana]
    age = "[ANA]"

    [recipients.bob]
    age = "[BOB]"

    [groups]
    team = ["ana", "bob"]

    # for the cluster
    [[files]]
    path_regex = '^k8s/.*\.yaml$'
    recipients = ["team"]
    encrypted_regex = "^(data|stringData)$"

    [[files]]
    path_regex = '\.env$'
    recipients = ["team"]
    $ mvx ls
    k8s/a.yaml
      for ana and bob, changed [TIME]
      data.a  int
    $ mvx encrypt -i x.env
    mvx: x.env: 1 value encrypted, for ana, bob
    $ mvx init --from-sops
    mvx: error: .sops-rules.toml: there are rules already; they were left alone
    mvx: hint: `mvx recipients add` enters more people; edit the file to add paths, `mvx ls` shows what it covers
    [3]
    "###);
    let repo = Repo::bare();
    repo.write(".sops.yaml", sops_yaml());
    insta::assert_snapshot!(repo.session("
        mkdir sub && cd sub && mvx init --from-sops --json
        mvx encrypt x.yaml
    "), @r###"
    $ mkdir sub && cd sub && mvx init --from-sops --json
    {"rules":"[SANDBOX]/work/.sops-rules.toml","from":"[SANDBOX]/work/.sops.yaml","recipients":2,"files":2,"left_out":["line 12: `stores` is not needed: files keep their own indentation"]}
    $ mvx encrypt x.yaml
    mvx: error: x.yaml: there is no such file or directory
    [4]
    "###);
}

#[test]
fn rules_of_sops_that_cannot_be_translated_are_left_alone() {
    let repo = Repo::bare();
    repo.write(".sops.yaml", "creation_rules:\n  - path_regex: x\n");
    insta::assert_snapshot!(repo.session("mvx init --from-sops"), @r###"
    $ mvx init --from-sops
    mvx: error: .sops.yaml: line 2: this rule names nobody who could open its files
    mvx: hint: give the rule `age`, `pgp`, a KMS key or `key_groups`
    [3]
    "###);
    repo.write(".sops.yaml", "creation_rules:\n  - path_regexp: x\n");
    insta::assert_snapshot!(repo.session("mvx init --from-sops"), @r###"
    $ mvx init --from-sops
    mvx: error: .sops.yaml: line 2: unknown field `path_regexp` in a creation rule; did you mean `path_regex`?
    [3]
    "###);
    repo.write(".sops.yaml", sops_yaml());
    repo.write("api/.sops.yaml", sops_yaml());
    insta::assert_snapshot!(repo.session("
        mvx init --from-sops
        mvx -C api init --from-sops -q
        mvx init --from-sops -q
        ls -A . api
    "), @r###"
    $ mvx init --from-sops
    mvx: error: api/.sops.yaml: other rules of sops are in force below, and mvx's own would take their place
    mvx: hint: translate them first: `mvx -C api init --from-sops`
    [3]
    $ mvx -C api init --from-sops -q
    $ mvx init --from-sops -q
    $ ls -A . api
    .:
    .git
    .sops-rules.toml
    .sops.yaml
    api

    api:
    .sops-rules.toml
    .sops.yaml
    "###);
}
