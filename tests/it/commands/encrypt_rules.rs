//! `mvx encrypt`: what the rules say, and what is done without them.

use crate::repo::{ANA, Repo, fixture};

use super::encrypt::APP;

#[test]
fn without_a_rule_it_says_which_to_write() {
    let repo = Repo::new();
    repo.write("conf/app.yaml", APP);
    repo.write("top.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt conf/app.yaml
        mvx encrypt top.yaml
        mvx encrypt .sops-rules.toml
    "), @r###"
    $ mvx encrypt conf/app.yaml
    mvx: error: no rule of .sops-rules.toml covers conf/app.yaml
    mvx: hint: add to `.sops-rules.toml`:
    mvx:
    mvx:   [[files]]
    mvx:   path = "conf/**"
    mvx:   recipients = ["team"]
    mvx: hint: `mvx doctor --explain conf/app.yaml` shows the rules that were compared with its name
    [3]
    $ mvx encrypt top.yaml
    mvx: error: no rule of .sops-rules.toml covers top.yaml
    mvx: hint: add to `.sops-rules.toml`:
    mvx:
    mvx:   [[files]]
    mvx:   path = "/top.yaml"
    mvx:   recipients = ["team"]
    mvx: hint: `mvx doctor --explain top.yaml` shows the rules that were compared with its name
    [3]
    $ mvx encrypt .sops-rules.toml
    mvx: error: .sops-rules.toml is never a secret file: no rule covers `.mvx/`, `.git/` or the rules themselves
    mvx: hint: give it another name, or keep it in another directory
    [3]
    "###);
    let repo = Repo::bare();
    repo.write("conf/app.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt conf/app.yaml
        touch .sops.yml; mvx encrypt top.yaml; mvx encrypt conf/app.yaml
    "), @r###"
    $ mvx encrypt conf/app.yaml
    mvx: error: conf/app.yaml: no `.sops-rules.toml` or `.sops.yaml` is in force here
    mvx: hint: `mvx init` writes the rules
    [3]
    $ touch .sops.yml; mvx encrypt top.yaml; mvx encrypt conf/app.yaml
    mvx: error: top.yaml: there is no such file or directory
    mvx: error: conf/app.yaml: no `.sops-rules.toml` or `.sops.yaml` is in force here
    mvx: hint: `mvx init` writes the rules
    [3]
    "###);
}

#[test]
fn recipients_on_the_command_line_and_in_the_environment() {
    let repo = Repo::bare();
    repo.write("app.yaml", APP);
    repo.write("ana.txt", ANA);
    let ssh = fixture("keys/ssh_ed25519.pub");
    insta::assert_snapshot!(repo.session(&format!("
        mvx encrypt --rm --age $(cat ana.txt) --age \"$(cat {})\" app.yaml
        mvx decrypt app.enc.yaml > app.yaml
        SOPS_AGE_RECIPIENTS=\"$(cat ana.txt), $(cat ana.txt)\" mvx encrypt --overwrite app.yaml
        mvx encrypt --overwrite --age age1foo app.yaml
        mvx encrypt --overwrite --age '' app.yaml
        mvx encrypt --overwrite --age arn:aws:kms:eu-west-1:111122223333:key/1 app.yaml
        mvx encrypt --overwrite --age $(grep SECRET ~/.config/mvx/keys.txt) app.yaml
        mvx encrypt --overwrite --age age1yubikey1qwvxjdfkgjhsdkfjgh app.yaml
    ", ssh.display())).replace(&ssh.display().to_string(), "bob.pub"), @r###"
    $ mvx encrypt --rm --age $(cat ana.txt) --age "$(cat bob.pub)" app.yaml
    mvx: app.enc.yaml: 2 values encrypted, for age1r…jq, ssh-ed25519 throw-away
    mvx: app.yaml: removed
    $ mvx decrypt app.enc.yaml > app.yaml
    $ SOPS_AGE_RECIPIENTS="$(cat ana.txt), $(cat ana.txt)" mvx encrypt --overwrite app.yaml
    mvx: app.enc.yaml: 2 values encrypted, for age1r…jq
    mvx: warning: app.yaml: the plaintext is still there, and git does not ignore it
    mvx: hint: `rm app.yaml` removes it
    $ mvx encrypt --overwrite --age age1foo app.yaml
    mvx: error: recipient `age1foo` holds `o`, which no age key has
    mvx: hint: let its owner run `mvx keys public` and copy the line again
    [3]
    $ mvx encrypt --overwrite --age '' app.yaml
    mvx: error: that is no recipient: those begin with `age1`, `ssh-ed25519` or `ssh-rsa`
    mvx: hint: `mvx keys public` prints the public key of whoever runs it
    [2]
    $ mvx encrypt --overwrite --age arn:aws:kms:eu-west-1:111122223333:key/1 app.yaml
    mvx: error: that is no recipient: those begin with `age1`, `ssh-ed25519` or `ssh-rsa`
    mvx: hint: `mvx keys public` prints the public key of whoever runs it
    [2]
    $ mvx encrypt --overwrite --age $(grep SECRET ~/.config/mvx/keys.txt) app.yaml
    mvx: error: a private key stands where a recipient, the public side, belongs
    mvx: hint: `mvx keys public` shows the public side; if the private key was committed, make a new one
    [3]
    $ mvx encrypt --overwrite --age age1yubikey1qwvxjdfkgjhsdkfjgh app.yaml
    mvx: error: recipient `age1yubikey1q…gh` is misspelt or cut off: its checksum does not match
    mvx: hint: let its owner run `mvx keys public` and copy the line again
    [3]
    "###);
}

#[test]
fn sops_rules_are_honoured_where_there_are_no_others() {
    let repo = Repo::bare();
    repo.write(
        ".sops.yaml",
        format!("creation_rules:\n  - path_regex: conf/.*\\.yaml$\n    encrypted_regex: ^password$\n    age: {ANA}\nstores:\n  yaml:\n    indent: 2\n"),
    );
    repo.write("conf/app.yaml", APP);
    repo.write("other.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt -i conf/app.yaml
        mvx encrypt -i other.yaml
        mvx -C conf ls
    "), @r###"
    $ mvx encrypt -i conf/app.yaml
    mvx: conf/app.yaml: 1 value encrypted, 1 in clear as the selector says, for age1r…jq
    $ mvx encrypt -i other.yaml
    mvx: error: no rule of .sops.yaml covers other.yaml
    mvx: hint: add a creation rule whose `path_regex` matches it; paths are relative to the rules' directory
    mvx: hint: `mvx doctor --explain other.yaml` shows the rules that were compared with its name
    [3]
    $ mvx -C conf ls
    app.yaml
      for age1r…jq, changed [TIME]
      db.password  str
      db.port      int  in clear
    "###);
}

#[test]
fn a_selector_that_chooses_nothing_is_refused() {
    let repo = Repo::new();
    repo.write("secrets/k8s/a.yaml", "kind: Secret\ndata:\n  a: x\n");
    repo.write("secrets/k8s/b.yaml", "kind: ConfigMap\n");
    insta::assert_snapshot!(repo.session("
        mvx encrypt --rm secrets/k8s/a.yaml
        mvx ls secrets/k8s
        mvx encrypt secrets/k8s/b.yaml
    "), @r###"
    $ mvx encrypt --rm secrets/k8s/a.yaml
    mvx: secrets/k8s/a.enc.yaml: 1 value encrypted, 1 in clear as the selector says, for ana
    mvx: secrets/k8s/a.yaml: removed
    $ mvx ls secrets/k8s
    secrets/k8s/a.enc.yaml
      for ana, changed [TIME]
      kind    str  in clear
      data.a  str
    $ mvx encrypt secrets/k8s/b.yaml
    mvx: error: secrets/k8s/b.yaml: the selector `encrypted_regex = ^(data|stringData)$` chooses none of its values: all would stay in clear
    mvx: hint: change the selector in the rules, or leave the file unencrypted
    [3]
    "###);
}

#[test]
fn whoever_locks_themselves_out_is_warned() {
    let repo = Repo::new();
    for name in ["a", "b", "c", "d"] {
        repo.write(&format!("secrets/bob/{name}.yaml"), APP);
    }
    insta::assert_snapshot!(repo.session("
        mvx encrypt --rm secrets/bob/a.yaml
        MVX_AGE_KEY_CMD='cat x' mvx encrypt -q secrets/bob/b.yaml
    "), @r###"
    $ mvx encrypt --rm secrets/bob/a.yaml
    mvx: warning: secrets/bob/a.enc.yaml: none of your identities opens this file
    mvx: hint: to keep access, enter your public key with `mvx recipients add`, and encrypt it again
    mvx: secrets/bob/a.enc.yaml: 2 values encrypted, for bob
    mvx: secrets/bob/a.yaml: removed
    $ MVX_AGE_KEY_CMD='cat x' mvx encrypt -q secrets/bob/b.yaml
    "###);
    repo.hold("keys/age.protected");
    insta::assert_snapshot!(repo.session("mvx encrypt -q secrets/bob/c.yaml"), @"$ mvx encrypt -q secrets/bob/c.yaml");
    repo.hold("sops/k1.txt");
    insta::assert_snapshot!(repo.session("mvx encrypt -q secrets/bob/d.yaml"), @"$ mvx encrypt -q secrets/bob/d.yaml");
}

#[test]
fn recipients_that_mvx_cannot_wrap_for() {
    let repo = Repo::bare();
    repo.write(
        ".sops.yaml",
        "\
creation_rules:
  - path_regex: ^one/
    hckms: [\"eu-west-1:6b1c2d3e-0000-4000-8000-000000000000\"]
",
    );
    repo.write("one/a.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt one/a.yaml
        EDITOR=true mvx edit one/new.enc.yaml
        ls one
    "), @r###"
    $ mvx encrypt one/a.yaml
    mvx: error: one/a.yaml: `eu-west-1:6b1c2d3e-0000-4000-8000-000000000000` is a key of the kind hckms, for which mvx cannot wrap
    mvx: hint: files that sops sealed for such a key are kept as they are when another recipient opens them
    [3]
    $ EDITOR=true mvx edit one/new.enc.yaml
    mvx: error: one/new.enc.yaml: `eu-west-1:6b1c2d3e-0000-4000-8000-000000000000` is a key of the kind hckms, for which mvx cannot wrap
    mvx: hint: files that sops sealed for such a key are kept as they are when another recipient opens them
    [3]
    $ ls one
    a.yaml
    "###);
}

#[test]
fn with_v_it_says_which_rule_holds() {
    let repo = Repo::new();
    repo.write("secrets/dev/app.yaml", APP);
    insta::assert_snapshot!(repo.session("
        mvx encrypt -v secrets/dev/app.yaml
        mvx decrypt -vv secrets/dev/app.enc.yaml
    "), @r###"
    $ mvx encrypt -v secrets/dev/app.yaml
    mvx: secrets/dev/app.enc.yaml: the rule on line 8 of .sops-rules.toml holds
    mvx: secrets/dev/app.enc.yaml: 2 values encrypted, for ana, bob
    mvx: secrets/dev/app.yaml: the plaintext is still there
    $ mvx decrypt -vv secrets/dev/app.enc.yaml
    db:
      password: hunter2
      port: 5432
    mvx: identity age1r…jq from [SANDBOX]/home/.config/mvx/keys.txt
    mvx: secrets/dev/app.enc.yaml: opened by the identity of ana (age1r…jq)
    "###);
}
