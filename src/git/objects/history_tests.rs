use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::super::testing::{Collector, Repo, Seen, empty_directory};
use super::super::{Id, Problem, Questions, Reached, Scanned, Settled, Walked};
use crate::git::objects::Objects;

fn history(objects: &Objects) -> (Vec<Seen>, Walked) {
    let found = Collector::default();
    let history = objects
        .history(&Scanned::default(), |piece| found.visit(piece))
        .unwrap();
    (found.all(), history.walked().clone())
}

/// The texts of what is of this kind.
fn of<'a>(all: &'a [Seen], kind: &str) -> Vec<&'a str> {
    let mut texts: Vec<&str> = all
        .iter()
        .filter(|seen| seen.kind == kind)
        .map(|seen| seen.text.trim())
        .collect();
    texts.sort_unstable();
    texts
}

fn settle(objects: &Objects, ids: &[&str]) -> Settled {
    let ids = ids.iter().map(|id| id.parse().unwrap()).collect();
    let history = objects.history(&Scanned::default(), |_| {}).unwrap();
    history.settle(&ids, nothing()).unwrap()
}

/// No questions.
fn nothing() -> Questions<'static> {
    Questions {
        path: None,
        name: &|_| false,
    }
}

fn id_of(repo: &Repo, name: &str) -> String {
    repo.git(&["rev-parse", name])
}

/// A file of many lines, with one of them changed.
fn long(line: usize, text: &str) -> String {
    let mut lines: Vec<String> = (0..400)
        .map(|n| format!("line {n} {}", n * n * 7919))
        .collect();
    lines[line] = text.to_owned();
    lines.join("\n")
}

/// A history of one long file and others, with a branch and a merge.
fn project() -> Repo {
    let repo = Repo::new();
    let versions: Vec<(String, String, String)> = (0..12)
        .map(|version: usize| {
            let text = long(version * 30, &format!("secret {version}"));
            (text, format!("dir/{version}.txt"), version.to_string())
        })
        .collect();
    let files: Vec<_> = versions
        .iter()
        .map(|(text, path, version)| [("src/long.txt", text.as_str()), (path, version)])
        .collect();
    repo.import(&files.iter().map(<[_; 2]>::as_slice).collect::<Vec<_>>());
    repo.git(&["checkout", "-q", "-b", "side", "HEAD~3"]);
    repo.commit(20, "side", "of the side");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-commit", "side"]);
    repo.stage("evil", "only in the merge");
    repo.commit_at(30, "merge");
    repo
}

#[test]
fn loose_and_packed_objects_are_the_same() {
    let repo = project();
    let (loose, walked) = history(&repo.objects());
    assert!(walked.is_complete());
    repo.git(&["repack", "-q", "-a", "-d", "-f"]);
    let before = repo.snapshot();
    let (packed, walked) = history(&repo.objects());
    assert!(walked.is_complete());
    assert_eq!(repo.snapshot(), before);
    for kind in ["blob", "commit", "tag"] {
        assert_eq!(of(&loose, kind), of(&packed, kind));
    }
    assert_eq!(of(&packed, "commit").len(), 14);
    assert!(of(&packed, "blob").contains(&"only in the merge"));
    // the long file is stored as deltas, and what is new in them is told
    let deltas: Vec<&Seen> = packed.iter().filter(|seen| !seen.is_whole).collect();
    assert!(deltas.len() >= 10, "{}", deltas.len());
    let looked_at: u64 = walked.bytes;
    assert!(looked_at < 20_000, "{looked_at}");
    for version in 0..12 {
        let secret = format!("secret {version}");
        let holds = |seen: &&Seen| {
            if seen.is_whole {
                seen.text.contains(&secret)
            } else {
                // part of the line may stand in the base as well
                seen.new
                    .iter()
                    .any(|new| seen.text.contains(&secret) && !new.is_empty())
            }
        };
        assert!(packed.iter().any(|seen| holds(&seen)), "{secret}");
    }
}

#[test]
fn every_way_of_packing_is_read() {
    let repo = project();
    let (loose, _) = history(&repo.objects());
    for arguments in [
        &[
            "repack",
            "-q",
            "-a",
            "-d",
            "-f",
            "--depth=200",
            "--window=50",
        ][..],
        &[
            "-c",
            "repack.useDeltaBaseOffset=false",
            "repack",
            "-q",
            "-a",
            "-d",
            "-f",
        ],
        &[
            "-c",
            "pack.indexVersion=1",
            "repack",
            "-q",
            "-a",
            "-d",
            "-f",
        ],
        &["repack", "-q", "-a", "-d", "-f", "--write-midx"],
        &["-c", "pack.compression=0", "repack", "-q", "-a", "-d", "-F"],
    ] {
        repo.git(arguments);
        let (packed, walked) = history(&repo.objects());
        assert!(walked.is_complete());
        assert_eq!(of(&loose, "blob"), of(&packed, "blob"), "{arguments:?}");
        assert_eq!(of(&loose, "commit"), of(&packed, "commit"), "{arguments:?}");
    }
}

#[test]
fn what_stands_in_several_packs_comes_once() {
    let repo = project();
    repo.git(&["repack", "-q", "-d"]);
    let copy = Repo::with(&[
        "clone",
        "-q",
        "--no-local",
        "--bare",
        &repo.at("").display().to_string(),
        ".",
    ]);
    repo.commit(40, "new", "another pack");
    repo.git(&["repack", "-q", "-d"]);
    repo.commit(41, "newer", "loose");
    // the packs of a clone beside the own ones
    let alternates = format!("{}\n", copy.at("objects").display());
    std::fs::write(repo.at(".git/objects/info/alternates"), alternates).unwrap();
    let (all, walked) = history(&repo.objects());
    assert!(walked.is_complete());
    let mut ids: Vec<&str> = all.iter().map(|seen| seen.id.as_str()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(of(&all, "blob").contains(&"loose"));
    assert!(of(&all, "blob").contains(&"another pack"));
    // its own are gone, and the alternate has them
    let clone = Repo::with(&[
        "clone",
        "-q",
        "--shared",
        &repo.at("").display().to_string(),
        ".",
    ]);
    assert_eq!(of(&history(&clone.objects()).0, "blob"), of(&all, "blob"));
    // the same base in another pack
    repo.git(&["-c", "repack.useDeltaBaseOffset=false", "gc", "-q"]);
    assert_eq!(of(&history(&repo.objects()).0, "blob"), of(&all, "blob"));
}

#[test]
fn messages_of_tags_notes_and_stashes_are_handed_out() {
    let repo = project();
    repo.git(&["tag", "-a", "-m", "message of a tag", "v1", "HEAD~2"]);
    repo.git(&["notes", "add", "-m", "a note", "HEAD"]);
    repo.write("evil", "stashed 1");
    repo.git(&["stash", "-q"]);
    repo.stage("evil", "stashed index");
    repo.write("evil", "stashed 2");
    repo.write("untracked", "stashed untracked");
    repo.git(&["stash", "-q", "-u"]);
    repo.git(&["gc", "-q"]);
    let objects = repo.objects();
    let (all, _) = history(&objects);
    assert_eq!(of(&all, "tag"), ["message of a tag"]);
    let blobs = of(&all, "blob");
    let id = |text: &str| {
        let mut all = all.iter();
        all.find(|seen| seen.text.trim() == text)
            .unwrap()
            .id
            .clone()
    };
    for (text, reached) in [
        ("a note", Reached::Notes),
        ("stashed 1", Reached::Stash),
        ("stashed 2", Reached::Stash),
        ("stashed index", Reached::Stash),
        ("stashed untracked", Reached::Stash),
        ("message of a tag", Reached::Ref),
        ("only in the merge", Reached::Ref),
    ] {
        assert!(
            text == "message of a tag" || blobs.contains(&text),
            "{text}"
        );
        let settled = settle(&objects, &[&id(text)]);
        assert!(settled.walked.is_complete());
        assert_eq!(
            settled.seen[&id(text).parse::<Id>().unwrap()].reached,
            reached,
            "{text}"
        );
    }
}

#[test]
fn blobs_are_traced_to_their_first_commit_and_all_their_paths() {
    let repo = Repo::new();
    repo.commit(1, "other", "x");
    let first = repo.commit(2, "tests/deep/key", "the key");
    repo.commit(3, "tests/deep/key", "no key");
    repo.commit(4, "later/key", "the key");
    repo.git(&["mv", "tests", "src"]);
    repo.commit(5, "src/deep/key", "the key");
    repo.git(&["mv", "src", "lib"]);
    repo.commit_at(6, "moved whole");
    let message = repo.git(&["rev-parse", "HEAD"]);
    let blob = id_of(&repo, "HEAD:lib/deep/key");
    for is_packed in [false, true] {
        if is_packed {
            repo.git(&["gc", "-q"]);
        }
        let settled = settle(&repo.objects(), &[&blob, &message]);
        let seen = &settled.seen[&blob.parse().unwrap()];
        assert_eq!(seen.commit.to_string(), first);
        let mut paths: Vec<&Path> = seen.paths.iter().map(PathBuf::as_path).collect();
        assert_eq!(paths.remove(0), Path::new("tests/deep/key"));
        paths.sort_unstable();
        let others = ["later/key", "lib/deep/key", "src/deep/key"].map(Path::new);
        assert_eq!(paths, others);
        assert_eq!((seen.author.as_str(), seen.time), ("Ana", 1_000_000_120));
        assert_eq!(
            settled.seen[&message.parse().unwrap()].commit.to_string(),
            message
        );
        assert!(!seen.has_more_paths);
    }
}

#[test]
fn what_nothing_leads_to_is_told_apart() {
    let repo = Repo::new();
    repo.commit(1, "a", "kept");
    repo.commit(2, "a", "in the reflog");
    let gone = id_of(&repo, "HEAD:a");
    repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
    repo.write("b", "never committed");
    let dangling = repo.git(&["hash-object", "-w", "b"]);
    let objects = repo.objects();
    let (all, _) = history(&objects);
    assert_eq!(
        of(&all, "blob"),
        ["in the reflog", "kept", "never committed"]
    );
    let settled = settle(&objects, &[&gone, &dangling]);
    assert!(settled.walked.is_complete());
    assert_eq!(settled.seen.len(), 1);
    assert_eq!(
        settled.seen[&gone.parse().unwrap()].reached,
        Reached::Reflog
    );
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    let settled = settle(&repo.objects(), &[&gone]);
    assert_eq!(
        settled.seen[&gone.parse().unwrap()].reached,
        Reached::Nothing
    );
    // a tree that a tag points to
    let tree = repo.git(&["write-tree"]);
    repo.git(&["update-ref", "refs/tags/blob", &dangling]);
    repo.git(&["update-ref", "refs/tags/tree", &tree]);
    let settled = settle(&repo.objects(), &[&dangling]);
    assert_eq!(
        settled.seen[&dangling.parse().unwrap()].reached,
        Reached::Ref
    );
}

#[test]
fn carriers_are_what_is_stored_as_a_delta_of_a_finding() {
    let repo = Repo::new();
    let texts: Vec<String> = (0..6)
        .map(|version| {
            long(100, "the secret").replace("line 7 ", &format!("line seven {version} "))
        })
        .collect();
    let files: Vec<_> = texts.iter().map(|text| [("long", text.as_str())]).collect();
    repo.import(&files.iter().map(<[_; 1]>::as_slice).collect::<Vec<_>>());
    repo.git(&["repack", "-q", "-a", "-d", "-f"]);
    let objects = repo.objects();
    let found = Collector::default();
    let history = objects
        .history(&Scanned::default(), |piece| found.visit(piece))
        .unwrap();
    let all = found.all();
    let root = all
        .iter()
        .find(|seen| seen.is_whole && seen.kind == "blob")
        .unwrap();
    let ids: HashSet<Id> = [root.id.parse().unwrap()].into();
    let carriers = Collector::default();
    let walked = history.carriers(&ids, |piece| carriers.visit(piece));
    let carriers = carriers.all();
    assert_eq!((carriers.len(), walked.pieces), (6, 6), "with itself");
    assert!(
        carriers
            .iter()
            .all(|seen| seen.is_whole && seen.text.contains("the secret"))
    );
}

#[test]
fn what_was_scanned_is_passed_over() {
    let repo = project();
    repo.git(&["repack", "-q", "-a", "-d", "-f"]);
    let objects = repo.objects();
    let history = objects.history(&Scanned::default(), |_| {}).unwrap();
    let with_finding: HashSet<Id> = [id_of(&repo, "HEAD:evil").parse().unwrap()].into();
    let scanned = history.scanned(&with_finding);
    let directory = empty_directory();
    let path = objects.scanned_path(directory.path());
    assert!(path.starts_with(directory.path().join("scan")));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let key = [7; 32];
    scanned.write(&path, &key).unwrap();
    assert_eq!(Scanned::read(&path, &key), scanned);
    assert!(Scanned::read(&path, &[8; 32]).is_empty(), "other rules");
    repo.commit(50, "new", "new");
    let found = Collector::default();
    let objects = repo.objects();
    let again = objects.history(&Scanned::read(&path, &key), |piece| found.visit(piece));
    let again = again.unwrap();
    let found = found.all();
    assert_eq!(of(&found, "blob"), ["new", "only in the merge"]);
    assert_eq!(of(&found, "commit"), ["new"]);
    assert!(again.walked().known > 30);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(Scanned::read(&path, &key).is_empty(), "damaged");
    assert!(
        Scanned::read(directory.path(), &key).is_empty(),
        "a directory"
    );
    // deltas of what has findings are looked at again
    let long: HashSet<Id> = (0..12)
        .map(|back| {
            id_of(&repo, &format!("main~{back}:src/long.txt"))
                .parse()
                .unwrap()
        })
        .collect();
    let scanned = again.scanned(&long);
    assert!(long.iter().all(|id| !scanned.has(id)));
}

#[test]
fn shallow_bare_and_partial_clones_say_what_they_lack() {
    let repo = project();
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", repo.at("").display());
    let shallow = Repo::with(&["clone", "-q", "--bare", "--depth", "1", &url, "."]);
    let objects = shallow.objects();
    assert_eq!(objects.root(), None);
    let (all, walked) = history(&objects);
    assert!(walked.is_shallow && walked.is_cut && walked.problem_count == 0);
    assert_eq!(of(&all, "commit"), ["merge"]);
    assert!(settle(&objects, &[]).walked.is_complete());
    let partial = Repo::with(&[
        "clone",
        "-q",
        "--filter=blob:none",
        "--no-checkout",
        &url,
        ".",
    ]);
    let before = partial.snapshot();
    let objects = partial.objects();
    let (all, walked) = history(&objects);
    assert!(walked.is_partial);
    assert_eq!(of(&all, "blob"), Vec::<&str>::new());
    let settled = settle(&objects, &[]);
    assert!(!settled.walked.is_complete());
    assert_eq!(settled.walked.problem_count, 26, "12 + 12 + side + evil");
    assert!(
        settled
            .walked
            .problems
            .iter()
            .all(|(_, _, problem)| *problem == Problem::Missing)
    );
    assert_eq!(partial.snapshot(), before, "nothing is fetched");
    let treeless = Repo::with(&["clone", "-q", "--filter=tree:0", "--no-checkout", &url, "."]);
    assert!(!settle(&treeless.objects(), &[]).walked.is_complete());
}

#[test]
fn repositories_with_long_ids_are_read() {
    let repo = Repo::with(&["init", "-q", "--object-format=sha256", "-b", "main", "."]);
    for version in 0..5_usize {
        repo.commit(version as u64, "dir/long", long(version, "x"));
    }
    let blob = id_of(&repo, "HEAD:dir/long");
    repo.git(&["gc", "-q"]);
    let objects = repo.objects();
    let (all, walked) = history(&objects);
    assert!(walked.is_complete());
    assert_eq!(of(&all, "blob").len(), 5);
    let settled = settle(&objects, &[&blob]);
    assert!(settled.walked.is_complete());
    assert_eq!(
        settled.seen[&blob.parse().unwrap()].paths,
        [Path::new("dir/long")]
    );
}

#[test]
fn damage_is_said_and_the_rest_is_read() {
    let repo = project();
    repo.git(&["repack", "-q", "-a", "-d", "-f"]);
    repo.commit(60, "loose", "still there");
    let packs = std::fs::read_dir(repo.at(".git/objects/pack")).unwrap();
    let pack = packs
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "pack"))
        .unwrap();
    let whole = std::fs::read(&pack).unwrap();
    // each time another place is overwritten
    for place in (12..whole.len() - 20).step_by(whole.len() / 16) {
        let mut bytes = whole.clone();
        for byte in &mut bytes[place..place + 8] {
            *byte ^= 0xff;
        }
        std::fs::remove_file(&pack).unwrap();
        std::fs::write(&pack, &bytes).unwrap();
        let objects = repo.objects();
        let (all, walked) = history(&objects);
        let settled = settle(&objects, &[]);
        assert!(
            !walked.is_complete() || !settled.walked.is_complete(),
            "damage at {place} was not seen"
        );
        assert!(of(&all, "blob").contains(&"still there"));
    }
    std::fs::remove_file(&pack).unwrap();
    std::fs::write(&pack, &whole[..whole.len() / 2]).unwrap();
    let (all, walked) = history(&repo.objects());
    assert!(!walked.is_complete() && !all.is_empty());
    std::fs::write(pack.with_extension("idx.new"), "garbage").unwrap();
    std::fs::rename(pack.with_extension("idx.new"), pack.with_extension("idx")).unwrap();
    let (all, walked) = history(&repo.objects());
    assert!(!walked.is_complete());
    assert_eq!(of(&all, "blob"), ["still there"]);
    assert!(!settle(&repo.objects(), &[]).walked.is_complete());
}

#[test]
fn what_is_too_large_is_said() {
    let repo = Repo::new();
    repo.commit(1, "large", vec![b'x'; 3 << 20]);
    repo.commit(2, "small", "small");
    for is_packed in [false, true] {
        if is_packed {
            repo.git(&["gc", "-q"]);
        }
        let (all, walked) = history(&repo.objects());
        assert_eq!(of(&all, "blob"), ["small"]);
        assert_eq!(walked.problem_count, 1);
        assert_eq!(walked.problems[0].2, Problem::TooLarge(3 << 20));
    }
}
