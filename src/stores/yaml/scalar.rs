//! What a YAML scalar means, exactly as go-yaml v3 sees it: sops decides by it what is an integer,
//! a date or a text, and both the type and the MAC depend on that (SOPS-FORMAT 1.10).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::document::{Kind, Value};
use crate::sops::number::go_float;
use crate::sops::time::yaml_timestamp;

/// The tag on a scalar. Local tags (`!vault`) make text, as in sops, which drops them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// None, or the non-specific `!`.
    None,
    Str,
    Int,
    Float,
    Bool,
    Null,
    Timestamp,
    Binary,
    /// `!anything`.
    Local,
    /// A core tag that no scalar fits.
    Other,
}

impl Tag {
    /// What the tags of YAML itself begin with.
    pub(super) const CORE: &str = "tag:yaml.org,2002:";

    /// By the suffix of a `tag:yaml.org,2002:` tag; sops takes those that nobody knows for local
    /// ones.
    pub(super) fn core(suffix: &str) -> Self {
        match suffix {
            "str" => Self::Str,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "null" => Self::Null,
            "timestamp" => Self::Timestamp,
            "binary" => Self::Binary,
            "seq" | "map" => Self::Other,
            _ => Self::Local,
        }
    }
}

/// Why a scalar has no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadScalar {
    /// The tag asks for something that the text is not.
    TagMismatch,
    /// An integer between 2^63 and 2^64, which sops reads and then refuses.
    Unsigned,
}

impl BadScalar {
    /// What is wrong, for a message with a line before it.
    pub(super) fn message(&self) -> &'static str {
        match self {
            Self::TagMismatch => "the tag does not fit its value",
            Self::Unsigned => {
                "an integer above 9223372036854775807, which sops refuses; put it in quotes"
            }
        }
    }
}

/// The scalar's value; `None` for null. `quoted` is whether it has quotes or is a block.
pub(super) fn resolve(tag: Tag, text: &str, quoted: bool) -> Result<Option<Value>, BadScalar> {
    let string = |text: &str| Ok(Some(Value::new(Kind::Str, text.as_bytes().to_vec())));
    match tag {
        Tag::Str | Tag::Local => return string(text),
        Tag::None if quoted => return string(text),
        Tag::Binary => {
            let digits: Vec<u8> = text
                .bytes()
                .filter(|byte| !matches!(byte, b'\n' | b'\r'))
                .collect();
            let bytes = STANDARD
                .decode(digits)
                .map_err(|_| BadScalar::TagMismatch)?;
            return Ok(Some(Value::new(Kind::Str, bytes)));
        }
        Tag::Other => return Err(BadScalar::TagMismatch),
        _ => {}
    }
    let Some(plain) = implicit(tag, text)? else {
        // Nothing but text: right where no tag asked for more.
        return if tag == Tag::None {
            string(text)
        } else {
            Err(BadScalar::TagMismatch)
        };
    };
    let fits = matches!(
        (&plain, tag),
        (_, Tag::None)
            | (Plain::Null, Tag::Null)
            | (Plain::Int(_), Tag::Int | Tag::Float)
            | (Plain::Float(_), Tag::Float)
            | (Plain::Bool(_), Tag::Bool)
            | (Plain::Time(_), Tag::Timestamp)
    );
    if !fits {
        return Err(BadScalar::TagMismatch);
    }
    Ok(match plain {
        Plain::Null => None,
        #[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
        Plain::Int(int) if tag == Tag::Float => {
            Some(Value::new(Kind::Float, go_float(int as f64).into_bytes()))
        }
        Plain::Int(int) => Some(Value::new(Kind::Int, int.to_string().into_bytes())),
        Plain::Float(float) => Some(Value::new(Kind::Float, go_float(float).into_bytes())),
        Plain::Bool(true) => Some(Value::new(Kind::Bool, b"True".to_vec())),
        Plain::Bool(false) => Some(Value::new(Kind::Bool, b"False".to_vec())),
        Plain::Time(time) => Some(Value::new(Kind::Time, time.into_bytes())),
    })
}

/// Whether a plain scalar with this text is just this text.
pub(super) fn is_plain_string(text: &str) -> bool {
    matches!(implicit(Tag::None, text), Ok(None))
}

enum Plain {
    Null,
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(String),
}

/// go-yaml's `resolve`: what an unquoted text stands for, or `None` for a text.
fn implicit(tag: Tag, text: &str) -> Result<Option<Plain>, BadScalar> {
    let word = match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Plain::Null),
        "true" | "True" | "TRUE" => Some(Plain::Bool(true)),
        "false" | "False" | "FALSE" => Some(Plain::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => Some(Plain::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Plain::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Plain::Float(f64::NEG_INFINITY)),
        _ => None,
    };
    if word.is_some() {
        return Ok(word);
    }
    match text.as_bytes().first() {
        Some(b'.') => Ok(float(text).map(Plain::Float)),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            // Quoted text is taken for a time only where a tag says so, but then it got here.
            if matches!(tag, Tag::None | Tag::Timestamp)
                && let Some(time) = yaml_timestamp(text)
            {
                return Ok(Some(Plain::Time(time)));
            }
            number(&text.replace('_', ""))
        }
        _ => Ok(None),
    }
}

/// A number in one of go-yaml's spellings, underscores removed.
fn number(text: &str) -> Result<Option<Plain>, BadScalar> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if let Some(magnitude) = magnitude(digits) {
        return match (i64::try_from(magnitude), negative) {
            (Ok(int), false) => Ok(Some(Plain::Int(int))),
            (Ok(int), true) => Ok(Some(Plain::Int(-int))),
            (Err(_), true) if magnitude == 1 << 63 => Ok(Some(Plain::Int(i64::MIN))),
            (Err(_), false)
                if u64::try_from(magnitude).is_ok() && text.starts_with(|c: char| c != '+') =>
            {
                Err(BadScalar::Unsigned)
            }
            _ => Ok(float(text).map(Plain::Float)),
        };
    }
    Ok(float(text).map(Plain::Float))
}

/// Go's `ParseInt` with base 0, without the sign: `0x`, `0o`, `0b` and a leading zero choose the
/// base.
fn magnitude(digits: &str) -> Option<u128> {
    let (base, digits) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        Some("0b") => (2, digits.get(2..)?),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // A longer one is out of range in every base; and `from_str_radix` would take a sign.
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    match digits.len() {
        0 => Some(0),
        1..=64 => u128::from_str_radix(digits, base).ok().or_else(|| {
            // 65 to 128 binary digits do not come here; base 10 and 16 may overflow 128 bits.
            digits
                .bytes()
                .all(|byte| char::from(byte).is_digit(base))
                .then_some(u128::MAX)
        }),
        _ => digits
            .bytes()
            .all(|byte| char::from(byte).is_digit(base))
            .then_some(u128::MAX),
    }
}

/// go-yaml's `yamlStyleFloat`, in range.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (unsigned.get(..at)?, Some(unsigned.get(at + 1..)?)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        None => digits(mantissa),
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
    };
    let exponent_fits = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    if !mantissa_fits || !exponent_fits {
        return None;
    }
    text.parse().ok().filter(|float: &f64| float.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        match resolve(Tag::None, text, false) {
            Ok(None) => "null".into(),
            Ok(Some(value)) => {
                format!("{:?} {}", value.kind, value.bytes.as_str().unwrap())
            }
            Err(error) => format!("{error:?}"),
        }
    }

    /// SOPS-FORMAT 1.10 and the vectors `t1.yaml` and `num.yaml` as sops sealed them.
    #[test]
    fn plain_scalars_are_what_go_yaml_makes_of_them() {
        for (text, meaning) in [
            ("", "null"),
            ("~", "null"),
            ("Null", "null"),
            ("0x1F", "Int 31"),
            ("0o17", "Int 15"),
            ("017", "Int 15"),
            ("0b101", "Int 5"),
            ("-0b101", "Int -5"),
            ("1_000", "Int 1000"),
            ("0x_1F", "Int 31"),
            ("+1", "Int 1"),
            ("-0", "Int 0"),
            ("9223372036854775807", "Int 9223372036854775807"),
            ("-9223372036854775808", "Int -9223372036854775808"),
            ("9223372036854775808", "Unsigned"),
            ("18446744073709551615", "Unsigned"),
            ("18446744073709551616", "Float 18446744073709552000"),
            (
                "123456789012345678901234567890",
                "Float 123456789012345680000000000000",
            ),
            ("08", "Float 8"),
            ("1.", "Float 1"),
            (".5", "Float 0.5"),
            ("1e3", "Float 1000"),
            ("1_0.5", "Float 10.5"),
            ("1.5e-7", "Float 0.00000015"),
            ("-0.0", "Float -0"),
            (".inf", "Float +Inf"),
            ("-.inf", "Float -Inf"),
            (".nan", "Float NaN"),
            ("1e400", "Str 1e400"),
            ("0x1p-2", "Str 0x1p-2"),
            ("1e3.5", "Str 1e3.5"),
            ("0o8", "Str 0o8"),
            ("0b102", "Str 0b102"),
            ("1:30", "Str 1:30"),
            ("TRUE", "Bool True"),
            ("off", "Str off"),
            ("y", "Str y"),
            ("2024-01-02", "Time 2024-01-02T00:00:00Z"),
            ("2024-13-01", "Str 2024-13-01"),
            ("-", "Str -"),
            ("+", "Str +"),
            (".", "Str ."),
            ("<<", "Str <<"),
            ("1.2.3", "Str 1.2.3"),
            ("0x", "Str 0x"),
            ("_1", "Str _1"),
            ("00", "Int 0"),
            (
                "1e5_0",
                "Float 100000000000000000000000000000000000000000000000000",
            ),
        ] {
            assert_eq!(plain(text), meaning, "{text}");
        }
    }

    #[test]
    fn tags_decide_or_are_refused() {
        let kind = |tag, text, quoted| {
            resolve(tag, text, quoted).map(|value| value.map(|value| value.kind))
        };
        assert_eq!(kind(Tag::Float, "3", false), Ok(Some(Kind::Float)));
        assert_eq!(kind(Tag::Int, "3", true), Ok(Some(Kind::Int)));
        assert_eq!(kind(Tag::Str, "3", false), Ok(Some(Kind::Str)));
        assert_eq!(kind(Tag::Local, "3", false), Ok(Some(Kind::Str)));
        assert_eq!(
            kind(Tag::Timestamp, "2024-01-01", true),
            Ok(Some(Kind::Time))
        );
        assert_eq!(kind(Tag::Null, "", false), Ok(None));
        assert_eq!(kind(Tag::Bool, "yes", false), Err(BadScalar::TagMismatch));
        assert_eq!(kind(Tag::Int, "x", false), Err(BadScalar::TagMismatch));
        let binary = resolve(Tag::Binary, "aGVs\nbG8=", true).unwrap().unwrap();
        assert_eq!(binary.bytes.as_str(), Some("hello"));
        assert_eq!(
            kind(Tag::Binary, "not base64!", false),
            Err(BadScalar::TagMismatch)
        );
    }
}
