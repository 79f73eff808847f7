//! Where the search of a text ends, it says so; and what is let pass keeps nothing else out.

use super::{KEY, one, rule, scan};
use crate::scan::{AllowedBy, Input, Limit, MOST_HITS, Required, Rules, Scanner, Text, Until};

/// Two rules that both find the key.
fn two() -> Scanner {
    let mut rules = Rules::none();
    rules.insert(rule("one", r"demo_[0-9a-f]{16}")).unwrap();
    rules.insert(rule("two", r"k=(demo_[0-9a-f]{16})")).unwrap();
    rules.insert(rule("rare", r"rare_[0-9a-f]{16}")).unwrap();
    Scanner::new(rules)
}

#[test]
fn a_search_that_ends_early_says_so() {
    let line = "demo_0123456789abcdef\n";
    let mut text = line.repeat(MOST_HITS + 1);
    text += "rare_0123456789abcdef\n";
    let found = scan(&two(), text.as_bytes(), None);
    assert_eq!(found.incomplete, Some(Limit::Findings));
    assert_eq!(found.hits.len(), MOST_HITS);
    // more than are ever kept
    let found = scan(&two(), line.repeat(MOST_HITS * 4 + 10).as_bytes(), None);
    assert_eq!(found.incomplete, Some(Limit::Findings));
}

#[test]
fn two_rules_a_line_do_not_use_up_the_room() {
    let mut text = format!("k={KEY} # mvx:allow\n").repeat(60_000);
    text += "x rare_0123456789abcdef\n";
    let found = scan(&two(), text.as_bytes(), None);
    let open: Vec<_> = found
        .hits
        .iter()
        .filter(|hit| hit.allowed.is_none())
        .collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].start.line, 60_001);
    assert_eq!((found.hits.len(), found.incomplete), (60_001, None));
}

#[test]
fn what_is_let_pass_keeps_nothing_else_out() {
    for many in [MOST_HITS + 5, MOST_HITS * 4 + 5] {
        let mut text = "demo_0123456789abcdef # mvx:allow\n".repeat(many);
        text += "demo_fedcba9876543210\nx rare_0123456789abcdef\n";
        let found = scan(&two(), text.as_bytes(), None);
        let open = found.hits.iter().filter(|hit| hit.allowed.is_none());
        let lines: Vec<_> = open.map(|hit| hit.start.line).collect();
        assert_eq!(lines, [many + 1, many + 2]);
        assert_eq!(found.incomplete, Some(Limit::Findings));
    }
}

#[test]
fn the_lines_of_many_markers_are_right() {
    let text = format!("k={KEY} # mvx:allow\n\n# mvx:allow-next-line\n{KEY}\n").repeat(50);
    let found = scan(&two(), text.as_bytes(), None);
    let lines: Vec<_> = found
        .hits
        .iter()
        .map(|hit| {
            let allow = hit.allowed.as_ref().unwrap();
            assert_eq!(allow.until, Until::Ever);
            let AllowedBy::Marker { line, .. } = allow.by else {
                panic!("{allow:?}");
            };
            (hit.start.line, line)
        })
        .collect();
    let expected: Vec<_> = (0..50)
        .flat_map(|block| {
            [
                (block * 4 + 1, block * 4 + 1),
                (block * 4 + 4, block * 4 + 3),
            ]
        })
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_keyword_counts_wherever_it_stands() {
    let mut rules = Rules::none();
    let mut gated = rule("gated", r"\b[0-9a-f]{32}\b");
    gated.keywords = vec![Text::Borrowed("Acme")].into();
    rules.insert(gated.clone()).unwrap();
    gated.id = "bound".into();
    gated.regex = Some(Text::Borrowed(r"id-[0-9a-f]{16}"));
    rules.insert(gated).unwrap();
    let scanner = Scanner::new(rules);
    let value = "0123456789abcdef0123456789abcdef";
    for secret in [value.to_owned(), format!("id-{}", &value[..16])] {
        for (first, hits) in [("# aCME\n", 1), ("# other\n", 0)] {
            let text = format!("{first}{}x = {secret}\n", "line\n".repeat(200));
            let at = text.find("x = ").unwrap();
            let whole = scan(&scanner, text.as_bytes(), None);
            let changed = scan(&scanner, text.as_bytes(), Some(one(&(at..at + 9))));
            assert_eq!(
                (whole.hits.len(), changed.hits.len()),
                (hits, hits),
                "{first}"
            );
        }
    }
}

#[test]
fn company_counts_wherever_it_stands() {
    let mut rules = Rules::none();
    let mut wants = rule("wants", r"demo_[0-9a-f]{16}");
    wants.required = vec![Required {
        rule: "other".into(),
        within_lines: None,
        within_columns: None,
    }]
    .into();
    rules.insert(wants).unwrap();
    let mut other = rule("other", r"rare_[0-9a-f]{16}");
    other.report = false;
    rules.insert(other).unwrap();
    let scanner = Scanner::new(rules);
    for (first, hits) in [("rare_0123456789abcdef\n", 1), ("\n", 0)] {
        let text = format!("{first}{}{KEY}\n", "line\n".repeat(200));
        let at = text.find(KEY).unwrap();
        let found = scan(&scanner, text.as_bytes(), Some(one(&(at..at + 3))));
        assert_eq!(found.hits.len(), hits);
    }
}

#[test]
fn company_is_looked_for_in_no_more_than_its_lines_and_columns() {
    let near = |within_lines, within_columns, text: &str| {
        let mut rules = Rules::none();
        let mut wants = rule("wants", r"demo_[0-9a-f]{16}");
        wants.required = vec![Required {
            rule: "other".into(),
            within_lines,
            within_columns,
        }]
        .into();
        rules.insert(wants).unwrap();
        rules.insert(rule("other", r"rare_[0-9a-f]{16}")).unwrap();
        let scanner = Scanner::new(rules);
        let found = scanner.scan(&mut scanner.scratch(), &Input::of(text.as_bytes()));
        let is_demo = |hit: &&crate::scan::Hit| scanner.rule(hit.rule).id == "wants";
        found.hits.iter().filter(is_demo).count()
    };
    let text = format!("rare_0123456789abcdef\n\n\n    {KEY}\n");
    assert_eq!(near(Some(3), None, &text), 1);
    assert_eq!(near(Some(2), None, &text), 0);
    assert_eq!(near(Some(3), Some(4), &text), 1);
    assert_eq!(near(Some(3), Some(3), &text), 0);
    assert_eq!(near(None, Some(4), &text), 1);
    assert_eq!(near(None, Some(3), &text), 0);
    // many of both, none of them near: no pair is compared
    let many = format!("{KEY} rare_0123456789abcdef ").repeat(20_000);
    assert_eq!(near(Some(0), Some(5), &many), 0);
}
