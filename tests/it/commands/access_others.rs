//! Recipients of other kinds, key groups, and rules in sops's language: what mvx does not write it
//! leaves to those who do.

use std::fs;

use crate::repo::{ANA, BOB, CAROL, Repo, rules};

use mvx::sops::metadata::KeyEntry;

use super::access::{entry_of, unsealed, with_entry};

const FINGERPRINT: &str = "85D77543B3D624B63CEA9E6DBC17301B491B3F21";

/// Rules in which a PGP key and Carol are in the register, and these in the team.
fn with_backup(team: &str) -> String {
    let register = format!(
        "[recipients.backup]\npgp = \"{FINGERPRINT}\"\n[recipients.carol]\nage = \"{CAROL}\"\n[groups]\n"
    );
    rules()
        .replace("format = \"dotenv\"\n", "")
        .replace("[groups]\n", &register)
        .replacen("team = [\"ana\", \"bob\"]", &format!("team = [{team}]"), 1)
}

/// A file with key groups, one that PGP opens too, and one that it does not.
fn with_other_kinds() -> Repo {
    let repo = Repo::new();
    let shamir = fs::read(crate::repo::fixture("sops/shamir2of3.enc.yaml")).unwrap();
    repo.write("odd/groups.enc.yaml", shamir);
    repo.write(".sops-rules.toml", with_backup("\"ana\", \"bob\""));
    let text = unsealed(&repo.seal("secrets/dev/a.yaml", "a: 1\n"));
    let pgp = |text: &str| mvx::document::Meta::Str(text.to_owned());
    let message = "-----BEGIN PGP MESSAGE-----\nx\n-----END PGP MESSAGE-----";
    let entry = KeyEntry {
        kind: "pgp".into(),
        fields: vec![
            ("created_at".into(), pgp("2026-11-22T12:00:00Z")),
            ("enc".into(), pgp(message)),
            ("fp".into(), pgp(FINGERPRINT)),
        ],
    };
    repo.write("secrets/dev/a.enc.yaml", with_entry(&text, &entry));
    repo.write("secrets/dev/new.enc.yaml", &text);
    repo
}

#[test]
fn key_groups_and_keys_of_other_kinds_are_left_to_those_who_know_them() {
    let repo = with_other_kinds();
    repo.write(
        ".sops-rules.toml",
        with_backup("\"ana\", \"bob\", \"backup\""),
    );
    insta::assert_snapshot!(repo.session("
        mvx recipients list
        mvx recipients sync --yes
        mvx recipients sync --yes secrets/dev/a.enc.yaml
        mvx rekey secrets/dev/a.enc.yaml
        mvx rekey --drop ana secrets/dev/a.enc.yaml
    "), @r###"
    $ mvx recipients list
    NAME    KIND  KEY                                       GROUPS  FILES
    ana     age   age1r…jq                                  team    2
    bob     age   age10…wl                                  team    3
    backup  pgp   85D77543B3D624B63CEA9E6DBC17301B491B3F21  team    1
    carol   age   age14…g5                                          1

    odd/groups.enc.yaml: 2 of 3 groups needed
      group 1  bob
      group 2  carol
      group 3  bob

    odd/groups.enc.yaml
      bob (age10…wl)    can open it, and the rules do not name it
      carol (age14…g5)  can open it, and the rules do not name it
      ana               is named by the rules, and cannot open it yet
      2 of 3 groups     is what it has; the rules say one group

    secrets/dev/new.enc.yaml
      backup  is named by the rules, and cannot open it yet
    mvx: 2 files are not as the rules say; `mvx recipients sync` brings them in line
    $ mvx recipients sync --yes
    mvx: error: 2 files of 3 cannot be rewritten; nothing was written
    mvx:   odd/groups.enc.yaml: your identities open 0 of the 2 key groups that it takes to open this file
    mvx:   secrets/dev/new.enc.yaml: `backup` needs a new entry: gpg does not have this public key
    mvx: hint: `gpg --recv-keys 85D77543B3D624B63CEA9E6DBC17301B491B3F21` fetches it, `gpg --import KEY.asc` reads it from a file
    mvx: hint: `mvx rekey --drop backup secrets/dev/new.enc.yaml` goes on without it
    mvx: hint: somebody who can open them may run the same command
    mvx: hint: `--keep-going` writes the others; or name files and directories
    [128]
    $ mvx recipients sync --yes secrets/dev/a.enc.yaml
    mvx: 1 file is as the rules say
    $ mvx rekey secrets/dev/a.enc.yaml
    mvx: error: secrets/dev/a.enc.yaml: `backup` needs a new entry: gpg does not have this public key
    mvx: hint: `gpg --recv-keys 85D77543B3D624B63CEA9E6DBC17301B491B3F21` fetches it, `gpg --import KEY.asc` reads it from a file
    mvx: hint: `mvx rekey --drop backup secrets/dev/a.enc.yaml` goes on without it
    [4]
    $ mvx rekey --drop ana secrets/dev/a.enc.yaml
    mvx: error: secrets/dev/a.enc.yaml: `ana` can be wrapped for, and is not given up by `--drop`
    mvx: hint: `mvx recipients remove NAME` takes it from the rules and the files
    [2]
    "###);
    // Where only somebody comes, the entry stays to the byte.
    let before = entry_of(&repo.read("secrets/dev/a.enc.yaml"), FINGERPRINT);
    let team = "\"ana\", \"bob\", \"backup\", \"carol\"";
    repo.write(".sops-rules.toml", with_backup(team));
    let added = repo.mvx([
        "recipients",
        "sync",
        "--yes",
        "-q",
        "secrets/dev/a.enc.yaml",
    ]);
    added.outcome().quiet_success();
    let after = repo.read("secrets/dev/a.enc.yaml");
    assert!(after.contains(CAROL));
    assert_eq!(entry_of(&after, FINGERPRINT), before);
    insta::assert_snapshot!(repo.session("
        mvx rekey --drop backup secrets/dev/a.enc.yaml
        mvx recipients list secrets/dev/a.enc.yaml
    "), @r###"
    $ mvx rekey --drop backup secrets/dev/a.enc.yaml
    mvx: secrets/dev/a.enc.yaml: removed backup, new data key
    mvx: 1 file written
    $ mvx recipients list secrets/dev/a.enc.yaml
    NAME    KIND  KEY                                       GROUPS  FILES
    ana     age   age1r…jq                                  team    secrets/dev/a.enc.yaml
    bob     age   age10…wl                                  team    secrets/dev/a.enc.yaml
    backup  pgp   85D77543B3D624B63CEA9E6DBC17301B491B3F21  team
    carol   age   age14…g5                                  team    secrets/dev/a.enc.yaml

    secrets/dev/a.enc.yaml
      backup  is named by the rules, and cannot open it yet
    mvx: 1 file is not as the rules say; `mvx recipients sync` brings them in line
    "###);
}

#[test]
fn sops_rules_are_followed_and_not_edited() {
    let repo = Repo::bare();
    repo.write(
        ".sops.yaml",
        format!("creation_rules:\n  - path_regex: ^secrets/\n    age: {ANA},{BOB}\n"),
    );
    repo.write("secrets/a.yaml", "a: 1\n");
    repo.mvx(["encrypt", "--rm", "-q", "secrets/a.yaml"])
        .outcome()
        .quiet_success();
    repo.write("elsewhere.enc.yaml", repo.read("secrets/a.enc.yaml"));
    repo.write(
        ".sops.yaml",
        format!("creation_rules:\n  - path_regex: ^secrets/\n    age: {ANA},{CAROL}\n"),
    );
    insta::assert_snapshot!(repo.session("
        mvx recipients list
        mvx recipients sync --check
        mvx recipients sync --yes
        mvx recipients sync --yes elsewhere.enc.yaml
        mvx rekey secrets/a.enc.yaml
        mvx recipients add eve age1x --group team
        mvx recipients remove bob
        mvx keys rotate
        mvx decrypt secrets/a.enc.yaml
    "), @r###"
    $ mvx recipients list
    NAME                KIND  KEY       FILES
                        age   age1r…jq  2
                        age   age14…g5  0
    (not in the rules)  age   age10…wl  2

    secrets/a.enc.yaml
      age10…wl  can open it, and the rules do not name it
      age14…g5  is named by the rules, and cannot open it yet
    mvx: 1 file is not as the rules say; `mvx recipients sync` brings them in line
    $ mvx recipients sync --check
    secrets/a.enc.yaml: add age14…g5, remove age10…wl, new data key
    mvx: 1 file would be written; no rule covers elsewhere.enc.yaml
    [1]
    $ mvx recipients sync --yes
    mvx: secrets/a.enc.yaml: added age14…g5, removed age10…wl, new data key
    mvx: 1 file written; no rule covers elsewhere.enc.yaml
    $ mvx recipients sync --yes elsewhere.enc.yaml
    mvx: error: elsewhere.enc.yaml: no rule of .sops.yaml covers elsewhere.enc.yaml
    mvx: hint: add a creation rule whose `path_regex` matches it; paths are relative to the rules' directory
    mvx: hint: `mvx doctor --explain elsewhere.enc.yaml` shows the rules that were compared with its name
    [3]
    $ mvx rekey secrets/a.enc.yaml
    mvx: secrets/a.enc.yaml: new data key
    mvx: 1 file written
    $ mvx recipients add eve age1x --group team
    mvx: error: .sops.yaml: sops's rules have no register of names that mvx could change
    mvx: hint: edit the file, and then `mvx recipients sync`
    mvx: hint: or `mvx init --from-sops` translates it into rules of mvx's own
    [3]
    $ mvx recipients remove bob
    mvx: error: .sops.yaml: sops's rules have no register of names that mvx could change
    mvx: hint: edit the file, and then `mvx recipients sync`
    mvx: hint: or `mvx init --from-sops` translates it into rules of mvx's own
    [3]
    $ mvx keys rotate
    mvx: error: .sops.yaml: sops's rules have no register of names that mvx could change
    mvx: hint: edit the file, and then `mvx recipients sync`
    mvx: hint: or `mvx init --from-sops` translates it into rules of mvx's own
    [3]
    $ mvx decrypt secrets/a.enc.yaml
    a: 1
    "###);
}
