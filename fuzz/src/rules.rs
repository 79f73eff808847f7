//! `.sops-rules.toml` and `.sops.yaml`.

use mvx::keypath::KeyPath;
use mvx::rules::edit::{NewRecipient, add_recipient, remove_recipient};
use mvx::rules::{
    Extras, Origin, RULES_FILE, RecipientKind, Rules, RulesError, SOPS_FILE, agree, translate,
};

use super::files::is_clear;

const NAMES: [&str; 4] = ["secrets/dev/a.enc.yaml", "a.env", ".mvx/x", "b/c.json"];
const PUBLIC: &str = "age10qzyc23jq2xqlxxx9rwdmzz4xyz4dwk3xtahz8fq6ptdeftpw5mscpnswl";

/// Rules are taken or refused with a line, in both languages. What is taken answers every question;
/// what is translated says the same; who is entered stands in them, and goes again.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Rules::load(text, Origin::new(RULES_FILE)) {
        Ok(rules) => {
            questions(&rules);
            changed(text);
        }
        Err(error) => placed(&error),
    }
    match Rules::load(text, Origin::new(SOPS_FILE)) {
        Ok(rules) => {
            questions(&rules);
            translated(text, &rules);
        }
        Err(error) => placed(&error),
    }
}

fn placed(error: &RulesError) {
    is_clear(error);
    let message = error.to_string();
    assert!(message.contains("line "), "no line: {message}");
}

fn questions(rules: &Rules) {
    for name in NAMES {
        let policy = rules.policy(name);
        assert_eq!(
            rules.covers(name).is_ok_and(|yes| yes),
            policy.is_ok() || covered(&policy)
        );
        match policy {
            Ok(policy) => assert!(policy.recipients().next().is_some()),
            Err(error) => is_clear(&error),
        }
        if let Err(error) = rules.explain(name) {
            is_clear(&error);
        }
        let key = KeyPath::parse("a.b[0]").expect("a path");
        drop(rules.secret_policy(name, None, &key));
    }
    drop(rules.environments());
}

/// Whether a rule was found and is wrong in itself.
fn covered<T>(policy: &Result<T, RulesError>) -> bool {
    !matches!(
        policy,
        Err(RulesError::NoRule { .. } | RulesError::Reserved { .. })
    )
}

/// A newcomer is read back, and the rest stays as it was.
fn changed(text: &str) {
    let new = NewRecipient {
        name: "newcomer",
        kind: RecipientKind::Age,
        key: PUBLIC,
        extras: &Extras::default(),
        owner: Some("\"quoted\" \\ # owner"),
        expires: None,
        groups: &[],
        environments: &[],
    };
    let with = match add_recipient(text, &new) {
        Ok(with) => with,
        Err(error) => return is_clear(&error),
    };
    let rules = Rules::load(&with, Origin::new(RULES_FILE)).expect("they are read");
    let names = rules
        .recipients()
        .iter()
        .filter_map(|it| it.name.as_deref());
    assert!(names.into_iter().any(|name| name == "newcomer"));
    match remove_recipient(&with, "newcomer") {
        Ok(removed) => {
            Rules::load(&removed.text, Origin::new(RULES_FILE)).expect("they are read");
        }
        Err(error) => is_clear(&error),
    }
}

fn translated(text: &str, rules: &Rules) {
    match translate(text) {
        Ok(translation) => {
            let new = Rules::load(&translation.text, Origin::new(RULES_FILE));
            let new = new.unwrap_or_else(|error| panic!("{error}\n{}", translation.text));
            if translation.lost.is_empty() {
                for name in NAMES {
                    assert!(agree(rules, &new, name), "{name}\n{}", translation.text);
                }
            }
        }
        Err(error) => placed(&error),
    }
}
