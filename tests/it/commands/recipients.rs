//! `mvx recipients`.

use crate::repo::{BOB, Repo, rules};

/// The public key of `fixtures/sops/k2.txt`, which is Carol's here.
const CAROL: &str = "age14huuej0f28s4dan9dg26y4pv443e2tqmv6mkarp6fn3c5wcts3eq9lf7g5";

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
    {"recipients":[{"name":"ana","kind":"age","key":"[ANA]","owner":null,"expires":null,"expired":false,"groups":["all","team"],"rules":".sops-rules.toml","files":["secrets/dev/a.enc.yaml"]},{"name":"bob","kind":"age","key":"[BOB]","owner":null,"expires":null,"expired":false,"groups":["all","team"],"rules":".sops-rules.toml","files":["secrets/dev/a.enc.yaml"]},{"name":"carol","kind":"age","key":"age14huuej0f28s4dan9dg26y4pv443e2tqmv6mkarp6fn3c5wcts3eq9lf7g5","owner":"carol@example.com","expires":"2020-01-31","expired":true,"groups":["all"],"rules":".sops-rules.toml","files":[]}],"drift":[{"file":"secrets/dev/a.enc.yaml","surplus":[{"name":"ana","kind":"age","key":"[ANA]"}],"missing":["carol"]}]}
    "###);
    let planted = repo.read("secrets/bob/c.enc.json").replace(BOB, CAROL);
    repo.write("secrets/bob/c.enc.json", planted);
    std::fs::remove_file(repo.sandbox.path(".sops-rules.toml")).unwrap();
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
    secrets/dev/a.enc.yaml: carol added
    secrets/dev/b.enc.env: carol added
    mvx: 2 files would be written; 1 is as the rules say
    [1]
    $ mvx recipients sync --check --json secrets/dev/a.enc.yaml
    {"would_write":[{"file":"secrets/dev/a.enc.yaml","added":["carol"],"removed":[],"new_key":false}],"unchanged":0,"uncovered":[],"left":[]}
    [1]
    $ mvx recipients sync --dry-run
    secrets/dev/a.enc.yaml: carol added
    secrets/dev/b.enc.env: carol added
    mvx: 2 files would be written; 1 is as the rules say
    $ mvx recipients sync
    mvx: secrets/dev/a.enc.yaml: carol added
    mvx: secrets/dev/b.enc.env: carol added
    mvx: error: cannot ask for a yes or no: there is no terminal
    mvx: hint: `--yes` goes on without asking, and `--dry-run` shows what would be written
    [4]
    $ mvx recipients sync --yes
    mvx: secrets/dev/a.enc.yaml: carol added
    mvx: secrets/dev/b.enc.env: carol added
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
    {"would_write":[{"file":"secrets/dev/a.enc.yaml","added":[],"removed":["bob (age10…wl)"],"new_key":true}],"unchanged":0,"uncovered":[],"left":[]}
    $ mvx recipients sync --yes --json
    {"written":[{"file":"secrets/dev/a.enc.yaml","added":[],"removed":["bob (age10…wl)"],"new_key":true},{"file":"secrets/dev/b.enc.env","added":[],"removed":["bob (age10…wl)"],"new_key":true}],"unchanged":1,"uncovered":[],"left":[]}
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
