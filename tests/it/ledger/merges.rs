//! Branches that change secrets at the same time.

use super::{FILE, done, findings, repo};
use crate::repo::Repo;

/// Takes both sides of the lines on which a textual merge of the sealed file gets stuck: of the seal and
/// the MAC either will do, because mvx sets them anew.
fn three_branches(repo: &Repo, merge: impl Fn(&Repo, &str)) {
    for (branch, line) in [
        ("rotating", format!("printf new | mvx rotate {FILE} A")),
        (
            "setting",
            "printf 'N: 1\\n' > secrets/staging/n.yaml; mvx encrypt --rm -q secrets/staging/n.yaml"
                .to_owned(),
        ),
        (
            "deleting",
            "mvx delete secrets/staging/second.enc.yaml B".to_owned(),
        ),
    ] {
        done(repo, &format!("git checkout -q -b {branch} main && {line}"));
        repo.commit();
    }
    done(repo, "git checkout -q main");
    for branch in ["rotating", "setting", "deleting"] {
        merge(repo, branch);
        assert_eq!(findings(repo, ""), [""; 0], "{branch}");
    }
}

fn with_two_files() -> Repo {
    let repo = repo();
    repo.seal("secrets/staging/second.yaml", "A: one\nB: two\n");
    repo.commit();
    done(&repo, "git branch -m main");
    repo
}

#[test]
fn what_branches_did_to_different_secrets_is_merged_by_git() {
    let repo = with_two_files();
    three_branches(&repo, |repo, branch| {
        done(repo, &format!("git merge -q --no-edit {branch}"));
    });
}

/// As a hosted button does it: no merge driver and no attribute is asked.
#[test]
fn and_by_a_merge_of_texts_alone() {
    let repo = with_two_files();
    three_branches(&repo, |repo, branch| {
        done(
            repo,
            &format!(
                "tree=$(git merge-tree --write-tree main {branch}) && commit=$(git commit-tree $tree -p main -p {branch} -m merge) && git reset -q --hard $commit"
            ),
        );
    });
}

#[test]
fn two_that_rotated_one_secret_are_two_heads_until_one_holds() {
    for settle in ["mvx rotation record", "printf fourth | mvx rotate FILE A"] {
        let repo = with_two_files();
        for (branch, value) in [("ours", "second"), ("theirs", "third")] {
            done(
                &repo,
                &format!(
                    "git checkout -q -b {branch} main && printf {value} | mvx rotate {FILE} A"
                ),
            );
            repo.commit();
        }
        // Whoever merges takes one side of the file; the events of both are there.
        let merged = repo.shell("git checkout -q ours && git merge -q --no-edit theirs");
        assert_eq!(merged.code(), Some(1), "{merged}");
        done(
            &repo,
            &format!(
                "git checkout -q --theirs {FILE} .mvx/previous 2> /dev/null; git add -A && git -c core.editor=true commit -qm merge"
            ),
        );
        assert_eq!(findings(&repo, ""), ["A two-heads"], "{settle}");
        let shown = done(&repo, &format!("mvx history {FILE} A"));
        assert!(shown.contains("one of several heads"), "{shown}");
        done(&repo, &settle.replace("FILE", FILE));
        assert_eq!(findings(&repo, ""), [""; 0], "{settle}");
    }
}
