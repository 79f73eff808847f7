//! Programs that other tests run as a process of their own: what a signal, a panic or a terminal
//! does can only be seen from outside.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use mvx::cli::ui::Ui;
use mvx::io::env::Environment;
use mvx::io::lock::Locks;
use mvx::io::private::PrivateDirectory;
use mvx::io::process::{self, Invocation};
use mvx::io::terminal::{self, Colour};
use mvx::io::write::{self, Access};

/// Says something at once: the harness would hold it back.
fn say(text: &str) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{text}").unwrap();
    stdout.flush().unwrap();
}

fn wait_for_the_end() -> ! {
    thread::sleep(Duration::from_mins(1));
    panic!("nobody ended this process");
}

#[test]
#[ignore = "run by processes.rs"]
fn holds_a_private_directory() {
    let directory = PrivateDirectory::create(&Environment::read()).unwrap();
    let file = directory.add("a.yaml", b"db: invented\n").unwrap();
    say(&format!("ready {}", file.display()));
    wait_for_the_end();
}

#[test]
#[ignore = "run by processes.rs"]
fn writes_a_large_file() {
    let bytes = vec![b'x'; 128 << 20];
    write::write(Path::new("large"), &bytes, Access::Shared).unwrap();
}

#[test]
#[ignore = "run by processes.rs"]
fn waits_for_a_program() {
    let outcome = Invocation::new("sh", ["-c", "echo $$ > pid; exec sleep 60"]).run();
    panic!("nobody ended this process: {:?}", outcome.err());
}

#[test]
#[ignore = "run by processes.rs"]
fn holds_a_lock() {
    let locks = Locks::of(&Environment::read());
    let _lock = locks
        .hold(Path::new("a.yaml"), Duration::from_secs(5))
        .unwrap();
    say("ready");
    wait_for_the_end();
}

#[test]
#[ignore = "run by processes.rs"]
fn counts_under_a_lock() {
    let locks = Locks::of(&Environment::read());
    let path = PathBuf::from("count");
    for _ in 0..20 {
        let lock = locks.hold(&path, Locks::PATIENCE).unwrap();
        let old = std::fs::read(&path).unwrap();
        let count: u32 = std::str::from_utf8(&old).unwrap().parse().unwrap();
        let new = (count + 1).to_string();
        write::write_if_unchanged(&lock, &old, new.as_bytes(), Access::Shared).unwrap();
    }
}

#[test]
#[ignore = "run by panics.rs"]
fn panics_with_a_value() {
    let json = std::env::var("JSON").is_ok();
    let exit = mvx::cli::shield(json, || {
        let value = String::from("hunter2-invented");
        let number: u8 = value.parse().unwrap_or_else(|_| panic!("not {value}"));
        ExitCode::from(number)
    });
    assert_eq!(exit, ExitCode::from(70));
    say("the exit status is 70");
}

fn ui() -> Ui {
    let given = |name: &str| std::env::var(name).is_ok();
    let environment = Environment::read();
    let verbose = u8::from(given("VERBOSE"));
    Ui::new(
        given("JSON"),
        given("QUIET"),
        verbose,
        Colour::Auto,
        &environment,
    )
}

#[test]
#[ignore = "run by talk.rs"]
fn talks() {
    let ui = ui();
    ui.note("2 files sealed");
    ui.detail(1, "read a.yaml");
    ui.detail(2, "never asked for");
    ui.warn("the file is public", &["`chmod 600 keys.txt`"]);
}

#[test]
#[ignore = "run by talk.rs"]
fn works_for_a_while() {
    let ui = ui();
    let mut progress = ui.progress(30, "sealing");
    for step in 0..30 {
        thread::sleep(Duration::from_millis(50));
        progress.step();
        if step == 28 {
            ui.warn("almost done", &[]);
        }
    }
    drop(progress);
    say("done");
}

#[test]
#[ignore = "run by terminal.rs"]
fn asks_for_a_value() {
    match terminal::ask_value("value of db.password") {
        Ok(value) => say(&format!("got {} bytes", value.len())),
        Err(error) => say(&format!("refused: {error}")),
    }
}

#[test]
#[ignore = "run by terminal.rs"]
fn asks_for_more() {
    let outcome = terminal::confirm("remove a.yaml?", false)
        .and_then(|yes| Ok((yes, terminal::choose("which one?", &["ana", "bob", "eve"])?)))
        .and_then(|(yes, which)| Ok((yes, which, terminal::ask_line("name", Some("x"))?)));
    match outcome {
        Ok((yes, which, name)) => say(&format!("answers: {yes} {which} {name}")),
        Err(error) => say(&format!("refused: {error}")),
    }
}

#[test]
#[ignore = "run by terminal.rs"]
fn runs_an_editor() {
    let directory = PrivateDirectory::create(&Environment::read()).unwrap();
    say(&format!("directory {}.", directory.path().display()));
    let script = "trap 'echo caught' INT; echo editing; read answer; read again; echo done";
    let arguments = ["-c".into(), script.into()];
    let status = process::foreground("sh", &arguments, &[], None).unwrap();
    say(&format!(
        "editor ended with {status:?}, directory is {}",
        if directory.path().is_dir() {
            "there"
        } else {
            "gone"
        }
    ));
}
