//! Notes, warnings and progress: what is said on standard error, and when it is not.

use crate::support::Sandbox;

#[test]
fn notes_go_with_quiet_and_warnings_stay() {
    let sandbox = Sandbox::new();
    let said = |variable: &str| sandbox.child("talks").env(variable, "1").outcome().stderr;
    insta::assert_snapshot!(said("NOTHING"), @r###"
    mvx: 2 files sealed
    mvx: warning: the file is public
    mvx: hint: `chmod 600 keys.txt`
    "###);
    insta::assert_snapshot!(said("QUIET"), @r###"
    mvx: warning: the file is public
    mvx: hint: `chmod 600 keys.txt`
    "###);
    insta::assert_snapshot!(said("VERBOSE"), @r###"
    mvx: 2 files sealed
    mvx: read a.yaml
    mvx: warning: the file is public
    mvx: hint: `chmod 600 keys.txt`
    "###);
    insta::assert_snapshot!(said("JSON"), @r###"
    {"warning":"the file is public","hints":["`chmod 600 keys.txt`"]}
    "###);
}

#[test]
fn progress_is_drawn_on_a_terminal_only_and_goes_away() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.child("works_for_a_while").outcome();
    assert_eq!(outcome.stderr, "mvx: warning: almost done\n");

    let session = sandbox.child("works_for_a_while").on_terminal(&[]);
    assert!(session.screen.contains("mvx: sealing"), "{session:?}");
    // after a second, at 50 ms a step, some twenty are done
    assert!(!session.screen.contains(" 10/30"), "{session:?}");
    let (before, after) = session.screen.split_once("almost done").unwrap();
    assert!(before.contains("/30"), "{session:?}");
    let (_, last) = after.rsplit_once("done").unwrap();
    assert!(!last.contains("sealing"), "{session:?}");

    let quiet = sandbox.child("works_for_a_while").env("QUIET", "1");
    let session = quiet.on_terminal(&[]);
    assert!(!session.screen.contains("sealing"), "{session:?}");
}
