//! `mvx git hook`: what git's hooks run.

use std::ffi::OsString;
use std::path::PathBuf;

use super::push_lines;
use super::show::{self, Advice, Wanted};
use crate::app::hooks::Hook;
use crate::app::scan::Options;
use crate::cli::Context;
use crate::cli::git::hook_parser;
use crate::error::{Exit, Failure};
use crate::scan::report::Format;

#[derive(clap::Args)]
pub(in crate::cli) struct RunHook {
    /// The hook
    #[arg(value_name = "HOOK", value_parser = hook_parser())]
    hook: Hook,
    /// What git, or a hook manager, gives it
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<OsString>,
}

impl RunHook {
    pub(in crate::cli) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app_without_questions();
        let (what, advice) = match self.hook {
            Hook::PreCommit => {
                let named: Vec<PathBuf> = self.arguments.iter().map(PathBuf::from).collect();
                (app.before_commit(named), Advice::PreCommit)
            }
            Hook::PrePush => {
                let remote = self.arguments.first().and_then(|name| name.to_str());
                (app.before_push(&push_lines()?, remote), Advice::PrePush)
            }
        };
        let what = what.map_err(|failure| app.failure_without_secrets(failure))?;
        let wanted = Wanted {
            format: if context.ui.is_json() {
                Format::Json
            } else {
                Format::Text
            },
            output: None,
            show: false,
            advice,
        };
        show::scan(context, &what, &Options::default(), &wanted)
    }
}
