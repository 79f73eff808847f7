use super::*;
use crate::error::Explain as _;

const ANA: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
const BOB: &str = "age10qzyc23jq2xqlxxx9rwdmzz4xyz4dwk3xtahz8fq6ptdeftpw5mscpnswl";
const CAROL: &str = "age14huuej0f28s4dan9dg26y4pv443e2tqmv6mkarp6fn3c5wcts3eq9lf7g5";

/// The short names of the keys in these texts.
fn long(text: &str) -> String {
    text.replace("AN", ANA)
        .replace("BO", BOB)
        .replace("CA", CAROL)
}

fn short(text: &str) -> String {
    text.replace(ANA, "AN")
        .replace(BOB, "BO")
        .replace(CAROL, "CA")
}

static NO_EXTRAS: Extras = Extras {
    role: None,
    context: Vec::new(),
    profile: None,
    unbelieved_endpoint: None,
};

fn carol<'a>(groups: &'a [String], environments: &'a [String]) -> NewRecipient<'a> {
    NewRecipient {
        name: "carol",
        kind: RecipientKind::Age,
        key: CAROL,
        extras: &NO_EXTRAS,
        owner: None,
        expires: None,
        groups,
        environments,
    }
}

fn with_carol(text: &str, groups: &[&str], environments: &[&str]) -> Result<String, EditError> {
    let owned =
        |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).into()).collect() };
    let (groups, environments) = (owned(groups), owned(environments));
    add_recipient(&long(text), &carol(&groups, &environments)).map(|text| short(&text))
}

fn without(text: &str, name: &str) -> Result<(String, Vec<String>), EditError> {
    remove_recipient(&long(text), name).map(|removed| (short(&removed.text), removed.groups))
}

const TEXT: &str = r#"# The rules of the shop.
version = 1   # and last

# Everyone who can open a file.

[recipients.ana]
age = "AN"   # her laptop
owner = "ana@example.com"

# Bob came in May.
[recipients.bob]
age = 'BO'

# Groups hold names.
[groups]
team = ["ana", 'bob'] # all of us

[[files]]
path = "secrets/dev/**"
environment = "dev"
recipients = [
  "team",   # everybody
]

[[files]]
path = "secrets/prod/**"
environment = "prod"
recipients = ["ana"]
"#;

#[test]
fn somebody_comes() {
    let text = with_carol(TEXT, &["team"], &["dev", "prod"]).unwrap();
    let expected = TEXT
        .replace(
            "age = 'BO'\n",
            "age = 'BO'\n\n[recipients.carol]\nage = \"CA\"\n",
        )
        .replace("'bob'] # all", "'bob', \"carol\"] # all")
        .replace(
            "\"team\",   # everybody\n",
            "\"team\",   # everybody\n  \"carol\",\n",
        )
        .replace("[\"ana\"]\n", "[\"ana\", \"carol\"]\n");
    assert_eq!(text, expected);
    // The way back leads to where it began.
    let (back, groups) = without(&text, "carol").unwrap();
    assert_eq!((back.as_str(), groups.len()), (TEXT, 0));
}

#[test]
fn owner_and_last_day_are_written_down() {
    let new = NewRecipient {
        owner: Some("Carol \"C\" <carol@example.com>"),
        expires: Some("2027-01-31".parse().unwrap()),
        ..carol(&[], &[])
    };
    let text = short(&add_recipient(&long(TEXT), &new).unwrap());
    let entry = "[recipients.carol]\nage = \"CA\"\nowner = 'Carol \"C\" <carol@example.com>'\nexpires = 2027-01-31\n\n# Groups";
    assert!(text.contains(entry), "{text}");
}

#[test]
fn lists_in_every_layout_take_a_name_and_give_it_back() {
    for (list, expected) in [
        (r#"["ana"]"#, r#"["ana", "carol"]"#),
        (r#"["ana",]"#, r#"["ana", "carol",]"#),
        ("[ \"ana\" ]", "[ \"ana\", \"carol\" ]"),
        ("[\n  \"ana\"\n]", "[\n  \"ana\",\n  \"carol\"\n]"),
        (
            "[\n  \"ana\" # boss\n]",
            "[\n  \"ana\", # boss\n  \"carol\"\n]",
        ),
        ("[\n\t\"ana\",\n]", "[\n\t\"ana\",\n\t\"carol\",\n]"),
        ("[\n  \"ana\"]", "[\n  \"ana\",\n  \"carol\"]"),
        (
            "[\n  'bob', \"ana\", # two\n]",
            "[\n  'bob', \"ana\", \"carol\", # two\n]",
        ),
    ] {
        let text = |list: &str| {
            format!(
                "version = 1\n[recipients]\nana.age = \"AN\"\nbob = {{ age = \"BO\" }}\n[groups]\nteam = {list}\n"
            )
        };
        let added = with_carol(&text(list), &["team"], &[]).unwrap();
        let (head, rest) = added.split_once("[groups]\n").unwrap();
        assert!(head.ends_with("bob = { age = \"BO\" }\n\n[recipients.carol]\nage = \"CA\"\n"));
        assert_eq!(rest, format!("team = {expected}\n"));
        let (back, _) = without(&added, "carol").unwrap();
        let (_, rest) = back.split_once("[groups]\nteam = ").unwrap();
        let names = |list: &str| list.replace([',', '\n', ' ', '\t'], "");
        assert_eq!(names(rest), names(list), "{back}");
    }
}

#[test]
fn line_ends_stay_what_they_are() {
    let text = TEXT.replace('\n', "\r\n");
    let added = with_carol(&text, &["team"], &["dev"]).unwrap();
    assert_eq!(added.matches('\n').count(), added.matches("\r\n").count());
    assert_eq!(
        added.replace("\r\n", "\n"),
        with_carol(TEXT, &["team"], &["dev"]).unwrap()
    );
    assert_eq!(without(&added, "carol").unwrap().0, text);
}

#[test]
fn somebody_goes_with_the_comment_that_names_them() {
    let (text, groups) = without(TEXT, "bob").unwrap();
    let expected = TEXT
        .replace("# Bob came in May.\n[recipients.bob]\nage = 'BO'\n\n", "")
        .replace("[\"ana\", 'bob']", "[\"ana\"]");
    assert_eq!((text, groups), (expected, Vec::new()));
}

#[test]
fn a_comment_that_is_about_more_stays() {
    let text = TEXT
        .replace("ana\"]\n", "ana\", \"bob\"]\n")
        .replace("file.\n\n", "file.\n");
    let (text, _) = without(&text, "ana").unwrap();
    assert!(
        text.contains("# Everyone who can open a file.\n\n# Bob came in May.\n"),
        "{text}"
    );
    assert!(text.contains("team = ['bob'] # all of us\n"), "{text}");
    assert!(!text.contains("laptop"), "{text}");
}

#[test]
fn a_group_goes_with_its_last_member() {
    let text = TEXT
        .replace(
            "# all of us\n",
            "# all of us\nguests = [\"bob\"]\nall = [\"guests\", \"team\"]\n",
        )
        .replace("[\"ana\"]\n", "[\"ana\", \"guests\"]\n");
    let (text, groups) = without(&text, "bob").unwrap();
    assert_eq!(groups, ["guests"]);
    assert!(
        text.contains("team = [\"ana\"] # all of us\nall = [\"team\"]\n"),
        "{text}"
    );
    assert!(text.ends_with("recipients = [\"ana\"]\n"), "{text}");
}

#[test]
fn nobody_is_left_out_of_their_own_files() {
    match without(TEXT, "ana").unwrap_err() {
        EditError::LeavesNobody { line, pattern } => {
            assert_eq!((line, pattern.as_str()), (25, "secrets/prod/**"));
        }
        error => panic!("{error}"),
    }
    let groups = TEXT.replace(
        "recipients = [\"ana\"]",
        "key_groups = [[\"ana\"], [\"bob\"]]",
    );
    assert!(matches!(
        without(&groups, "bob"),
        Err(EditError::LeavesNobody { .. })
    ));
    let groups = groups
        .replace("[\"bob\"]]", "[\"bob\", \"carol\"]]")
        .replace("[groups]", "[recipients.carol]\nage = \"CA\"\n[groups]");
    let (text, _) = without(&groups, "bob").unwrap();
    assert!(
        text.contains("key_groups = [[\"ana\"], [\"carol\"]]"),
        "{text}"
    );
}

#[test]
fn somebody_has_another_key() {
    let new = replace_key(
        &long(TEXT),
        "ana",
        RecipientKind::Ssh,
        "ssh-ed25519 AAAAB ana",
    )
    .unwrap();
    let expected = TEXT.replace("age = \"AN\"", "ssh = \"ssh-ed25519 AAAAB ana\"");
    assert_eq!(short(&new), expected);
    let error = replace_key(&long(TEXT), "ana", RecipientKind::Age, BOB).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 11: that key is in the rules already: it is `bob`'s"
    );
}

#[test]
fn mistakes_are_told() {
    let fails = |new: &NewRecipient<'_>| add_recipient(&long(TEXT), new).unwrap_err().to_string();
    let named = |name| NewRecipient {
        name,
        ..carol(&[], &[])
    };
    let keyed = |key| NewRecipient {
        key,
        ..carol(&[], &[])
    };
    assert_eq!(
        fails(&named("bob")),
        "line 11: there is a recipient called `bob` already"
    );
    assert_eq!(
        fails(&named("team")),
        "line 16: there is a group called `team` already"
    );
    assert!(fails(&named("c arol")).starts_with("`c arol` cannot be a name"));
    assert_eq!(
        fails(&keyed(BOB)),
        "line 11: that key is in the rules already: it is `bob`'s"
    );
    let error = with_carol(TEXT, &["taem"], &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no group `taem`; did you mean `team`?"
    );
    assert_eq!(error.hints(), ["there is team"]);
    let error = with_carol(TEXT, &[], &["staging"]).unwrap_err();
    assert_eq!(error.to_string(), "there is no environment `staging`");
    assert_eq!(error.hints(), ["there is dev, prod"]);
    let groups = TEXT.replace(
        "recipients = [\"ana\"]",
        "key_groups = [[\"ana\"], [\"bob\"]]",
    );
    let error = with_carol(&groups, &[], &["prod"]).unwrap_err();
    assert_eq!(error.code(), "key-groups");
    let error = without(TEXT, "bbo").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no recipient `bbo`; did you mean `bob`?"
    );
}

#[test]
fn what_cannot_be_changed_safely_is_left_alone() {
    let text = "version = 1\nrecipients = { ana = { age = \"AN\" }, bob = { age = \"BO\" } }\n";
    assert!(matches!(with_carol(text, &[], &[]), Err(EditError::ByHand)));
    assert!(matches!(without(text, "bob"), Err(EditError::ByHand)));
}

#[test]
fn a_register_begins_where_there_was_none() {
    assert_eq!(
        with_carol("version = 1\nseal = \"required\"", &[], &[]).unwrap(),
        "version = 1\nseal = \"required\"\n\n[recipients.carol]\nage = \"CA\"\n"
    );
}
