//! `mvx gen`: man pages and completions from the command table itself, for packagers.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use serde_json::json;

use super::ui::Ui;
use super::{Cli, Context};
use crate::error::{Exit, Failure};
use crate::io::IoError;
use crate::io::file;
use crate::io::write::{self, Access};

#[derive(clap::Args)]
pub(super) struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Write man pages, one a command
    Man {
        /// Where to write them; without it the page of mvx itself is printed
        directory: Option<PathBuf>,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Generate {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match &self.what {
            What::Man { directory: None } => print_man(&context.ui)?,
            What::Man {
                directory: Some(directory),
            } => write_man(directory, &context.ui)?,
            What::Completions { shell } => print_completions(*shell, &context.ui)?,
        }
        Ok(Exit::OK)
    }
}

fn print_man(ui: &Ui) -> Result<(), Failure> {
    ui.answer(&render(&Man::new(built()))?)
}

fn write_man(directory: &Path, ui: &Ui) -> Result<(), Failure> {
    file::create_directories(directory)?;
    let mut pages = Vec::new();
    collect(&built(), &mut pages);
    let mut written = Vec::new();
    for page in pages {
        let name = page.get_filename();
        write::write(&directory.join(&name), &render(&page)?, Access::Shared)?;
        written.push(name);
    }
    if ui.is_json() {
        return ui.json(&json!({ "written": written }));
    }
    for name in written {
        ui.line(&name)?;
    }
    Ok(())
}

fn print_completions(shell: Shell, ui: &Ui) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mvx", &mut script);
    ui.answer(&script)
}

fn built() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// The page of a command and of all below it.
fn collect(command: &clap::Command, pages: &mut Vec<Man>) {
    pages.push(Man::new(command.clone()));
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        collect(below, pages);
    }
}

fn render(page: &Man) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    page.render(&mut text)
        .map_err(|source| IoError::Stdout { source })?;
    Ok(text)
}
