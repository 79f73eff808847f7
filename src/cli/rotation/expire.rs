//! `mvx rotation expire`.

use serde_json::json;

use super::Context;
use crate::app::many;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx rotation expire --dry-run
  mvx rotation expire")]
pub(super) struct Expire {
    /// Remove also what no event tells of: it may be on another branch
    #[arg(long)]
    strays: bool,
    /// Show what would be removed, and stop
    #[arg(long)]
    dry_run: bool,
}

impl Expire {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let expired = app.expire(self.strays, self.dry_run);
        context.notes(&app);
        let expired = expired?;
        if context.ui.is_json() {
            let values: Vec<_> = expired
                .iter()
                .map(|one| json!({ "file": one.file, "key": one.key }))
                .collect();
            let name = if self.dry_run {
                "would_expire"
            } else {
                "expired"
            };
            context.ui.json(&json!({ name: values }))?;
        } else {
            for one in &expired {
                context.ui.line(&format!("{}: {}", one.file, one.key))?;
            }
        }
        if expired.is_empty() {
            context.ui.note("no value is kept beyond its time");
            return Ok(Exit::UNCHANGED);
        }
        let values = many(expired.len(), "value", "values");
        context.ui.note(&if self.dry_run {
            format!("{values} would be removed")
        } else {
            format!("{values} removed; git's history keeps their ciphertext")
        });
        Ok(Exit::OK)
    }
}
