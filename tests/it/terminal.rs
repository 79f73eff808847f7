//! Questions, on a terminal and without one.

use std::path::Path;

use crate::support::{Sandbox, Step};
use Step::{Await, Signal, Type};

#[test]
fn a_value_is_typed_unseen() {
    let sandbox = Sandbox::new();
    let session = sandbox.child("asks_for_a_value").on_terminal(&[
        Await("value of db.password: "),
        Type("hunter2\r"),
        Await("got 7 bytes"),
    ]);
    assert!(!session.screen.contains("hunter2"), "{session:?}");
    assert!(session.echo);
    assert_eq!(session.status, 0);
}

#[test]
fn interrupted_input_leaves_the_terminal_as_it_was() {
    for (step, status) in [(Type("\u{3}"), -2), (Signal(15), -15), (Signal(1), -1)] {
        let sandbox = Sandbox::new();
        let session = sandbox.child("asks_for_a_value").on_terminal(&[
            Await("value of db.password: "),
            Type("hun"),
            step,
        ]);
        assert_eq!(session.status, status, "{session:?}");
        assert!(session.echo, "{session:?}");
        assert!(!session.screen.contains("got"), "{session:?}");
    }
}

#[test]
fn the_end_of_input_is_a_refusal() {
    let sandbox = Sandbox::new();
    let session = sandbox.child("asks_for_a_value").on_terminal(&[
        Await("value of db.password: "),
        Type("\u{4}"),
        Await("refused: interrupted"),
    ]);
    assert!(session.echo);
}

#[test]
fn questions_are_answered_with_return() {
    let sandbox = Sandbox::new();
    let session = sandbox.child("asks_for_more").on_terminal(&[
        Await("remove a.yaml?"),
        Type("y"),
        Type("\r"),
        Await("which one?"),
        Await("eve"),
        Type("\u{1b}[B"),
        Type("\r"),
        Await("name"),
        Type("prod\r"),
        Await("answers: true 1 prod"),
    ]);
    assert_eq!(session.status, 0);
}

#[test]
fn an_interrupted_question_shows_the_cursor_again() {
    let sandbox = Sandbox::new();
    let session = sandbox
        .child("asks_for_more")
        .on_terminal(&[Await("remove a.yaml?"), Type("\u{3}")]);
    assert_eq!(session.status, -2, "{session:?}");
    let hidden = session.screen.rfind("\u{1b}[?25l").unwrap();
    let shown = session.screen.rfind("\u{1b}[?25h").unwrap();
    assert!(shown > hidden, "{session:?}");
    assert!(session.echo);
}

#[test]
fn a_question_ends_with_the_signal_that_came() {
    for signal in [15, 1, 15, 1, 15] {
        let sandbox = Sandbox::new();
        let session = sandbox.child("asks_for_more").on_terminal(&[
            Await("remove a.yaml?"),
            Type("y"),
            Await("y"),
            Signal(signal),
        ]);
        assert_eq!(session.status, -i64::from(signal), "{session:?}");
        assert!(session.echo);
    }
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    for child in ["asks_for_a_value", "asks_for_more"] {
        let sandbox = Sandbox::new();
        // a session of its own has no terminal, wherever the tests run
        let run = sandbox.child(child).in_a_session_of_its_own();
        let outcome = run.stdin("y\n").outcome();
        assert!(
            outcome.stdout().contains("refused: cannot ask for a"),
            "{outcome}"
        );
        assert!(
            outcome.stdout().contains("there is no terminal"),
            "{outcome}"
        );
    }
}

#[test]
fn an_interrupt_is_the_editors_while_it_runs() {
    let sandbox = Sandbox::new();
    let session = sandbox.child("runs_an_editor").on_terminal(&[
        Await("editing"),
        Type("\u{3}"),
        Await("caught"),
        Type("\r"),
        Type("\r"),
        Await("editor ended with Some(0), directory is there"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
}

#[test]
fn a_hang_up_while_the_editor_runs_cleans_up() {
    let sandbox = Sandbox::new();
    let session = sandbox
        .child("runs_an_editor")
        .on_terminal(&[Await("editing"), Signal(1)]);
    assert_eq!(session.status, -1, "{session:?}");
    let (_, rest) = session.screen.split_once("directory ").unwrap();
    let (directory, _) = rest.split_once('.').unwrap();
    assert!(directory.contains("/mvx-"), "{session:?}");
    assert!(!Path::new(directory).exists(), "{session:?}");
}
