//! A secret as it may be shown: what everybody knows of it, and no more.

/// What is shown in the place of a secret: the fixed prefix that its issuer gives to all of its kind,
/// if it has one, and a class of lengths. Nothing that tells one secret of a kind from another, so
/// that it does not help guessing.
pub fn redacted(secret: &[u8]) -> String {
    format!("{}…, {}", public_prefix(secret), length(secret))
}

/// The class of a secret's length, in characters. Wide, because the exact length of a password is
/// worth something to who guesses it.
pub fn length(secret: &[u8]) -> &'static str {
    let characters = std::str::from_utf8(secret).map_or(secret.len(), |text| text.chars().count());
    match characters {
        0..=15 => "under 16 characters",
        16..=31 => "16 to 31 characters",
        32..=63 => "32 to 63 characters",
        64..=127 => "64 to 127 characters",
        128..=1023 => "128 to 1023 characters",
        _ => "over 1023 characters",
    }
}

/// The beginning of a secret that is the same in all of its kind.
pub fn public_prefix(secret: &[u8]) -> &str {
    let text = match std::str::from_utf8(secret) {
        Ok(text) => text,
        Err(error) => secret
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    if let Some(label) = armour(text) {
        return label;
    }
    let longest = PREFIXES
        .iter()
        .filter(|prefix| text.starts_with(**prefix) && secret.len() >= prefix.len() + LEAST_BEHIND)
        .max_by_key(|prefix| prefix.len());
    longest
        .and_then(|prefix| text.get(..prefix.len()))
        .unwrap_or_default()
}

/// `-----BEGIN … KEY-----` (RFC 7468): its label says nothing of the key.
fn armour(text: &str) -> Option<&str> {
    const BEGIN: &str = "-----BEGIN ";
    let label = text.strip_prefix(BEGIN)?;
    let end = label.find("-----")?;
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ';
    label
        .get(..end)
        .filter(|label| label.len() <= 40 && label.chars().all(plain))?;
    text.get(..BEGIN.len() + end + "-----".len())
}

/// How many bytes must stand behind a prefix, so that a password which happens to begin like a token
/// shows nothing.
const LEAST_BEHIND: usize = 12;

/// Prefixes that issuers document, or that a format implies, one for each kind of token.
const PREFIXES: &[&str] = &[
    "AGE-PLUGIN-",
    "AGE-SECRET-KEY-1",
    "AIza",
    "AKIA",
    "ASIA",
    "ATATT3",
    "ATBB",
    "ATCTT3",
    "CFPAT-",
    "EAAA",
    "EZAK",
    "EZTK",
    "FLWSECK",
    "GOCSPX-",
    "HRKU-",
    "LTAI",
    "NRAK-",
    "PMAK-",
    "SG.",
    "api_org_",
    "dckr_pat_",
    "ddp_",
    "doo_v1_",
    "dop_v1_",
    "dor_v1_",
    "dp.pt.",
    "dp.st.",
    "duffel_",
    "eyJ",
    "figd_",
    "fio-u-",
    "fo1_",
    "gho_",
    "ghp_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "gldt-",
    "gloas-",
    "glpat-",
    "glptt-",
    "glrt-",
    "glsa_",
    "hf_",
    "hvb.",
    "hvs.",
    "lin_api_",
    "mlsn.",
    "npm_",
    "nvapi-",
    "phc_",
    "phx_",
    "pk_live_",
    "pk_test_",
    "pnu_",
    "pscale_",
    "pul-",
    "pypi-AgEIcHlwaS5vcmc",
    "rk_live_",
    "rk_test_",
    "rubygems_",
    "sbp_",
    "shpat_",
    "shpca_",
    "shppa_",
    "shpss_",
    "sk-ant-",
    "sk-proj-",
    "sk_live_",
    "sk_test_",
    "sntrys_",
    "sntryu_",
    "sq0atp-",
    "sq0csp-",
    "tfp_",
    "tskey-",
    "vercel_",
    "whsec_",
    "xapp-",
    "xkeysib-",
    "xoxa-",
    "xoxb-",
    "xoxe-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "ya29.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_all_of_a_kind_share_is_shown() {
        for (secret, shown) in [
            (
                "ghp_0123456789abcdefghij0123456789abcdef",
                "ghp_…, 32 to 63 characters",
            ),
            ("hunter2", "…, under 16 characters"),
            ("", "…, under 16 characters"),
            // a password that begins like a token
            ("sk_test_hunter2", "…, under 16 characters"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIEow",
                "-----BEGIN RSA PRIVATE KEY-----…, 32 to 63 characters",
            ),
            (
                "-----BEGIN hunter2 PRIVATE KEY-----\nMII",
                "…, 32 to 63 characters",
            ),
            ("пароль пароль пароль", "…, 16 to 31 characters"),
        ] {
            assert_eq!(redacted(secret.as_bytes()), shown, "{secret}");
        }
        assert_eq!(
            redacted(b"ghp_\xff0123456789abcdef"),
            "ghp_…, 16 to 31 characters"
        );
    }

    #[test]
    fn prefixes_are_short_and_sorted() {
        assert!(PREFIXES.is_sorted_by(|one, other| one < other));
        for prefix in PREFIXES {
            assert!(prefix.len() >= 3 && prefix.len() <= 20, "{prefix}");
        }
    }

    proptest! {
        #[test]
        fn nothing_behind_the_prefix_shows(secret in "[a-zA-Z0-9_.-]{24,80}") {
            let shown = redacted(secret.as_bytes());
            let prefix = public_prefix(secret.as_bytes());
            prop_assert!(prefix.is_empty() || PREFIXES.contains(&prefix));
            let behind = secret.get(prefix.len()..).unwrap();
            prop_assert!(!shown.contains(behind.get(..6).unwrap()));
        }
    }
}
