//! Where source code reads variables of its environment: what a rotation reaches.
//!
//! Tables of spellings, and no parser of any language: what looks like a read is one, in a comment
//! too. One that is not there costs a glance, one that is missed an outage. Names that are put
//! together while a program runs are not found.

mod spellings;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::collections::HashMap;

use memchr::memmem;

use self::spellings::{
    BEFORE_NAMES, BEFORE_QUOTES, Class, LANGUAGES, ON_THE_LINE, SCHEMAS, SETTINGS, TAKEN_OUT_OF,
};
use crate::keypath::{KeyPath, Segment};

/// What a name is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A variable of the environment is read, or passed on.
    Environment,
    /// It is put in here: `${NAME}`.
    Reference,
    /// It stands there by itself, in quotes or as a name in a configuration.
    Name,
    /// It stands in an example of a `.env` file: nobody reads it for that.
    Example,
}

impl Kind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Reference => "reference",
            Self::Name => "name",
            Self::Example => "example",
        }
    }
}

/// A place at which a name is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The line, from 1.
    pub line: usize,
    /// The number that [`Sought`] gave to the name.
    pub name: usize,
    /// What it is there.
    pub kind: Kind,
    /// The language of the file.
    pub language: &'static str,
}

/// Names that are looked for, all at once.
#[derive(Default)]
pub struct Sought {
    names: HashMap<String, usize>,
    /// By the first word of each, in lower case.
    patterns: HashMap<Vec<u8>, Vec<Pattern>>,
    /// Whether any first word begins with this byte, in lower case, and has this length.
    quick: HashMap<u8, u64>,
}

/// One spelling of a name.
struct Pattern {
    name: usize,
    /// The whole of it.
    text: Vec<u8>,
    form: Form,
    /// Whether nothing else is called so by accident.
    telling: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A variable's name, letter by letter.
    Variable,
    /// Several words, in either case: `Db:Password`, `db.password`.
    Path,
}

/// The longest word that is told from others of its length.
const LENGTHS: usize = 63;

impl Sought {
    /// Looks for a variable, too. Gives its number: the same for the same name.
    pub fn variable(&mut self, name: &str) -> usize {
        let new = self.names.len();
        if let Some(known) = self.names.get(name) {
            return *known;
        }
        self.names.insert(name.to_owned(), new);
        let telling = is_telling(name);
        self.add(new, name, Form::Variable, telling);
        // Terraform takes the rest for its own name; .NET reads `A__B` as `A:B`.
        if let Some(rest) = name.strip_prefix("TF_VAR_") {
            self.add(new, rest, Form::Variable, false);
        }
        if name.contains("__") {
            self.add(new, &name.replace("__", ":"), Form::Path, true);
            self.add(new, name, Form::Path, true);
        }
        new
    }

    /// Looks for a key path under the number of a name, as configurations spell it: `db.password`,
    /// `Db:Password`, `Db__Password`.
    pub fn path(&mut self, key: &KeyPath, name: usize) {
        let parts = key.segments.iter().map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        });
        let parts: Option<Vec<&str>> = parts.collect();
        let Some(parts) = parts.filter(|parts| parts.len() > 1) else {
            return;
        };
        for between in [".", ":", "__"] {
            self.add(name, &parts.join(between), Form::Path, true);
        }
    }

    fn add(&mut self, name: usize, text: &str, form: Form, telling: bool) {
        let text = text.as_bytes().to_vec();
        let length = text.iter().take_while(|byte| is_in_names(**byte)).count();
        let first = text.get(..length).unwrap_or_default().to_ascii_lowercase();
        let Some(byte) = first.first() else { return };
        *self.quick.entry(*byte).or_default() |= 1 << length.min(LENGTHS);
        let pattern = Pattern {
            name,
            text,
            form,
            telling,
        };
        let all = self.patterns.entry(first).or_default();
        let same = |known: &Pattern| {
            known.name == name && known.form == form && known.text == pattern.text
        };
        if !all.iter().any(same) {
            all.push(pattern);
        }
    }

    /// The places in a text at which any of the names is read, in its order, each name once a line.
    /// `path` is the file's name.
    pub fn uses(&self, path: &str, text: &[u8]) -> Vec<Use> {
        let Some((language, class)) = class_of(path, text) else {
            return Vec::new();
        };
        if !self.may_be_in(class, text) {
            return Vec::new();
        }
        let mut quick = [0_u64; 256];
        for (byte, lengths) in &self.quick {
            for byte in [*byte, byte.to_ascii_uppercase()] {
                if let Some(place) = quick.get_mut(usize::from(byte)) {
                    *place = *lengths;
                }
            }
        }
        let file = File {
            class,
            text,
            schema: OnceCell::new(),
        };
        let mut uses: Vec<Use> = Vec::new();
        let (mut line, mut counted) = (1, 0);
        let mut word: Vec<u8> = Vec::new();
        for (start, end) in (Words { text, at: 0 }) {
            let found = text.get(start..end).unwrap_or_default();
            let first = found.first().copied().unwrap_or_default();
            let lengths = quick.get(usize::from(first)).copied().unwrap_or_default();
            if lengths & (1 << found.len().min(LENGTHS)) == 0 {
                continue;
            }
            word.clear();
            word.extend(found.iter().map(u8::to_ascii_lowercase));
            for pattern in self.patterns.get(&word).into_iter().flatten() {
                let Some(kind) = file.kind_of(start, pattern) else {
                    continue;
                };
                let between = text.get(counted..start).unwrap_or_default();
                line += memchr::memchr_iter(b'\n', between).count();
                counted = start;
                let mut same_line = uses.iter().rev().take_while(|known| known.line == line);
                if !same_line.any(|known| known.name == pattern.name) {
                    uses.push(Use {
                        line,
                        name: pattern.name,
                        kind,
                        language,
                    });
                }
            }
        }
        uses
    }
}

impl Sought {
    /// Whether a text is worth a look at every word of it. A few names are searched for much faster than
    /// words are told apart, as long as their letters have one case.
    fn may_be_in(&self, class: Class, text: &[u8]) -> bool {
        const FEW: usize = 4;
        let patterns = || self.patterns.values().flatten();
        class == Class::Python
            || patterns().count() > FEW
            || patterns().any(|pattern| {
                pattern.form == Form::Path || memmem::find(text, &pattern.text).is_some()
            })
    }
}

/// Whether a name by itself is likely to be meant: `STRIPE_KEY`, `DSN`, and not `password`.
fn is_telling(name: &str) -> bool {
    let upper = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    name.len() > 2 && (name.contains('_') || upper)
}

/// The language of a file; `None` for a text for people, and for what is no text.
fn class_of(path: &str, text: &[u8]) -> Option<(&'static str, Class)> {
    // As git tells binary files: a NUL among the first 8000 bytes.
    let head = text.get(..8000).unwrap_or(text);
    if memchr::memchr(0, head).is_some() {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let mut languages = LANGUAGES.iter();
    let known = languages.find(|(_, _, ends)| {
        let fits = |end: &&str| match end.strip_prefix('.') {
            Some(_) => name.ends_with(end),
            // A whole name, or one with more behind a dot: `Dockerfile.web`.
            None => {
                name.strip_prefix(end)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                    || end.starts_with('-') && name.ends_with(end)
                    || end.contains('.') && name.ends_with(end)
            }
        };
        ends.iter().any(fits)
    });
    match known {
        Some((_, Class::Prose, _)) => None,
        Some((language, class, _)) => Some((language, *class)),
        None if text.starts_with(b"#!") => Some(("shell", Class::Shell)),
        None if name.starts_with(".env") => Some(("configuration", Class::Config)),
        None => Some(("other", Class::Code)),
    }
}

/// A text that is searched.
struct File<'a> {
    class: Class,
    text: &'a [u8],
    /// Whether it says somewhere that its fields are variables.
    schema: OnceCell<bool>,
}

impl File<'_> {
    /// What a spelling is that may begin here; `None` where it does not, or nobody reads it.
    fn kind_of(&self, start: usize, pattern: &Pattern) -> Option<Kind> {
        let end = start + pattern.text.len();
        let found = self.text.get(start..end)?;
        let (before, behind) = (self.text.get(..start)?, self.text.get(end..)?);
        if behind.first().is_some_and(|byte| is_in_names(*byte)) {
            return None;
        }
        let exact = found == pattern.text;
        if !exact && !found.eq_ignore_ascii_case(&pattern.text) {
            return None;
        }
        if !exact && pattern.form == Form::Variable {
            // Settings in Python are read in either case.
            return (self.class == Class::Python && self.is_field(before, behind))
                .then_some(Kind::Environment);
        }
        if self.class == Class::Example && begins_line(before) {
            return Some(Kind::Example);
        }
        if let Some(outside) = unquoted(before, behind) {
            let trimmed = outside.trim_ascii_end();
            if BEFORE_QUOTES.iter().any(|one| calls(trimmed, *one)) {
                return Some(Kind::Environment);
            }
        }
        let mut tables = BEFORE_NAMES.iter();
        let spelled = tables.find(|(words, classes, _)| {
            (classes.is_empty() || classes.contains(&self.class)) && ends_with(before, words)
        });
        if let Some((_, _, kind)) = spelled {
            return Some(*kind);
        }
        let begins = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let line = before.get(begins..).unwrap_or_default();
        // A line that never ends is no command.
        let near = line.get(line.len().saturating_sub(400)..).unwrap_or(line);
        if ON_THE_LINE
            .iter()
            .any(|words| memmem::find(near, words.as_bytes()).is_some())
            || near.starts_with(b"%") && behind.starts_with(b"%")
            || near.ends_with(b"%") && behind.starts_with(b"%")
        {
            return Some(Kind::Environment);
        }
        if matches!(self.class, Class::Script | Class::Code) && is_taken_out(behind) {
            return Some(Kind::Environment);
        }
        if matches!(self.class, Class::Script | Class::Python) && self.is_field(before, behind) {
            return Some(Kind::Environment);
        }
        if !pattern.telling {
            return None;
        }
        let alone = unquoted(before, behind).is_some()
            || self.class == Class::Config && stands_alone(line, behind);
        alone.then_some(Kind::Name)
    }

    /// Whether a name is a field of what a program wants of its environment.
    fn is_field(&self, before: &[u8], behind: &[u8]) -> bool {
        let marks = match self.class {
            Class::Python => SETTINGS,
            _ => SCHEMAS,
        };
        let opens = matches!(before.trim_ascii_end().last(), Some(b'{' | b','));
        let first = opens || begins_line(before);
        let behind = behind.strip_prefix(b"?").unwrap_or(behind);
        let field = first && matches!(behind.trim_ascii_start().first(), Some(b':'));
        field
            && *self.schema.get_or_init(|| {
                let mut marks = marks.iter();
                marks.any(|mark| memmem::find(self.text, mark.as_bytes()).is_some())
            })
    }
}

/// What stands before the quotes around a name; `None` where there are none.
fn unquoted<'a>(before: &'a [u8], behind: &[u8]) -> Option<&'a [u8]> {
    let (quote, outside) = before.split_last()?;
    let escaped = outside.strip_suffix(b"\\");
    let closing = match escaped {
        Some(_) => behind.strip_prefix(b"\\")?,
        None => behind,
    };
    let outside = escaped.unwrap_or(outside);
    let same = matches!(quote, b'"' | b'\'' | b'`') && closing.first() == Some(quote);
    // Letters before a text that say how it is meant: b"…", @"…".
    let (last, shorter) = match outside.split_last() {
        Some((last @ (b'b' | b'c' | b'r' | b'u' | b'L' | b'@'), shorter)) => (Some(last), shorter),
        _ => (None, outside),
    };
    let prefix = last.is_some() && !shorter.last().is_some_and(|byte| is_in_names(*byte));
    same.then_some(if prefix { shorter } else { outside })
}

/// Whether a text ends with these words and this bracket.
fn calls(before: &[u8], (words, bracket): (&str, char)) -> bool {
    if bracket == ' ' {
        return ends_with(before, words);
    }
    let Ok(bracket) = u8::try_from(bracket) else {
        return false;
    };
    before
        .strip_suffix(&[bracket])
        .is_some_and(|before| ends_with(before.trim_ascii_end(), words))
}

fn ends_with(text: &[u8], words: &str) -> bool {
    let at = text.len().checked_sub(words.len());
    at.and_then(|at| text.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(words.as_bytes()))
}

/// Whether nothing but blanks stands before a name on its line, or what makes it one of a list.
fn begins_line(before: &[u8]) -> bool {
    let blanks = |byte: &&u8| matches!(**byte, b' ' | b'\t');
    let blank = before.iter().rev().take_while(blanks).count();
    let rest = before.get(..before.len() - blank).unwrap_or_default();
    let rest = rest.strip_suffix(b"export").unwrap_or(rest);
    let rest = rest.strip_suffix(b"#").unwrap_or(rest);
    matches!(rest.last(), None | Some(b'\n'))
}

/// Whether a name is a key, a value or one of a list in a configuration.
fn stands_alone(line: &[u8], behind: &[u8]) -> bool {
    let end = memchr::memchr(b'\n', behind).unwrap_or(behind.len());
    let behind = behind.get(..end).unwrap_or_default().trim_ascii();
    let opens = matches!(
        line.trim_ascii_end().last(),
        None | Some(b'[' | b',' | b'{' | b':' | b'=' | b'-' | b'"' | b'\'')
    );
    let closes = matches!(
        behind.first(),
        None | Some(b':' | b'=' | b',' | b']' | b'}' | b'#' | b'"' | b'\'')
    );
    opens && closes
}

/// Whether a name stands in braces that are taken out of the environment: `} = process.env`.
fn is_taken_out(behind: &[u8]) -> bool {
    const FAR: usize = 4000;
    const NEAR: usize = 200;
    let mut depth = 0_usize;
    let near = behind.get(..FAR).unwrap_or(behind);
    let closing = near.iter().position(|byte| {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return true,
            b'}' => depth -= 1,
            _ => {}
        }
        false
    });
    let Some(rest) = closing.and_then(|at| behind.get(at + 1..)) else {
        return false;
    };
    let rest = rest.get(..NEAR).unwrap_or(rest);
    let source = match rest.trim_ascii_start().strip_prefix(b"from") {
        Some(source) => Some(source),
        None => memchr::memchr3(b'=', b';', b'{', rest)
            .filter(|at| rest.get(*at) == Some(&b'='))
            .and_then(|at| rest.get(at + 1..)),
    };
    let source = source.unwrap_or_default().trim_ascii_start();
    TAKEN_OUT_OF.iter().any(|known| {
        source.strip_prefix(known.as_bytes()).is_some_and(|rest| {
            known.contains('$') || !rest.first().is_some_and(|byte| is_in_names(*byte))
        })
    })
}

/// The words of a text: runs of what names are made of.
struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl Iterator for Words<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..)?;
        let start = self.at + rest.iter().position(|byte| is_in_names(*byte))?;
        let word = self.text.get(start..)?;
        let length = word.iter().position(|byte| !is_in_names(*byte));
        let end = start + length.unwrap_or(word.len());
        self.at = end;
        Some((start, end))
    }
}

const IN_NAMES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(
            clippy::indexing_slicing,
            reason = "a table of all bytes, made by the compiler"
        )]
        {
            table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_';
        }
        byte += 1;
    }
    table
};

fn is_in_names(byte: u8) -> bool {
    IN_NAMES.get(usize::from(byte)).copied().unwrap_or_default()
}
