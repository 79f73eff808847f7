//! Telling consumers, with somebody at the other end.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::receiver::{CUT, Message, Receiver, short};
use super::{FILE, done};
use crate::repo::Repo;
use crate::scan::peer;
use crate::support::Outcome;

/// The key, and how it is configured.
const KEY: &[u8] = b"an-invented-key-of-a-receiver";
const SECRET: &str = "an-invented-key-of-a-receiver";

/// A repository whose first events are committed and told, and in which one is told of everything.
fn repo() -> Repo {
    with_tables("[notify.deploy-bot]\n")
}

fn with_tables(tables: &str) -> Repo {
    let repo = super::repo();
    let rules = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", format!("{rules}{tables}"));
    repo.commit();
    repo
}

/// Where `deploy-bot` is, as the shell sets it.
fn bot(url: &str) -> String {
    set("DEPLOY_BOT", url)
}

fn set(name: &str, url: &str) -> String {
    format!("export MVX_NOTIFY_{name}_URL='{url}' MVX_NOTIFY_{name}_SECRET='{SECRET}';")
}

fn notify(repo: &Repo, set: &str, options: &str) -> Outcome {
    repo.shell(&format!("{set} mvx notify {options}"))
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome}"))
}

/// Rotates a key and commits.
fn rotate(repo: &Repo, key: &str) {
    done(
        repo,
        &format!("mvx rotate -q {FILE} {key} --generate hex:16"),
    );
    repo.commit();
}

/// Nothing of an address but its host is ever shown.
fn is_discreet(outcome: &Outcome) {
    let text = format!("{outcome}");
    for secret in ["tokenInPath", "tokenInQuery", SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn what_was_merged_is_told_and_signed() {
    let (repo, receiver) = (repo(), Receiver::new(&[]));
    rotate(&repo, "A");
    done(&repo, &format!("mvx mv {FILE} B C"));
    done(&repo, &format!("mvx delete -q {FILE} C --reason request"));
    repo.commit();
    let outcome = notify(&repo, &bot(&receiver.url()), "--since HEAD~2");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let note = format!("`deploy-bot` was told of 3 events at {}", receiver.host);
    assert!(outcome.stderr.contains(&note), "{outcome}");
    is_discreet(&outcome);
    // Whatever the clocks say: a deletion comes after the move that it follows.
    let mut told = receiver.told(KEY);
    let at = |what: &str| told.iter().position(|one| short(one) == what);
    assert!(at("move C") < at("delete C"), "{told:?}");
    let rotated = told.remove(at("rotate A").unwrap());
    told.insert(0, rotated);
    assert_eq!(told.len(), 3);
    let first = &told[0];
    assert_eq!(first["version"], 1);
    assert_eq!(first["file"], FILE);
    assert_eq!(first["environment"], "staging");
    assert!(first["grace_until"].is_string());
    let secret = &first["secrets"][0];
    assert_eq!(secret["id"], format!("{FILE}#A"));
    assert_eq!(secret["version"], 2);
    assert_eq!(secret["consumers"], serde_json::json!(["backend", "web"]));
    assert_eq!(told[1]["secrets"][0]["moved_from"], format!("{FILE}#B"));
    assert_eq!(told[2]["secrets"][0]["rotated_from"][0], told[1]["id"]);
    assert_eq!(told[2]["reason"], "request");
    let message = &receiver.got()[0];
    assert_eq!(
        message.line,
        "POST /hook/tokenInPath?key=tokenInQuery HTTP/1.1"
    );
    assert_eq!(message.header("content-type"), "application/json");
    assert!(!message.is_signed_with(b"another-invented-key-of-nobody"));
    let mut changed = message.clone();
    changed.body.push(b' ');
    assert!(!changed.is_signed_with(KEY));
    assert!(told.iter().all(|one| {
        let text = one.to_string();
        !text.contains("ana@example.com") && !text.contains("fingerprint")
    }));
}

#[test]
fn telling_twice_is_harmless() {
    let (repo, receiver) = (repo(), Receiver::new(&[]));
    rotate(&repo, "A");
    for _ in 0..2 {
        let outcome = notify(&repo, &bot(&receiver.url()), "--since HEAD^ -q");
        assert_eq!(outcome.quiet_success(), "");
    }
    let told = receiver.told(KEY);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    let outcome = notify(&repo, &bot(&receiver.url()), "--since HEAD");
    assert!(outcome.stderr.contains("no new events"), "{outcome}");
    assert_eq!(outcome.code(), Some(0));
    assert_eq!(receiver.got().len(), 2);
}

#[test]
fn what_was_not_merged_is_not_told() {
    let (repo, receiver) = (repo(), Receiver::new(&[]));
    done(&repo, "git branch -m trunk && git checkout -q -b feature");
    rotate(&repo, "A");
    done(&repo, "git checkout -q trunk");
    rotate(&repo, "B");
    // Not committed, copied to another name, edited, linked, and of no use.
    done(&repo, &format!("echo new | mvx set -q {FILE} N"));
    done(
        &repo,
        "cd .mvx/ledger/2*/*; own=$(ls | grep -- -create-N-); real=$(ls | grep -- -rotate-B-)
         cp $real copied.toml; sed 's/\"B\"/\"A\"/' $real > ${real%.toml}x.toml; ln -s $real linked.toml
         echo junk > junk.toml; mkdir -p 2020/01; cp $real 2020/01; git add . ; git reset -q $own
         git -c user.name=x -c user.email=x@example.com commit -qm forged",
    );
    let outcome = notify(&repo, &bot(&receiver.url()), "--since HEAD~2");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(receiver.heard(KEY), ["rotate B"]);
    assert!(
        outcome.stderr.contains("3 files in the ledger"),
        "{outcome}"
    );
    // Merged, it is.
    done(
        &repo,
        "git clean -fdq; git reset -q --hard; \
         git -c user.name=x -c user.email=x@example.com merge -q -X ours -m merged feature",
    );
    let outcome = notify(&repo, &bot(&receiver.url()), "--since HEAD^1");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(receiver.heard(KEY), ["rotate B", "rotate A"]);
}

#[test]
fn the_default_branch_has_to_be_known() {
    let (repo, receiver) = (repo(), Receiver::new(&[]));
    rotate(&repo, "A");
    let at = bot(&receiver.url());
    let zeros = "0".repeat(40);
    for since in [zeros.as_str(), "", "0"] {
        let outcome = notify(&repo, &at, &format!("--since '{since}'"));
        assert_eq!(outcome.code(), Some(2), "{outcome}");
        assert!(outcome.stderr.contains("--since HEAD^"), "{outcome}");
    }
    let outcome = notify(&repo, &at, "--since nothing");
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    assert!(outcome.stderr.contains("forced push"), "{outcome}");
    done(
        &repo,
        "git clone -q --depth 1 \"file://$PWD\" ../shallow && git rev-parse HEAD^ > ../before",
    );
    let outcome = repo.shell(&format!(
        "{at} cd ../shallow && mvx notify --since $(cat ../before)"
    ));
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    assert!(
        outcome.stderr.contains("git fetch --unshallow"),
        "{outcome}"
    );
    done(&repo, "cd ../shallow && git fetch -q --unshallow");
    done(
        &repo,
        &format!("{at} cd ../shallow && mvx notify --since $(cat ../before)"),
    );
    // Without the contents of files, what is missing is not taken for nothing.
    done(
        &repo,
        "git config uploadpack.allowFilter true; \
         git clone -q --no-checkout --filter=blob:none \"file://$PWD\" ../partial; \
         cp .sops-rules.toml ../partial",
    );
    let outcome = repo.shell(&format!(
        "{at} cd ../partial && mvx notify --since $(cat ../before)"
    ));
    assert_eq!(outcome.code(), Some(4), "{outcome}");
    assert!(outcome.stderr.contains("--no-filter"), "{outcome}");
    assert_eq!(receiver.heard(KEY), ["rotate A"]);
}

#[test]
fn it_is_tried_again_after_a_500_and_after_a_cut_connection() {
    let repo = repo();
    rotate(&repo, "A");
    for script in [&["500 No"], &[CUT]] {
        let receiver = Receiver::new(script);
        let outcome = notify(&repo, &bot(&receiver.url()), "--since HEAD^ --json");
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let sent = &json(&outcome)["sent"][0];
        assert_eq!(
            (&sent["status"], &sent["tries"]),
            (&200.into(), &2.into()),
            "{sent}"
        );
        let told = receiver.told(KEY);
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], told[1], "another id");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (repo, other) = (repo(), Receiver::new(&[]));
    rotate(&repo, "A");
    rotate(&repo, "B");
    let to: &'static str =
        Box::leak(format!("308 Go\r\nLocation: {}", other.url()).into_boxed_str());
    let receiver = Receiver::new(Box::leak(Box::new([to])));
    let outcome = notify(&repo, &bot(&receiver.url()), "--since HEAD~2");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains("308, a redirect, which is not followed"),
        "{outcome}"
    );
    let again = "2 events were not told; when that is mended, `mvx notify --since ";
    assert!(outcome.stderr.contains(again), "{outcome}");
    assert_eq!((receiver.got().len(), other.got().len()), (1, 0));
    is_discreet(&outcome);
}

#[test]
fn what_is_sent_cannot_be_read_on_the_way() {
    let repo = repo();
    rotate(&repo, "A");
    for (url, why) in [
        ("http://example.com/tokenInPath", "https is needed"),
        ("https://me:tokenInQuery@example.com/", "a user name"),
        ("ftp://example.com/tokenInPath", "no https address"),
    ] {
        let outcome = notify(&repo, &bot(url), "--since HEAD^");
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(outcome.stderr.contains(why), "{outcome}");
        assert!(outcome.stderr.contains("MVX_NOTIFY_DEPLOY_BOT_URL"));
        is_discreet(&outcome);
    }
}

#[test]
fn nobody_is_passed_over() {
    let (repo, receiver) = (
        with_tables("[notify.deploy-bot]\n[notify.\"other.one\"]\n"),
        Receiver::new(&[]),
    );
    rotate(&repo, "A");
    let at = bot(&receiver.url());
    let outcome = notify(&repo, &at, "--since HEAD^");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stderr.contains("`other.one` has no address")
            && outcome.stderr.contains("MVX_NOTIFY_OTHER_ONE_URL")
            && outcome.stderr.contains("/.config/mvx/config.toml"),
        "{outcome}"
    );
    // Who can be told is.
    assert_eq!(receiver.heard(KEY), ["rotate A"]);
    let outcome = notify(&repo, &at, "--since HEAD^ --only deploy-bot");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let outcome = notify(&repo, &at, "--since HEAD^ --only deploybot");
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    let dry = notify(&repo, &at, "--since HEAD^ --dry-run --json");
    assert_eq!(dry.code(), Some(1), "{dry}");
    let answer = json(&dry);
    assert_eq!(answer["would_send"][0]["host"], receiver.host);
    assert_eq!(short(&answer["would_send"][0]["message"]), "rotate A");
    assert_eq!(answer["failed"][0]["code"], "no-destination");
    let table = notify(&repo, &at, "--since HEAD^ --dry-run --only deploy-bot");
    assert!(table.stdout().contains("rotate"), "{table}");
    assert_eq!(receiver.got().len(), 2, "a dry run sent something");
    let short = at.replace(SECRET, "short");
    let outcome = notify(&repo, &short, "--since HEAD^ --only deploy-bot");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stderr.contains("shorter than 24 bytes"),
        "{outcome}"
    );

    let clash = with_tables("[notify.a-b]\n[notify.a_b]\n");
    let outcome = notify(&clash, "", "--since HEAD");
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert!(outcome.stderr.contains("MVX_NOTIFY_A_B_URL"), "{outcome}");
    let outcome = notify(&super::repo(), "", "--since HEAD");
    assert_eq!(outcome.code(), Some(3), "{outcome}");
}

#[test]
fn the_users_own_settings_name_places_too() {
    let (repo, receiver) = (repo(), Receiver::new(&[]));
    rotate(&repo, "A");
    let settings = repo.home(".config/mvx/config.toml");
    let text = format!(
        "[notify.deploy-bot]\nurl = \"{}\"\nsecret = \"{SECRET}\"\n",
        receiver.url()
    );
    fs::write(&settings, text).unwrap();
    let outcome = notify(
        &repo,
        "chmod 644 ~/.config/mvx/config.toml;",
        "--since HEAD^",
    );
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(
        outcome.stderr.contains("others on this machine"),
        "{outcome}"
    );
    let outcome = notify(
        &repo,
        "chmod 600 ~/.config/mvx/config.toml;",
        "--since HEAD^",
    );
    assert!(!outcome.stderr.contains("others on"), "{outcome}");
    // The environment comes first.
    let second = Receiver::new(&[]);
    let outcome = notify(&repo, &bot(&second.url()), "--since HEAD^");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!((receiver.got().len(), second.got().len()), (2, 1));
}

#[test]
fn each_hears_of_what_it_asked_for() {
    let repo = with_tables(
        "[[secrets]]\nmatch = \"B\"\nconsumers = [\"jobs\"]\n\
         [notify.all]\n[notify.jobs]\nconsumers = [\"jobs\"]\n\
         [notify.gone]\nevents = [\"delete\"]\nconsumers = [\"backend\"]\n",
    );
    let (all, jobs, gone) = (
        Receiver::new(&[]),
        Receiver::new(&[]),
        Receiver::new(&["500 No", "500 No"]),
    );
    rotate(&repo, "A");
    rotate(&repo, "B");
    done(&repo, &format!("mvx rekey -q --yes {FILE}"));
    done(&repo, &format!("mvx delete -q {FILE} A"));
    done(&repo, &format!("mvx mv {FILE} B moved"));
    repo.commit();
    let at = [("ALL", &all), ("JOBS", &jobs), ("GONE", &gone)]
        .map(|(name, to)| set(name, &to.url()))
        .concat();
    let outcome = notify(&repo, &at, "--since HEAD~3 --tries 2");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stderr.contains("answers 500 (tried 2 times)"),
        "{outcome}"
    );
    let mut heard = all.heard(KEY);
    heard[..2].sort();
    let expected = ["rotate A", "rotate B", "rekey A B l[0] l[1] l[2]"];
    assert_eq!(heard[..3], expected);
    assert_eq!(heard.len(), 5);
    // Who uses it hears of its new name, by which no policy knows it.
    assert_eq!(jobs.heard(KEY), ["rotate B", "rekey B", "move moved"]);
    assert_eq!(gone.heard(KEY), ["delete A", "delete A"]);
}

#[test]
fn an_emergency_is_told_at_once() {
    let (repo, receiver) = (repo(), Receiver::new(&[]));
    let rotate = format!("mvx rotate {FILE} A --generate hex:16 --reason leak --notify-now");
    // Before anything is changed, it is clear who will be told.
    let before = repo.read(FILE);
    let outcome = repo.shell(&rotate);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stderr.contains("MVX_NOTIFY_DEPLOY_BOT_URL"),
        "{outcome}"
    );
    assert_eq!(repo.read(FILE), before);

    let at = bot(&receiver.url());
    let outcome = repo.shell(&format!("{at} {rotate}"));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(receiver.heard(KEY), ["rotate A"]);
    assert_eq!(receiver.told(KEY)[0]["reason"], "leak");
    assert_eq!(receiver.told(KEY)[0]["secrets"][0]["version"], 2);
    let outcome = repo.shell(&format!("{at} mvx delete {FILE} 'l[0]' --notify-now"));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let heard = receiver.heard(KEY);
    assert!(heard.contains(&"delete l[0]".to_owned()), "{heard:?}");
    // Merged, it is told once more, under the same id.
    repo.commit();
    let outcome = notify(&repo, &at, "--since HEAD^");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let ids = |told: &[Value]| {
        let mut ids: Vec<String> = told.iter().map(|one| one["id"].to_string()).collect();
        ids.sort();
        ids
    };
    let told = receiver.told(KEY);
    assert_eq!(ids(&told[..heard.len()]), ids(&told[heard.len()..]));
    let deaf = with_tables("[notify.jobs]\nconsumers = [\"jobs\"]\n");
    let outcome = deaf.shell(&rotate);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stderr.contains("nobody is told"), "{outcome}");
}

#[test]
fn a_dead_endpoint_never_loses_a_rotation() {
    let repo = repo();
    let dead = Receiver::new(&["410 Gone"]);
    let at = bot(&dead.url());
    let line = format!("{at} mvx rotate {FILE} A --from-file new --notify-now");
    repo.write("new", "quite-new");
    let outcome = repo.shell(&line);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let (done, failed) = outcome.stderr.split_once("mvx: error: ").unwrap();
    assert!(done.contains("`A` was rotated to version 2"), "{outcome}");
    assert!(failed.starts_with("deploy-bot: 127.0.0.1:"), "{outcome}");
    assert!(
        failed.contains("nobody listens there any more"),
        "{outcome}"
    );
    assert!(repo.plaintext(FILE).contains("quite-new"));
    assert_eq!(super::findings(&repo, ""), [""; 0]);
    is_discreet(&outcome);
    // What it says can be typed.
    let (_, again) = failed.split_once("`mvx notify ").unwrap();
    let (again, _) = again.split_once('`').unwrap();
    assert!(again.starts_with("--event ") && again.ends_with(" --only deploy-bot"));
    let alive = Receiver::new(&[]);
    let outcome = notify(&repo, &bot(&alive.url()), again);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(alive.told(KEY), dead.told(KEY));
    let outcome = notify(&repo, &at, "--event 0000000000000000000000000000");
    assert_eq!(outcome.code(), Some(1), "{outcome}");

    repo.write("new", "still-newer");
    let outcome = repo.shell(&line.replace("mvx rotate", "mvx --json rotate"));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let outcome = repo.shell(&format!("{at} mvx --json delete {FILE} B --notify-now"));
    let answer = json(&outcome);
    assert_eq!(answer["notified"]["sent"][0]["action"], "delete");

    // Nobody is there at all.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tokenInPath", gone.local_addr().unwrap());
    drop(gone);
    repo.commit();
    let outcome = notify(&repo, &bot(&url), "--since HEAD^ --tries 2 --json");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let failed = &json(&outcome)["failed"][0];
    assert_eq!(failed["not_told"].as_array().unwrap().len(), 3, "{failed}");
    assert_eq!(failed["code"], "not-delivered");
    assert!(
        outcome
            .stderr
            .contains("connection refused (tried 2 times)")
    );
    is_discreet(&outcome);
}

#[test]
fn a_program_that_is_started_does_not_get_the_secret() {
    let (repo, receiver) = (repo(), Receiver::new(&[]));
    let at = bot(&receiver.url());
    let line = format!("{at} mvx rotate -q {FILE} A --command 'env > ../seen; echo new'");
    done(&repo, &line);
    assert!(!repo.read("../seen").contains("MVX_NOTIFY"));
}

/// The specification's own library believes what mvx sends, and nothing else.
#[test]
fn another_implementation_verifies_it() {
    let script = "import sys, json, base64\nfrom standardwebhooks.webhooks import Webhook\n\
        message = json.load(sys.stdin)\nhook = Webhook(message['secret'])\nbody = base64.b64decode(message['body'])\n\
        print(hook.verify(body, message['headers'])['id'])\n";
    let Some(python) = peer("python", &["-c", "import standardwebhooks"]) else {
        return;
    };
    let (repo, receiver) = (repo(), Receiver::new(&[]));
    rotate(&repo, "A");
    let code = |key: &str| format!("whsec_{}", BASE64_STANDARD.encode(key));
    let coded = code("invented for a test, 32 bytes!!!");
    let coded = coded.as_str();
    let at = bot(&receiver.url()).replace(SECRET, coded);
    let outcome = notify(&repo, &at, "--since HEAD^");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    // While one secret takes the place of another, both verify.
    let at = bot(&receiver.url()).replace(SECRET, &format!("{SECRET}-the-new-one {coded}"));
    let outcome = notify(&repo, &at, "--since HEAD^");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let verify = |message: &Message, secret: &str| {
        let headers: serde_json::Map<String, Value> = message
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let body = BASE64_STANDARD.encode(&message.body);
        let input = serde_json::json!({ "secret": secret, "headers": headers, "body": body });
        let run = repo.sandbox.run(&python, ["-c", script]);
        run.stdin(input.to_string()).outcome()
    };
    for message in receiver.got() {
        let outcome = verify(&message, coded);
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert_eq!(outcome.stdout().trim(), message.header("webhook-id"));
        let outcome = verify(&message, &code("another invented key of 32 bytes"));
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(
            outcome.stderr.contains("No matching signature"),
            "{outcome}"
        );
        let mut changed = message.clone();
        changed.body.insert(0, b' ');
        assert_eq!(verify(&changed, coded).code(), Some(1));
    }
}
