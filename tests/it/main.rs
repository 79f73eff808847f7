//! One test binary for everything that runs the program itself.

#![allow(
    clippy::allow_attributes,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a failing test may panic, and tests prepare files and start programs themselves"
)]

mod architecture;
mod bad_input;
mod canary;
mod child;
mod command_line;
mod commands;
mod env_readers;
mod faults;
mod fuzzed;
mod hostile;
mod interop;
mod ledger;
mod panics;
mod processes;
mod readme;
mod recipes;
mod repo;
mod scan;
mod services;
mod support;
mod talk;
mod terminal;

/// A file that is not named above would never run.
#[test]
fn every_file_is_listed() {
    let directory = support::repository().join("tests/it");
    let listed = std::fs::read_to_string(directory.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_module =
            path.extension().is_some_and(|ending| ending == "rs") || path.join("mod.rs").is_file();
        if is_module && name != "main" {
            assert!(
                listed.contains(&format!("\nmod {name};\n")),
                "tests/it/{name} is missing in tests/it/main.rs"
            );
        }
    }
}
