//! `.sops-rules.toml` from the outside: what it means.

mod mistakes;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::error::{Exit, Explain};
use crate::sops::select::Selector;

const ANA: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

/// The example of the design, with keys that could be some.
const EXAMPLE: &str = r#"
version = 1

[recipients.ana]                 # a name for each who can open files: the access register
age = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"
owner = "ana@example.com"
[recipients.contractor]
ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIInvented contractor@example.com"
expires = 2027-01-31             # time-limited access
[recipients.prod-kms]
aws_kms = "arn:aws:kms:eu-west-1:111122223333:key/0f7a3b1e"

[groups]
dev  = ["ana", "contractor"]
prod = ["ana", "prod-kms"]

[[files]]                        # first match wins
path = "secrets/dev/**"
environment = "dev"
recipients = ["dev"]
[[files]]
path = "secrets/staging/**"
environment = "staging"
recipients = ["dev"]
[[files]]
path = "secrets/prod/**"
environment = "prod"
key_groups = [["ana"], ["prod-kms"]]
threshold = 2
encrypted_regex = "^(data|stringData)$"
mac_only_encrypted = true
rotate_after = "staging"         # a secret is rotated there first

[[secrets]]                      # rotation policy; all matching tables apply, later ones win
match = "STRIPE_*"
rotate_every = "90d"
grace = "24h"
owner = "Payments Team"
criticality = "critical"
consumers = ["backend", "stripe-webhook"]
[[secrets]]
match = "*"
environment = "dev"
rotate_every = "12w"

[env.local]                      # what `mvx env sync` renders
output = ".env.local"
example = ".env.example"
files = ["secrets/dev/*.enc.yaml"]

[scan]                           # allowlists, extra rules, baseline path
baseline = ".mvx-baseline"
[notify.deploy-bot]              # signed webhooks on rotation and deletion
events = ["rotate", "delete"]
"#;

fn load(text: &str) -> Result<Rules, RulesError> {
    Rules::load(text, Origin::new("/repo/.sops-rules.toml"))
}

#[test]
fn the_designs_example_means_what_it_says() {
    let rules = load(EXAMPLE).unwrap();
    assert_eq!(rules.warnings(), []);
    assert_eq!(rules.environments(), ["dev", "staging", "prod"]);
    assert_eq!(rules.directory(), Path::new("/repo"));

    let dev = rules.policy("secrets/dev/db.enc.yaml").unwrap();
    assert_eq!(dev.environment.as_deref(), Some("dev"));
    assert_eq!(dev.selector, Selector::default());
    assert_eq!(
        (dev.source.line, dev.source.pattern.as_str()),
        (17, "secrets/dev/**")
    );
    let names: Vec<_> = dev.recipients().map(RecipientSpec::display_name).collect();
    assert_eq!(names, ["ana", "contractor"]);
    let [group] = dev.groups.as_slice() else {
        panic!("one group")
    };
    assert_eq!(group[0].value, ANA);
    assert_eq!(group[1].expires, Some(jiff::civil::date(2027, 1, 31)));

    let prod = rules.policy("secrets/prod/stripe.enc.yaml").unwrap();
    assert_eq!((prod.groups.len(), prod.threshold), (2, Some(2)));
    assert_eq!(prod.selector.field(), "encrypted_regex");
    assert!(prod.mac_only_encrypted && !prod.seal_required);
    assert_eq!(prod.rotate_after.as_deref(), Some("staging"));
    assert_eq!(prod.groups[1][0].kind, RecipientKind::AwsKms);

    let key = KeyPath::parse("STRIPE_KEY").unwrap();
    let policy = rules.secret_policy("secrets/dev/a.yaml", Some("dev"), &key);
    assert_eq!(policy.rotate_every, Some(Duration::from_hours(12 * 7 * 24)));
    assert_eq!(policy.grace, Some(Duration::from_hours(24)));
    assert_eq!(policy.criticality, Some(Criticality::Critical));
    assert_eq!(policy.lines, [34, 41]);

    assert_eq!(rules.profiles()[0].output.as_deref(), Some(".env.local"));
    assert_eq!(rules.scan().baseline.as_deref(), Some(".mvx-baseline"));
    assert_eq!(
        rules.notify()[0].events.as_deref(),
        Some(&["rotate", "delete"][..])
    );
}

#[test]
fn the_first_rule_that_matches_counts_and_can_be_explained() {
    let rules = load(&format!(
        "version = 1\nseal = \"required\"\nrecipients.ana.age = \"{ANA}\"\n{}",
        r#"
[[files]]
path_regex = "^secrets/.*[.]json$"
recipients = ["ana"]
format = "binary"
[[files]]
path = "secrets/"
recipients = ["ana"]
"#
    ))
    .unwrap();
    let json = rules.policy("secrets/a.json").unwrap();
    assert_eq!(json.format, Some(FileFormat::Binary));
    assert!(json.seal_required);
    assert_eq!(rules.policy("secrets/a.yaml").unwrap().format, None);
    let considered = |name: &str| -> Vec<(usize, bool)> {
        let considered = rules.explain(name).unwrap();
        considered
            .iter()
            .map(|rule| (rule.line, rule.matched))
            .collect()
    };
    assert_eq!(considered("secrets/a.json"), [(5, true)]);
    assert_eq!(considered("secrets/a.yaml"), [(5, false), (9, true)]);
    assert_eq!(considered("a.yaml"), [(5, false), (9, false)]);
    assert!(rules.covers("secrets/x/a.yaml").unwrap());
    assert!(!rules.covers("a.yaml").unwrap());
}

#[test]
fn reserved_files_are_never_covered() {
    let rules = load(&minimal("path = \"**\"\nrecipients = [\"ana\"]")).unwrap();
    assert!(rules.covers("a/b.yaml").unwrap());
    for name in [
        ".mvx/previous/a.yaml",
        "services/.mvx/x",
        ".git/config",
        ".sops-rules.toml",
        "services/.sops.yaml",
    ] {
        assert!(!rules.covers(name).unwrap(), "{name}");
        assert_eq!(
            rules.policy(name).unwrap_err().to_string(),
            format!(
                "{name} is never a secret file: no rule covers `.mvx/`, `.git/` or the rules themselves"
            )
        );
    }
    assert!(!rules.covers("/elsewhere/a.yaml").unwrap());
}

#[test]
fn a_file_without_a_rule_is_answered_with_the_rule() {
    let rules = load(&minimal("path = \"secrets/**\"\nrecipients = [\"ana\"]")).unwrap();
    let error = rules.policy("infra/tls/a\"b.yaml").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no rule of .sops-rules.toml covers infra/tls/a\"b.yaml"
    );
    assert_eq!((error.exit(), error.code()), (Exit::RULES, "no-rule"));
    let hints = error.hints();
    let table = hints[0].split_once("\n\n").unwrap().1;
    assert_eq!(
        table,
        "[[files]]\npath = \"infra/tls/**\"\nrecipients = [\"ana\"]\n"
    );
    let mended = format!(
        "{}\n{table}",
        minimal("path = \"s\"\nrecipients = [\"ana\"]")
    );
    assert!(
        load(&mended)
            .unwrap()
            .covers("infra/tls/a\"b.yaml")
            .unwrap()
    );

    let hint = rules.policy("it's.env").unwrap_err().hints().remove(0);
    assert!(hint.contains("path = \"/it's.env\""), "{hint}");
}

#[test]
fn paths_are_named_from_the_rules_directory() {
    let rules = load("version = 1").unwrap();
    for (path, name) in [
        ("/repo/secrets/a.yaml", "secrets/a.yaml"),
        ("/repo/a", "a"),
        ("/repository/a", "/repository/a"),
        ("/tmp/x/a", "/tmp/x/a"),
    ] {
        assert_eq!(rules.name_of(Path::new(path)), name);
    }
}

#[test]
fn groups_may_hold_groups() {
    let rules = load(&format!(
        "{}{}",
        minimal("path = \"a\"\nrecipients = [\"all\", \"bob\"]"),
        r#"
[recipients.bob]
pgp = "85D7 7543 B3D6 24B6 3CEA 9E6D BC17 301B 491B 3F21"
[groups]
all = ["inner", "ana"]
inner = ["bob", "ana"]
"#
    ))
    .unwrap();
    let policy = rules.policy("a").unwrap();
    let names: Vec<_> = policy
        .recipients()
        .map(RecipientSpec::display_name)
        .collect();
    assert_eq!(names, ["bob", "ana"]);
    assert_eq!(
        policy.groups[0][0].value,
        "85D77543B3D624B63CEA9E6DBC17301B491B3F21"
    );
}

#[test]
fn every_field_of_every_table_is_read() {
    let rules = load(&format!(
        "{}{}",
        minimal("path = \"a\"\nenvironment = \"dev\"\nrecipients = [\"ana\"]"),
        r#"
[recipients.kms]
aws_kms = "arn:aws:kms:eu-west-1:111122223333:alias/mvx"
role = "arn:aws:iam::111122223333:role/mvx"
context = { app = "shop", stage = "prod" }
profile = "prod"
endpoint = "https://kms.example.com"

[[secrets]]
match = "db.*"
file = "secrets/**"
dual = true
grace = 0
keep_deleted = "30d"

[env.base]
files = ["secrets/clients/{client}/*.enc.yaml"]
default = true
include = ["APP_*"]
exclude = ["APP_DEBUG"]
prefix = "X_"
separator = "__"
case = "upper"
dialect = "compose"
format = "dotenv"
required = ["APP_KEY"]
dual = false
allow = ["PATH"]
[env.base.rename]
OLD = "NEW"
[env.base.defaults]
PORT = 3000
DEBUG = false
NAME = "shop"
[env.more]
extends = "base"

[scan]
disable = ["generic-api-key"]
fail_on = "medium"
[[scan.allow]]
reason = "invented"
paths = ["fixtures/**"]
regexes = ["^AKIAEXAMPLE"]
stopwords = ["example"]
rules = ["aws-access-key"]
expires = "2027-01-31"
[[scan.rules]]
id = "shop-token"
description = "a shop token"
regex = "shop_[0-9a-f]{32}"
path = "[.]env$"
keywords = ["shop_"]
entropy = 3.5
secret_group = 0
confidence = "high"
examples = ["shop_00000000000000000000000000000000"]
counterexamples = ["shop_"]

[notify.bot]
events = ["rotate"]
consumers = ["backend"]
"#
    ))
    .unwrap();
    let kms = &rules.recipients()[1];
    assert_eq!(
        kms.extras,
        Extras {
            role: Some("arn:aws:iam::111122223333:role/mvx".into()),
            context: vec![
                ("app".into(), "shop".into()),
                ("stage".into(), "prod".into())
            ],
            profile: Some("prod".into()),
            unbelieved_endpoint: Some("https://kms.example.com".into()),
        }
    );
    assert_eq!(
        rules.warnings()[0].to_string(),
        "line 8: the endpoint of `kms` is not used; endpoints come from the environment or your own configuration"
    );
    let key = KeyPath::parse("db.password").unwrap();
    let policy = rules.secret_policy("secrets/a", None, &key);
    assert_eq!(
        (policy.dual, policy.grace),
        (Some(true), Some(Duration::ZERO))
    );
    let base = &rules.profiles()[0];
    assert_eq!(base.scopes, ["client"]);
    assert_eq!(
        base.defaults,
        [("PORT", "3000"), ("DEBUG", "false"), ("NAME", "shop")].map(|(k, v)| (k.into(), v.into()))
    );
    assert_eq!(base.rename, [("OLD".into(), "NEW".into())]);
    assert_eq!(
        (base.case, base.dialect, base.format),
        (Some("upper"), Some("compose"), Some("dotenv"))
    );
    assert_eq!((base.dual, base.default), (Some(false), true));
    assert_eq!(rules.profiles()[1].extends.as_deref(), Some("base"));
    assert_eq!(rules.scan().rules[0].entropy, Some(3.5));
    assert_eq!(rules.scan().allow[0].stopwords, ["example"]);
}

/// A file with one recipient, `ana` (line 2), and one `[[files]]` table (line 3) with `fields`.
fn minimal(fields: &str) -> String {
    format!("version = 1\nrecipients.ana.age = \"{ANA}\"\n[[files]]\n{fields}\n")
}

#[test]
fn blanks_beside_a_bar_are_pointed_out() {
    let selector =
        "path = \"a\"\nrecipients = [\"ana\"]\nencrypted_regex = \"^(data | stringData)$\"";
    let rules = load(&minimal(selector)).unwrap();
    assert_eq!(
        rules.warnings()[0].to_string(),
        "line 6: the blanks beside `|` in `encrypted_regex` count: they must stand in the key too"
    );
}

#[test]
fn a_regex_too_large_to_be_used_is_an_error_where_it_is_used() {
    let rules = load(&minimal(
        "path_regex = '(\\pL{30}){30}'\nrecipients = [\"ana\"]",
    ))
    .unwrap();
    assert_eq!(
        rules.policy("a").unwrap_err().to_string(),
        "line 3: `path_regex` is not a regex that sops understands: the pattern is too large or nested too deep"
    );
}

#[test]
fn the_reference_shows_rules_that_can_be_used() {
    let reference = include_str!("../../docs/rules.md");
    let mut examples = 0;
    for block in reference.split("```toml\n").skip(1) {
        let example = block.split("```").next().unwrap();
        load(example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        examples += 1;
    }
    assert!(examples > 0);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text: String) {
        drop(load(&text));
        drop(Rules::load(&text, Origin::new(".sops.yaml")));
    }

    #[test]
    fn a_cut_or_mixed_example_is_read_or_refused(
        from in 0..EXAMPLE.len(), to in 0..EXAMPLE.len(), byte in 0..128u8, name: String,
    ) {
        let mut text = EXAMPLE.as_bytes().to_vec();
        text[from] = byte;
        text.truncate(to.max(1));
        if let Ok(rules) = load(&String::from_utf8_lossy(&text)) {
            drop(rules.policy(&name));
            drop(rules.explain(&name));
        }
    }
}
