//! `mvx help json` says what `--json` prints; here the real answers are compared with it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::repo::{BOB, CAROL, Repo};

#[test]
#[expect(clippy::too_many_lines, reason = "one line or two for each command")]
fn answers_are_what_the_help_says() {
    let repo = Repo::bare();
    repo.write(".sops.yaml", "");
    let help = repo
        .mvx(["help", "json", "--json"])
        .outcome()
        .quiet_success();
    let help: Value = serde_json::from_str(&help).unwrap();
    let mut examples: BTreeMap<String, Value> = BTreeMap::new();
    for shape in help["shapes"].as_array().unwrap() {
        let example = serde_json::from_str(shape["example"].as_str().unwrap()).unwrap();
        examples.insert(shape["command"].as_str().unwrap().to_owned(), example);
    }
    repo.write(
        ".sops.yaml",
        format!("creation_rules:\n  - age: {BOB}\nstores:\n  yaml:\n    indent: 2\n"),
    );
    let mut compare = |shape: &str, line: &str| {
        let outcome = repo.shell(line);
        let answer = [outcome.stdout(), &outcome.stderr].concat();
        let answer: Value = serde_json::from_str(answer.lines().next().unwrap_or_default())
            .unwrap_or_else(|_| panic!("{line}: {outcome}"));
        let example = &examples[shape];
        assert!(
            fits(example, &answer),
            "{line}: {answer} is not like {example}"
        );
        if shape != "set, unset, mv" || line.contains("unset") {
            examples.remove(shape);
        }
    };
    compare("init --from-sops", "mvx --json init --from-sops");
    for name in [".sops.yaml", ".sops-rules.toml"] {
        std::fs::remove_file(repo.sandbox.path(name)).unwrap();
    }
    compare("init", &format!("mvx --json init --yes --recovery {BOB}"));
    repo.write("secrets/dev/a.yaml", "db: {port: 1}\nb: 1\n");
    compare("encrypt --dry-run", "mvx --json encrypt --dry-run secrets");
    compare("encrypt", "mvx --json encrypt --rm secrets/dev/a.yaml");
    compare("decrypt", "mvx --json decrypt secrets/dev/a.enc.yaml");
    repo.write("x.env", "A=1\nB=2\nA=$HOME\n");
    repo.write("y.env", "A=1\n");
    compare(
        "import",
        "mvx --json import x.env y.env --to secrets/dev/b.enc.yaml --except B --gitignore",
    );
    repo.write(".gitattributes", "secrets/dev/*.key filter=git-crypt\n");
    repo.write("secrets/dev/a.key", "1");
    repo.write("secrets/dev/b.key", "1");
    compare(
        "import --from git-crypt",
        "mvx -q encrypt secrets/dev/b.key; mvx --json import --from git-crypt --yes",
    );
    compare(
        "edit",
        "EDITOR='sed -i s/1/2/' mvx --json edit secrets/dev/a.enc.yaml",
    );
    compare("get", "mvx --json get secrets/dev/a.enc.yaml db.port");
    compare(
        "set, unset, mv",
        "echo 1 | mvx --json set secrets/dev/a.enc.yaml c",
    );
    compare("set, unset, mv", "mvx --json mv secrets/dev/a.enc.yaml c d");
    compare(
        "set, unset, mv",
        "mvx --json unset secrets/dev/a.enc.yaml d",
    );
    compare(
        "seal show, seal accept",
        "mvx --json seal show secrets/dev/a.enc.yaml",
    );
    let rules = repo.read(".sops-rules.toml");
    let profile = "[env.local]\nfiles = [\"secrets/dev/a.enc.yaml\"]\noutput = \".env.local\"\nexample = \".env.example\"\n";
    repo.write(".sops-rules.toml", format!("{rules}{profile}"));
    compare("env sync --dry-run", "mvx --json env sync --dry-run");
    compare("env sync", "mvx --json env sync --yes");
    compare("env example --dry-run", "mvx --json env example --dry-run");
    compare("env check", "mvx --json env check");
    compare("env example", "mvx --json env example");
    compare("run --dry-run", "mvx --json run --dry-run");
    compare("env render", "mvx --json env render");
    compare("repair", "mvx --json repair secrets/dev/a.enc.yaml");
    compare("ls", "mvx --json ls");
    compare("keys generate", "mvx --json keys generate -o ~/other.txt");
    compare("keys list", "mvx --json keys list");
    compare("keys public", "mvx --json keys public");
    compare("recipients list", "mvx --json recipients list");
    compare(
        "keys recovery",
        "mvx --json keys recovery --generate-passphrase",
    );
    compare("doctor", "mvx --json doctor");
    compare("doctor FILE", "mvx --json doctor secrets/dev/a.enc.yaml");
    repo.write("secrets/dev/a.yaml", "db: {port: 1}\n");
    compare("clean", "mvx --json clean --dry-run secrets");
    compare("recipients request", "mvx --json recipients request");
    let add = format!("mvx --json recipients add carol {CAROL} --group team --yes");
    compare(
        "recipients sync --check, --dry-run",
        "sed -i 's/team = .*/team = [\"me\"]/' .sops-rules.toml; mvx --json recipients sync --check",
    );
    compare("recipients sync", "mvx --json recipients sync --yes");
    compare("recipients add", &add);
    compare(
        "recipients remove",
        "mvx --json recipients remove carol --yes",
    );
    compare("rekey", "mvx --json rekey --yes");
    compare("keys rotate", "mvx --json keys rotate --yes");
    let of = "secrets/dev/a.enc.yaml db.port";
    let dry = "mvx --json rotation record --dry-run";
    compare("rotation record --dry-run", dry);
    compare("rotation record", "mvx --json rotation record");
    let rotate = format!("mvx --json rotate {of} --generate hex:16 --grace 1d");
    compare("rotate", &rotate);
    compare("history", &format!("mvx --json history {of}"));
    compare("consumers", &format!("mvx --json consumers {of}"));
    compare("consumers --unused", "mvx --json consumers --unused");
    let rollback = format!("mvx --json rollback {of} --to 1");
    compare("rollback, restore", &rollback);
    compare("delete", &format!("mvx --json delete {of}"));
    notify(&repo, &mut compare);
    compare("rotation due", "mvx --json rotation due --all");
    compare("rotation log", "mvx --json rotation log");
    compare("rotation log -o", "mvx --json rotation log -o log.md");
    compare("rotation verify", "mvx --json rotation verify");
    compare("rotation repair", "mvx --json rotation repair");
    let dry = "mvx --json rotation expire --dry-run";
    compare("rotation expire --dry-run", dry);
    compare("rotation expire", "mvx --json rotation expire");
    repo.write(
        "leak.py",
        format!("token = \"{}\"\n", crate::scan::token(1)),
    );
    compare("scan, git hook", "mvx --json scan leak.py");
    let created = "mvx --json scan baseline create";
    compare("scan baseline create, update, prune", created);
    compare("scan baseline explain", "mvx --json scan baseline explain");
    compare("scan rules list", "mvx --json scan rules list");
    let shown = "mvx --json scan rules show github-token";
    compare("scan rules show", shown);
    compare("scan rules test", "mvx --json scan rules test");
    compare("git install, uninstall", "mvx --json git install");
    compare("help COMMAND", "mvx --json help get");
    compare("help exit-codes", "mvx --json help exit-codes");
    compare("help environment", "mvx --json help environment");
    compare("gen man DIRECTORY", "mvx --json gen man pages");
    compare(
        "a failure, on standard error",
        "mvx --json decrypt secrets/missing.yaml",
    );
    let warned = "mvx --json set secrets/dev/a.enc.yaml c --value 1 > /dev/null";
    compare("a warning, on standard error", warned);
    assert!(examples.is_empty(), "never compared: {:?}", examples.keys());
}

/// What is told, and what cannot be.
fn notify(repo: &Repo, compare: &mut impl FnMut(&str, &str)) {
    let rules = repo.read(".sops-rules.toml");
    repo.write(
        ".sops-rules.toml",
        format!("{rules}[notify.bot]\nevents = [\"rotate\"]\n[notify.deaf]\n"),
    );
    // A closed port: what is not delivered is in the answer as well.
    let tell = "git add -A; git -c user.name=x -c user.email=x@example.com commit -qm x >/dev/null; \
        export MVX_NOTIFY_BOT_URL=http://127.0.0.1:9 MVX_NOTIFY_BOT_SECRET=invented-secret-of-24-bytes; \
        mvx --json notify --tries 1 --since $(git rev-list --max-parents=0 HEAD)";
    let first = "git -c user.name=x -c user.email=x@example.com commit -q --allow-empty -m first;";
    compare("notify --dry-run", &format!("{first} {tell} --dry-run"));
    compare("notify", tell);
}

/// Whether an answer has the names and types of an example; null is of every type.
fn fits(example: &Value, answer: &Value) -> bool {
    match (example, answer) {
        (Value::Object(example), Value::Object(answer)) => {
            example.len() == answer.len()
                && example
                    .iter()
                    .all(|(name, value)| answer.get(name).is_some_and(|other| fits(value, other)))
        }
        (Value::Array(example), Value::Array(answer)) => {
            answer.iter().all(|item| fits(&example[0], item))
        }
        (Value::Null, Value::Object(_) | Value::Array(_)) => false,
        (Value::Null, _) | (_, Value::Null) => true,
        (example, answer) => std::mem::discriminant(example) == std::mem::discriminant(answer),
    }
}
