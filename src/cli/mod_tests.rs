use super::*;
use clap::CommandFactory;

#[test]
fn the_command_table_is_sound() {
    let mut command = Cli::command();
    command.build();
    command.debug_assert();
}

#[test]
fn every_command_says_what_it_does_in_a_line_of_its_own() {
    fn check(command: &clap::Command, seen: &mut Vec<String>) {
        for below in command.get_subcommands() {
            let about = below.get_about().map(ToString::to_string);
            let about = about.unwrap_or_default();
            let name = below.get_name();
            assert!(about.starts_with(char::is_uppercase), "{name}: {about}");
            assert!(!about.ends_with('.') && about.len() < 80, "{name}: {about}");
            assert!(!seen.contains(&about), "{name}: {about}");
            seen.push(about);
            check(below, seen);
        }
    }
    let mut root = Cli::command();
    root.build();
    check(&root, &mut Vec::new());
}

#[test]
fn global_options_stand_anywhere() {
    for words in [
        ["mvx", "--json", "help"].as_slice(),
        &["mvx", "help", "--json"],
        &["mvx", "help", "exit-codes", "--json"],
    ] {
        assert!(Cli::try_parse_from(words).unwrap().global.json, "{words:?}");
    }
    let cli = Cli::try_parse_from(["mvx", "help", "-C", "x", "--color=never", "-vv"]).unwrap();
    assert_eq!(cli.global.verbose, 2);
    assert_eq!(cli.global.color, Colour::Never);
    assert_eq!(cli.global.start_in, Some("x".into()));
}

/// clap lets a command's own argument of the same name take the place of a global one, and
/// says nothing.
#[test]
fn no_command_hides_a_global_option() {
    fn check(command: &clap::Command, globals: &[String]) {
        for global in globals {
            let argument = command
                .get_arguments()
                .find(|argument| argument.get_id() == global.as_str());
            assert!(
                argument.is_some_and(clap::Arg::is_global_set),
                "`{}` has an argument `{global}` of its own",
                command.get_name()
            );
        }
        for below in command.get_subcommands() {
            check(below, globals);
        }
    }
    let mut root = Cli::command();
    root.build();
    let globals: Vec<String> = root
        .get_arguments()
        .filter(|argument| argument.is_global_set())
        .map(|argument| argument.get_id().to_string())
        .collect();
    assert!(globals.len() >= 5, "{globals:?}");
    check(&root, &globals);
}
