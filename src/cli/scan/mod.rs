//! `mvx scan`.

mod baseline;
pub(super) mod hook;
mod rules;
mod show;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::reveal::Reveal;
use super::{Context, misuse};
use crate::app::scan::{Options, What};
use crate::error::{Exit, Failure};
use crate::io::{clock, stdio, terminal};
use crate::rules::parse_duration;
use crate::scan::Confidence;
use crate::scan::finding::Source;
use crate::scan::report::Format;
use show::Wanted;

#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  mvx scan                                what git does not ignore, below the working directory
  mvx scan --staged                       what the next commit brings
  mvx scan --history main..HEAD --format github
  mvx scan --history -o leaks.sarif --format sarif
  kubectl logs api | mvx scan --stdin"
)]
pub(super) struct Scan {
    #[command(subcommand)]
    command: Option<Command>,
    /// Files and directories; the working directory where nothing else is asked for
    #[arg(value_name = "PATH", conflicts_with = "source")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    sources: Sources,
    /// Scan files that git ignores as well
    #[arg(long, conflicts_with = "source")]
    no_ignore: bool,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Keep the file of known findings
    Baseline(baseline::Baseline),
    /// Show and test the rules of the scan
    Rules(rules::Rules),
}

// What is scanned in the place of paths. A doc comment would take the place of the command's.
#[derive(clap::Args)]
#[group(id = "source", multiple = false)]
struct Sources {
    /// Scan standard input
    #[arg(long)]
    stdin: bool,
    /// Scan what is staged: the next commit, as git would make it
    #[arg(long)]
    staged: bool,
    /// Scan what is staged and was not in this commit
    #[arg(long, value_name = "REV")]
    diff: Option<String>,
    /// Scan what commits bring: all, those of REV, or those of B that A has not
    #[arg(long, value_name = "REV|A..B", num_args = 0..=1, default_missing_value = "")]
    history: Option<String>,
    /// Scan what the commits of HEAD bring since a day, or for a time such as 24h, 7d, 12w
    #[arg(long, value_name = "DATE|TIME")]
    since: Option<String>,
    /// Scan what is pushed: standard input has the lines that git gives a pre-push hook
    #[arg(long)]
    pre_push: bool,
}

// How it is scanned and reported. A doc comment would take the place of the command's.
#[derive(clap::Args)]
pub(super) struct How {
    /// The name that standard input has for rules that ask for one
    #[arg(long, value_name = "NAME", requires = "stdin")]
    filename: Option<PathBuf>,
    /// How findings are reported
    #[arg(long, value_name = "FORMAT", value_parser = format_parser(), default_value = "text")]
    format: Format,
    /// Write the report to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The lowest confidence that fails the scan: high, medium or low
    #[arg(long, value_name = "CONFIDENCE", value_parser = confidence_parser())]
    fail_on: Option<Confidence>,
    /// A gitleaks rule file, in the place of mvx's rules
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The file of known findings
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Report findings in these, too: unreachable is what no branch or tag leads to
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = included_parser())]
    include: Vec<Source>,
    /// Report no findings in these; names are those of files, people, tags and branches
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = excluded_parser())]
    exclude: Vec<Source>,
    #[command(flatten)]
    archives: Archives,
    /// Scan all of history, also what an earlier scan found clean
    #[arg(long)]
    no_cache: bool,
    /// Show the secrets themselves: at a terminal only
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    reveal: Reveal,
}

// How deep archives are opened. A doc comment would take the place of the command's.
#[derive(clap::Args)]
struct Archives {
    /// Look into archives (zip, jar, docx, gzip, tar), and into archives in them, so deep; 3 without DEPTH
    #[arg(id = "archives", long = "archives", value_name = "DEPTH", num_args = 0..=1, require_equals = true, default_value_t = 0, hide_default_value = true, default_missing_value = MISSING_DEPTH, value_parser = clap::value_parser!(u32).range(0..=10))]
    depth: u32,
}

impl Scan {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match &self.command {
            Some(Command::Baseline(baseline)) => return baseline.run(context),
            Some(Command::Rules(rules)) => return rules.run(context),
            None => {}
        }
        let wanted = self.how.wanted(context)?;
        let what = if self.sources.pre_push {
            let app = context.app_without_questions();
            app.before_push(&push_lines()?, None)
                .map_err(|failure| app.failure_without_secrets(failure))?
        } else {
            vec![self.what()?]
        };
        show::scan(context, &what, &self.how.options(&wanted), &wanted)
    }

    fn what(&self) -> Result<What, Failure> {
        let sources = &self.sources;
        Ok(if sources.stdin {
            let name = self.how.filename.clone();
            What::Stdin { name }
        } else if sources.staged {
            What::Staged
        } else if let Some(revision) = &sources.diff {
            What::Diff(revision.clone())
        } else if let Some(range) = &sources.history {
            match range.as_str() {
                "" => What::History,
                range => What::Range(range.to_owned()),
            }
        } else if let Some(since) = &sources.since {
            What::Since("HEAD".into(), moment(since)?)
        } else {
            What::Paths {
                paths: self.paths.clone(),
                ignored: self.no_ignore,
            }
        })
    }
}

impl How {
    /// How the report is wanted; refuses to show secrets where they would stay.
    fn wanted(&self, context: &Context) -> Result<Wanted, Failure> {
        let format = match (self.format, context.ui.is_json()) {
            (Format::Text, true) => Format::Json,
            (Format::Json, _) | (_, false) => self.format,
            _ => return Err(misuse("`--json` and another `--format` were both given")),
        };
        self.reveal.note(context)?;
        if self.show {
            if format != Format::Text || self.output.is_some() || !terminal::is_stdout() {
                return Err(Failure::new(
                    Exit::USAGE,
                    "needs-terminal",
                    "`--show` shows secrets, and only at a terminal: a report or a log would keep them",
                )
                .hint("without it, findings are shown without the secret"));
            }
            self.reveal.permit(context)?;
        }
        Ok(Wanted {
            format,
            output: self.output.clone(),
            show: self.show,
            advice: show::Advice::Scan,
        })
    }

    fn options(&self, wanted: &Wanted) -> Options {
        Options {
            fail_on: self.fail_on,
            rules: self.rules.clone(),
            baseline: self.baseline.clone(),
            fingerprints: wanted.format.has_fingerprints(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            archives: self.archives.depth,
            anew: self.no_cache,
            against: None,
        }
    }
}

/// How deep where nobody says: an archive in a package in an image.
const MISSING_DEPTH: &str = "3";

/// What git gives its hook; nothing where a person runs it.
pub(super) fn push_lines() -> Result<String, Failure> {
    /// A push of a hundred thousand refs.
    const MOST: usize = 32 << 20;
    if terminal::is_stdin() {
        return Ok(String::new());
    }
    let bytes = stdio::read_stdin(MOST)?;
    let text = bytes.as_str().map(str::to_owned);
    text.ok_or_else(|| misuse("standard input is not what git gives a pre-push hook"))
}

/// A point in time, in seconds since 1970: a day, a time, or how long ago it is.
fn moment(text: &str) -> Result<i64, Failure> {
    if let Some(ago) = parse_duration(text) {
        let ago = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
        return Ok(clock::now().as_second().saturating_sub(ago));
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_second());
    }
    let day = text.parse::<jiff::civil::Date>().ok();
    let start = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    start
        .map(|start| start.timestamp().as_second())
        .ok_or_else(|| {
            misuse(&format!(
                "`{text}` is neither a day such as 2026-11-22 nor a time such as 24h, 7d or 12w"
            ))
        })
}

fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
        .map(|name| Format::from_name(&name).unwrap_or(Format::Text))
}

/// Kinds of sources that are left out where they are named.
fn excluded_parser() -> impl TypedValueParser<Value = Source> {
    PossibleValuesParser::new(["messages", "names", "tags", "notes", "stashes"]).map(|name| {
        match name.as_str() {
            "messages" => Source::Message,
            "names" => Source::Name,
            "tags" => Source::Tag,
            "notes" => Source::Note,
            _ => Source::Stash,
        }
    })
}

/// Kinds of sources that are only looked at where they are named.
fn included_parser() -> impl TypedValueParser<Value = Source> {
    PossibleValuesParser::new(["unreachable"]).map(|_| Source::Unreachable)
}

fn confidence_parser() -> impl TypedValueParser<Value = Confidence> {
    PossibleValuesParser::new(["high", "medium", "low"])
        .map(|name| Confidence::of(&name).unwrap_or(Confidence::Low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_times_and_spans() {
        assert_eq!(moment("1970-01-02").ok(), Some(86_400));
        assert_eq!(moment("1970-01-01T00:00:05Z").ok(), Some(5));
        let week = clock::now().as_second() - moment("1w").ok().unwrap();
        assert!((604_799..=604_802).contains(&week), "{week}");
        assert!(moment("yesterday").is_err());
    }
}
