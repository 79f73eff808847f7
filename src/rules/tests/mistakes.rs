//! What each mistake in `.sops-rules.toml` is answered with, to the letter.

use super::{load, minimal};
use crate::error::{Exit, Explain};

fn message(text: &str) -> String {
    match load(text) {
        Ok(_) => "no error".into(),
        Err(error) => {
            assert_eq!(error.exit(), Exit::RULES);
            error.to_string()
        }
    }
}

const WHOLE: &[(&str, &str)] = &[
    ("", "line 1: the file has no `version = 1`"),
    (
        "version = 2",
        "line 1: version 2 of the rules is not known to this mvx",
    ),
    (
        "version = \"1\"",
        "line 1: `version` is text; it must be an integer",
    ),
    ("version = 1\nversion = 1", "line 2: duplicate key"),
    (
        "version = 1\n[recipients.a",
        "line 2: unclosed table, expected `]`",
    ),
    (
        "version = 1\nseal = \"requierd\"",
        "line 2: `seal` cannot be `requierd`; did you mean `required`?",
    ),
    (
        "version = 1\naudit = true",
        "line 2: `audit` is true or false; it must be text",
    ),
    (
        "version = 1\n\n[file]",
        "line 3: unknown field `file` at the top; did you mean `files`?",
    ),
    (
        "version = 1\n[zebra]",
        "line 2: unknown field `zebra` at the top",
    ),
    (
        "version = 1\n[files]",
        "line 2: `files` is a table; it must be a list of tables",
    ),
    (
        "version = 1\nfiles = [1]",
        "line 2: [[files]] is an integer; it must be a table",
    ),
    (
        "version = 1\nrecipients = 1",
        "line 2: `recipients` is an integer; it must be a table",
    ),
];

#[test]
fn mistakes_in_the_file_as_a_whole() {
    for (text, expected) in WHOLE {
        assert_eq!(message(text), *expected, "{text}");
    }
}

const RECIPIENTS: &[(&str, &str)] = &[
    (
        "[recipients.bob]",
        "line 2: [recipients.bob] has no key (`age`, `ssh`, `pgp`, `aws_kms`, `gcp_kms`, `azure_kv` or `vault`)",
    ),
    (
        "[recipients.bob]\nage = \"a\"",
        "line 3: `age` is not an age recipient (`age1…`)",
    ),
    (
        "[recipients.bob]\nssh = \"ssh-dss AAAA\"",
        "line 3: `ssh` is not an `ssh-ed25519 …` or `ssh-rsa …` public key",
    ),
    (
        "[recipients.bob]\nage = 1",
        "line 3: `age` is an integer; it must be text",
    ),
    (
        "[recipients.bob]\nage = \"AGE-SECRET-KEY-1INVENTED\"",
        "line 3: `age` holds a private key",
    ),
    (
        "[recipients.bob]\nvault = \"https://v/v1/transit/keys/k\"\npgp = \"0123456789abcdef\"",
        "line 4: recipient `bob` has two keys, `vault` and `pgp`",
    ),
    (
        "[recipients.bob]\nAge = \"x\"",
        "line 3: unknown field `Age` in [recipients.bob]; did you mean `age`?",
    ),
    (
        "[recipients.\"a b\"]\nage = \"x\"",
        "line 2: `a b` cannot be a name; names are letters, digits and `-_.@`",
    ),
    (
        "[recipients.bob]\npgp = \"0123456789abcdef\"\nrole = \"r\"",
        "line 4: `role` goes with `aws_kms` only",
    ),
    (
        "[recipients.bob]\npgp = \"0123456789abcdef\"\nexpires = \"31.1.2027\"",
        "line 4: `expires` is not a date such as 2027-01-31",
    ),
    (
        "[recipients.bob]\npgp = \"0123456789abcdef\"\nexpires = 2027-01-31T00:00:00Z",
        "line 4: `expires` is not a date such as 2027-01-31",
    ),
    (
        "[recipients.bob]\npgp = \"0123456789abcdef\"\nexpires = 2027-02-31",
        "line 4: invalid date, expected day between 01 and 28",
    ),
    (
        "[recipients.bob]\npgp = \"0123456789abcdef\"\nowner = \" \"",
        "line 4: `owner` is empty",
    ),
    (
        "[recipients.bob]\npgp = \"0123456789abcdef\"\n[recipients.bib]\npgp = \"0123456789abcdef\"",
        "line 4: the key of `bib` stands on line 2 already",
    ),
    (
        "[recipients.bob]\nssh = \"ssh-rsa AAAA bob\"\n[recipients.bib]\nssh = \"ssh-rsa AAAA bib\"",
        "line 4: the key of `bib` stands on line 2 already",
    ),
    (
        "[recipients.bob]\npgp = \"0123456789abcdef\"\n[groups]\nbob = [\"bob\"]",
        "line 5: the name `bob` stands on line 2 already",
    ),
    (
        "[recipients.bob]\npgp = \"0123456789abcdef\"\n[groups]\ndev = [\"bob\", \"bob\"]",
        "line 5: `bob` in `dev` stands on line 5 already",
    ),
    (
        "[recipients.bob]\npgp = \"0123456789abcdef\"\n[groups]\ndev = [\n\"bib\"]",
        "line 6: there is no recipient or group `bib`; did you mean `bob`?",
    ),
    ("[groups]\ndev = []", "line 3: group `dev` is empty"),
    (
        "[groups]\ndev = \"bob\"",
        "line 3: `dev` is text; it must be a list of texts",
    ),
    (
        "[groups]\na = [\"b\"]\nb = [\"c\"]\nc = [\"a\"]",
        "line 3: group `a` leads back to itself: a → b → c → a",
    ),
];

#[test]
fn mistakes_about_recipients_and_groups() {
    for (text, expected) in RECIPIENTS {
        assert_eq!(
            message(&format!("version = 1\n{text}")),
            *expected,
            "{text}"
        );
    }
}

const FILES: &[(&str, &str)] = &[
    ("", "line 3: [[files]] has no `path` or `path_regex`"),
    (
        "path = \"a\"",
        "line 3: [[files]] has no `recipients` or `key_groups`",
    ),
    (
        "path = \"a\"\nrecipiants = []",
        "line 5: unknown field `recipiants` in [[files]]; did you mean `recipients`?",
    ),
    (
        "path = \"a\"\nencrypted-regex = \"a\"",
        "line 5: unknown field `encrypted-regex` in [[files]]; did you mean `encrypted_regex`?",
    ),
    (
        "path = \"a\"\npath_regex = \"a\"",
        "line 5: `path_regex` stands beside `path` (line 4); give one of them",
    ),
    (
        "path = \"a\"\nrecipients = []",
        "line 5: `recipients` is empty",
    ),
    (
        "path = \"a\"\nrecipients = \"ana\"",
        "line 5: `recipients` is text; it must be a list of texts",
    ),
    (
        "path = \"a\"\nrecipients = [\"anna\"]",
        "line 5: there is no recipient or group `anna`; did you mean `ana`?",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\", \"ana\"]",
        "line 5: `ana` in `recipients` stands on line 5 already",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nkey_groups = [[\"ana\"]]",
        "line 6: `key_groups` stands beside `recipients` (line 5); give one of them",
    ),
    (
        "path = \"a\"\nkey_groups = []",
        "line 3: `key_groups` is empty",
    ),
    (
        "path = \"a\"\nkey_groups = [[]]",
        "line 5: a group in `key_groups` is empty",
    ),
    (
        "path = \"a\"\nkey_groups = [\"ana\"]",
        "line 5: `key_groups` is text; it must be a list of texts",
    ),
    (
        "path = \"a\"\nkey_groups = [[\"ana\"], [\"ana\"]]",
        "line 5: `ana` is in two key groups, so one key would count twice",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nthreshold = 2",
        "line 6: a threshold of 2 is impossible with one key group",
    ),
    (
        "path = \"a\"\nkey_groups = [[\"ana\"], [\"bob\"]]\nthreshold = 3",
        "line 6: a threshold of 3 is impossible with 2 key groups",
    ),
    (
        "path = \"a\"\nkey_groups = [[\"ana\"], [\"bob\"]]\nthreshold = 1",
        "line 6: a threshold of 1 is impossible with 2 key groups",
    ),
    (
        "path = \"a\"\nkey_groups = [[\"ana\"], [\"bob\"]]\nthreshold = -1",
        "line 6: a threshold of -1 is impossible with 2 key groups",
    ),
    (
        "path = \"./a\"\nrecipients = [\"ana\"]",
        "line 4: `path` is not a usable glob: `.` and `..` match nothing; paths begin at the directory of the rules",
    ),
    (
        "path = \"a[\"\nrecipients = [\"ana\"]",
        "line 4: `path` is not a usable glob: unclosed character class; missing ']'",
    ),
    (
        "path_regex = \"(\"\nrecipients = [\"ana\"]",
        "line 4: `path_regex` is not a regex that sops understands: character 1: this `(` is not closed",
    ),
    (
        "path_regex = \"*.yaml\"\nrecipients = [\"ana\"]",
        "line 4: `path_regex` is not a regex that sops understands: character 1: `*` has nothing to repeat",
    ),
    (
        "path_regex = \"a^b\"\nrecipients = [\"ana\"]",
        "line 4: `path_regex` can match nothing",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nencrypted_regex = \"a(\"",
        "line 6: `encrypted_regex` is not a regex that sops understands: character 2: this `(` is not closed",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nencrypted_regex = \"$a\"",
        "line 6: `encrypted_regex` can match nothing",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nencrypted_suffix = \"\"",
        "line 6: `encrypted_suffix` is empty",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nunencrypted_regex = \"a*\"",
        "line 6: `unencrypted_regex` matches every key, so nothing would be encrypted",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nencrypted_regex = \"a\"\nencrypted_suffix = \"a\"",
        "line 7: `encrypted_suffix` stands beside `encrypted_regex` (line 6); give one of them",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nmac_only_encrypted = \"yes\"",
        "line 6: `mac_only_encrypted` is text; it must be true or false",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nformat = \"yml\"",
        "line 6: `format` cannot be `yml`; did you mean `yaml`?",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nrotate_after = \"dev\"",
        "line 6: there is no environment `dev`",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\nenvironment = \"dev\"\nrotate_after = \"dev\"",
        "line 7: environment `dev` leads back to itself: dev → dev",
    ),
    (
        "path = \"a\"\nrecipients = [\"ana\"]\n[[files]]\npath = \"a\"\nrecipients = [\"ana\"]",
        "line 6: the path `a` stands on line 3 already",
    ),
];

#[test]
fn mistakes_about_files() {
    for (fields, expected) in FILES {
        let bob = "[recipients.bob]\npgp = \"0123456789abcdef\"\n";
        assert_eq!(
            message(&format!("{}{bob}", minimal(fields))),
            *expected,
            "{fields}"
        );
    }
}

const OTHERS: &[(&str, &str)] = &[
    ("[[secrets]]", "line 2: [[secrets]] has no `match`"),
    ("[[secrets]]\nmatch = \"\"", "line 3: `match` is empty"),
    (
        "[[secrets]]\nmatch = \"a\"\nrotate = \"1d\"",
        "line 4: unknown field `rotate` in [[secrets]]",
    ),
    (
        "[[secrets]]\nmatch = \"a\"\nrotate_every = \"90\"",
        "line 4: `rotate_every` is not a duration such as `90d`, `24h`, `12w` or `30m`",
    ),
    (
        "[[secrets]]\nmatch = \"a\"\nrotate_every = \"0d\"",
        "line 4: `rotate_every` is not a duration such as `90d`, `24h`, `12w` or `30m`",
    ),
    (
        "[[secrets]]\nmatch = \"a\"\ngrace = 24",
        "line 4: `grace` is not a duration such as `90d`, `24h`, `12w` or `30m`",
    ),
    (
        "[[secrets]]\nmatch = \"a\"\ncriticality = \"critcal\"",
        "line 4: `criticality` cannot be `critcal`; did you mean `critical`?",
    ),
    (
        "[[secrets]]\nmatch = \"a\"\nenvironment = \"prod\"",
        "line 4: there is no environment `prod`",
    ),
    (
        "[[secrets]]\nmatch = \"a\"\nfile = \"../a\"",
        "line 4: `file` is not a usable glob: `.` and `..` match nothing; paths begin at the directory of the rules",
    ),
    (
        "[[secrets]]\nmatch = \"a\"\nconsumers = [\"b\", \"b\"]",
        "line 4: `b` in `consumers` stands on line 4 already",
    ),
    (
        "[env.local]\noutput = \".env\"",
        "line 2: [env.local] has no `files` or `extends`",
    ),
    ("[env.local]\nfiles = []", "line 3: `files` is empty"),
    (
        "[env.local]\nfiles = [\"secrets/{a b}/*\"]",
        "line 3: `files` is not a usable glob: braces mean nothing in a glob of gitignore; give one glob for each, or a regex",
    ),
    (
        "[env.local]\nfiles = [\".mvx/**\"]",
        "line 3: `files` is not a usable glob: `.mvx/` is mvx's own and never covered",
    ),
    (
        "[env.local]\nfiles = [\"a\"]\noutput = \"../.env\"",
        "line 4: `output` must stay inside the work tree, outside `.git` and `.mvx`",
    ),
    (
        "[env.local]\nfiles = [\"a\"]\noutput = \".git/hooks/x\"",
        "line 4: `output` must stay inside the work tree, outside `.git` and `.mvx`",
    ),
    (
        "[env.local]\nfiles = [\"a\"]\noutput = \"/etc/environment\"",
        "line 4: `output` must stay inside the work tree, outside `.git` and `.mvx`",
    ),
    (
        "[env.local]\nfiles = [\"a\"]\ndialect = \"nod\"",
        "line 4: `dialect` cannot be `nod`; did you mean `node`?",
    ),
    (
        "[env.local]\nfiles = [\"a\"]\ndefaults = { A = [1] }",
        "line 4: `defaults.A` is a list; it must be text",
    ),
    (
        "[env.local]\nextends = \"bse\"\n[env.base]\nfiles = [\"a\"]",
        "line 2: there is no profile `bse`; did you mean `base`?",
    ),
    (
        "[env.a]\nextends = \"b\"\n[env.b]\nextends = \"a\"",
        "line 2: profile `a` leads back to itself: a → b → a",
    ),
    (
        "[env.a]\nfiles = [\"a\"]\ndefault = true\n[env.b]\nfiles = [\"a\"]\ndefault = true",
        "line 5: a default profile stands on line 2 already",
    ),
    (
        "[env.a]\nfile = [\"a\"]",
        "line 3: unknown field `file` in [env.a]; did you mean `files`?",
    ),
    (
        "[scan]\nbaselin = \"x\"",
        "line 3: unknown field `baselin` in [scan]; did you mean `baseline`?",
    ),
    (
        "[[scan.allow]]",
        "line 2: [[scan.allow]] has no `paths`, `regexes`, `stopwords` or `rules`",
    ),
    (
        "[[scan.allow]]\nregexes = [\"a\",\n\"[\"]",
        "line 4: `regexes` is not a regex that sops understands: character 1: this `[` is not closed",
    ),
    (
        "[[scan.rules]]\nregex = \"a\"",
        "line 2: [[scan.rules]] has no `id`",
    ),
    (
        "[[scan.rules]]\nid = \"a\"\nentropy = 9",
        "line 4: `entropy` must be a number from 0 to 8",
    ),
    (
        "[[scan.rules]]\nid = \"a\"\nsecret_group = -1",
        "line 4: `secret_group` must be a small integer, 0 or more",
    ),
    (
        "[[scan.rules]]\nid = \"a\"\n[[scan.rules]]\nid = \"a\"",
        "line 4: scan rule `a` stands on line 2 already",
    ),
    (
        "[notify.bot]\nurl = \"https://example.com\"",
        "line 3: `url` would name a destination; the repository never does",
    ),
    (
        "[notify.bot]\nevents = [\"rotated\"]",
        "line 3: `events` cannot be `rotated`; did you mean `rotate`?",
    ),
];

#[test]
fn mistakes_about_secrets_profiles_scan_and_notification() {
    for (text, expected) in OTHERS {
        assert_eq!(
            message(&format!("version = 1\n{text}")),
            *expected,
            "{text}"
        );
    }
}
