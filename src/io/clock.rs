//! The time of day.
//!
//! There is no variable that sets it: whoever could set the environment could otherwise forge
//! rotation dates and outlive an expiry. What depends on time takes it as an argument, and tests
//! pass their own.

#![expect(clippy::disallowed_methods, reason = "the one clock")]

use std::time::Duration;

use jiff::Timestamp;

/// Now, in UTC, cut to the second. Its `Display` is RFC 3339, such as `2026-11-22T09:30:00Z`,
/// which is what SOPS writes as `lastmodified`.
pub fn now() -> Timestamp {
    to_the_second(Timestamp::now())
}

/// Waits, before something is tried again.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn to_the_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_with_seconds_and_a_z() {
        let time: Timestamp = "2026-11-22T09:30:00.987654321Z".parse().unwrap();
        assert_eq!(to_the_second(time).to_string(), "2026-11-22T09:30:00Z");
    }

    #[test]
    fn it_moves_forward() {
        let released: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!(now() > released);
    }
}
