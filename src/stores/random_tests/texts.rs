//! Texts that nobody would write, drawn from numbers that look random.

use std::fmt::Write as _;

use crate::stores::Format;

/// Numbers that look random: `SplitMix64`.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// One of `0..sides`.
    pub(super) fn of(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    pub(super) fn one_in(&mut self, sides: usize) -> bool {
        self.of(sides) == 0
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.of(of.len())]
    }
}

/// A text of a type; not all of them are valid.
pub(super) fn text(format: Format, seed: u64) -> String {
    let mut writer = Writer {
        dice: Dice(seed),
        out: String::new(),
        keys: 0,
        anchors: Vec::new(),
    };
    match format {
        Format::Yaml => writer.yaml(),
        Format::Json => writer.json(),
        Format::Dotenv => writer.dotenv(),
        Format::Ini => writer.ini(),
        Format::Binary => writer.out = format!("{seed:x}\0\n"),
    }
    let mut text = writer.out;
    if writer.dice.one_in(6) && text.ends_with('\n') {
        text.pop();
    }
    if writer.dice.one_in(12) {
        text = text.replace('\n', "\r\n");
    }
    if writer.dice.one_in(4) {
        // signs that mean something elsewhere
        let sign = writer
            .dice
            .pick(&["?", " ?", " :", " -", " &a", " !b", ": |", "\"", "[", "#"]);
        for word in ["# note", "# two", "# beside", "# deeper"] {
            text = text.replace(word, &format!("{word}{sign}"));
        }
    }
    text
}

/// Writes a text.
struct Writer {
    dice: Dice,
    out: String,
    keys: usize,
    anchors: Vec<usize>,
}

impl Writer {
    fn yaml(&mut self) {
        let documents = [1, 1, 1, 2, 2, 3][self.dice.of(6)];
        for number in 0..documents {
            if number > 0 || self.dice.one_in(5) {
                let line =
                    self.dice
                        .pick(&["---\n", "---\n", "---\n", "--- # start\n", "...\n---\n"]);
                self.out += line;
            }
            if self.dice.one_in(12) {
                let line = self
                    .dice
                    .pick(&["", "{}\n", "# lone\n", "{a: 1, b: [x, y]}\n"]);
                self.out += line;
                continue;
            }
            self.anchors.clear();
            self.map(0, true);
        }
    }

    fn noise(&mut self, indent: usize) {
        let pad = " ".repeat(indent);
        match self.dice.of(9) {
            0 => self.out += "\n",
            1 => writeln!(self.out, "{pad}# note").unwrap(),
            2 => writeln!(self.out, "\n{pad}# one\n{pad}# two").unwrap(),
            3 if self.dice.one_in(4) => writeln!(self.out, "{pad}  # deeper").unwrap(),
            4 if self.dice.one_in(4) => self.out += "# at the left\n",
            _ => {}
        }
    }

    fn map(&mut self, indent: usize, noisy: bool) {
        for number in 0..=self.dice.of(3) {
            if noisy || number > 0 {
                self.noise(indent);
            }
            if number > 0 || noisy {
                self.out += &" ".repeat(indent);
            }
            self.keys += 1;
            let key = self.keys;
            match self.dice.of(12) {
                0 => write!(self.out, "\"k {key}\":").unwrap(),
                1 => write!(self.out, "'k{key}' :").unwrap(),
                2 => write!(self.out, "? k{key}\n{}:", " ".repeat(indent)).unwrap(),
                _ => write!(self.out, "k{key}:").unwrap(),
            }
            if self.dice.one_in(10) {
                write!(self.out, " &a{key}").unwrap();
                self.anchors.push(key);
            } else if self.dice.one_in(8) && !self.anchors.is_empty() {
                let anchor = self.anchors[self.dice.of(self.anchors.len())];
                writeln!(self.out, " *a{anchor}").unwrap();
                continue;
            }
            self.value(indent, false);
        }
        if self.dice.one_in(3) {
            self.noise(indent);
        }
    }

    fn list(&mut self, indent: usize) {
        for _ in 0..=self.dice.of(2) {
            self.noise(indent);
            self.out += &" ".repeat(indent);
            self.out += "-";
            if self.dice.one_in(4) {
                self.out += " ";
                self.map(indent + 2, false);
            } else {
                self.value(indent, true);
            }
        }
    }

    fn value(&mut self, indent: usize, in_list: bool) {
        let deep = indent > 6;
        match self.dice.of(14) {
            0 if !deep => {
                self.out += self.dice.pick(&["\n", "\n", " # opens\n"]);
                self.map(indent + 2, true);
            }
            1 if !deep && !in_list => {
                self.out += self.dice.pick(&["\n", "\n", " # opens\n"]);
                let step = [0, 2][self.dice.of(2)];
                self.list(indent + step);
            }
            2..5 => self.block(indent),
            5 => {
                self.out += self
                    .dice
                    .pick(&["\n", " null\n", " ~\n", " \n", " {}\n", " []\n"]);
            }
            6 => {
                self.out += self.dice.pick(&[
                    " {x: 1, y: 'z'}\n",
                    " [a, \"b\", 3]\n",
                    " [\n  # in\n  a,\n  b, # beside\n  ]\n",
                    " {x: [1, {y: 2}]} # flow\n",
                ]);
            }
            7 => {
                self.out += self.dice.pick(&[
                    " two\n    lines\n",
                    " \"two\n\n    lines\"\n",
                    " 'it''s\n    so'\n",
                ]);
            }
            _ => {
                let scalar = self.dice.pick(&[
                    " plain",
                    " 'single'",
                    " \"double\\n\"",
                    " 1.10",
                    " 0x1F",
                    " TRUE",
                    " 2024-01-02",
                    " \"\"",
                    " ''",
                    " !!str 5",
                    " !local x",
                    "   wide",
                    " a#b",
                    " ünï",
                ]);
                self.out += scalar;
                self.out += self.dice.pick(&[
                    "\n",
                    "\n",
                    "\n",
                    " # beside\n",
                    "  #x\n",
                    "\t# tab\n",
                    " \n",
                ]);
            }
        }
    }

    fn block(&mut self, indent: usize) {
        let digit = self.dice.one_in(4).then(|| 1 + self.dice.of(3));
        let width = digit.unwrap_or(1 + self.dice.of(3));
        let sign = self.dice.pick(&["|", "|", ">"]);
        let chomp = self.dice.pick(&["", "", "-", "+"]);
        let digit = digit.map(|digit| digit.to_string()).unwrap_or_default();
        let beside = self.dice.pick(&["", "", "", " # header"]);
        writeln!(self.out, " {sign}{digit}{chomp}{beside}").unwrap();
        let pad = " ".repeat(indent + width);
        for _ in 0..self.dice.of(5) {
            match self.dice.of(9) {
                0 => self.out += "\n",
                1 => {
                    writeln!(self.out, "{}", " ".repeat(self.dice.of(indent + width + 3))).unwrap();
                }
                2 => writeln!(self.out, "{pad}  more").unwrap(),
                3 => writeln!(self.out, "{pad}# no comment").unwrap(),
                4 => writeln!(self.out, "{pad}\ttab ").unwrap(),
                _ => writeln!(self.out, "{pad}line").unwrap(),
            }
        }
    }

    fn json(&mut self) {
        self.out += self.dice.pick(&["", "", " \n", "\u{feff}"]);
        self.object(0);
        self.out += self.dice.pick(&["\n", "\n", "", "\n\n"]);
    }

    fn object(&mut self, depth: usize) {
        let (open, close, broken) = (self.dice.pick(&["{", "{", "{ "]), "}", self.dice.one_in(2));
        self.out += open;
        for number in 0..self.dice.of(4) {
            if number > 0 {
                self.out += self.dice.pick(&[",", ", ", " ,"]);
            }
            self.line(depth + 1, broken);
            self.keys += 1;
            let key = match self.dice.of(12) {
                0 => "\"same\"".to_owned(),
                1 => format!("\"k\\u0041{}\"", self.keys),
                _ => format!("\"k{}\"", self.keys),
            };
            self.out += &key;
            self.out += self.dice.pick(&[":", ": ", " : "]);
            self.json_value(depth + 1);
        }
        self.line(depth, broken);
        self.out += close;
    }

    fn line(&mut self, depth: usize, broken: bool) {
        if broken {
            write!(self.out, "\n{}", "  ".repeat(depth)).unwrap();
        }
    }

    fn json_value(&mut self, depth: usize) {
        match self.dice.of(8) {
            0 if depth < 4 => self.object(depth),
            1 if depth < 4 => {
                let broken = self.dice.one_in(2);
                self.out += "[";
                for number in 0..self.dice.of(4) {
                    if number > 0 {
                        self.out += ",";
                    }
                    self.line(depth + 1, broken);
                    self.json_value(depth + 1);
                }
                self.line(depth, broken);
                self.out += "]";
            }
            _ => {
                self.out += self.dice.pick(&[
                    "\"x\"",
                    "\"\"",
                    "\"a\\nb\\u00e9\\/\"",
                    "1",
                    "-0",
                    "1e3",
                    "1.50",
                    "12345678901234567890",
                    "true",
                    "false",
                    "null",
                    "{}",
                    "[]",
                ]);
            }
        }
    }

    fn dotenv(&mut self) {
        for _ in 0..=self.dice.of(5) {
            self.keys += 1;
            let key = self.keys;
            match self.dice.of(9) {
                0 => self.out += "\n",
                1 => self.out += "# note\n",
                2 => self.out += "#\n",
                3 => writeln!(self.out, "same={key}").unwrap(),
                4 => writeln!(self.out, "export k{key}=x").unwrap(),
                _ => {
                    let value = self.dice.pick(&[
                        "x",
                        "",
                        " blank ",
                        "\"quoted\"",
                        "a=b",
                        "#x",
                        "a\\nb",
                        "ünï",
                        "'",
                        "1",
                    ]);
                    writeln!(self.out, "k{key}={value}").unwrap();
                }
            }
        }
    }

    fn ini(&mut self) {
        for _ in 0..=self.dice.of(8) {
            self.keys += 1;
            let key = self.keys;
            match self.dice.of(10) {
                0 => self.out += "\n",
                1 => self.out += "; note\n",
                2 => self.out += "# note\n",
                3 => writeln!(self.out, "[s{key}]").unwrap(),
                4 => writeln!(self.out, "[s{key}] ; beside").unwrap(),
                5 => writeln!(self.out, "k{key} = \"\"\"two\nlines\"\"\"").unwrap(),
                _ => {
                    let value = self.dice.pick(&[
                        "x",
                        "",
                        "\"quoted\"",
                        "a=b",
                        "x ; beside",
                        "`tick`",
                        "ünï",
                        "'s'",
                        "1",
                    ]);
                    let sign = self.dice.pick(&[" = ", "=", "   = ", ": "]);
                    writeln!(self.out, "k{key}{sign}{value}").unwrap();
                }
            }
        }
    }
}
