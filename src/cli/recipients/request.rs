//! `mvx recipients request`.

use std::path::Path;

use serde_json::json;

use crate::app::files::shell_word;
use crate::cli::Context;
use crate::cli::init::slug;
use crate::cli::keys::none;
use crate::error::{Exit, Failure};
use crate::git;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx recipients request
  mvx recipients request --name carol --group team")]
pub(super) struct Request {
    /// Your name in the rules; git's idea of it when left out
    #[arg(long)]
    name: Option<String>,
    /// A group that you want to be in; repeatable
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
}

impl Request {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let app = context.app();
        let keys = app.public_keys();
        context.notes(&app);
        let Some(key) = keys.iter().find_map(|held| held.recipient.as_deref()) else {
            return Err(none());
        };
        let author = git::author::author(&context.directory);
        let name = match &self.name {
            Some(name) => name.clone(),
            None => slug(author.name.as_deref().unwrap_or("me")),
        };
        let word = |text: &str| shell_word(Path::new(text));
        let mut words = vec![format!("mvx recipients add {} {}", word(&name), word(key))];
        words.extend(
            self.groups
                .iter()
                .map(|group| format!("--group {}", word(group))),
        );
        words.extend(
            author
                .email
                .map(|email| format!("--owner {}", word(&email))),
        );
        let command = words.join(" ");
        if context.ui.is_json() {
            context
                .ui
                .json(&json!({ "name": name, "public_key": key, "command": command }))?;
            return Ok(Exit::OK);
        }
        context
            .ui
            .note("send this line to somebody who can open the files; there is no secret in it");
        if keys.len() > 1 {
            context.ui.note(&format!(
                "it is the first of your {} keys; `mvx keys list` shows them",
                keys.len()
            ));
        }
        context.ui.line(&command)?;
        Ok(Exit::OK)
    }
}
