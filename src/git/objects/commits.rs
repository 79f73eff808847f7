//! Which commits are in a range.

use std::collections::{BinaryHeap, HashMap, HashSet};

use super::parts::{Commit, Tag};
use super::store::{Reader, Type};
use super::{Id, Objects, ObjectsError, Problem, disk};

/// What a range is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Range {
    /// Commits that are in it with all that they come after.
    pub(super) from: Vec<Id>,
    /// Commits that are not, with all that they come after. What is not there excludes nothing.
    pub(super) without: Vec<Id>,
    /// The oldest time by the committer's clock, in seconds since 1970.
    pub(super) since: Option<i64>,
}

/// A commit of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its id.
    pub(super) id: Id,
    /// The commits that it follows, as far as they are here.
    pub(super) parents: Vec<Id>,
    /// Its tree.
    pub(super) tree: Id,
    /// By the committer's clock.
    pub(super) time: i64,
}

/// The commits of a range, what cannot be read of them, and whether the clone ends in it.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Oldest first, by the clock.
    pub(super) commits: Vec<Member>,
    /// Commits that cannot be read.
    pub(super) problems: Vec<(Id, Problem)>,
    /// Whether the clone is shallow.
    pub(super) is_shallow: bool,
    /// Whether older commits of the range are elsewhere.
    pub(super) is_cut: bool,
}

#[derive(Default)]
struct Known {
    is_excluded: bool,
    /// What it was when its parents were told.
    told: Option<bool>,
    member: Option<Member>,
}

impl Objects {
    /// The commits whose parents were left out of a shallow clone.
    pub(super) fn shallow(&self) -> Result<HashSet<Id>, ObjectsError> {
        let bytes = disk::read(&self.place.common.join("shallow"))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        Ok(text
            .lines()
            .filter_map(|line| line.trim().parse().ok())
            .collect())
    }

    /// The commits of a range. Clocks that go wrong can only make it larger, but for its oldest time.
    pub(super) fn members(
        &self,
        range: &Range,
        reader: &mut Reader,
    ) -> Result<Members, ObjectsError> {
        let shallow = self.shallow()?;
        let mut members = Members::default();
        let mut known: HashMap<Id, Known> = HashMap::new();
        let mut open: BinaryHeap<(i64, Id)> = BinaryHeap::new();
        // how many in the queue are not excluded
        let mut wanted = 0_usize;
        let starts = range.without.iter().map(|id| (id, true));
        for (id, is_excluded) in starts.chain(range.from.iter().map(|id| (id, false))) {
            self.meet(
                *id,
                is_excluded,
                reader,
                &mut known,
                &mut open,
                &mut wanted,
                &mut members,
            );
        }
        while let Some((time, id)) = open.pop() {
            let Some(state) = known.get_mut(&id) else {
                continue;
            };
            let is_excluded = state.is_excluded;
            if !is_excluded {
                wanted = wanted.saturating_sub(1);
            }
            if state.told == Some(is_excluded) {
                continue;
            }
            state.told = Some(is_excluded);
            let Some(member) = &mut state.member else {
                continue;
            };
            if shallow.contains(&id) {
                member.parents.clear();
            }
            if range.since.is_some_and(|since| time < since) {
                break;
            }
            for parent in member.parents.clone() {
                self.meet(
                    parent,
                    is_excluded,
                    reader,
                    &mut known,
                    &mut open,
                    &mut wanted,
                    &mut members,
                );
            }
            if wanted == 0 {
                break;
            }
        }
        members.commits = known
            .into_values()
            .filter(|state| !state.is_excluded && state.told.is_some())
            .filter_map(|state| state.member)
            .filter(|member| range.since.is_none_or(|since| member.time >= since))
            .collect();
        // what comes before the end of the clone is in the range, unless it is known to be left out
        let is_left_out = |id: &Id| range.without.contains(id);
        members.is_shallow = !shallow.is_empty();
        members.is_cut = members.commits.iter().any(|member| {
            shallow.contains(&member.id) && !self.parents(member.id, reader).iter().all(is_left_out)
        });
        members
            .commits
            .sort_unstable_by_key(|member| (member.time, member.id));
        Ok(members)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the walk's state, which lives for one call"
    )]
    fn meet(
        &self,
        id: Id,
        is_excluded: bool,
        reader: &mut Reader,
        known: &mut HashMap<Id, Known>,
        open: &mut BinaryHeap<(i64, Id)>,
        wanted: &mut usize,
        members: &mut Members,
    ) {
        if let Some(state) = known.get_mut(&id) {
            if is_excluded && !state.is_excluded {
                let was_waiting = state.told.is_none() && state.member.is_some();
                if was_waiting {
                    *wanted = wanted.saturating_sub(1);
                }
                state.is_excluded = true;
                // once more, for its parents; if it still waits, what it is now is seen then
                if let Some(member) = &state.member
                    && !was_waiting
                {
                    open.push((member.time, id));
                }
            }
            return;
        }
        let member = match self.member(id, reader) {
            Ok(member) => Some(member),
            Err(problem) => {
                if !is_excluded {
                    members.problems.push((id, problem));
                }
                None
            }
        };
        if let Some(member) = &member {
            open.push((member.time, id));
            *wanted += usize::from(!is_excluded);
        }
        known.insert(
            id,
            Known {
                is_excluded,
                told: None,
                member,
            },
        );
    }

    /// What a commit says it follows, whether that is here or not.
    fn parents(&self, id: Id, reader: &mut Reader) -> Vec<Id> {
        let object = self.store.read(&id, reader).ok();
        object
            .and_then(|(_, bytes)| Some(Commit::parse(&bytes)?.parents))
            .unwrap_or_default()
    }

    fn member(&self, id: Id, reader: &mut Reader) -> Result<Member, Problem> {
        let (kind, bytes) = self.store.read(&id, reader)?;
        if kind != Type::Commit {
            return Err(Problem::Corrupt("no commit"));
        }
        let commit = Commit::parse(&bytes).ok_or(Problem::Corrupt("no commit"))?;
        Ok(Member {
            id,
            parents: commit.parents,
            tree: commit.tree,
            time: commit.time,
        })
    }

    /// What an id leads to through tags: the last object with its type, and the tags.
    pub(super) fn peel(
        &self,
        id: Id,
        reader: &mut Reader,
    ) -> Result<((Type, Id), Vec<Id>), Problem> {
        let mut tags = Vec::new();
        let mut at = id;
        loop {
            match self.store.read(&at, reader)? {
                (Type::Tag, bytes) if tags.len() < 64 => {
                    tags.push(at);
                    at = Tag::parse(&bytes)
                        .ok_or(Problem::Corrupt("a tag of nothing"))?
                        .target;
                }
                (Type::Tag, _) => return Err(Problem::Corrupt("tags of tags without an end")),
                (kind, _) => return Ok(((kind, at), tags)),
            }
        }
    }
}
