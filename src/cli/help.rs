//! `mvx help`: a command's help, or a topic that belongs to no command.

use clap::CommandFactory;
use clap::error::ErrorKind;
use serde_json::json as object;

use super::ui::{Table, Ui};
use super::{Cli, Context, exit_codes, json};
use crate::error::{Exit, Failure};
use crate::io::env::{ASSISTANTS, VARIABLES};

#[derive(clap::Args)]
pub(super) struct Help {
    /// A command, or one of the topics exit-codes, environment, key-paths, json
    #[arg(value_name = "COMMAND|TOPIC")]
    words: Vec<String>,
}

const TOPICS: [&str; 4] = ["exit-codes", "environment", "key-paths", "json"];

/// The topics, as the general help names them.
pub(super) const TOPICS_LINE: &str = "\
Topics:
  mvx help exit-codes   What the exit status means
  mvx help environment  The environment variables that mvx reads
  mvx help key-paths    How a secret inside a file is named
  mvx help json         What --json prints";

impl Help {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["exit-codes"] => exit_codes::print(&context.ui)?,
            ["environment"] => environment(&context.ui)?,
            ["key-paths"] => key_paths(&context.ui)?,
            ["json"] => json::print(&context.ui)?,
            words => command(&context.ui, words)?,
        }
        Ok(Exit::OK)
    }
}

fn environment(ui: &Ui) -> Result<(), Failure> {
    if ui.is_json() {
        let variables: Vec<_> = VARIABLES
            .iter()
            .chain(ASSISTANTS)
            .map(|(name, meaning)| object!({ "name": name, "meaning": meaning }))
            .collect();
        return ui.json(&object!({ "environment": variables }));
    }
    let mut table = Table::new(["VARIABLE", "MEANING"]);
    for row in VARIABLES {
        table.row([row.0, row.1]);
    }
    ui.table(&table)?;
    ui.line("")?;
    ui.line(
        "Where one of these is set, a coding assistant runs the command, and what prints values",
    )?;
    ui.line("needs `--reveal REASON`; 0 and false count as not set:")?;
    ui.line("")?;
    let mut table = Table::new(["VARIABLE", "SET BY"]);
    for row in ASSISTANTS {
        table.row([row.0, row.1]);
    }
    ui.table(&table)
}

fn key_paths(ui: &Ui) -> Result<(), Failure> {
    if ui.is_json() {
        return ui.json(&object!({ "topic": "key-paths", "text": KEY_PATHS }));
    }
    ui.answer(KEY_PATHS.as_bytes())
}

fn command(ui: &Ui, words: &[&str]) -> Result<(), Failure> {
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    for word in words {
        command = match command.find_subcommand(word) {
            Some(found) => found,
            None => return Err(unknown(words)),
        };
    }
    // the very text of `--help`
    let arguments = ["mvx"].iter().chain(words).chain(&["--help"]);
    let help = match Cli::command().try_get_matches_from(arguments) {
        Err(help) if help.kind() == ErrorKind::DisplayHelp => help.render(),
        _ => return Err(unknown(words)),
    };
    if ui.is_json() {
        return ui.json(&object!({ "topic": words.join(" "), "text": help.to_string() }));
    }
    let text = if ui.is_coloured() {
        help.ansi().to_string()
    } else {
        help.to_string()
    };
    ui.answer(text.as_bytes())
}

fn unknown(words: &[&str]) -> Failure {
    let asked = words.join(" ");
    let root = Cli::command();
    let names = root
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(clap::Command::get_name)
        .chain(TOPICS);
    let nearest = names
        .map(|name| (strsim::jaro_winkler(name, &asked), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let failure = Failure::new(
        Exit::USAGE,
        "usage",
        format!("there is no command or topic `{asked}`"),
    );
    let failure = match nearest {
        Some((_, name)) => failure.hint(format!("did you mean `mvx help {name}`?")),
        None => failure,
    };
    failure.hint("`mvx help` lists the commands and topics")
}

const KEY_PATHS: &str = r#"A key path names a secret inside a file:

  STRIPE_SECRET_KEY     a key at the top
  db.password           a key inside a map
  users[0].token        an item of a list, counted from 0
  db."host.name"        a key with a dot or a bracket in it, in quotes
  2:db.password         in the second document of a multi-document file

The way sops writes it is read too: ["db"]["users"][0]. A shell takes quotes and
brackets for itself, so put such a path in single quotes:

  mvx get secrets/prod.enc.yaml 'db."host.name"'

`mvx ls FILE` prints the path of every secret in this form.
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keypath::KeyPath;

    #[test]
    fn the_examples_are_key_paths() {
        let examples: Vec<&str> = KEY_PATHS
            .lines()
            .filter(|line| line.starts_with("  ") && !line.contains("mvx"))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(examples.len(), 5);
        for example in examples {
            assert_eq!(KeyPath::parse(example).unwrap().to_string(), example);
        }
    }

    #[test]
    fn the_topics_of_the_general_help_are_those_there_are() {
        for topic in TOPICS {
            assert!(
                TOPICS_LINE.contains(&format!("mvx help {topic} ")),
                "{topic}"
            );
        }
    }
}
