//! What commits, tags and trees are made of. Read without copies, and without trust.

use super::Id;

/// A commit's parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit<'a> {
    /// The tree of its files.
    pub(super) tree: Id,
    /// The commits that it follows.
    pub(super) parents: Vec<Id>,
    /// Name, address and time of who wrote it, as they stand there.
    pub(super) author: &'a [u8],
    /// The same of who made the commit.
    pub(super) committer: &'a [u8],
    /// When it was made by the committer's clock, in seconds since 1970; 0 where that cannot be read.
    pub(super) time: i64,
    /// All behind the headers.
    pub(super) message: &'a [u8],
}

impl<'a> Commit<'a> {
    /// Takes a commit apart; `None` for what is none.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut commit = Self {
            tree: Id(gix_hash::ObjectId::null(gix_hash::Kind::Sha1)),
            parents: Vec::new(),
            author: &[],
            committer: &[],
            time: 0,
            message: &[],
        };
        let mut rest = bytes;
        let mut has_tree = false;
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            rest = after;
            if line.is_empty() {
                break;
            }
            if let Some(id) = line.strip_prefix(b"tree ") {
                commit.tree = hex(id)?;
                has_tree = true;
            } else if let Some(id) = line.strip_prefix(b"parent ") {
                commit.parents.push(hex(id)?);
            } else if let Some(author) = line.strip_prefix(b"author ") {
                commit.author = author;
            } else if let Some(committer) = line.strip_prefix(b"committer ") {
                commit.committer = committer;
                commit.time = time_of(committer);
            }
        }
        commit.message = rest;
        has_tree.then_some(commit)
    }
}

/// The time in `Name <address> 1700000000 +0100`, 0 where there is none.
pub(super) fn time_of(who: &[u8]) -> i64 {
    who.rsplit(|byte| *byte == b'>')
        .next()
        .and_then(|end| std::str::from_utf8(end).ok())
        .and_then(|end| end.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// The name in `Name <address> 1700000000 +0100`.
pub(super) fn name_of(who: &[u8]) -> String {
    let end = who.iter().position(|byte| *byte == b'<');
    let name = end.and_then(|end| who.get(..end)).unwrap_or(who);
    String::from_utf8_lossy(name).trim().to_owned()
}

/// A tag's parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// What it points to.
    pub(super) target: Id,
    /// Its name, which may be another than that of its ref.
    pub(super) name: &'a [u8],
    /// Who made it.
    pub(super) tagger: &'a [u8],
    /// All behind the headers.
    pub(super) message: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Takes a tag apart; `None` for what is none.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut target = None;
        let mut name: &[u8] = &[];
        let mut tagger: &[u8] = &[];
        let mut rest = bytes;
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            rest = after;
            if line.is_empty() {
                break;
            }
            if let Some(id) = line.strip_prefix(b"object ") {
                target = hex(id);
            } else if let Some(text) = line.strip_prefix(b"tag ") {
                name = text;
            } else if let Some(who) = line.strip_prefix(b"tagger ") {
                tagger = who;
            }
        }
        Some(Self {
            target: target?,
            name,
            tagger,
            message: rest,
        })
    }
}

/// What a tree's entry, or an index's, stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A file or a symbolic link: a blob either way.
    Blob,
    /// A directory.
    Tree,
    /// A submodule: a commit of another repository.
    Gitlink,
}

impl Mode {
    /// What git does: the file type decides, the rest is permissions.
    pub(super) fn of(mode: u32) -> Self {
        match mode & 0o170_000 {
            0o040_000 => Self::Tree,
            0o160_000 => Self::Gitlink,
            _ => Self::Blob,
        }
    }
}

/// An entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// What it is.
    pub(super) mode: Mode,
    /// Its name: any bytes but NUL.
    pub(super) name: &'a [u8],
    /// The object's id, in bytes.
    pub(super) id: &'a [u8],
}

/// The entries of a tree, in the order in which they stand there.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    hash_length: usize,
    is_broken: bool,
}

impl<'a> Entries<'a> {
    /// Of a tree's bytes.
    pub(super) fn of(bytes: &'a [u8], hash_length: usize) -> Self {
        Self {
            rest: bytes,
            hash_length,
            is_broken: false,
        }
    }

    /// Whether the entries ended before the bytes did.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    fn read(&mut self) -> Option<Entry<'a>> {
        let space = memchr::memchr(b' ', self.rest.get(..8.min(self.rest.len()))?)?;
        let mut mode = 0;
        for digit in self.rest.get(..space)? {
            mode = mode * 8 + u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 8)?);
        }
        let after = self.rest.get(space + 1..)?;
        let end = memchr::memchr(0, after)?;
        let (name, after) = after.split_at_checked(end)?;
        let (id, after) = after.get(1..)?.split_at_checked(self.hash_length)?;
        self.rest = after;
        Some(Entry {
            mode: Mode::of(mode),
            name,
            id,
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_none() {
            self.is_broken = true;
            self.rest = &[];
        }
        entry
    }
}

/// The first line without its end, and what comes behind.
pub(super) fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', bytes) {
        Some(end) => (
            bytes.get(..end).unwrap_or(bytes),
            bytes.get(end + 1..).unwrap_or_default(),
        ),
        None => (bytes, &[]),
    }
}

fn hex(text: &[u8]) -> Option<Id> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

    #[test]
    fn a_commit_is_taken_apart() {
        let text = format!(
            "tree {ID}\nparent {ID}\nparent {ID}\nauthor Ana <a@example.com> 5 +0100\n\
             committer Bo > x <b@example.com> 1700000000 -0800\ngpgsig -----BEGIN\n more\n \n\nsubject\n\nbody\n"
        );
        let commit = Commit::parse(text.as_bytes()).unwrap();
        assert_eq!(commit.tree.to_string(), ID);
        assert_eq!(commit.parents.len(), 2);
        assert_eq!(commit.time, 1_700_000_000);
        assert_eq!(name_of(commit.author), "Ana");
        assert_eq!(commit.message, b"subject\n\nbody\n");
        assert_eq!(Commit::parse(b"tree x\n\n"), None);
        assert_eq!(Commit::parse(b"author A\n\nx"), None);
        assert_eq!(Commit::parse(b""), None);
    }

    #[test]
    fn a_tag_is_taken_apart() {
        let text = format!("object {ID}\ntype commit\ntag v1\ntagger Ana <a> 9 +0000\n\nmessage");
        let tag = Tag::parse(text.as_bytes()).unwrap();
        assert_eq!(tag.target.to_string(), ID);
        assert_eq!((time_of(tag.tagger), tag.message), (9, &b"message"[..]));
        assert_eq!(Tag::parse(b"tag v1\n\n"), None);
    }

    #[test]
    fn a_tree_is_taken_apart() {
        let mut bytes = b"100644 a b\nc\0".to_vec();
        bytes.extend([1; 20]);
        bytes.extend(b"40000 dir\0");
        bytes.extend([2; 20]);
        bytes.extend(b"160000 sub\0");
        bytes.extend([3; 20]);
        let mut entries = Entries::of(&bytes, 20);
        let all: Vec<_> = entries.by_ref().collect();
        assert!(!entries.is_broken());
        assert_eq!(all[0].name, b"a b\nc");
        assert_eq!(all[0].id, [1; 20]);
        let modes: Vec<Mode> = all.iter().map(|entry| entry.mode).collect();
        assert_eq!(modes, [Mode::Blob, Mode::Tree, Mode::Gitlink]);
        for broken in [
            &bytes[..bytes.len() - 1],
            b"100644 a",
            b"x y\0",
            b"10064412 ",
        ] {
            let mut entries = Entries::of(broken, 20);
            assert!(entries.by_ref().count() < 3);
            assert!(entries.is_broken());
        }
    }
}
