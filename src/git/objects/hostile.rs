//! Repositories that somebody made to do harm.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

use super::store::Reader;
use super::testing::{Collector, Repo};
use super::{Id, Problem, Questions, Scanned};

/// What a pack's entry is made of: the type's number, the size that it claims, what stands between
/// that and the compressed bytes, and these before they are compressed.
struct Entry {
    kind: u8,
    size: u64,
    base: Vec<u8>,
    body: Vec<u8>,
}

impl Entry {
    fn blob(text: &[u8]) -> Self {
        Self {
            kind: 3,
            size: text.len() as u64,
            base: Vec::new(),
            body: text.to_vec(),
        }
    }

    fn delta_of(id: [u8; 20], body: Vec<u8>) -> Self {
        Self {
            kind: 7,
            size: body.len() as u64,
            base: id.to_vec(),
            body,
        }
    }
}

/// zlib without compression.
fn stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    let mut bytes = vec![0x78, 1, 1];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(data);
    bytes.extend((b << 16 | a).to_be_bytes());
    bytes
}

fn size(mut size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(size & 0x7f).unwrap();
        size >>= 7;
        if size == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Ids need not be true.
fn id(number: u32) -> [u8; 20] {
    let mut id = [7; 20];
    id[..4].copy_from_slice(&number.to_be_bytes());
    id
}

/// Puts a pack with these entries into a repository; the first has the id of number 0, and so on.
fn plant(repo: &Repo, entries: &[Entry]) {
    plant_from(repo, 0, entries);
}

/// The same, from another number on, which names the pack too.
fn plant_from(repo: &Repo, first: u32, entries: &[Entry]) {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
    let mut index = vec![0; 1024];
    for (number, entry) in (first..).zip(entries) {
        index.extend(u32::try_from(pack.len()).unwrap().to_be_bytes());
        index.extend(id(number));
        let low = u8::try_from(entry.size & 15).unwrap() | entry.kind << 4;
        if entry.size > 15 {
            pack.push(low | 0x80);
            pack.extend(size(entry.size >> 4));
        } else {
            pack.push(low);
        }
        pack.extend(&entry.base);
        pack.extend(stored(&entry.body));
    }
    pack.extend([0; 20]);
    // the first byte of all ids is 0
    for count in index[..1024].chunks_exact_mut(4) {
        count.copy_from_slice(&u32::try_from(entries.len()).unwrap().to_be_bytes());
    }
    index.extend([0; 40]);
    let path = repo.at(&format!(".git/objects/pack/pack-{first}.pack"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, pack).unwrap();
    fs::write(path.with_extension("idx"), index).unwrap();
}

/// How many pieces come, and the problems.
fn history(repo: &Repo) -> (u64, Vec<Problem>) {
    let objects = repo.objects();
    let history = objects.history(&Scanned::default(), |_| {}).unwrap();
    let problems = history.walked().problems.iter();
    (
        history.walked().pieces,
        problems.map(|(_, _, problem)| *problem).collect(),
    )
}

fn read(repo: &Repo, number: u32) -> Option<Problem> {
    let id = Id::of_bytes(&id(number)).unwrap();
    let objects = repo.objects();
    objects.store.read(&id, &mut Reader::new(1 << 20)).err()
}

#[test]
fn deltas_that_go_in_a_circle_end() {
    let repo = Repo::new();
    let delta = |of| Entry::delta_of(id(of), vec![1, 1, 1, b'x']);
    plant(
        &repo,
        &[
            delta(1),
            delta(2),
            delta(0),
            delta(3),
            Entry::blob(b"fine"),
            delta(0),
        ],
    );
    let (pieces, problems) = history(&repo);
    assert_eq!((pieces, problems.len()), (1, 5));
    assert!(
        problems
            .iter()
            .all(|problem| matches!(problem, Problem::Corrupt(_)))
    );
    assert!(matches!(read(&repo, 0), Some(Problem::Corrupt(_))));
    assert!(matches!(read(&repo, 3), Some(Problem::Corrupt(_))));
    assert_eq!(read(&repo, 4), None);
}

#[test]
fn what_promises_too_much_gets_no_memory() {
    let repo = Repo::new();
    let terabyte = 1 << 40;
    let mut promise = Entry::blob(b"small");
    promise.size = terabyte;
    let mut lie = Entry::blob(b"small");
    lie.size = 1 << 19;
    let grows = [size(5), size(terabyte), vec![0x90, 5]].concat();
    let mut large = Entry::delta_of(id(0), vec![5, 1, 1, b'x']);
    large.size = terabyte;
    plant(
        &repo,
        &[
            Entry::blob(b"12345"),
            promise,
            lie,
            Entry::delta_of(id(0), grows),
            large,
        ],
    );
    let (pieces, problems) = history(&repo);
    assert_eq!(pieces, 1);
    let too_large = problems
        .iter()
        .filter(|problem| **problem == Problem::TooLarge(terabyte));
    assert_eq!((problems.len(), too_large.count()), (4, 3));
    assert!(matches!(read(&repo, 2), Some(Problem::Corrupt(_))));
    assert_eq!(read(&repo, 3), Some(Problem::TooLarge(terabyte)));
}

#[test]
fn chains_may_be_as_long_as_they_like() {
    let repo = Repo::new();
    let length: u32 = 30_000;
    let mut entries = vec![Entry::blob(b"0123456789")];
    for number in 0..length {
        // the base as it is
        entries.push(Entry::delta_of(id(number), vec![10, 10, 0x90, 10]));
    }
    plant(&repo, &entries);
    assert_eq!(history(&repo), (u64::from(length) + 1, Vec::new()));
    assert!(
        matches!(read(&repo, length), Some(Problem::Corrupt(_))),
        "by itself it is refused"
    );
    assert_eq!(read(&repo, 5000), None);
}

#[test]
fn carriers_are_followed_from_pack_to_pack() {
    let repo = Repo::new();
    let same = |base| Entry::delta_of(id(base), vec![10, 10, 0x90, 10]);
    plant(&repo, &[Entry::blob(b"the secret"), same(0)]);
    plant_from(&repo, 1, &[Entry::blob(b"the secret"), same(1)]);
    let objects = repo.objects();
    let history = objects.history(&Scanned::default(), |_| {}).unwrap();
    assert_eq!(history.walked().pieces, 3);
    let ids: HashSet<Id> = [Id::of_bytes(&id(0)).unwrap()].into();
    let found = Collector::default();
    assert_eq!(history.carriers(&ids, |piece| found.visit(piece)).pieces, 3);
    assert!(
        found
            .all()
            .iter()
            .all(|seen| seen.is_whole && seen.text == "the secret")
    );
    assert!(history.scanned(&ids).is_empty());
}

#[test]
fn a_base_that_nobody_has_is_missing() {
    let repo = Repo::new();
    plant(
        &repo,
        &[
            Entry::delta_of(id(99), vec![1, 1, 1, b'x']),
            Entry::blob(b"fine"),
        ],
    );
    assert_eq!(history(&repo), (1, vec![Problem::Missing]));
}

#[test]
fn a_few_trees_with_more_paths_than_atoms_are_no_work() {
    let repo = Repo::new();
    repo.write("blob", "the secret");
    let blob = repo.git(&["hash-object", "-w", "blob"]);
    let mktree = |lines: String| {
        repo.write("lines", lines);
        let mut command = repo.command(&repo.at(""), &["mktree"]);
        let lines = fs::File::open(repo.at("lines")).unwrap();
        let output = command.stdin(lines).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let mut entry = format!("100644 blob {blob}");
    for _ in 0..14 {
        let lines: Vec<String> = (0..10)
            .map(|name| format!("{entry}\tname {name}\n"))
            .collect();
        entry = format!("040000 tree {}", mktree(lines.concat()));
    }
    let tree = entry.rsplit(' ').next().unwrap();
    let commit = repo.git(&["commit-tree", "-m", "bomb", tree]);
    repo.git(&["update-ref", "refs/heads/main", &commit]);
    let begin = Instant::now();
    let objects = repo.objects();
    let found = Collector::default();
    let history = objects
        .history(&Scanned::default(), |piece| found.visit(piece))
        .unwrap();
    assert!(found.all().iter().any(|seen| seen.text == "the secret"));
    let ids: HashSet<Id> = [blob.parse().unwrap()].into();
    let nothing = Questions {
        path: None,
        name: &|_| false,
    };
    let settled = history.settle(&ids, nothing).unwrap();
    assert!(settled.walked.is_complete());
    assert!(settled.seen[&blob.parse().unwrap()].has_more_paths);
    let walked = objects.range("main", |_| {}).unwrap();
    assert!(!walked.is_complete(), "not all paths were looked at");
    let walked = objects.staged_since("main", |_| {}).unwrap();
    assert_eq!(walked.pieces, 0);
    assert!(begin.elapsed() < Duration::from_mins(1));
}
