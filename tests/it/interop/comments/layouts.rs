//! Layouts of comments: by hand, and at random.

use std::fmt::Write as _;

use crate::interop::dice::Dice;

/// What a layout shows, and its text. Comments are numbered so that none is like another.
pub(super) const LAYOUTS: &[(&str, &str)] = &[
    ("above the first key", "# 1\na: 1\n"),
    (
        "a header set off by a blank line",
        "# 1\n# 2\n\n# 3\na: 1\nb: 2\n",
    ),
    (
        "beside values",
        "a: 1 # 1\nb: \"x\" # 2\nc: # 3\nd: | # 4\n  x\ne: [x] # 5\nf: {g: x} # 6\n",
    ),
    ("beside a map's key", "a: # 1\n  b: 1\nc: 2\n"),
    ("beside a list's key", "a: # 1\n  - x\nb: # 2\n- y\nc: 3\n"),
    (
        "beside a dash",
        "a:\n  - # 1\n    - x\n  - # 2\n    b: y\n  - # 3\n    z\n",
    ),
    (
        "between items",
        "a:\n  # 1\n  - x\n  # 2\n  - y\n  # 3\nb: 1\n",
    ),
    (
        "between items without indentation",
        "a:\n# 1\n- x\n# 2\n- y\n# 3\nb: 1\n# 4\n",
    ),
    (
        "beside items",
        "a:\n  - x # 1\n  - b: y # 2\n    c: z # 3\n  - - w # 4\n",
    ),
    (
        "above maps in a list",
        "a:\n  # 1\n  - b: x\n    # 2\n    c: y\n  # 3\n  - b: z\n",
    ),
    (
        "above lists in a list",
        "a:\n  # 1\n  - - x\n    # 2\n    - y\n  # 3\n  - - z\n",
    ),
    (
        "below a value, then blank",
        "a: 1\n# 1\n\nb: 2\n# 2\n\n# 3\nc: 3\n",
    ),
    (
        "below a nested value, then blank",
        "a:\n  b: 1\n  # 1\n\nc: 2\n",
    ),
    ("below the last nested value", "a:\n  b: 1\n  # 1\nc: 2\n"),
    (
        "nested dedents",
        "a:\n  b:\n    c: 1\n    # 1\n  # 2\n# 3\nd: 2\n",
    ),
    (
        "nested dedents with blanks",
        "a:\n  b:\n    c: 1\n\n    # 1\n\n  # 2\n\n# 3\n\nd: 2\n",
    ),
    (
        "dedents out of a list",
        "a:\n  b:\n    - x\n    # 1\n  # 2\n# 3\nd: 2\n",
    ),
    (
        "in columns of nobody",
        "a:\n    b: 1\n  # 1\n      # 2\n # 3\nc: 2\n",
    ),
    (
        "runs with changing columns",
        "a:\n  # 1\n    # 2\n  # 3\n# 4\n  b: 1\n  # 5\n    # 6\nc: 2\n",
    ),
    (
        "inside flow maps",
        "a: { # 1\n  # 2\n  b: 1, # 3\n  # 4\n  c: 2 # 5\n  # 6\n}\nd: 3\n",
    ),
    (
        "inside flow lists",
        "a: [ # 1\n  # 2\n  x, # 3\n  # 4\n  y # 5\n  # 6\n]\nd: 3\n",
    ),
    (
        "below a block text",
        "a: |\n  x\n\n# 1\nb: >-\n  y\n# 2\n\nc:\n  d: |+\n    z\n\n  # 3\ne: 1\n",
    ),
    (
        "below an empty value",
        "a:\n# 1\nb:\n  c:\n  # 2\n\n  # 3\n  d: 1\n",
    ),
    ("above a missing value", "a:\n  # 1\nb: 2\n"),
    ("after the last key", "a: 1\n# 1\n"),
    (
        "after the last key, set off",
        "a:\n  b: 1\n  # 1\n\n# 2\n\n# 3\n",
    ),
    ("after the last item", "a:\n  - x\n  # 1\n# 2\n"),
    ("without a line break at the end", "a: 1\n# 1"),
    ("before a document's mark", "# 1\n---\n# 2\na: 1\n"),
    ("beside a document's mark", "--- # 1\na: 1\n"),
    (
        "between documents",
        "a: 1\n# 1\n---\n# 2\nb: 2\n# 3\n\n# 4\n---\nc: 3\n# 5\n",
    ),
    ("before a document's end", "a:\n  b: 1\n  # 1\n# 2\n...\n"),
    (
        "behind an anchor and a tag",
        "a: &x # 1\n  b: 1\nc: !local # 2\n  d: 2\ne: !!str f # 3\n",
    ),
    (
        "beside a quoted key",
        "\"a\": # 1\n  'b': 1 # 2\n# 3\n\"c # d\": 2\n",
    ),
    (
        "around a text of several lines",
        "a: x\n  y # 1\n# 2\nb: \"x\n  y\" # 3\n# 4\nc: 1\n",
    ),
    (
        "around an explicit key",
        "# 1\n? a # 2\n: 1 # 3\n# 4\nb: 2\n",
    ),
];

/// A layout at random: maps, lists and texts of all kinds, with comments and blank lines wherever
/// they may stand.
pub(super) fn layout(seed: u64) -> String {
    let mut writer = Writer {
        dice: Dice(seed),
        keys: 0,
        comments: 0,
        out: String::new(),
    };
    let documents = 1 + writer.dice.of(8) / 6;
    for document in 0..documents {
        if document > 0 {
            writer.noise(0);
            writer.out.push_str("---\n");
        }
        writer.noise(0);
        writer.map(0, 0);
        writer.noise(0);
    }
    writer.out
}

struct Writer {
    dice: Dice,
    keys: usize,
    comments: usize,
    out: String,
}

impl Writer {
    fn comment(&mut self) -> String {
        self.comments += 1;
        format!("# {}", self.comments)
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("k{}", self.keys)
    }

    /// A comment beside something, sometimes.
    fn beside(&mut self) -> String {
        match self.dice.of(6) {
            0 => format!("  {}", self.comment()),
            _ => String::new(),
        }
    }

    fn noise(&mut self, indent: usize) {
        for _ in 0..[0, 0, 0, 1, 1, 2, 3][self.dice.of(7)] {
            if self.dice.of(3) == 0 {
                self.out.push('\n');
                continue;
            }
            let columns = [
                indent,
                indent,
                indent,
                indent,
                0,
                indent.saturating_sub(2),
                indent + 2,
            ];
            let column = columns[self.dice.of(columns.len())];
            let comment = self.comment();
            writeln!(self.out, "{:column$}{comment}", "").unwrap();
        }
    }

    fn map(&mut self, indent: usize, depth: usize) {
        for _ in 0..=self.dice.of(3) {
            self.noise(indent);
            let key = self.key();
            write!(self.out, "{:indent$}{key}:", "").unwrap();
            self.value(indent, depth);
        }
    }

    /// What stands behind a colon.
    fn value(&mut self, indent: usize, depth: usize) {
        let step = [0, 2, 2, 4][self.dice.of(4)];
        match self.dice.of(if depth < 3 { 8 } else { 4 }) {
            4 | 5 => {
                let beside = self.beside();
                writeln!(self.out, "{beside}").unwrap();
                self.map(indent + step.max(2), depth + 1);
            }
            6 | 7 => {
                let beside = self.beside();
                writeln!(self.out, "{beside}").unwrap();
                self.list(indent + step, depth + 1);
            }
            3 => self.flow(indent),
            _ => self.scalar(indent),
        }
    }

    fn list(&mut self, indent: usize, depth: usize) {
        for _ in 0..=self.dice.of(3) {
            self.noise(indent);
            write!(self.out, "{:indent$}-", "").unwrap();
            if depth < 3 && self.dice.of(3) == 0 {
                let key = self.key();
                write!(self.out, " {key}:").unwrap();
                self.scalar(indent + 2);
                self.map(indent + 2, depth + 1);
            } else {
                self.scalar(indent);
            }
        }
    }

    fn scalar(&mut self, indent: usize) {
        let beside = self.beside();
        let text = match self.dice.of(8) {
            0 => format!("{beside}\n"),
            1 => format!(" \"q v\"{beside}\n"),
            2 => format!(" 'q v'{beside}\n"),
            3 => format!(" [x, y]{beside}\n"),
            // Deeper than comments come, which would be part of the text.
            4 => format!(" |{beside}\n{0:1$}text\n\n", "", indent + 6),
            5 => format!(" >-{beside}\n{0:1$}text\n{0:1$}more\n", "", indent + 6),
            _ => format!(" v{beside}\n"),
        };
        self.out.push_str(&text);
    }

    fn flow(&mut self, indent: usize) {
        let map = self.dice.of(2) == 0;
        let beside = self.beside();
        writeln!(self.out, " {}{beside}", if map { '{' } else { '[' }).unwrap();
        for _ in 0..=self.dice.of(3) {
            self.noise(indent + 2);
            let key = if map {
                format!("{}: ", self.key())
            } else {
                String::new()
            };
            let beside = self.beside();
            writeln!(self.out, "{:1$}{key}x,{beside}", "", indent + 2).unwrap();
        }
        self.noise(indent + 2);
        let beside = self.beside();
        writeln!(
            self.out,
            "{:indent$}{}{beside}",
            "",
            if map { '}' } else { ']' }
        )
        .unwrap();
    }
}
