//! `mvx keys rotate`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::repo::{ANA, BOB, CAROL, Repo, fixture, rules};
use crate::support::without_seal;

/// A session in which new keys and the day have a name.
fn session(repo: &Repo, lines: &str) -> String {
    let text = repo.session(lines);
    let day = regex::Regex::new(r"old-\d{4}-\d\d-\d\d").unwrap();
    let key = regex::Regex::new(r"age1[02-9ac-hj-np-z]{58}").unwrap();
    let short = regex::Regex::new(r"age1[02-9ac-hj-np-z]…[02-9ac-hj-np-z]{2}").unwrap();
    let text = text
        .replace("age1r…jq", "[ANA]")
        .replace("age10…wl", "[BOB]");
    let blanks = regex::Regex::new(" {3,}").unwrap();
    let text = blanks.replace_all(&text, "  ");
    let text = day.replace_all(&text, "old-[DAY]");
    let text = key.replace_all(&text, "[NEW]");
    short.replace_all(&text, "[NEW]").into_owned()
}

fn keys(repo: &Repo) -> String {
    fs::read_to_string(repo.home(".config/mvx/keys.txt")).unwrap()
}

#[test]
fn a_new_identity_takes_the_place_of_the_old_one() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "# note\na: 1\n");
    repo.seal("secrets/k8s/b.yaml", "data: {c: 1}\n");
    repo.seal("secrets/bob/c.yaml", "d: 1\n");
    let old = keys(&repo);
    let [before, others] =
        ["secrets/dev/a.enc.yaml", "secrets/bob/c.enc.yaml"].map(|name| repo.read(name));
    insta::assert_snapshot!(session(&repo, "
        mvx keys rotate --dry-run
        mvx keys rotate
        mvx keys rotate --yes
        mvx recipients list
        mvx keys list
        ls ~/.config/mvx
        mvx decrypt secrets/dev/a.enc.yaml
    "), @r###"
    $ mvx keys rotate --dry-run
    [SANDBOX]/home/.config/mvx/keys.txt: add a new identity beside that of [ANA]
    .sops-rules.toml: give ana the key [NEW]
    secrets/dev/a.enc.yaml: add ana, remove ana's old key, new data key
    secrets/k8s/b.enc.yaml: add ana, remove ana's old key, new data key
    mvx: 2 files would be written; 1 is not concerned
    $ mvx keys rotate
    mvx: [SANDBOX]/home/.config/mvx/keys.txt: add a new identity beside that of [ANA]
    mvx: .sops-rules.toml: give ana the key [NEW]
    mvx: secrets/dev/a.enc.yaml: add ana, remove ana's old key, new data key
    mvx: secrets/k8s/b.enc.yaml: add ana, remove ana's old key, new data key
    mvx: error: cannot ask for a yes or no: there is no terminal
    mvx: hint: `--yes` goes on without asking, and `--dry-run` shows what would be written
    [4]
    $ mvx keys rotate --yes
    mvx: ana has the key [NEW] now
    mvx: secrets/dev/a.enc.yaml: added ana, removed ana's old key, new data key
    mvx: secrets/k8s/b.enc.yaml: added ana, removed ana's old key, new data key
    mvx: 2 files written; 1 is not concerned
    mvx: no file here needs the old key [ANA] any more
    mvx: [SANDBOX]/home/.config/mvx/keys.old-[DAY].txt: the old identity; it opens what is in git's history, and other repositories
    mvx: in those: `MVX_AGE_KEY_FILE=[SANDBOX]/home/.config/mvx/keys.old-[DAY].txt mvx keys rotate --to [NEW]`
    $ mvx recipients list
    NAME  KIND  KEY  GROUPS  FILES
    ana  age  [NEW]  team  2
    bob  age  [BOB]  team  2
    $ mvx keys list
    SOURCE  KIND  PUBLIC KEY
    [SANDBOX]/home/.config/mvx/keys.txt  X25519  [NEW]
    $ ls ~/.config/mvx
    keys.old-[DAY].txt
    keys.txt
    $ mvx decrypt secrets/dev/a.enc.yaml
    # note
    a: 1
    "###);
    assert!(!repo.read(".sops-rules.toml").contains(ANA));
    let text = repo.read("secrets/dev/a.enc.yaml");
    assert!(!text.contains(ANA));
    let line = before.lines().find(|line| line.starts_with("a:")).unwrap();
    assert!(!text.contains(line), "the data key is the old one");
    assert_eq!(repo.read("secrets/bob/c.enc.yaml"), others);
    // The old identity is what it was, and nobody else can read it.
    let directory = fs::read_dir(repo.home(".config/mvx")).unwrap();
    let backup = directory
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_str().unwrap().contains(".old-"))
        .unwrap();
    assert_eq!(fs::read_to_string(&backup).unwrap(), old);
    let mode = fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!keys(&repo).contains(old.lines().last().unwrap()));
    // What was written before is opened by it, and by nothing else.
    repo.write("before.enc.yaml", before);
    assert_eq!(
        repo.mvx(["decrypt", "before.enc.yaml"]).outcome().code(),
        Some(128)
    );
    let run = repo.mvx(["decrypt", "before.enc.yaml"]);
    assert_eq!(
        run.env("MVX_AGE_KEY_FILE", &backup).outcome().code(),
        Some(0)
    );
    let run = repo
        .mvx(["decrypt", "secrets/dev/a.enc.yaml"])
        .env("HOME", "/");
    assert_eq!(
        run.env("MVX_AGE_KEY_FILE", &backup).outcome().code(),
        Some(128)
    );
}

#[test]
fn what_was_begun_is_finished_later() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.seal("secrets/dev/b.yaml", "b: 1\n");
    let sound = repo.read("secrets/dev/b.enc.yaml");
    repo.write("secrets/dev/b.enc.yaml", sound.replace("b: ENC", "c: ENC"));
    repo.write("elsewhere/c.enc.yaml", &sound);
    insta::assert_snapshot!(session(&repo, "
        mvx keys rotate --yes
        mvx keys rotate --yes --keep-going
        mvx keys list
        mvx decrypt secrets/dev/a.enc.yaml
    "), @r###"
    $ mvx keys rotate --yes
    mvx: error: 1 file of 3 cannot be rewritten; nothing was written
    mvx:  secrets/dev/b.enc.yaml: c: the value does not authenticate; it was changed, moved or sealed with another key
    mvx: hint: `--keep-going` writes the others; or name files and directories
    [25]
    $ mvx keys rotate --yes --keep-going
    mvx: ana has the key [NEW] now
    mvx: secrets/dev/a.enc.yaml: added ana, removed ana's old key, new data key
    mvx: 1 file written; no rule covers elsewhere/c.enc.yaml
    mvx: warning: the old identity stays in [SANDBOX]/home/.config/mvx/keys.txt: 2 files still need it: elsewhere/c.enc.yaml and secrets/dev/b.enc.yaml
    mvx: error: 1 file was left as before, of 2
    mvx:  secrets/dev/b.enc.yaml: c: the value does not authenticate; it was changed, moved or sealed with another key
    mvx: hint: run it again when that is seen to: what is done stays
    [25]
    $ mvx keys list
    SOURCE  KIND  PUBLIC KEY
    [SANDBOX]/home/.config/mvx/keys.txt  X25519  [ANA]
    [SANDBOX]/home/.config/mvx/keys.txt  X25519  [NEW]
    $ mvx decrypt secrets/dev/a.enc.yaml
    a: 1
    "###);
    repo.write("secrets/dev/b.enc.yaml", &sound);
    insta::assert_snapshot!(session(&repo, "
        mvx keys rotate --yes
        rm elsewhere/c.enc.yaml
        mvx keys rotate --yes --forget-old
        mvx keys list
        ls ~/.config/mvx
        mvx decrypt secrets/dev/b.enc.yaml
    "), @r###"
    $ mvx keys rotate --yes
    mvx: secrets/dev/b.enc.yaml: added ana, removed ana's old key, new data key
    mvx: 1 file written; 1 is not concerned; no rule covers elsewhere/c.enc.yaml
    mvx: error: the old identity stays in [SANDBOX]/home/.config/mvx/keys.txt: 1 file still needs it: elsewhere/c.enc.yaml
    mvx: hint: when the rules cover them, or they are gone, `mvx keys rotate` finishes
    [1]
    $ rm elsewhere/c.enc.yaml
    $ mvx keys rotate --yes --forget-old
    mvx: 2 files are not concerned
    mvx: no file here needs the old key [ANA] any more
    mvx: [SANDBOX]/home/.config/mvx/keys.txt: the old identity is gone
    $ mvx keys list
    SOURCE  KIND  PUBLIC KEY
    [SANDBOX]/home/.config/mvx/keys.txt  X25519  [NEW]
    $ ls ~/.config/mvx
    keys.txt
    $ mvx decrypt secrets/dev/b.enc.yaml
    b: 1
    "###);
}

/// The moments at which a run can end: the key file is written, and then the rules.
#[test]
fn a_run_that_was_interrupted_makes_no_second_key() {
    for written in ["the key file", "the rules too", "a file too"] {
        let repo = Repo::new();
        repo.seal("secrets/dev/a.yaml", "a: 1\n");
        repo.seal("secrets/dev/b.yaml", "b: 1\n");
        let [rules, a, b] = [
            ".sops-rules.toml",
            "secrets/dev/a.enc.yaml",
            "secrets/dev/b.enc.yaml",
        ];
        let before = [rules, a, b].map(|name| repo.read(name));
        // One file that cannot be told leaves everything as a run that ended there would.
        repo.write(
            "odd/broken.enc.env",
            "sops_version=3\nsops_age__list_0__map_enc=x\n",
        );
        let outcome = repo
            .mvx(["keys", "rotate", "--yes", "--keep-going"])
            .outcome();
        assert_ne!(outcome.code(), Some(0), "{outcome}");
        fs::remove_file(repo.sandbox.path("odd/broken.enc.env")).unwrap();
        let begun = keys(&repo);
        assert!(
            begun.contains(&format!("# takes the place of: {ANA}\n")),
            "{begun}"
        );
        repo.write(b, &before[2]);
        if written != "a file too" {
            repo.write(a, &before[1]);
        }
        if written == "the key file" {
            repo.write(rules, &before[0]);
        }
        let outcome = repo.mvx(["keys", "rotate", "--yes"]).outcome();
        assert_eq!(outcome.code(), Some(0), "{written}: {outcome}");
        let identity = begun.lines().last().unwrap();
        assert_eq!(keys(&repo).lines().last().unwrap(), identity, "{written}");
        assert_eq!(
            keys(&repo).matches("AGE-SECRET-KEY-").count(),
            1,
            "{written}"
        );
        assert_eq!(repo.plaintext(a), "a: 1\n");
        assert_eq!(repo.plaintext(b), "b: 1\n");
        assert!(!repo.read(rules).contains(ANA) && !repo.read(b).contains(ANA));
    }
}

#[test]
fn identities_that_mvx_does_not_make_are_left_to_others() {
    let repo = Repo::new();
    let public = fs::read_to_string(fixture("keys/ssh_ed25519.pub")).unwrap();
    let with_ssh = rules().replace(
        &format!("age = \"{ANA}\""),
        &format!("ssh = \"{}\"", public.trim()),
    );
    repo.write(".sops-rules.toml", &with_ssh);
    repo.hold_nothing();
    let ssh = repo.home(".ssh");
    fs::create_dir_all(&ssh).unwrap();
    fs::copy(fixture("keys/ssh_ed25519"), ssh.join("id_ed25519")).unwrap();
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(ssh.join("id_ed25519"), mode).unwrap();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    fs::copy(fixture("identity/ci.txt"), repo.home("ci.txt")).unwrap();
    let lines = format!(
        "
        mvx keys rotate --yes
        mvx keys rotate --yes --to {ANA}
        MVX_AGE_KEY=$(tail -1 ~/ci.txt) mvx keys rotate --yes --to {ANA}
        MVX_AGE_KEY=$(tail -1 ~/ci.txt) mvx decrypt secrets/dev/a.enc.yaml
        MVX_AGE_KEY=$(tail -1 ~/ci.txt) mvx keys rotate --yes
        "
    );
    insta::assert_snapshot!(session(&repo, &lines), @r###"
    $ mvx keys rotate --yes
    mvx: error: ssh-ed25519 throw-away is an SSH key ([SANDBOX]/home/.ssh/id_ed25519), which mvx does not make
    mvx: hint: `mvx keys generate` makes an age key to take its place, or `ssh-keygen` another SSH key
    mvx: hint: then `mvx keys rotate --to PUBLIC_KEY`, where both identities are held
    [4]
    $ mvx keys rotate --yes --to [ANA]
    mvx: error: this machine does not hold the identity of [ANA]
    mvx: hint: set MVX_AGE_KEY_FILE to its file; `mvx keys list` shows what is held
    [128]
    $ MVX_AGE_KEY=$(tail -1 ~/ci.txt) mvx keys rotate --yes --to [ANA]
    mvx: ana has the key [ANA] now
    mvx: secrets/dev/a.enc.yaml: added ana, removed ana's old key, new data key
    mvx: 1 file written
    mvx: no file here needs the old key ssh-ed25519 throw-away any more
    mvx: the old identity is left where it is; it opens what is in git's history
    $ MVX_AGE_KEY=$(tail -1 ~/ci.txt) mvx decrypt secrets/dev/a.enc.yaml
    a: 1
    $ MVX_AGE_KEY=$(tail -1 ~/ci.txt) mvx keys rotate --yes
    mvx: error: the identity of [ANA] stands in the variable MVX_AGE_KEY, which mvx cannot change
    mvx: hint: `mvx keys generate -o FILE` makes another one; set the variable to both, a line each
    mvx: hint: then `mvx keys rotate --to PUBLIC_KEY`, where both identities are held
    [4]
    "###);
    let text = repo.read(".sops-rules.toml");
    assert_eq!(text, rules());
}

#[test]
fn whose_key_it_is_is_said_where_several_are_ones_own() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    let both =
        ["identity/ci.txt", "sops/k1.txt"].map(|name| fs::read_to_string(fixture(name)).unwrap());
    fs::write(repo.home(".config/mvx/keys.txt"), both.concat()).unwrap();
    insta::assert_snapshot!(session(&repo, "
        mvx keys rotate --yes
        mvx keys rotate --yes --name bob -q
        mvx keys rotate --yes --name eve
        mvx recipients list
    "), @r###"
    $ mvx keys rotate --yes
    mvx: error: several names in the rules are yours
    mvx: hint: say which: --name ana or --name bob
    [2]
    $ mvx keys rotate --yes --name bob -q
    $ mvx keys rotate --yes --name eve
    mvx: error: .sops-rules.toml: there is no recipient `eve`
    mvx: hint: `mvx recipients list` shows everybody
    [3]
    $ mvx recipients list
    NAME  KIND  KEY  GROUPS  FILES
    ana  age  [ANA]  team  1
    bob  age  [NEW]  team  1
    "###);
    assert!(keys(&repo).contains(both[0].lines().last().unwrap()));
    assert!(!repo.read("secrets/dev/a.enc.yaml").contains(BOB));
    let repo = Repo::new();
    repo.hold("sops/k2.txt");
    insta::assert_snapshot!(session(&repo, "
        mvx keys rotate --yes
    "), @r###"
    $ mvx keys rotate --yes
    mvx: error: none of the identities that can be looked at here is in the rules
    mvx: hint: `mvx keys list` shows what is held, `mvx recipients list` whom the rules name
    mvx: hint: where a passphrase guards it: `mvx keys rotate --name NAME --to PUBLIC_KEY`
    [128]
    "###);
}

/// The rules and the names of files tell nothing of it: it lies outside of every rule, under its own
/// name, as sops leaves it.
#[test]
fn an_identity_that_a_file_outside_of_the_rules_needs_is_not_forgotten() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.write("deploy/creds.yaml", "db: hidden\n");
    insta::assert_snapshot!(session(&repo, &format!("
        mvx encrypt -q -i --age {ANA} deploy/creds.yaml
        mvx keys rotate --yes --forget-old
        mvx decrypt deploy/creds.yaml
        mv deploy/creds.yaml secrets/dev/creds.enc.yaml
        mvx keys rotate --yes --forget-old
        mvx decrypt secrets/dev/creds.enc.yaml
    ")), @r###"
    $ mvx encrypt -q -i --age [ANA] deploy/creds.yaml
    $ mvx keys rotate --yes --forget-old
    mvx: ana has the key [NEW] now
    mvx: secrets/dev/a.enc.yaml: added ana, removed ana's old key, new data key
    mvx: 1 file written
    mvx: error: the old identity stays in [SANDBOX]/home/.config/mvx/keys.txt: 1 file still needs it: deploy/creds.yaml
    mvx: hint: when the rules cover them, or they are gone, `mvx keys rotate` finishes
    [1]
    $ mvx decrypt deploy/creds.yaml
    db: hidden
    $ mv deploy/creds.yaml secrets/dev/creds.enc.yaml
    $ mvx keys rotate --yes --forget-old
    mvx: secrets/dev/creds.enc.yaml: added ana and bob, removed ana's old key, new data key
    mvx: 1 file written; 1 is not concerned
    mvx: no file here needs the old key [ANA] any more
    mvx: [SANDBOX]/home/.config/mvx/keys.txt: the old identity is gone
    $ mvx decrypt secrets/dev/creds.enc.yaml
    db: hidden
    "###);
}

#[test]
fn an_identity_that_another_branch_needs_is_not_forgotten() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.commit();
    let outcome = repo.shell("git branch -M main && git branch merged && git checkout -qb feature");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    repo.seal("secrets/dev/f.yaml", "f: 1\n");
    repo.commit();
    insta::assert_snapshot!(session(&repo, "
        git checkout -q main
        mvx keys rotate --yes --forget-old
        ls ~/.config/mvx
    "), @r###"
    $ git checkout -q main
    $ mvx keys rotate --yes --forget-old
    mvx: ana has the key [NEW] now
    mvx: secrets/dev/a.enc.yaml: added ana, removed ana's old key, new data key
    mvx: 1 file written
    mvx: no file here needs the old key [ANA] any more
    mvx: [SANDBOX]/home/.config/mvx/keys.old-[DAY].txt: the old identity; it opens what is in git's history, and other repositories
    mvx: in those: `MVX_AGE_KEY_FILE=[SANDBOX]/home/.config/mvx/keys.old-[DAY].txt mvx keys rotate --to [NEW]`
    mvx: error: the old identity was kept: 1 file on another branch needs it still: feature:secrets/dev/f.enc.yaml
    mvx: hint: when they are sealed for the new one, or gone: `rm [SANDBOX]/home/.config/mvx/keys.old-[DAY].txt`
    [1]
    $ ls ~/.config/mvx
    keys.old-[DAY].txt
    keys.txt
    "###);
    repo.commit();
    let backup = "~/.config/mvx/keys.old-*.txt";
    let open = "mvx decrypt secrets/dev/f.enc.yaml";
    let outcome = repo.shell(&format!(
        "git checkout -q feature && {open}; MVX_AGE_KEY_FILE=$(ls {backup}) {open}"
    ));
    assert_eq!(outcome.stdout(), "f: 1\n", "{outcome}");
}

#[test]
fn json_says_which_branches_need_the_old_identity() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.commit();
    let outcome = repo.shell("git branch -M main && git checkout -qb feature");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    repo.seal("secrets/dev/f.yaml", "f: 1\n");
    repo.commit();
    let outcome = repo
        .shell("git checkout -q main && mvx keys rotate --yes --json")
        .stdout()
        .to_owned();
    let answer: serde_json::Value = serde_json::from_str(&outcome).unwrap();
    assert_eq!(
        answer["needed_on_branches"],
        serde_json::json!([{ "branch": "feature", "files": ["secrets/dev/f.enc.yaml"] }])
    );
}

/// Whoever planted an entry in a file's metadata is not wrapped for with the new key: whom a file is
/// for stands in the rules, or a seal says it.
#[test]
fn a_planted_recipient_gets_nothing() {
    let repo = Repo::new();
    let text = repo.seal("secrets/dev/a.yaml", "a: 1\n");
    let entry = format!("    age:\n        - enc: x\n          recipient: {CAROL}\n");
    let planted = text.replacen("    age:\n", &entry, 1);
    assert_ne!(planted, text);
    let unsealed = without_seal(&planted);
    repo.write("secrets/dev/a.enc.yaml", &unsealed);
    repo.seal("secrets/dev/b.yaml", "b: 1\n");
    let outcome = repo.mvx(["keys", "rotate", "--yes"]).outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.stderr.contains("removed age14…g5"), "{outcome}");
    assert!(!repo.read("secrets/dev/a.enc.yaml").contains(CAROL));
    assert!(!repo.read(".sops-rules.toml").contains(CAROL));

    // A seal that does not fit stops it before anything is written, the new key aside.
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: 1\n");
    repo.write("secrets/dev/a.enc.yaml", &planted);
    let outcome = repo.mvx(["keys", "rotate", "--yes"]).outcome();
    assert_eq!(outcome.code(), Some(51), "{outcome}");
    assert_eq!(repo.read("secrets/dev/a.enc.yaml"), planted);

    // Where there is neither a rule nor a seal, nobody is wrapped for.
    let repo = Repo::new();
    repo.write("elsewhere/a.enc.yaml", &unsealed);
    let outcome = repo.mvx(["keys", "rotate", "--yes"]).outcome();
    assert!(outcome.stderr.contains("no rule covers"), "{outcome}");
    assert_eq!(repo.read("elsewhere/a.enc.yaml"), unsealed);
    repo.hold("sops/k2.txt");
    let outcome = repo.mvx(["decrypt", "elsewhere/a.enc.yaml"]).outcome();
    assert_eq!(outcome.code(), Some(128), "{outcome}");
}
