//! Tests of [`super`].

use super::*;
use std::os::unix::ffi::OsStringExt;

#[test]
fn an_empty_variable_is_not_set() {
    let environment = Environment::of([("EDITOR", ""), ("VISUAL", "vi")]);
    assert_eq!(environment.get("EDITOR"), None);
    assert_eq!(environment.text("VISUAL").unwrap(), Some("vi"));
}

#[test]
fn assistants_are_known_by_their_variables() {
    let assistant = |variables: &[(&'static str, &'static str)]| {
        Environment::of(variables.iter().copied()).assistant()
    };
    assert_eq!(assistant(&[]), None);
    assert_eq!(assistant(&[("CI", "true")]), None);
    assert_eq!(assistant(&[("GEMINI_CLI", "1")]), Some("GEMINI_CLI"));
    assert_eq!(
        assistant(&[("AGENT", "false"), ("AI_AGENT", "x")]),
        Some("AI_AGENT")
    );
    assert_eq!(assistant(&[("AGENT", "0"), ("CLAUDECODE", "")]), None);
}

#[test]
fn bytes_that_are_no_text_are_an_error_that_does_not_show_them() {
    let environment = Environment::of([("MVX_AGE_KEY", OsString::from_vec(vec![0xff, b'x']))]);
    let error = environment.text("MVX_AGE_KEY").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the environment variable MVX_AGE_KEY is not UTF-8 text"
    );
}

#[test]
fn directories_follow_xdg() {
    let environment = Environment::of([("HOME", "/home/ana")]);
    assert_eq!(
        environment.config_directory().unwrap(),
        Path::new("/home/ana/.config/mvx")
    );
    assert_eq!(
        environment.state_directory().unwrap(),
        Path::new("/home/ana/.local/state/mvx")
    );
    assert_eq!(environment.runtime_directory(), None);
    let environment = Environment::of([
        ("HOME", "/home/ana"),
        ("XDG_CONFIG_HOME", "/etc/ana"),
        ("XDG_STATE_HOME", "relative/is/ignored"),
    ]);
    assert_eq!(
        environment.config_directory().unwrap(),
        Path::new("/etc/ana/mvx")
    );
    assert_eq!(
        environment.sops_config_directory().unwrap(),
        Path::new("/etc/ana/sops")
    );
    assert_eq!(
        environment.state_directory().unwrap(),
        Path::new("/home/ana/.local/state/mvx")
    );
}

#[test]
fn without_a_home_the_error_says_so() {
    let nothing: [(&'static str, &str); 0] = [];
    let environment = Environment::of(nothing);
    assert!(matches!(
        environment.config_directory(),
        Err(IoError::NoHome)
    ));
}

#[test]
#[should_panic(expected = "missing in io::env::VARIABLES")]
fn a_variable_that_is_not_in_the_table_is_a_bug() {
    Environment::read().get("MVX_UNDOCUMENTED");
}

#[test]
fn what_the_rules_name_is_read_by_its_own_name() {
    let environment = Environment::of([("MVX_NOTIFY_BOT_URL", "x"), ("MVX_NOTIFY_A_URL", "")]);
    assert_eq!(
        environment.notify("MVX_NOTIFY_BOT_URL"),
        Some(OsStr::new("x"))
    );
    assert_eq!(environment.notify("MVX_NOTIFY_A_URL"), None);
    assert_eq!(environment.notify("MVX_NOTIFY_BOT_SECRET"), None);
}
