//! What a command finds in its environment.

use std::ffi::OsString;

use super::{AsFile, IDENTITIES, INHERITED, Plan, files::Files};
use crate::app::env::deliver::Delivery;
use crate::error::{Exit, Failure};
use crate::io::start::{self, Start};
use crate::render::names::{is_name, matches, steers};
use crate::render::{Origin, Variable};
use crate::secret::Cleartext;

/// Refuses what no command may get, or cannot.
pub(super) fn check(delivery: &Delivery, plan: &Plan) -> Result<(), Failure> {
    for as_file in &plan.files {
        check_file(delivery, plan, as_file)?;
    }
    for variable in &delivery.variables {
        let is_file = plan.files.iter().any(|file| file.name == variable.name);
        if !is_file {
            check_value(variable)?;
            check_name(delivery, variable)?;
        }
    }
    Ok(())
}

/// The command with its environment, and the sizes of its variables.
pub(super) fn start(
    plan: &Plan,
    delivery: Delivery,
    files: Option<&Files>,
) -> (Start, Vec<(String, usize)>) {
    let mut words = plan.command.iter().cloned();
    let mut start = Start::new(words.next().unwrap_or_default(), words.collect());
    let inherited = start::inherited();
    let text = |name: &OsString| name.to_string_lossy().into_owned();
    let is_identity = |name: &OsString| fits(IDENTITIES, &text(name));
    if plan.clean_environment {
        start = start.only(
            inherited
                .iter()
                .filter(|name| fits(INHERITED, &text(name)))
                .cloned(),
        );
    } else {
        for name in inherited.iter().filter(|name| is_identity(name)) {
            start = start.without(name);
        }
    }
    let keeps = |name: &str| {
        let is_there = |other: &OsString| other == name && !is_identity(other);
        plan.keep_environment && !plan.clean_environment && inherited.iter().any(is_there)
    };
    let mut sizes = Vec::new();
    let mut set = |name: String, value: Cleartext, start: Start| {
        if keeps(&name) {
            return start;
        }
        sizes.push((name.clone(), value.len()));
        start.with(name, value)
    };
    for variable in delivery.variables {
        match plan.files.iter().find(|file| file.name == variable.name) {
            Some(AsFile { variable, name }) => {
                if let Some(path) = files.map(|files| files.path(name)) {
                    let path = path.to_string_lossy().into_owned();
                    start = set(variable.clone(), Cleartext::from(path), start);
                }
            }
            None => start = set(variable.name, variable.value, start),
        }
    }
    (start, sizes)
}

/// Names and values, to compare them with later ones.
pub(super) fn copy(delivery: &Delivery) -> Vec<(String, Cleartext)> {
    let pairs = delivery.variables.iter();
    pairs
        .map(|variable| (variable.name.clone(), variable.value.duplicate()))
        .collect()
}

fn check_file(delivery: &Delivery, plan: &Plan, wish: &AsFile) -> Result<(), Failure> {
    let AsFile { name, variable } = wish;
    let usage = |message: String| Failure::new(Exit::USAGE, "usage", message);
    let is_delivered = |name: &str| delivery.variables.iter().any(|one| one.name == name);
    if !is_delivered(name) {
        let profile = &delivery.profile.name;
        return Err(Failure::new(
            Exit::USAGE,
            "no-such-name",
            format!("the profile `{profile}` has no `{name}` to make a file of"),
        )
        .hint(format!("`mvx run {profile} --dry-run` lists the names")));
    }
    if !is_name(variable) {
        return Err(usage(format!("`{variable}` is no name of a variable")));
    }
    let others = plan
        .files
        .iter()
        .filter(|other| other.variable == *variable);
    let is_taken = is_delivered(variable) && !plan.files.iter().any(|file| file.name == *variable);
    if others.count() > 1 || is_taken {
        return Err(usage(format!("two values are to be `{variable}`"))
            .hint(format!("choose another name: `--files {name}={name}_FILE`")));
    }
    Ok(())
}

fn check_value(variable: &Variable) -> Result<(), Failure> {
    let name = &variable.name;
    let wrong = if variable.value.as_bytes().contains(&0) {
        "holds a NUL byte, which no environment can"
    } else if cfg!(windows) && variable.value.as_str().is_none() {
        "is not UTF-8 text"
    } else {
        return Ok(());
    };
    Err(Failure::new(
        Exit::IO,
        "not-a-variable",
        format!("{} {wrong}", of(variable)),
    )
    .hint(format!("`--files {name}` hands it over as a file")))
}

fn check_name(delivery: &Delivery, variable: &Variable) -> Result<(), Failure> {
    let name = &variable.name;
    let what = if fits(IDENTITIES, name) {
        "says with which keys files are opened"
    } else if let Some(what) = steers(name) {
        what
    } else {
        return Ok(());
    };
    let allowed = delivery.profile.allow.as_deref().unwrap_or_default();
    if allowed.contains(name) {
        return Ok(());
    }
    let profile = &delivery.profile.name;
    let message = format!(
        "{} {what}: whoever can write it could take over the command",
        of(variable)
    );
    Err(Failure::new(Exit::RULES, "steering-name", message)
        .hint(format!(
            "leave it out: `exclude = [\"{name}\"]` in [env.{profile}]"
        ))
        .hint(format!("or allow it there by name: `allow = [\"{name}\"]`")))
}

/// A variable and where it comes from.
fn of(variable: &Variable) -> String {
    let name = &variable.name;
    match &variable.origin {
        Origin::Secret { file, key } => format!("{name} (`{key}` in {file})"),
        Origin::Previous { file, key } => format!("{name} (the old value of `{key}` in {file})"),
        Origin::Default => format!("{name} (of the profile's defaults)"),
    }
}

fn fits(globs: &[&str], name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    globs.iter().any(|glob| matches(glob, &upper))
}
