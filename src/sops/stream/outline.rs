//! A large sealed file without the bulk of its one large envelope.
//!
//! Of the base64 all but the last group is left out. What remains is a sealed file in its own
//! right, small enough to be parsed by its store: whatever layout, order of keys and metadata that
//! store reads is read here.

use std::ops::Range;

use crate::secret::Cleartext;
use crate::sops::envelope::PREFIX;

/// Characters of base64 in one envelope from which on it is left out.
const LARGE: usize = 64 * 1024;

/// Bytes that the rest may have: metadata for thousands of recipients.
const LIMIT: usize = 1 << 20;

/// Characters that base64 encodes together.
const GROUP: usize = 4;

/// A sealed file without its bulk.
pub struct Outline {
    /// What remains.
    pub text: Cleartext,
    /// Where in `text` the bulk is missing.
    pub at: usize,
    /// Where in the file the bulk stands: base64 in whole groups, without padding.
    pub bulk: Range<u64>,
}

/// A file that has no outline: it is not sealed, or not one large value.
#[derive(Debug, PartialEq, Eq)]
pub struct NoOutline;

/// Makes an outline from a file that arrives in pieces.
#[derive(Default)]
pub struct Outliner {
    text: Cleartext,
    /// Up to where `text` was searched for the beginning of an envelope.
    searched: usize,
    /// Bytes of the file so far.
    read: u64,
    /// The base64 in which the reading stands.
    run: Option<Run>,
    found: Option<(usize, Range<u64>)>,
}

/// Base64 that is being read.
struct Run {
    /// Where it begins in the file.
    start: u64,
    /// Where it begins in `text`.
    at: usize,
    /// Its characters so far.
    length: u64,
    /// Its last characters, a group's worth at most, once it is large.
    last: Option<Vec<u8>>,
}

impl Outliner {
    /// Reads on. A file that can have no outline fails early.
    pub fn update(&mut self, mut piece: &[u8]) -> Result<(), NoOutline> {
        while !piece.is_empty() {
            piece = match self.run.take() {
                Some(run) => self.base64(run, piece)?,
                None => self.outside(piece)?,
            };
        }
        Ok(())
    }

    /// The outline of what was read.
    pub fn finish(mut self) -> Result<Outline, NoOutline> {
        if let Some(run) = self.run.take() {
            self.end(run)?;
        }
        let (at, bulk) = self.found.ok_or(NoOutline)?;
        Ok(Outline {
            text: self.text,
            at,
            bulk,
        })
    }

    /// Reads outside of base64, up to the beginning of an envelope; gives back what comes after.
    fn outside<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8], NoOutline> {
        let before = self.text.len();
        let (now, later) = piece.split_at(piece.len().min(LARGE));
        self.text.push(now);
        let from = self.searched.max((before + 1).saturating_sub(PREFIX.len()));
        let unsearched = self.text.as_bytes().get(from..).unwrap_or_default();
        let Some(found) = memchr::memmem::find(unsearched, PREFIX.as_bytes()) else {
            self.read += now.len() as u64;
            return self.fits().map(|()| later);
        };
        let at = from + found + PREFIX.len();
        let taken = at - before;
        self.text.truncate(at);
        self.searched = at;
        self.read += taken as u64;
        self.run = Some(Run {
            start: self.read,
            at,
            length: 0,
            last: None,
        });
        Ok(piece.get(taken..).unwrap_or_default())
    }

    /// Reads base64 to its end or the piece's; gives back what comes after.
    fn base64<'a>(&mut self, mut run: Run, piece: &'a [u8]) -> Result<&'a [u8], NoOutline> {
        let (now, later) = piece.split_at(base64_length(piece));
        run.length += now.len() as u64;
        self.read += now.len() as u64;
        if let Some(last) = &mut run.last {
            keep_last(last, now);
        } else {
            self.text.push(now);
            let so_far = self.text.as_bytes().get(run.at..).unwrap_or_default();
            if so_far.len() > LARGE {
                let mut last = Vec::new();
                keep_last(&mut last, so_far);
                self.text.truncate(run.at);
                run.last = Some(last);
            }
        }
        if later.is_empty() {
            self.run = Some(run);
        } else {
            self.end(run)?;
        }
        Ok(later)
    }

    fn end(&mut self, run: Run) -> Result<(), NoOutline> {
        if let Some(last) = run.last {
            let left_out = (run.length - 1) / GROUP as u64 * GROUP as u64;
            let kept = usize::try_from(run.length - left_out).map_err(|_| NoOutline)?;
            let kept = last
                .len()
                .checked_sub(kept)
                .and_then(|from| last.get(from..));
            self.text.push(kept.ok_or(NoOutline)?);
            let bulk = run.start..run.start + left_out;
            if self.found.replace((run.at, bulk)).is_some() {
                return Err(NoOutline);
            }
        }
        self.searched = self.text.len();
        self.fits()
    }

    fn fits(&self) -> Result<(), NoOutline> {
        if self.text.len() > LIMIT {
            return Err(NoOutline);
        }
        Ok(())
    }
}

/// Looks for a word in a file that arrives in pieces.
pub struct Search {
    word: Vec<u8>,
    /// The end of what was read, one byte shorter than the word.
    end: Cleartext,
    found: bool,
}

impl Search {
    /// Looks for this word.
    pub fn new(word: &[u8]) -> Self {
        Self {
            word: word.to_vec(),
            end: Cleartext::default(),
            found: false,
        }
    }

    /// Reads on.
    pub fn update(&mut self, piece: &[u8]) {
        let overlap = self.word.len().saturating_sub(1);
        let mut seam = std::mem::take(&mut self.end);
        seam.push(piece.get(..piece.len().min(overlap)).unwrap_or_default());
        let holds = |text: &[u8]| memchr::memmem::find(text, &self.word).is_some();
        self.found = self.found || holds(seam.as_bytes()) || holds(piece);
        let end = if piece.len() < overlap {
            seam.as_bytes()
        } else {
            piece
        };
        let from = end.len().saturating_sub(overlap);
        self.end.push(end.get(from..).unwrap_or_default());
    }

    /// Whether it was there.
    pub fn found(&self) -> bool {
        self.found
    }
}

/// How many bytes from the start are of base64's alphabet, padding aside.
fn base64_length(text: &[u8]) -> usize {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/');
    // Block by block without a branch in them: that is several times as fast.
    let all = |block: &&[u8]| block.iter().fold(true, |all, byte| all & is_base64(byte));
    let whole: usize = text.chunks(64).take_while(all).map(<[u8]>::len).sum();
    let rest = text.get(whole..).unwrap_or_default();
    whole + rest.iter().take_while(|byte| is_base64(byte)).count()
}

/// Keeps the last group's worth of bytes.
fn keep_last(last: &mut Vec<u8>, bytes: &[u8]) {
    last.extend_from_slice(
        bytes
            .get(bytes.len().saturating_sub(GROUP)..)
            .unwrap_or_default(),
    );
    let surplus = last.len().saturating_sub(GROUP);
    last.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &[u8], size: usize) -> Result<Outline, NoOutline> {
        let mut outliner = Outliner::default();
        for piece in text.chunks(size) {
            outliner.update(piece)?;
        }
        outliner.finish()
    }

    fn file(length: usize, padding: &str) -> String {
        let data: String = (0..length)
            .map(|i| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i % 26]))
            .collect();
        format!(
            "{{\"sops\": {{\"mac\": \"{PREFIX}AAAA,iv:\"}}, \"data\": \"{PREFIX}{data}{padding},iv:AA==\"}}\n"
        )
    }

    #[test]
    fn text_and_bulk_make_the_file_again() {
        for (length, padding) in [
            (100_000, ""),
            (100_003, "="),
            (100_002, "=="),
            (100_001, ""),
        ] {
            let file = file(length, padding);
            for size in [1, 7, 19, 4096, 65_536, 65_537, 1 << 20] {
                let Outline { text, at, bulk } = outline(file.as_bytes(), size).ok().unwrap();
                let bulk = usize::try_from(bulk.start).unwrap()..usize::try_from(bulk.end).unwrap();
                assert_eq!(bulk.len() % GROUP, 0);
                assert!(
                    text.len() < 200
                        && text.as_bytes()[at..].starts_with(&file.as_bytes()[bulk.end..])
                );
                let whole = [
                    &text.as_bytes()[..at],
                    &file.as_bytes()[bulk],
                    &text.as_bytes()[at..],
                ]
                .concat();
                assert!(whole == file.as_bytes(), "{length} {size}");
            }
        }
    }

    #[test]
    fn other_files_have_none() {
        let twice = file(100_000, "").repeat(2);
        let no_envelope = "A".repeat(3 << 20);
        let many = file(10, "").repeat(30_000);
        let all = [file(1000, ""), twice, no_envelope, many, String::new()];
        for text in all {
            assert!(outline(text.as_bytes(), 5000).is_err());
        }
    }

    #[test]
    fn a_word_is_found_across_pieces() {
        let found = |text: &str, size: usize| {
            let mut search = Search::new(b"word");
            for piece in text.as_bytes().chunks(size) {
                search.update(piece);
            }
            search.found()
        };
        for size in 1..12 {
            assert!(found("some word", size) && found("word and more", size));
            assert!(!found("wor d wo rd ord", size), "{size}");
        }
    }

    #[test]
    fn the_end_of_base64_is_found_anywhere() {
        for length in [0, 1, 63, 64, 65, 200] {
            let text = "b".repeat(length);
            assert_eq!(base64_length(text.as_bytes()), length);
            assert_eq!(base64_length(format!("{text},+").as_bytes()), length);
        }
    }
}
