//! Old values that profiles deliver while grace runs.

use super::{FILE, done, end_grace, repo};
use crate::repo::Repo;

const PROFILE: &str = "\
[[secrets]]
match = \"A\"
dual = true
[env.local]
files = [\"secrets/staging/*.enc.yaml\"]
output = \".env.local\"
example = \".env.example\"
";

fn with_profile() -> Repo {
    let repo = repo();
    let rules = repo.read(".sops-rules.toml");
    repo.write(".sops-rules.toml", format!("{rules}{PROFILE}"));
    repo.write(".gitignore", ".env.local\n");
    repo
}

/// What the profile delivers of A, as `mvx run` hands it over, sorted.
fn delivered(repo: &Repo) -> Vec<String> {
    let outcome = repo.shell("mvx run local -- env | grep '^A' | sort");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    outcome.stdout().lines().map(str::to_owned).collect()
}

#[test]
fn the_old_value_goes_along_while_grace_runs_and_the_policy_says_so() {
    let repo = with_profile();
    assert_eq!(delivered(&repo), ["A=one"]);
    done(&repo, &format!("printf two | mvx rotate {FILE} A"));
    done(&repo, &format!("printf other | mvx rotate {FILE} B"));
    assert_eq!(delivered(&repo), ["A=two", "A_PREVIOUS=one"]);
    // Under a new data key, too; and only the last one.
    done(&repo, &format!("mvx rekey --yes {FILE}"));
    assert_eq!(delivered(&repo), ["A=two", "A_PREVIOUS=one"]);
    done(&repo, &format!("printf three | mvx rotate {FILE} A"));
    assert_eq!(delivered(&repo), ["A=three", "A_PREVIOUS=two"]);
    // The output has it, and the example of what everybody needs has not.
    done(&repo, "mvx env sync local && mvx env example local");
    assert!(repo.read(".env.local").contains("A_PREVIOUS"));
    assert!(!repo.read(".env.example").contains("A_PREVIOUS"));
    done(&repo, "mvx env check local");
    done(&repo, "mvx env check local --names-only");
    // What leaked is not handed to anybody.
    done(
        &repo,
        &format!("printf four | mvx rotate {FILE} A --reason leak"),
    );
    assert_eq!(delivered(&repo), ["A=four"]);
    let stale = repo.shell("mvx env check local");
    assert_eq!(stale.code(), Some(1), "{stale}");
}

#[test]
fn nothing_goes_along_after_grace_or_where_nobody_knows_what_was_before() {
    let repo = with_profile();
    done(&repo, &format!("printf two | mvx rotate {FILE} A"));
    end_grace(&repo, "A");
    assert_eq!(delivered(&repo), ["A=two"]);
    done(&repo, &format!("printf three | mvx rotate {FILE} A"));
    // The value of another commit, without its event.
    let sealed = repo.read(FILE);
    done(&repo, &format!("printf four | mvx set {FILE} A"));
    repo.write(FILE, sealed);
    assert_eq!(delivered(&repo), ["A=three"]);
}

#[test]
fn a_profile_can_leave_old_values_out_and_a_name_cannot_come_twice() {
    let repo = with_profile();
    done(&repo, &format!("printf two | mvx rotate {FILE} A"));
    let rules = repo.read(".sops-rules.toml");
    repo.write(
        ".sops-rules.toml",
        rules.replace("[env.local]\n", "[env.local]\ndual = false\n"),
    );
    assert_eq!(delivered(&repo), ["A=two"]);
    repo.write(".sops-rules.toml", rules);
    done(
        &repo,
        &format!("printf by-hand | mvx set {FILE} A_PREVIOUS"),
    );
    let twice = repo.shell("mvx run local -- true");
    assert_eq!(twice.code(), Some(3), "{twice}");
    assert!(
        twice.to_string().contains("the old value of `A`"),
        "{twice}"
    );
}
