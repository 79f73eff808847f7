//! What goes into a scan and what comes out.

use std::fmt;
use std::ops::Range;

use jiff::civil::Date;

use super::rule::{Confidence, Text};
use crate::secret::Cleartext;

/// A text, or any other bytes, to be scanned.
#[derive(Clone, Copy, Default)]
pub struct Input<'a> {
    /// Where it lies, with `/` between the parts: for rules and allowances that ask for a path.
    pub path: Option<&'a [u8]>,
    /// The whole of it, also where only parts are to be scanned: lines are counted from here, and a
    /// key may stand on a line that did not change.
    pub bytes: &'a [u8],
    /// Only what touches the lines of these ranges is found; everything where there is none given.
    /// In any order; they may overlap. An empty range is a place where something was taken away:
    /// the lines on both sides of it count. Of a line longer than 8 KiB, the 4 KiB on either side
    /// of a range count.
    pub ranges: Option<&'a [Range<usize>]>,
}

impl<'a> Input<'a> {
    /// A whole text without a path.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }
}

/// What one text held.
#[derive(Default)]
pub struct Found {
    /// In the order of their spans.
    pub hits: Vec<Hit>,
    /// The encrypted tokens that were skipped.
    pub encrypted: Encrypted,
    /// Why it is not known to be clean although nothing else was found.
    pub incomplete: Option<Limit>,
}

/// A secret that was found. Its `Debug` shows nothing of it.
pub struct Hit {
    /// The rule, for [`Scanner::rule`](super::Scanner::rule).
    pub rule: RuleNumber,
    /// The secret's bytes in the input; where it was decoded, those of the encoded text. Empty, at
    /// 0, where the path alone is the finding.
    pub span: Range<usize>,
    /// All that the rule's regex matched, the name before the secret for instance.
    pub context: Range<usize>,
    /// Where the span begins.
    pub start: Position,
    /// Where the span ends: behind its last character.
    pub end: Position,
    /// The secret, decoded.
    pub secret: Cleartext,
    /// How sure it is: the rule's, or lower where a check speaks against it.
    pub confidence: Confidence,
    /// How it was decoded, the outermost first; empty where it stood in clear.
    pub decoded_by: Vec<Decoder>,
    /// What lets it pass, if anything does and the day is right: see [`Allow::holds_on`].
    pub allowed: Option<Allow>,
    /// Commits in which the rule file lets it pass: for the caller, who knows the commit.
    pub commits: Vec<Text>,
}

/// A rule's number in its scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleNumber(pub(super) u32);

/// A place in a text, as editors count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters of UTF-8, from 1; bytes that only continue one do not count.
    pub column: usize,
}

/// What an encoded secret was encoded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decoder {
    /// RFC 4648, either alphabet, also in wrapped lines.
    Base64,
    /// Pairs of hexadecimal digits.
    Hex,
    /// `%XX` (RFC 3986).
    Percent,
    /// `\uXXXX`, `\xXX`.
    Escapes,
    /// Two bytes a character, in either order.
    Utf16,
}

impl Decoder {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Percent => "percent",
            Self::Escapes => "unicode",
            Self::Utf16 => "utf-16",
        }
    }
}

/// Why a finding may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// Who says so.
    pub by: AllowedBy,
    /// Why, as it was written.
    pub reason: Option<String>,
    /// Until when.
    pub until: Until,
}

/// Who lets a finding pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedBy {
    /// A comment in the text, such as `mvx:allow`.
    Marker {
        /// The word itself.
        word: &'static str,
        /// The line it stands on, from 1.
        line: usize,
    },
    /// `[[scan.allow]]`: its number in [`Rules::allowances`](super::Rules::allowances).
    Rules(usize),
}

/// Until when something is let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Always.
    Ever,
    /// The last day, UTC.
    Day(Date),
    /// Something that is no date: it lets nothing pass.
    Unreadable,
}

impl Allow {
    /// Whether the finding passes on this day (UTC).
    pub fn holds_on(&self, today: Date) -> bool {
        match self.until {
            Until::Ever => true,
            Until::Day(last) => today <= last,
            Until::Unreadable => false,
        }
    }
}

/// How many encrypted tokens were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encrypted {
    /// `ENC[…]` values of SOPS and mvx.
    pub sops: usize,
    /// `ENC[PKCS7,…]` of hiera-eyaml.
    pub eyaml: usize,
    /// `encrypted:…` of dotenvx.
    pub dotenvx: usize,
    /// `$ANSIBLE_VAULT;…`.
    pub ansible: usize,
    /// age armour.
    pub age: usize,
    /// PGP messages.
    pub pgp: usize,
    /// Values of a `SealedSecret`.
    pub sealed_secrets: usize,
    /// `vault:v1:…` of Vault's transit engine.
    pub vault: usize,
}

impl Encrypted {
    /// Counts what was skipped elsewhere, too.
    pub(super) const fn add(&mut self, other: Self) {
        self.sops += other.sops;
        self.eyaml += other.eyaml;
        self.dotenvx += other.dotenvx;
        self.ansible += other.ansible;
        self.age += other.age;
        self.pgp += other.pgp;
        self.sealed_secrets += other.sealed_secrets;
        self.vault += other.vault;
    }

    /// All together.
    pub const fn total(&self) -> usize {
        self.sops
            + self.eyaml
            + self.dotenvx
            + self.ansible
            + self.age
            + self.pgp
            + self.sealed_secrets
            + self.vault
    }
}

/// A limit at which the scan of a text ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// More findings than [`MOST_HITS`](super::MOST_HITS).
    Findings,
    /// What is encoded in it is more than a small multiple of its size.
    Decoding,
    /// The regex of this rule is too large to be compiled.
    Rule(RuleNumber),
}

impl fmt::Debug for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hit")
            .field("rule", &self.rule)
            .field("span", &self.span)
            .field("context", &self.context)
            .field("start", &self.start)
            .field("end", &self.end)
            .field("secret", &"[redacted]")
            .field("confidence", &self.confidence)
            .field("decoded_by", &self.decoded_by)
            .field("allowed", &self.allowed)
            .field("commits", &self.commits)
            .finish()
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("hits", &self.hits)
            .field("encrypted", &self.encrypted)
            .field("incomplete", &self.incomplete)
            .finish()
    }
}
