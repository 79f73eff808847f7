//! `mvx keys recovery`.

use std::fs;

use serde_json::Value;

use crate::repo::{ANA, Repo};
use crate::support::Step::{Await, Type};

/// What somebody types from a printed page.
fn typed(page: &str) -> String {
    const END: &str = "-----END AGE ENCRYPTED FILE-----";
    let page = page.replace('\r', "");
    let begin = page.find("-----BEGIN").unwrap();
    let end = page.find(END).unwrap();
    page[begin..end + END.len()].to_owned()
}

/// What a camera reads from a printed page: each character stands for two squares.
fn scanned(page: &str) -> String {
    let rows: Vec<Vec<char>> = page
        .lines()
        .skip_while(|line| !line.contains("photographed"))
        .skip(1)
        .take_while(|line| !line.starts_with("To use"))
        .map(|line| line.chars().collect())
        .collect();
    let dark = |x: usize, y: usize| match rows[y / 2].get(x) {
        Some('█') => true,
        Some('▀') => y.is_multiple_of(2),
        Some('▄') => !y.is_multiple_of(2),
        _ => false,
    };
    let size = (80 * DOTS, rows.len() * 2 * DOTS);
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(size.0, size.1, |x, y| {
        if dark(x / DOTS, y / DOTS) { 0 } else { 255 }
    });
    image.detect_grids()[0].decode().unwrap().1
}

/// How many dots of the picture a square is wide.
const DOTS: usize = 5;

/// Seals a file for Ana and a recovery key; Ana's key is gone then.
fn lost(repo: &Repo, public: &str) {
    repo.write("secrets/dev/a.yaml", "a: invented\n");
    let seal = format!("mvx encrypt -q --rm --age {ANA} --age {public} secrets/dev/a.yaml");
    let outcome = repo.shell(&seal);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    repo.hold_nothing();
}

/// Opens the file of [`lost`] with what came from paper.
fn recover(repo: &Repo, paper: &str, passphrase: &str) {
    let file = repo.home("paper.txt");
    fs::write(&file, paper).unwrap();
    let run = repo.mvx(["decrypt", "secrets/dev/a.enc.yaml"]);
    let session = run.env("MVX_AGE_KEY_FILE", &file).on_terminal(&[
        Await("Passphrase for the key file"),
        Type(&format!("{passphrase}\r")),
        Await("a: invented"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
}

#[test]
fn what_is_printed_opens_files_typed_and_scanned() {
    let repo = Repo::new();
    fs::write(repo.home("passphrase"), "open sesame\nnot this line\n").unwrap();
    let outcome = repo.shell("mvx keys recovery --passphrase-file ~/passphrase");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let page = outcome.stdout().to_owned();
    assert!(
        !page.contains("sesame") && !outcome.stderr.contains("sesame"),
        "{outcome}"
    );
    assert!(
        !page.contains("AGE-SECRET-KEY") && !page.contains('\u{1b}'),
        "{outcome}"
    );
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
    let public = page.lines().find(|line| line.starts_with("age1")).unwrap();
    assert!(outcome.stderr.contains(public), "{outcome}");
    assert_eq!(typed(&page), scanned(&page).trim_end());
    // nothing of it is kept
    let kept = repo.sandbox.files();
    assert!(
        !kept.iter().any(|name| name.contains("recovery")),
        "{kept:?}"
    );
    lost(&repo, public);
    recover(&repo, &typed(&page), "open sesame");
    recover(&repo, &scanned(&page), "open sesame");
}

#[test]
fn a_passphrase_is_made_and_shown_beside_the_page() {
    let repo = Repo::bare();
    let outcome = repo.shell("mvx keys recovery -q --generate-passphrase");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let passphrase = outcome
        .stderr
        .strip_prefix("mvx: passphrase: ")
        .unwrap()
        .trim();
    assert_eq!(passphrase.split('-').count(), 6, "{outcome}");
    assert!(!outcome.stdout().contains(passphrase), "{outcome}");
    let page = outcome.stdout();
    let public = page.lines().find(|line| line.starts_with("age1")).unwrap();
    lost(&repo, public);
    recover(&repo, &typed(page), passphrase);

    let outcome = repo.shell("mvx --json keys recovery --generate-passphrase");
    let answer: Value = serde_json::from_str(outcome.stdout()).unwrap();
    let said: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert!(said["passphrase"].is_string(), "{outcome}");
    assert_eq!(
        typed(answer["page"].as_str().unwrap()),
        answer["identity"].as_str().unwrap().trim_end()
    );
}

#[test]
fn at_the_terminal() {
    let repo = Repo::new();
    let recovery = || repo.mvx(["keys", "recovery"]);
    let session = recovery().on_terminal(&[
        Await("Passphrase for the recovery key (empty: one is made): "),
        Type("open sesame\r"),
        Await("The same again: "),
        Type("open sesame\r"),
        Await("RECOVERY KEY of work"),
        Await("To use it"),
        Await("mvx keeps this key nowhere"),
        Await("Enter the key into the rules now"),
        Type("n\r"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(!session.screen.contains("sesame"), "{session:?}");
    // dark on light, whatever the terminal's colours are
    assert!(session.screen.contains("\u{1b}[30;107m"), "{session:?}");
    let session = recovery().on_terminal(&[
        Await("Passphrase for the recovery key"),
        Type("\r"),
        Await("RECOVERY KEY"),
        Await("passphrase:"),
        Await("Enter the key into the rules now"),
        Type("\u{3}"),
    ]);
    assert_eq!(session.status, -2, "{session:?}");
    let session = recovery().on_terminal(&[
        Await("Passphrase for the recovery key"),
        Type("open sesame\r"),
        Await("The same again: "),
        Type("other\r"),
        Await("the two passphrases differ"),
    ]);
    assert_eq!(session.status, 2, "{session:?}");
    assert!(!session.screen.contains("RECOVERY"), "{session:?}");
}

#[test]
fn mistakes() {
    let repo = Repo::bare();
    fs::write(repo.home("short"), "short\n").unwrap();
    insta::assert_snapshot!(repo.session("
        mvx keys recovery --passphrase-file ~/short
        mvx keys recovery --passphrase-file ~/none
        mvx keys recovery --passphrase-file - < /dev/null
        mvx keys recovery --generate-passphrase --passphrase-file x
    "), @r###"
    $ mvx keys recovery --passphrase-file ~/short
    mvx: error: a passphrase has 8 characters at least; nothing was made
    mvx: hint: four random words are easy to remember and hard to guess
    [2]
    $ mvx keys recovery --passphrase-file ~/none
    mvx: error: [SANDBOX]/home/none: there is no such file or directory
    [4]
    $ mvx keys recovery --passphrase-file - < /dev/null
    mvx: error: a passphrase has 8 characters at least; nothing was made
    mvx: hint: four random words are easy to remember and hard to guess
    [2]
    $ mvx keys recovery --generate-passphrase --passphrase-file x
    mvx: error: `--generate-passphrase` and `--passphrase-file <FILE>` exclude each other
    mvx: hint: `mvx keys recovery --help` shows what it takes
    [2]
    "###);
    let outcome = repo
        .mvx(["keys", "recovery"])
        .in_a_session_of_its_own()
        .outcome();
    insta::assert_snapshot!(outcome, @r###"
    exit: 4
    --- stderr
    mvx: error: cannot ask for a passphrase: there is no terminal
    mvx: hint: `mvx keys recovery --generate-passphrase` makes one
    mvx: hint: `mvx keys recovery --passphrase-file FILENAME` reads one
    "###);
}

#[test]
fn the_rules_get_the_key_where_that_is_wanted() {
    let repo = Repo::new();
    repo.seal("secrets/dev/a.yaml", "a: invented\n");
    let outcome =
        repo.shell("mvx keys recovery --generate-passphrase --add --group team --yes --json");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let answer: Value = serde_json::from_str(outcome.stdout()).unwrap();
    assert_eq!(answer["added"]["name"], "recovery", "{outcome}");
    assert_eq!(
        answer["added"]["written"][0]["file"],
        "secrets/dev/a.enc.yaml"
    );
    let said: Value = serde_json::from_str(outcome.stderr.lines().next().unwrap()).unwrap();
    let passphrase = said["passphrase"].as_str().unwrap();
    let rules = repo.read(".sops-rules.toml");
    assert!(
        rules.contains("[recipients.recovery]") && rules.contains("offline"),
        "{rules}"
    );
    let paper = typed(answer["page"].as_str().unwrap());
    repo.hold_nothing();
    recover(&repo, &paper, passphrase);
    // a second one has another name; without a group it is printed all the same, and told
    let outcome = repo.shell("mvx keys recovery --generate-passphrase --add --yes");
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    assert!(outcome.stdout().contains("RECOVERY KEY"), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains("`mvx recipients add recovery-2 age1"),
        "{outcome}"
    );
}

#[test]
fn a_yes_enters_the_key() {
    let repo = Repo::new();
    let run = repo.mvx([
        "keys",
        "recovery",
        "--generate-passphrase",
        "--group",
        "team",
        "--add",
    ]);
    let session = run.on_terminal(&[
        Await("RECOVERY KEY"),
        Await("Write the rules"),
        Type("y\r"),
        Await("recovery added to"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    let run = repo.mvx(["keys", "recovery", "--generate-passphrase"]);
    let session = run.on_terminal(&[
        Await("Enter the key into the rules now"),
        Type("n\r"),
        Await("`mvx recipients add recovery-2 age1"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    // One yes is enough; where the key belongs is another question.
    let run = repo.mvx(["keys", "recovery", "--generate-passphrase"]);
    let session = run.on_terminal(&[
        Await("Enter the key into the rules now"),
        Type("y\r"),
        Await("the group team"),
        Type(" \r"),
        Await("recovery-2 added to"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(!session.screen.contains("Write the rules"), "{session:?}");
}

#[test]
fn without_rules_or_with_those_of_sops() {
    let repo = Repo::bare();
    let told = |line: &str| repo.shell(line);
    let outcome = told("mvx keys recovery --generate-passphrase");
    assert!(
        outcome.stderr.contains("`mvx init --recovery age1"),
        "{outcome}"
    );
    repo.write(".sops.yaml", format!("creation_rules:\n  - age: {ANA}\n"));
    let outcome = told("mvx keys recovery --generate-passphrase");
    assert!(
        outcome.stderr.contains("`mvx recipients sync`"),
        "{outcome}"
    );
    let outcome = told("mvx keys recovery --generate-passphrase --add");
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert!(!outcome.stdout().contains("RECOVERY"), "{outcome}");
}
