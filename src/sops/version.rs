//! The `version` in the metadata: what sops reads, and refuses a file over.

/// Whether sops opens a file with this version: `SemVer` 2.0 (semver.org), with or without a `v`
/// before it, or the two numbers of the versions before 2, of which it looks at no more than `1.`.
/// Seen with sops 3.11, which ends with 1 and decrypts nothing otherwise.
pub fn is_readable(version: &str) -> bool {
    if version.starts_with("1.") {
        return true;
    }
    let version = version.strip_prefix('v').unwrap_or(version);
    let (version, build) = split(version, '+');
    let (numbers, release) = split(version, '-');
    let numbers: Vec<&str> = numbers.split('.').collect();
    numbers.len() == 3
        && numbers.into_iter().all(is_number)
        && build.is_none_or(|build| build.split('.').all(is_word))
        && release.is_none_or(|release| release.split('.').all(is_identifier))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn is_number(text: &str) -> bool {
    let canonical = text == "0" || !text.starts_with('0');
    canonical && is_digits(text) && text.parse::<u64>().is_ok()
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.bytes().all(sound)
}

/// A part of what stands behind the dash: a word, or a number in its canonical form.
fn is_identifier(text: &str) -> bool {
    is_word(text) && (!is_digits(text) || is_number(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::metadata::VERSION;

    #[test]
    fn versions_are_judged_as_sops_judges_them() {
        for version in [
            VERSION,
            "3.11.0",
            "v3.11.0",
            "3.11.0-rc.1",
            "3.0.0-0a-.x+001",
            "99.0.0",
            "1.2",
            "1.x",
        ] {
            assert!(is_readable(version), "{version}");
        }
        for version in [
            "",
            "3",
            "3.11",
            "03.1.0",
            "3.1.0-01",
            "3.1.0+a_b",
            "3.1.0+",
            "3.1.0-",
            "3.1.0-a..b",
            "3.1.0.0",
            "99999999999999999999.0.0",
            "mvx-1.0",
            " 3.1.0",
            "3.1.0-ä",
            "3.1.x",
        ] {
            assert!(!is_readable(version), "{version}");
        }
    }
}
