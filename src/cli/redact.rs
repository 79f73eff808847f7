//! `mvx redact`.

use std::path::PathBuf;

use super::{Context, misuse};
use crate::app::env::deliver::{Request, scopes};
use crate::app::redact::pass_on;
use crate::error::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ./deploy.sh 2>&1 | mvx redact
  kubectl logs web | mvx redact prod
  journalctl -u web | mvx redact --file secrets/prod/stripe.enc.yaml")]
pub(super) struct Redact {
    /// The profile whose secrets are masked; the default or only one, unless --file is given
    profile: Option<String>,
    /// Mask the values of this encrypted file; may be given more than once
    #[arg(long = "file", value_name = "SECRETFILE")]
    files: Vec<PathBuf>,
    /// Fill in a scope of the profile's files, such as client=acme
    #[arg(long, value_name = "SCOPE=VALUE")]
    with: Vec<String>,
}

impl Redact {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if context.ui.is_json() {
            return Err(misuse(
                "`mvx redact` passes a stream on and has no answer for --json",
            ));
        }
        let app = context.app();
        let request = Request {
            profile: self.profile.clone(),
            with: scopes(&self.with)?,
            only: Vec::new(),
        };
        let patterns = app.patterns(&request, &self.files);
        context.notes(&app);
        let patterns = patterns.map_err(|failure| match failure.code {
            "no-profile" | "no-rules" => {
                failure.hint("or name the secrets: `mvx redact --file SECRETFILE`")
            }
            _ => failure,
        })?;
        if patterns.is_empty() {
            context.ui.warn(
                "there is nothing to mask: no secret has 8 characters or more",
                &[],
            );
        }
        drop(app);
        // a stream may last for days, and end with the process
        context.log_started();
        pass_on(patterns)?;
        Ok(Exit::OK)
    }
}
