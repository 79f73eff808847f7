//! The machine: what mvx would use of it, and what earlier runs left on it.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::{Check, Checks, Identity};
use crate::app::{App, editor, many};
use crate::git;
use crate::io::lock::Locks;
use crate::io::private::{self, PrivateDirectory};
use crate::io::process::{Invocation, Output, Stderr};
use crate::io::safe_text::safe;
use crate::io::{clock, file, harden, programs};
use crate::keys::open::list;

impl App<'_> {
    pub(super) fn check_machine(&self, identities: &[Identity], list: &mut Vec<Check>) {
        let mut checks = Checks::about("machine", list);
        checks.ok(
            "version",
            format!(
                "mvx {} on {} {}",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::OS,
                std::env::consts::ARCH
            ),
        );
        check_clock(clock::now(), &mut checks);
        if let Err(error) = self.environment().home() {
            checks.failure("home", Path::new(""), error);
        }
        if harden::core_dumps_are_off() {
            checks.ok("core-dumps", "core dumps of mvx are off");
        } else {
            checks.note(
                "core-dumps",
                "core dumps of mvx could not be turned off: a crash may write values to disk",
                ["`ulimit -c 0` in the shell turns them off".to_owned()],
            );
        }
        self.check_private(&mut checks);
        self.check_left_over(&mut checks);
        self.check_editor(&mut checks);
        match programs::find(self.environment(), "git") {
            Some(path) => checks.ok("git", format!("git: {}", path.display())),
            None => checks.note(
                "git",
                "git is not on PATH; mvx reads repositories without it",
                ["install git to commit what mvx writes".to_owned()],
            ),
        }
        self.check_plugins(identities, &mut checks);
    }

    /// Where plaintext would lie while it is edited: such a directory is made, and removed.
    fn check_private(&self, checks: &mut Checks<'_>) {
        let made = PrivateDirectory::create(self.environment());
        let outcome = made.and_then(|directory| {
            let parent = file::directory_of(directory.path()).display().to_string();
            let in_memory = directory.is_in_memory();
            directory.close().map(|()| (parent, in_memory))
        });
        match outcome {
            Ok((parent, true)) => checks.ok(
                "plaintext",
                format!("plaintext that is edited stays in memory, below {parent}"),
            ),
            Ok((parent, false)) => checks.note(
                "plaintext",
                format!("there is no memory file system: plaintext that is edited lies below {parent} for a while"),
                ["set XDG_RUNTIME_DIR to a directory of your own in memory, where the system has one".to_owned()],
            ),
            Err(error) => checks.failure("plaintext", Path::new(""), error),
        }
    }

    fn check_left_over(&self, checks: &mut Checks<'_>) {
        let locks = Locks::of(self.environment());
        if let Some(error) = locks.trouble() {
            checks.failure("locks", Path::new(""), error);
        }
        let clean =
            || ["`mvx clean` looks into them, and removes what is safe to remove".to_owned()];
        let drafts = private::left_over(self.environment());
        if !drafts.is_empty() {
            let names: Vec<String> = drafts
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let text = format!(
                "runs that were killed left drafts behind, with plaintext: {}",
                list(names, "and")
            );
            checks.problem("left-over", text, clean());
        }
        let left = locks.left_over().len();
        if left > 0 {
            let text = many(left, "lock", "locks") + " of runs that were killed; nobody holds them";
            checks.note("left-over", text, clean());
        }
        if drafts.is_empty() && left == 0 {
            checks.ok("left-over", "no locks or drafts were left behind");
        }
    }

    fn check_editor(&self, checks: &mut Checks<'_>) {
        let (name, words) = match self.chosen_editor() {
            Ok(Some((name, words))) => (format!(" ({name})"), words),
            Ok(None) => {
                let found = editor::COMMON
                    .into_iter()
                    .find(|name| programs::find(self.environment(), name).is_some());
                let Some(name) = found else {
                    checks.note("editor", "there is no editor for `mvx edit`", set_editor());
                    return;
                };
                (String::new(), vec![name.to_owned()])
            }
            Err(failure) => {
                checks.failure("editor", Path::new(""), failure);
                return;
            }
        };
        let program = words.first().map(String::as_str).unwrap_or_default();
        // what else stands in the variable may be anything
        let shown = safe(program);
        if programs::find(self.environment(), program).is_none() {
            checks.problem(
                "editor",
                format!("the editor `{shown}`{name} is not on PATH"),
                set_editor(),
            );
        } else if editor::is_discreet(program) {
            checks.ok("editor", format!("editor: {shown}{name}"));
        } else {
            checks.note(
                "editor",
                format!("editor: {shown}{name}; mvx cannot tell it to keep no copies"),
                [
                    "check that it leaves no backup or swap files, or use vim, nano, emacs or code"
                        .to_owned(),
                ],
            );
        }
    }

    /// The age plugins on PATH, and those that an identity needs. A program that lies in the
    /// repository is not run.
    fn check_plugins(&self, identities: &[Identity], checks: &mut Checks<'_>) {
        let root = git::repository_root(self.directory()).ok().flatten();
        for path in programs::beginning_with(self.environment(), "age-plugin-") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let real = file::canonical(&path);
            let foreign = path.is_absolute()
                && real.is_ok_and(|real| root.as_ref().is_none_or(|root| !real.starts_with(root)));
            if foreign {
                let version = version_of(&path);
                let version = version
                    .map(|version| format!(", {version}"))
                    .unwrap_or_default();
                checks.ok("plugin", format!("{name}: {}{version}", path.display()));
            } else {
                checks.note(
                    "plugin",
                    format!(
                        "{name}: {} lies in the repository; it was not run",
                        path.display()
                    ),
                    ["take the repository's directories out of PATH".to_owned()],
                );
            }
        }
        let mut needed: Vec<&str> = identities
            .iter()
            .filter_map(|own| match own.kind.as_str() {
                "post-quantum" => Some("pq"),
                kind => kind.strip_prefix("plugin "),
            })
            .collect();
        needed.sort_unstable();
        needed.dedup();
        for name in needed {
            let binary = format!("age-plugin-{name}");
            if programs::find(self.environment(), &binary).is_none() {
                checks.problem(
                    "plugin",
                    format!("an identity takes `{binary}`, which is not on PATH"),
                    [format!("install `{binary}` and have it on PATH")],
                );
            }
        }
    }
}

/// What a plugin says of its version, if it says so soon.
fn version_of(path: &Path) -> Option<String> {
    let output = Invocation::new(path, ["--version"])
        .timeout(PLUGIN_PATIENCE)
        .limit(1 << 12)
        .stderr(Stderr::Discarded)
        .run()
        .ok()
        .filter(Output::is_success)?;
    let line = output.stdout.as_str()?.lines().next()?.trim();
    let line: String = line.chars().take(60).collect();
    (!line.is_empty()).then(|| safe(&line).into_owned())
}

const PLUGIN_PATIENCE: Duration = Duration::from_secs(2);

fn set_editor() -> [String; 1] {
    ["set EDITOR to your editor, such as `EDITOR='code --wait'`".to_owned()]
}

/// A clock that is far off gives files a date that others do not believe.
fn check_clock(now: Timestamp, checks: &mut Checks<'_>) {
    // 2026-01-01, before the first release
    if now.as_second() < 1_767_225_600 {
        checks.problem(
            "clock",
            format!("this machine's clock says {now}, which is over"),
            ["set the clock: `timedatectl set-ntp true`".to_owned()],
        );
    } else {
        checks.ok("clock", format!("the clock says {now}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_clock_in_the_past_is_a_problem() {
        for (now, level) in [
            ("1970-01-01T00:01:00Z", Level::Problem),
            ("2026-11-22T09:30:00Z", Level::Ok),
        ] {
            let mut list = Vec::new();
            check_clock(
                now.parse().unwrap(),
                &mut Checks::about("machine", &mut list),
            );
            assert_eq!(list[0].level, level, "{now}");
        }
    }
}
