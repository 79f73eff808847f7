//! Names of commits, as people type them (git's gitrevisions(7)): refs, ids and beginnings of ids,
//! `@`, and behind them any of `~3`, `^2`, `^{}`, `^{commit}`, and `@{upstream}`.

use super::parts::{Commit, Tag};
use super::store::{Reader, Type};
use super::{Id, Objects, ObjectsError, disk, refs};

/// The places in which git looks for a short name, in this order.
const PLACES: [(&str, &str); 6] = [
    ("", ""),
    ("refs/", ""),
    ("refs/tags/", ""),
    ("refs/heads/", ""),
    ("refs/remotes/", ""),
    ("refs/remotes/", "/HEAD"),
];

/// The fewest digits of an id that are taken for one; git's own limit.
const FEWEST_DIGITS: usize = 4;

impl Objects {
    /// The object that goes by a name. One that is not there is an error.
    pub fn revision(&self, text: &str) -> Result<Id, ObjectsError> {
        let unknown = || ObjectsError::NoSuchRevision {
            text: text.to_owned(),
        };
        let end = text.find(['~', '^']).unwrap_or(text.len());
        let (name, mut steps) = text.split_at_checked(end).ok_or_else(unknown)?;
        let mut id = self.named(name)?.ok_or_else(unknown)?;
        let mut reader = Reader::new(self.limit);
        while !steps.is_empty() {
            let (step, rest) = one_step(steps).ok_or_else(unknown)?;
            steps = rest;
            id = self.step(id, step, &mut reader).ok_or_else(unknown)?;
        }
        // what a shallow clone lacks has a name all the same
        if self.store.has(&id) {
            Ok(id)
        } else {
            Err(unknown())
        }
    }

    fn named(&self, name: &str) -> Result<Option<Id>, ObjectsError> {
        let name = match name {
            "" => return Ok(None),
            "@" => "HEAD",
            name => name,
        };
        if let Some(branch) = upstream_of(name) {
            return self.upstream(branch);
        }
        for (before, after) in PLACES {
            let full = format!("{before}{name}{after}");
            if !refs::is_safe(&full) {
                continue;
            }
            if let Some(id) = refs::resolve(&self.place, &full)? {
                return Ok(Some(id));
            }
        }
        if let Ok(id) = name.parse() {
            return Ok(Some(id));
        }
        self.beginning_with(name)
    }

    /// The only object whose id begins with these digits.
    fn beginning_with(&self, digits: &str) -> Result<Option<Id>, ObjectsError> {
        let digits = digits.to_ascii_lowercase();
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if digits.len() < FEWEST_DIGITS || digits.len() > 64 || !is_hex {
            return Ok(None);
        }
        let mut found: Vec<Id> = Vec::new();
        for pack in &self.store.packs {
            let (Some(index), Ok(prefix)) = (pack.index(), gix_hash::Prefix::from_hex(&digits))
            else {
                continue;
            };
            let mut candidates = 0..0;
            let _answer = index.lookup_prefix(prefix, Some(&mut candidates));
            found.extend(candidates.map(|at| Id(index.oid_at_index(at).to_owned())));
        }
        let (first, rest) = digits.split_at_checked(2).unwrap_or_default();
        for directory in &self.store.directories {
            for entry in disk::list(&directory.join(first))? {
                if entry.name.starts_with(rest) {
                    found.extend(format!("{first}{}", entry.name).parse::<Id>().ok());
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        if let [only] = found.as_slice() {
            return Ok(Some(*only));
        }
        // of several, the only commit is meant
        let mut reader = Reader::new(self.limit);
        found.retain(|id| matches!(self.store.read(id, &mut reader), Ok((Type::Commit, _))));
        match found.as_slice() {
            [only] => Ok(Some(*only)),
            _ => Ok(None),
        }
    }

    /// What a branch follows, as `branch.NAME.remote` and `branch.NAME.merge` say.
    fn upstream(&self, branch: &str) -> Result<Option<Id>, ObjectsError> {
        let branch = match branch {
            "" | "HEAD" | "@" => {
                let head = disk::line(&self.place.git.join("HEAD"))?.unwrap_or_default();
                let target = head.strip_prefix("ref: refs/heads/");
                target.unwrap_or_default().to_owned()
            }
            branch => branch.to_owned(),
        };
        let config = disk::read(&self.place.common.join("config"))?.unwrap_or_default();
        let config = String::from_utf8_lossy(&config);
        let mut is_branch = false;
        let (mut remote, mut merge) = (None, None);
        for line in config.lines().map(str::trim) {
            if line.starts_with('[') {
                is_branch = line == format!("[branch \"{branch}\"]");
            } else if is_branch && let Some((key, value)) = line.split_once('=') {
                match key.trim() {
                    "remote" => remote = Some(value.trim().trim_matches('"')),
                    "merge" => merge = Some(value.trim().trim_matches('"')),
                    _ => {}
                }
            }
        }
        let (Some(remote), Some(merge)) = (remote, merge) else {
            return Ok(None);
        };
        let full = if remote == "." {
            merge.to_owned()
        } else {
            let short = merge.strip_prefix("refs/heads/").unwrap_or(merge);
            format!("refs/remotes/{remote}/{short}")
        };
        if refs::is_safe(&full) {
            refs::resolve(&self.place, &full)
        } else {
            Ok(None)
        }
    }

    fn step(&self, id: Id, step: Step, reader: &mut Reader) -> Option<Id> {
        let mut id = id;
        match step {
            Step::Peel => loop {
                match self.store.read(&id, reader).ok()? {
                    (Type::Tag, bytes) => id = Tag::parse(&bytes)?.target,
                    _ => return Some(id),
                }
            },
            Step::Parent(0) => self.step(id, Step::Peel, reader),
            Step::Parent(number) => {
                let id = self.step(id, Step::Peel, reader)?;
                let (_, bytes) = self.store.read(&id, reader).ok()?;
                let commit = Commit::parse(&bytes)?;
                commit.parents.get(number - 1).copied()
            }
            Step::Back(generations) => {
                id = self.step(id, Step::Peel, reader)?;
                for _ in 0..generations {
                    id = self.step(id, Step::Parent(1), reader)?;
                }
                Some(id)
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// `~N`
    Back(usize),
    /// `^N`
    Parent(usize),
    /// `^{}`, `^{commit}`
    Peel,
}

/// Takes the first step from a text.
fn one_step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix("^{") {
        let (what, rest) = rest.split_once('}')?;
        return matches!(what, "" | "commit").then_some((Step::Peel, rest));
    }
    let rest = text.get(1..)?;
    let end = rest
        .find(|digit: char| !digit.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, rest) = rest.split_at_checked(end)?;
    let number = if digits.is_empty() {
        1
    } else {
        digits.parse().ok()?
    };
    match text.as_bytes().first()? {
        b'~' => Some((Step::Back(number), rest)),
        b'^' => Some((Step::Parent(number), rest)),
        _ => None,
    }
}

/// `main` of `main@{upstream}`, `main@{u}`.
fn upstream_of(name: &str) -> Option<&str> {
    let (branch, what) = name.strip_suffix('}')?.split_once("@{")?;
    let is_meant = what.eq_ignore_ascii_case("u") || what.eq_ignore_ascii_case("upstream");
    is_meant.then_some(branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read() {
        assert_eq!(one_step("~"), Some((Step::Back(1), "")));
        assert_eq!(one_step("~12^2"), Some((Step::Back(12), "^2")));
        assert_eq!(one_step("^2~"), Some((Step::Parent(2), "~")));
        assert_eq!(one_step("^{commit}~1"), Some((Step::Peel, "~1")));
        assert_eq!(one_step("^{tree}"), None);
        assert_eq!(one_step("^{"), None);
        assert_eq!(upstream_of("main@{u}"), Some("main"));
        assert_eq!(upstream_of("@{Upstream}"), Some(""));
        assert_eq!(upstream_of("main@{1}"), None);
    }
}
