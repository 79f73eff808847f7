//! The ARN of a key, checked: nothing in it leads to a host that is not Amazon's.

use crate::keys::remote::{Reason, Refusal};

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` or `…:alias/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arn {
    /// As it was written.
    pub(super) text: String,
    /// The region.
    pub(super) region: String,
    /// What the names of the region's hosts end with.
    suffix: &'static str,
    /// The key's id, where it is not named by an alias.
    pub(super) key_id: Option<String>,
}

/// Amazon's partitions: what the names of their regions begin with, and what the names of their hosts
/// end with. The most particular comes first. Source: `partitions.json` of the SDKs.
const PARTITIONS: [(&str, &str, &str); 8] = [
    ("aws-cn", "cn-", "amazonaws.com.cn"),
    ("aws-us-gov", "us-gov-", "amazonaws.com"),
    ("aws-iso-b", "us-isob-", "sc2s.sgov.gov"),
    ("aws-iso-f", "us-isof-", "csp.hci.ic.gov"),
    ("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk"),
    ("aws-iso", "us-iso-", "c2s.ic.gov"),
    ("aws-eusc", "eusc-", "amazonaws.eu"),
    ("aws", "", "amazonaws.com"),
];

/// The longest ARN, in bytes; an alias has 256 characters at most.
const MOST: usize = 512;

impl Arn {
    /// Takes a recipient's text apart.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        Self::sound(text).ok_or_else(|| {
            Refusal::new(Reason::Malformed, "this is no ARN of a KMS key").hint(
                "an ARN is `arn:aws:kms:REGION:ACCOUNT:key/ID`, or `…:alias/NAME`; `aws kms list-keys` shows them",
            )
        })
    }

    fn sound(text: &str) -> Option<Self> {
        if text.len() > MOST {
            return None;
        }
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "kms", region, account, resource] = parts.as_slice() else {
            return None;
        };
        // The region alone says which partition's hosts it has; the ARN must agree.
        let (known, _, suffix) = PARTITIONS
            .iter()
            .find(|(_, prefix, _)| region.starts_with(prefix))?;
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte))
        };
        let sound = partition == known
            && is_region(region)
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit());
        let (kind, name) = resource.split_once('/')?;
        if !sound || !is_word(name) || !matches!(kind, "key" | "alias") {
            return None;
        }
        Some(Self {
            text: text.to_owned(),
            region: (*region).to_owned(),
            suffix,
            key_id: (kind == "key").then(|| name.to_owned()),
        })
    }

    /// Where KMS is asked about it, unless the user says otherwise.
    pub(super) fn endpoint(&self) -> String {
        format!("https://kms.{}.{}", self.region, self.suffix)
    }

    /// Whether `other`, which the service names, may be the same key. A key of several regions has the
    /// same id in all of them.
    pub(super) fn may_be(&self, other: &str) -> bool {
        match &self.key_id {
            Some(id) => other.rsplit('/').next() == Some(id),
            None => true,
        }
    }
}

/// Whether a text is the name of a region: one label of a host's name, and nothing else.
fn is_region(text: &str) -> bool {
    (3..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_aliases_of_every_partition_are_taken() {
        for (text, endpoint) in [
            (
                "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab",
                "https://kms.eu-west-1.amazonaws.com",
            ),
            (
                "arn:aws:kms:us-east-1:111122223333:alias/team/shop_1",
                "https://kms.us-east-1.amazonaws.com",
            ),
            (
                "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-0a",
                "https://kms.cn-north-1.amazonaws.com.cn",
            ),
            (
                "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/k",
                "https://kms.us-gov-west-1.amazonaws.com",
            ),
            (
                "arn:aws-eusc:kms:eusc-de-east-1:111122223333:key/k",
                "https://kms.eusc-de-east-1.amazonaws.eu",
            ),
        ] {
            let arn = Arn::parse(text).unwrap();
            assert_eq!(
                (arn.text.as_str(), arn.endpoint().as_str()),
                (text, endpoint)
            );
        }
    }

    #[test]
    fn nothing_leads_elsewhere() {
        let of_region = |region: &str| format!("arn:aws:kms:{region}:111122223333:key/k");
        for region in [
            "",
            "x",
            "evil.com/",
            "eu-west-1.evil.com",
            "evil.com#",
            "eu-west-1@evil",
            "EU-west-1",
            "-west-1",
            "eu-west-",
            "eu west-1",
            "eu-west-1\r\n",
            "еu-west-1",
            "127.0.0.1",
            "eu%2e1",
            "cn-north-1",
            "us-gov-west-1",
        ] {
            let error = Arn::parse(&of_region(region)).unwrap_err();
            assert_eq!(error.reason, Reason::Malformed, "{region:?}");
        }
        for text in [
            "",
            "arn:aws:kms:eu-west-1:111122223333:key/",
            "arn:aws:kms:eu-west-1:111122223333:key/k:l",
            "arn:aws:kms:eu-west-1:11112222333:key/k",
            "arn:aws:kms:eu-west-1:11112222333a:key/k",
            "arn:aws:s3:eu-west-1:111122223333:key/k",
            "arn:aws-cn:kms:eu-west-1:111122223333:key/k",
            "arn:evil:kms:eu-west-1:111122223333:key/k",
            "arn:aws:kms:eu-west-1:111122223333:grant/k",
            "arn:aws:kms:eu-west-1:111122223333:key/k\u{202e}",
            "arn:aws:kms:eu-west-1:111122223333:key/k?x",
        ] {
            assert!(Arn::parse(text).is_err(), "{text}");
        }
        let long = format!("arn:aws:kms:eu-west-1:111122223333:key/{}", "k".repeat(600));
        assert!(Arn::parse(&long).is_err());
    }

    #[test]
    fn an_alias_may_be_any_key_and_an_id_only_its_own() {
        let key = Arn::parse("arn:aws:kms:eu-west-1:111122223333:key/mrk-1").unwrap();
        assert!(key.may_be("arn:aws:kms:us-east-1:111122223333:key/mrk-1"));
        assert!(!key.may_be("arn:aws:kms:eu-west-1:111122223333:key/mrk-12"));
        let alias = Arn::parse("arn:aws:kms:eu-west-1:111122223333:alias/a").unwrap();
        assert!(alias.may_be("arn:aws:kms:eu-west-1:111122223333:key/k"));
    }
}
