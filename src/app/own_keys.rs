//! This machine's own identities: made, listed, shown.

use std::path::{Path, PathBuf};

use crate::app::{App, now};
use crate::error::{Exit, Failure};
use crate::io::file;
use crate::io::write::{self, Access};
use crate::keys::age::{WORK_FACTOR, default_key_file, generate, protect};
use crate::keys::{Held, Report};
use crate::secret::Passphrase;

/// A new identity.
pub struct NewKey {
    /// Where it was written.
    pub path: PathBuf,
    /// Its public side.
    pub recipient: String,
}

impl App<'_> {
    /// Makes an identity and writes it to `path`, or to the default place. An existing file is
    /// never touched.
    pub fn generate_key(
        &self,
        path: Option<&Path>,
        passphrase: Option<&Passphrase>,
    ) -> Result<NewKey, Failure> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => default_key_file(self.machine()).ok_or_else(|| {
                Failure::new(
                    Exit::IO,
                    "no-home",
                    "there is no home directory to keep a key in",
                )
                .hint("name a file: `mvx keys generate -o FILE`")
            })?,
        };
        if file::kind(&path)?.is_some() {
            return Err(Failure::new(
                Exit::IO,
                "already-exists",
                "a key file is there already; it was left alone",
            )
            .at(path.display())
            .hint("`mvx keys public` shows the public keys of this machine")
            .hint("`mvx keys generate -o OTHER.txt` makes another one"));
        }
        if let Some(parent) = path.parent() {
            file::create_private_directories(parent)?;
        }
        self.must_be_ignored(
            &path,
            "a private key",
            "or name a file outside of the repository: `mvx keys generate -o ~/KEY.txt`",
        )?;
        let key = generate(&now());
        let text = match passphrase {
            Some(passphrase) => protect(&key.text, passphrase, WORK_FACTOR)?.into(),
            None => key.text,
        };
        write::create_new(&path, text.as_bytes(), Access::Private)?;
        Ok(NewKey {
            path,
            recipient: key.recipient,
        })
    }

    /// All identities that can be found without asking anybody, and what stood in the way.
    pub fn list_keys(&self) -> Report {
        self.identities().list()
    }

    /// The public keys of this machine's identities, each once.
    pub fn public_keys(&self) -> Vec<Held> {
        let mut held: Vec<Held> = Vec::new();
        for key in self.list_keys().held {
            let known = held.iter().any(|other| other.recipient == key.recipient);
            if key.recipient.is_some() && !known {
                held.push(key);
            }
        }
        held
    }
}
