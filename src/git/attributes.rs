//! What `.gitattributes` says of files, and which files git has.

use std::path::{Path, PathBuf};

use git2::{AttrCheckFlags, AttrValue};

use super::{GitError, WorkTree};

impl WorkTree {
    /// The value of an attribute of a file, as git would use it when the file is added; `None`
    /// where it has none or is only set or unset (gitattributes(5)).
    pub fn attribute(&self, path: &Path, name: &str) -> Result<Option<String>, GitError> {
        let inside = self.inside(path)?;
        let value = self
            .repository
            .get_attr(&inside, name, AttrCheckFlags::FILE_THEN_INDEX)
            .map_err(|source| GitError::Unreadable {
                root: self.root.clone(),
                source,
            })?;
        Ok(match AttrValue::from_string(value) {
            AttrValue::String(value) => Some(value.to_owned()),
            _ => None,
        })
    }

    /// The places where git looks for attributes inside the repository: each directory's
    /// `.gitattributes` above and below `directory` that git tracks, and its own file.
    pub fn attribute_files(&self) -> Result<Vec<PathBuf>, GitError> {
        let index = self
            .repository
            .index()
            .map_err(|source| GitError::Unreadable {
                root: self.root.clone(),
                source,
            })?;
        let mut files: Vec<PathBuf> = index
            .iter()
            .filter_map(|entry| String::from_utf8(entry.path).ok())
            .map(PathBuf::from)
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name == ".gitattributes")
            })
            .map(|path| self.root.join(path))
            .collect();
        files.push(self.root.join(".gitattributes"));
        files.push(self.repository.path().join("info/attributes"));
        files.sort();
        files.dedup();
        Ok(files)
    }
}
