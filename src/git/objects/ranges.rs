//! What a range of commits brings.

use std::collections::HashSet;
use std::sync::OnceLock;

use super::commits::{Member, Range};
use super::hand_out::Wanted;
use super::parts::{Commit, Tag};
use super::store::{Reader, Type};
use super::texts::{ident_of, text_of};
use super::trees::Difference;
use super::{Id, Kind, Objects, ObjectsError, Piece, Problem, Walked, refs};

impl Objects {
    /// Hands out what the commits of a range bring: `A..B` are those of `B` that `A` has not, `A...B`
    /// those that only one of the two has, `A` alone all that it has. Each blob that no parent of
    /// its commit has at its path comes whole, with the parents' blobs at that path as its bases
    /// (for a new path, what is gone with the same content or file name), so that what only a merge
    /// brings is found too; then the messages of the commits, and who wrote and made them.
    pub fn range(
        &self,
        revisions: &str,
        visit: impl Fn(&Piece<'_>) + Sync,
    ) -> Result<Walked, ObjectsError> {
        let named = |name: &str| self.revision(if name.is_empty() { "HEAD" } else { name });
        let ranges = if let Some((left, right)) = revisions.split_once("...") {
            let (left, right) = (named(left)?, named(right)?);
            vec![(vec![right], vec![left]), (vec![left], vec![right])]
        } else if let Some((left, right)) = revisions.split_once("..") {
            vec![(vec![named(right)?], vec![named(left)?])]
        } else {
            vec![(vec![named(revisions)?], Vec::new())]
        };
        let mut walked = Walked::default();
        for (from, without) in ranges {
            walked.add(self.brought(&from, &without, None, &visit)?);
        }
        Ok(walked)
    }

    /// As [`Self::range`], for the commits of `revision` whose committers' clocks said `since` or
    /// later, in seconds since 1970.
    pub fn since(
        &self,
        revision: &str,
        since: i64,
        visit: impl Fn(&Piece<'_>) + Sync,
    ) -> Result<Walked, ObjectsError> {
        let id = self.revision(revision)?;
        self.brought(&[id], &[], Some(since), &visit)
    }

    /// As [`Self::range`], for what git is about to push: the lines that it gives a `pre-push` hook,
    /// `local-ref local-id remote-ref remote-id`. What the remote has is known by its ids in the
    /// lines and by the refs that were fetched from it; of a `remote` without any (a URL), nothing
    /// is. Without a `remote`, the refs of all of them count. What was rewritten and is pushed by
    /// force is handed out whole again from where it left what the remote has.
    pub fn pushed(
        &self,
        lines: &str,
        remote: Option<&str>,
        visit: impl Fn(&Piece<'_>) + Sync,
    ) -> Result<Walked, ObjectsError> {
        let mut from = Vec::new();
        let mut without = Vec::new();
        for line in lines.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let &[local_name, local, remote_name, there] = words.as_slice() else {
                return Err(ObjectsError::NoSuchRevision {
                    text: line.to_owned(),
                });
            };
            let id = |text: &str| {
                let unknown = || ObjectsError::NoSuchRevision {
                    text: text.to_owned(),
                };
                text.parse::<Id>().map_err(|()| unknown())
            };
            let (local, there) = (id(local)?, id(there)?);
            // a deletion brings nothing
            if !local.is_null() {
                from.push(local);
                for name in [local_name, remote_name] {
                    visit(&named(local, name.as_bytes()));
                }
            }
            if !there.is_null() {
                without.push(there);
            }
        }
        let prefix = match remote {
            Some(remote) => format!("refs/remotes/{remote}/"),
            None => "refs/remotes/".to_owned(),
        };
        let refs = refs::all(&self.place)?;
        without.extend(
            refs.iter()
                .filter(|(name, _)| name.starts_with(&prefix))
                .map(|(_, id)| *id),
        );
        self.brought(&from, &without, None, &visit)
    }

    fn brought(
        &self,
        from: &[Id],
        without: &[Id],
        since: Option<i64>,
        visit: &(impl Fn(&Piece<'_>) + Sync),
    ) -> Result<Walked, ObjectsError> {
        let mut reader = Reader::new(self.limit);
        let mut walked = Walked::default();
        let mut range = Range {
            since,
            ..Range::default()
        };
        let mut wanted = Vec::new();
        let known: HashSet<Id> = without.iter().copied().collect();
        for id in without {
            if let Ok(((Type::Commit, id), _)) = self.peel(*id, &mut reader) {
                range.without.push(id);
            }
        }
        for id in from {
            let ((kind, end), tags) = match self.peel(*id, &mut reader) {
                Ok(end) => end,
                Err(problem) => {
                    walked.problem(Some(*id), None, problem);
                    continue;
                }
            };
            for tag in tags.into_iter().filter(|tag| !known.contains(tag)) {
                self.message(tag, &mut reader, &mut walked, visit);
            }
            match kind {
                Type::Commit => range.from.push(end),
                Type::Blob => wanted.push(Wanted {
                    id: end,
                    path: None,
                    commit: None,
                    bases: Vec::new(),
                }),
                Type::Tree => {
                    let mut difference = Difference::default();
                    self.store
                        .difference(end, &[], &[], &mut reader, &mut difference);
                    wanted.extend(self.wanted(&difference, None, &[], &mut reader));
                    walked.note(&difference);
                }
                Type::Tag => {}
            }
        }
        let members = self.members(&range, &mut reader)?;
        for (id, problem) in members.problems {
            walked.problem(Some(id), None, problem);
        }
        walked.is_shallow = members.is_shallow;
        walked.is_cut = members.is_cut;
        walked.is_partial = self.place.is_partial;
        wanted.extend(self.wanted_of(&members.commits, &mut walked));
        walked.add(self.hand_out(&wanted, visit));
        for member in &members.commits {
            self.message(member.id, &mut reader, &mut walked, visit);
        }
        Ok(walked)
    }

    /// What each commit brings, each blob once a path.
    fn wanted_of(&self, commits: &[Member], walked: &mut Walked) -> Vec<Wanted> {
        let commits: Vec<(&Member, OnceLock<Vec<Wanted>>)> = commits
            .iter()
            .map(|member| (member, OnceLock::new()))
            .collect();
        walked.add(
            self.on_all_cores(&commits, |(member, slot), reader, walked| {
                let mut before = Vec::new();
                for parent in &member.parents {
                    match self.store.tree_of(parent, reader) {
                        Ok(tree) => before.push(tree),
                        Err(problem) => walked.problem(Some(*parent), None, problem),
                    }
                }
                let mut difference = Difference::default();
                self.store
                    .difference(member.tree, &before, &[], reader, &mut difference);
                let wanted = self.wanted(&difference, Some(member.id), &[], reader);
                walked.note(&difference);
                // each slot is filled once
                let _first = slot.set(wanted);
            }),
        );
        let mut seen = HashSet::new();
        let all = commits
            .into_iter()
            .filter_map(|(_, slot)| slot.into_inner());
        let mut wanted: Vec<Wanted> = all.flatten().collect();
        wanted.retain(|wanted| seen.insert((wanted.id, wanted.path.clone())));
        wanted
    }

    /// Hands out the message of a commit or a tag, and the names in it.
    fn message(
        &self,
        id: Id,
        reader: &mut Reader,
        walked: &mut Walked,
        visit: &impl Fn(&Piece<'_>),
    ) {
        let object = match self.store.read(&id, reader) {
            Ok(object) => object,
            Err(problem) => return walked.problem(Some(id), None, problem),
        };
        for name in names_of(object.0, &object.1) {
            visit(&named(id, name));
        }
        match text_of(object.0, &object.1) {
            Some((kind, bytes)) => {
                walked.pieces += 1;
                walked.bytes += bytes.len() as u64;
                visit(&Piece {
                    id,
                    kind,
                    bytes: &bytes,
                    ranges: None,
                    path: None,
                    commit: (kind == Kind::CommitMessage).then_some(id),
                    bases: &[],
                });
            }
            None => walked.problem(Some(id), None, Problem::Corrupt("no commit and no tag")),
        }
    }
}

/// The names in a commit or a tag.
fn names_of(kind: Type, bytes: &[u8]) -> Vec<&[u8]> {
    let names = match kind {
        Type::Commit => {
            Commit::parse(bytes).map(|commit| [ident_of(commit.author), ident_of(commit.committer)])
        }
        Type::Tag => Tag::parse(bytes).map(|tag| [tag.name, ident_of(tag.tagger)]),
        Type::Blob | Type::Tree => None,
    };
    names.into_iter().flatten().collect()
}

fn named(id: Id, name: &[u8]) -> Piece<'_> {
    Piece {
        id,
        kind: Kind::Name,
        bytes: name,
        ranges: None,
        path: None,
        commit: Some(id),
        bases: &[],
    }
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
mod tests;
