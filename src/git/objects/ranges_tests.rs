use super::super::testing::{Collector, Repo, Seen};
use super::super::{Problem, Walked};
use crate::git::objects::{Objects, ObjectsError};

fn range(repo: &Repo, revisions: &str) -> Vec<Seen> {
    let found = Collector::default();
    let walked = repo.objects().range(revisions, |piece| found.visit(piece));
    assert!(walked.unwrap().is_complete());
    found.all()
}

/// Paths and texts of the files among them.
fn files(all: &[Seen]) -> Vec<(&str, &str)> {
    let blobs = all.iter().filter(|seen| seen.kind == "blob");
    blobs
        .map(|seen| (seen.path.as_str(), seen.text.as_str()))
        .collect()
}

fn pushed(objects: &Objects, lines: &str, remote: Option<&str>) -> (Vec<Seen>, Walked) {
    let found = Collector::default();
    let walked = objects
        .pushed(lines, remote, |piece| found.visit(piece))
        .unwrap();
    (found.all(), walked)
}

const NOTHING: &str = "0000000000000000000000000000000000000000";

#[test]
fn a_range_brings_what_its_commits_bring() {
    let repo = Repo::new();
    repo.commit(1, "a", "1");
    let second = repo.commit(2, "dir/b", "2");
    let third = repo.commit(3, "dir/b", "3");
    repo.git(&["rm", "-q", "a"]);
    repo.commit_at(4, "a is gone");
    repo.commit(5, "dir/c/d", "4");
    let all = range(&repo, "HEAD~3..HEAD");
    assert_eq!(files(&all), [("dir/b", "3"), ("dir/c/d", "4")]);
    let b = all.iter().find(|seen| seen.path == "dir/b").unwrap();
    assert_eq!(
        (b.commit.as_str(), &*b.bases),
        (&*third, &[("same".into(), "2".into())][..])
    );
    let messages: Vec<&str> = all
        .iter()
        .filter(|seen| seen.kind == "commit")
        .map(|seen| seen.text.trim())
        .collect();
    assert_eq!(messages.len(), 3);
    assert!(messages.contains(&"a is gone"));
    // what came and went within the range is found
    let all = range(&repo, &format!("{}..", &second[..8]));
    assert_eq!(files(&all), [("dir/b", "3"), ("dir/c/d", "4")]);
    assert_eq!(files(&range(&repo, "HEAD")).len(), 4);
    assert_eq!(files(&range(&repo, "HEAD..HEAD")), []);
    assert_eq!(files(&range(&repo, "HEAD..HEAD~2")), []);
}

#[test]
fn both_sides_of_three_dots_are_looked_at() {
    let repo = Repo::new();
    repo.commit(1, "a", "1");
    repo.git(&["checkout", "-q", "-b", "left"]);
    repo.commit(2, "left", "2");
    repo.git(&["checkout", "-q", "-b", "right", "main"]);
    repo.commit(3, "right", "3");
    assert_eq!(
        files(&range(&repo, "left...right")),
        [("left", "2"), ("right", "3")]
    );
    assert_eq!(files(&range(&repo, "left..right")), [("right", "3")]);
}

#[test]
fn what_only_a_merge_brings_is_found() {
    let repo = Repo::new();
    repo.commit(1, "a", "1");
    repo.commit(1, "b", "1");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.commit(2, "a", "side");
    repo.git(&["checkout", "-q", "main"]);
    repo.commit(3, "b", "main");
    repo.git(&["merge", "-q", "--no-commit", "--no-ff", "side"]);
    repo.stage("evil", "secret");
    repo.stage("a", "side, and more");
    let merge = repo.commit_at(4, "merge");
    let all = range(&repo, "HEAD^1..HEAD");
    // b is as one parent has it
    assert_eq!(
        files(&all),
        [("a", "side"), ("a", "side, and more"), ("evil", "secret")]
    );
    let evil = all.iter().find(|seen| seen.path == "evil").unwrap();
    assert_eq!(evil.commit, merge);
    let a = all
        .iter()
        .find(|seen| seen.text == "side, and more")
        .unwrap();
    let mut bases: Vec<&str> = a.bases.iter().map(|base| base.1.as_str()).collect();
    bases.sort_unstable();
    assert_eq!(bases, ["1", "side"]);
}

#[test]
fn content_that_moves_is_handed_out_at_its_new_path_with_its_old_self() {
    let repo = Repo::new();
    repo.commit(1, "tests/key", "same");
    repo.git(&["mv", "tests", "src"]);
    repo.commit_at(2, "moved");
    let all = range(&repo, "HEAD~1..");
    assert_eq!(files(&all), [("src/key", "same")]);
    let key = all.iter().find(|seen| seen.kind == "blob").unwrap();
    assert_eq!(key.bases, [("renamed".into(), "same".into())]);
}

#[test]
fn since_a_time() {
    let repo = Repo::new();
    repo.commit(1, "a", "1");
    repo.commit(2, "b", "2");
    repo.commit(3, "c", "3");
    let found = Collector::default();
    let second = 1_000_000_000 + 2 * 60;
    let walked = repo
        .objects()
        .since("HEAD", second, |piece| found.visit(piece));
    assert!(walked.unwrap().is_complete());
    assert_eq!(files(&found.all()), [("b", "2"), ("c", "3")]);
}

#[test]
fn a_push_brings_what_the_remote_has_not() {
    let origin = Repo::with(&["init", "-q", "--bare", "-b", "main", "."]);
    let repo = Repo::new();
    let url = origin.at("").display().to_string();
    repo.git(&["remote", "add", "origin", &url]);
    let first = repo.commit(1, "a", "1");
    let new = |id: &str| format!("refs/heads/main {id} refs/heads/main {NOTHING}\n");
    let objects = repo.objects();
    let (all, _) = pushed(&objects, &new(&first), Some("origin"));
    assert_eq!(files(&all), [("a", "1")], "the remote has nothing");
    repo.git(&["push", "-q", "origin", "main"]);
    let second = repo.commit(2, "b", "2");
    let objects = repo.objects();
    let line = format!("refs/heads/main {second} refs/heads/main {first}\n");
    assert_eq!(
        files(&pushed(&objects, &line, Some("origin")).0),
        [("b", "2")]
    );
    // a new branch
    let line = format!("refs/heads/x {second} refs/heads/x {NOTHING}");
    assert_eq!(
        files(&pushed(&objects, &line, Some("origin")).0),
        [("b", "2")]
    );
    assert_eq!(files(&pushed(&objects, &line, None).0), [("b", "2")]);
    // another remote has none of it
    let all = pushed(&objects, &line, Some("https://example.com/public")).0;
    assert_eq!(files(&all), [("a", "1"), ("b", "2")]);
    // a deletion
    let line = format!("(delete) {NOTHING} refs/heads/x {second}\n");
    assert_eq!(pushed(&objects, &line, Some("origin")).0, []);
    // by force: what the remote has is unknown here
    let unknown = "1".repeat(40);
    let line = format!("refs/heads/main {second} refs/heads/main {unknown}\n");
    assert_eq!(
        files(&pushed(&objects, &line, Some("origin")).0),
        [("b", "2")]
    );
    assert!(matches!(
        objects.pushed("nonsense\n", None, |_| {}),
        Err(ObjectsError::NoSuchRevision { .. })
    ));
}

#[test]
fn pushed_tags_bring_their_messages_and_what_they_point_to() {
    let repo = Repo::new();
    repo.commit(1, "a", "1");
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git(&["tag", "-a", "-m", "a secret of a tag", "v1"]);
    let blob = repo.git(&["hash-object", "-w", "a"]);
    repo.git(&["tag", "-a", "-m", "of a blob", "blob", &blob]);
    let id = |name: &str| repo.git(&["rev-parse", name]);
    let lines = format!(
        "refs/tags/v1 {} refs/tags/v1 {NOTHING}\nrefs/tags/blob {} refs/tags/blob {NOTHING}\n",
        id("v1"),
        id("blob"),
    );
    let (all, walked) = pushed(&repo.objects(), &lines, Some("origin"));
    assert!(walked.is_complete());
    assert_eq!(files(&all), [("", "1")]);
    let tags: Vec<&str> = all
        .iter()
        .filter(|seen| seen.kind == "tag")
        .map(|seen| seen.text.trim())
        .collect();
    assert_eq!(tags.len(), 2);
    assert!(tags.contains(&"a secret of a tag") && tags.contains(&"of a blob"));
}

#[test]
fn shallow_and_partial_clones_say_so() {
    let origin = Repo::new();
    origin.commit(1, "a", "1");
    origin.commit(2, "b", "2");
    origin.commit(3, "c", "3");
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", origin.at("").display());
    let shallow = Repo::with(&["clone", "-q", "--depth", "2", &url, "."]);
    let found = Collector::default();
    let walked = shallow
        .objects()
        .range("HEAD", |piece| found.visit(piece))
        .unwrap();
    assert!(walked.is_shallow && walked.is_cut && !walked.is_complete());
    let walked = shallow.objects().range("HEAD~1..HEAD", |_| {}).unwrap();
    assert!(walked.is_shallow && !walked.is_cut && walked.is_complete());
    // the oldest commit there is brings all of its tree
    assert_eq!(files(&found.all()), [("a", "1"), ("b", "2"), ("c", "3")]);
    assert!(matches!(
        shallow.objects().range("HEAD~2..HEAD", |_| {}),
        Err(ObjectsError::NoSuchRevision { .. })
    ));
    let partial = Repo::with(&[
        "clone",
        "-q",
        "--filter=blob:none",
        "--no-checkout",
        &url,
        ".",
    ]);
    let before = partial.snapshot();
    let walked = partial.objects().range("HEAD~2..HEAD", |_| {}).unwrap();
    assert!(walked.is_partial && !walked.is_complete());
    assert_eq!(walked.problem_count, 2);
    assert!(
        walked
            .problems
            .iter()
            .all(|(_, _, problem)| *problem == Problem::Missing)
    );
    assert_eq!(partial.snapshot(), before, "nothing is fetched");
}

#[test]
fn revisions_have_many_names() {
    let repo = Repo::new();
    let first = repo.commit(1, "a", "1");
    let second = repo.commit(2, "b", "2");
    repo.git(&["tag", "-a", "-m", "x", "v1", "HEAD~1"]);
    repo.git(&["checkout", "-q", "-b", "side", "HEAD~1"]);
    let side = repo.commit(3, "c", "3");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-edit", "side"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", &second]);
    repo.git(&[
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
    ]);
    repo.git(&["config", "branch.main.remote", "origin"]);
    repo.git(&["config", "branch.main.merge", "refs/heads/main"]);
    for is_packed in [false, true] {
        if is_packed {
            repo.git(&["gc", "-q"]);
        }
        let objects = repo.objects();
        for (name, id) in [
            ("HEAD^1", &second),
            ("HEAD^2", &side),
            ("@~2", &first),
            ("main^2~1", &first),
            ("v1^{}", &first),
            ("v1^{commit}", &first),
            ("refs/heads/side", &side),
            ("heads/side", &side),
            ("origin", &second),
            ("origin/main", &second),
            ("@{u}", &second),
            ("main@{upstream}", &second),
            (&first[..7], &first),
            (&first, &first),
        ] {
            assert_eq!(&objects.revision(name).unwrap().to_string(), id, "{name}");
        }
        for name in [
            "",
            "nothing",
            "HEAD~9",
            "HEAD^3",
            "../config",
            "@{9",
            "v1^{tree}",
            "dead",
        ] {
            assert!(objects.revision(name).is_err(), "{name}");
        }
    }
}
