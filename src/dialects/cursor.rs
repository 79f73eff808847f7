//! Walking through a text.

/// Where the lines of a text begin.
pub struct Lines {
    breaks: Vec<usize>,
}

impl Lines {
    /// Looks for the line breaks of `text`.
    pub fn new(text: &str) -> Self {
        Self {
            breaks: memchr::memchr_iter(b'\n', text.as_bytes()).collect(),
        }
    }

    /// The line, from 1, on which byte `at` stands.
    pub fn of(&self, at: usize) -> usize {
        self.breaks.partition_point(|line_break| *line_break < at) + 1
    }
}

/// A place in a text, always between two characters.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The byte it stands at.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What follows.
    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What stands between `start` and here.
    pub(super) fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Steps over `expected` if it is what follows.
    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    /// Steps over characters as long as they fit; says what they were.
    pub(super) fn eat_while(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Goes to byte `at` of the text, which must be between two characters.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at.min(self.text.len());
    }

    /// Goes to the next line break, or to the end; says what it went over.
    pub(super) fn skip_line(&mut self) -> &'t str {
        self.eat_while(|c| c != '\n')
    }

    /// Steps over `export` and the blanks behind it, where a name follows.
    pub(super) fn eat_export(&mut self) {
        let mut ahead = *self;
        if ahead.eat("export") && !ahead.eat_while(is_blank).is_empty() && ahead.peek() != Some('=')
        {
            *self = ahead;
        }
    }
}

/// A space or a tab.
pub(super) fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// Whether a `$` at the beginning of `rest` is one that shells put something in the place of.
pub(super) fn is_reference(rest: &str) -> bool {
    let Some(after) = rest.strip_prefix('$') else {
        return false;
    };
    after.starts_with(|c: char| c.is_ascii_alphanumeric() || "_{($!?#@*-'\"".contains(c))
}
