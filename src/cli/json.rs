//! `mvx help json`: what `--json` prints, each shape with an example that tests compare with the
//! real answers.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::ui::Ui;
use crate::error::Failure;

/// What a command answers: how it is called, and an example.
const SHAPES: &[(&str, &str)] = &[
    (
        "init",
        r#"{"rules": ".sops-rules.toml", "gitignore": ".gitignore", "recipient": "age1…", "recovery": null}"#,
    ),
    (
        "init --from-sops",
        r#"{"rules": ".sops-rules.toml", "from": ".sops.yaml", "recipients": 2, "files": 1, "left_out": ["…"]}"#,
    ),
    (
        "import",
        r#"{"file": "a.enc.yaml", "made": true, "changed": true, "recipients": ["ana"], "inputs": [{"file": ".env", "kind": "env", "dialect": "node", "values": 2, "warnings": [{"line": 3, "key": "A", "code": "reference", "message": "…"}], "left_out": ["B"], "missing": 1, "missing_comments": 0, "git_history": null, "removed": false, "gitignore": ".gitignore"}], "keys": [{"key": "A", "status": "new", "input": 0, "line": 3}], "twice": [{"key": "A", "same": true}]}"#,
    ),
    (
        "import --from git-crypt",
        r#"{"tool": "git-crypt", "imported": [{"file": "a.yaml", "written": "a.enc.yaml", "done": true, "also_marked": false, "in_history_since": null, "removed": false, "gitignore": null}], "passed_over": ["b.yaml"], "marks": [{"file": ".gitattributes", "line": 1}]}"#,
    ),
    (
        "encrypt",
        r#"{"encrypted": [{"file": "a.yaml", "written": "a.enc.yaml", "encrypted_text": null, "values_encrypted": 2, "values_in_clear": 0, "recipients": ["ana"], "plaintext_removed": false}]}"#,
    ),
    (
        "encrypt --dry-run",
        r#"{"would_encrypt": [{"file": "a.yaml", "written": "a.enc.yaml"}]}"#,
    ),
    (
        "decrypt",
        r#"{"decrypted": [{"file": "a.enc.yaml", "written": null, "plaintext": "…"}]}"#,
    ),
    (
        "edit",
        r#"{"file": "a.enc.yaml", "changed": true, "made": false}"#,
    ),
    (
        "get",
        r#"{"file": "a.enc.yaml", "key": "db.port", "type": "int", "value": 5432}"#,
    ),
    (
        "set, unset, mv",
        r#"{"file": "a.enc.yaml", "changed": true, "new": ["db.port"]}"#,
    ),
    (
        "ls",
        r#"{"files": [{"file": "a.enc.yaml", "format": "yaml", "environment": "dev", "last_modified": "2026-11-22T09:30:00Z", "recipients": [{"name": "ana", "kind": "age", "id": "age1…", "group": null}], "groups": {"groups": 1, "needed": 1}, "keys": [{"key": "db.port", "type": "int", "encrypted": true, "version": 2, "rotated": "2026-11-22T09:30:00Z", "due": "2027-02-20T09:30:00Z", "state": "later"}]}]}"#,
    ),
    (
        "seal show, seal accept",
        r#"{"seals": [{"file": "a.enc.yaml", "seal": "missing", "compared_with": "1f0…", "differences": [{"difference": "type", "key": "db.port", "protected": false, "text": "…"}], "accepted": null}]}"#,
    ),
    (
        "env sync",
        r#"{"synced": [{"profile": "local", "output": ".env.local", "format": "node", "names": 1, "files": ["a.enc.yaml"], "added": ["DB_PORT"], "changed": ["DB_HOST"], "removed": ["OLD"], "is_needed": true, "written": true, "gitignore": null}]}"#,
    ),
    (
        "env sync --dry-run",
        r#"{"would_sync": [{"profile": "local", "output": ".env.local", "format": "node", "names": 1, "files": ["a.enc.yaml"], "added": ["DB_PORT"], "changed": ["DB_HOST"], "removed": ["OLD"], "is_needed": true, "written": false, "gitignore": null}]}"#,
    ),
    (
        "env check",
        r#"{"findings": [{"profile": "local", "code": "missing", "file": ".env.example", "line": 3, "name": "DB_HOST", "text": "…", "hint": "…"}], "compared": [{"profile": "local", "file": ".env.example", "names": 1}]}"#,
    ),
    (
        "env example",
        r#"{"examples": [{"file": ".env.example", "profiles": ["local"], "added": ["DB_PORT"], "removed": ["OLD"], "written": true}]}"#,
    ),
    (
        "env example --dry-run",
        r#"{"would_write": [{"file": ".env.example", "profiles": ["local"], "added": ["DB_PORT"], "removed": ["OLD"], "written": false}]}"#,
    ),
    (
        "env render",
        r#"{"profile": "local", "format": "dotenv", "dialect": "node", "because": "package.json depends on dotenv", "written": ".env", "text": "…", "names": ["DB_HOST"], "files": ["a.enc.yaml"], "notes": [{"name": "DB_HOST", "code": "expands", "text": "…"}]}"#,
    ),
    (
        "repair",
        r#"{"file": "a.enc.yaml", "problem": "mac-mismatch", "compared_with": "1f0…", "faults": [{"key": "a", "fault": "…"}], "differences": [{"difference": "value", "key": "b", "protected": true, "text": "…"}], "done": "none", "from_commit": ["a"]}"#,
    ),
    (
        "keys generate",
        r#"{"file": "keys.txt", "public_key": "age1…"}"#,
    ),
    (
        "keys list",
        r#"{"keys": [{"source": "keys.txt", "kind": "X25519", "public_key": "age1…", "protected": false}]}"#,
    ),
    ("keys public", r#"{"public_keys": ["age1…"]}"#),
    (
        "keys rotate",
        r#"{"name": "ana", "old": "age1…", "new": "age1…", "key_file": "keys.txt", "backup": "keys.old-2026-11-22.txt", "finished": true, "still_needed": ["d.enc.yaml"], "needed_on_branches": [{"branch": "feature", "files": ["e.enc.yaml"]}], "written": [{"file": "a.enc.yaml", "added": [{"name": "carol", "key": "age1…"}], "removed": [{"name": null, "key": "age1…"}], "moved": [{"name": "ana", "key": "age1…"}], "groups": {"before": {"groups": 2, "needed": 2}, "after": {"groups": 3, "needed": 2}}, "new_key": true}], "unchanged": 2, "uncovered": ["b.enc.yaml"], "left": [{"file": "c.enc.yaml", "code": "no-identity", "message": "…"}]}"#,
    ),
    (
        "recipients list",
        r#"{"recipients": [{"name": "ana", "kind": "age", "key": "age1…", "owner": "ana@example.com", "expires": "2027-01-31", "expired": false, "groups": ["team"], "rules": ".sops-rules.toml", "files": ["a.enc.yaml"]}], "key_groups": [{"needed": 2, "groups": [["ana", "bob"], ["carol"]], "files": ["a.enc.yaml"]}], "drift": [{"file": "a.enc.yaml", "surplus": [{"name": null, "kind": "age", "key": "age1…"}], "missing": ["bob"], "moved": ["ana"], "groups": {"before": {"groups": 2, "needed": 2}, "after": {"groups": 3, "needed": 2}}}]}"#,
    ),
    (
        "doctor",
        r#"{"problems": 0, "version": "0.1.0", "identities": [{"source": "keys.txt", "kind": "X25519", "public_key": "age1…", "protected": false, "name": "ana"}], "checks": [{"about": "identities", "check": "key", "level": "ok", "text": "…", "hints": ["…"]}], "files": []}"#,
    ),
    (
        "doctor FILE",
        r#"{"problems": 0, "version": "0.1.0", "identities": [{"source": "keys.txt", "kind": "X25519", "public_key": "age1…", "protected": false, "name": "ana"}], "checks": [{"about": "identities", "check": "key", "level": "ok", "text": "…", "hints": ["…"]}], "files": [{"file": "a.enc.yaml", "format": "yaml", "version": "3.13.3", "written_by": "mvx 0.1.0", "last_modified": "2026-11-22T09:30:00Z", "opens": true, "seal": "valid", "recipients": [{"name": "ana", "kind": "age", "id": "age1…", "group": null, "verdict": "opened", "why": "…", "attempts": [{"source": "keys.txt", "kind": "X25519", "public_key": "age1…", "outcome": "opened", "why": null}]}], "rules": {"rules": ".sops-rules.toml", "name": "a.enc.yaml", "considered": [{"line": 12, "pattern": "*.enc.yaml", "matched": true}], "environment": "dev", "missing": ["bob"], "extra": ["…"], "expired": ["…"]}, "checks": [{"about": "file", "check": "values", "level": "ok", "text": "…", "hints": ["…"]}]}]}"#,
    ),
    (
        "clean",
        r#"{"found": [{"path": "a.yaml", "what": "plaintext", "of": "a.enc.yaml", "content": "same", "why": null, "git": "ignored", "may_go": true, "removed": false, "hints": ["…"]}]}"#,
    ),
    (
        "recipients sync",
        r#"{"written": [{"file": "a.enc.yaml", "added": [{"name": "carol", "key": "age1…"}], "removed": [{"name": null, "key": "age1…"}], "moved": [{"name": "ana", "key": "age1…"}], "groups": {"before": {"groups": 2, "needed": 2}, "after": {"groups": 3, "needed": 2}}, "new_key": true}], "unchanged": 2, "uncovered": ["b.enc.yaml"], "left": [{"file": "c.enc.yaml", "code": "no-identity", "message": "…"}]}"#,
    ),
    (
        "recipients sync --check, --dry-run",
        r#"{"would_write": [{"file": "a.enc.yaml", "added": [{"name": "carol", "key": "age1…"}], "removed": [{"name": null, "key": "age1…"}], "moved": [{"name": "ana", "key": "age1…"}], "groups": {"before": {"groups": 2, "needed": 2}, "after": {"groups": 3, "needed": 2}}, "new_key": true}], "unchanged": 2, "uncovered": ["b.enc.yaml"], "left": [{"file": "c.enc.yaml", "code": "no-identity", "message": "…"}]}"#,
    ),
    (
        "recipients add",
        r#"{"rules": ".sops-rules.toml", "name": "carol", "key": "age1…", "written": [{"file": "a.enc.yaml", "added": [{"name": "carol", "key": "age1…"}], "removed": [{"name": null, "key": "age1…"}], "moved": [{"name": "ana", "key": "age1…"}], "groups": {"before": {"groups": 2, "needed": 2}, "after": {"groups": 3, "needed": 2}}, "new_key": true}], "unchanged": 2, "uncovered": ["b.enc.yaml"], "left": [{"file": "c.enc.yaml", "code": "no-identity", "message": "…"}]}"#,
    ),
    (
        "recipients remove",
        r#"{"rules": ".sops-rules.toml", "name": "carol", "key": "age1…", "groups_removed": ["guests"], "to_change": [{"file": "a.enc.yaml", "keys": ["db.port"]}], "open_still": ["d.enc.yaml"], "written": [{"file": "a.enc.yaml", "added": [{"name": "carol", "key": "age1…"}], "removed": [{"name": null, "key": "age1…"}], "moved": [{"name": "ana", "key": "age1…"}], "groups": {"before": {"groups": 2, "needed": 2}, "after": {"groups": 3, "needed": 2}}, "new_key": true}], "unchanged": 2, "uncovered": ["b.enc.yaml"], "left": [{"file": "c.enc.yaml", "code": "no-identity", "message": "…"}]}"#,
    ),
    (
        "recipients request",
        r#"{"name": "carol", "public_key": "age1…", "command": "mvx recipients add …"}"#,
    ),
    (
        "rekey",
        r#"{"written": [{"file": "a.enc.yaml", "added": [{"name": "carol", "key": "age1…"}], "removed": [{"name": null, "key": "age1…"}], "moved": [{"name": "ana", "key": "age1…"}], "groups": {"before": {"groups": 2, "needed": 2}, "after": {"groups": 3, "needed": 2}}, "new_key": true}], "unchanged": 2, "uncovered": ["b.enc.yaml"], "left": [{"file": "c.enc.yaml", "code": "no-identity", "message": "…"}]}"#,
    ),
    (
        "rotate",
        r#"{"file": "a.enc.yaml", "key": "db.port", "version": 2, "due": "2027-02-20T09:30:00Z", "grace_until": "2026-11-23T09:30:00Z", "consumers": ["backend"], "notified": {"sent": [{"to": "deploy-bot", "host": "hooks.example.com", "event": "…", "action": "rotate", "file": "a.enc.yaml", "status": 200, "tries": 1}], "failed": [{"to": "deploy-bot", "host": "hooks.example.com", "not_told": ["…"], "code": "not-delivered", "message": "…", "hints": ["…"]}]}}"#,
    ),
    (
        "history",
        r#"{"file": "a.enc.yaml", "key": "db.port", "versions": [{"version": 1, "state": "previous", "event": "…", "at": "2026-11-22T09:30:00Z", "action": "create", "actor": "Ana <ana@example.com>", "file": "a.enc.yaml", "key": "db.port", "reason": null, "note": null, "kept_until": "2026-11-23T09:30:00Z"}]}"#,
    ),
    (
        "consumers",
        r#"{"file": "a.enc.yaml", "key": "db.port", "names": ["DB_PORT"], "declared": ["backend"], "profiles": [{"profile": "local", "name": "DB_PORT", "output": ".env.local"}], "unknown": [{"profile": "client", "why": "…"}], "reads": [{"file": "app.js", "line": 3, "name": "DB_PORT", "kind": "environment", "language": "JavaScript"}], "files": 12, "passed_over": ["dump.sql"]}"#,
    ),
    (
        "consumers --unused",
        r#"{"unused": [{"file": "a.enc.yaml", "environment": "dev", "key": "db.port"}], "secrets": 3, "unknown": [{"profile": "client", "why": "…"}], "files": 12, "passed_over": ["dump.sql"]}"#,
    ),
    (
        "rollback, restore",
        r#"{"file": "a.enc.yaml", "key": "db.port", "changed": true}"#,
    ),
    (
        "delete",
        r#"{"file": "a.enc.yaml", "key": "db.port", "consumers": ["backend"], "notified": {"sent": [{"to": "deploy-bot", "host": "hooks.example.com", "event": "…", "action": "delete", "file": "a.enc.yaml", "status": 200, "tries": 1}], "failed": [{"to": "deploy-bot", "host": "hooks.example.com", "not_told": ["…"], "code": "not-delivered", "message": "…", "hints": ["…"]}]}}"#,
    ),
    (
        "rotation due",
        r#"{"secrets": [{"file": "a.enc.yaml", "key": "db.port", "environment": "dev", "owner": "Payments", "criticality": "critical", "state": "due", "since": "2026-11-22T09:30:00Z", "due": "2027-02-20T09:30:00Z", "unexplained": false}], "ending": [{"file": "a.enc.yaml", "key": "db.port", "until": "2026-11-23T09:30:00Z"}]}"#,
    ),
    (
        "rotation log",
        r#"{"log": [{"date": "2026-11-22", "secret": "a.enc.yaml: db.port", "environment": "dev", "owner": "Payments", "notes": "rotated by …", "event": "…", "action": "rotate", "file": "a.enc.yaml", "keys": ["db.port"]}]}"#,
    ),
    (
        "rotation log -o",
        r#"{"file": "log.md", "events": 3, "up_to_date": false, "written": true}"#,
    ),
    (
        "rotation verify",
        r#"{"findings": [{"code": "two-heads", "file": "a.enc.yaml", "key": "db.port", "event": "2026/11/….toml", "text": "…", "hint": "…"}], "events": 3, "uncommitted": 0, "files": 1, "complete": true}"#,
    ),
    (
        "rotation record",
        r#"{"recorded": [{"event": ".mvx/ledger/2026/11/….toml", "at": "2026-11-22T09:30:00Z", "actor": "…", "action": "create", "file": "a.enc.yaml", "keys": ["db.port"]}], "brought_back": [], "unexplained": 0}"#,
    ),
    (
        "rotation record --dry-run",
        r#"{"would_record": [{"event": ".mvx/ledger/2026/11/….toml", "at": "2026-11-22T09:30:00Z", "actor": "…", "action": "create", "file": "a.enc.yaml", "keys": ["db.port"]}], "brought_back": [], "unexplained": 0}"#,
    ),
    ("rotation repair", r#"{"repaired": true}"#),
    (
        "rotation expire",
        r#"{"expired": [{"file": "a.enc.yaml", "key": "db.port"}]}"#,
    ),
    (
        "rotation expire --dry-run",
        r#"{"would_expire": [{"file": "a.enc.yaml", "key": "db.port"}]}"#,
    ),
    (
        "notify",
        r#"{"sent": [{"to": "deploy-bot", "host": "hooks.example.com", "event": "…", "action": "rotate", "file": "a.enc.yaml", "status": 200, "tries": 1}], "failed": [{"to": "deploy-bot", "host": "hooks.example.com", "not_told": ["…"], "code": "not-delivered", "message": "…", "hints": ["…"]}], "events": 3}"#,
    ),
    (
        "notify --dry-run",
        r#"{"would_send": [{"to": "deploy-bot", "host": "hooks.example.com", "message": {"version": 1, "id": "…", "action": "rotate", "at": "2026-11-22T09:30:00Z", "file": "a.enc.yaml", "environment": "dev", "secrets": [{"id": "a.enc.yaml#db.port", "name": "db.port", "moved_from": null, "version": 2, "rotated_from": ["…"], "consumers": ["backend"]}], "recipients": ["carol"], "reason": "scheduled", "grace_until": "2026-11-23T09:30:00Z"}}], "failed": [{"to": "deploy-bot", "host": null, "not_told": ["…"], "code": "no-destination", "message": "…", "hints": ["…"]}], "events": 3}"#,
    ),
    (
        "keys recovery",
        r#"{"public_key": "age1…", "identity": "-----BEGIN AGE ENCRYPTED FILE-----…", "page": "…", "added": {"rules": ".sops-rules.toml", "name": "recovery", "key": "age1…", "written": [], "unchanged": 2, "uncovered": [], "left": []}}"#,
    ),
    ("help COMMAND", r#"{"topic": "get", "text": "…"}"#),
    (
        "help exit-codes",
        r#"{"exit_codes": [{"exit": 0, "meaning": "done"}]}"#,
    ),
    (
        "run --dry-run",
        r#"{"profile": "local", "variables": [{"name": "DB_PORT", "file": "a.enc.yaml", "key": "db.port"}]}"#,
    ),
    (
        "scan, git hook",
        r#"{"findings": [{"id": "…", "rule": "github-token", "what": "…", "why": "…", "remedy": "…", "confidence": "high", "fails": true, "source": "file", "path": "a.py", "line": 2, "column": 10, "end_line": 2, "end_column": 50, "commit": null, "secret": {"prefix": "ghp_", "length": "32 to 63 characters"}, "decoded_by": ["base64"], "expired": null, "fingerprint": "…"}], "complete": true, "incomplete": ["…"], "shallow": false, "scanned": {"pieces": 1, "bytes": 50, "known": 0, "encrypted": 0, "archives": {"opened": 0, "left": 0, "locked": 0}}, "passed": {"allowed": 0, "known": 0, "committed": 0, "unreachable": 0}, "rules": {"disabled": ["jwt"], "changed": [], "wide_allowances": 0}}"#,
    ),
    (
        "scan baseline create, update, prune",
        r#"{"baseline": ".mvx-baseline", "added": 1, "removed": 0, "entries": 1, "stale": 0}"#,
    ),
    (
        "scan baseline explain",
        r#"{"baseline": ".mvx-baseline", "entries": [{"fingerprint": "…", "rule": "github-token", "history": false, "comment": null, "places": ["a.py:2:10"]}]}"#,
    ),
    (
        "scan rules list",
        r#"{"rules": [{"id": "github-token", "finds": "…", "why": "…", "remedy": "…", "confidence": "high", "regex": "…", "path": null, "keywords": ["ghp_"], "entropy": 3.0, "tags": ["code"]}]}"#,
    ),
    (
        "scan rules show",
        r#"{"id": "github-token", "finds": "…", "why": "…", "remedy": "…", "confidence": "high", "regex": "…", "path": null, "keywords": ["ghp_"], "entropy": 3.0, "tags": ["code"]}"#,
    ),
    (
        "scan rules test",
        r#"{"rules": 40, "failures": [{"rule": "…", "example": 1, "expected": true}]}"#,
    ),
    (
        "git install, uninstall",
        r#"{"hooks": [{"hook": "pre-commit", "file": ".git/hooks/pre-commit", "done": "made", "kept": null, "add": null, "why": null, "hints": ["…"]}]}"#,
    ),
    (
        "help environment",
        r#"{"environment": [{"name": "EDITOR", "meaning": "…"}]}"#,
    ),
    ("gen man DIRECTORY", r#"{"written": ["mvx.1"]}"#),
    (
        "a failure, on standard error",
        r#"{"code": "no-such-key", "exit": 1, "message": "…", "place": "a.enc.yaml", "causes": ["…"], "hints": ["…"]}"#,
    ),
    (
        "a warning, on standard error",
        r#"{"warning": "…", "hints": ["…"]}"#,
    ),
];

const HEAD: &str = "\
With --json a command prints one object on one line. What may be missing is null;
fields may be added, and none changes its name or type. Notes are not printed.
In the name of a file that is not UTF-8, U+FFFD stands for what is not.
";

/// A file's name, or several, as `--json` prints them. `json!` itself stops the program at a name that
/// is not UTF-8, and whoever can push can make one.
pub(super) fn in_json(names: &(impl Names + ?Sized)) -> Value {
    names.value()
}

/// What [`in_json`] takes.
pub(super) trait Names {
    fn value(&self) -> Value;
}

impl Names for Path {
    fn value(&self) -> Value {
        self.to_string_lossy().into_owned().into()
    }
}

impl Names for PathBuf {
    fn value(&self) -> Value {
        self.as_path().value()
    }
}

impl<T: Names + ?Sized> Names for &T {
    fn value(&self) -> Value {
        (**self).value()
    }
}

impl<T: Names> Names for Option<T> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Names::value)
    }
}

impl<T: Names> Names for Vec<T> {
    fn value(&self) -> Value {
        self.iter().map(Names::value).collect()
    }
}

/// Prints the shapes.
pub(super) fn print(ui: &Ui) -> Result<(), Failure> {
    if ui.is_json() {
        let shapes: Vec<_> = SHAPES
            .iter()
            .map(|(command, example)| json!({ "command": command, "example": example }))
            .collect();
        return ui.json(&json!({ "shapes": shapes }));
    }
    let mut text = String::from(HEAD);
    for (command, example) in SHAPES {
        for part in ["\n", command, "\n  ", example, "\n"] {
            text.push_str(part);
        }
    }
    ui.answer(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_json() {
        for (command, example) in SHAPES {
            let parsed: Result<Value, _> = serde_json::from_str(example);
            assert!(parsed.is_ok_and(|value| value.is_object()), "{command}");
        }
    }
}
