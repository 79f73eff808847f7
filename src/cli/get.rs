//! `mvx get`.

use std::path::PathBuf;

use serde_json::json;

use super::decrypt::show;
use super::reveal::Reveal;
use super::{Context, FormatArg};
use crate::app::values::to_json;
use crate::cli::json::in_json;
use crate::document::Kind;
use crate::error::{At as _, Exit, Failure};
use crate::keypath::KeyPath;
use crate::sops::envelope::kind_name;
use crate::sops::store::NewNode;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mvx get secrets/dev/db.enc.yaml db.password
  mvx get --raw secrets/dev/tls.enc.yaml key > key.pem
  mvx get secrets/dev/db.enc.yaml 'users[0]' --json")]
pub(super) struct Get {
    /// The encrypted file
    file: PathBuf,
    /// The key path, such as `db.password` or `list[0]`
    key: String,
    /// Print exactly the value's bytes, without a line break
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// A version that is kept after a rotation, as `mvx history` numbers them
    #[arg(long, value_name = "VERSION")]
    version: Option<usize>,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    reveal: Reveal,
}

impl Get {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let key = KeyPath::parse(&self.key)?;
        self.reveal.permit(context)?;
        let app = context.app();
        let format = self.format.format();
        let found = match self.version {
            None => app.get(&self.file, &key, format),
            Some(number) => app.get_version(&self.file, &key, number, format),
        };
        context.notes(&app);
        let found = found?;
        if context.ui.is_json() {
            let kind = match &found.node {
                NewNode::Value(value) => kind_name(value.kind),
                NewNode::Null => "null",
                NewNode::Map(_) => "map",
                NewNode::List(_) => "list",
            };
            let value = to_json(&found.node).at(self.file.display())?;
            let answer = json!({ "file": in_json(&self.file), "key": key.to_string(), "type": kind, "value": value });
            context.ui.json(&answer)?;
            return Ok(Exit::OK);
        }
        match (&found.node, &found.text) {
            (_, Some(text)) => context.ui.answer(text.as_bytes())?,
            (NewNode::Value(value), None) => {
                let bytes = value.bytes.as_bytes();
                match value.kind {
                    Kind::Bool => {
                        let word = if bytes == b"True" { "true" } else { "false" };
                        context.ui.answer(word.as_bytes())?;
                    }
                    _ => show(context, &value.bytes, &self.file)?,
                }
                if !self.raw && !bytes.ends_with(b"\n") {
                    context.ui.answer(b"\n")?;
                }
            }
            _ => context
                .ui
                .answer(if self.raw { b"null" } else { b"null\n" })?,
        }
        Ok(Exit::OK)
    }
}
