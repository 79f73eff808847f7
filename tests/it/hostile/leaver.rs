//! Somebody leaves, and has seen to it that the files do not tell.

use mvx::document::splice;
use mvx::sops::metadata::Metadata;
use mvx::stores::Format;

use crate::repo::{BOB, Repo};

/// Takes Bob's entry and the seal out of a file, for which no key is needed.
fn without_bob(repo: &Repo, name: &str) {
    let text = repo.read(name);
    let store = Format::Yaml.store();
    let tree = store.parse(text.as_bytes()).unwrap();
    let mut metadata = Metadata::from_block(tree.meta().unwrap());
    metadata.unset("mvx_seal");
    let mut groups = metadata.groups().unwrap();
    groups[0].retain(|entry| entry.recipient() != BOB);
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
    without_bob(&repo, "secrets/dev/b.enc.yaml");
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
    mvx: 1 file would be written; no rule covers secrets/dev/a.enc.yaml
    mvx: warning: bob could read 1 value, and git's history and every clone still hold it
    mvx: hint: change each where it is used, and then here with `mvx set`
    mvx: error: bob can still open secrets/dev/a.enc.yaml, which no rule covers
    mvx: hint: cover it with a [[files]] table in the rules, and run `mvx recipients sync`
    [1]
    $ mvx recipients remove bob --yes
    secrets/dev/b.enc.yaml
      b
    mvx: .sops-rules.toml: bob removed from the register, all groups and all rules
    mvx: secrets/dev/b.enc.yaml: removed bob, new data key
    mvx: 1 file written; no rule covers secrets/dev/a.enc.yaml
    mvx: commit the rules and the files together
    mvx: warning: bob could read 1 value, and git's history and every clone still hold it
    mvx: hint: change each where it is used, and then here with `mvx set`
    mvx: error: bob can still open secrets/dev/a.enc.yaml, which no rule covers
    mvx: hint: cover it with a [[files]] table in the rules, and run `mvx recipients sync`
    [1]
    $ mvx rekey --yes secrets/dev/a.enc.yaml
    mvx: error: secrets/dev/a.enc.yaml: no rule covers it, and the rules do not know age10…wl, who is in it
    mvx: hint: cover it with a [[files]] table in the rules, and run `mvx recipients sync`
    [3]
    "##);
}
