//! An age plugin for the tests: it speaks the real protocol and hides nothing.
//!
//! A recipient (`age1mvxtest1…`) and an identity (`AGE-PLUGIN-MVXTEST-1…`) hold a letter and a
//! name. The same name opens what was wrapped for it; the letter says how the plugin behaves:
//! `n` as it should, `d` it dies, `e` it answers with an error, `p` it asks for a PIN, `w` it
//! unwraps another key than the right one. Each start is a line in the file that `MVXTEST_LOG` names.

#![expect(
    clippy::disallowed_methods,
    reason = "a program of its own, beside mvx"
)]

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use age_plugin::{Callbacks, PluginHandler, identity, recipient, run_state_machine};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

const STANZA: &str = "mvxtest";

struct Handler;

impl PluginHandler for Handler {
    type RecipientV1 = Plugin;
    type IdentityV1 = Plugin;

    fn recipient_v1(self) -> io::Result<Plugin> {
        Ok(Plugin::default())
    }

    fn identity_v1(self) -> io::Result<Plugin> {
        Ok(Plugin::default())
    }
}

/// The letters and names that the client has sent.
#[derive(Default)]
struct Plugin {
    keys: Vec<(u8, String)>,
}

impl Plugin {
    fn add(&mut self, plugin: &str, bytes: &[u8]) -> Result<(), String> {
        match bytes {
            [letter, name @ ..] if plugin == "mvxtest" => {
                self.keys
                    .push((*letter, BASE64_STANDARD_NO_PAD.encode(name)));
                Ok(())
            }
            _ => Err("not a key of this plugin".to_owned()),
        }
    }
}

impl recipient::RecipientPluginV1 for Plugin {
    fn add_recipient(
        &mut self,
        index: usize,
        plugin: &str,
        bytes: &[u8],
    ) -> Result<(), recipient::Error> {
        self.add(plugin, bytes)
            .map_err(|message| recipient::Error::Recipient { index, message })
    }

    fn add_identity(
        &mut self,
        index: usize,
        plugin: &str,
        bytes: &[u8],
    ) -> Result<(), recipient::Error> {
        self.add(plugin, bytes)
            .map_err(|message| recipient::Error::Identity { index, message })
    }

    fn labels(&mut self) -> HashSet<String> {
        HashSet::new()
    }

    fn wrap_file_keys(
        &mut self,
        file_keys: Vec<FileKey>,
        mut callbacks: impl Callbacks<recipient::Error>,
    ) -> io::Result<Result<Vec<Vec<Stanza>>, Vec<recipient::Error>>> {
        for (index, (letter, _)) in self.keys.iter().enumerate() {
            match letter {
                b'd' => die()?,
                b'e' => {
                    let message = "the token is full".to_owned();
                    return Ok(Err(vec![recipient::Error::Recipient { index, message }]));
                }
                b'p' => drop(callbacks.message("please \u{1b}[31mtouch\u{202e} the token")?),
                _ => {}
            }
        }
        let wrap = |file_key: &FileKey| {
            self.keys
                .iter()
                .map(|(_, name)| Stanza {
                    tag: STANZA.to_owned(),
                    args: vec![name.clone()],
                    body: mask(file_key.expose_secret()).to_vec(),
                })
                .collect()
        };
        Ok(Ok(file_keys.iter().map(wrap).collect()))
    }
}

impl identity::IdentityPluginV1 for Plugin {
    fn add_identity(
        &mut self,
        index: usize,
        plugin: &str,
        bytes: &[u8],
    ) -> Result<(), identity::Error> {
        self.add(plugin, bytes)
            .map_err(|message| identity::Error::Identity { index, message })
    }

    fn unwrap_file_keys(
        &mut self,
        files: Vec<Vec<Stanza>>,
        mut callbacks: impl Callbacks<identity::Error>,
    ) -> io::Result<HashMap<usize, Result<FileKey, Vec<identity::Error>>>> {
        let mut opened = HashMap::new();
        for (file, stanzas) in files.iter().enumerate() {
            let found = self
                .keys
                .iter()
                .enumerate()
                .find_map(|(index, (letter, name))| {
                    let stanza = stanzas
                        .iter()
                        .find(|stanza| stanza.tag == STANZA && stanza.args.first() == Some(name))?;
                    Some((index, *letter, stanza))
                });
            let Some((index, letter, stanza)) = found else {
                continue;
            };
            let refusal = |message: &str| {
                let message = message.to_owned();
                Err(vec![identity::Error::Identity { index, message }])
            };
            let pin_is_right = |pin: &str| pin == "1234";
            let answer = match letter {
                b'd' => {
                    die()?;
                    continue;
                }
                b'e' => refusal("the token is broken"),
                b'p' => match callbacks.request_secret("PIN of the \u{1b}[31mtoken")? {
                    Ok(pin) if pin_is_right(pin.expose_secret()) => Ok(unmask(&stanza.body)),
                    Ok(_) => refusal("wrong PIN"),
                    Err(_) => refusal("no PIN was given"),
                },
                b'w' => Ok(unmask(&[0; 16])),
                _ => Ok(unmask(&stanza.body)),
            };
            opened.insert(file, answer);
        }
        Ok(opened)
    }
}

/// No secret is kept here: a fixed pattern over the file key.
fn mask(bytes: &[u8]) -> [u8; 16] {
    let mut masked = [0x5a; 16];
    masked
        .iter_mut()
        .zip(bytes)
        .for_each(|(mask, byte)| *mask ^= byte);
    masked
}

fn unmask(body: &[u8]) -> FileKey {
    FileKey::new(Box::new(mask(body)))
}

/// Ends as a crash would: in the middle of the conversation.
fn die() -> io::Result<()> {
    Err(io::Error::other("the plugin was told to die"))
}

fn main() -> io::Result<()> {
    if let Some(path) = std::env::var_os("MVXTEST_LOG") {
        let mut log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        writeln!(log, "started")?;
    }
    match std::env::args()
        .nth(1)
        .as_deref()
        .and_then(|argument| argument.strip_prefix("--age-plugin="))
    {
        Some(machine) => run_state_machine(machine, Handler),
        None => Err(io::Error::other("age starts this program, nobody else")),
    }
}
