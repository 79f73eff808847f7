//! Numbers as Go writes them, because SOPS is a Go program and its MAC hashes Go's spelling.
//!
//! All forms use the shortest digits that read back to the same 64-bit float, which Rust's
//! formatter finds too; they differ in where they turn to an exponent and how they write it
//! (Go's `strconv.FormatFloat` and `encoding/json`; SOPS-FORMAT 1.3 and 1.10).

use std::fmt::Write as _;

/// SOPS's canonical form: shortest digits, never an exponent (`strconv` format `f`, precision
/// -1). `1.5`, `1000`, `3` without a point, `-0`, `+Inf`, `-Inf`, `NaN`.
pub fn go_float(value: f64) -> String {
    special(value).map_or_else(|| value.to_string(), Into::into)
}

/// What SOPS writes into YAML: format `g` with the shortest digits. An exponent of at least two
/// digits where the decimal exponent is below -4 or at least 6: `123456`, `1e+06`, `1e-05`.
/// Infinities and NaN are as in [`go_float`]; YAML's own names for them are the YAML store's.
pub fn go_float_g(value: f64) -> String {
    if let Some(name) = special(value) {
        return name.into();
    }
    let (mantissa, exponent) = scientific(value);
    if (-4..6).contains(&exponent) {
        go_float(value)
    } else {
        with_exponent(&mantissa, exponent, 2)
    }
}

/// What Go's JSON encoder writes: plain digits, with an exponent below 1e-6 and from 1e21 on
/// (`1e+21`, `1e-7`). `None` for infinities and NaN, which JSON cannot hold.
pub fn json_float(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let (mantissa, exponent) = scientific(value);
        // Go shortens e-09 to e-9, and leaves positive exponents, which have two digits here.
        return Some(with_exponent(&mantissa, exponent, 1));
    }
    Some(go_float(value))
}

/// What SOPS writes into dotenv files: format `G`, and where that could be taken for an integer
/// one decimal: `3.0`, `1E+30`, `1.5`.
pub fn dotenv_float(value: f64) -> String {
    let short = go_float_g(value);
    if !value.is_finite() || short.contains(['.', 'e']) {
        short.replace('e', "E")
    } else {
        short + ".0"
    }
}

/// Reads a float's canonical form; also what older writers left there, such as an exponent.
pub fn parse_float(canonical: &[u8]) -> Option<f64> {
    std::str::from_utf8(canonical).ok()?.parse().ok()
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

/// The shortest digits as `d.ddd`, and the decimal exponent. Zero's is 0.
fn scientific(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa.to_owned(), exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

fn with_exponent(mantissa: &str, exponent: i32, digits: usize) -> String {
    let mut text = mantissa.to_owned();
    let sign = if exponent < 0 { '-' } else { '+' };
    // Writing into a String cannot fail.
    let _ = write!(text, "e{sign}{:0digits$}", exponent.unsigned_abs());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_floats_never_have_an_exponent() {
        for (value, text) in [
            (1.5, "1.5"),
            (1000.0, "1000"),
            (0.000_000_15, "0.00000015"),
            (
                123_456_789_012_345_680_000_000_000_000.0,
                "123456789012345680000000000000",
            ),
            (-0.0, "-0"),
            (0.0, "0"),
            (3.0, "3"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (12_345_678_901_234_567_890.0, "12345678901234567000"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(go_float(value), text);
        }
    }

    #[test]
    fn yaml_floats_turn_to_exponents_at_six_digits() {
        for (value, text) in [
            (123_456.0, "123456"),
            (1_000_000.0, "1e+06"),
            (1_234_567.5, "1.2345675e+06"),
            (999_999.9, "999999.9"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (-0.000_012, "-1.2e-05"),
            (1e100, "1e+100"),
            (-0.0, "-0"),
            (1.1, "1.1"),
        ] {
            assert_eq!(go_float_g(value), text);
        }
    }

    #[test]
    fn json_floats_turn_to_exponents_late() {
        for (value, text) in [
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (-1.5e-300, "-1.5e-300"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
        ] {
            assert_eq!(json_float(value).as_deref(), Some(text));
        }
        assert_eq!(json_float(f64::NAN), None);
        assert_eq!(json_float(f64::INFINITY), None);
    }

    #[test]
    fn dotenv_floats_cannot_be_taken_for_integers() {
        for (value, text) in [
            (3.0, "3.0"),
            (1e30, "1E+30"),
            (1.5, "1.5"),
            (0.000_01, "1E-05"),
            (-0.0, "-0.0"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(dotenv_float(value), text);
        }
    }

    proptest! {
        #[test]
        fn every_form_reads_back_to_the_same_float(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            for text in [
                go_float(value),
                go_float_g(value),
                json_float(value).unwrap_or_else(|| go_float(value)),
                dotenv_float(value),
            ] {
                let back = parse_float(text.as_bytes()).unwrap();
                prop_assert_eq!(back.to_bits(), value.to_bits(), "{}", text);
            }
        }
    }
}
