//! When a secret is due, and how long an old value is kept.
//!
//! Everything is an instant and a number of seconds: a day is 24 hours, wherever and in whatever
//! season. What a clock got wrong moves a date by no more than that: an event from the future counts
//! as one from now.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How far ahead of this machine's clock an event may be before it is remarkable.
pub const SKEW: SignedDuration = SignedDuration::from_hours(24);

/// How a secret stands with its cadence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// It should have been rotated.
    Overdue(Timestamp),
    /// It is due soon.
    Soon(Timestamp),
    /// It is not due yet.
    Later(Timestamp),
    /// It has a policy, and nobody knows when it was new.
    Never,
    /// No policy says how long it lasts.
    Free,
}

impl Cadence {
    /// How a value stands that was new at `since`, as far as is known, and lasts `every`; `within`
    /// is what counts as soon.
    pub fn of(
        since: Option<Timestamp>,
        every: Option<Duration>,
        now: Timestamp,
        within: Duration,
    ) -> Self {
        let Some(every) = every else {
            return Self::Free;
        };
        let Some(since) = since else {
            return Self::Never;
        };
        let due = later(since.min(now), every);
        if due <= now {
            Self::Overdue(due)
        } else if due <= later(now, within) {
            Self::Soon(due)
        } else {
            Self::Later(due)
        }
    }

    /// When it is due, where that is known.
    pub fn due(self) -> Option<Timestamp> {
        match self {
            Self::Overdue(due) | Self::Soon(due) | Self::Later(due) => Some(due),
            Self::Never | Self::Free => None,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overdue(_) => "overdue",
            Self::Soon(_) => "due",
            Self::Later(_) => "later",
            Self::Never => "never",
            Self::Free => "no policy",
        }
    }
}

/// A time and a duration later, or the end of time.
pub fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Whether a value that is kept until `until` is still to be had.
pub fn is_kept(until: Timestamp, now: Timestamp) -> bool {
    now < until
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * DAY)
    }

    #[test]
    fn days_are_of_24_hours_in_every_season() {
        for (since, every, due) in [
            // A leap day is a day.
            ("2024-02-28T12:00:00Z", 2, "2024-03-01T12:00:00Z"),
            ("2023-02-28T12:00:00Z", 2, "2023-03-02T12:00:00Z"),
            ("2024-02-29T00:00:00Z", 365, "2025-02-28T00:00:00Z"),
            // Over both changes of clocks in Berlin and in New York.
            ("2026-03-28T23:30:00+01:00", 1, "2026-03-29T22:30:00Z"),
            ("2026-10-31T20:00:00-04:00", 1, "2026-11-02T00:00:00Z"),
            ("2026-12-31T23:59:59Z", 90, "2027-03-31T23:59:59Z"),
        ] {
            let now = time("2028-01-01T00:00:00Z");
            let found = Cadence::of(Some(time(since)), Some(days(every)), now, days(0));
            assert_eq!(found, Cadence::Overdue(time(due)), "{since}");
        }
    }

    #[test]
    fn the_end_of_a_cadence_is_the_instant_itself() {
        let since = time("2026-01-01T00:00:00Z");
        let at = |now: &str| Cadence::of(Some(since), Some(days(90)), time(now), days(14)).word();
        assert_eq!(at("2026-03-17T23:59:59Z"), "later");
        assert_eq!(at("2026-03-18T00:00:00Z"), "due");
        assert_eq!(at("2026-03-31T23:59:59Z"), "due");
        assert_eq!(at("2026-04-01T00:00:00Z"), "overdue");
        let until = time("2026-01-02T00:00:00Z");
        assert!(is_kept(until, time("2026-01-01T23:59:59Z")));
        assert!(!is_kept(until, until));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let now = time("2026-01-01T00:00:00Z");
        assert_eq!(
            Cadence::of(None, Some(days(1)), now, days(1)),
            Cadence::Never
        );
        assert_eq!(Cadence::of(Some(now), None, now, days(1)), Cadence::Free);
        assert_eq!(later(Timestamp::MAX, days(1)), Timestamp::MAX);
    }

    proptest! {
        /// A clock that was wrong moves the date by that much and no more, and never beyond a whole
        /// cadence from now.
        #[test]
        fn a_wrong_clock_does_no_more_than_it_is_wrong(
            since in 0i64..4_000_000_000,
            skew in -100_000i64..100_000,
            every in 0u64..40_000_000,
            now in 0i64..4_000_000_000,
        ) {
            let at = |second| Timestamp::from_second(second).unwrap();
            let every = Duration::from_secs(every);
            let due = |since| {
                Cadence::of(Some(at(since)), Some(every), at(now), Duration::ZERO).due().unwrap()
            };
            let moved = due(since + skew.max(-since)).as_second() - due(since).as_second();
            prop_assert!(moved.abs() <= skew.abs());
            prop_assert!(due(since) <= later(at(now), every));
        }

        /// The same instant counts the same in whatever zone it was written.
        #[test]
        fn zones_change_nothing(since in 0i64..4_000_000_000, zone in -25..26) {
            let since = Timestamp::from_second(since).unwrap();
            let offset = jiff::tz::Offset::from_seconds(zone * 1800).unwrap();
            let shown = since.display_with_offset(offset).to_string();
            prop_assert_eq!(time(&shown), since);
        }

        /// Time only makes things more urgent.
        #[test]
        fn nothing_gets_less_urgent(
            since in 0i64..4_000_000_000,
            every in 0u64..40_000_000,
            age in 0i64..4_000_000_000,
            wait in 0i64..40_000_000,
        ) {
            let urgency = |now| {
                let now = Timestamp::from_second(now).unwrap();
                let since = Timestamp::from_second(since).unwrap();
                match Cadence::of(Some(since), Some(Duration::from_secs(every)), now, days(14)) {
                    Cadence::Overdue(_) => 2,
                    Cadence::Soon(_) => 1,
                    _ => 0,
                }
            };
            prop_assert!(urgency(since + age + wait) >= urgency(since + age));
        }
    }
}
