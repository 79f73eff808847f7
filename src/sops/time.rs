//! Points in time as Go reads and writes them, which SOPS's `time` values and the MAC's additional
//! data depend on. Fields are kept as they stand; no calendar arithmetic takes place.

use std::fmt::Write as _;

/// A time that was read, field by field.
#[derive(Debug, PartialEq, Eq)]
struct Fields<'a> {
    date: [u32; 3],
    clock: [u32; 3],
    fraction: &'a str,
    /// Hours and minutes east of UTC with their sign, as written.
    offset: Option<(char, u32, u32)>,
}

/// A YAML timestamp in canonical form (RFC 3339 with the fraction's trailing zeros cut off), or
/// `None` where go-yaml v3 sees a string.
///
/// Read are `2006-1-2`, `2006-1-2T15:4:5.9Z07:00` (also with a small t) and `2006-1-2 15:4:5.9`
/// (without an offset): go-yaml's `allowedTimestampFormats`.
pub fn yaml_timestamp(text: &str) -> Option<String> {
    let mut reader = Reader { rest: text };
    let date = reader.date()?;
    let fields = match reader.next() {
        None => Fields {
            date,
            clock: [0; 3],
            fraction: "",
            offset: None,
        },
        Some('T' | 't') => {
            let (clock, fraction) = reader.clock()?;
            let offset = Some(reader.offset()?);
            Fields {
                date,
                clock,
                fraction,
                offset,
            }
        }
        Some(' ') => {
            let (clock, fraction) = reader.clock()?;
            Fields {
                date,
                clock,
                fraction,
                offset: None,
            }
        }
        Some(_) => return None,
    };
    reader.rest.is_empty().then(|| fields.to_text(true))
}

/// The additional data of the MAC: `lastmodified`, read as RFC 3339 and written without a
/// fraction. `None` where it is not RFC 3339.
pub fn mac_time(lastmodified: &str) -> Option<String> {
    let mut reader = Reader { rest: lastmodified };
    let date = reader.date()?;
    if reader.next() != Some('T') {
        return None;
    }
    let (clock, fraction) = reader.clock()?;
    let offset = Some(reader.offset()?);
    let fields = Fields {
        date,
        clock,
        fraction,
        offset,
    };
    reader.rest.is_empty().then(|| fields.to_text(false))
}

impl Fields<'_> {
    fn to_text(&self, with_fraction: bool) -> String {
        let [year, month, day] = self.date;
        let [hour, minute, second] = self.clock;
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        // Go keeps nanoseconds; further digits are dropped.
        let fraction = self
            .fraction
            .get(..9)
            .unwrap_or(self.fraction)
            .trim_end_matches('0');
        if with_fraction && !fraction.is_empty() {
            text.push('.');
            text.push_str(fraction);
        }
        match self.offset {
            None | Some((_, 0, 0)) => text.push('Z'),
            Some((sign, hours, minutes)) => {
                // writing to a string cannot fail
                write!(text, "{sign}{hours:02}:{minutes:02}").ok();
            }
        }
        text
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    /// A number of `least` to `most` digits, inside `range`.
    fn number(
        &mut self,
        least: usize,
        most: usize,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let digits = self
            .rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if digits < least {
            return None;
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        number.parse().ok().filter(|number| range.contains(number))
    }

    fn date(&mut self) -> Option<[u32; 3]> {
        let year = self.number(4, 4, 0..=9999)?;
        self.expect('-')?;
        let month = self.number(1, 2, 1..=12)?;
        self.expect('-')?;
        let day = self.number(1, 2, 1..=days_in(year, month))?;
        Some([year, month, day])
    }

    /// Hours, minutes, seconds and the digits of a fraction.
    fn clock(&mut self) -> Option<([u32; 3], &'a str)> {
        let hour = self.number(1, 2, 0..=23)?;
        self.expect(':')?;
        let minute = self.number(1, 2, 0..=59)?;
        self.expect(':')?;
        let second = self.number(1, 2, 0..=59)?;
        let mut fraction = "";
        if let Some(rest) = self.rest.strip_prefix(['.', ',']) {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 {
                (fraction, self.rest) = rest.split_at(digits);
            }
        }
        Some(([hour, minute, second], fraction))
    }

    fn offset(&mut self) -> Option<(char, u32, u32)> {
        match self.next()? {
            'Z' => Some(('+', 0, 0)),
            sign @ ('+' | '-') => {
                let hours = self.number(2, 2, 0..=24)?;
                self.expect(':')?;
                let minutes = self.number(2, 2, 0..=60)?;
                Some((sign, hours, minutes))
            }
            _ => None,
        }
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOPS-FORMAT 1.10 and the vectors `num.yaml` and `t1.yaml`, decrypted by sops.
    #[test]
    fn timestamps_are_read_as_go_yaml_reads_them() {
        for (text, canonical) in [
            ("2024-01-02", Some("2024-01-02T00:00:00Z")),
            ("2001-1-2", Some("2001-01-02T00:00:00Z")),
            (
                "2001-12-14t21:59:43.10-05:00",
                Some("2001-12-14T21:59:43.1-05:00"),
            ),
            ("2001-12-14 21:59:43.10", Some("2001-12-14T21:59:43.1Z")),
            ("2024-01-02T03:04:05.678Z", Some("2024-01-02T03:04:05.678Z")),
            ("2024-01-02 03:04:05 +02:00", None),
            ("2024-13-01", None),
            ("2023-02-29", None),
            ("2024-02-29", Some("2024-02-29T00:00:00Z")),
            ("2024-01-02T03:04:05", None),
            ("24-01-02", None),
            ("2024-01-02 ", None),
        ] {
            assert_eq!(yaml_timestamp(text).as_deref(), canonical, "{text}");
        }
    }

    #[test]
    fn the_macs_time_has_no_fraction() {
        assert_eq!(
            mac_time("2026-11-22T12:52:00Z").as_deref(),
            Some("2026-11-22T12:52:00Z")
        );
        assert_eq!(
            mac_time("2026-11-22T12:52:00.5+00:00").as_deref(),
            Some("2026-11-22T12:52:00Z")
        );
        assert_eq!(
            mac_time("2026-11-22T12:52:00+02:00").as_deref(),
            Some("2026-11-22T12:52:00+02:00")
        );
        assert_eq!(mac_time("2026-11-22 12:52:00"), None);
        assert_eq!(mac_time(""), None);
    }
}
