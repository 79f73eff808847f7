//! Hook managers that have a YAML file: where mvx's entry goes. The text is edited, read again, and
//! must say what it said, with the entry in its place and nothing else; where that cannot be had,
//! the user is told what to add.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Hook, block};
use crate::error::Failure;
use crate::io::file::{self, Kind};

/// The files in which pre-commit and prek look.
pub(super) const PRE_COMMIT_FILES: [&str; 2] =
    [".pre-commit-config.yaml", ".pre-commit-config.yml"];

/// The files in which lefthook looks, as far as they are YAML.
pub(super) const LEFTHOOK_FILES: [&str; 6] = [
    "lefthook.yml",
    "lefthook.yaml",
    ".lefthook.yml",
    ".lefthook.yaml",
    ".config/lefthook.yml",
    ".config/lefthook.yaml",
];

/// What lefthook reads and mvx does not edit.
pub(super) const LEFTHOOK_OTHERS: [&str; 4] = [
    "lefthook.toml",
    ".lefthook.toml",
    "lefthook.json",
    ".lefthook.json",
];

/// The entry for `.pre-commit-config.yaml`.
pub(super) fn pre_commit_entry(hook: Hook) -> String {
    let (id, name) = (pre_commit_id(hook), hook.name());
    let more = match hook {
        // with --all-files the files that are named are scanned, in few runs
        Hook::PreCommit => "require_serial: true",
        Hook::PrePush => "pass_filenames: false",
    };
    format!(
        "- repo: local\n  hooks:\n    - id: {id}\n      name: mvx scan\n      entry: mvx git hook {name}\n      language: system\n      always_run: true\n      {more}\n      stages: [{name}]\n"
    )
}

/// The entry for `lefthook.yml`, below the hook's name.
pub(super) fn lefthook_entry(hook: Hook) -> String {
    let name = hook.name();
    let stdin = match hook {
        Hook::PreCommit => "",
        Hook::PrePush => "      use_stdin: true\n",
    };
    format!("{name}:\n  commands:\n    mvx-scan:\n      run: mvx git hook {name}\n{stdin}")
}

/// The configuration of pre-commit with mvx in it; `None` where it cannot be put in safely.
pub(super) fn into_pre_commit(text: &str, hook: Hook) -> Option<String> {
    let old = read(text)?;
    let mut new = old.clone();
    let entry: Value = read(&pre_commit_entry(hook))?;
    let repos = new.get_mut("repos")?.as_array_mut()?;
    repos.extend(entry.as_array()?.iter().cloned());
    let (at, indent) = end_of_list(text, "repos")?;
    let edited = block::insert(text, at, indent, &pre_commit_entry(hook), hook);
    (read(&edited)? == new).then_some(edited)
}

/// The configuration that a hook of pre-commit's or prek's reads: the one that it names, or the one
/// of the usual name.
pub(super) fn pre_commit_config(root: &Path, hook: &[u8]) -> Result<Option<PathBuf>, Failure> {
    let text = String::from_utf8_lossy(hook);
    let named = text.split_once("--config=").map(|(_, rest)| {
        let end = rest.find(|c: char| c.is_whitespace() || "\"')".contains(c));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    });
    let all = named.into_iter().chain(PRE_COMMIT_FILES);
    for path in all.map(|name| root.join(name)) {
        if file::kind(&path)? == Some(Kind::File) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether the configuration of pre-commit runs mvx in this hook, whatever is committed: an entry of
/// the repository itself that says all that [`pre_commit_entry`] says. What hooks of other
/// repositories do is not known, whatever they are called.
pub(super) fn is_in_pre_commit(text: &str, hook: Hook) -> bool {
    let value = read(text).unwrap_or_default();
    let stages = |value: Option<&Value>| match value {
        None => true,
        Some(stages) => stages.as_array().is_some_and(|stages| {
            stages.iter().any(|stage| {
                // the names that stages had before version 3.2
                stage == hook.name() || stage.as_str() == hook.name().strip_prefix("pre-")
            })
        }),
    };
    let runs = |entry: &Value| {
        let says = |key: &str, text: &str| entry.get(key).is_some_and(|value| value == text);
        let language = says("language", "system") || says("language", "unsupported");
        language
            && says("entry", &format!("mvx git hook {}", hook.name()))
            && entry.get("always_run") == Some(&Value::Bool(true))
            && entry.get("args").is_none()
            && stages(entry.get("stages").or(value.get("default_stages")))
    };
    let repos = value.get("repos").and_then(Value::as_array);
    let local = repos
        .into_iter()
        .flatten()
        .filter(|repo| repo.get("repo").is_some_and(|name| name == "local"));
    let hooks = local.filter_map(|repo| repo.get("hooks")?.as_array());
    hooks.flatten().any(runs)
}

/// The configuration of lefthook with mvx in it; `None` where it cannot be put in safely.
pub(super) fn into_lefthook(text: &str, hook: Hook) -> Option<String> {
    let old = read(text)?;
    let mut new = if old.is_null() { json!({}) } else { old };
    let entry = read(&lefthook_entry(hook))?;
    let name = hook.name();
    let command = entry.get(name)?.get("commands")?.get("mvx-scan")?.clone();
    let section = new.as_object_mut()?;
    let Some(known) = section.get_mut(name) else {
        section.insert(name.into(), entry.get(name)?.clone());
        let edited = block::insert(text, text.len(), 0, &lefthook_entry(hook), hook);
        return same(&edited, &new).then_some(edited);
    };
    // below its own line, as the first of what is there
    let known = known.as_object_mut()?;
    let (indent, lines, below) = if let Some(jobs) = known.get_mut("jobs") {
        let mut job = command.as_object()?.clone();
        job.insert("name".into(), "mvx-scan".into());
        jobs.as_array_mut()?.insert(0, Value::Object(job));
        (0, job_lines(hook), "jobs")
    } else {
        let commands = known.get_mut("commands")?.as_object_mut()?;
        commands.insert("mvx-scan".into(), command);
        let body = lefthook_entry(hook);
        let lines: Vec<&str> = body
            .lines()
            .skip(2)
            .filter_map(|line| line.get(4..))
            .collect();
        (0, lines.join("\n") + "\n", "commands")
    };
    let (at, found) = below_keys(text, name, below)?;
    let edited = block::insert(text, at, indent + found, &lines, hook);
    same(&edited, &new).then_some(edited)
}

/// Whether the configuration of lefthook runs mvx in this hook, whatever is committed: a command that
/// is what [`lefthook_entry`] says, in a section that is not skipped.
pub(super) fn is_in_lefthook(text: &str, hook: Hook) -> bool {
    const HARMLESS: [&str; 6] = ["parallel", "piped", "follow", "commands", "jobs", "scripts"];
    let value = read(text).unwrap_or_default();
    let section = value.get(hook.name()).and_then(Value::as_object);
    let Some(section) = section.filter(|section| {
        let mut keys = section.keys();
        keys.all(|key| HARMLESS.contains(&key.as_str()))
    }) else {
        return false;
    };
    let wanted = read(&lefthook_entry(hook)).unwrap_or_default();
    let wanted = wanted
        .get(hook.name())
        .and_then(|section| section.get("commands")?.get("mvx-scan"));
    let is_it = |command: &Value| {
        let mut command = command.clone();
        if let Some(command) = command.as_object_mut() {
            command.remove("name");
        }
        Some(&command) == wanted
    };
    let commands = section.get("commands").and_then(Value::as_object);
    let jobs = section.get("jobs").and_then(Value::as_array);
    commands.is_some_and(|commands| commands.values().any(is_it))
        || jobs.is_some_and(|jobs| jobs.iter().any(is_it))
}

fn pre_commit_id(hook: Hook) -> &'static str {
    match hook {
        Hook::PreCommit => "mvx-scan",
        Hook::PrePush => "mvx-scan-push",
    }
}

fn job_lines(hook: Hook) -> String {
    let name = hook.name();
    let stdin = match hook {
        Hook::PreCommit => "",
        Hook::PrePush => "  use_stdin: true\n",
    };
    format!("- name: mvx-scan\n  run: mvx git hook {name}\n{stdin}")
}

fn read(text: &str) -> Option<Value> {
    serde_saphyr::from_str(text).ok()
}

fn same(text: &str, value: &Value) -> bool {
    read(text).as_ref() == Some(value)
}

/// Where the last item of a list at the top ends, and how far its items are indented.
fn end_of_list(text: &str, key: &str) -> Option<(usize, usize)> {
    let mut lines = Lines::of(text);
    lines.find(|line| line.indent == 0 && line.is_key(key))?;
    let first = lines.find(Line::is_content)?;
    if !first.text.trim_start().starts_with('-') {
        return None;
    }
    let mut end = first.end;
    for line in lines.filter(|line| line.is_content() || block::is_end(line.text)) {
        let is_inside = line.indent > first.indent
            || line.indent == first.indent
                && (line.text.trim_start().starts_with("- ") || block::is_end(line.text));
        if !is_inside {
            break;
        }
        end = line.end;
    }
    Some((end, first.indent))
}

/// Where the first entry below `outer` and `inner` begins, and how far it is indented.
fn below_keys(text: &str, outer: &str, inner: &str) -> Option<(usize, usize)> {
    let mut lines = Lines::of(text);
    lines.find(|line| line.indent == 0 && line.is_key(outer))?;
    let inner = lines.find(|line| line.is_content() && line.is_key(inner))?;
    let first = lines.find(Line::is_content)?;
    (first.indent > inner.indent || first.text.trim_start().starts_with('-'))
        .then_some((inner.end, first.indent))
}

struct Line<'a> {
    text: &'a str,
    indent: usize,
    end: usize,
}

impl Line<'_> {
    fn is_content(&self) -> bool {
        let text = self.text.trim();
        !text.is_empty() && !text.starts_with('#')
    }

    fn is_key(&self, key: &str) -> bool {
        let rest = self.text.trim_start().strip_prefix(key);
        let rest = rest.and_then(|rest| rest.strip_prefix(':')).map(str::trim);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
    }
}

struct Lines;

impl Lines {
    fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
        let mut end = 0;
        text.split_inclusive('\n').map(move |text| {
            end += text.len();
            let indent = text.len() - text.trim_start_matches(' ').len();
            Line { text, indent, end }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pre_commit_gets_an_entry_behind_the_others() {
        for text in [
            "repos:\n- repo: https://example.com/a\n  rev: v1\n  hooks:\n  - id: a\n",
            "# c\nrepos:\n  - repo: local\n    hooks:\n      - id: a\n        name: a\n        entry: a\n        language: system\n\n# the end\nfail_fast: true\n",
            "default_stages: [pre-commit]\r\nrepos:\r\n  - repo: meta\r\n    hooks:\r\n      - id: identity",
        ] {
            for hook in Hook::ALL {
                let edited = into_pre_commit(text, hook).unwrap();
                assert!(is_in_pre_commit(&edited, hook) && !is_in_pre_commit(text, hook));
                assert_eq!(block::remove(&edited, hook).unwrap(), text);
            }
            // both, and in either order out again
            let one = into_pre_commit(text, Hook::PreCommit).unwrap();
            let both = into_pre_commit(&one, Hook::PrePush).unwrap();
            assert_eq!(block::remove(&both, Hook::PrePush).unwrap(), one);
            let other = block::remove(&both, Hook::PreCommit).unwrap();
            assert!(is_in_pre_commit(&other, Hook::PrePush));
            assert_eq!(block::remove(&other, Hook::PrePush).unwrap(), text);
        }
        // flow style, nothing to be appended to, no YAML: advice is better
        for text in [
            "repos: []\n",
            "repos: [{repo: meta, hooks: [{id: identity}]}]\n",
            "x: 1\n",
            "repos:\n  - {\n",
            "",
        ] {
            assert_eq!(into_pre_commit(text, Hook::PreCommit), None, "{text}");
        }
    }

    #[test]
    fn lefthook_gets_an_entry_beside_the_others() {
        for text in [
            "",
            "# nothing yet\n",
            "pre-commit:\n  parallel: true\n  commands:\n    lint:\n      run: lint {staged_files}\n",
            "pre-push:\n  jobs:\n    - run: test\n",
            "pre-push:\n  jobs:\n  - run: test\n    glob: '*.rs'\ncommit-msg:\n  commands:\n    a:\n      run: b",
        ] {
            for hook in Hook::ALL {
                let edited = into_lefthook(text, hook).unwrap_or_else(|| panic!("{hook:?} {text}"));
                assert!(is_in_lefthook(&edited, hook) && !is_in_lefthook(text, hook));
                assert_eq!(block::remove(&edited, hook).unwrap(), text);
            }
        }
        for text in [
            "pre-commit: {commands: {}}\n",
            "pre-commit:\n  commands: {a: {run: b}}\n",
            "- a\n",
            "a: [\n",
            "pre-commit:\n  scripts:\n    a: {}\n",
        ] {
            assert_eq!(into_lefthook(text, Hook::PreCommit), None, "{text}");
        }
    }
}
