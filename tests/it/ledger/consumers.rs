//! Who uses a secret, and the ledger's columns of `ls`.

use serde_json::Value;

use super::{FILE, done, repo};
use crate::repo::Repo;

const PROFILES: &str = "
[env.web]
files = [\"secrets/staging/*.enc.yaml\"]
output = \".env.web\"
prefix = \"WEB_\"
exclude = [\"B\"]
[env.job]
files = [\"secrets/staging/*.enc.yaml\"]
rename = { A = \"JOB_TOKEN\" }
[env.client]
files = [\"secrets/{client}/*.enc.yaml\"]
prefix = \"C_\"
";

fn delivered() -> Repo {
    let repo = repo();
    let rules = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", format!("{rules}{PROFILES}"));
    repo
}

fn json(repo: &Repo, line: &str) -> Value {
    let outcome = repo.shell(line);
    assert_eq!(outcome.code(), Some(0), "{line}: {outcome}");
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome}"))
}

/// `FILE:LINE NAME` of each place.
fn reads(answer: &Value) -> Vec<String> {
    let all = answer["reads"].as_array().unwrap();
    all.iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            format!("{}:{} {}", text("file"), one["line"], text("name"))
        })
        .collect()
}

#[test]
fn profiles_declared_consumers_and_reads_are_listed() {
    let repo = delivered();
    repo.write("web/app.js", "\nfetch(process.env.WEB_A)\n");
    repo.write("job/run.sh", "curl $JOB_TOKEN\n");
    repo.write("lib.py", "os.environ['C_A']\n");
    repo.write("README.md", "Set `WEB_A`.\n");
    repo.write(".gitignore", "ignored.js\ntracked.js\n.env.web\n");
    repo.write("ignored.js", "process.env.WEB_A\n");
    repo.write("tracked.js", "process.env.WEB_A\n");
    repo.write(".env.web", "WEB_A=\"$WEB_A\"\n");
    done(&repo, "git add -f tracked.js .env.web");
    let answer = json(&repo, &format!("mvx --json consumers {FILE} A"));
    assert_eq!(
        reads(&answer),
        [
            "job/run.sh:1 JOB_TOKEN",
            "lib.py:1 C_A",
            "tracked.js:1 WEB_A",
            "web/app.js:2 WEB_A"
        ]
    );
    assert_eq!(answer["declared"], serde_json::json!(["backend", "web"]));
    let profiles = answer["profiles"].as_array().unwrap();
    let profiles: Vec<_> = profiles
        .iter()
        .map(|one| format!("{} {} {}", one["profile"], one["name"], one["output"]))
        .collect();
    assert_eq!(
        profiles,
        [
            "\"web\" \"WEB_A\" \".env.web\"",
            "\"job\" \"JOB_TOKEN\" null"
        ]
    );
    assert_eq!(answer["unknown"][0]["profile"], "client");
    // From below, and by its bare name.
    let below = json(
        &repo,
        "cd web && mvx --json consumers A --environment staging",
    );
    assert_eq!(reads(&below).last().unwrap(), "app.js:2 WEB_A");
    let text = done(&repo, &format!("mvx consumers {FILE} A"));
    for part in [
        "delivered by profiles",
        "to .env.web",
        "job/run.sh:1",
        "`client`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn nothing_found_is_said_and_is_no_failure() {
    let repo = repo();
    let text = done(&repo, &format!("mvx consumers {FILE} B"));
    assert!(
        text.contains("reads B; a name that is put together"),
        "{text}"
    );
    let gone = done(&repo, &format!("mvx consumers {FILE} GONE_KEY"));
    assert!(gone.contains("there is no `GONE_KEY` now"), "{gone}");
    for line in ["mvx consumers", "mvx consumers a b c"] {
        assert_eq!(repo.shell(line).code(), Some(2), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn links_large_files_and_hostile_names_do_no_harm() {
    let repo = repo();
    repo.write("secret.js", "process.env.B_KEY\n");
    done(&repo, "ln -s secret.js link.js; ln -s / root");
    done(&repo, "head -c 5000000 /dev/zero | tr '\\0' 'x' > big.txt");
    let name = "evil\u{1b}[2J.js";
    repo.write(name, "process.env.B_KEY\n");
    done(&repo, &format!("printf x | mvx set {FILE} B_KEY"));
    let text = done(&repo, &format!("mvx consumers {FILE} B_KEY"));
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(text.contains("evil\\u{1b}[2J.js:1"), "{text}");
    assert!(!text.contains("link.js"), "{text}");
    assert!(text.contains("too large to be searched: big.txt"), "{text}");
}

#[test]
fn unused_secrets_are_those_without_reader_and_consumer() {
    let repo = delivered();
    let rules = repo.read(".sops-rules.toml");
    repo.write(
        ".sops-rules.toml",
        rules.replace("consumers = [\"backend\", \"web\"]\n", ""),
    );
    repo.write("app.js", "process.env.WEB_A\n");
    repo.write(".env.example", "B=\n");
    // Plaintext that was left behind reads nothing.
    repo.write("secrets/staging/app.yaml", "B_KEY: $B\nL_0: $L_0\n");
    let keys = |line: &str| -> Vec<String> {
        let answer = json(&repo, line);
        let all = answer["unused"].as_array().unwrap();
        all.iter()
            .map(|one| one["key"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        keys("mvx --json consumers --unused"),
        ["B", "l[0]", "l[1]", "l[2]"]
    );
    assert_eq!(
        keys("mvx --json consumers --unused --environment prod"),
        [""; 0]
    );
    repo.write("run.sh", "echo $B $L_0 $L_1 $L_2\n");
    assert_eq!(
        keys(&format!("mvx --json consumers --unused {FILE}")),
        [""; 0]
    );
    let text = done(&repo, "mvx consumers --unused");
    assert!(text.contains("a hint and no proof"), "{text}");
}

#[test]
fn ls_shows_versions_and_dates_where_a_ledger_is_kept() {
    let repo = repo();
    done(&repo, &format!("mvx rotate {FILE} A --generate hex:16"));
    let text = done(&repo, "mvx ls");
    assert!(text.contains("VERSION") && text.contains("DUE"), "{text}");
    let answer = json(&repo, "mvx --json ls");
    let keys = answer["files"][0]["keys"].as_array().unwrap();
    let of = |name: &str| keys.iter().find(|one| one["key"] == name).unwrap();
    assert_eq!(of("A")["version"], 2);
    assert_eq!(of("A")["state"], "later");
    assert!(of("A")["due"].as_str() > of("A")["rotated"].as_str());
    assert_eq!(of("open_unencrypted")["state"], Value::Null);
}

#[test]
fn ls_without_a_ledger_is_as_it_was() {
    let repo = super::bare();
    repo.seal("secrets/staging/app.yaml", "A: one\n");
    let text = done(&repo, "mvx ls");
    assert!(!text.contains("VERSION"), "{text}");
    let answer = json(&repo, "mvx --json ls");
    assert_eq!(answer["files"][0]["keys"][0]["version"], Value::Null);
}
