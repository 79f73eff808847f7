//! `mvx help` and `mvx gen`; the whole text of the help is in `command_line.rs`.

use crate::repo::Repo;

#[test]
fn mistakes() {
    let repo = Repo::outside_git();
    insta::assert_snapshot!(repo.session("
        mvx help encryt
        mvx help nonsense
        mvx help keys generat
        mvx gen
        mvx gen completions tcsh
        mvx gen man /proc/none
    "), @r###"
    $ mvx help encryt
    mvx: error: there is no command or topic `encryt`
    mvx: hint: did you mean `mvx help encrypt`?
    mvx: hint: `mvx help` lists the commands and topics
    [2]
    $ mvx help nonsense
    mvx: error: there is no command or topic `nonsense`
    mvx: hint: `mvx help` lists the commands and topics
    [2]
    $ mvx help keys generat
    mvx: error: there is no command or topic `keys generat`
    mvx: hint: did you mean `mvx help keys`?
    mvx: hint: `mvx help` lists the commands and topics
    [2]
    $ mvx gen
    Write man pages or shell completions

    Usage: mvx gen [OPTIONS] <COMMAND>

    Commands:
      man          Write man pages, one a command
      completions  Print the completions of a shell

    Options:
      -h, --help  Print help (see more with '--help')

    Options of every command:
          --json          Print the answer as one JSON object, and a failure as one on standard error
      -q, --quiet         Print no notes and no progress
      -v, --verbose...    Say more about what is done; twice for still more
          --color <WHEN>  When to use colour [default: auto] [possible values: auto, always, never]
      -C <DIR>            Run as if started in DIR
    [2]
    $ mvx gen completions tcsh
    mvx: error: `<SHELL>` is one of: bash, elvish, fish, powershell, zsh
    mvx: hint: did you mean `zsh`?
    mvx: hint: `mvx gen completions --help` shows what it takes
    [2]
    $ mvx gen man /proc/none
    mvx: error: /proc/none: cannot be written
    mvx:   No such file or directory (os error 2)
    mvx: hint: make its directory first with `mkdir -p`
    [4]
    "###);
}

#[test]
fn json() {
    let repo = Repo::outside_git();
    let text = |words: &[&str]| {
        let answer = repo.mvx(words).outcome().quiet_success();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        (
            answer["topic"].clone(),
            answer["text"].as_str().map(str::to_owned),
        )
    };
    let (topic, help) = text(&["help", "--json", "encrypt"]);
    assert_eq!(topic, "encrypt");
    assert!(help.unwrap().contains("Usage: mvx encrypt"));
    assert_eq!(text(&["help", "key-paths", "--json"]).0, "key-paths");
}

/// Every command that a message, a hint or a help text names exists, with its options.
#[test]
fn what_is_named_exists() {
    use clap::CommandFactory;

    let root = mvx::cli::Cli::command();
    let pattern = regex::Regex::new(r"`mvx ((?:-C \S+ )?[a-z-]+)([^`]*)`").unwrap();
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        for found in pattern.captures_iter(&text) {
            let word = found[1].rsplit(' ').next().unwrap();
            let Some(command) = root.find_subcommand(word) else {
                if !word.starts_with('-') {
                    wrong.push(format!("{name}: {}", &found[0]));
                }
                continue;
            };
            let mut command = command.clone();
            command.build();
            for option in found[2]
                .split_whitespace()
                .filter(|word| word.starts_with("--"))
            {
                let known = command
                    .get_arguments()
                    .chain(
                        command
                            .get_subcommands()
                            .flat_map(clap::Command::get_arguments),
                    )
                    .any(|argument| argument.get_long() == option.strip_prefix("--"));
                if !known && option != "--" && option != "--help" && option != "--json" {
                    wrong.push(format!("{name}: {}", &found[0]));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "no such command or option:\n{}",
        wrong.join("\n")
    );
}

/// The code of every source, without comments and tests.
fn sources() -> Vec<(String, String)> {
    let root = crate::support::repository().join("src");
    let mut open = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            if path.is_dir() {
                open.push(path);
            } else if !name.contains("tests") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code: Vec<&str> = text
                    .lines()
                    .take_while(|line| !line.starts_with("mod tests"))
                    .filter(|line| !line.trim_start().starts_with("// "))
                    .filter(|line| !line.trim_start().starts_with("//!"))
                    // What is said of a command or an option is its help.
                    .filter(|line| {
                        name.starts_with("cli/") || !line.trim_start().starts_with("///")
                    })
                    .collect();
                found.push((name, code.join("\n")));
            }
        }
    }
    assert!(found.len() > 50);
    found
}
