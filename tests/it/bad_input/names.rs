//! File names and keys that would speak to the terminal.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::repo::Repo;

#[test]
fn file_names_are_printed_without_their_control_characters() {
    let repo = Repo::new();
    for name in [
        &b"secrets/dev/a\x1b[31mred.yaml"[..],
        b"secrets/dev/two\nlines.yaml",
        b"secrets/dev/bell\x07.yaml",
        b"secrets/dev/not\xfftext.yaml",
        b"secrets/dev/\xc2\x9bcsi.yaml",
        b"secrets/dev/\xe2\x80\xaeright.yaml",
        b"secrets/dev/-dash.yaml",
    ] {
        let name = OsStr::from_bytes(name);
        repo.sandbox.write("secrets/dev/x", "");
        std::fs::write(repo.sandbox.path(name), "- a list\n").unwrap();
        let arguments = [OsStr::new("encrypt"), OsStr::new("--"), name];
        let outcome = repo.mvx(arguments).outcome();
        assert_eq!(outcome.code(), Some(4), "{outcome}");
        for bad in ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{fffd}'] {
            let allowed = bad == '\u{fffd}';
            assert!(
                allowed || !outcome.stderr.contains(bad),
                "{name:?}: {outcome}"
            );
        }
        for line in outcome.stderr.lines() {
            assert!(line.starts_with("mvx: "), "{name:?}: {outcome}");
        }
    }
}

#[test]
fn keys_are_printed_without_their_control_characters() {
    let repo = Repo::new();
    repo.seal(
        "secrets/dev/app.json",
        "{\"a\\u001b[31m\\n\": 1, \"\\u202eb\": 2}\n",
    );
    for arguments in [
        vec!["ls", "secrets/dev/app.enc.json"],
        vec!["get", "secrets/dev/app.enc.json", "a\u{1b}[31m"],
        vec!["unset", "secrets/dev/app.enc.json", "\u{1b}[31m"],
    ] {
        let outcome = repo.mvx(&arguments).outcome();
        let all = format!("{}{}", outcome.stdout(), outcome.stderr);
        assert!(
            !all.contains(['\u{1b}', '\u{202e}']),
            "{arguments:?}: {outcome}"
        );
    }
}
