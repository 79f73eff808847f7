//! Files that are too large to be held in memory, read piece by piece.

#![expect(
    clippy::disallowed_methods,
    reason = "this module is what the others use instead"
)]

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::io::IoError;
use crate::io::file::{Kind, kind_of};

/// A regular file that stays open, so that every reading is of the same file.
pub struct Large {
    path: PathBuf,
    file: File,
    metadata: fs::Metadata,
}

impl Large {
    /// Opens a file; `None` where it is not larger than `above` bytes, or no regular file: a pipe
    /// can be read once only.
    pub fn open(path: &Path, above: u64) -> Result<Option<Self>, IoError> {
        let failed = |source| IoError::read(path, source);
        // Looked at before it is opened: opening a pipe waits for a writer.
        let is_large =
            |metadata: &fs::Metadata| kind_of(metadata) == Kind::File && metadata.len() > above;
        if !is_large(&fs::metadata(path).map_err(failed)?) {
            return Ok(None);
        }
        let opened = Self::of(path, File::open(path).map_err(failed)?)?;
        Ok(is_large(&opened.metadata).then_some(opened))
    }

    /// A file that is open already.
    pub(crate) fn of(path: &Path, file: File) -> Result<Self, IoError> {
        let metadata = file
            .metadata()
            .map_err(|source| IoError::read(path, source))?;
        Ok(Self {
            path: path.into(),
            file,
            metadata,
        })
    }

    /// Its length in bytes, when it was opened.
    #[expect(clippy::len_without_is_empty, reason = "a large file is not empty")]
    pub fn len(&self) -> u64 {
        self.metadata.len()
    }

    /// Hands out a part of it in pieces, which are of the same sizes each time. The buffer is wiped.
    pub fn each<E: From<IoError>>(
        &self,
        part: Range<u64>,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |source: io::Error| match source.kind() {
            // It had this many bytes when it was opened.
            io::ErrorKind::UnexpectedEof => IoError::ChangedMeanwhile {
                path: self.path.clone(),
            },
            _ => IoError::read(&self.path, source),
        };
        let mut buffer = Zeroizing::new(vec![0; PIECE]);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(part.start)).map_err(failed)?;
        let mut left = part.end.saturating_sub(part.start);
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let piece = buffer.get_mut(..length).unwrap_or_default();
            file.read_exact(piece).map_err(failed)?;
            take(piece)?;
            left -= length as u64;
        }
        Ok(())
    }

    /// Fails if another file has its name by now, or it was written since it was opened.
    pub fn must_be_unchanged(&self) -> Result<(), IoError> {
        let now = fs::metadata(&self.path).ok();
        if now.is_some_and(|now| is_same(&self.metadata, &now)) {
            return Ok(());
        }
        Err(IoError::ChangedMeanwhile {
            path: self.path.clone(),
        })
    }
}

#[cfg(unix)]
fn is_same(old: &fs::Metadata, new: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    let id = |of: &fs::Metadata| {
        let changed = (of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
        (of.dev(), of.ino(), of.len(), changed)
    };
    id(old) == id(new)
}

#[cfg(not(unix))]
fn is_same(old: &fs::Metadata, new: &fs::Metadata) -> bool {
    old.len() == new.len() && old.modified().ok() == new.modified().ok()
}

/// Bytes in a piece: the time that a read costs does not count any more.
const PIECE: usize = 256 * 1024;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn read(large: &Large, part: Range<u64>) -> Result<Vec<Vec<u8>>, IoError> {
        let mut pieces = Vec::new();
        large.each(part, |piece| {
            pieces.push(piece.to_vec());
            Ok::<_, IoError>(())
        })?;
        Ok(pieces)
    }

    #[test]
    fn a_part_comes_in_the_same_pieces_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let content: Vec<u8> = (0..=250).cycle().take(2 * PIECE + 10).collect();
        fs::write(&path, &content).unwrap();
        let large = Large::open(&path, 100).unwrap().unwrap();
        let first = read(&large, 3..large.len()).unwrap();
        assert_eq!(
            first.iter().map(Vec::len).collect::<Vec<_>>(),
            [PIECE, PIECE, 7]
        );
        assert!(first.concat() == content[3..]);
        assert!(read(&large, 3..large.len()).unwrap() == first);
        assert!(read(&large, 5..5).unwrap().is_empty());
    }

    #[test]
    fn small_files_and_pipes_are_not_large() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "12345").unwrap();
        assert!(Large::open(&path, 5).unwrap().is_none());
        assert!(Large::open(&path, 4).unwrap().is_some());
        assert!(Large::open(Path::new("/dev/zero"), 0).unwrap().is_none());
        assert!(Large::open(&directory.path().join("none"), 0).is_err());
    }

    #[test]
    fn a_file_that_changes_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "12345").unwrap();
        let large = Large::open(&path, 0).unwrap().unwrap();
        large.must_be_unchanged().unwrap();
        fs::write(&path, "123").unwrap();
        let changed = |result| matches!(result, Err(IoError::ChangedMeanwhile { .. }));
        assert!(changed(read(&large, 0..5).map(drop)));
        assert!(changed(large.must_be_unchanged()));
        fs::remove_file(&path).unwrap();
        assert!(changed(large.must_be_unchanged()));
    }
}
