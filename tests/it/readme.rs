//! The documentation's sessions at a terminal are run, line by line, and their output compared.
//!
//! A fenced block marked `console` belongs to the session of its file: all of them run in order, in
//! one throw-away home and directory, and what one of them exports or creates is there for the
//! next. Within a block:
//!
//! - `$ command` is run by bash; lines that start with `> ` continue it.
//! - The lines after it are what it prints, standard output and error together. `…` in a line
//!   stands for any text, a line that is only `…` for any number of lines.
//! - A command has to succeed, unless the next one is `echo $?`, which then prints its exit code.
//!
//! Blocks with any other mark (`sh`, `toml`) are for reading only.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

#[test]
fn readme_sessions_run_as_written() {
    if let Err(message) = check("README.md") {
        panic!("{message}");
    }
}

#[test]
fn a_session_is_read_from_its_blocks_only() {
    let text = "```sh\n$ not this\n```\n```console\n$ one \\\n> two\nout\n\n$ three\n```\n";
    let steps = steps(text);
    let commands: Vec<_> = steps.iter().map(|step| step.command.as_str()).collect();
    assert_eq!(commands, ["one \\\ntwo", "three"]);
    let lines: Vec<_> = steps.iter().map(|step| step.line).collect();
    assert_eq!(lines, [5, 9]);
    assert_eq!(
        steps.first().map(|step| step.expected.clone()),
        Some(vec!["out".into()])
    );
}

#[test]
fn an_ellipsis_stands_for_text_and_for_lines() {
    for (pattern, line, fits) in [
        ("same", "same", true),
        ("same", "sames", false),
        ("a … z", "a b z", true),
        ("a … z", "a b", false),
        ("age1…", "age1qqq", true),
        ("…x…x", "x", false),
        ("…x…x", "0x1x", true),
    ] {
        assert_eq!(line_fits(pattern, line), fits, "{pattern} / {line}");
    }
    let wanted = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(output_fits(
        &wanted(&["a", "…", "d"]),
        &["a", "b", "c", "d"]
    ));
    assert!(output_fits(&wanted(&["a", "…"]), &["a"]));
    assert!(!output_fits(&wanted(&["a", "…", "d"]), &["a", "b"]));
    assert!(!output_fits(&wanted(&["a"]), &["a", "b"]));
    assert!(!output_fits(&wanted(&[]), &["a"]));
}

/// A command of a session and what it prints.
struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

/// Runs every session block of a file at the repository's root.
fn check(file: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
    let steps = steps(&text);
    if steps.is_empty() {
        return Err(format!("{file} has no console block"));
    }
    let session = Session::new().map_err(|error| format!("no sandbox: {error}"))?;
    let mut last_exit = 0;
    for (at, step) in steps.iter().enumerate() {
        let (output, exit) = session
            .run(&step.command, last_exit)
            .map_err(|error| format!("{file}:{}: {error}", step.line))?;
        let may_fail = steps
            .get(at + 1)
            .is_some_and(|next| next.command == "echo $?");
        let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
        let lines = without_blank_ends(&lines);
        if !output_fits(&step.expected, lines) || (exit != 0 && !may_fail) {
            let mut message = format!("{file}:{}: $ {}\n", step.line, step.command);
            let _ = writeln!(message, "--- written\n{}", step.expected.join("\n"));
            let _ = writeln!(message, "--- printed, exit {exit}\n{}", lines.join("\n"));
            return Err(message);
        }
        last_exit = exit;
    }
    Ok(())
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut fence = None;
    for (at, line) in text.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(info) };
            continue;
        }
        if fence != Some("console") {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                line: at + 1,
                command: command.into(),
                expected: Vec::new(),
            });
        } else if let Some(step) = steps.last_mut() {
            match line.strip_prefix('>') {
                Some(more) if step.expected.is_empty() => {
                    step.command.push('\n');
                    step.command
                        .push_str(more.strip_prefix(' ').unwrap_or(more));
                }
                _ => step.expected.push(line.trim_end().into()),
            }
        }
    }
    for step in &mut steps {
        // a blank line before the next command is there for the eye
        while step.expected.last().is_some_and(String::is_empty) {
            step.expected.pop();
        }
    }
    steps
}

fn without_blank_ends<'a>(lines: &'a [&'a str]) -> &'a [&'a str] {
    let end = lines
        .iter()
        .rposition(|line| !line.is_empty())
        .map_or(0, |at| at + 1);
    lines.get(..end).unwrap_or_default()
}

/// Whether the lines are those that were written, with `…` as the module's comment says.
fn output_fits(expected: &[String], lines: &[&str]) -> bool {
    match (expected.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((any, rest)), line) if any == "…" => {
            output_fits(rest, lines)
                || line.is_some_and(|(_, lines_after)| output_fits(expected, lines_after))
        }
        (None, Some(_)) | (Some(_), None) => false,
        (Some((pattern, rest)), Some((line, lines_after))) => {
            line_fits(pattern, line) && output_fits(rest, lines_after)
        }
    }
}

fn line_fits(pattern: &str, line: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('…') else {
        return pattern == line;
    };
    line.strip_prefix(head).is_some_and(|rest| {
        rest.char_indices()
            .map(|(at, _)| at)
            .chain([rest.len()])
            .any(|at| rest.get(at..).is_some_and(|rest| line_fits(tail, rest)))
    })
}

/// A home and a directory of its own, without this machine's keys and settings.
struct Session {
    root: PathBuf,
}

impl Session {
    fn new() -> io::Result<Self> {
        // not below target/: that is inside of a repository with rules of its own
        let root = env::temp_dir().join(format!("mvx-readme-{}", std::process::id()));
        fs::create_dir_all(root.join("home"))?;
        fs::create_dir_all(root.join("work"))?;
        fs::write(root.join("directory"), path_text(&root.join("work")))?;
        fs::write(root.join("exports"), "")?;
        Ok(Self { root })
    }

    /// Runs one command where the last one ended; its output, and its exit code.
    fn run(&self, command: &str, last_exit: i32) -> io::Result<(String, i32)> {
        // One shell a command, so that output and exit code are its own. What a session carries
        // over is written down at the end of each: the directory and the exported variables.
        let script = "\
            set -o pipefail\n\
            . \"$SESSION/exports\"\n\
            cd \"$(cat \"$SESSION/directory\")\" || exit 99\n\
            (exit \"$LAST_EXIT\")\n\
            eval \"$STEP\"\n\
            step_exit=$?\n\
            pwd >\"$SESSION/directory\"\n\
            unset STEP LAST_EXIT\n\
            export -p >\"$SESSION/exports\"\n\
            exit \"$step_exit\"\n";
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\n{script}")])
            .env_clear()
            .env("PATH", Self::path())
            .env("HOME", self.root.join("home"))
            .env("LC_ALL", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ana Example")
            .env("GIT_AUTHOR_EMAIL", "ana@example.com")
            .env("GIT_COMMITTER_NAME", "Ana Example")
            .env("GIT_COMMITTER_EMAIL", "ana@example.com")
            .env("GIT_CEILING_DIRECTORIES", &self.root)
            .env("GIT_PAGER", "cat")
            .env("SESSION", &self.root)
            .env("LAST_EXIT", last_exit.to_string())
            .env("STEP", command)
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((text, output.status.code().unwrap_or(-1)))
    }

    /// The mvx of this build first, then a real sops where there is one, then the machine's own.
    fn path() -> OsString {
        let built = Path::new(env!("CARGO_BIN_EXE_mvx"));
        let mut folders: Vec<PathBuf> = built.parent().map(PathBuf::from).into_iter().collect();
        folders.push(Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers/bin"));
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        env::join_paths(folders).unwrap_or_default()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // what cannot be removed is left in the temporary directory
        fs::remove_dir_all(&self.root).ok();
    }
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}
