//! What holds for every command: usage errors, help, options, streams.

use std::fmt::Write;
use std::fs::{self, File};

use clap::CommandFactory;

use crate::support::Sandbox;

#[test]
fn nothing_at_all_is_a_usage_error_that_shows_the_way() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.mvx([""; 0]).outcome();
    assert_eq!(outcome.code(), Some(2));
    assert_eq!(outcome.stdout(), "");
    assert!(outcome.stderr.contains("Usage: mvx"), "{outcome}");
    let outcome = sandbox.mvx(["--json"]).outcome();
    insta::assert_snapshot!(outcome, @r###"
    exit: 2
    --- stderr
    {"code":"usage","exit":2,"message":"`mvx` needs a command or an argument","place":null,"causes":[],"hints":["`mvx --help` shows what it takes"]}
    "###);
}

#[test]
fn usage_errors_have_the_shape_of_all_errors() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.mvx(["hepl"]).outcome(), @r###"
    exit: 2
    --- stderr
    mvx: error: there is no command `hepl`
    mvx: hint: did you mean `help`?
    mvx: hint: `mvx --help` shows what it takes
    "###);
    insta::assert_snapshot!(sandbox.mvx(["help", "--jsn"]).outcome(), @r###"
    exit: 2
    --- stderr
    mvx: error: there is no option `--jsn`
    mvx: hint: did you mean `--json`?
    mvx: hint: `mvx help --help` shows what it takes
    "###);
    insta::assert_snapshot!(sandbox.mvx(["help", "--color", "sometimes"]).outcome(), @r###"
    exit: 2
    --- stderr
    mvx: error: `--color <WHEN>` is one of: auto, always, never
    mvx: hint: `mvx help --help` shows what it takes
    "###);
    insta::assert_snapshot!(sandbox.mvx(["help", "exit-code"]).outcome(), @r###"
    exit: 2
    --- stderr
    mvx: error: there is no command or topic `exit-code`
    mvx: hint: did you mean `mvx help exit-codes`?
    mvx: hint: `mvx help` lists the commands and topics
    "###);
    insta::assert_snapshot!(sandbox.mvx(["--json", "hepl"]).outcome(), @r###"
    exit: 2
    --- stderr
    {"code":"usage","exit":2,"message":"there is no command `hepl`","place":null,"causes":[],"hints":["did you mean `help`?","`mvx --help` shows what it takes"]}
    "###);
}

#[test]
fn a_value_typed_by_mistake_is_not_repeated() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.mvx(["gen", "man", "out", "hunter2"]).outcome();
    assert_eq!(outcome.code(), Some(2));
    assert!(!outcome.to_string().contains("hunter2"), "{outcome}");
}

#[test]
fn the_exit_codes_are_documented() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.mvx(["help", "exit-codes"]).outcome(), @r###"
    exit: 0
    --- stdout
    EXIT  MEANING
    0     done
    1     the answer is no: a missing key, findings, drift, overdue
    2     the command line makes no sense
    3     rules or configuration are wrong or missing
    4     input, output or git failed
    25    a value does not authenticate
    51    the file's MAC is missing or does not match
    70    a bug in mvx
    126   `run`: the command cannot be started
    127   `run`: there is no such command
    128   no identity opens the file
    130   interrupted
    200   nothing changed
    203   the file is encrypted already
    "###);
    let json = sandbox
        .mvx(["help", "exit-codes", "--json"])
        .outcome()
        .quiet_success();
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(object["exit_codes"][0]["exit"], 0);
    assert_eq!(object["exit_codes"][0]["meaning"], "done");
}

#[test]
fn topics_are_explained() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.mvx(["help", "key-paths"]).outcome(), @r###"
    exit: 0
    --- stdout
    A key path names a secret inside a file:

      STRIPE_SECRET_KEY     a key at the top
      db.password           a key inside a map
      users[0].token        an item of a list, counted from 0
      db."host.name"        a key with a dot or a bracket in it, in quotes
      2:db.password         in the second document of a multi-document file

    The way sops writes it is read too: ["db"]["users"][0]. A shell takes quotes and
    brackets for itself, so put such a path in single quotes:

      mvx get secrets/prod.enc.yaml 'db."host.name"'

    `mvx ls FILE` prints the path of every secret in this form.
    "###);
    let text = sandbox
        .mvx(["help", "environment"])
        .outcome()
        .quiet_success();
    for (name, _) in mvx::io::env::VARIABLES {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn help_of_a_command_is_the_same_in_both_ways() {
    let sandbox = Sandbox::new();
    for command in ["help", "gen"] {
        let one = sandbox.mvx(["help", command]).outcome().quiet_success();
        let other = sandbox.mvx([command, "--help"]).outcome().quiet_success();
        assert_eq!(one, other);
    }
    let one = sandbox.mvx(["help"]).outcome().quiet_success();
    let other = sandbox.mvx(["--help"]).outcome().quiet_success();
    assert_eq!(one, other);
}

/// Every option of every command: none can change unnoticed.
#[test]
fn the_whole_command_line() {
    let sandbox = Sandbox::new();
    let mut reference = String::new();
    let mut root = mvx::cli::Cli::command();
    root.build();
    let mut open = vec![(vec!["help".to_owned()], &root)];
    while let Some((words, command)) = open.pop() {
        let help = sandbox.mvx(&words).outcome().quiet_success();
        let title = words.join(" ");
        writeln!(reference, "==== mvx {title}\n{help}").unwrap();
        let mut below: Vec<_> = command
            .get_subcommands()
            .map(|found| {
                let name = found.get_name().to_owned();
                ([words.clone(), vec![name]].concat(), found)
            })
            .collect();
        below.reverse();
        open.append(&mut below);
    }
    insta::assert_snapshot!("command_line", reference);
}

#[test]
fn a_directory_can_be_chosen() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("below")).unwrap();
    let outcome = sandbox
        .mvx(["-C", "below", "gen", "man", "pages"])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(sandbox.path("below/pages/mvx.1").is_file());
    sandbox.write("file", "");
    insta::assert_snapshot!(sandbox.mvx(["-C", "none", "help"]).outcome(), @r###"
    exit: 4
    --- stderr
    mvx: error: none: there is no such file or directory
    "###);
    insta::assert_snapshot!(sandbox.mvx(["-C", "file", "help"]).outcome(), @r###"
    exit: 4
    --- stderr
    mvx: error: file: not a directory
    "###);
}

#[test]
fn man_pages_are_one_a_command_and_replace_old_ones() {
    let sandbox = Sandbox::new();
    sandbox.write("pages/mvx.1", "old");
    let listed = sandbox
        .mvx(["gen", "man", "pages"])
        .outcome()
        .quiet_success();
    assert!(listed.contains("mvx-help.1\n"), "{listed}");
    assert!(!listed.contains("mvx-gen."), "{listed}");
    assert!(sandbox.read("pages/mvx.1").starts_with(".ie"));
    assert_eq!(
        sandbox.mvx(["gen", "man"]).outcome().quiet_success(),
        sandbox.read("pages/mvx.1")
    );
    let json = sandbox
        .mvx(["--json", "gen", "man", "pages"])
        .outcome()
        .quiet_success();
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        object["written"].as_array().unwrap().len(),
        listed.lines().count()
    );
}

#[test]
fn completions_know_the_commands() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox
            .mvx(["gen", "completions", shell])
            .outcome()
            .quiet_success();
        assert!(script.contains("color"), "{shell}");
    }
    let script = sandbox.path("mvx.bash");
    let text = sandbox
        .mvx(["gen", "completions", "bash"])
        .outcome()
        .quiet_success();
    fs::write(&script, text).unwrap();
    let outcome = sandbox
        .run("bash", ["-n".as_ref(), script.as_os_str()])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let sandbox = Sandbox::new();
    for topic in [["help", "help"], ["help", "environment"], ["gen", "man"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let outcome = sandbox.mvx(topic).stdout(writer).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert_eq!(outcome.stderr, "");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let sandbox = Sandbox::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    insta::assert_snapshot!(sandbox.mvx(["help", "key-paths"]).stdout(full).outcome(), @r###"
    exit: 4
    --- stderr
    mvx: error: standard output cannot be written
    mvx:   No space left on device (os error 28)
    "###);
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let sandbox = Sandbox::new();
    let coloured = |outcome: &str| outcome.contains('\u{1b}');
    let plain = sandbox
        .mvx(["help", "exit-codes"])
        .outcome()
        .quiet_success();
    assert!(!coloured(&plain));
    let asked = sandbox
        .mvx(["help", "exit-codes", "--color=always"])
        .outcome()
        .quiet_success();
    assert!(coloured(&asked));
    let help = sandbox.mvx(["--color=always", "--help"]).outcome();
    assert!(coloured(&help.quiet_success()));
    let error = sandbox.mvx(["hepl", "--color", "always"]).outcome();
    assert!(coloured(&error.stderr), "{error}");
    let forced = sandbox
        .mvx(["help", "exit-codes"])
        .env("CLICOLOR_FORCE", "1")
        .outcome();
    assert!(coloured(&forced.quiet_success()));
    let session = sandbox.mvx(["help", "exit-codes"]).on_terminal(&[]);
    assert!(coloured(&session.screen));
    let session = sandbox
        .mvx(["help", "exit-codes"])
        .env("NO_COLOR", "1")
        .on_terminal(&[]);
    assert!(!coloured(&session.screen));
}

#[test]
fn the_version_is_the_packages() {
    let sandbox = Sandbox::new();
    let version = sandbox.mvx(["--version"]).outcome().quiet_success();
    assert_eq!(version, format!("mvx {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn names_that_could_act_on_a_terminal_are_shown_harmless() {
    let sandbox = Sandbox::new();
    let outcome = sandbox
        .mvx(["-C", "no\u{1b}[2J\u{202e}ne", "help"])
        .outcome();
    assert!(
        outcome.stderr.contains("no\\u{1b}[2J\\u{202e}ne"),
        "{outcome}"
    );
    assert!(!outcome.stderr.contains('\u{1b}'));
}
