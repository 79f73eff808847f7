//! Signals, locks and crashes, seen from outside.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::repo::Repo;
use crate::support::Sandbox;

pub(crate) const SIGHUP: i32 = 1;
pub(crate) const SIGINT: i32 = 2;
pub(crate) const SIGQUIT: i32 = 3;
pub(crate) const SIGTERM: i32 = 15;

pub(crate) fn send(child: &Child, signal: i32) {
    let status = Command::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// The rest of the line that begins with `ready`.
fn ready(child: &mut Child) -> String {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map(Result::unwrap)
        .find_map(|line| Some(line.strip_prefix("ready")?.trim().to_owned()))
        .expect("the child says when it is ready")
}

pub(crate) fn wait_for(mut happened: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if happened() {
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    false
}

#[test]
fn plaintext_is_gone_after_every_signal() {
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        let sandbox = Sandbox::new();
        let mut child = sandbox.child("holds_a_private_directory").start();
        let file = PathBuf::from(ready(&mut child));
        assert_eq!(fs::read(&file).unwrap(), b"db: invented\n");
        send(&child, signal);
        assert_eq!(child.wait().unwrap().signal(), Some(signal));
        assert!(!file.parent().unwrap().exists(), "after signal {signal}");
    }
}

/// However early the signal comes: there is no moment at which a program runs and nobody would end
/// it.
#[test]
fn no_program_outlives_a_signal() {
    if !Path::new("/proc/self/cmdline").exists() {
        return;
    }
    let repo = Repo::new();
    repo.seal("secrets/dev/app.yaml", "a: 1\n");
    repo.hold_nothing();
    let seconds = format!("300.{}", std::process::id());
    let runs = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
        let lines: Vec<String> = lines
            .map(|line| String::from_utf8_lossy(&line).into_owned())
            .collect();
        lines
            .iter()
            .any(|line| *line == format!("sleep\0{seconds}\0"))
    };
    let start = || {
        let run = repo.mvx(["decrypt", "secrets/dev/app.enc.yaml"]);
        run.env("MVX_AGE_KEY_CMD", format!("sleep {seconds}"))
            .start()
    };
    let began = Instant::now();
    let mut child = start();
    assert!(wait_for(runs), "the command is started");
    let usual = began.elapsed();
    send(&child, SIGTERM);
    child.wait().unwrap();
    assert!(wait_for(|| !runs()));
    for round in 0..40 {
        let mut child = start();
        thread::sleep(usual.mul_f64(0.5 + f64::from(round) / 80.0));
        send(&child, SIGTERM);
        assert_eq!(child.wait().unwrap().signal(), Some(SIGTERM));
        assert!(wait_for(|| !runs()), "round {round}: it was left running");
    }
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    let sandbox = Sandbox::new();
    let program = std::env::current_exe().unwrap();
    let script = "trap '' HUP; exec \"$0\" child::holds_a_private_directory --exact --ignored \
                  --nocapture --test-threads=1 --quiet";
    let arguments = ["-c", script, program.to_str().unwrap()];
    let mut child = sandbox.run("sh", arguments).start();
    let file = PathBuf::from(ready(&mut child));
    send(&child, SIGHUP);
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none());
    assert!(file.exists());
    send(&child, SIGTERM);
    assert_eq!(child.wait().unwrap().signal(), Some(SIGTERM));
    assert!(!file.exists());
}

#[test]
fn a_write_that_is_interrupted_leaves_the_old_file_and_nothing_else() {
    let sandbox = Sandbox::new();
    let temporary = || {
        sandbox
            .files()
            .iter()
            .any(|name| name.starts_with("work/.mvx-"))
    };
    // it may be done before the signal comes: then it is tried again
    for _ in 0..10 {
        sandbox.write("large", "old");
        let mut child = sandbox.child("writes_a_large_file").start();
        assert!(wait_for(
            || temporary() || child.try_wait().unwrap().is_some()
        ));
        send(&child, SIGINT);
        let status = child.wait().unwrap();
        assert!(!temporary(), "{:?}", sandbox.files());
        if status.signal() == Some(SIGINT) {
            let length = fs::metadata(sandbox.path("large")).unwrap().len();
            assert!(length == 3 || length == 128 << 20, "{length}");
            if length == 3 {
                return;
            }
        }
    }
    panic!("the signal never came in time");
}

#[test]
fn a_program_that_mvx_waits_for_ends_with_it() {
    let sandbox = Sandbox::new();
    let mut child = sandbox.child("waits_for_a_program").start();
    let pid = || {
        let text = fs::read_to_string(sandbox.path("pid")).unwrap_or_default();
        text.trim().parse::<u32>().ok()
    };
    assert!(wait_for(|| pid().is_some()));
    send(&child, SIGTERM);
    assert_eq!(child.wait().unwrap().signal(), Some(SIGTERM));
    let process = PathBuf::from(format!("/proc/{}", pid().unwrap()));
    let is_running = || {
        // without a parent it may stay as a zombie for a while
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        status.contains("State:") && !status.contains("zombie")
    };
    if Path::new("/proc/self/status").exists() {
        assert!(wait_for(|| !is_running()));
    }
}

#[test]
fn a_lock_ends_with_its_process() {
    let sandbox = Sandbox::new();
    sandbox.write("count", "0");
    let mut first = sandbox.child("holds_a_lock").start();
    ready(&mut first);
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = sandbox.child("holds_a_lock").start();
    ready(&mut second);
    send(&second, SIGTERM);
    second.wait().unwrap();
}

#[test]
fn changes_under_a_lock_are_never_lost() {
    let sandbox = Sandbox::new();
    sandbox.write("count", "0");
    let children: Vec<Child> = (0..4)
        .map(|_| sandbox.child("counts_under_a_lock").start())
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(sandbox.read("count"), "80");
    assert_eq!(sandbox.files(), ["work/count"]);
}
