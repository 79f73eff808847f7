//! What gpg lists of its keys, `--with-colons`. Source: gpg's doc/DETAILS, "Format of the colon
//! listings".

use super::message::KeyId;

/// A key with its subkeys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// The fingerprint of its primary key, 40 digits or 64.
    pub(super) fingerprint: String,
    /// The ids of the primary key and the subkeys; of those whose secret is here, where secret
    /// keys are listed.
    pub(super) ids: Vec<KeyId>,
    /// Whether it is expired, revoked, or switched off; `None` where it can be used.
    pub(super) fault: Option<Fault>,
    /// Whether something can be encrypted for it.
    pub(super) encrypts: bool,
    /// Whether a smartcard holds the secret.
    pub(super) on_card: bool,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its time is over.
    Expired,
    /// Its owner has revoked it.
    Revoked,
    /// The user has switched it off.
    Disabled,
    /// It is damaged.
    Invalid,
}

/// The keys of a listing, public or secret.
pub(super) fn keys(text: &str) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let field = |number: usize| fields.get(number).copied().unwrap_or_default();
        match field(0) {
            kind @ ("pub" | "sec" | "sub" | "ssb") => {
                if matches!(kind, "pub" | "sec") {
                    let capabilities = field(11);
                    keys.push(Key {
                        fault: fault(field(1), capabilities),
                        encrypts: capabilities.contains('E'),
                        ..Key::default()
                    });
                }
                let Some(key) = keys.last_mut() else {
                    continue;
                };
                // `#` stands for a secret that is kept elsewhere
                let token = field(14);
                if let (Ok(id), true) = (KeyId::from_str_radix(field(4), 16), token != "#") {
                    key.ids.push(id);
                }
                key.on_card |= token.len() > 1;
            }
            "fpr" => {
                if let Some(key) = keys.last_mut()
                    && key.fingerprint.is_empty()
                {
                    field(9).clone_into(&mut key.fingerprint);
                }
            }
            _ => {}
        }
    }
    keys
}

fn fault(validity: &str, capabilities: &str) -> Option<Fault> {
    if capabilities.contains('D') {
        return Some(Fault::Disabled);
    }
    match validity {
        "e" => Some(Fault::Expired),
        "r" => Some(Fault::Revoked),
        "i" => Some(Fault::Invalid),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As gpg 2.2.40 lists them.
    const LISTING: &str = "\
tru:o:1:1795398431:1:3:1:5
sec:u:255:22:CFDDF6CA5566852E:1795398274:::u:::cEC:::+::ed25519:::0:
fpr:::::::::77F89E64AEC165729E45B7DACFDDF6CA5566852E:
grp:::::::::5F7E222408A6AE0EEE365B134A1C0DB20AA27C82:
uid:u::::1795398274::47F48EA04B16F8AE5A2708D6A723AF0D14085721::Ana \\x3aana@example.com>::::::::::0:
ssb:u:255:18:1160E01E4574B9B8:1795398274::::::e:::+::cv25519::
fpr:::::::::5AC5B99AE57D46C7EAF13EFF1160E01E4574B9B8:
sec:e:2048:1:D907EBAF54CA8B88:1795398274:1795398437::u:::sc:::#:::23::0:
fpr:::::::::4459F41C876B62A0970958E0D907EBAF54CA8B88:
ssb:e:2048:1:24731FD505C93473:1795398274:1795398437:::::e:::D2760001240102010006055532110000::::
fpr:::::::::E7DF305E35439040BE9859EC24731FD505C93473:
";

    #[test]
    fn keys_and_subkeys_are_found() {
        let [ana, bob] = keys(LISTING).try_into().unwrap();
        assert_eq!(ana.fingerprint, "77F89E64AEC165729E45B7DACFDDF6CA5566852E");
        assert_eq!(ana.ids, [0xCFDD_F6CA_5566_852E, 0x1160_E01E_4574_B9B8]);
        assert!(ana.encrypts && !ana.on_card);
        assert_eq!(ana.fault, None);
        // the primary key's secret is kept elsewhere, the subkey's on a card
        assert_eq!(bob.ids, [0x2473_1FD5_05C9_3473]);
        assert!(!bob.encrypts && bob.on_card);
        assert_eq!(bob.fault, Some(Fault::Expired));
    }

    #[test]
    fn what_is_no_listing_gives_no_keys() {
        for text in [
            "",
            "\n",
            "sub:u:255:18:1160E01E4574B9B8:",
            "fpr:x",
            "gpg: hello",
        ] {
            assert_eq!(keys(text), []);
        }
        let [key] = keys("pub:r:1:1:zz:::::::D").try_into().unwrap();
        assert_eq!((key.ids.len(), key.fault), (0, Some(Fault::Disabled)));
    }
}
