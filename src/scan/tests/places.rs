//! Spans, lines and ranges, for any text.

use proptest::prelude::*;

use super::{KEY, demo, one, scan};
use crate::scan::{Found, Position};

/// Lines with and without something to be found, and with pairs that only together are something.
fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just(KEY.to_owned()),
        Just(format!("x = \"{KEY}\"; y")),
        Just("secret:".to_owned()),
        Just("  hunter2hunter2".to_owned()),
        Just("secret = 'hunter2hunter2'".to_owned()),
        Just(String::new()),
        "[a-zé= ]{0,40}",
        Just("demo_near miss secret".to_owned()),
    ];
    proptest::collection::vec(line, 0..24).prop_map(|lines| lines.join("\n"))
}

fn shape(found: &Found) -> Vec<(usize, usize, String)> {
    let hits = found.hits.iter();
    hits.map(|hit| {
        let secret = hit.secret.as_str().unwrap_or_default().to_owned();
        (hit.context.start, hit.span.start, secret)
    })
    .collect()
}

/// The lines that hold a byte of the range; of an empty one, those on both sides.
fn lines_of(text: &str, (from, to): (usize, usize)) -> Vec<std::ops::Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let end = start + line.len();
        let touched = if from == to {
            start <= from && from <= end + 1
        } else {
            // a line's break belongs to it
            from <= end && start < to
        };
        if touched {
            lines.push(start..end);
        }
        start = end + 1;
    }
    lines
}

proptest! {
    #[test]
    fn spans_point_at_the_secret(text in text()) {
        let found = scan(&demo(), text.as_bytes(), None);
        for hit in &found.hits {
            prop_assert_eq!(hit.secret.as_str(), text.get(hit.span.clone()));
            for (at, position) in [(hit.span.start, hit.start), (hit.span.end, hit.end)] {
                let before = &text[..at];
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
                prop_assert_eq!(position, Position { line, column });
            }
        }
    }

    #[test]
    fn the_whole_as_a_range_is_the_whole(text in text()) {
        let whole = scan(&demo(), text.as_bytes(), None);
        let ranged = scan(&demo(), text.as_bytes(), Some(one(&(0..text.len()))));
        prop_assert_eq!(shape(&whole), shape(&ranged));
    }

    #[test]
    fn ranges_find_what_the_whole_finds_on_their_lines(
        text in text(),
        places in proptest::collection::vec((0.0..=1.0_f64, 0_usize..30), 0..4),
    ) {
        let len = text.len();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a share of a small number"
        )]
        let ranges: Vec<_> = places
            .iter()
            .map(|(share, length)| {
                let start = (share * len as f64) as usize;
                start..(start + length).min(len)
            })
            .collect();
        let lines: Vec<_> = ranges
            .iter()
            .flat_map(|range| lines_of(&text, (range.start, range.end)))
            .collect();
        let mut expected = scan(&demo(), text.as_bytes(), None);
        expected.hits.retain(|hit| {
            lines
                .iter()
                .any(|line| hit.context.start < line.end && line.start < hit.context.end)
        });
        let found = scan(&demo(), text.as_bytes(), Some(&ranges));
        prop_assert_eq!(shape(&found), shape(&expected));
    }
}

#[test]
fn what_stands_in_a_long_line_is_found() {
    for place in [0, 5_000, 500_000, 999_000] {
        let mut text = "x,".repeat(500_000);
        text.replace_range(place..place + KEY.len() + 2, &format!(" {KEY} "));
        let found = scan(&demo(), text.as_bytes(), None);
        assert_eq!(found.hits.len(), 1, "{place}");
        assert_eq!(&text[found.hits[0].span.clone()], KEY);
        let near = place + 100..place + 101;
        assert_eq!(
            scan(&demo(), text.as_bytes(), Some(one(&near))).hits.len(),
            1
        );
        let far = place.abs_diff(500_000)..place.abs_diff(500_000) + 1;
        let touched = usize::from(far.start.abs_diff(place) < 4096);
        assert_eq!(
            scan(&demo(), text.as_bytes(), Some(one(&far))).hits.len(),
            touched
        );
    }
}
