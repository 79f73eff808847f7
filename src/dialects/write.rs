//! Values, spelled for the program that will read them.
//!
//! There is no spelling that all programs read alike, and some values have none in some dialects.
//! Each dialect tries its spellings in the order in which real programs agree on them, and takes the
//! first that its own reader takes back to the byte, with nothing spilled over and nothing that the
//! program would put something in the place of. Which spelling is read by whom was measured with the
//! programs; `tests/it/interop/delivery.rs` measures it again.

use thiserror::Error;

use super::Dialect;
use super::family::{Loader, agrees, looks_encrypted};
use crate::secret::Cleartext;

/// docker's reader gives up at lines of this many bytes (Go's `bufio.MaxScanTokenSize`).
const DOCKER_LINE: usize = 64 << 10;

/// Why a dialect cannot carry a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unwritable {
    /// A name that is none in an environment.
    #[error("a name is letters, digits and `_`, and no digit first")]
    Name,
    /// A name that the program uses itself.
    #[error("a variable of this name is the shell's own")]
    Reserved,
    /// A name that JavaScript does not take as a key.
    #[error("JavaScript takes a key of this name for something else")]
    Prototype,
    /// A zero byte, which no environment holds.
    #[error("it holds a zero byte, and no environment carries one")]
    Nul,
    /// Bytes that are no UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// More lines than one.
    #[error("it has several lines, and a line is all that this format has for a value")]
    Lines,
    /// A CR that the reader drops or turns into a line break.
    #[error("it holds a carriage return, which this reader does not keep")]
    CarriageReturn,
    /// A value longer than the reader's lines.
    #[error("it is longer than the 64 KiB that this reader takes")]
    Length,
    /// `$(…)`, which some of these programs run as a command.
    #[error("it holds `$(`, which some of these programs run as a command even behind a backslash")]
    Command,
    /// What dotenvx takes for its own.
    #[error("it begins with `encrypted:`, which dotenvx and dotenv-expand take for their own")]
    Encrypted,
    /// dotenv, dotenvx, Deno and `node --env-file` disagree.
    #[error(
        "dotenv, dotenvx, Deno and `node --env-file` read it differently however it is written"
    )]
    Family,
    /// `${…}`, which the reader replaces wherever it stands.
    #[error("it holds `${{`, which this reader replaces wherever it stands")]
    Expansion,
    /// All the kinds of quotes at once, or another mixture without a spelling.
    #[error("its quotes, dollars and backslashes have no spelling that this reader takes back")]
    Mixture,
    /// Programs that disagree.
    #[error("programs read it differently however it is written; a named dialect can carry it")]
    Disagreement,
}

impl Dialect {
    /// A value's spelling behind the `=`, which this dialect reads back to the byte.
    ///
    /// Where `loader` says which program reads, only that one has to; else all of the dialect's
    /// family.
    pub fn spelling(
        self,
        value: &Cleartext,
        loader: Option<Loader>,
    ) -> Result<Cleartext, Unwritable> {
        let text = value.as_str().ok_or(Unwritable::NotText)?;
        if text.contains('\0') {
            return Err(Unwritable::Nul);
        }
        // zsh looks for a command behind a `=` at the beginning.
        let plain = text.bytes().all(is_plain) && !(self == Self::Shell && text.starts_with('='));
        let plain = plain && !looks_encrypted(text);
        if plain && !(self == Self::Docker && text.len() >= DOCKER_LINE / 2) {
            return Ok(text.into());
        }
        let mut candidates = self.candidates(text);
        if self == Self::Node && loader == Some(Loader::Dotenvx) {
            candidates.truncate(1);
        }
        let own = candidates
            .into_iter()
            .find(|spelled| self.carries(spelled, value, loader));
        match own {
            Some(spelled) => Ok(spelled),
            None if self == Self::Node && loader == Some(Loader::Dotenvx) => {
                // Its double quotes know `\t`, too.
                Self::Expand.spelling(value, None).and_then(|spelled| {
                    let tab = spelled.as_bytes().starts_with(b"\"") && text.contains("\\t");
                    if tab {
                        Err(Unwritable::Mixture)
                    } else {
                        Ok(spelled)
                    }
                })
            }
            None => Err(self.reason(text, loader)),
        }
    }

    /// Whether a variable may have this name in this dialect.
    pub fn check_name(self, name: &str) -> Result<(), Unwritable> {
        let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
        let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(begins) || !name.chars().all(goes_on) {
            return Err(Unwritable::Name);
        }
        match self {
            Self::Shell | Self::Portable if SHELLS_OWN.contains(&name) => Err(Unwritable::Reserved),
            Self::Node | Self::Expand | Self::Portable if name == "__proto__" => {
                Err(Unwritable::Prototype)
            }
            _ => Ok(()),
        }
    }

    /// The spellings of a value, the one that most programs agree on first. They need not be right.
    fn candidates(self, text: &str) -> Vec<Cleartext> {
        let literal = |quote: &str| wrapped(quote, &text.into());
        let escaped = |signs: &[char]| wrapped("\"", &escape(text, signs));
        match self {
            Self::Node => vec![
                literal("'"),
                literal("`"),
                text.into(),
                escaped(&['\n', '\r']),
                escaped(&['\r']),
            ],
            Self::Expand => {
                let dollars = || escape(text, &['$']);
                vec![
                    wrapped("`", &dollars()),
                    wrapped("'", &dollars()),
                    dollars(),
                    escaped(&['$', '\n', '\r']),
                    escaped(&['$', '\r']),
                ]
            }
            Self::Shell => {
                let parts: Vec<&str> = text.split('\'').collect();
                let mut out = Cleartext::with_capacity(text.len() + 4 * parts.len());
                out.push(b"'");
                for (index, part) in parts.into_iter().enumerate() {
                    if index > 0 {
                        out.push(b"'\\''");
                    }
                    out.push(part.as_bytes());
                }
                out.push(b"'");
                vec![out]
            }
            Self::Compose => vec![escaped(&['\\', '"', '$', '\n', '\r'])],
            Self::Python => vec![
                wrapped("'", &escape(text, &['\\', '\''])),
                escaped(&['\\', '"', '\n', '\r']),
            ],
            Self::Docker => vec![text.into()],
            Self::Rust => vec![escaped(&['\\', '"', '$'])],
            Self::Portable => vec![
                literal("'"),
                literal("\""),
                text.into(),
                escaped(&['\\', '"', '$', '\n', '\r']),
            ],
        }
    }

    /// Whether a spelling is read back as the value, alone and between others, by this dialect and
    /// by whoever else reads its files.
    fn carries(self, spelled: &Cleartext, value: &Cleartext, loader: Option<Loader>) -> bool {
        let (Some(written), Some(plain)) = (spelled.as_str(), value.as_str()) else {
            return false;
        };
        if !agrees(self, loader, written, plain) {
            return false;
        }
        let mut text = Cleartext::with_capacity(spelled.len() + 16);
        text.push(b"A=1\nK=");
        text.push(spelled.as_bytes());
        text.push(b"\nB=2\n");
        let Some(text) = text.as_str() else {
            return false;
        };
        let readers: &[Self] = match self {
            Self::Docker if spelled.len() + 3 > DOCKER_LINE => return false,
            Self::Portable => &[
                Self::Portable,
                Self::Node,
                Self::Shell,
                Self::Compose,
                Self::Python,
                Self::Rust,
            ],
            _ => &[self],
        };
        let right = |reader: &Self| {
            let Ok(reading) = reader.read(text) else {
                return false;
            };
            let [before, found, after] = reading.found.as_slice() else {
                return false;
            };
            before.value.as_bytes() == b"1"
                && found.value == *value
                && !found.reference
                && after.value.as_bytes() == b"2"
                && reading.unread.is_empty()
                && reading.unset.is_empty()
                && !reading.carriage_returns
        };
        readers.iter().all(right)
    }

    /// What most likely stands in the way of a value that has no spelling.
    fn reason(self, text: &str, loader: Option<Loader>) -> Unwritable {
        match self {
            Self::Docker if text.contains('\n') => Unwritable::Lines,
            Self::Docker if text.len() > DOCKER_LINE / 2 => Unwritable::Length,
            Self::Python if text.contains("${") => Unwritable::Expansion,
            Self::Portable => Unwritable::Disagreement,
            Self::Node | Self::Expand if looks_encrypted(text) => Unwritable::Encrypted,
            Self::Expand
                if text.contains("$(") && !matches!(loader, Some(Loader::Next | Loader::Bun)) =>
            {
                Unwritable::Command
            }
            Self::Node if loader.is_none() => Unwritable::Family,
            _ if text.contains('\r') => Unwritable::CarriageReturn,
            _ => Unwritable::Mixture,
        }
    }
}

/// What every program reads alike without quotes. Measured with 19 of them.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_./:@%+,=-".contains(&byte)
}

/// Variables that bash or dash compute or do not let go of: an assignment to one of them ends the
/// script, or does nothing.
const SHELLS_OWN: &[&str] = &[
    "_",
    "BASHOPTS",
    "BASHPID",
    "BASH_ALIASES",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_ARGV0",
    "BASH_CMDS",
    "BASH_COMMAND",
    "BASH_LINENO",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_VERSINFO",
    "COMP_WORDBREAKS",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "LINENO",
    "OPTIND",
    "PIPESTATUS",
    "PPID",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SRANDOM",
    "UID",
];

fn wrapped(quote: &str, inner: &Cleartext) -> Cleartext {
    let mut out = Cleartext::with_capacity(inner.len() + 2);
    out.push(quote.as_bytes());
    out.push(inner.as_bytes());
    out.push(quote.as_bytes());
    out
}

/// A backslash before each of `signs`; line breaks among them become `\n` and `\r`.
fn escape(text: &str, signs: &[char]) -> Cleartext {
    let mut out = Cleartext::with_capacity(text.len() + text.len() / 4 + 8);
    let mut rest = text;
    while let Some(at) = rest.find(signs) {
        let (before, from) = rest.split_at(at);
        out.push(before.as_bytes());
        out.push(match from.as_bytes().first() {
            Some(b'\n') => b"\\n",
            Some(b'\r') => b"\\r",
            Some(b'"') => b"\\\"",
            Some(b'\'') => b"\\'",
            Some(b'$') => b"\\$",
            _ => b"\\\\",
        });
        rest = from.get(1..).unwrap_or_default();
    }
    out.push(rest.as_bytes());
    out
}
