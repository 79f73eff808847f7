//! The text of an encrypted value: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]` (SOPS-FORMAT 1.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::document::Kind;

/// What every envelope begins with.
pub const PREFIX: &str = "ENC[AES256_GCM,data:";

/// Length of the authentication tag in bytes.
pub const TAG_LEN: usize = 16;

/// Length of the IVs that are written. Other lengths are read, never written: sops panics when it
/// encrypts a value anew that had one.
pub const IV_LEN: usize = 32;

/// An envelope's parts, decoded.
pub struct Envelope {
    /// The ciphertext without the tag.
    pub data: Vec<u8>,
    /// The IV.
    pub iv: Vec<u8>,
    /// The authentication tag.
    pub tag: Vec<u8>,
    /// The type of the value inside.
    pub kind: Kind,
}

impl Envelope {
    /// Whether a text claims to be an envelope.
    pub fn looks_like(text: &[u8]) -> bool {
        text.starts_with(PREFIX.as_bytes())
    }

    /// Reads an envelope. Strict, where sops lets text after the closing bracket pass: `None` for
    /// anything that mvx would not write itself, but for IVs of other lengths.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let rest = std::str::from_utf8(text).ok()?.strip_prefix(PREFIX)?;
        let (data, rest) = rest.split_once(",iv:")?;
        let (iv, rest) = rest.split_once(",tag:")?;
        let (tag, rest) = rest.split_once(",type:")?;
        let kind = kind_from(rest.strip_suffix(']')?)?;
        let decode = |field: &str| {
            STANDARD
                .decode(field)
                .ok()
                .filter(|bytes| !bytes.is_empty())
        };
        let tag = decode(tag).filter(|tag| tag.len() == TAG_LEN)?;
        Some(Self {
            data: decode(data)?,
            iv: decode(iv)?,
            tag,
            kind,
        })
    }

    /// Writes the envelope.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.data.len() * 4 / 3 + 160);
        text.push_str(PREFIX);
        STANDARD.encode_string(&self.data, &mut text);
        text.push_str(",iv:");
        STANDARD.encode_string(&self.iv, &mut text);
        text.push_str(",tag:");
        STANDARD.encode_string(&self.tag, &mut text);
        text.push_str(",type:");
        text.push_str(kind_name(self.kind));
        text.push(']');
        text
    }
}

/// SOPS's name of a type.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Str => "str",
        Kind::Int => "int",
        Kind::Float => "float",
        Kind::Bool => "bool",
        Kind::Time => "time",
        Kind::Bytes => "bytes",
        Kind::Comment => "comment",
    }
}

fn kind_from(name: &str) -> Option<Kind> {
    Some(match name {
        "str" => Kind::Str,
        "int" => Kind::Int,
        "float" => Kind::Float,
        "bool" => Kind::Bool,
        "time" => Kind::Time,
        "bytes" => Kind::Bytes,
        "comment" => Kind::Comment,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &str = "ENC[AES256_GCM,data:Mtg=,iv:Fv0vhau8jdhKcZ4UYvYe2fro+6BrPo3luyCC++aFWuA=,tag:DD3fQJr4eWmnyCHXE0kWDQ==,type:int]";

    #[test]
    fn what_sops_wrote_is_written_again() {
        assert_eq!(
            Envelope::parse(SAMPLE.as_bytes()).unwrap().to_text(),
            SAMPLE
        );
    }

    #[test]
    fn text_after_the_bracket_is_refused() {
        for bad in [
            format!("{SAMPLE} "),
            format!("{SAMPLE}x]"),
            format!(" {SAMPLE}"),
            SAMPLE.replace("type:int", "type:ints"),
            SAMPLE.replace("data:Mtg=", "data:"),
            SAMPLE.replace("data:Mtg=", "data:Mtg"),
            SAMPLE.replace("tag:DD3f", "tag:"),
        ] {
            assert!(Envelope::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(text: Vec<u8>) {
            if let Some(envelope) = Envelope::parse(&text) {
                let again = envelope.to_text();
                prop_assert_eq!(again.as_bytes(), &text[..]);
            }
        }
    }
}
