//! The built-in rules: written down in `*.toml`, embedded as a constant table.

use std::borrow::Cow;

use super::{Entry, table};

/// All of them.
pub(super) fn entries() -> Vec<Entry> {
    table::TABLE
        .iter()
        .map(|(rule, derived)| Entry {
            rule: Cow::Borrowed(rule),
            derived: Cow::Borrowed(derived),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Rules, own};
    use crate::scan::Derived;

    const FILES: &[&str] = &[
        include_str!("cloud.toml"),
        include_str!("code.toml"),
        include_str!("messages.toml"),
        include_str!("money.toml"),
        include_str!("watch.toml"),
        include_str!("models.toml"),
        include_str!("keys.toml"),
        include_str!("generic.toml"),
    ];

    #[test]
    fn the_table_is_what_the_toml_says() {
        let entries: Vec<_> = FILES.iter().flat_map(|text| own::read(text)).collect();
        let table = own::table(&entries);
        if table != include_str!("table.rs") {
            let new = concat!(env!("CARGO_MANIFEST_DIR"), "/target/table.rs");
            std::fs::write(new, table).unwrap();
            panic!("the rules changed: cp {new} src/scan/rules/table.rs");
        }
    }

    #[test]
    fn every_rule_is_whole() {
        let rules = Rules::builtin();
        for entry in rules.entries() {
            let rule = &entry.rule;
            for text in [&rule.description, &rule.why, &rule.remedy] {
                assert!(!text.trim().is_empty(), "{}", rule.id);
            }
            assert!(!rule.examples.is_empty(), "{}: no examples", rule.id);
            assert!(
                !rule.counterexamples.is_empty(),
                "{}: no counterexamples",
                rule.id
            );
            assert!(
                !entry.derived.literals.is_empty(),
                "{}: no literals",
                rule.id
            );
            assert_ne!(*entry.derived, Derived::default());
        }
    }

    #[test]
    fn every_example_does_what_it_should() {
        assert_eq!(Rules::builtin().test(), []);
    }
}
