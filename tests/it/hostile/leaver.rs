//! Somebody leaves, and has seen to it that the files do not tell.

use mvx::document::Meta;
use mvx::document::splice;
use mvx::sops::metadata::{KeyEntry, Metadata};
use mvx::stores::Format;

use crate::repo::{ANA, BOB, Repo};

/// Changes the entries of a file and takes its seal off, for which no key is needed.
fn with_entries(repo: &Repo, name: &str, change: impl FnOnce(&mut Vec<KeyEntry>)) {
    let text = repo.read(name);
    let store = Format::Yaml.store();
    let tree = store.parse(text.as_bytes()).unwrap();
    let mut metadata = Metadata::from_block(tree.meta().unwrap());
    metadata.unset("mvx_seal");
    let mut groups = metadata.groups().unwrap();
    change(&mut groups[0]);
    metadata.set_groups(&groups, None);
    let edits = store.refresh(text.as_bytes(), &tree, metadata.fields());
    let text = splice(text.as_bytes(), edits).unwrap();
    repo.write(name, text.as_bytes());
}

/// A repository in whose rules nothing is Bob's alone.
fn repo() -> Repo {
    let repo = Repo::new();
    let rules = repo.read(".sops-rules.toml");
    let rules = rules.replace("recipients = [\"bob\"]", "recipients = [\"team\"]");
    repo.write(".sops-rules.toml", rules);
    repo
}

#[test]
fn an_entry_that_was_taken_out_does_not_save_the_data_key() {
    let repo = repo();
    repo.seal("secrets/dev/a.yaml", "a: hidden\n");
    let old = repo.seal("secrets/dev/b.yaml", "b: hidden\n");
    repo.commit();
    with_entries(&repo, "secrets/dev/b.enc.yaml", |entries| {
        entries.retain(|entry| entry.recipient() != BOB);
    });
    repo.commit();
    insta::assert_snapshot!(repo.session("mvx recipients remove bob --yes"), @r##"
    $ mvx recipients remove bob --yes
    secrets/dev/a.enc.yaml
      a
    secrets/dev/b.enc.yaml
      b
    mvx: secrets/dev/b.enc.yaml: was changed without mvx since commit [SHORT]: 1 recipient went and knows the data key still (`mvx rekey` makes a new one); the next change by mvx seals it again
    mvx: .sops-rules.toml: bob removed from the register, all groups and all rules
    mvx: secrets/dev/a.enc.yaml: removed bob, new data key
    mvx: secrets/dev/b.enc.yaml: removed bob, new data key
    mvx: 2 files written
    mvx: commit the rules and the files together
    mvx: warning: bob could read 2 values, and git's history and every clone still hold them
    mvx: hint: change each where it is used, and then here with `mvx set`
    "##);

    // What is written from now on opens with nothing that he kept.
    let set = repo
        .mvx(["set", "-q", "secrets/dev/b.enc.yaml", "b"])
        .stdin("new")
        .outcome();
    assert_eq!(set.code(), Some(0), "{set}");
    let store = Format::Yaml.store();
    let tree = |text: &str| store.parse(text.as_bytes()).unwrap();
    let kept = Metadata::from_block(tree(&old).meta().unwrap())
        .groups()
        .unwrap();
    let new = repo.read("secrets/dev/b.enc.yaml");
    let new_tree = tree(&new);
    let mut metadata = Metadata::from_block(new_tree.meta().unwrap());
    metadata.unset("mvx_seal");
    metadata.set_groups(&kept, None);
    let edits = store.refresh(new.as_bytes(), &new_tree, metadata.fields());
    repo.write(
        "graft.enc.yaml",
        splice(new.as_bytes(), edits).unwrap().as_bytes(),
    );
    repo.hold("sops/k1.txt");
    let graft = repo.mvx(["decrypt", "graft.enc.yaml"]).outcome();
    assert_eq!(graft.code(), Some(25), "{graft}");
}

#[test]
fn a_file_that_was_moved_out_of_its_rule_is_told() {
    let repo = repo();
    repo.seal("secrets/dev/a.yaml", "a: hidden\n");
    repo.seal("secrets/dev/b.yaml", "b: hidden\n");
    let rules = repo.read(".sops-rules.toml");
    repo.write(
        ".sops-rules.toml",
        rules.replace("secrets/dev/**", "secrets/dev/b*"),
    );
    insta::assert_snapshot!(repo.session("
        mvx recipients remove bob --dry-run
        mvx recipients remove bob --yes
        mvx rekey --yes secrets/dev/a.enc.yaml
    "), @r##"
    $ mvx recipients remove bob --dry-run
    .sops-rules.toml: remove bob from the register, all groups and all rules
    secrets/dev/b.enc.yaml: remove bob, new data key
    secrets/dev/b.enc.yaml
      b
    mvx: 1 file would be written
    mvx: warning: bob could read 1 value, and git's history and every clone still hold it
    mvx: hint: change each where it is used, and then here with `mvx set`
    mvx: error: bob can still open this:
    mvx:   secrets/dev/a.enc.yaml: no rule covers it
    mvx: hint: see to the rules that hold for each, and then `mvx recipients sync` takes the access
    [1]
    $ mvx recipients remove bob --yes
    secrets/dev/b.enc.yaml
      b
    mvx: .sops-rules.toml: bob removed from the register, all groups and all rules
    mvx: secrets/dev/b.enc.yaml: removed bob, new data key
    mvx: 1 file written
    mvx: commit the rules and the files together
    mvx: warning: bob could read 1 value, and git's history and every clone still hold it
    mvx: hint: change each where it is used, and then here with `mvx set`
    mvx: error: bob can still open this:
    mvx:   secrets/dev/a.enc.yaml: no rule covers it
    mvx: hint: see to the rules that hold for each, and then `mvx recipients sync` takes the access
    [1]
    $ mvx rekey --yes secrets/dev/a.enc.yaml
    mvx: error: secrets/dev/a.enc.yaml: no rule covers it, and the rules do not know age10…wl, who is in it
    mvx: hint: cover it with a [[files]] table in the rules, and run `mvx recipients sync`
    [3]
    "##);
}

/// Puts Ana's name on Bob's entry.
fn relabel(entries: &mut [KeyEntry]) {
    let bobs = entries.iter_mut().find(|entry| entry.recipient() == BOB);
    for (name, value) in &mut bobs.unwrap().fields {
        if name == "recipient" {
            *value = Meta::Str(ANA.into());
        }
    }
}

#[test]
fn an_entry_under_another_name_is_seen() {
    let repo = repo();
    repo.seal("secrets/dev/a.yaml", "a: hidden\n");
    repo.commit();
    with_entries(&repo, "secrets/dev/a.enc.yaml", |entries| relabel(entries));
    for command in ["get", "set"] {
        let run = repo.mvx([command, "secrets/dev/a.enc.yaml", "a"]);
        let outcome = run.stdin("new").outcome();
        assert_eq!(outcome.code(), Some(51), "{outcome}");
    }
}

#[test]
fn an_entry_that_stands_there_twice_costs_the_data_key() {
    // In a file that git does not know, nothing can be compared.
    let repo = repo();
    repo.seal("secrets/dev/a.yaml", "a: hidden\n");
    with_entries(&repo, "secrets/dev/a.enc.yaml", |entries| relabel(entries));
    insta::assert_snapshot!(repo.session("mvx recipients sync --yes"), @r##"
    $ mvx recipients sync --yes
    mvx: secrets/dev/a.enc.yaml: added bob, new data key
    mvx: 1 file written
    "##);
    repo.hold("sops/k1.txt");
    let get = repo.mvx(["get", "secrets/dev/a.enc.yaml", "a"]).outcome();
    assert_eq!(get.code(), Some(0), "the rules name him: {get}");
}

#[test]
fn rules_of_a_directory_below_are_told() {
    let repo = repo();
    repo.write(
        "secrets/dev/sub/.sops-rules.toml",
        format!(
            "version = 1\n[recipients.ana]\nage = \"{ANA}\"\n[recipients.bob]\nage = \"{BOB}\"\n[[files]]\npath = \"**\"\nrecipients = [\"ana\", \"bob\"]\n"
        ),
    );
    repo.seal("secrets/dev/sub/a.yaml", "a: hidden\n");
    insta::assert_snapshot!(repo.session("
        mvx recipients remove bob --yes
        mvx recipients remove bob --yes --json
    "), @r##"
    $ mvx recipients remove bob --yes
    mvx: .sops-rules.toml: bob removed from the register, all groups and all rules
    mvx: there are no files to write
    mvx: commit the rules and the files together
    mvx: error: bob can still open this:
    mvx:   secrets/dev/sub/a.enc.yaml: secrets/dev/sub/.sops-rules.toml names them
    mvx: hint: see to the rules that hold for each, and then `mvx recipients sync` takes the access
    [1]
    $ mvx recipients remove bob --yes --json
    {"code":"unknown-name","exit":3,"message":"there is no recipient `bob`","place":".sops-rules.toml","causes":[],"hints":["`mvx recipients list` shows everybody"]}
    [3]
    "##);
}

#[test]
fn a_file_under_its_own_name_outside_of_the_rules_is_told() {
    let repo = repo();
    repo.write("deploy/creds.yaml", "db: hidden\n");
    repo.write("README.md", format!("{BOB} reads ENC[AES256_GCM,data:…]\n"));
    repo.write("build/creds.yaml", "db: hidden\n");
    repo.write(".gitignore", "/build/\n");
    for file in ["deploy/creds.yaml", "build/creds.yaml"] {
        let outcome = repo
            .mvx(["encrypt", "-q", "-i", "--age", ANA, "--age", BOB, file])
            .outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }
    insta::assert_snapshot!(repo.session("mvx recipients remove bob --yes"), @r###"
    $ mvx recipients remove bob --yes
    mvx: warning: README.md: mentions bob's key, or cannot be read; whether bob can open it is not known
    mvx: .sops-rules.toml: bob removed from the register, all groups and all rules
    mvx: there are no files to write
    mvx: commit the rules and the files together
    mvx: error: bob can still open this:
    mvx:   deploy/creds.yaml: no rule covers it
    mvx: hint: see to the rules that hold for each, and then `mvx recipients sync` takes the access
    [1]
    "###);
}
