//! The leak scan: its engine, and the rule files of gitleaks.

use std::sync::LazyLock;

use mvx::scan::{Found, GitleaksFile, Input, MOST_HITS, Rules, Scanner};

use super::files::is_clear;

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(Rules::builtin()));

/// Every finding lies in the input and in order, what was not decoded stands there as it is, and the
/// whole as one range holds the same. What it costs is bounded by its size.
pub fn check(data: &[u8]) {
    let mut scratch = SCANNER.scratch();
    let found = SCANNER.scan(&mut scratch, &Input::of(data));
    places(data, &found);
    let work = scratch.work();
    let most = 64 * data.len() as u64 + (1 << 20);
    assert!(work.literals <= most && work.decoded <= most, "{work:?}");

    let whole = 0..data.len();
    let ranged = Input {
        ranges: Some(std::slice::from_ref(&whole)),
        ..Input::of(data)
    };
    let again = SCANNER.scan(&mut scratch, &ranged);
    if data.len() < 4096 {
        assert_eq!(format!("{found:?}"), format!("{again:?}"));
    }
}

fn places(data: &[u8], found: &Found) {
    let mut last = 0;
    for hit in &found.hits {
        assert!(last <= hit.span.start, "not in order");
        last = hit.span.start;
        assert!(hit.context.start <= hit.span.start && hit.span.end <= hit.context.end);
        assert!(hit.start.line >= 1 && hit.start.column >= 1 && hit.start <= hit.end);
        let text = data.get(hit.span.clone()).expect("a span in the input");
        if hit.decoded_by.is_empty() {
            assert!(text == hit.secret.as_bytes(), "another text than its span");
        }
        assert!(!SCANNER.rule(hit.rule).id.is_empty());
    }
}

/// A rule file is taken or refused, and what is taken scans.
pub fn gitleaks(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let rules = match GitleaksFile::read(text).and_then(|file| file.over(Rules::none())) {
        Ok(rules) => rules,
        Err(error) => return is_clear(&error),
    };
    let scanner = Scanner::new(rules);
    let found = scanner.scan(&mut scanner.scratch(), &Input::of(data));
    assert!(found.hits.len() <= MOST_HITS);
    let _: bool = scanner.skips(data);
    drop(scanner.rules().test());
}
