//! Names of keys and roles, and the hosts that they lead to. They come from the repository, so that
//! nothing in them may lead to a host that is not Amazon's own.

use std::fmt;

use crate::keys::remote::{Reason, Refusal};

/// One of Amazon's partitions: a cloud of its own, with regions and host names of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Partition {
    /// Its name in an ARN.
    id: &'static str,
    /// What the names of its regions begin with; nothing for the one that has many.
    regions: &'static str,
    /// What the names of its hosts end with.
    suffix: &'static str,
}

/// Source: `partitions.json` of Amazon's SDKs.
static PARTITIONS: [Partition; 8] = [
    Partition {
        id: "aws-cn",
        regions: "cn-",
        suffix: "amazonaws.com.cn",
    },
    Partition {
        id: "aws-us-gov",
        regions: "us-gov-",
        suffix: "amazonaws.com",
    },
    Partition {
        id: "aws-iso",
        regions: "us-iso-",
        suffix: "c2s.ic.gov",
    },
    Partition {
        id: "aws-iso-b",
        regions: "us-isob-",
        suffix: "sc2s.sgov.gov",
    },
    Partition {
        id: "aws-iso-e",
        regions: "eu-isoe-",
        suffix: "cloud.adc-e.uk",
    },
    Partition {
        id: "aws-iso-f",
        regions: "us-isof-",
        suffix: "csp.hci.ic.gov",
    },
    Partition {
        id: "aws-eusc",
        regions: "eusc-",
        suffix: "amazonaws.eu",
    },
    Partition {
        id: "aws",
        regions: "",
        suffix: "amazonaws.com",
    },
];

/// A region in its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    /// `eu-west-1`.
    pub(super) name: String,
    partition: &'static Partition,
}

impl Region {
    /// A region by its name: words and a number, with hyphens between them.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut words = name.split('-');
        let number = words.next_back()?;
        let is_number =
            (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        let words: Vec<&str> = words.collect();
        let are_words = words.iter().all(|word| {
            (2..=16).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase())
        });
        if !is_number || !are_words || !(2..=3).contains(&words.len()) {
            return None;
        }
        let mut partitions = PARTITIONS.iter();
        let partition = partitions.find(|partition| name.starts_with(partition.regions))?;
        Some(Self {
            name: name.to_owned(),
            partition,
        })
    }

    /// Amazon's own address of a service: `https://kms.eu-west-1.amazonaws.com`.
    pub(super) fn address(&self, service: &str) -> String {
        format!("https://{service}.{}.{}", self.name, self.partition.suffix)
    }

    /// The partition's name.
    pub(super) fn partition(&self) -> &'static str {
        self.partition.id
    }
}

/// A key, or an alias of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyArn {
    /// The whole ARN.
    text: String,
    /// Where it is.
    pub(super) region: Region,
    /// The key's id; `None` for an alias, which may point to another key tomorrow.
    pub(super) id: Option<String>,
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl KeyArn {
    /// Reads `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` or `…:alias/NAME`.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed = || {
            Refusal::new(Reason::Malformed, "it is the ARN of no KMS key")
                .hint("an ARN is written `arn:aws:kms:REGION:ACCOUNT:key/ID`, or `…:alias/NAME`")
        };
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "kms", region, account, resource] = parts.as_slice() else {
            return Err(malformed());
        };
        let region = Region::parse(region).ok_or_else(malformed)?;
        if region.partition() != *partition || !is_account(account) || text.len() > MOST {
            return Err(malformed());
        }
        let id = match resource.split_once('/') {
            Some(("key", id)) if is_word(id, b"-") => Some(id.to_owned()),
            Some(("alias", name)) if is_word(name, b"-_/") => None,
            _ => return Err(malformed()),
        };
        Ok(Self {
            text: text.to_owned(),
            region,
            id,
        })
    }
}

/// Checks `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
pub(super) fn check_role(text: &str) -> Result<(), Refusal> {
    let parts: Vec<&str> = text.split(':').collect();
    let sound = matches!(
        parts.as_slice(),
        ["arn", partition, "iam", "", account, role]
            if PARTITIONS.iter().any(|known| known.id == *partition)
                && is_account(account)
                && role.strip_prefix("role/").is_some_and(|name| is_word(name, b"/_+=,.@-"))
    );
    if sound && text.len() <= MOST {
        return Ok(());
    }
    Err(
        Refusal::new(Reason::Malformed, "its `role` is the ARN of no role")
            .hint("a role is written `arn:aws:iam::ACCOUNT:role/NAME`"),
    )
}

/// The most characters of an ARN (IAM's limit).
const MOST: usize = 2048;

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// ASCII letters, digits and `others`, at least one and at most 512.
fn is_word(text: &str, others: &[u8]) -> bool {
    (1..=512).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_to_amazons_hosts() {
        for (arn, address) in [
            (
                "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                "https://kms.eu-west-1.amazonaws.com",
            ),
            (
                "arn:aws:kms:us-east-1:111122223333:alias/team/sops_1",
                "https://kms.us-east-1.amazonaws.com",
            ),
            (
                "arn:aws:kms:ap-southeast-2:111122223333:key/mrk-1234",
                "https://kms.ap-southeast-2.amazonaws.com",
            ),
            (
                "arn:aws-cn:kms:cn-north-1:111122223333:key/k",
                "https://kms.cn-north-1.amazonaws.com.cn",
            ),
            (
                "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/k",
                "https://kms.us-gov-west-1.amazonaws.com",
            ),
            (
                "arn:aws-iso:kms:us-iso-east-1:111122223333:key/k",
                "https://kms.us-iso-east-1.c2s.ic.gov",
            ),
            (
                "arn:aws-iso-b:kms:us-isob-east-1:111122223333:key/k",
                "https://kms.us-isob-east-1.sc2s.sgov.gov",
            ),
            (
                "arn:aws-eusc:kms:eusc-de-east-1:111122223333:key/k",
                "https://kms.eusc-de-east-1.amazonaws.eu",
            ),
        ] {
            assert_eq!(KeyArn::parse(arn).unwrap().region.address("kms"), address);
        }
    }

    #[test]
    fn nothing_in_an_arn_leads_elsewhere() {
        for arn in [
            "",
            "arn:aws:kms",
            "arn:aws:kms:eu-west-1:111122223333:key/",
            "arn:aws:kms:eu-west-1:111122223333:alias/",
            "arn:aws:kms:eu-west-1:111122223333:grant/x",
            "arn:aws:kms:eu-west-1:111122223333:key/a:b",
            "arn:aws:kms:eu-west-1:111122223333:key/a b",
            "arn:aws:kms:eu-west-1:111122223333:key/a/b",
            "arn:aws:kms:eu-west-1:111122223333:key/a\n",
            "arn:aws:kms:eu-west-1:111122223333:key/\u{202e}a",
            "arn:aws:s3:eu-west-1:111122223333:key/a",
            "arn:aws:kms::111122223333:key/a",
            "arn:aws:kms:eu-west-1::key/a",
            "arn:aws:kms:eu-west-1:11112222333:key/a",
            "arn:aws:kms:eu-west-1:11112222333x:key/a",
            "arn:aws:kms:evil.com/:111122223333:key/a",
            "arn:aws:kms:evil.com#-1:111122223333:key/a",
            "arn:aws:kms:eu-west-1.evil.com:111122223333:key/a",
            "arn:aws:kms:eu-west-1@evil.com:111122223333:key/a",
            "arn:aws:kms:eu-west-1\\evil.com:111122223333:key/a",
            "arn:aws:kms:eu-west-1%2eevil:111122223333:key/a",
            "arn:aws:kms:EU-WEST-1:111122223333:key/a",
            "arn:aws:kms:evil:111122223333:key/a",
            "arn:aws:kms:evil-1:111122223333:key/a",
            "arn:aws:kms:-eu-west-1:111122223333:key/a",
            "arn:aws:kms:eu--west-1:111122223333:key/a",
            "arn:aws:kms:еu-west-1:111122223333:key/a",
            "arn:aws:kms:eu-west-123:111122223333:key/a",
            "arn:aws:kms:cn-north-1:111122223333:key/a",
            "arn:aws:kms:us-gov-west-1:111122223333:key/a",
            "arn:aws-cn:kms:eu-west-1:111122223333:key/a",
            "arn:aws-evil:kms:eu-west-1:111122223333:key/a",
            "arn:aws:kms:eu-west-1:111122223333:key/a:extra",
            " arn:aws:kms:eu-west-1:111122223333:key/a",
        ] {
            assert!(KeyArn::parse(arn).is_err(), "{arn}");
        }
        let long = format!("arn:aws:kms:eu-west-1:111122223333:key/{}", "a".repeat(513));
        assert!(KeyArn::parse(&long).is_err());
    }

    #[test]
    fn roles_are_roles() {
        for role in [
            "arn:aws:iam::111122223333:role/mvx",
            "arn:aws-cn:iam::111122223333:role/a/b/mvx+=,.@-_",
        ] {
            check_role(role).unwrap();
        }
        for role in [
            "",
            "mvx",
            "arn:aws:iam::111122223333:user/mvx",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/a&b=c",
            "arn:aws:iam::111122223333:role/a b",
            "arn:aws:iam:eu-west-1:111122223333:role/a",
            "arn:evil:iam::111122223333:role/a",
            "arn:aws:iam::1:role/a",
        ] {
            assert!(check_role(role).is_err(), "{role}");
        }
    }
}
