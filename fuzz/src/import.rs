//! What other tools keep secrets in.

use std::collections::HashSet;
use std::path::Path;

use mvx::dialects::Dialect;
use mvx::import::env::differences;
use mvx::import::{Entry, Source, crypt, detect, read};
use mvx::keypath::{KeyPath, Segment};
use mvx::sops::change::{Open, node_at};
use mvx::stores::Format;

use super::files::{Counter, Sealed, is_clear, key, metadata, sealer};

/// How many entries are put into a sealed file: the cost grows with their square.
const ENTRIES: usize = 8;

/// Any text as any kind of import: entries of different names, or an error. What is read can be put
/// into a sealed file and stands there, or is refused with a reason.
pub fn check(data: &[u8]) {
    let _ = crypt::Tool::locking(data);
    for name in [
        None,
        Some(".env"),
        Some("a.json"),
        Some("a.yaml"),
        Some("a.ini"),
    ] {
        if let Err(error) = detect::source(name.map(Path::new), data) {
            is_clear(&error);
        }
    }
    let dialects = Dialect::ALL.into_iter().map(Source::Env);
    let others = [
        Source::Json,
        Source::Yaml,
        Source::Ini,
        Source::Doppler,
        Source::OnePassword,
    ];
    let mut sealed = false;
    for source in dialects.chain(others) {
        let contents = match read(data, source) {
            Ok(contents) => contents,
            Err(error) => {
                is_clear(&error);
                continue;
            }
        };
        let mut paths = HashSet::new();
        for entry in &contents.entries {
            assert!(!entry.path.is_empty(), "an entry without a name");
            assert!(paths.insert(&entry.path), "an entry twice");
            assert_ne!(entry.line, Some(0));
        }
        for warning in &contents.warnings {
            assert!(!warning.code().is_empty() && !warning.to_string().is_empty());
        }
        if let Source::Env(dialect) = source {
            for warning in differences(data, dialect, &contents) {
                assert!(!warning.to_string().is_empty());
            }
        }
        // Once an input is enough, and the dialects differ little.
        if !sealed && contents.entries.len() <= ENTRIES {
            sealed = true;
            stored(&contents.entries, Counter::of(data));
        }
    }
}

/// Puts entries into a sealed file, one after the other.
fn stored(entries: &[Entry], mut random: Counter) {
    let key = key();
    let text = sealer(Format::Yaml, &key, &mut random)
        .seal(b"first: x\n", metadata(None, false), None)
        .unwrap_or_else(|error| panic!("{error}"))
        .text;
    let mut sealed = Sealed::own(Format::Yaml, text.as_bytes());
    for entry in entries {
        let mut path = KeyPath::root(1);
        for name in &entry.path {
            path = path.child(Segment::Key(name.clone()));
        }
        let open = Open {
            text: sealed.text.as_bytes(),
            tree: &sealed.tree,
            opened: &sealed.opened,
        };
        let change = [(path.clone(), entry.node.duplicate())];
        match sealer(Format::Yaml, &key, &mut random).set(open, &change) {
            Ok(Some(text)) => sealed = Sealed::own(Format::Yaml, text.as_bytes()),
            Ok(None) => {}
            Err(error) => {
                is_clear(&error);
                continue;
            }
        }
        let open = Open {
            text: sealed.text.as_bytes(),
            tree: &sealed.tree,
            opened: &sealed.opened,
        };
        let found = node_at(open, &path).expect("it stands there");
        assert!(found.holds(&entry.node), "{path} is another value");
    }
}
