//! `mvx rekey`.

use std::path::PathBuf;

use super::Context;
use super::rewrap::rewrap;
use super::rewriting::{Caution, Words, object, rewrite, were_found};
use crate::app::rewrite::Request;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rekey secrets/prod/stripe.enc.yaml
  mvx rekey --dry-run secrets/prod
  mvx rekey --yes
  mvx rekey --drop old-kms secrets/prod
  mvx rekey --rewrap secrets/prod")]
pub(super) struct Rekey {
    /// Files or directories; the whole repository when left out
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Leave out a recipient that cannot be wrapped for; repeatable
    #[arg(long, value_name = "NAME")]
    drop: Vec<String>,
    /// Keep the data keys, and have Vault wrap them with the newest versions of its transit keys
    #[arg(long, conflicts_with = "drop")]
    rewrap: bool,
    #[command(flatten)]
    caution: Caution,
}

impl Rekey {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let files = app.secret_files(&self.files)?;
        if self.rewrap {
            let asks = were_found(&files, &self.files);
            return rewrap(context, &app, &files, &self.caution, asks);
        }
        let request = Request {
            files,
            named: &self.files,
            new_keys: true,
            drop: &self.drop,
            ..Request::default()
        };
        let words = Words {
            unchanged: "left",
            question: "Rekey",
            besides: &[],
            asks: were_found(&request.files, &self.files),
        };
        let answer = rewrite(context, &app, &request, &self.caution, &words, || Ok(()))?;
        if context.ui.is_json() {
            context.ui.json(&object(answer.json))?;
        }
        answer.outcome
    }
}
