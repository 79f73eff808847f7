//! Key groups: a data key that is split between several groups of recipients, and what it means
//! when a file's groups are to become others.

use std::fmt;

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::policy::Policy;
use crate::app::readers::{Difference, distinct, is_for};
use crate::error::{Exit, Failure};
use crate::io::random;
use crate::keys::open::Share;
use crate::keys::shamir;
use crate::rules::RecipientSpec;
use crate::secret::DataKey;
use crate::sops::metadata::{KeyEntry, Metadata, MetadataError};

/// How many groups a file has, and how many of them are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many there are.
    pub groups: usize,
    /// How many it takes to open the file.
    pub needed: usize,
}

impl Shape {
    /// Of so many groups, with the threshold as metadata and rules spell it: none stands for all.
    pub fn new(groups: usize, threshold: Option<usize>) -> Self {
        let needed = match (groups, threshold) {
            (0 | 1, _) => groups,
            (all, None) => all,
            (_, Some(threshold)) => threshold,
        };
        Self { groups, needed }
    }

    /// The threshold as sops writes it: a number wherever there are several groups.
    pub fn threshold(self) -> Option<usize> {
        (self.groups > 1).then_some(self.needed)
    }
}

impl fmt::Display for Shape {
    /// `2 of 3 groups`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.groups {
            0 | 1 => f.write_str("one group"),
            groups => write!(f, "{} of {groups} groups", self.needed),
        }
    }
}

/// A group as it shall be, against the one in the file that it comes from.
pub(super) struct Member {
    /// The place of that one in the file; `None` for a new group.
    pub from: Option<usize>,
    /// Whom it shall hold, each once.
    pub wanted: Vec<RecipientSpec>,
    /// How they differ from those whom that group holds.
    pub difference: Difference,
}

/// How the key groups of a file differ from those that it should have.
pub(super) struct Regrouping {
    /// The groups as they shall be.
    pub groups: Vec<Member>,
    /// The entries of groups that no wanted one comes from.
    pub gone: Vec<KeyEntry>,
    /// What the file has.
    pub before: Shape,
    /// What it should have.
    pub after: Shape,
}

impl Regrouping {
    /// Compares the groups of a file with those that the rules name, which are not empty. A wanted
    /// group comes from the one in the file that has the same recipients, else from one that is
    /// within it, else from the one that it has most in common with: order says nothing, since a
    /// share carries its own place.
    pub(super) fn between(
        (entries, before): (&[Vec<KeyEntry>], Shape),
        (wanted, after): (&[Vec<RecipientSpec>], Shape),
    ) -> Self {
        let wanted: Vec<Vec<RecipientSpec>> = wanted
            .iter()
            .map(|group| distinct(group).into_iter().cloned().collect())
            .collect();
        let mut regrouping = Self {
            groups: Vec::new(),
            gone: Vec::new(),
            before,
            after,
        };
        if let [only] = wanted.as_slice() {
            // Whoever had a part of the key has all of it then.
            let difference = Difference::between(&entries.concat(), only);
            regrouping.groups.push(Member {
                from: (entries.len() == 1).then_some(0),
                wanted: only.clone(),
                difference,
            });
            return regrouping;
        }
        let mut from = vec![None; wanted.len()];
        for fit in [Fit::same, Fit::within, Fit::common] {
            for (place, group) in entries.iter().enumerate() {
                if from.contains(&Some(place)) {
                    continue;
                }
                let free = wanted.iter().zip(&from).enumerate();
                let free = free.filter(|(_, (_, from))| from.is_none());
                let best = free
                    .map(|(at, (specs, _))| (at, Fit::of(group, specs)))
                    .filter(|(_, one)| fit(one))
                    // the first of equals, the one at the same place before all others
                    .max_by_key(|(at, one)| (one.kept, *at == place, usize::MAX - at));
                if let Some((at, _)) = best
                    && let Some(from) = from.get_mut(at)
                {
                    *from = Some(place);
                }
            }
        }
        for (place, group) in entries.iter().enumerate() {
            if !from.contains(&Some(place)) {
                regrouping.gone.extend(group.iter().cloned());
            }
        }
        for (wanted, from) in wanted.into_iter().zip(from) {
            let entries = from.and_then(|place| entries.get(place));
            let entries = entries.map(Vec::as_slice).unwrap_or_default();
            regrouping.groups.push(Member {
                from,
                difference: Difference::between(entries, &wanted),
                wanted,
            });
        }
        regrouping
    }

    /// Compares a sealed file with its rule.
    pub(super) fn of(metadata: &Metadata, policy: &Policy) -> Result<Self, MetadataError> {
        let entries = metadata.groups()?;
        let before = Shape::new(entries.len(), metadata.threshold()?);
        let after = Shape::new(policy.groups.len(), policy.threshold);
        Ok(Self::between((&entries, before), (&policy.groups, after)))
    }

    /// What the file has and what it should have, where these are not the same.
    pub(super) fn shapes(&self) -> Option<(Shape, Shape)> {
        (self.before != self.after).then_some((self.before, self.after))
    }

    /// Whether the file is as it should be.
    pub(super) fn is_none(&self) -> bool {
        self.before == self.after
            && self.gone.is_empty()
            && self.groups.iter().all(|group| group.difference.is_none())
    }

    /// Whether some who could open the file, alone or together, shall not be able to any more.
    ///
    /// Nobody loses anything where every group of the file is within another one of the wanted, and
    /// not more of them are needed than before: whoever held enough shares holds enough. In all other
    /// cases some may: an entry goes, a group goes, more groups are needed.
    pub(super) fn takes_access(&self) -> bool {
        self.takes_entries() || self.after.needed > self.before.needed
    }

    /// Whether an entry goes.
    pub(super) fn takes_entries(&self) -> bool {
        !self.gone.is_empty() || (self.groups.iter()).any(|group| group.difference.takes_access())
    }

    /// Who has no entry in the file and shall have one.
    pub(super) fn newcomers(&self) -> impl Iterator<Item = &RecipientSpec> {
        self.missing()
            .filter(|spec| !self.entries().any(|entry| is_for(spec, entry)))
    }

    /// Whose entry goes, and who gets no other.
    pub(super) fn leavers(&self) -> impl Iterator<Item = &KeyEntry> {
        self.surplus().filter(|entry| !self.stays(entry))
    }

    /// Who goes from one group to another.
    pub(super) fn movers(&self) -> impl Iterator<Item = &RecipientSpec> {
        self.missing()
            .filter(|spec| self.entries().any(|entry| is_for(spec, entry)))
    }

    /// Everybody who shall be able to open the file, or a group of it.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &RecipientSpec> {
        self.groups.iter().flat_map(|group| &group.wanted)
    }

    /// Whether the groups stay, and nobody leaves one.
    pub(super) fn only_grows(&self) -> bool {
        self.before == self.after && !self.takes_entries()
    }

    /// Whether the entries that are there can stay: newcomers get what their group holds, which is
    /// among these shares.
    pub(super) fn entries_stay(&self, shares: &[Share]) -> bool {
        let has_part = |group: &Member| {
            group.difference.missing.is_empty() || share_of(group, shares).is_some()
        };
        self.only_grows() && (self.after.groups == 1 || self.groups.iter().all(has_part))
    }

    /// Whether an entry has to be made for this recipient, even where those that are there stay.
    pub(super) fn is_new(&self, spec: &RecipientSpec) -> bool {
        self.missing().any(|missing| missing == spec)
    }

    fn missing(&self) -> impl Iterator<Item = &RecipientSpec> {
        (self.groups.iter()).flat_map(|group| &group.difference.missing)
    }

    fn surplus(&self) -> impl Iterator<Item = &KeyEntry> {
        let surplus = (self.groups.iter()).flat_map(|group| &group.difference.surplus);
        surplus.chain(&self.gone)
    }

    fn entries(&self) -> impl Iterator<Item = &KeyEntry> {
        let kept = (self.groups.iter()).flat_map(|group| &group.difference.kept);
        kept.chain(self.surplus())
    }

    /// Whether somebody whose entry goes is wanted all the same.
    fn stays(&self, entry: &KeyEntry) -> bool {
        self.wanted().any(|spec| is_for(spec, entry))
    }
}

/// How a group of a file fits a wanted one.
struct Fit {
    kept: usize,
    surplus: bool,
    missing: bool,
}

impl Fit {
    fn of(group: &[KeyEntry], wanted: &[RecipientSpec]) -> Self {
        let difference = Difference::between(group, wanted);
        Self {
            kept: difference.kept.len(),
            surplus: !difference.surplus.is_empty(),
            missing: !difference.missing.is_empty(),
        }
    }

    fn same(&self) -> bool {
        !self.surplus && !self.missing
    }

    fn within(&self) -> bool {
        !self.surplus && self.kept > 0
    }

    fn common(&self) -> bool {
        self.kept > 0
    }
}

impl App<'_> {
    /// The entries of a file whose data key is `key`, in groups as they shall be.
    ///
    /// With one group, what is there stays, and newcomers get the key wrapped. A share of a key that
    /// is split cannot be made again: the polynomial is known to nobody who did not draw it, and a
    /// new one makes shares that do not go together with the old. So there are two ways. Where the
    /// groups stay and one of them grows, and this machine opened that group's share on the way to
    /// the data key (so that the file's MAC proved it), the newcomers get that share. In all other
    /// cases the key is split anew, and every entry of the file is made anew.
    pub(super) fn regroup(
        &self,
        key: &DataKey,
        regrouping: &Regrouping,
        (shares, new_key): (&[Share], bool),
    ) -> Result<Vec<Vec<KeyEntry>>, Failure> {
        if !new_key && regrouping.entries_stay(shares) {
            let mut groups = Vec::new();
            for group in &regrouping.groups {
                let mut entries = group.difference.kept.clone();
                let part = match regrouping.after.groups {
                    1 => Some(key.expose().as_slice()),
                    _ => share_of(group, shares),
                };
                for spec in &group.difference.missing {
                    entries.push(self.wrap_for(part.unwrap_or_default(), spec)?);
                }
                groups.push(entries);
            }
            return Ok(groups);
        }
        let wanted: Vec<Vec<&RecipientSpec>> =
            (regrouping.groups.iter()).map(Member::in_order).collect();
        self.wrap_groups(key, &wanted, regrouping.after)
    }

    /// As [`Self::regroup`], for a file whose entries no seal vouches for: only those stay that opened
    /// it here, for somebody may have spoilt the others.
    pub(super) fn regroup_unvouched(
        &self,
        key: &DataKey,
        regrouping: &Regrouping,
        opened_by: &[String],
    ) -> Result<Vec<Vec<KeyEntry>>, Failure> {
        let ([group], 1) = (regrouping.groups.as_slice(), regrouping.before.groups) else {
            return self.regroup(key, regrouping, (&[], true));
        };
        let mut entries = Vec::new();
        for entry in &group.difference.kept {
            let spec = group.wanted.iter().find(|spec| is_for(spec, entry));
            entries.push(match spec {
                Some(spec) if !opened_by.contains(&entry.recipient()) => {
                    self.wrap_for(key.expose(), spec)?
                }
                _ => entry.clone(),
            });
        }
        for spec in &group.difference.missing {
            entries.push(self.wrap_for(key.expose(), spec)?);
        }
        Ok(vec![entries])
    }

    /// Wraps a data key for one group, or new shares of it for several.
    pub(super) fn wrap_groups(
        &self,
        key: &DataKey,
        groups: &[Vec<&RecipientSpec>],
        shape: Shape,
    ) -> Result<Vec<Vec<KeyEntry>>, Failure> {
        let wrap = |part: &[u8], group: &Vec<&RecipientSpec>| {
            let entries = group.iter().map(|spec| self.wrap_for(part, spec));
            entries.collect::<Result<Vec<_>, _>>()
        };
        if let [group] = groups {
            return Ok(vec![wrap(key.expose(), group)?]);
        }
        let shares = split(key, shape)?;
        let parts = shares.iter().zip(groups);
        parts.map(|(share, group)| wrap(share, group)).collect()
    }
}

impl Member {
    /// Whom it shall hold: those who were in it in the order of the file, then the others.
    fn in_order(&self) -> Vec<&RecipientSpec> {
        let kept = self.difference.kept.iter();
        let kept = kept.filter_map(|entry| self.wanted.iter().find(|spec| is_for(spec, entry)));
        let mut ordered: Vec<&RecipientSpec> = Vec::new();
        for spec in kept.chain(&self.difference.missing) {
            if !ordered.contains(&spec) {
                ordered.push(spec);
            }
        }
        ordered
    }
}

fn share_of<'s>(group: &Member, shares: &'s [Share]) -> Option<&'s [u8]> {
    let from = group.from?;
    let share = shares.iter().find(|share| share.group == from)?;
    Some(share.bytes.as_slice())
}

/// New shares of a data key, one for each group.
fn split(key: &DataKey, shape: Shape) -> Result<Vec<Zeroizing<Vec<u8>>>, Failure> {
    let number = |number: usize| {
        u8::try_from(number).map_err(|_| {
            let message = format!("a file has 255 key groups at most, and these are {number}");
            Failure::new(Exit::RULES, "too-many-groups", message)
        })
    };
    let (groups, threshold) = (number(shape.groups)?, number(shape.needed)?);
    let degree = usize::from(threshold).saturating_sub(1);
    let mut coefficients = Zeroizing::new(vec![0u8; DataKey::LEN * degree]);
    random::fill(&mut coefficients)?;
    shamir::split(key, groups, threshold, &coefficients).map_err(|error| {
        Failure::new(Exit::RULES, "bad-threshold", error.to_string())
            .hint("`threshold` may be 2 up to the number of `key_groups`")
    })
}

#[cfg(test)]
#[path = "groups_tests.rs"]
mod tests;
