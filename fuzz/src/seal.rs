//! Sealed files that somebody has changed (docs/seal.md).

use std::collections::BTreeSet;
use std::sync::OnceLock;

use mvx::error::{Exit, Explain as _};
use mvx::sops::open::plaintext;
use mvx::sops::signet::SealState;
use mvx::stores::Format;

use super::files::{Counter, Sealed, is_clear, key, metadata, sealer};
use super::gaps::{Facts, Gap};

/// What is sealed: a clear value and an encrypted one of each type, comments, nulls, lists, and a
/// spelling that must be remembered.
const TEXTS: [(Format, &str); 6] = [
    (
        Format::Yaml,
        "# head\nclear: he\nnext: llo\nsecret: \"12\"\nempty: \"\"\nmap:\n    # on a\n    a: 0x1F\n    none: null\nlist:\n    - [a, {b: 1.10}]\n    - |\n        two\n        lines\n",
    ),
    (
        Format::Yaml,
        "clear: 1\nsecret: &x [a, b]\n---\nsecret: true # beside\nmap: {}\n",
    ),
    (
        Format::Json,
        "{\"clear\": 1.50, \"secret\": [1, {}, null, \"\\u00e9\"], \"map\": {\"a\": true}}\n",
    ),
    (Format::Dotenv, "# a\nclear=1\nsecret=2\nlist='x y'\n"),
    (
        Format::Ini,
        "; a\nroot = 1\n[map]\nclear = 1\nsecret = \"2\"\n[list]\nc = d\n",
    ),
    (Format::Binary, "\u{1}any bytes"),
];

/// A file, sealed, and everything that its seal covers.
pub struct Base {
    format: Format,
    /// The sealed text.
    pub text: Vec<u8>,
    canonical: String,
    facts: Facts,
}

/// What became of a sealed text that somebody has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It does not open.
    Refused,
    /// It opens and is sealed: the change was one of layout.
    Same,
    /// It opens without a seal, to the same values at the same places.
    Unsealed,
    /// It opens without a seal to something else, through these gaps.
    UnsealedAndChanged(BTreeSet<Gap>),
    /// It is no sealed file any more.
    Plain,
}

/// Every kind of file, sealed.
pub fn bases() -> &'static [Base] {
    static BASES: OnceLock<Vec<Base>> = OnceLock::new();
    BASES.get_or_init(|| {
        let texts = TEXTS.iter().zip(1..);
        texts.map(|(text, at)| base(*text, at)).collect()
    })
}

fn base((format, text): (Format, &str), at: u64) -> Base {
    let selector = (format != Format::Binary).then_some(("encrypted_regex", "^(s|list|map)"));
    let key = key();
    let sealed = sealer(format, &key, &mut Counter(at << 32))
        .seal(text.as_bytes(), metadata(selector, false), None)
        .unwrap_or_else(|error| panic!("{error}"));
    let open = Sealed::own(format, sealed.text.as_bytes());
    Base {
        format,
        text: sealed.text.as_bytes().to_vec(),
        canonical: open.canonical(),
        facts: Facts::of(&open),
    }
}

impl Base {
    /// Opens a changed text. With a seal that fits, it must hold what the original holds; without
    /// one, what SOPS's encryption and MAC cover.
    pub fn judge(&self, text: &[u8]) -> Outcome {
        let mut open = match Sealed::open(self.format, text) {
            Ok(Some(open)) => open,
            Ok(None) => return Outcome::Plain,
            Err(error) => {
                is_clear(&error);
                // The last one is said of a `sops` block in the wrong place.
                let exits = [
                    Exit::IO,
                    Exit::VALUE,
                    Exit::MAC,
                    Exit::RULES,
                    Exit::ALREADY_ENCRYPTED,
                ];
                assert!(exits.contains(&error.exit()), "{:?} {error}", error.exit());
                return Outcome::Refused;
            }
        };
        if open.opened.seal != SealState::Valid {
            assert_eq!(open.opened.seal, SealState::Missing);
            let facts = Facts::of(&open);
            if facts == self.facts {
                return Outcome::Unsealed;
            }
            let gaps = self.facts.gaps(&facts);
            assert!(!gaps.is_empty(), "it differs in nothing that has a name");
            return Outcome::UnsealedAndChanged(gaps);
        }
        let found = open.canonical();
        assert!(found == self.canonical, "{found}\n{}", self.canonical);
        let store = self.format.store();
        let plain = plaintext(store, text, &open.tree, &mut open.opened);
        if let Err(error) = plain {
            is_clear(&error);
        }
        Outcome::Same
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.format.name()
    }
}

/// However a sealed text is changed: it is refused, or it has lost its seal and differs in nothing
/// but SOPS's gaps, or it is the same but for layout. The bytes choose a file and what is done to it.
pub fn check(data: &[u8]) {
    let Some((first, script)) = data.split_first() else {
        return;
    };
    let base = &bases()[usize::from(*first) % bases().len()];
    base.judge(&changed(&base.text, script));
}

/// A text after up to eight changes: bytes flipped, taken out, put in, copied and moved, lines
/// swapped.
fn changed(text: &[u8], script: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let mut script = script.iter().copied();
    for _ in 0..8 {
        let Some(what) = script.next() else { break };
        let mut number = |below: usize| {
            let [high, low] = [script.next(), script.next()].map(Option::unwrap_or_default);
            usize::from(u16::from_be_bytes([high, low])) % (below + 1)
        };
        let at = number(text.len());
        match what % 7 {
            0 => {
                let mask = number(254) + 1;
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= u8::try_from(mask).unwrap_or(1);
                }
            }
            1 => {
                let end = (at + number(64)).min(text.len());
                text.drain(at..end);
            }
            2 => {
                let length = number(16);
                let bytes: Vec<u8> = script.by_ref().take(length).collect();
                text.splice(at..at, bytes);
            }
            3 => {
                let end = (at + number(200)).min(text.len());
                let piece = text[at..end].to_vec();
                let to = number(text.len());
                text.splice(to..to, piece);
            }
            4 => {
                let end = (at + number(200)).min(text.len());
                let piece: Vec<u8> = text.drain(at..end).collect();
                let to = number(text.len());
                text.splice(to..to, piece);
            }
            kind => {
                let mut lines: Vec<Vec<u8>> = text
                    .split_inclusive(|byte| *byte == b'\n')
                    .map(<[u8]>::to_vec)
                    .collect();
                if !lines.is_empty() {
                    let (one, other) = (at % lines.len(), number(lines.len() - 1));
                    if kind == 5 {
                        lines.swap(one, other);
                    } else {
                        let copy = lines[one].clone();
                        lines.insert(other, copy);
                    }
                }
                text = lines.concat();
            }
        }
    }
    text
}
