use super::super::{Origin, Rules, RulesError};
use super::*;

const ANA: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
const BOB: &str = "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq";
const FP: &str = "85D77543B3D624B63CEA9E6DBC17301B491B3F21";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-invented";
const ROLE: &str = "arn:aws:iam::111122223333:role/r";

const PATHS: &[&str] = &[
    "a.yaml",
    ".env",
    "secrets/prod/a.yaml",
    "secrets/prod/deep/er/a.enc.json",
    "secrets/dev/a.yaml",
    "k8s/app.secret.yaml",
    "k8s/.hidden/app.secret.yaml",
    "with space/ü.yaml",
    "two\nlines/a.yaml",
    ".sops.yaml",
    ".mvx/ledger/x.toml",
];

/// Translates, and checks that the result says of all paths what the original says.
fn same(text: &str) -> Translation {
    let translation = translate(text).unwrap();
    let old = Rules::load(text, Origin::new("/repo/.sops.yaml")).unwrap();
    let new = Rules::load(&translation.text, Origin::new("/repo/.sops-rules.toml"));
    let new = new.unwrap_or_else(|error| panic!("{error}\n{}", translation.text));
    for path in PATHS {
        assert!(
            agree(&old, &new, path),
            "{path}: {:?} is not {:?} in\n{}",
            old.policy(path),
            new.policy(path),
            translation.text
        );
    }
    translation
}

#[test]
fn a_usual_file_becomes_one_that_reads_well() {
    let text = format!(
        "\
keys:
  - &ana {ANA}
  - &bob {BOB}
creation_rules:
  # production is for the two of them
  - path_regex: ^secrets/prod/.*
    key_groups:
      - age: [*ana, *bob]
  - path_regex: \\.secret\\.yaml$
    encrypted_regex: ^(data|stringData)$
    mac_only_encrypted: true
    age: {ANA},{BOB}
  - age: {ANA}
"
    );
    insta::assert_snapshot!(same(&text).text, @r###"
    # Who opens which secret files of this repository: mvx's rules, translated from .sops.yaml.
    # `mvx ls` shows what they come to.

    version = 1

    [recipients.ana]
    age = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"

    [recipients.bob]
    age = "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq"

    [groups]
    team = ["ana", "bob"]

    # production is for the two of them
    [[files]]
    path_regex = "^secrets/prod/.*"
    recipients = ["team"]

    [[files]]
    path_regex = '\.secret\.yaml$'
    recipients = ["team"]
    encrypted_regex = "^(data|stringData)$"
    mac_only_encrypted = true

    [[files]]
    path = "**"
    recipients = ["ana"]
    "###);
}

#[test]
fn every_kind_of_key_and_every_selector_is_carried() {
    for selector in [
        "unencrypted_suffix: _plain",
        "encrypted_suffix: _secret",
        "unencrypted_regex: ^clear",
        "encrypted_regex: '\"quoted\" \\w'",
        "unencrypted_comment_regex: public",
        "encrypted_comment_regex: secret",
    ] {
        let translation = same(&format!(
            "
creation_rules:
  - path_regex: prod
    {selector}
    shamir_threshold: 2
    key_groups:
      - age: [{ANA}]
        pgp: ['85D7 7543 B3D6 24B6 3CEA  9E6D BC17 301B 491B 3F21']
      - kms:
          - arn: {KEY}
            role: {ROLE}
            context: {{app: shop, \"odd key\": \"odd \\\"value\"}}
            aws_profile: prod
        gcp_kms: [{{resource_id: projects/p/locations/l/keyRings/r/cryptoKeys/k}}]
      - azure_keyvault: [{{vaultUrl: https://v.vault.azure.net/, key: k, version: '1'}}]
        hc_vault: [https://vault/v1/transit/keys/t]
  - path_regex: dev
    age: {BOB}
    kms: {KEY}+{ROLE}, {KEY}
"
        ));
        assert_eq!((translation.recipients, translation.rules), (9, 2));
        assert!(translation.text.contains("threshold = 2"));
        assert_eq!(translation.lost, [""; 0]);
    }
}

#[test]
fn names_come_from_anchors_comments_and_the_keys_themselves() {
    let text = format!(
        "
keys:
  - &admin_ana {ANA}
  # Bob
  - {BOB}
anchored: &x 1
creation_rules:
  - age: >-
      {ANA}
    pgp: {FP} # ops team
    kms: {KEY}
    hc_vault_transit_uri: https://vault/v1/transit/keys/app
  - path_regex: x
    age:
      - {BOB}
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIInvented carla@laptop
"
    );
    let rules = Rules::load(&same(&text).text, Origin::new(RULES_FILE)).unwrap();
    let names: Vec<&str> = rules
        .recipients()
        .iter()
        .map(RecipientSpec::display_name)
        .collect();
    assert_eq!(
        names,
        [
            "admin_ana",
            "ops-team",
            "kms-invented",
            "app",
            "Bob",
            "carla@laptop"
        ]
    );
}

#[test]
fn one_ssh_key_under_two_comments_is_one_recipient() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIInvented";
    let text = format!(
        "
creation_rules:
  - path_regex: prod
    age: [{key} carla@laptop, {ANA}]
  - age: [{key} carla@desk, {ANA}]
"
    );
    assert_eq!(same(&text).recipients, 2);
}

#[test]
fn what_is_left_out_is_said() {
    let text = format!(
        "
creation_rules:
  - path_regex: prod
    age: {ANA}
    hckms: [eu-1:0123]
  - path_regex: dev
    pgp: {FP}
    key_groups:
      - age: [{ANA}]
  - path_regex: prod
    age: {BOB}
destination_rules:
  - s3_bucket: b
stores:
  yaml:
    indent: 2
"
    );
    let translation = translate(&text).unwrap();
    assert_eq!(
        translation.lost,
        [
            "line 13: `destination_rules` is not used: mvx does not publish",
            "line 5: mvx's rules have no Huawei Cloud keys",
        ]
    );
    assert_eq!(
        translation.unneeded,
        [
            "line 7: `pgp` is not used: sops ignores it beside `key_groups`",
            "line 10: the rule never matched: line 3 has the same pattern",
            "line 14: `stores` is not needed: files keep their own indentation",
        ]
    );
    let rules = Rules::load(&translation.text, Origin::new(RULES_FILE)).unwrap();
    assert_eq!(rules.policy("prod/a").unwrap().recipients().count(), 1);
    assert!(!translation.text.contains(BOB));
}

#[test]
fn what_mvx_refuses_is_an_error_with_the_line_it_stands_on() {
    let refused = |rules: &str| {
        translate(&format!("creation_rules:\n{rules}"))
            .err()
            .unwrap()
    };
    let nobody = refused("  - path_regex: x\n");
    assert!(matches!(nobody, RulesError::Nobody { line: 2 }), "{nobody}");
    let huawei = refused("  - hckms: [eu-1:0123]\n");
    assert!(matches!(huawei, RulesError::Nobody { line: 2 }), "{huawei}");
    let twice = refused(&format!(
        "  - path_regex: x\n    key_groups:\n      - age: [{ANA}]\n      - age: [{ANA}]\n"
    ));
    assert!(
        matches!(twice, RulesError::TwoGroups { line: 2, .. }),
        "{twice}"
    );
    let bad = refused("  - path_regex: x\n    age: age1-to-be-filled-in\n");
    assert!(matches!(bad, RulesError::BadKey { line: 3, .. }), "{bad}");
}
