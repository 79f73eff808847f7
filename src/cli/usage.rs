//! A command line that makes no sense, in mvx's own words and shape.
//!
//! clap's own messages repeat what was typed. What was typed may be a secret that somebody put on
//! the command line by mistake, so that only names that look like options and commands are
//! repeated here.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{Cli, ui};
use crate::error::{Exit, Failure};
use crate::io::env::Environment;
use crate::io::terminal::Colour;
use ui::Ui;

/// What must be known before the command line is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Early {
    /// Whether failures are to be JSON.
    pub(super) json: bool,
    colour: Colour,
}

impl Early {
    /// Looks for `--json` and `--color` before a `--`.
    pub(super) fn guess(arguments: &[OsString]) -> Self {
        let mut early = Self {
            json: false,
            colour: Colour::Auto,
        };
        let mut words = arguments
            .iter()
            .skip(1)
            .map(|word| word.to_str().unwrap_or_default())
            .take_while(|word| *word != "--");
        while let Some(word) = words.next() {
            let colour = match word {
                "--json" => {
                    early.json = true;
                    None
                }
                "--color" => words.next(),
                word => word.strip_prefix("--color="),
            };
            early.colour = match colour {
                Some("always") => Colour::Always,
                Some("never") => Colour::Never,
                _ => early.colour,
            };
        }
        early
    }
}

/// Prints the help or version that was asked for, or says what is wrong.
pub(super) fn report(
    error: &clap::Error,
    arguments: &[OsString],
    early: Early,
    environment: &Environment,
) -> ExitCode {
    let ui = Ui::new(early.json, false, 0, early.colour, environment);
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let text = error.render();
        let printed = if ui.is_coloured() {
            ui.answer(text.ansi().to_string().as_bytes())
        } else {
            ui.answer(text.to_string().as_bytes())
        };
        return ui.end(printed.map(|()| Exit::OK));
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !early.json {
        ui.overview(&error.render());
        return Exit::USAGE.code().into();
    }
    ui.end(Err(failure(error, &command_of(arguments))))
}

/// `mvx`, with the commands that were named.
fn command_of(arguments: &[OsString]) -> String {
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    let mut name = String::from("mvx");
    for word in arguments.iter().skip(1) {
        if let Some(found) = word.to_str().and_then(|word| command.find_subcommand(word)) {
            command = found;
            name = format!("{name} {}", found.get_name());
        }
    }
    name
}

fn failure(error: &clap::Error, command: &str) -> Failure {
    let argument = || text(error, ContextKind::InvalidArg).unwrap_or("an argument".into());
    let message = match error.kind() {
        ErrorKind::InvalidSubcommand => match text(error, ContextKind::InvalidSubcommand) {
            Some(word) if is_name(&word) => format!("there is no command `{word}`"),
            _ => "there is no such command".into(),
        },
        ErrorKind::UnknownArgument => match text(error, ContextKind::InvalidArg) {
            Some(word) if is_option(&word) => format!("there is no option `{}`", name_of(&word)),
            _ => format!("`{command}` takes fewer arguments than these"),
        },
        ErrorKind::InvalidValue => match text(error, ContextKind::ValidValue) {
            Some(values) => format!("`{}` is one of: {values}", argument()),
            None => format!("`{}` needs a value", argument()),
        },
        ErrorKind::ValueValidation => match std::error::Error::source(error) {
            Some(source) => format!("`{}`: {source}", argument()),
            None => format!("the value of `{}` cannot be read", argument()),
        },
        ErrorKind::TooFewValues => format!("`{}` needs more values", argument()),
        ErrorKind::TooManyValues => format!("`{}` takes no such value", argument()),
        ErrorKind::WrongNumberOfValues => {
            format!("`{}` has the wrong number of values", argument())
        }
        ErrorKind::NoEquals => format!("`{}` and its value are joined by `=`", argument()),
        ErrorKind::ArgumentConflict => match text(error, ContextKind::PriorArg) {
            Some(prior) if prior != argument() => {
                format!("`{}` and `{prior}` exclude each other", argument())
            }
            Some(prior) => format!("`{prior}` is given twice"),
            None => format!("`{}` does not go with the others", argument()),
        },
        ErrorKind::MissingRequiredArgument => format!("missing: {}", argument()),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            format!("`{command}` needs a command or an argument")
        }
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8 text".into(),
        _ => "the command line makes no sense".into(),
    };
    let mut failure = Failure::new(Exit::USAGE, "usage", message);
    for kind in [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ] {
        if let Some(suggested) = text(error, kind) {
            failure = failure.hint(format!("did you mean `{suggested}`?"));
        }
    }
    failure.hint(format!("`{command} --help` shows what it takes"))
}

/// A part of what clap knows about an error, as text.
fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        // an option that may be repeated is written with dots
        ContextValue::String(text) => Some(text.trim_end_matches("...").to_owned()),
        ContextValue::Strings(texts) if !texts.is_empty() => Some(texts.join(", ")),
        _ => None,
    }
}

/// Whether this can be an option's name and not a value that begins with a dash.
fn is_option(word: &str) -> bool {
    let name = name_of(word);
    let bare = name.strip_prefix("--").or_else(|| name.strip_prefix('-'));
    bare.is_some_and(is_name)
}

fn name_of(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}

fn is_name(word: &str) -> bool {
    word.len() <= 24
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| {
            c.is_ascii_lowercase() || c.is_ascii_uppercase() && word.len() == 1 || c == '-'
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn message(words: &[&str]) -> (String, Vec<String>) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let error = Cli::try_parse_from(&words).err().unwrap();
        let failure = failure(&error, &command_of(&words));
        assert_eq!(failure.exit, Exit::USAGE);
        (failure.error.to_string(), failure.hints)
    }

    #[test]
    fn mistakes_are_named_and_the_right_word_is_near() {
        for (words, expected, hint) in [
            (
                ["mvx", "hepl"].as_slice(),
                "there is no command `hepl`",
                "did you mean `help`?",
            ),
            (
                &["mvx", "help", "--jsn"],
                "there is no option `--jsn`",
                "did you mean `--json`?",
            ),
            (
                &["mvx", "help", "--color", "alway"],
                "`--color <WHEN>` is one of: auto, always, never",
                "did you mean `always`?",
            ),
            (
                &["mvx", "gen", "completions"],
                "missing: <SHELL>",
                "`mvx gen completions --help` shows what it takes",
            ),
            (
                &["mvx", "help", "-q", "-v"],
                "`--quiet` and `--verbose` exclude each other",
                "`mvx help --help` shows what it takes",
            ),
            (
                &["mvx", "help", "-C"],
                "`-C <DIR>` needs a value",
                "`mvx help --help` shows what it takes",
            ),
        ] {
            let (message, hints) = message(words);
            assert_eq!(message, expected);
            assert!(hints.iter().any(|line| line == hint), "{hints:?}");
        }
    }

    #[test]
    fn what_may_be_a_value_is_not_repeated() {
        let key = "-----BEGIN INVENTED KEY-----";
        for words in [
            ["mvx", "gen", "man", "dir", "hunter2invented"],
            ["mvx", "gen", "man", "--", "hunter2invented"],
            ["mvx", "gen", "man", "dir", "--hunter2invented"],
            ["mvx", "gen", "man", "dir", "--Hunter=invented"],
            ["mvx", "gen", "man", "dir", key],
            ["mvx", "help", "x", "y", "--json=invented"],
            ["mvx", "gen", "man", "dir", "--color=invented"],
            ["mvx", "gen", "completions", "invented", "-q"],
            ["mvx", "Hunter2invented", "a", "b", "c"],
        ] {
            let Err(error) = Cli::try_parse_from(words) else {
                continue;
            };
            let failure = failure(&error, "mvx");
            let all = format!("{} {:?}", failure.error, failure.hints);
            assert!(!all.to_lowercase().contains("invented"), "{all}");
            assert!(!all.contains("Hunter"), "{all}");
        }
    }

    #[test]
    fn the_form_of_a_failure_is_known_early() {
        let guess =
            |words: &[&str]| Early::guess(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(guess(&["mvx", "x", "--json"]).json);
        assert!(!guess(&["mvx", "run", "--", "x", "--json"]).json);
        assert_eq!(guess(&["mvx", "--color", "never"]).colour, Colour::Never);
        assert_eq!(guess(&["mvx", "--color=always"]).colour, Colour::Always);
        assert_eq!(guess(&["mvx", "--color"]).colour, Colour::Auto);
    }
}
