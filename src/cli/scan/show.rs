//! Runs a scan and shows what it found.

use std::path::PathBuf;

use crate::app::many;
use crate::app::scan::{Options, Outcome, SoFar, What};
use crate::cli::Context;
use crate::error::{At as _, Exit, Failure};
use crate::io::write::{self, Access};
use crate::scan::Weakened;
use crate::scan::report::{self, Format, Style};

/// How the report is wanted.
pub(super) struct Wanted {
    pub(super) format: Format,
    pub(super) output: Option<PathBuf>,
    pub(super) show: bool,
    pub(super) advice: Advice,
}

/// What is said below findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    Scan,
    PreCommit,
    PrePush,
}

/// Scans, and shows what was found.
pub(super) fn scan(
    context: &Context,
    what: &[What],
    options: &Options,
    wanted: &Wanted,
) -> Result<Exit, Failure> {
    let app = context.app_without_questions();
    let outcome = {
        let mut progress = context.ui.flow("scanning");
        let mut draw = |so_far: SoFar| progress.flow(so_far.pieces, so_far.bytes);
        let seen: Option<&mut dyn FnMut(SoFar)> = if context.ui.is_progress_seen() {
            Some(&mut draw)
        } else {
            None
        };
        app.find_leaks(what, options, seen)?
    };
    show(context, &outcome, wanted)?;
    context.notes(&app);
    advise(context, &outcome, wanted.advice, options.archives > 0);
    Ok(outcome.exit())
}

fn show(context: &Context, outcome: &Outcome, wanted: &Wanted) -> Result<(), Failure> {
    let report = outcome.report();
    let text = if wanted.format == Format::Text {
        let style = Style {
            colour: context.ui.is_coloured() && wanted.output.is_none(),
            show: wanted.show,
        };
        report::text(&report, style)
    } else {
        report::render(wanted.format, &report)
    };
    if let Some(path) = &wanted.output {
        return write::write(path, text.as_bytes(), Access::Shared).at(path.display());
    }
    context.ui.answer(text.as_bytes())?;
    context.ui.flush()
}

/// What was scanned, in one line: `14 files, 3.2 MB`.
fn scanned(outcome: &Outcome) -> String {
    let scanned = outcome.scanned;
    let pieces = usize::try_from(scanned.pieces).unwrap_or(usize::MAX);
    let mut text = format!(
        "{} scanned, {}",
        many(pieces, "piece", "pieces"),
        report::bytes(scanned.bytes)
    );
    if scanned.known > 0 {
        text += ", ";
        text += &scanned.known.to_string();
        text += " known from before";
    }
    if scanned.archives.opened > 0 {
        let opened = usize::try_from(scanned.archives.opened).unwrap_or(usize::MAX);
        text += ", ";
        text += &many(opened, "archive", "archives");
        text += " opened";
    }
    text
}

/// What of mvx's rules is not in force, in words.
fn weakened(weakened: &Weakened) -> Option<String> {
    const TOLD: usize = 4;
    let ids = |ids: &[String]| {
        let rest = ids.len().saturating_sub(TOLD);
        let text = ids.get(..TOLD).unwrap_or(ids).join(", ");
        match rest {
            0 => text,
            rest => format!("{text} and {rest} more"),
        }
    };
    let mut parts = Vec::new();
    for (what, list) in [("off", &weakened.disabled), ("changed", &weakened.changed)] {
        if !list.is_empty() {
            let count = many(list.len(), "rule is", "rules are");
            parts.push(format!("{count} {what} ({})", ids(list)));
        }
    }
    if weakened.wide > 0 {
        parts.push(format!(
            "{} everything pass",
            many(weakened.wide, "allowance lets", "allowances let")
        ));
    }
    (!parts.is_empty()).then(|| format!("by this project's rules, {}", parts.join("; ")))
}

fn advise(context: &Context, outcome: &Outcome, advice: Advice, asked_for_archives: bool) {
    let ui = &context.ui;
    let passed = outcome.passed;
    for (count, why) in [
        (passed.allowed, "let pass by a comment or the rules"),
        (passed.known, "known from the baseline"),
        (passed.committed, "not new: the version before has it, too"),
        (
            passed.unreachable,
            "in what no branch or tag leads to: `--include unreachable` shows them",
        ),
    ] {
        if count > 0 {
            ui.note(&format!("{} {why}", many(count, "finding", "findings")));
        }
    }
    if let Some(text) = weakened(&outcome.weakened) {
        ui.note(&text);
    }
    let archives = outcome.scanned.archives;
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    if archives.left > 0 {
        let them = many(number(archives.left), "archive", "archives");
        ui.note(&if asked_for_archives {
            format!("{them} not looked into: mvx opens zip, gzip and tar")
        } else {
            format!("{them} not looked into: `mvx scan --archives` does")
        });
    }
    if archives.locked > 0 {
        let them = many(number(archives.locked), "entry", "entries");
        ui.note(&format!("{them} of archives encrypted, and not looked at"));
    }
    let scanned = scanned(outcome);
    let count = outcome.findings.len();
    if count == 0 && outcome.incomplete.is_empty() {
        ui.note(&format!("no secrets found: {scanned}"));
        return;
    }
    if !outcome.incomplete.is_empty() {
        let message = format!(
            "not everything could be scanned, so this is not known to be clean ({scanned})"
        );
        let mut whole = Failure::new(Exit::IO, "scan-incomplete", message);
        whole
            .hints
            .extend(outcome.incomplete.iter().take(8).cloned());
        ui.problem(&whole);
    }
    if count > 0 {
        let mut hints: Vec<&str> = Vec::new();
        match advice {
            Advice::Scan => hints.push("a secret that was committed or shared is to be changed where it was issued; the new one can be kept encrypted: `mvx set`"),
            Advice::PreCommit => hints.push("take it out and stage again (`git add`); it can be kept encrypted: `mvx set`"),
            Advice::PrePush => hints.push("take it out of the commits (`git rebase -i`) and change it if it went anywhere; it can be kept encrypted: `mvx set`"),
        }
        hints.push("what is no secret passes with `mvx:allow REASON` in a comment on its line, `[[scan.allow]]` in the rules, or `mvx scan baseline update`");
        match advice {
            Advice::Scan => {}
            Advice::PreCommit => hints.push("`git commit --no-verify` commits without any hook"),
            Advice::PrePush => hints.push("`git push --no-verify` pushes without any hook"),
        }
        ui.warn(
            &format!("{} found: {scanned}", many(count, "secret", "secrets")),
            &hints,
        );
    }
}
