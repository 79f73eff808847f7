//! `mvx recipients`.

use std::fs;

use crate::repo::{BOB, CAROL, Repo, rules};

#[test]
fn who_reads_what_is_listed_without_a_key() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.seal("secrets/k8s/b.yaml", "data: {c: 1}\n");
    repo.seal("secrets/bob/c.json", "{\"d\": 1}");
    repo.hold_nothing();
    let more = format!(
        "[recipients.carol]\nage = \"{CAROL}\"\nowner = \"carol@example.com\"\nexpires = 2020-01-31\n[groups]\nall = [\"team\", \"carol\"]\n"
    );
    repo.write(
        ".sops-rules.toml",
        rules()
            .replace("[groups]\n", &more)
            .replace("path = \"secrets/dev/**\"", "path = \"secrets/**\"")
            .replacen(
                "recipients = [\"team\"]",
                "recipients = [\"bob\", \"carol\"]",
                1,
            ),
    );
    insta::assert_snapshot!(repo.session("
        mvx recipients list
        mvx recipients list secrets/bob
        mvx recipients list secrets/nowhere.enc.yaml
        mvx recipients list --json secrets/dev/a.enc.yaml
    "), @r###"
    $ mvx recipients list
    NAME   KIND  KEY       OWNER              EXPIRES            GROUPS     FILES
    ana    age   age1r…jq                                        all, team  2
    bob    age   age10…wl                                        all, team  2
    carol  age   age14…g5  carol@example.com  2020-01-31 (past)  all        0

    secrets/bob/c.enc.json
      carol  is named by the rules, and cannot open it yet

    secrets/dev/a.enc.yaml
      ana (age1r…jq)  can open it, and the rules do not name it
      carol           is named by the rules, and cannot open it yet

    secrets/k8s/b.enc.yaml
      ana (age1r…jq)  can open it, and the rules do not name it
      bob             is named by the rules, and cannot open it yet
      carol           is named by the rules, and cannot open it yet
    mvx: 3 files are not as the rules say; `mvx recipients sync` brings them in line
    $ mvx recipients list secrets/bob
    NAME   KIND  KEY       OWNER              EXPIRES            GROUPS     FILES
    bob    age   age10…wl                                        all, team  secrets/bob/c.enc.json
    carol  age   age14…g5  carol@example.com  2020-01-31 (past)  all

    secrets/bob/c.enc.json
      carol  is named by the rules, and cannot open it yet
    mvx: 1 file is not as the rules say; `mvx recipients sync` brings them in line
    $ mvx recipients list secrets/nowhere.enc.yaml
    mvx: error: secrets/nowhere.enc.yaml: there is no such file or directory
    mvx: hint: `mvx ls` lists the secret files
    [4]
    $ mvx recipients list --json secrets/dev/a.enc.yaml
    {"recipients":[{"name":"ana","kind":"age","key":"[ANA]","owner":null,"expires":null,"expired":false,"groups":["all","team"],"rules":".sops-rules.toml","files":["secrets/dev/a.enc.yaml"]},{"name":"bob","kind":"age","key":"[BOB]","owner":null,"expires":null,"expired":false,"groups":["all","team"],"rules":".sops-rules.toml","files":["secrets/dev/a.enc.yaml"]},{"name":"carol","kind":"age","key":"[CAROL]","owner":"carol@example.com","expires":"2020-01-31","expired":true,"groups":["all"],"rules":".sops-rules.toml","files":[]}],"key_groups":[],"drift":[{"file":"secrets/dev/a.enc.yaml","surplus":[{"name":"ana","kind":"age","key":"[ANA]"}],"missing":["carol"],"moved":[],"groups":null}]}
    "###);
    let planted = repo.read("secrets/bob/c.enc.json").replace(BOB, CAROL);
    repo.write("secrets/bob/c.enc.json", planted);
    fs::remove_file(repo.sandbox.path(".sops-rules.toml")).unwrap();
    insta::assert_snapshot!(repo.session("
        mvx recipients list
        mkdir empty; cd empty; git init -q .; mvx recipients list
    "), @r###"
    $ mvx recipients list
    KIND  KEY       FILES
    age   age14…g5  1
    age   age1r…jq  2
    age   age10…wl  1
    $ mkdir empty; cd empty; git init -q .; mvx recipients list
    mvx: there are neither rules nor secret files here; `mvx init` writes the rules
    "###);
}

#[test]
fn files_are_brought_in_line_with_the_rules() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "# note\na: 1\nb: x\n");
    repo.seal("secrets/dev/b.env", "A=1\n");
    repo.seal("secrets/k8s/c.yaml", "data: {c: 1}\n");
    let before = repo.read("secrets/dev/a.enc.yaml");
    repo.write(
        ".sops-rules.toml",
        rules_with_carol("\"ana\", \"bob\", \"carol\""),
    );
    insta::assert_snapshot!(repo.session("
        mvx recipients sync --check
        mvx recipients sync --check --json secrets/dev/a.enc.yaml
        mvx recipients sync --dry-run
        mvx recipients sync
        mvx recipients sync --yes
        mvx recipients sync --yes
        mvx recipients sync --check
        mvx recipients list secrets/dev/b.enc.env
    "), @r###"
    $ mvx recipients sync --check
    secrets/dev/a.enc.yaml: add carol
    secrets/dev/b.enc.env: add carol
    mvx: 2 files would be written; 1 is as the rules say
    [1]
    $ mvx recipients sync --check --json secrets/dev/a.enc.yaml
    {"would_write":[{"file":"secrets/dev/a.enc.yaml","added":[{"name":"carol","key":"[CAROL]"}],"removed":[],"moved":[],"groups":null,"new_key":false}],"unchanged":0,"uncovered":[],"left":[]}
    [1]
    $ mvx recipients sync --dry-run
    secrets/dev/a.enc.yaml: add carol
    secrets/dev/b.enc.env: add carol
    mvx: 2 files would be written; 1 is as the rules say
    $ mvx recipients sync
    mvx: secrets/dev/a.enc.yaml: add carol
    mvx: secrets/dev/b.enc.env: add carol
    mvx: error: cannot ask for a yes or no: there is no terminal
    mvx: hint: `--yes` goes on without asking, and `--dry-run` shows what would be written
    [4]
    $ mvx recipients sync --yes
    mvx: secrets/dev/a.enc.yaml: added carol
    mvx: secrets/dev/b.enc.env: added carol
    mvx: 2 files written; 1 is as the rules say
    $ mvx recipients sync --yes
    mvx: 3 files are as the rules say
    $ mvx recipients sync --check
    mvx: 3 files are as the rules say
    $ mvx recipients list secrets/dev/b.enc.env
    NAME   KIND  KEY       GROUPS  FILES
    ana    age   age1r…jq  team    secrets/dev/b.enc.env
    bob    age   age10…wl  team    secrets/dev/b.enc.env
    carol  age   age14…g5  team    secrets/dev/b.enc.env
    "###);
    let added = repo.read("secrets/dev/a.enc.yaml");
    assert_eq!(values(&before), values(&added));
    repo.write(".sops-rules.toml", rules_with_carol("\"ana\", \"carol\""));
    insta::assert_snapshot!(repo.session("
        mvx recipients sync --dry-run --json secrets/dev/a.enc.yaml
        mvx recipients sync --yes --json
    "), @r###"
    $ mvx recipients sync --dry-run --json secrets/dev/a.enc.yaml
    {"would_write":[{"file":"secrets/dev/a.enc.yaml","added":[],"removed":[{"name":"bob","key":"[BOB]"}],"moved":[],"groups":null,"new_key":true}],"unchanged":0,"uncovered":[],"left":[]}
    $ mvx recipients sync --yes --json
    {"written":[{"file":"secrets/dev/a.enc.yaml","added":[],"removed":[{"name":"bob","key":"[BOB]"}],"moved":[],"groups":null,"new_key":true},{"file":"secrets/dev/b.enc.env","added":[],"removed":[{"name":"bob","key":"[BOB]"}],"moved":[],"groups":null,"new_key":true}],"unchanged":1,"uncovered":[],"left":[]}
    "###);
    let taken = repo.read("secrets/dev/a.enc.yaml");
    assert!(
        values(&added)
            .iter()
            .all(|line| !taken.contains(line.as_str()))
    );
    assert_eq!(
        repo.plaintext("secrets/dev/a.enc.yaml"),
        "# note\na: 1\nb: x\n"
    );
    assert_eq!(repo.plaintext("secrets/dev/b.enc.env"), "A=1\n");
    repo.hold("sops/k2.txt");
    assert_eq!(repo.plaintext("secrets/dev/b.enc.env"), "A=1\n");
    repo.hold("sops/k1.txt");
    assert_eq!(
        repo.mvx(["decrypt", "secrets/dev/a.enc.yaml"])
            .outcome()
            .code(),
        Some(128)
    );
}

/// The rules with Carol in the register, and a team of these.
fn rules_with_carol(team: &str) -> String {
    rules()
        .replace(
            "[groups]\n",
            &format!("[recipients.carol]\nage = \"{CAROL}\"\n[groups]\n"),
        )
        .replacen("team = [\"ana\", \"bob\"]", &format!("team = [{team}]"), 1)
}

/// The lines that hold encrypted values, and the MAC.
fn values(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.contains("ENC["));
    lines.map(str::to_owned).collect()
}

#[test]
fn somebody_comes() {
    let repo = Repo::new();
    let commented = rules().replace("team = [", "# who we are\nteam = [");
    repo.write(".sops-rules.toml", commented);
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.seal("secrets/k8s/c.yaml", "data: {c: 1}\n");
    let before = repo.read("secrets/dev/a.enc.yaml");
    let others = repo.read("secrets/k8s/c.enc.yaml");
    let session = format!(
        "
        mvx recipients add carol {CAROL} --group team --dry-run
        mvx recipients add carol {CAROL} --group team
        git diff --no-index --stat .sops-rules.toml .sops-rules.toml
        mvx recipients add carol {CAROL} --group team --yes --owner carol@example.com --expires 2099-12-31
        cat .sops-rules.toml | head -13
        mvx recipients sync --check
        mvx recipients add carol {CAROL} --group team --yes
        mvx recipients add eve {CAROL} --group team --yes
        "
    );
    insta::assert_snapshot!(repo.session(&session), @r###"
    $ mvx recipients add carol [CAROL] --group team --dry-run
    .sops-rules.toml: add carol to the register and team
    secrets/dev/a.enc.yaml: add carol
    mvx: 1 file would be written; 1 is not concerned
    $ mvx recipients add carol [CAROL] --group team
    mvx: .sops-rules.toml: add carol to the register and team
    mvx: secrets/dev/a.enc.yaml: add carol
    mvx: error: cannot ask for a yes or no: there is no terminal
    mvx: hint: `--yes` goes on without asking, and `--dry-run` shows what would be written
    [4]
    $ git diff --no-index --stat .sops-rules.toml .sops-rules.toml
    $ mvx recipients add carol [CAROL] --group team --yes --owner carol@example.com --expires 2099-12-31
    mvx: .sops-rules.toml: carol added to the register and team
    mvx: secrets/dev/a.enc.yaml: added carol
    mvx: 1 file written; 1 is not concerned
    mvx: commit the rules and the files together
    $ cat .sops-rules.toml | head -13
    version = 1
    [recipients.ana]
    age = "[ANA]"
    [recipients.bob]
    age = "[BOB]"

    [recipients.carol]
    age = "[CAROL]"
    owner = "carol@example.com"
    expires = 2099-12-31
    [groups]
    # who we are
    team = ["ana", "bob", "carol"]
    $ mvx recipients sync --check
    mvx: 2 files are as the rules say
    $ mvx recipients add carol [CAROL] --group team --yes
    mvx: error: .sops-rules.toml: line 7: there is a recipient called `carol` already
    mvx: hint: `mvx recipients list` shows everybody; one person may have several keys under several names
    [3]
    $ mvx recipients add eve [CAROL] --group team --yes
    mvx: error: .sops-rules.toml: line 7: that key is in the rules already: it is `carol`'s
    mvx: hint: add that name to groups in the rules, and `mvx recipients sync`
    [3]
    "###);
    assert_eq!(
        values(&before),
        values(&repo.read("secrets/dev/a.enc.yaml"))
    );
    assert_eq!(others, repo.read("secrets/k8s/c.enc.yaml"));
    repo.hold("sops/k2.txt");
    assert_eq!(repo.plaintext("secrets/dev/a.enc.yaml"), "a: 1\n");
}

#[test]
fn what_a_newcomer_may_read_is_said() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    let before = repo.read(".sops-rules.toml");
    let key = fs::read_to_string(crate::repo::fixture("identity/ci.txt")).unwrap();
    let private = key.lines().last().unwrap();
    let session = format!(
        "
        mvx recipients add carol {CAROL}
        mvx recipients add carol {CAROL} --group taem
        mvx recipients add carol {CAROL} --environment prod
        mvx recipients add 'c arol' {CAROL} --group team
        mvx recipients add team {CAROL} --group team
        mvx recipients add carol {private} --group team
        mvx recipients add carol {}x --group team
        mvx recipients add carol hunter2-invented --group team
        mvx recipients add carol {CAROL} --group team --expires 31.1.2027
        mvx recipients add carol {CAROL} --group team --expires 2020-01-31
        mvx recipients add carol
        ",
        &CAROL[..40]
    );
    insta::assert_snapshot!(repo.session(&session), @r###"
    $ mvx recipients add carol [CAROL]
    mvx: error: what may `carol` read?
    mvx: hint: say --group team or --environment dev
    [2]
    $ mvx recipients add carol [CAROL] --group taem
    mvx: error: .sops-rules.toml: there is no group `taem`; did you mean `team`?
    mvx: hint: there is team
    [3]
    $ mvx recipients add carol [CAROL] --environment prod
    mvx: error: .sops-rules.toml: there is no environment `prod`
    mvx: hint: there is dev
    [3]
    $ mvx recipients add 'c arol' [CAROL] --group team
    mvx: error: .sops-rules.toml: `c arol` cannot be a name; names are letters, digits and `-_.@`
    [3]
    $ mvx recipients add team [CAROL] --group team
    mvx: error: .sops-rules.toml: line 7: there is a group called `team` already
    mvx: hint: `mvx recipients list` shows everybody; one person may have several keys under several names
    [3]
    $ mvx recipients add carol [A PRIVATE KEY] --group team
    mvx: error: a private key stands where a recipient, the public side, belongs
    mvx: hint: `mvx keys public` shows the public side; if the private key was committed, make a new one
    [3]
    $ mvx recipients add carol age14huuej0f28s4dan9dg26y4pv443e2tqmv6mkx --group team
    mvx: error: recipient `age14…kx` is misspelt or cut off: its checksum does not match
    mvx: hint: let its owner run `mvx keys public` and copy the line again
    [3]
    $ mvx recipients add carol hunter2-invented --group team
    mvx: error: that is no recipient: it is none of `age1…`, `ssh-ed25519 …`, a PGP fingerprint, an ARN, `projects/…/cryptoKeys/…`, `https://VAULT.vault.azure.net/keys/…`, `https://HOST/v1/…/keys/…`
    mvx: hint: `mvx keys public` prints the public key of whoever runs it
    [2]
    $ mvx recipients add carol [CAROL] --group team --expires 31.1.2027
    mvx: error: the last day of access cannot be read
    mvx: hint: a day is written as 2027-01-31
    [2]
    $ mvx recipients add carol [CAROL] --group team --expires 2020-01-31
    mvx: error: the last day of access is over already
    mvx: hint: a day is written as 2027-01-31
    [2]
    $ mvx recipients add carol
    mvx: error: missing: <KEY>...
    mvx: hint: `mvx recipients add --help` shows what it takes
    [2]
    "###);
    assert_eq!(repo.read(".sops-rules.toml"), before);
}

#[test]
fn somebody_goes() {
    let repo = Repo::new();
    repo.write(
        ".sops-rules.toml",
        rules_with_carol("\"ana\", \"carol\", \"bob\""),
    );
    repo.seal(
        "secrets/dev/a.yaml",
        "# note\na: 1\nm: {b: x, c_unencrypted: 2}\n",
    );
    repo.seal("secrets/k8s/c.yaml", "data: {c: 1}\n");
    let before = repo.read("secrets/dev/a.enc.yaml");
    insta::assert_snapshot!(repo.session("
        mvx recipients remove bob --yes
        mvx recipients remove carol --dry-run
        mvx recipients remove carol --yes
        head -6 .sops-rules.toml
        mvx recipients sync --check
        mvx recipients remove carol
    "), @r###"
    $ mvx recipients remove bob --yes
    mvx: error: .sops-rules.toml: line 14: `secrets/bob/**` would be left with nobody who could open its files
    mvx: hint: name somebody else there first, or remove the table
    [3]
    $ mvx recipients remove carol --dry-run
    .sops-rules.toml: remove carol from the register, all groups and all rules
    secrets/dev/a.enc.yaml: remove carol, new data key
    secrets/dev/a.enc.yaml
      a
      m.b
    mvx: 1 file would be written; 1 is not concerned
    mvx: warning: carol could read 2 values, and git's history and every clone still hold them
    mvx: hint: change each where it is used, and then here with `mvx set`
    $ mvx recipients remove carol --yes
    secrets/dev/a.enc.yaml
      a
      m.b
    mvx: .sops-rules.toml: carol removed from the register, all groups and all rules
    mvx: secrets/dev/a.enc.yaml: removed carol, new data key
    mvx: 1 file written; 1 is not concerned
    mvx: commit the rules and the files together
    mvx: warning: carol could read 2 values, and git's history and every clone still hold them
    mvx: hint: change each where it is used, and then here with `mvx set`
    $ head -6 .sops-rules.toml
    version = 1
    [recipients.ana]
    age = "[ANA]"
    [recipients.bob]
    age = "[BOB]"
    [groups]
    $ mvx recipients sync --check
    mvx: 2 files are as the rules say
    $ mvx recipients remove carol
    mvx: error: .sops-rules.toml: there is no recipient `carol`
    mvx: hint: `mvx recipients list` shows everybody
    [3]
    "###);
    let after = repo.read("secrets/dev/a.enc.yaml");
    assert!(
        values(&before)
            .iter()
            .all(|line| !after.contains(line.as_str()))
    );
    assert_eq!(
        repo.plaintext("secrets/dev/a.enc.yaml"),
        "# note\na: 1\nm: {b: x, c_unencrypted: 2}\n"
    );
    repo.hold("sops/k2.txt");
    let outcome = repo.mvx(["decrypt", "secrets/dev/a.enc.yaml"]).outcome();
    assert_eq!(outcome.code(), Some(128));
}
