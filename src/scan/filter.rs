//! The part of Betterleaks's filter language that needs nothing but the finding and its path.
//!
//! ```text
//! expression  a || b, a && b, !a, (a), true, false
//! conditions  matchesAny(text, [regex, …])      containsAny(text, [word, …])
//!             entropy(text) <= number           failsTokenEfficiency(text), tokenEfficiencyOK(text)
//!             text == "…", text != "…"          text in ["…", …]
//!             text contains "…"                 text startsWith "…", text endsWith "…"
//! texts       finding["secret"], finding["match"], finding["line"], finding["rule_id"]
//!             attributes["path"], get(attributes, "path", "…"), attributes[?"path"].orValue("…")
//! strings     "…" and '…' with escapes; `…`, r"…" and r"""…""" without
//! ```
//!
//! Functions may stand behind `filter.`, and the last three conditions may be written as methods,
//! `text.startsWith("…")`. A filter that says `true` drops the finding. Everything else (`let`, the
//! ternary, other attributes, other functions) is refused by [`Filter::read`].
//!
//! `failsTokenEfficiency` asks a tokenizer whose vocabulary has megabytes; here it is
//! [`reads_like_words`], which judges by how letters follow each other.

use super::entropy::shannon;
use super::judge::{Match, holds_word};
use super::pattern::Pattern;
use super::rule::Target;
use super::rules::parse;
use super::words::reads_like_words;

/// A filter that is ready to judge.
#[derive(Debug)]
pub(super) struct Filter(Expression);

/// Why a filter is not taken: the character, from 1, and what is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotTaken {
    pub(super) column: usize,
    pub(super) what: String,
}

#[derive(Debug)]
enum Expression {
    Constant(bool),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Matches(Subject, Vec<Pattern>),
    Contains(Subject, Vec<String>),
    Entropy(Subject, Order, f64),
    Words(Subject),
    Is(Subject, Vec<String>),
    Has(Subject, Place, String),
}

/// A text that is asked about.
#[derive(Clone, Debug)]
enum Subject {
    Finding(Target),
    Rule,
    /// The path, or this where there is none.
    Path(String),
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Anywhere,
    Start,
    End,
}

/// Deepest nesting of parentheses.
const DEEPEST: usize = 32;

impl Filter {
    /// Reads a filter.
    pub(super) fn read(source: &str) -> Result<Self, NotTaken> {
        let mut reader = Reader {
            source,
            at: 0,
            depth: 0,
        };
        let expression = reader.any()?;
        reader.blank();
        if reader.rest().is_empty() {
            Ok(Self(expression))
        } else {
            Err(reader.not_taken())
        }
    }

    /// Whether it asks for the path alone, and not for a finding.
    pub(super) fn is_about_paths(&self) -> bool {
        self.0.is_about_paths()
    }

    /// Whether it drops the finding.
    pub(super) fn drops(&self, found: &Match<'_>) -> bool {
        self.0.holds(found)
    }
}

impl Expression {
    fn holds(&self, found: &Match<'_>) -> bool {
        match self {
            Self::Constant(answer) => *answer,
            Self::Not(inner) => !inner.holds(found),
            Self::All(parts) => parts.iter().all(|part| part.holds(found)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(found)),
            Self::Matches(subject, patterns) => {
                let text = subject.of(found);
                patterns.iter().any(|pattern| pattern.is_match(text))
            }
            Self::Contains(subject, words) => {
                let text = subject.of(found);
                words.iter().any(|word| holds_word(text, word))
            }
            Self::Entropy(subject, order, bits) => {
                let entropy = shannon(subject.of(found));
                match order {
                    Order::Less => entropy < *bits,
                    Order::LessOrEqual => entropy <= *bits,
                    Order::Greater => entropy > *bits,
                    Order::GreaterOrEqual => entropy >= *bits,
                }
            }
            Self::Words(subject) => reads_like_words(subject.of(found)),
            Self::Is(subject, texts) => {
                let text = subject.of(found);
                texts.iter().any(|known| known.as_bytes() == text)
            }
            Self::Has(subject, place, part) => {
                let (text, part) = (subject.of(found), part.as_bytes());
                match place {
                    Place::Anywhere => memchr::memmem::find(text, part).is_some(),
                    Place::Start => text.starts_with(part),
                    Place::End => text.ends_with(part),
                }
            }
        }
    }

    fn is_about_paths(&self) -> bool {
        match self {
            Self::Constant(_) => true,
            Self::Not(inner) => inner.is_about_paths(),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::is_about_paths),
            Self::Matches(subject, _)
            | Self::Contains(subject, _)
            | Self::Entropy(subject, ..)
            | Self::Words(subject)
            | Self::Is(subject, _)
            | Self::Has(subject, ..) => matches!(subject, Subject::Path(_)),
        }
    }
}

impl Subject {
    fn of<'a>(&'a self, found: &Match<'a>) -> &'a [u8] {
        match self {
            Self::Finding(target) => found.target(*target),
            Self::Rule => found.rule.id.as_bytes(),
            Self::Path(otherwise) => found.path.unwrap_or(otherwise.as_bytes()),
        }
    }
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes a symbol, blanks before it passed over.
    fn eat(&mut self, symbol: &str) -> bool {
        self.blank();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    /// Takes a word that does not go on.
    fn eat_word(&mut self, word: &str) -> bool {
        self.blank();
        let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        match self.rest().strip_prefix(word) {
            Some(rest) if !goes_on(rest) => {
                self.at += word.len();
                true
            }
            _ => false,
        }
    }

    fn want(&mut self, symbol: &str) -> Result<(), NotTaken> {
        if self.eat(symbol) {
            Ok(())
        } else {
            Err(self.not_taken())
        }
    }

    /// What stands here is beyond what is taken.
    fn not_taken(&mut self) -> NotTaken {
        self.blank();
        let word = self.rest().split_whitespace().next().unwrap_or_default();
        let what: String = word.chars().take(24).collect();
        NotTaken {
            column: self
                .source
                .get(..self.at)
                .unwrap_or_default()
                .chars()
                .count()
                + 1,
            what: if what.is_empty() {
                "the end".into()
            } else {
                format!("`{what}`")
            },
        }
    }

    fn any(&mut self) -> Result<Expression, NotTaken> {
        let mut parts = vec![self.all()?];
        while self.eat("||") || self.eat_word("or") {
            parts.push(self.all()?);
        }
        Ok(single(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, NotTaken> {
        let mut parts = vec![self.one()?];
        while self.eat("&&") || self.eat_word("and") {
            parts.push(self.one()?);
        }
        Ok(single(parts, Expression::All))
    }

    fn one(&mut self) -> Result<Expression, NotTaken> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.not_taken());
        }
        let expression = if self.eat("!") || self.eat_word("not") {
            Expression::Not(Box::new(self.one()?))
        } else if self.eat("(") {
            let inner = self.any()?;
            self.want(")")?;
            inner
        } else {
            self.condition()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn condition(&mut self) -> Result<Expression, NotTaken> {
        if self.eat_word("true") {
            return Ok(Expression::Constant(true));
        }
        if self.eat_word("false") {
            return Ok(Expression::Constant(false));
        }
        let _ = self.eat("filter.");
        if self.eat_word("matchesAny") {
            let (subject, list) = self.subject_and_list()?;
            let mut patterns = Vec::with_capacity(list.len());
            for regex in list {
                parse(&regex).map_err(|_| self.not_taken())?;
                patterns.push(Pattern::new(&regex));
            }
            return Ok(Expression::Matches(subject, patterns));
        }
        if self.eat_word("containsAny") {
            let (subject, list) = self.subject_and_list()?;
            return Ok(Expression::Contains(subject, list));
        }
        if self.eat_word("failsTokenEfficiency") {
            return Ok(Expression::Words(self.only_subject()?));
        }
        if self.eat_word("tokenEfficiencyOK") {
            let words = Expression::Words(self.only_subject()?);
            return Ok(Expression::Not(Box::new(words)));
        }
        if self.eat_word("entropy") {
            let subject = self.only_subject()?;
            let order = self.order()?;
            return Ok(Expression::Entropy(subject, order, self.number()?));
        }
        self.about_text()
    }

    /// A condition that begins with a text.
    fn about_text(&mut self) -> Result<Expression, NotTaken> {
        let subject = self.subject()?;
        if self.eat("==") {
            return Ok(Expression::Is(subject, vec![self.string()?]));
        }
        if self.eat("!=") {
            let is = Expression::Is(subject, vec![self.string()?]);
            return Ok(Expression::Not(Box::new(is)));
        }
        if self.eat_word("in") {
            return Ok(Expression::Is(subject, self.list()?));
        }
        let method = self.eat(".");
        let place = if self.eat_word("contains") {
            Place::Anywhere
        } else if self.eat_word("startsWith") {
            Place::Start
        } else if self.eat_word("endsWith") {
            Place::End
        } else {
            return Err(self.not_taken());
        };
        if method {
            self.want("(")?;
        }
        let part = self.string()?;
        if method {
            self.want(")")?;
        }
        Ok(Expression::Has(subject, place, part))
    }

    fn only_subject(&mut self) -> Result<Subject, NotTaken> {
        self.want("(")?;
        let subject = self.subject()?;
        self.want(")")?;
        Ok(subject)
    }

    fn subject_and_list(&mut self) -> Result<(Subject, Vec<String>), NotTaken> {
        self.want("(")?;
        let subject = self.subject()?;
        self.want(",")?;
        let list = self.list()?;
        let _ = self.eat(",");
        self.want(")")?;
        Ok((subject, list))
    }

    fn subject(&mut self) -> Result<Subject, NotTaken> {
        if self.eat_word("get") {
            self.want("(")?;
            if !self.eat_word("attributes") {
                return Err(self.not_taken());
            }
            self.want(",")?;
            self.path_name()?;
            self.want(",")?;
            let otherwise = self.string()?;
            self.want(")")?;
            return Ok(Subject::Path(otherwise));
        }
        if self.eat_word("attributes") {
            self.want("[")?;
            let optional = self.eat("?");
            self.path_name()?;
            self.want("]")?;
            let mut otherwise = String::new();
            if optional {
                self.want(".")?;
                if !self.eat_word("orValue") {
                    return Err(self.not_taken());
                }
                self.want("(")?;
                otherwise = self.string()?;
                self.want(")")?;
            }
            return Ok(Subject::Path(otherwise));
        }
        if !self.eat_word("finding") {
            return Err(self.not_taken());
        }
        self.want("[")?;
        let before = self.at;
        let name = self.string()?;
        let subject = match name.as_str() {
            "secret" => Subject::Finding(Target::Secret),
            "match" => Subject::Finding(Target::Match),
            "line" => Subject::Finding(Target::Line),
            "rule_id" => Subject::Rule,
            _ => {
                self.at = before;
                return Err(self.not_taken());
            }
        };
        self.want("]")?;
        Ok(subject)
    }

    /// `"path"`: the one attribute that is known here.
    fn path_name(&mut self) -> Result<(), NotTaken> {
        let before = self.at;
        if self.string()? == "path" {
            return Ok(());
        }
        self.at = before;
        Err(self.not_taken())
    }

    fn order(&mut self) -> Result<Order, NotTaken> {
        for (symbol, order) in [
            ("<=", Order::LessOrEqual),
            (">=", Order::GreaterOrEqual),
            ("<", Order::Less),
            (">", Order::Greater),
        ] {
            if self.eat(symbol) {
                return Ok(order);
            }
        }
        Err(self.not_taken())
    }

    fn number(&mut self) -> Result<f64, NotTaken> {
        self.blank();
        let rest = self.rest();
        let length = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number = rest.get(..length).and_then(|digits| digits.parse().ok());
        let number = number.ok_or_else(|| self.not_taken())?;
        self.at += length;
        Ok(number)
    }

    fn list(&mut self) -> Result<Vec<String>, NotTaken> {
        self.want("[")?;
        let mut list = Vec::new();
        while !self.eat("]") {
            list.push(self.string()?);
            if !self.eat(",") {
                self.want("]")?;
                break;
            }
        }
        Ok(list)
    }

    fn string(&mut self) -> Result<String, NotTaken> {
        for (open, close) in [
            ("r\"\"\"", "\"\"\""),
            ("r'''", "'''"),
            ("r\"", "\""),
            ("r'", "'"),
            ("`", "`"),
        ] {
            if self.eat(open) {
                let rest = self.rest();
                let length = rest.find(close).ok_or_else(|| self.not_taken())?;
                self.at += length + close.len();
                return Ok(rest.get(..length).unwrap_or_default().into());
            }
        }
        let quote = if self.eat("\"") {
            '"'
        } else if self.eat("'") {
            '\''
        } else {
            return Err(self.not_taken());
        };
        let mut text = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => match characters.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some(c @ ('\\' | '"' | '\'' | '`')) => text.push(c),
                    _ => return Err(self.not_taken()),
                },
                c if c == quote => {
                    self.at += at + c.len_utf8();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err(self.not_taken())
    }
}

fn single(mut parts: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            several(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Rule;

    fn drops(filter: &str, secret: &str, path: &str) -> bool {
        let text = format!("key = {secret};");
        let rule = Rule::new("some-rule");
        let found = Match {
            text: text.as_bytes(),
            context: 0..text.len() - 1,
            secret: secret.as_bytes(),
            path: Some(path.as_bytes()),
            rule: &rule,
        };
        Filter::read(filter).unwrap().drops(&found)
    }

    #[test]
    fn conditions_are_judged() {
        let cases = [
            ("entropy(finding[\"secret\"]) <= 2.0", "aaaa", true),
            (
                "filter.entropy(finding[\"secret\"]) < 2.0",
                "abcdefgh",
                false,
            ),
            (
                "matchesAny(finding[\"secret\"], [`^a+$`, r\"\"\"^b+$\"\"\"])",
                "bbb",
                true,
            ),
            ("matchesAny(finding[\"match\"], [`^key`])", "x", true),
            ("containsAny(finding['line'], ['KEY',])", "x", true),
            ("finding[\"rule_id\"] in [\"a\", \"some-rule\"]", "x", true),
            ("finding[\"secret\"] == \"x\\\"y\"", "x\"y", true),
            ("!(finding[\"secret\"] contains \"x\") && true", "y", true),
            ("finding[\"secret\"].startsWith(\"a\") || false", "ab", true),
            (
                "failsTokenEfficiency(finding[\"secret\"])",
                "correct horse battery",
                true,
            ),
            (
                "failsTokenEfficiency(finding[\"secret\"])",
                "q8Zt5rWv2nLk9sXc4b",
                false,
            ),
        ];
        for (filter, secret, expected) in cases {
            assert_eq!(drops(filter, secret, "a"), expected, "{filter}: {secret}");
        }
        for filter in [
            "attributes[\"path\"] endsWith \".md\"",
            "matchesAny(get(attributes, \"path\", \"\"), [`\\.md$`])",
            "attributes[?\"path\"].orValue(\"\").endsWith(\".md\")",
        ] {
            assert!(drops(filter, "x", "a.md"), "{filter}");
            assert!(!drops(filter, "x", "a.rs"), "{filter}");
            assert!(Filter::read(filter).unwrap().is_about_paths());
        }
    }

    #[test]
    fn the_rest_is_refused_at_its_place() {
        let cases = [
            ("let r = 1; true", 1, "`let`"),
            ("true &&", 8, "the end"),
            ("entropy(captures[\"x\"]) < 1", 9, "`captures[\"x\"])`"),
            ("attributes[\"git.sha\"] == \"x\"", 12, "`\"git.sha\"]`"),
            ("matchesAny(finding[\"secret\"], [`(`])", 37, "the end"),
            ("true ? true : false", 6, "`?`"),
        ];
        for (filter, column, what) in cases {
            let refused = Filter::read(filter).unwrap_err();
            let found = (refused.column, refused.what.as_str());
            assert_eq!(found, (column, what), "{filter}");
        }
        let deep = "(".repeat(100_000);
        assert!(Filter::read(&deep).is_err());
    }
}
