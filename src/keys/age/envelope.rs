//! The age file around a wrapped key: sealing one for a recipient, opening it with identities.
//!
//! The library's own error texts are never shown: to make one, it loads its translations, and
//! they carry invisible marks. [`AgeError`] says the same in our words.

use std::fmt;
use std::io::{self, BufReader, Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::plugin::ResolveError;
use age::{DecryptError, Decryptor, EncryptError, Encryptor};
use zeroize::Zeroizing;

use crate::error::{Exit, Explain};
use crate::keys::{printable, short};

/// Something of age's that did not work. Cheap to clone, since one wrong passphrase is the
/// answer to every later attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// The wrapped key was changed or cut off.
    #[error("its wrapped key is damaged")]
    Damaged,
    /// A passphrase would take too much memory and time to try.
    #[error(
        "{what} asks for an scrypt work factor of {required}, and mvx stops at {MAX_WORK_FACTOR} (1 GiB of memory)"
    )]
    ExcessiveWork {
        /// What the passphrase protects.
        what: String,
        /// The logarithm of scrypt's N that it asks for.
        required: u8,
    },
    /// The entry names a key of ours, but was wrapped for another.
    #[error("it names your key, but your key does not open it")]
    Mismatch,
    /// No plugin of this name is on PATH.
    #[error("it takes the age plugin `{binary}`, which is not installed")]
    MissingPlugin {
        /// The program's name.
        binary: String,
    },
    /// Nobody gave the passphrase.
    #[error("{what} is protected, and no passphrase was given")]
    NoPassphrase {
        /// What the passphrase protects.
        what: String,
    },
    /// The wrapped key is something else.
    #[error("its wrapped key is not an age file")]
    NotAge,
    /// The system did not let the library do its work.
    #[error("age could not work: {why}")]
    Io {
        /// The system's reason.
        why: String,
    },
    /// A plugin answered with an error.
    #[error("{message} (from `{binary}`)")]
    Plugin {
        /// The program's name.
        binary: String,
        /// What it said.
        message: String,
    },
    /// A plugin ended in the middle.
    #[error("`{binary}` ended before it answered")]
    PluginDied {
        /// The program's name.
        binary: String,
    },
    /// What a passphrase protects holds no identity.
    #[error("{what} opens, but holds no identity that mvx can use")]
    Useless {
        /// What the passphrase protects.
        what: String,
    },
    /// The passphrase is not the right one.
    #[error("that is not the passphrase of {what}")]
    WrongPassphrase {
        /// What the passphrase protects.
        what: String,
    },
}

/// The largest scrypt work factor (logarithm of N) that is tried: 1 GiB of memory, some seconds.
pub const MAX_WORK_FACTOR: u8 = 20;

impl AgeError {
    /// The error of a plugin that PATH does not have.
    pub(super) fn missing_plugin(name: &str) -> Self {
        Self::MissingPlugin {
            binary: binary(name),
        }
    }

    /// Says which plugin it was, where the library's error does not.
    pub(super) fn of_plugin(self, name: &str) -> Self {
        let binary = binary(name);
        match self {
            Self::Plugin { message, .. } => Self::Plugin { binary, message },
            Self::PluginDied { .. } => Self::PluginDied { binary },
            // whether the file itself is sound has been looked at before
            Self::Damaged | Self::Mismatch => Self::Plugin {
                binary,
                message: "an answer that opens nothing".to_owned(),
            },
            other => other,
        }
    }

    /// Says what it was that a passphrase did not open.
    pub(super) fn of_locked(self, what: &str) -> Self {
        let what = what.to_owned();
        match self {
            Self::ExcessiveWork { required, .. } => Self::ExcessiveWork { what, required },
            Self::WrongPassphrase { .. } => Self::WrongPassphrase { what },
            other => other,
        }
    }
}

impl Explain for AgeError {
    fn exit(&self) -> Exit {
        Exit::IO
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Damaged | Self::Mismatch | Self::NotAge => "damaged-entry",
            Self::ExcessiveWork { .. } => "excessive-work",
            Self::Io { .. } => "age",
            Self::MissingPlugin { .. } => "missing-plugin",
            Self::NoPassphrase { .. } => "no-passphrase",
            Self::Plugin { .. } | Self::PluginDied { .. } => "plugin",
            Self::Useless { .. } => "no-identity",
            Self::WrongPassphrase { .. } => "wrong-passphrase",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::MissingPlugin { binary } if binary == "age-plugin-pq" => vec![
                "post-quantum keys need `age-plugin-pq`, a part of age 1.3: \
                 `go install filippo.io/age/cmd/age-plugin-pq@latest`, and have it on PATH"
                    .to_owned(),
            ],
            Self::MissingPlugin { binary } => {
                vec![format!("install `{binary}` and have it on PATH")]
            }
            Self::PluginDied { .. } => {
                vec!["`AGEDEBUG=plugin` shows what the plugin does, secrets included".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}

impl From<DecryptError> for AgeError {
    fn from(error: DecryptError) -> Self {
        match error {
            DecryptError::ExcessiveWork { required, .. } => Self::ExcessiveWork {
                what: String::new(),
                required,
            },
            DecryptError::Io(error) => Self::from(error),
            DecryptError::KeyDecryptionFailed => Self::WrongPassphrase {
                what: String::new(),
            },
            DecryptError::NoMatchingKeys => Self::Mismatch,
            DecryptError::Plugin(errors) => of_plugin_errors(&errors),
            DecryptError::PluginResolve(error) => of_resolve_error(error),
            DecryptError::UnknownFormat => Self::NotAge,
            _ => Self::Damaged,
        }
    }
}

impl From<EncryptError> for AgeError {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::Io(error) => Self::from(error),
            EncryptError::Plugin(errors) => of_plugin_errors(&errors),
            EncryptError::PluginResolve(error) => of_resolve_error(error),
            _ => Self::Io {
                why: "the recipient does not go with age's rules".to_owned(),
            },
        }
    }
}

impl From<io::Error> for AgeError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // a pipe to a plugin that is not there any more
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => Self::PluginDied {
                binary: "the plugin".to_owned(),
            },
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::Other => {
                Self::Damaged
            }
            kind => Self::Io {
                why: kind.to_string(),
            },
        }
    }
}

/// Wraps `key` in an armoured age file for one recipient.
pub(super) fn seal(recipient: &dyn age::Recipient, key: &[u8]) -> Result<String, AgeError> {
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient))?;
    let armor = ArmoredWriter::wrap_output(Vec::with_capacity(512), Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armor)?;
    writer.write_all(key)?;
    let text = writer.finish()?.finish()?;
    String::from_utf8(text).map_err(|_| AgeError::Damaged)
}

/// Reads the header of an age file that wraps a key.
pub(super) fn parse(enc: &str) -> Result<Decryptor<ArmoredReader<BufReader<&[u8]>>>, AgeError> {
    if enc.len() > MAX_ENC {
        return Err(AgeError::NotAge);
    }
    Decryptor::new_buffered(ArmoredReader::new(enc.as_bytes())).map_err(
        |error| match AgeError::from(error) {
            AgeError::Damaged if !enc.contains("BEGIN AGE ENCRYPTED FILE") => AgeError::NotAge,
            error => error,
        },
    )
}

/// Opens an age file that wraps a key; `None` if it is for none of the identities.
pub(super) fn open<'a>(
    enc: &str,
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<Option<Zeroizing<Vec<u8>>>, AgeError> {
    let reader = match parse(enc)?.decrypt(identities) {
        Ok(reader) => reader,
        Err(DecryptError::NoMatchingKeys) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // room for more than a key, so that the buffer never grows and leaves no copy behind
    let mut key = Zeroizing::new(Vec::with_capacity(MAX_KEY + 1));
    reader
        .take(MAX_KEY as u64 + 1)
        .read_to_end(&mut key)
        .map_err(|_| AgeError::Damaged)?;
    if key.len() > MAX_KEY {
        return Err(AgeError::Damaged);
    }
    Ok(Some(key))
}

/// The largest `enc` text that is looked at, in bytes: a post-quantum one takes about 2,000.
const MAX_ENC: usize = 1 << 16;

/// The longest unwrapped key, in bytes: more than any share.
const MAX_KEY: usize = 64;

fn binary(plugin: &str) -> String {
    format!("age-plugin-{plugin}")
}

/// The library does not let us look into a plugin's errors, only print them.
fn of_plugin_errors(errors: &[impl fmt::Display]) -> AgeError {
    let lines: Vec<String> = errors
        .iter()
        .map(|error| {
            error
                .to_string()
                .chars()
                .filter(|c| printable(*c))
                .collect()
        })
        .collect();
    AgeError::Plugin {
        binary: String::new(),
        message: lines.join("; "),
    }
}

fn of_resolve_error(error: ResolveError) -> AgeError {
    match error {
        ResolveError::MissingPlugin { binary_name } => AgeError::MissingPlugin {
            binary: binary_name,
        },
        ResolveError::InvalidPluginName { name } => AgeError::missing_plugin(&short(&name)),
        _ => AgeError::missing_plugin("?"),
    }
}
