//! `mvx rekey`.

use crate::repo::Repo;

#[test]
fn every_file_type_gets_a_new_key_in_its_place() {
    let repo = Repo::new();
    let files = [
        (
            "a.yaml",
            "# note\na: &x [0x1F, \"y\"]\nb: *x\nl:\n  # in it\n  - |\n    two\n    lines\n",
        ),
        ("b.json", "{\"a\": 1.50, \"b\": [true, null]}\n"),
        ("c.env", "# note\nA=1\nB='x'\n"),
        ("d.ini", "; note\n[s]\nk = v\n"),
        ("e.bin", "any\nbytes"),
    ];
    let mut before = Vec::new();
    for (name, text) in files {
        before.push(repo.seal(&format!("secrets/dev/{name}"), text));
    }
    insta::assert_snapshot!(repo.session("
        mvx rekey --dry-run secrets/dev
        mvx rekey secrets/dev
        mvx rekey --yes secrets/dev
        mvx rekey --json secrets/dev/b.enc.json
        mvx rekey secrets/dev/nothing.enc.yaml
    "), @r###"
    $ mvx rekey --dry-run secrets/dev
    secrets/dev/a.enc.yaml: new data key
    secrets/dev/b.enc.json: new data key
    secrets/dev/c.enc.env: new data key
    secrets/dev/d.enc.ini: new data key
    secrets/dev/e.enc.bin: new data key
    mvx: 5 files would be written
    $ mvx rekey secrets/dev
    mvx: secrets/dev/a.enc.yaml: new data key
    mvx: secrets/dev/b.enc.json: new data key
    mvx: secrets/dev/c.enc.env: new data key
    mvx: secrets/dev/d.enc.ini: new data key
    mvx: secrets/dev/e.enc.bin: new data key
    mvx: error: cannot ask for a yes or no: there is no terminal
    mvx: hint: `--yes` goes on without asking, and `--dry-run` shows what would be written
    [4]
    $ mvx rekey --yes secrets/dev
    mvx: secrets/dev/a.enc.yaml: new data key
    mvx: secrets/dev/b.enc.json: new data key
    mvx: secrets/dev/c.enc.env: new data key
    mvx: secrets/dev/d.enc.ini: new data key
    mvx: secrets/dev/e.enc.bin: new data key
    mvx: 5 files written
    $ mvx rekey --json secrets/dev/b.enc.json
    {"written":[{"file":"secrets/dev/b.enc.json","added":[],"removed":[],"moved":[],"groups":null,"new_key":true}],"unchanged":0,"uncovered":[],"left":[]}
    $ mvx rekey secrets/dev/nothing.enc.yaml
    mvx: error: secrets/dev/nothing.enc.yaml: there is no such file or directory
    mvx: hint: `mvx ls` lists the secret files
    [4]
    "###);
    for ((name, text), before) in files.iter().zip(before) {
        let sealed = mvx::app::files::sealed_name(std::path::Path::new(name));
        let name = format!("secrets/dev/{}", sealed.display());
        let after = repo.read(&name);
        assert_eq!(repo.plaintext(&name), *text, "{name}");
        let envelopes = |text: &str| -> Vec<String> {
            text.split("ENC[")
                .skip(1)
                .map(|rest| rest.split(']').next().unwrap().to_owned())
                .collect()
        };
        let (old, new) = (envelopes(&before), envelopes(&after));
        assert_eq!(old.len(), new.len(), "{name}");
        assert!(old.iter().all(|envelope| !new.contains(envelope)), "{name}");
    }
}
