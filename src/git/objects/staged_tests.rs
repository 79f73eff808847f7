use std::path::Path;

use super::super::testing::{Collector, Repo, empty_directory, texts};
use super::super::{Problem, Walked};
use crate::git::objects::{Objects, ObjectsError};
use crate::io::env::Environment;

fn staged(repo: &Repo) -> Vec<(String, String)> {
    staged_in(&repo.objects()).0
}

fn staged_in(objects: &Objects) -> (Vec<(String, String)>, Walked) {
    let found = Collector::default();
    let walked = objects.staged(|piece| found.visit(piece)).unwrap();
    (found.texts(), walked)
}

/// A repository with files in several directories, committed.
fn project() -> Repo {
    let repo = Repo::new();
    for path in [
        "a.txt",
        "dir/b.txt",
        "dir/deep/c.txt",
        "other/d.txt",
        "dir-x",
        "dir.y",
    ] {
        repo.stage(path, format!("{path} 1\n"));
    }
    repo.commit_at(1, "first");
    repo
}

#[test]
fn before_the_first_commit_everything_is_staged() {
    let repo = Repo::new();
    assert_eq!(staged(&repo), []);
    repo.stage("a", "1");
    repo.stage("dir/b", "2");
    assert_eq!(staged(&repo), texts(&[("a", "1"), ("dir/b", "2")]));
}

#[test]
fn what_is_staged_comes_from_the_index_and_not_from_the_work_tree() {
    let repo = project();
    assert_eq!(staged(&repo), []);
    repo.stage("dir/b.txt", "staged");
    repo.write("dir/b.txt", "cleaned");
    repo.write("a.txt", "not staged");
    repo.write("untracked", "x");
    let before = repo.snapshot();
    let objects = repo.objects();
    let found = Collector::default();
    let walked = objects.staged(|piece| found.visit(piece)).unwrap();
    assert_eq!((walked.pieces, walked.bytes), (1, 6));
    assert!(walked.is_complete());
    let found = found.all();
    assert_eq!(found[0].path, "dir/b.txt");
    assert_eq!(found[0].text, "staged");
    assert!(found[0].is_whole);
    assert_eq!(found[0].bases, [("same".into(), "dir/b.txt 1\n".into())]);
    assert_eq!(repo.snapshot(), before, "nothing is written");
}

#[test]
fn all_directories_are_compared_whatever_the_index_knows_of_them() {
    let repo = project();
    let change = || {
        repo.stage("dir/deep/c.txt", "2");
        repo.stage("dir-x", "3");
        repo.stage("new/dir/e", "4");
        repo.git(&["rm", "-q", "--cached", "a.txt"]);
    };
    let expected = texts(&[("dir-x", "3"), ("dir/deep/c.txt", "2"), ("new/dir/e", "4")]);
    change();
    assert_eq!(staged(&repo), expected);
    // without any cached tree
    std::fs::remove_file(repo.at(".git/index")).unwrap();
    repo.git(&["-c", "core.commitGraph=false", "reset", "-q", "--mixed"]);
    change();
    assert_eq!(staged(&repo), expected);
}

#[test]
fn every_version_and_shape_of_the_index_is_read() {
    for settings in [
        vec![("index.version", "2")],
        vec![("index.version", "4")],
        vec![
            ("core.splitIndex", "true"),
            ("splitIndex.maxPercentChange", "100"),
        ],
        vec![("core.untrackedCache", "true"), ("index.threads", "2")],
        vec![("core.fsmonitor", "false"), ("index.skipHash", "true")],
    ] {
        let repo = project();
        for (name, value) in &settings {
            repo.git(&["config", name, value]);
        }
        if settings[0].0 == "core.splitIndex" {
            repo.git(&["update-index", "--split-index"]);
        } else if settings[0].0 == "index.version" {
            repo.git(&["update-index", "--index-version", settings[0].1]);
        }
        repo.stage("dir/b.txt", "2");
        repo.stage("dir/deep/c2.txt", "3");
        repo.git(&["rm", "-q", "other/d.txt"]);
        repo.git(&["status", "--short"]);
        assert_eq!(
            staged(&repo),
            texts(&[("dir/b.txt", "2"), ("dir/deep/c2.txt", "3")]),
            "{settings:?}"
        );
        if settings[0].0 == "core.splitIndex" {
            let shared = std::fs::read_dir(repo.at(".git")).unwrap().filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_str().unwrap().starts_with("sharedindex")
            });
            assert!(shared.count() > 0, "the index was not split");
        }
    }
}

#[test]
fn a_sparse_index_is_read() {
    let repo = project();
    repo.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
    repo.git(&["sparse-checkout", "set", "dir"]);
    let entries = repo.git(&["ls-files", "--sparse"]);
    assert!(
        entries.contains("other/\n") || entries.ends_with("other/"),
        "{entries}"
    );
    assert_eq!(staged(&repo), []);
    repo.stage("dir/b.txt", "2");
    assert_eq!(staged(&repo), texts(&[("dir/b.txt", "2")]));
    // HEAD goes elsewhere, and a directory that is not opened differs
    repo.commit_at(2, "second");
    repo.git(&["checkout", "-q", "--orphan", "empty"]);
    let found = staged(&repo);
    assert!(
        found.contains(&("other/d.txt".into(), "other/d.txt 1\n".into())),
        "{found:?}"
    );
}

#[test]
fn what_is_only_intended_is_no_content_and_links_are_targets() {
    let repo = project();
    repo.write("later", "secret");
    repo.git(&["add", "-N", "later"]);
    assert_eq!(staged(&repo), []);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("where/to", repo.at("link")).unwrap();
        repo.git(&["add", "link"]);
        assert_eq!(staged(&repo), texts(&[("link", "where/to")]));
    }
}

#[test]
fn settings_and_attributes_change_nothing() {
    let repo = project();
    repo.stage("x.env", "1\r\n\0binary");
    repo.stage(".gitattributes", "*.env -diff\n*.txt diff=none binary\n");
    repo.stage("a.txt", "2");
    let nowhere = repo.at("nowhere").display().to_string();
    for (name, value) in [
        ("color.ui", "always"),
        ("diff.external", "false"),
        ("diff.orderFile", &nowhere),
        ("diff.none.textconv", "false"),
        ("core.autocrlf", "true"),
        ("core.attributesFile", &nowhere),
        ("include.path", &nowhere),
        ("core.quotePath", "true"),
    ] {
        repo.git(&["config", name, value]);
    }
    let found = staged(&repo);
    assert!(found.contains(&("a.txt".into(), "2".into())), "{found:?}");
    assert!(
        found.contains(&("x.env".into(), "1\r\n\0binary".into())),
        "{found:?}"
    );
}

#[test]
fn a_rename_has_what_it_was_as_its_base() {
    let repo = project();
    repo.git(&["mv", "a.txt", "z.txt"]);
    repo.git(&["mv", "dir", "moved"]);
    repo.stage("moved/b.txt", "changed on the way");
    let found = Collector::default();
    repo.objects().staged(|piece| found.visit(piece)).unwrap();
    let found = found.all();
    let of = |path: &str| found.iter().find(|seen| seen.path == path).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(of("z.txt").bases, [("renamed".into(), "a.txt 1\n".into())]);
    assert_eq!(
        of("moved/b.txt").bases,
        [("renamed".into(), "dir/b.txt 1\n".into())]
    );
    assert_eq!(of("moved/b.txt").text, "changed on the way");
    assert_eq!(
        of("moved/deep/c.txt").bases[0].1,
        of("moved/deep/c.txt").text
    );
}

#[test]
fn both_sides_of_an_open_merge_are_handed_out() {
    let repo = project();
    repo.git(&["checkout", "-q", "-b", "theirs"]);
    repo.stage("only-theirs", "new");
    repo.commit(2, "a.txt", "theirs");
    repo.git(&["checkout", "-q", "main"]);
    repo.commit(3, "a.txt", "ours");
    let merge = repo
        .command(&repo.at(""), &["merge", "theirs"])
        .output()
        .unwrap();
    assert!(!merge.status.success());
    let found = Collector::default();
    let walked = repo.objects().staged(|piece| found.visit(piece)).unwrap();
    assert_eq!(walked.unmerged, [Path::new("a.txt")]);
    let found = found.all();
    let of = |path: &str, text: &str| {
        let mut all = found.iter();
        all.find(|seen| seen.path == path && seen.text == text)
            .unwrap()
    };
    let theirs = of("a.txt", "theirs");
    assert!(theirs.bases.contains(&("merged".into(), "theirs".into())));
    assert!(theirs.bases.contains(&("same".into(), "ours".into())));
    assert_eq!(
        of("only-theirs", "new").bases,
        [("merged".into(), "new".into())]
    );
    // the decision is new to both
    repo.stage("a.txt", "decided");
    let (found, walked) = staged_in(&repo.objects());
    assert!(found.contains(&("a.txt".into(), "decided".into())));
    assert!(walked.unmerged.is_empty());
}

#[test]
fn submodules_are_passed_over_and_named() {
    let inner = project();
    let repo = project();
    let url = inner.at("").display().to_string();
    repo.git(&["submodule", "--quiet", "add", &url, "sub"]);
    let (found, walked) = staged_in(&repo.objects());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, ".gitmodules");
    assert_eq!(walked.submodules, [Path::new("sub")]);
    // inside, .git is a file
    repo.write("sub/new", "inner");
    repo.git_in(&repo.at("sub"), &["add", "new"]);
    let inside = repo.objects_in(&repo.at("sub/dir"), &[]);
    assert_eq!(staged_in(&inside).0, texts(&[("new", "inner")]));
}

#[test]
fn linked_work_trees_and_subdirectories_have_the_whole_index() {
    let repo = project();
    repo.stage("a.txt", "main's");
    let from_inside = repo.objects_in(&repo.at("dir/deep"), &[]);
    assert_eq!(staged_in(&from_inside).0, texts(&[("a.txt", "main's")]));
    assert_eq!(
        from_inside.root(),
        Some(&*repo.at("").canonicalize().unwrap())
    );
    repo.git(&["worktree", "add", "-q", "linked"]);
    repo.write("linked/other/d.txt", "linked's");
    repo.git_in(&repo.at("linked"), &["add", "."]);
    let linked = repo.objects_in(&repo.at("linked/other"), &[]);
    assert_eq!(staged_in(&linked).0, texts(&[("other/d.txt", "linked's")]));
}

#[test]
fn the_variables_of_hooks_are_followed() {
    let repo = project();
    // `git commit a.txt` makes an index of its own
    repo.stage("dir/b.txt", "not in this commit");
    repo.write("a.txt", "this");
    let index = repo.at("its-index").display().to_string();
    let git = |arguments: &[&str]| {
        let mut command = repo.command(&repo.at(""), arguments);
        let output = command.env("GIT_INDEX_FILE", &index).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    git(&["read-tree", "HEAD"]);
    git(&["add", "a.txt"]);
    let objects = repo.objects_in(&repo.at(""), &[("GIT_INDEX_FILE", "its-index")]);
    assert_eq!(staged_in(&objects).0, texts(&[("a.txt", "this")]));
    // from elsewhere
    let outside = empty_directory();
    let git_dir = repo.at(".git").display().to_string();
    let root = repo.at("").display().to_string();
    let objects = repo.objects_in(
        outside.path(),
        &[
            ("GIT_DIR", &git_dir),
            ("GIT_WORK_TREE", &root),
            ("GIT_INDEX_FILE", &index),
        ],
    );
    assert_eq!(staged_in(&objects).0, texts(&[("a.txt", "this")]));
    assert_eq!(objects.root(), Some(&*repo.at("")));
    // objects that are quarantined
    let quarantine = outside.path().join("objects");
    let quarantine = quarantine.to_str().unwrap();
    let own = repo.at(".git/objects").display().to_string();
    repo.write("a.txt", "quarantined");
    std::fs::create_dir(quarantine).unwrap();
    let mut command = repo.command(&repo.at(""), &["add", "a.txt"]);
    command.env("GIT_OBJECT_DIRECTORY", quarantine);
    command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", &own);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let objects = repo.objects_in(
        &repo.at(""),
        &[
            ("GIT_OBJECT_DIRECTORY", quarantine),
            ("GIT_ALTERNATE_OBJECT_DIRECTORIES", &own),
        ],
    );
    let (found, walked) = staged_in(&objects);
    assert!(found.contains(&("a.txt".into(), "quarantined".into())));
    assert!(walked.is_complete());
    let (_, walked) = staged_in(&repo.objects());
    assert_eq!(walked.problem_count, 1);
    assert_eq!(
        walked.problems[0].2,
        Problem::Missing,
        "without them it is incomplete"
    );
}

#[test]
fn alternates_and_other_hashes_are_read() {
    let origin = project();
    let url = origin.at("").display().to_string();
    let clone = Repo::with(&["clone", "-q", "--shared", &url, "."]);
    clone.stage("a.txt", "2");
    let (found, walked) = staged_in(&clone.objects());
    assert_eq!(found, texts(&[("a.txt", "2")]));
    assert!(walked.is_complete());
    let repo = Repo::with(&["init", "-q", "--object-format=sha256", "."]);
    repo.commit(1, "dir/a", "1");
    repo.stage("dir/b", "2");
    assert_eq!(staged(&repo), texts(&[("dir/b", "2")]));
}

#[test]
fn what_is_too_large_or_broken_is_said() {
    let repo = project();
    repo.stage("large", vec![b'x'; 2 << 20]);
    repo.stage("broken", "to be broken");
    let id = repo.git(&["rev-parse", ":broken"]);
    let path = repo.at(&format!(".git/objects/{}/{}", &id[..2], &id[2..]));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "garbage").unwrap();
    repo.stage("fine", "fine");
    let (found, walked) = staged_in(&repo.objects());
    assert_eq!(found, texts(&[("fine", "fine")]));
    assert!(!walked.is_complete());
    let mut problems: Vec<_> = walked
        .problems
        .iter()
        .map(|(_, path, _)| path.clone())
        .collect();
    problems.sort();
    assert_eq!(problems, [Some("broken".into()), Some("large".into())]);
}

#[test]
fn against_another_commit_all_since_it_is_handed_out() {
    let repo = project();
    repo.commit(2, "a.txt", "2");
    repo.stage("dir/b.txt", "3");
    let found = Collector::default();
    repo.objects()
        .staged_since("HEAD~1", |piece| found.visit(piece))
        .unwrap();
    assert_eq!(found.texts(), texts(&[("a.txt", "2"), ("dir/b.txt", "3")]));
    let nothing = repo.objects().staged_since("nothing", |_| {});
    assert!(matches!(nothing, Err(ObjectsError::NoSuchRevision { .. })));
}

#[test]
fn what_is_tracked_is_known_although_it_is_ignored() {
    let repo = Repo::new();
    repo.write(".gitignore", "*.env");
    repo.stage("tracked.env", "1");
    repo.write("other.env", "2");
    repo.write("later", "3");
    repo.git(&["add", "-N", "later"]);
    let tracked = repo.objects().tracked().unwrap();
    assert_eq!(tracked, [Path::new("later"), Path::new("tracked.env")]);
}

#[test]
fn where_there_is_no_repository_is_an_error() {
    let directory = empty_directory();
    let open = |directory: &Path| Objects::open(directory, &Environment::of([("HOME", "/")]), 1);
    assert!(matches!(
        open(directory.path()),
        Err(ObjectsError::NotARepository { .. })
    ));
    std::fs::write(directory.path().join(".git"), "gitdir: nowhere\n").unwrap();
    assert!(matches!(
        open(directory.path()),
        Err(ObjectsError::Corrupt { .. })
    ));
    let repo = project();
    std::fs::write(repo.at(".git/index"), "DIRC\0\0\0\x02\0\0\0\x09").unwrap();
    assert!(matches!(
        repo.objects().staged(|_| {}),
        Err(ObjectsError::Corrupt { .. })
    ));
}
