//! Deltas, as packs hold them: copies from a base and insertions (git's gitformat-pack(5),
//! "Deltified representation").

use std::ops::Range;

use super::Problem;

/// The sizes that a delta begins with, and its instructions.
pub(super) struct Delta<'a> {
    /// The base's size in bytes.
    pub(super) base: u64,
    /// The result's size in bytes.
    pub(super) result: u64,
    instructions: &'a [u8],
}

const BROKEN: Problem = Problem::Corrupt("a delta that cannot be applied");

/// Takes a delta apart.
pub(super) fn parse(bytes: &[u8]) -> Result<Delta<'_>, Problem> {
    let mut rest = bytes;
    let base = size(&mut rest).ok_or(BROKEN)?;
    let result = size(&mut rest).ok_or(BROKEN)?;
    Ok(Delta {
        base,
        result,
        instructions: rest,
    })
}

impl Delta<'_> {
    /// Makes the result of `base` in `out`, whose old content is dropped. The caller has compared
    /// the result's size with its limit.
    pub(super) fn apply(&self, base: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
        self.run(base, out, |_, _| {})
    }

    /// As [`Self::apply`], and tells what is new in the result: the ranges of bytes that were
    /// inserted, and the two bytes around each place where pieces of the base meet that did not
    /// meet in it. Ascending, without overlap.
    pub(super) fn apply_and_compare(
        &self,
        base: &[u8],
        out: &mut Vec<u8>,
        new: &mut Vec<Range<usize>>,
    ) -> Result<(), Problem> {
        new.clear();
        // where the base would have to go on for nothing to be new
        let mut follows = Some(0);
        let mut end = 0;
        self.run(base, out, |written, copied| {
            let at = written.start;
            end = written.end;
            match copied {
                None => {
                    push(new, written);
                    // what comes next is beside something new, which is enough
                    follows = None;
                }
                Some(copied) => {
                    if follows.is_some_and(|follows| follows != copied.start) {
                        push(new, at.saturating_sub(1)..at + 1);
                    }
                    follows = Some(copied.end);
                }
            }
        })?;
        // the end was cut off
        if follows.is_some_and(|follows| follows != base.len()) && end > 0 {
            push(new, end - 1..end);
        }
        Ok(())
    }

    /// Carries out the instructions, and tells of each where it wrote and what it copied.
    fn run(
        &self,
        base: &[u8],
        out: &mut Vec<u8>,
        mut tell: impl FnMut(Range<usize>, Option<Range<usize>>),
    ) -> Result<(), Problem> {
        let size = usize::try_from(self.result).map_err(|_| BROKEN)?;
        if base.len() as u64 != self.base {
            return Err(BROKEN);
        }
        out.clear();
        out.try_reserve_exact(size)
            .map_err(|_| Problem::TooLarge(self.result))?;
        let mut rest = self.instructions;
        while let Some((&command, after)) = rest.split_first() {
            rest = after;
            let start = out.len();
            if command & 0x80 == 0 {
                if command == 0 {
                    return Err(BROKEN);
                }
                let (inserted, after) =
                    rest.split_at_checked(usize::from(command)).ok_or(BROKEN)?;
                rest = after;
                if size - start < inserted.len() {
                    return Err(BROKEN);
                }
                out.extend_from_slice(inserted);
                tell(start..out.len(), None);
            } else {
                let offset = number(&mut rest, command, 4)?;
                let length = match number(&mut rest, command >> 4, 3)? {
                    0 => 0x1_0000,
                    length => length,
                };
                let range = offset..offset.checked_add(length).ok_or(BROKEN)?;
                let copied = base.get(range.clone()).ok_or(BROKEN)?;
                if size - start < copied.len() {
                    return Err(BROKEN);
                }
                out.extend_from_slice(copied);
                tell(start..out.len(), Some(range));
            }
        }
        if out.len() == size {
            Ok(())
        } else {
            Err(BROKEN)
        }
    }
}

/// Appends a range, or lengthens the last one.
fn push(ranges: &mut Vec<Range<usize>>, range: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
        _ => ranges.push(range),
    }
}

/// A size: 7 bits a byte, the lowest first.
fn size(rest: &mut &[u8]) -> Option<u64> {
    let mut size = 0_u64;
    for shift in (0..63).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        size |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
    None
}

/// A number of which only the bytes are there whose bits are set in `present`.
fn number(rest: &mut &[u8], present: u8, bytes: usize) -> Result<usize, Problem> {
    let mut number = 0;
    for at in 0..bytes {
        if present & (1 << at) != 0 {
            let (&byte, after) = rest.split_first().ok_or(BROKEN)?;
            *rest = after;
            number |= usize::from(byte) << (8 * at);
        }
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A delta of 16 bytes of base: `(offset, length)` copies, text inserts.
    fn delta(result: u8, steps: &[Result<(u8, u8), &str>]) -> Vec<u8> {
        let mut bytes = vec![16, result];
        for step in steps {
            match step {
                Ok((offset, length)) => bytes.extend([0x91, *offset, *length]),
                Err(text) => {
                    bytes.push(u8::try_from(text.len()).unwrap());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        bytes
    }

    const BASE: &[u8] = b"0123456789abcdef";

    /// The result, and what is new in it as pairs.
    fn compare(result: u8, steps: &[Result<(u8, u8), &str>]) -> (String, Vec<(usize, usize)>) {
        let bytes = delta(result, steps);
        let (mut out, mut new) = (Vec::new(), Vec::new());
        parse(&bytes)
            .and_then(|delta| delta.apply_and_compare(BASE, &mut out, &mut new))
            .unwrap();
        let new = new.iter().map(|range| (range.start, range.end));
        (String::from_utf8(out).unwrap(), new.collect())
    }

    #[test]
    fn what_is_new_is_told() {
        assert_eq!(
            compare(16, &[Ok((0, 16))]),
            ("0123456789abcdef".into(), vec![])
        );
        assert_eq!(
            compare(16, &[Ok((0, 8)), Ok((8, 8))]).1,
            vec![],
            "a copy in two steps is one"
        );
        assert_eq!(
            compare(18, &[Ok((0, 8)), Err("xy"), Ok((8, 8))]),
            ("01234567xy89abcdef".into(), vec![(8, 10)])
        );
        assert_eq!(
            compare(8, &[Ok((0, 4)), Ok((12, 4))]),
            ("0123cdef".into(), vec![(3, 5)]),
            "what was deleted leaves a seam"
        );
        assert_eq!(compare(8, &[Ok((0, 8))]).1, [(7, 8)], "the end is gone");
        assert_eq!(
            compare(8, &[Ok((8, 8))]).1,
            [(0, 1)],
            "the beginning is gone"
        );
        assert_eq!(
            compare(6, &[Err("ab"), Err("cd"), Err("ef")]),
            ("abcdef".into(), vec![(0, 6)])
        );
    }

    #[test]
    fn what_cannot_be_applied_is_an_error() {
        let mut out = Vec::new();
        for bytes in [
            delta(4, &[Ok((14, 4))]),
            delta(3, &[Err("abcd")]),
            delta(5, &[Err("abcd")]),
            delta(0, &[Err("")]),
            vec![16, 4, 9, b'a'],
            vec![16, 4, 0x91, 1],
            vec![15, 1, 1, b'a'],
        ] {
            let applied = parse(&bytes).and_then(|delta| delta.apply(BASE, &mut out));
            assert!(matches!(applied, Err(Problem::Corrupt(_))), "{bytes:?}");
        }
        assert!(parse(&[0xff; 12]).is_err());
        assert!(parse(&[]).is_err());
        // a terabyte is promised
        let bomb = [16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 1, b'a'];
        let applied = parse(&bomb).and_then(|delta| delta.apply(BASE, &mut out));
        assert!(applied.is_err());
    }
}
