//! `mvx env sync` where something is in its way: links, damage, other processes, a sudden end.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

use super::env_sync::{PROFILES, profiles, repo};

#[test]
fn damaged_marks_are_refused() {
    let repo = repo();
    for text in [
        "A=1\n# >>> mvx x\n",
        "# <<< mvx\n",
        "# >>> mvx\n# <<< mvx\n# >>> mvx\n# <<< mvx\n",
    ] {
        repo.write(".env.local", text);
        let outcome = repo.mvx(["env", "sync"]).outcome();
        assert_eq!(outcome.code(), Some(4), "{outcome}");
        assert_eq!(repo.read(".env.local"), text);
    }
    insta::assert_snapshot!(repo.session("mvx env sync"), @r##"
    $ mvx env sync
    mvx: error: .env.local: line 3: a second mark of mvx's, where one block is all there may be
    mvx: hint: delete the lines that are mvx's, marks included: the next run writes a whole block, from a line that begins with `# >>> mvx` to `# <<< mvx`
    [4]
    "##);
}

#[test]
fn links_are_not_followed() {
    let repo = repo();
    let outside = repo.home("elsewhere");
    fs::create_dir_all(&outside).unwrap();
    // The output itself, and a directory above it.
    symlink(outside.join("x"), repo.sandbox.path(".env.local")).unwrap();
    symlink(&outside, repo.sandbox.path("out")).unwrap();
    // A secret file, and a directory of some.
    fs::copy(
        repo.sandbox.path("secrets/dev/keys.enc.env"),
        outside.join("k.enc.env"),
    )
    .unwrap();
    symlink(&outside, repo.sandbox.path("secrets/dev/link")).unwrap();
    symlink(
        outside.join("k.enc.env"),
        repo.sandbox.path("secrets/dev/k.enc.env"),
    )
    .unwrap();
    let more = "[env.above]\nextends = \"local\"\noutput = \"out/.env.local\"\n[env.through]\nfiles = [\"secrets/dev/link/*.env\"]\noutput = \"a.env\"\n";
    profiles(&repo, &format!("{PROFILES}{more}"));
    insta::assert_snapshot!(repo.session(r"
        mvx env sync above --yes
        mvx env sync through --yes
        mvx env sync --yes
        rm .env.local
        mvx env sync --yes
    "), @r##"
    $ mvx env sync above --yes
    mvx: error: out: a symbolic link, and `output` of the profile `above` follows none: it may lead out of the work tree
    mvx: hint: `rm out` removes the link
    [4]
    $ mvx env sync through --yes
    mvx: error: secrets/dev/link: a symbolic link, and profiles follow none: it may lead out of the work tree
    mvx: hint: name the file or directory that it leads to in `files`: `readlink -f secrets/dev/link`
    [4]
    $ mvx env sync --yes
    mvx: error: .env.local: a symbolic link, and `output` of the profile `local` follows none: it may lead out of the work tree
    mvx: hint: `rm .env.local` removes the link
    [4]
    $ rm .env.local
    $ mvx env sync --yes
    mvx: error: secrets/dev/k.enc.env: a symbolic link, and profiles follow none: it may lead out of the work tree
    mvx: hint: name the file or directory that it leads to in `files`: `readlink -f secrets/dev/k.enc.env`
    [4]
    "##);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn an_output_is_never_a_secret_file() {
    let repo = repo();
    profiles(
        &repo,
        "[env.x]\nfiles = [\"secrets/dev/app.enc.yaml\"]\noutput = \"secrets/dev/keys.enc.env\"\n",
    );
    let before = repo.read("secrets/dev/keys.enc.env");
    let outcome = repo.mvx(["env", "sync", "--yes"]).outcome();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert_eq!(repo.read("secrets/dev/keys.enc.env"), before);
}

#[test]
fn many_at_once_come_to_one_result() {
    let repo = repo();
    repo.write(".env.local", "OWN=1\n");
    let children: Vec<_> = (0..6)
        .map(|_| repo.mvx(["env", "sync", "-q"]).start())
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = repo.read(".env.local");
    assert!(text.starts_with("OWN=1\n# >>> mvx"), "{text}");
    assert_eq!(text.matches("# <<< mvx").count(), 1);
}

#[test]
fn a_killed_run_leaves_the_old_file_or_the_new_one() {
    let repo = repo();
    let mut value = 0;
    let mut seen = [false, false];
    repo.mvx(["env", "sync", "-q"]).outcome().quiet_success();
    for round in 0..20 {
        value += 1;
        let before = repo.read(".env.local");
        let set = repo
            .mvx(["set", "-q", "secrets/dev/keys.enc.env", "API_KEY"])
            .stdin(value.to_string());
        assert_eq!(set.outcome().code(), Some(0));
        let mut child = repo.mvx(["env", "sync", "-q"]).start();
        thread::sleep(Duration::from_millis(round * 3));
        child.kill().ok();
        child.wait().unwrap();
        let after = repo.read(".env.local");
        let is_new = after.contains(&format!("API_KEY={value}\n"));
        assert!(is_new || after == before, "{after}");
        seen[usize::from(is_new)] = true;
    }
    assert!(seen[1] || seen[0]);
    repo.mvx(["env", "sync", "-q"]).outcome().quiet_success();
}

#[test]
fn a_directory_that_cannot_be_written_is_told() {
    let repo = repo();
    profiles(
        &repo,
        "[env.x]\nfiles = [\"secrets/dev/app.enc.yaml\"]\noutput = \"none/.env.local\"\n",
    );
    insta::assert_snapshot!(repo.session("mvx env sync"), @r##"
    $ mvx env sync
    mvx: error: none/.env.local: there is no directory `none`
    mvx: hint: `mkdir -p none` makes it
    [4]
    "##);
}
