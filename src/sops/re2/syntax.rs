//! Reads a pattern by the rules of Go's `regexp` (RE2 syntax with Perl's extensions) and writes it
//! in the syntax of the `regex` crate.
//!
//! Every character of the result is decided here: literals are escaped, classes are spelled as
//! ranges, flags as those that both know. Groups and greediness are dropped where only the question
//! is asked whether a pattern matches.

use std::fmt::Write;

use super::Re2Error;

/// Go's limit for one repetition and for nested ones multiplied.
const MAX_REPEAT: usize = 1000;

/// Unicode's general categories that every version of Go knows and fills alike.
const CATEGORIES: &str = "Cc Cf Co L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S \
    Sc Sk Sm So Z Zl Zp Zs";

/// Scripts that every version of Go knows. Go 1.25 does not find names with an underscore (seen in
/// sops 3.11), and only since then takes other spellings; both are left out.
const SCRIPTS: &str = "Adlam Ahom Arabic Armenian Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi \
    Braille Buginese Buhid Carian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform \
    Cypriot Cyrillic Deseret Devanagari Dogra Duployan Elbasan Elymaic Ethiopic Georgian \
    Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran Hebrew Hiragana \
    Inherited Javanese Kaithi Kannada Katakana Kharoshthi Khmer Khojki Khudawadi Lao Latin \
    Lepcha Limbu Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen \
    Medefaidrin Miao Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari Newa Nko Nushu \
    Ogham Oriya Osage Osmanya Palmyrene Phoenician Rejang Runic Samaritan Saurashtra Sharada \
    Shavian Siddham Sinhala Sogdian Soyombo Sundanese Syriac Tagalog Tagbanwa Takri Tamil Tangut \
    Telugu Thaana Thai Tibetan Tifinagh Tirhuta Ugaritic Vai Wancho Yezidi Yi";

/// What of a pattern is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether it matches.
    Whether,
    /// What it matches, and with which groups.
    What,
}

/// Translates `pattern`. The result matches what Go would match; that it is not too large is for
/// the `regex` crate to say.
pub(super) fn translate(pattern: &str, question: Question) -> Result<String, Re2Error> {
    let mut reader = Reader {
        pattern,
        question,
        at: 0,
        out: String::with_capacity(pattern.len() + 16),
        groups: Vec::new(),
        last: Last::Nothing,
        widest: 1,
    };
    while let Some(c) = reader.next() {
        reader.step(c)?;
    }
    match reader.groups.first() {
        Some(group) => Err(Re2Error::MissingParen {
            column: reader.column(group.opened),
        }),
        None => Ok(reader.out),
    }
}

/// What stands before the place that is read: decides whether it can be repeated.
#[derive(Clone, Copy)]
enum Last {
    /// The beginning of the pattern, a group or a branch.
    Nothing,
    /// Something that can be repeated, with the product of the repetitions inside.
    Atom(usize),
    /// A repetition, with the same.
    Repeat(usize),
    /// `(?i)` after one of these, with the place before the flags: Go repeats what stands there.
    Flags(usize, usize),
}

struct Group {
    opened: usize,
    widest: usize,
}

struct Reader<'a> {
    pattern: &'a str,
    question: Question,
    /// The next byte to be read.
    at: usize,
    out: String,
    groups: Vec<Group>,
    last: Last,
    /// The largest product of nested repetitions in the current group.
    widest: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn column(&self, at: usize) -> usize {
        self.pattern.get(..at).unwrap_or_default().chars().count() + 1
    }

    fn since(&self, at: usize) -> String {
        self.pattern.get(at..self.at).unwrap_or_default().into()
    }

    fn unsupported(&self, at: usize, what: impl Into<String>) -> Re2Error {
        Re2Error::Unsupported {
            column: self.column(at),
            what: what.into(),
        }
    }

    fn atom(&mut self) {
        self.last = Last::Atom(1);
    }

    fn literal(&mut self, c: char) {
        push_char(&mut self.out, c);
        self.atom();
    }

    /// Reads what begins with `c`, which has just been read.
    fn step(&mut self, c: char) -> Result<(), Re2Error> {
        let start = self.at - c.len_utf8();
        match c {
            '(' if self.peek() == Some('?') => self.special_group(start)?,
            '(' => self.open_group(start),
            ')' => {
                let column = self.column(start);
                let group = self
                    .groups
                    .pop()
                    .ok_or(Re2Error::UnexpectedParen { column })?;
                self.out.push(')');
                self.last = Last::Atom(self.widest);
                self.widest = self.widest.max(group.widest);
            }
            '|' => {
                self.out.push('|');
                self.last = Last::Nothing;
            }
            '^' | '$' | '.' => {
                self.out.push(c);
                self.atom();
            }
            '[' => self.class(start)?,
            '*' => self.repeat(start, 1, "*")?,
            '+' => self.repeat(start, 1, "+")?,
            '?' => self.repeat(start, 1, "?")?,
            '{' => self.braces(start)?,
            '\\' => self.escape(start)?,
            c => self.literal(c),
        }
        Ok(())
    }

    /// A group with a number; its name does not matter.
    fn open_group(&mut self, start: usize) {
        match self.question {
            Question::Whether => self.open(start, "(?:"),
            Question::What => self.open(start, "("),
        }
    }

    fn open(&mut self, start: usize, text: &str) {
        self.groups.push(Group {
            opened: start,
            widest: self.widest,
        });
        self.out.push_str(text);
        self.last = Last::Nothing;
        self.widest = 1;
    }

    /// `(?P<name>`, `(?<name>`, `(?flags)`, `(?flags:`; the parenthesis has been read.
    fn special_group(&mut self, start: usize) -> Result<(), Re2Error> {
        self.eat("?");
        let bad = |reader: &Self| Re2Error::BadGroup {
            column: reader.column(start),
            group: reader.since(start),
        };
        if self.eat("P<") || self.eat("<") {
            let name = self.rest().find('>').and_then(|end| self.rest().get(..end));
            let valid = |name: &&str| {
                !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
            };
            let name = name.filter(valid).ok_or_else(|| bad(self))?;
            self.at += name.len() + 1;
            self.open_group(start);
            return Ok(());
        }
        let (mut on, mut off) = (String::new(), String::new());
        let (mut negative, mut seen) = (false, false);
        loop {
            let c = self.next().ok_or_else(|| bad(self))?;
            match c {
                'i' | 'm' | 's' | 'U' => {
                    seen = true;
                    let (to, from) = if negative {
                        (&mut off, &mut on)
                    } else {
                        (&mut on, &mut off)
                    };
                    from.retain(|flag| flag != c);
                    let counts = c != 'U' || self.question == Question::What;
                    if counts && !to.contains(c) {
                        to.push(c);
                    }
                }
                '-' if !negative => (negative, seen) = (true, false),
                ':' | ')' if !negative || seen => {
                    let minus = if off.is_empty() { "" } else { "-" };
                    let flags = format!("(?{on}{minus}{off}");
                    if c == ':' {
                        self.open(start, &format!("{flags}:"));
                    } else {
                        self.last = match self.last {
                            Last::Atom(inner) | Last::Repeat(inner) => {
                                Last::Flags(inner, self.out.len())
                            }
                            last => last,
                        };
                        if !on.is_empty() || !off.is_empty() {
                            self.out.push_str(&flags);
                            self.out.push(')');
                        }
                    }
                    return Ok(());
                }
                _ => return Err(bad(self)),
            }
        }
    }

    /// Repeats what stands before. The operator began at `start` and ends where the reader is;
    /// the `?` that would make it lazy is taken too. `translated` is what is written, `count` how
    /// many copies it stands for.
    fn repeat(&mut self, start: usize, count: usize, translated: &str) -> Result<(), Re2Error> {
        let (column, operator) = (self.column(start), self.since(start));
        let (inner, place) = match self.last {
            Last::Atom(inner) => (inner, self.out.len()),
            Last::Flags(inner, place) => (inner, place),
            Last::Nothing => return Err(Re2Error::NothingToRepeat { column, operator }),
            Last::Repeat(_) => return Err(Re2Error::DoubleRepeat { column, operator }),
        };
        let product = inner * count;
        if product > MAX_REPEAT {
            return Err(Re2Error::RepeatSize { column, operator });
        }
        let lazy = self.eat("?") && self.question == Question::What;
        self.out.insert_str(place, if lazy { "?" } else { "" });
        self.out.insert_str(place, translated);
        self.widest = self.widest.max(product);
        self.last = Last::Repeat(product);
        Ok(())
    }

    /// `{n}`, `{n,}`, `{n,m}`, or a brace that means itself.
    fn braces(&mut self, start: usize) -> Result<(), Re2Error> {
        let body = self.rest();
        let Some((min, max, len)) = counts(body) else {
            self.literal('{');
            return Ok(());
        };
        self.at += len;
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
            return Err(Re2Error::RepeatSize {
                column: self.column(start),
                operator: self.since(start),
            });
        }
        // Go counts the maximum, or the minimum where there is no maximum.
        let count = match max {
            Some(max) => max,
            None => min.max(1),
        };
        let operator = self.since(start);
        self.repeat(start, count, &operator)
    }

    /// What follows a backslash outside a class.
    fn escape(&mut self, start: usize) -> Result<(), Re2Error> {
        if self.eat("Q") {
            let (text, skip) = match self.rest().find("\\E") {
                Some(end) => (self.rest().get(..end).unwrap_or_default(), end + 2),
                None => (self.rest(), self.rest().len()),
            };
            for c in text.chars() {
                self.literal(c);
            }
            // `a*\Q\E*` is legal in Go.
            if let Last::Repeat(inner) = self.last {
                self.last = Last::Atom(inner);
            }
            self.at += skip;
            return Ok(());
        }
        for (name, translated) in [
            ("A", r"\A"),
            ("z", r"\z"),
            ("b", r"(?-u:\b)"),
            ("B", r"(?-u:\B)"),
        ] {
            if self.eat(name) {
                self.out.push_str(translated);
                self.atom();
                return Ok(());
            }
        }
        if let Some(class) = self.class_escape(start)? {
            self.out.push_str(&class);
            self.atom();
            return Ok(());
        }
        let code = self.escaped_char(start)?;
        match char::from_u32(code) {
            Some(c) => self.literal(c),
            None => return Err(self.unsupported(start, "this is half of a surrogate pair")),
        }
        Ok(())
    }

    /// `\d`, `\p{Greek}` and the like, whose backslash has been read, in either place.
    fn class_escape(&mut self, start: usize) -> Result<Option<String>, Re2Error> {
        for (name, translated) in [
            ("d", "[0-9]"),
            ("D", "[^0-9]"),
            ("s", r"[\t\n\x0C\r\x20]"),
            ("S", r"[^\t\n\x0C\r\x20]"),
            ("w", "[0-9A-Za-z_]"),
            ("W", "[^0-9A-Za-z_]"),
        ] {
            if self.eat(name) {
                return Ok(Some(translated.into()));
            }
        }
        let mut negated = match self.peek() {
            Some('p') => false,
            Some('P') => true,
            _ => return Ok(None),
        };
        self.next();
        let text = if self.eat("{") {
            match self.rest().find('}') {
                Some(end) => {
                    let text = self.rest().get(..end).unwrap_or_default();
                    self.at += end + 1;
                    text
                }
                None => "",
            }
        } else {
            let text = self.rest();
            let len = self.next().map_or(0, char::len_utf8);
            text.get(..len).unwrap_or_default()
        };
        let name = text.strip_prefix('^').unwrap_or(text);
        negated ^= name.len() != text.len();
        let listed = |list: &str| list.split_ascii_whitespace().any(|known| known == name);
        let class = if name == "Any" {
            r"\x{0}-\x{10FFFF}".into()
        } else if listed(CATEGORIES) {
            format!(r"\p{{gc={name}}}")
        } else if listed(SCRIPTS) {
            format!(r"\p{{sc={name}}}")
        } else {
            let what = format!(
                "`{}` is not known to every version of sops",
                self.since(start)
            );
            return Err(self.unsupported(start, what));
        };
        Ok(Some(format!("[{}{class}]", if negated { "^" } else { "" })))
    }

    /// The code point of an escape that stands for one character; its backslash has been read.
    fn escaped_char(&mut self, start: usize) -> Result<u32, Re2Error> {
        let code = self.next().and_then(|c| {
            Some(match c {
                '1'..='7' if !matches!(self.peek(), Some('0'..='7')) => return None,
                '0'..='7' => {
                    let mut code = c.to_digit(8)?;
                    for _ in 0..2 {
                        let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else {
                            break;
                        };
                        self.at += 1;
                        code = code * 8 + digit;
                    }
                    code
                }
                'x' if self.eat("{") => {
                    let digits = self.rest().split('}').next()?;
                    self.at += digits.len();
                    if !self.eat("}") || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
                        return None;
                    }
                    // Leading zeros may be many.
                    let significant = match digits.trim_start_matches('0') {
                        "" if digits.is_empty() => return None,
                        "" => "0",
                        significant => significant,
                    };
                    let code = u32::from_str_radix(significant, 16).ok();
                    code.filter(|code| *code <= 0x0010_FFFF)?
                }
                'x' => {
                    let high = self.next()?.to_digit(16);
                    let low = self.next()?.to_digit(16);
                    high? * 16 + low?
                }
                'a' => 0x07,
                'f' => 0x0C,
                'n' => 0x0A,
                'r' => 0x0D,
                't' => 0x09,
                'v' => 0x0B,
                c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
                _ => return None,
            })
        });
        code.ok_or_else(|| Re2Error::BadEscape {
            column: self.column(start),
            escape: self.since(start),
        })
    }

    /// A bracketed class, whose bracket has been read.
    fn class(&mut self, start: usize) -> Result<(), Re2Error> {
        let mut class = String::from(if self.eat("^") { "[^" } else { "[" });
        let head = class.len();
        let mut first = true;
        loop {
            let item = self.at;
            let Some(c) = self.next() else {
                return Err(Re2Error::MissingBracket {
                    column: self.column(start),
                });
            };
            match c {
                ']' if !first => break,
                '[' if posix_len(self.rest()).is_some() => self.posix(item, &mut class)?,
                '\\' => {
                    if let Some(escape) = self.class_escape(item)? {
                        class.push_str(&escape);
                    } else {
                        let low = self.escaped_char(item)?;
                        self.range(start, item, low, &mut class)?;
                    }
                }
                c => self.range(start, item, u32::from(c), &mut class)?,
            }
            first = false;
        }
        if class.len() == head {
            return Err(self.unsupported(start, "this is a class of surrogates"));
        }
        class.push(']');
        self.out.push_str(&class);
        self.atom();
        Ok(())
    }

    /// `[:alpha:]`, whose bracket has been read.
    fn posix(&mut self, item: usize, class: &mut String) -> Result<(), Re2Error> {
        self.at += posix_len(self.rest()).unwrap_or_default();
        let text = self.since(item);
        let name = text.trim_matches(['[', ']', ':']);
        let name = name.strip_prefix('^').unwrap_or(name);
        let known = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        // `[::]`, `[:^:alpha:]` and so on must not pass for their trimmed forms.
        if !known.contains(&name)
            || (text != format!("[:{name}:]") && text != format!("[:^{name}:]"))
        {
            return Err(Re2Error::BadClass {
                column: self.column(item),
                class: text,
            });
        }
        class.push_str(&text);
        Ok(())
    }

    /// The rest of `low` or `low-high` in a class that began at `start`.
    fn range(
        &mut self,
        start: usize,
        item: usize,
        low: u32,
        class: &mut String,
    ) -> Result<(), Re2Error> {
        let mut high = low;
        let rest = self.rest();
        if rest.len() >= 2 && rest.starts_with('-') && !rest.starts_with("-]") {
            self.at += 1;
            let at = self.at;
            high = match self.next() {
                Some('\\') => self.escaped_char(at)?,
                Some(c) => u32::from(c),
                None => {
                    return Err(Re2Error::MissingBracket {
                        column: self.column(start),
                    });
                }
            };
            if high < low {
                return Err(Re2Error::BadClass {
                    column: self.column(item),
                    class: self.since(item),
                });
            }
        }
        // Surrogates stand in no text, and `regex` refuses them.
        let surrogates = 0xD800..=0xDFFF;
        let outside = |code, other| match code {
            code if surrogates.contains(&code) => other,
            code => code,
        };
        let (low, high) = (outside(low, 0xE000), outside(high, 0xD7FF));
        if low <= high {
            push_range(class, low, high);
        }
        Ok(())
    }
}

/// The length of `:name:]`, whatever the name is; `None` if it is not of that form.
fn posix_len(rest: &str) -> Option<usize> {
    let name = rest.strip_prefix(':')?;
    Some(name.find(":]")? + 3)
}

fn push_char(out: &mut String, c: char) {
    if c == '_' || c.is_ascii_alphanumeric() {
        out.push(c);
    } else {
        push_code(out, u32::from(c));
    }
}

fn push_code(out: &mut String, code: u32) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{{{code:X}}}");
}

fn push_range(out: &mut String, low: u32, high: u32) {
    push_code(out, low);
    if high > low {
        out.push('-');
        push_code(out, high);
    }
}

/// Reads the counts after a `{`: minimum, maximum (`None` for no limit), and the length up to and
/// with the closing brace. `None` if it is no repetition, so that the brace is a literal.
fn counts(body: &str) -> Option<(usize, Option<usize>, usize)> {
    let (inside, _) = body.split_once('}')?;
    let (min, max) = match inside.split_once(',') {
        None => (inside, Some(inside)),
        Some((min, "")) => (min, None),
        Some((min, max)) => (min, Some(max)),
    };
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        // A number that does not fit is far over the limit.
        (plain && !leading_zero).then(|| digits.parse().unwrap_or(usize::MAX))
    };
    let max = match max {
        Some(max) => Some(number(max)?),
        None => None,
    };
    Some((number(min)?, max, inside.len() + 1))
}

#[cfg(test)]
mod tests;
