use super::super::{Origin, Rules, RulesError};
use crate::sops::select::Selector;

const AGE: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
const FP: &str = "85D77543B3D624B63CEA9E6DBC17301B491B3F21";

fn load(text: &str) -> Result<Rules, RulesError> {
    Rules::load(text, Origin::new("/repo/.sops.yaml"))
}

#[test]
fn every_field_of_a_creation_rule_is_honoured() {
    let rules = load(&format!(
        "
creation_rules:
  - path_regex: ^secrets/prod/.*\\.yaml$
    age: >-
      {AGE},
      ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIInvented
    pgp: [{FP}]
    kms: arn:aws:kms:eu-west-1:111122223333:key/1+arn:aws:iam::111122223333:role/r, arn:aws:kms:eu-west-1:111122223333:key/2,
    aws_profile: prod
    gcp_kms: projects/p/locations/global/keyRings/r/cryptoKeys/k
    hckms: [eu-1:0123]
    azure_keyvault: https://v.vault.azure.net/keys/k/1
    hc_vault_transit_uri: https://vault:8200/v1/transit/keys/k
    encrypted_regex: ^(data|stringData)$
    mac_only_encrypted: yes
  - age: {AGE}
"
    ))
    .unwrap();
    let prod = rules.policy("secrets/prod/a.yaml").unwrap();
    assert_eq!(
        prod.selector,
        Selector::new("encrypted_regex", "^(data|stringData)$").unwrap()
    );
    assert!(prod.mac_only_encrypted);
    assert_eq!((prod.threshold, prod.source.line), (None, 3));
    let kinds: Vec<_> = prod
        .recipients()
        .map(|key| (key.kind.field(), key.line))
        .collect();
    assert_eq!(
        kinds,
        [
            ("age", 5),
            ("ssh", 5),
            ("pgp", 7),
            ("aws_kms", 8),
            ("aws_kms", 8),
            ("gcp_kms", 10),
            ("hckms", 11),
            ("azure_kv", 12),
            ("vault", 13),
        ]
    );
    let first = &prod.groups[0][3];
    assert_eq!(first.value, "arn:aws:kms:eu-west-1:111122223333:key/1");
    assert_eq!(
        first.extras.role.as_deref(),
        Some("arn:aws:iam::111122223333:role/r")
    );
    assert_eq!(first.extras.profile.as_deref(), Some("prod"));
    let other = rules.policy("anything/else.json").unwrap();
    assert_eq!(
        (other.selector, other.source.line),
        (Selector::default(), 16)
    );
}

#[test]
fn key_groups_merge_and_anchors_work() {
    let rules = load(&format!(
        "
keys:
  - &ana {AGE}
  - &ops {FP}
creation_rules:
  - path_regex: x
    shamir_threshold: 2
    pgp: {FP}
    key_groups:
      - age: [*ana]
        merge:
          - pgp: [*ops]
          - age: [*ana]
            kms:
              - arn: arn:aws:kms:eu-west-1:111122223333:key/1
                role: arn:aws:iam::111122223333:role/r
                context: {{app: shop}}
                aws_profile: \"\"
      - gcp_kms: [{{resource_id: projects/p/locations/l/keyRings/r/cryptoKeys/k}}]
        azure_keyvault: [{{vaultUrl: https://v.vault.azure.net/, key: k, version: '1'}}]
        hc_vault: [https://vault/v1/transit/keys/k]
        hckms: [{{key_id: eu-1:0123}}]
"
    ))
    .unwrap();
    let policy = rules.policy("x").unwrap();
    assert_eq!(policy.threshold, Some(2));
    let groups: Vec<Vec<_>> = policy
        .groups
        .iter()
        .map(|group| group.iter().map(|key| key.kind.field()).collect())
        .collect();
    assert_eq!(
        groups,
        [
            vec!["pgp", "age", "aws_kms"],
            vec!["gcp_kms", "hckms", "azure_kv", "vault"]
        ]
    );
    let kms = &policy.groups[0][2];
    assert_eq!(kms.extras.context, [("app".into(), "shop".into())]);
    assert_eq!(kms.extras.profile, None);
    assert_eq!(
        policy.groups[1][2].value,
        "https://v.vault.azure.net/keys/k/1"
    );
    assert_eq!(
        rules.warnings()[0].to_string(),
        "line 8: `pgp` is not used: sops ignores it beside `key_groups`"
    );
}

#[test]
fn what_is_for_sops_alone_is_checked_and_set_aside() {
    let rules = load(
        "
destination_rules:
  - s3_bucket: b
    path_regex: x
    omit_extensions: true
    recreation_rule: {pgp: ABCDEF0123456789}
  - vault_path: p
    vault_address: https://v
    vault_kv_version: 2
stores:
  yaml: {indent: 2}
  json: {indent: -1}
  dotenv:
",
    )
    .unwrap();
    assert_eq!(rules.warnings().len(), 2);
    assert!(rules.policy("x").is_err());
    assert!(load("").unwrap().policy("x").is_err());
}

#[test]
fn a_placeholder_elsewhere_does_not_matter() {
    let rules = load(&format!(
        "creation_rules:\n  - path_regex: ^a$\n    age: {AGE}\n  - path_regex: ^b$\n    age: TODO\n  - encrypted_suffix: x\n"
    ))
    .unwrap();
    assert!(rules.policy("a").is_ok());
    assert_eq!(
        rules.policy("b").unwrap_err().to_string(),
        "line 5: `age` is not an age recipient (`age1…`)"
    );
    assert_eq!(
        rules.policy("c").unwrap_err().to_string(),
        "line 6: this rule names nobody who could open its files"
    );
}

#[test]
fn paths_elsewhere_are_compared_whole_as_sops_does() {
    let rules = load(&format!(
        "creation_rules: [{{path_regex: ^/tmp/, age: {AGE}}}]"
    ))
    .unwrap();
    assert!(rules.covers("/tmp/a.yaml").unwrap());
    let error = rules.policy("tmp/a.yaml").unwrap_err();
    assert_eq!(error.to_string(), "no rule of .sops.yaml covers tmp/a.yaml");
}

#[test]
fn mistakes_name_their_line() {
    for (text, expected) in [
        ("creation_rules: [", "line 1: unclosed bracket '['"),
        ("a: 1\na: 2", "line 2: duplicate mapping key: a"),
        (
            "creation_rules: []\n---\nx: 1\n",
            "line 3: multiple YAML documents detected",
        ),
        ("- x", "line 1: the file is a list; it must be a table"),
        (
            "creation_rule:\n  - age: x\n",
            "line 1: unknown field `creation_rule` at the top; did you mean `creation_rules`?",
        ),
        (
            "keys:\n  - plain # no &anchor\n",
            "line 1: unknown field `keys` at the top",
        ),
        (
            "creation_rules: x",
            "line 1: `creation_rules` is text; it must be a list",
        ),
        (
            "creation_rules:\n  - x\n",
            "line 2: a creation rule is text; it must be a table",
        ),
        (
            "creation_rules:\n  - path_regex: x\n    encrypted-regex: y\n",
            "line 3: unknown field `encrypted-regex` in a creation rule; did you mean `encrypted_regex`?",
        ),
        (
            "creation_rules:\n  - path_regex: '*.yaml'\n",
            "line 2: `path_regex` is not a regex that sops understands: character 1: `*` has nothing to repeat",
        ),
        (
            "creation_rules:\n  - path_regex: x$y\n",
            "line 2: `path_regex` can match nothing",
        ),
        (
            "creation_rules:\n  - path_regex: x\n    encrypted_regex: (a\n",
            "line 3: `encrypted_regex` is not a regex that sops understands: character 1: this `(` is not closed",
        ),
        (
            "creation_rules:\n  - encrypted_suffix: ''\n",
            "line 2: `encrypted_suffix` is empty",
        ),
        (
            "creation_rules:\n  - encrypted_suffix: a\n    encrypted_regex: a\n",
            "line 3: `encrypted_regex` stands beside `encrypted_suffix` (line 2); give one of them",
        ),
        (
            "creation_rules:\n  - unencrypted_regex: .*\n",
            "line 2: `unencrypted_regex` matches every key, so nothing would be encrypted",
        ),
        (
            "creation_rules:\n  - age: 5\n",
            "line 2: `age` is an integer; it must be text, or a list of texts",
        ),
        (
            "creation_rules:\n  - mac_only_encrypted: maybe\n",
            "line 2: `mac_only_encrypted` is text; it must be true or false",
        ),
        (
            "creation_rules:\n  - shamir_threshold: 3\n    key_groups:\n      - age: [a]\n      - age: [b]\n",
            "line 2: a threshold of 3 is impossible with 2 key groups",
        ),
        (
            "creation_rules:\n  - key_groups:\n      - agee: [a]\n",
            "line 3: unknown field `agee` in a key group; did you mean `age`?",
        ),
        (
            "creation_rules:\n  - key_groups:\n      - kms:\n          - role: r\n",
            "line 4: a KMS key has no `arn`",
        ),
        (
            "destination_rules:\n  - s3_bucket: a\n    gcs_bucket: b\n",
            "line 3: `gcs_bucket` stands beside `s3_bucket` (line 2); give one of them",
        ),
        (
            "destination_rules:\n  - recreation_rule: {aeg: x}\n",
            "line 2: unknown field `aeg` in a creation rule; did you mean `age`?",
        ),
        (
            "stores:\n  yaml: {indnt: 2}\n",
            "line 2: unknown field `indnt` in stores.yaml; did you mean `indent`?",
        ),
    ] {
        let error = load(text).map(|_| "no error").unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}
