//! Where history begins to be read: refs, the stash, reflogs, and the tags on the way.

use super::history::History;
use super::parts::Tag;
use super::store::{Reader, Type};
use super::texts::ident_of;
use super::{Id, Named, Objects, ObjectsError, Reached, Walked, refs};

/// Where history begins to be read.
#[derive(Default)]
pub(super) struct Starts {
    /// Commits that refs and reflogs lead to, through tags or not.
    pub(super) commits: Vec<(Reached, Id)>,
    /// The tags on the way.
    pub(super) tags: Vec<Id>,
    /// Blobs and trees that refs point to.
    pub(super) others: Vec<(Id, Reached)>,
    /// Names of refs and tags, and of who made these.
    pub(super) names: Vec<Named>,
}

impl Starts {
    fn name_tag(&mut self, tag: Id, how: Reached, objects: &Objects, reader: &mut Reader) {
        if let Ok((Type::Tag, bytes)) = objects.store.read(&tag, reader)
            && let Some(parts) = Tag::parse(&bytes)
        {
            for name in [parts.name, ident_of(parts.tagger)] {
                self.name(name, tag, how);
            }
        }
    }

    fn name(&mut self, text: &[u8], id: Id, reached: Reached) {
        self.names.push(Named {
            text: text.to_vec(),
            path: None,
            id,
            reached,
        });
    }
}

impl History<'_> {
    /// Where refs and reflogs lead. What they name and is not there is a problem, but for reflogs.
    pub(super) fn starts(
        &self,
        reader: &mut Reader,
        walked: &mut Walked,
    ) -> Result<Starts, ObjectsError> {
        let place = &self.objects.place;
        let mut starts = Starts::default();
        let mut all: Vec<(Reached, Id)> = Vec::new();
        for (name, id) in refs::all(place)? {
            starts.name(name.as_bytes(), id, Reached::Ref);
            let how = if name == "refs/stash" {
                Reached::Stash
            } else if name.starts_with("refs/notes/") {
                Reached::Notes
            } else {
                Reached::Ref
            };
            all.push((how, id));
        }
        let stashes = refs::log(place, "refs/stash")?;
        all.extend(stashes.into_iter().map(|id| (Reached::Stash, id)));
        let logs = refs::all_logs(place)?;
        all.extend(logs.into_iter().map(|id| (Reached::Reflog, id)));
        all.sort_unstable();
        all.dedup_by_key(|(_, id)| *id);
        for (how, id) in all {
            match self.objects.peel(id, reader) {
                Ok(((kind, end), tags)) => {
                    for tag in &tags {
                        starts.name_tag(*tag, how, self.objects, reader);
                    }
                    starts.tags.extend(tags);
                    match kind {
                        Type::Commit => starts.commits.push((how, end)),
                        Type::Tree | Type::Blob | Type::Tag => starts.others.push((end, how)),
                    }
                }
                // reflogs outlive what they name
                Err(_) if how == Reached::Reflog => {}
                Err(problem) => walked.problem(Some(id), None, problem),
            }
        }
        Ok(starts)
    }
}
