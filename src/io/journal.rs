//! Several files that change together, or not at all, whenever the process is killed.
//!
//! What is going to be written is put into one file first, the journal, which is complete before it
//! has its name. From then on the change is going to happen: each file is written as always, and the
//! journal goes last. Where it is found, a run was killed in between, and whoever comes next writes
//! what is missing, unless somebody else has written one of the files since: then nothing is, and the
//! journal is put aside. Until the journal has its name, nothing has happened.
//!
//! The journal lies where nobody who can only send commits can write, because it says what is
//! written where.

use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::io::write::{self, Access};
use crate::io::{IoError, file, signals};
use crate::secret::Cleartext;

/// The most that a journal holds, in bytes.
const MOST: usize = 2_000_000_000;

/// One file of several.
pub struct Step {
    /// The file, from the root that they share.
    pub path: PathBuf,
    /// What stands in it now, which may be plaintext; `None` where it is not there.
    pub before: Option<Cleartext>,
    /// What will stand in it; `None` where it goes.
    pub after: Option<Vec<u8>>,
}

/// Where several files are written from.
pub struct Journal {
    root: PathBuf,
    place: PathBuf,
}

/// What was found to be done, and what became of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// What was being done, in the words of who did it.
    pub what: String,
    /// Files that were written now.
    pub written: Vec<PathBuf>,
    /// Files that hold neither what they did nor what they should: somebody else has written them
    /// since. Where there is one, nothing was written at all, and the journal lies at [`Self::left`].
    pub changed: Vec<PathBuf>,
    /// Where the journal lies that was not carried out.
    pub left: Option<PathBuf>,
}

/// A step as it stands in a journal.
struct Planned {
    path: PathBuf,
    before: Option<[u8; 32]>,
    after: Option<Vec<u8>>,
}

impl Journal {
    /// The journal at `place` of files below `root`.
    pub fn new(root: &Path, place: &Path) -> Self {
        Self {
            root: root.into(),
            place: place.into(),
        }
    }

    /// The journal's own file.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Whether a run was killed while it wrote.
    pub fn is_pending(&self) -> Result<bool, IoError> {
        Ok(file::kind(&self.place)?.is_some())
    }

    /// Writes files, all or none. `what` says what for, without a value. Whoever calls holds the
    /// locks, and has finished what was pending.
    pub fn write(&self, what: &str, steps: &[Step]) -> Result<(), IoError> {
        for step in steps {
            let now = self.content(&step.path)?;
            if now != step.before {
                return Err(IoError::ChangedMeanwhile {
                    path: self.root.join(&step.path),
                });
            }
        }
        // Who is interrupted before has changed nothing, and who is afterwards all of it.
        let _whole = signals::hold_off()?;
        write::write(&self.place, &encode(what, steps), Access::Private)?;
        for (number, step) in steps.iter().enumerate() {
            if let Err(error) = self.put(&step.path, step.after.as_deref()) {
                // Nothing was promised to anybody yet: what was written is taken back.
                let mut done = steps.iter().take(number).rev();
                let undone = done.try_for_each(|step| {
                    let before = step.before.as_ref().map(Cleartext::as_bytes);
                    self.put(&step.path, before)
                });
                if undone.is_ok() {
                    file::remove(&self.place).ok();
                }
                return Err(error);
            }
        }
        file::remove(&self.place)
    }

    /// Writes what a run that was killed had begun; `None` where there is nothing to do.
    pub fn finish(&self) -> Result<Option<Finished>, IoError> {
        let bytes = match file::read(&self.place, MOST) {
            Ok(bytes) => bytes,
            Err(IoError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some((what, steps)) = decode(bytes.as_bytes()) else {
            return Err(IoError::read(
                &self.place,
                std::io::Error::other("it is no journal of this mvx"),
            ));
        };
        // What was being written when it was killed lies beside its place.
        for step in &steps {
            // Below `.mvx` events and kept values are made under the lock that whoever calls holds; who
            // rewrites kept values loses at most that attempt.
            let own = step.path.starts_with(".mvx");
            write::remove_left_overs(file::directory_of(&self.root.join(&step.path)), own);
        }
        write::remove_left_overs(file::directory_of(&self.place), true);
        let mut finished = Finished {
            what,
            ..Finished::default()
        };
        let mut open = Vec::new();
        for step in steps {
            let now = self.content(&step.path)?;
            let now = now.as_ref().map(Cleartext::as_bytes);
            if now == step.after.as_deref() {
                continue;
            }
            if now.map(digest) == step.before {
                open.push(step);
            } else {
                finished.changed.push(step.path);
            }
        }
        if !finished.changed.is_empty() {
            // A part of it would tell of what is not there.
            let left = self.place.with_extension("left");
            file::remove(&left).ok();
            file::rename(&self.place, &left)?;
            finished.left = Some(left);
            return Ok(Some(finished));
        }
        for step in open {
            self.put(&step.path, step.after.as_deref())?;
            finished.written.push(step.path);
        }
        file::remove(&self.place)?;
        Ok(Some(finished))
    }

    fn content(&self, path: &Path) -> Result<Option<Cleartext>, IoError> {
        match file::read(&self.root.join(path), MOST) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(IoError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put(&self, path: &Path, content: Option<&[u8]>) -> Result<(), IoError> {
        let path = self.root.join(path);
        match content {
            Some(content) => {
                file::create_directories(file::directory_of(&path))?;
                write::write(&path, content, Access::Shared)
            }
            None => match file::remove(&path) {
                Err(IoError::NotFound { .. }) => Ok(()),
                removed => removed,
            },
        }
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn encode(what: &str, steps: &[Step]) -> Vec<u8> {
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| {
            let before = step.before.as_ref();
            let before = before.map(|before| digest(before.as_bytes()));
            json!({
                "path": STANDARD.encode(step.path.as_os_str().as_encoded_bytes()),
                "before": before.map(|before| STANDARD.encode(before)),
                "after": step.after.as_ref().map(|after| STANDARD.encode(after)),
            })
        })
        .collect();
    json!({ "mvx_journal": 1, "what": what, "steps": steps })
        .to_string()
        .into_bytes()
}

fn decode(bytes: &[u8]) -> Option<(String, Vec<Planned>)> {
    let journal: Value = serde_json::from_slice(bytes).ok()?;
    if journal.get("mvx_journal")? != &json!(1) {
        return None;
    }
    let binary = |value: &Value| STANDARD.decode(value.as_str()?).ok();
    let optional = |value: &Value| match value {
        Value::Null => Some(None),
        value => binary(value).map(Some),
    };
    let step = |step: &Value| {
        let before = optional(step.get("before")?)?;
        let path = String::from_utf8(binary(step.get("path")?)?).ok()?;
        let path = PathBuf::from(path);
        let plain = |part| matches!(part, Component::Normal(_));
        Some(Planned {
            path: path.components().all(plain).then_some(path)?,
            before: match before {
                Some(before) => Some(before.try_into().ok()?),
                None => None,
            },
            after: optional(step.get("after")?)?,
        })
    };
    let what = journal.get("what")?.as_str()?.to_owned();
    let steps = journal.get("steps")?.as_array()?;
    Some((what, steps.iter().map(step).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            fs::create_dir(place.0.path().join("root")).unwrap();
            place
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join("root").join(name)
        }

        fn journal(&self) -> Journal {
            Journal::new(&self.at(""), &self.0.path().join("journal"))
        }

        fn content(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.at(name)).ok()
        }
    }

    fn step(path: &str, before: Option<&str>, after: Option<&str>) -> Step {
        Step {
            path: path.into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        }
    }

    fn steps() -> [Step; 3] {
        [
            step("new/a", None, Some("a")),
            step("b", Some("old"), Some("new")),
            step("c", Some("gone"), None),
        ]
    }

    #[test]
    fn all_files_are_written_or_none() {
        let place = Place::new();
        let journal = place.journal();
        fs::write(place.at("b"), "old").unwrap();
        let error = journal.write("x", &steps()).unwrap_err();
        assert!(matches!(error, IoError::ChangedMeanwhile { .. }));
        assert_eq!(place.content("new/a"), None);
        fs::write(place.at("c"), "gone").unwrap();
        journal.write("x", &steps()).unwrap();
        assert_eq!(place.content("new/a").as_deref(), Some("a"));
        assert_eq!(place.content("b").as_deref(), Some("new"));
        assert_eq!(place.content("c"), None);
        assert!(!journal.is_pending().unwrap());
        assert_eq!(journal.finish().unwrap(), None);
    }

    #[test]
    fn what_fails_is_taken_back() {
        let place = Place::new();
        fs::write(place.at("b"), "old").unwrap();
        let steps = [
            step("a", None, Some("a")),
            step("b", Some("old"), Some("new")),
            // no file can be made below a file
            step("b/c", None, Some("c")),
        ];
        assert!(place.journal().write("x", &steps).is_err());
        assert_eq!(place.content("a"), None);
        assert_eq!(place.content("b").as_deref(), Some("old"));
        assert!(!place.journal().is_pending().unwrap());
    }

    #[test]
    fn whatever_was_done_when_a_run_was_killed_the_rest_is_done_then() {
        for done in 0..8u8 {
            let place = Place::new();
            let journal = place.journal();
            fs::create_dir(place.at("new")).unwrap();
            for (number, step) in steps().iter().enumerate() {
                let content = if done & 1 << number == 0 {
                    step.before
                        .as_ref()
                        .map(|before| before.as_bytes().to_vec())
                } else {
                    step.after.clone()
                };
                if let Some(content) = content {
                    fs::write(place.at(step.path.to_str().unwrap()), content).unwrap();
                }
            }
            fs::write(journal.place(), encode("rotating", &steps())).unwrap();
            assert!(journal.is_pending().unwrap());
            let finished = journal.finish().unwrap().unwrap();
            assert_eq!(finished.what, "rotating");
            let left = 3 - usize::try_from(done.count_ones()).unwrap();
            assert_eq!((finished.written.len(), finished.changed.len()), (left, 0));
            assert_eq!(place.content("new/a").as_deref(), Some("a"));
            assert_eq!(place.content("b").as_deref(), Some("new"));
            assert_eq!(place.content("c"), None);
            assert!(!journal.is_pending().unwrap());
        }
    }

    #[test]
    fn where_somebody_else_wrote_since_nothing_is_written() {
        let place = Place::new();
        let journal = place.journal();
        fs::write(place.at("b"), "theirs").unwrap();
        fs::write(place.at("c"), "gone").unwrap();
        fs::write(journal.place(), encode("rotating", &steps())).unwrap();
        let finished = journal.finish().unwrap().unwrap();
        assert_eq!(finished.changed, [PathBuf::from("b")]);
        assert_eq!(place.content("b").as_deref(), Some("theirs"));
        assert_eq!(place.content("new/a"), None);
        assert_eq!(place.content("c").as_deref(), Some("gone"));
        assert!(!journal.is_pending().unwrap());
        let left = finished.left.unwrap();
        assert_eq!(fs::read(left).unwrap(), encode("rotating", &steps()));
    }

    #[test]
    fn what_was_half_written_goes() {
        let place = Place::new();
        let journal = place.journal();
        fs::write(place.at("b"), "old").unwrap();
        fs::write(place.at("c"), "gone").unwrap();
        let half = fs::File::create(place.at(".mvx-0123456789Ab.tmp")).unwrap();
        half.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        drop(half);
        fs::write(journal.place(), encode("rotating", &steps())).unwrap();
        journal.finish().unwrap().unwrap();
        assert_eq!(place.content(".mvx-0123456789Ab.tmp"), None);
    }

    #[test]
    fn what_is_no_journal_is_left() {
        let place = Place::new();
        let journal = place.journal();
        let outside = encode("x", &[step("../x", None, Some("x"))]);
        for bytes in [b"".as_slice(), b"{}", b"{\"mvx_journal\": 2}", &outside] {
            fs::write(journal.place(), bytes).unwrap();
            assert!(journal.finish().is_err());
            assert!(journal.is_pending().unwrap());
        }
        assert!(!place.0.path().join("x").exists());
    }
}
