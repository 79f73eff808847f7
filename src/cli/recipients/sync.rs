//! `mvx recipients sync`.

use std::path::PathBuf;

use crate::app::rewrite::Request;
use crate::cli::Context;
use crate::cli::rewriting::{Caution, Words, object, rewrite};
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx recipients sync --dry-run
  mvx recipients sync secrets/dev
  mvx recipients sync --check               for CI: exit status 1 where a file differs")]
pub(super) struct Sync {
    /// Files or directories; the whole repository when left out
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Compare the files with the rules, without a key, and end with 1 where one differs
    #[arg(long, conflicts_with_all = ["dry_run", "keep_going"])]
    check: bool,
    #[command(flatten)]
    caution: Caution,
}

impl Sync {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let files = app.secret_files(&self.files)?;
        if files.is_empty() || self.files.is_empty() {
            // Without any rules nothing can be in line with them.
            app.rules_here()?;
        }
        let request = Request {
            files,
            named: &self.files,
            compare_only: self.check,
            ..Request::default()
        };
        let words = Words {
            unchanged: "as the rules say",
            question: "Write",
            besides: &[],
            asks: true,
        };
        let caution = Caution {
            dry_run: self.caution.dry_run || self.check,
            ..self.caution
        };
        let answer = rewrite(context, &app, &request, &caution, &words, || Ok(()))?;
        if context.ui.is_json() {
            context.ui.json(&object(answer.json))?;
        }
        answer.outcome
    }
}
