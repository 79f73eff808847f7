//! What a configuration file holds, whatever its format: values that know their lines, and tables
//! that are read strictly.

use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::error::RulesError;
use super::words::nearest;

/// A value and the line on which it begins, from 1.
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// A value of a configuration file.
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Date(Date),
    /// A time, or a date with one.
    Time,
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// An entry of a table.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) node: Node,
}

/// Something read, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lined<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

/// A list of texts.
pub(super) type Texts = Lined<Vec<Lined<String>>>;

impl<T> Lined<T> {
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Lined<U> {
        Lined {
            line: self.line,
            value: map(self.value),
        }
    }
}

impl Node {
    fn found(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Boolean(_) => "true or false",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number with a fraction",
            Value::Date(_) => "a date",
            Value::Time => "a time",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    fn wrong(&self, field: &str, expected: &'static str) -> RulesError {
        RulesError::WrongType {
            line: self.line,
            what: format!("`{field}`"),
            found: self.found(),
            expected,
        }
    }

    pub(super) fn boolean(self, field: &str) -> Result<Lined<bool>, RulesError> {
        match self.value {
            Value::Boolean(value) => Ok(Lined {
                line: self.line,
                value,
            }),
            _ => Err(self.wrong(field, "true or false")),
        }
    }

    pub(super) fn text(
        self,
        field: &str,
        expected: &'static str,
    ) -> Result<Lined<String>, RulesError> {
        match self.value {
            Value::Text(value) => Ok(Lined {
                line: self.line,
                value,
            }),
            _ => Err(self.wrong(field, expected)),
        }
    }

    pub(super) fn list(
        self,
        field: &str,
        expected: &'static str,
    ) -> Result<Lined<Vec<Self>>, RulesError> {
        match self.value {
            Value::List(value) => Ok(Lined {
                line: self.line,
                value,
            }),
            _ => Err(self.wrong(field, expected)),
        }
    }

    pub(super) fn texts(self, field: &str) -> Result<Texts, RulesError> {
        let expected = "a list of texts";
        let line = self.line;
        let value = self
            .list(field, expected)?
            .value
            .into_iter()
            .map(|node| node.text(field, expected))
            .collect::<Result<_, _>>()?;
        Ok(Lined { line, value })
    }

    /// The entries of a table, in the order of the file.
    pub(super) fn table(self, field: &str) -> Result<Vec<Entry>, RulesError> {
        match self.value {
            Value::Table(entries) => Ok(entries),
            _ => Err(self.wrong(field, "a table")),
        }
    }
}

/// Checks that no name in a list is blank or stands there twice.
pub(super) fn distinct(field: &str, names: &[Lined<String>]) -> Result<(), RulesError> {
    for (at, name) in names.iter().enumerate() {
        if name.value.trim().is_empty() {
            return Err(RulesError::Empty {
                line: name.line,
                what: format!("a name in `{field}`"),
            });
        }
        let before = names.iter().take(at);
        if let Some(first) = before.into_iter().find(|first| first.value == name.value) {
            return Err(RulesError::Duplicate {
                line: name.line,
                what: format!("`{}` in `{field}`", name.value),
                first_line: first.line,
            });
        }
    }
    Ok(())
}

/// Whether a relative path stays where it may be. Colons are refused for Windows's drives and
/// streams.
fn stays_inside(path: &str) -> bool {
    let mut parts = path.split(['/', '\\']);
    let first = parts.clone().find(|part| *part != ".");
    let leaves = path.starts_with(['/', '\\', '~'])
        || path.ends_with(['/', '\\'])
        || path.contains(|c: char| c.is_control() || c == ':')
        || parts.any(|part| part == ".." || part.eq_ignore_ascii_case(".git"))
        || first.is_none_or(|part| part.eq_ignore_ascii_case(".mvx"));
    !leaves
}

/// A table that is being read. Each field is taken once; its names were checked at the start.
pub(super) struct Fields {
    /// Where this is, for messages: `[[files]]`.
    pub(super) place: String,
    /// The line on which the table begins.
    pub(super) line: usize,
    entries: Vec<Entry>,
}

impl Fields {
    /// Begins reading the table `node`, which may have the fields `known` and no other.
    pub(super) fn new(node: Node, place: &str, known: &[&str]) -> Result<Self, RulesError> {
        let line = node.line;
        let found = node.found();
        let Value::Table(entries) = node.value else {
            return Err(RulesError::WrongType {
                line,
                what: if place.is_empty() { "the file" } else { place }.into(),
                found,
                expected: "a table",
            });
        };
        if let Some(entry) = entries
            .iter()
            .find(|entry| !known.contains(&entry.name.as_str()))
        {
            return Err(RulesError::UnknownField {
                line: entry.line,
                field: entry.name.clone(),
                place: match place {
                    "" => "at the top".into(),
                    place => format!("in {place}"),
                },
                nearest: nearest(&entry.name, known.iter().copied()),
            });
        }
        Ok(Self {
            place: place.into(),
            line,
            entries,
        })
    }

    /// Takes a field's entry.
    pub(super) fn take(&mut self, field: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.name == field)?;
        Some(self.entries.swap_remove(at))
    }

    /// The error that says that `field`, with its backquotes, is missing.
    pub(super) fn missing(&self, field: impl Into<String>) -> RulesError {
        RulesError::Missing {
            line: self.line,
            place: self.place.clone(),
            field: field.into(),
        }
    }

    pub(super) fn text(&mut self, field: &str) -> Result<Option<Lined<String>>, RulesError> {
        self.take(field)
            .map(|entry| entry.node.text(field, "text"))
            .transpose()
    }

    /// A text that is not blank; what is given must be something.
    pub(super) fn some_text(&mut self, field: &str) -> Result<Option<Lined<String>>, RulesError> {
        let text = self.text(field)?;
        match text {
            Some(text) if text.value.trim().is_empty() => Err(RulesError::Empty {
                line: text.line,
                what: format!("`{field}`"),
            }),
            text => Ok(text),
        }
    }

    pub(super) fn texts(&mut self, field: &str) -> Result<Option<Texts>, RulesError> {
        self.take(field)
            .map(|entry| entry.node.texts(field))
            .transpose()
    }

    /// A list of texts, empty where it is not given.
    pub(super) fn words(&mut self, field: &str) -> Result<Vec<String>, RulesError> {
        let texts = self.texts(field)?.map_or_else(Vec::new, |list| list.value);
        Ok(texts.into_iter().map(|text| text.value).collect())
    }

    /// A list of names: none blank, none twice.
    pub(super) fn names(&mut self, field: &str) -> Result<Option<Vec<String>>, RulesError> {
        let Some(list) = self.texts(field)? else {
            return Ok(None);
        };
        distinct(field, &list.value)?;
        Ok(Some(
            list.value.into_iter().map(|text| text.value).collect(),
        ))
    }

    /// A list of lists of texts.
    pub(super) fn lists(&mut self, field: &str) -> Result<Option<Vec<Texts>>, RulesError> {
        let Some(entry) = self.take(field) else {
            return Ok(None);
        };
        let list = entry.node.list(field, "a list of lists")?;
        let lists = list.value.into_iter().map(|node| node.texts(field));
        lists.collect::<Result<_, _>>().map(Some)
    }

    /// The tables of a list, or of an array of tables.
    pub(super) fn tables(&mut self, field: &str) -> Result<Vec<Node>, RulesError> {
        let list = self
            .take(field)
            .map(|entry| entry.node.list(field, "a list of tables"))
            .transpose()?;
        Ok(list.map_or_else(Vec::new, |list| list.value))
    }

    /// The entries of a table, none where it is not given.
    pub(super) fn entries(&mut self, field: &str) -> Result<Vec<Entry>, RulesError> {
        let entries = self.take(field).map(|entry| entry.node.table(field));
        Ok(entries.transpose()?.unwrap_or_default())
    }

    pub(super) fn boolean(&mut self, field: &str) -> Result<Option<Lined<bool>>, RulesError> {
        self.take(field)
            .map(|entry| entry.node.boolean(field))
            .transpose()
    }

    pub(super) fn integer(&mut self, field: &str) -> Result<Option<Lined<i64>>, RulesError> {
        let Some(entry) = self.take(field) else {
            return Ok(None);
        };
        match entry.node.value {
            Value::Integer(value) => Ok(Some(Lined {
                line: entry.node.line,
                value,
            })),
            _ => Err(entry.node.wrong(field, "an integer")),
        }
    }

    /// A number from `range`, with a fraction or without.
    pub(super) fn number(
        &mut self,
        field: &str,
        range: RangeInclusive<f64>,
        expected: &'static str,
    ) -> Result<Option<f64>, RulesError> {
        let Some(entry) = self.take(field) else {
            return Ok(None);
        };
        let number = match entry.node.value {
            Value::Float(number) => number,
            Value::Integer(number) => i32::try_from(number).map_or(f64::NAN, f64::from),
            _ => return Err(entry.node.wrong(field, expected)),
        };
        if range.contains(&number) {
            Ok(Some(number))
        } else {
            Err(RulesError::OutOfRange {
                line: entry.node.line,
                field: field.into(),
                expected,
            })
        }
    }

    /// One of the words `allowed`.
    pub(super) fn word(
        &mut self,
        field: &str,
        allowed: &'static [&'static str],
    ) -> Result<Option<Lined<&'static str>>, RulesError> {
        let text = self.text(field)?;
        text.map(|text| allowed_word(field, text, allowed))
            .transpose()
    }

    /// A list of the words `allowed`, none of them twice.
    pub(super) fn each_word(
        &mut self,
        field: &str,
        allowed: &'static [&'static str],
    ) -> Result<Option<Vec<&'static str>>, RulesError> {
        let Some(list) = self.texts(field)? else {
            return Ok(None);
        };
        distinct(field, &list.value)?;
        let words = list.value.into_iter().map(|text| {
            let word = allowed_word(field, text, allowed)?;
            Ok(word.value)
        });
        words.collect::<Result<_, _>>().map(Some)
    }

    /// An integer from 0 to `most`.
    pub(super) fn small(&mut self, field: &str, most: u32) -> Result<Option<u32>, RulesError> {
        let Some(number) = self.integer(field)? else {
            return Ok(None);
        };
        match u32::try_from(number.value)
            .ok()
            .filter(|value| *value <= most)
        {
            Some(value) => Ok(Some(value)),
            None => Err(RulesError::OutOfRange {
                line: number.line,
                field: field.into(),
                expected: "a small integer, 0 or more",
            }),
        }
    }

    /// A path that stays inside the work tree, outside `.git` and `.mvx`.
    pub(super) fn inside(&mut self, field: &str) -> Result<Option<String>, RulesError> {
        let Some(text) = self.some_text(field)? else {
            return Ok(None);
        };
        if stays_inside(&text.value) {
            return Ok(Some(text.value));
        }
        Err(RulesError::BadPath {
            line: text.line,
            field: field.into(),
        })
    }

    /// Those of `fields` that are given, with their lines, in the order of the file.
    pub(super) fn given<'a>(&self, fields: &[&'a str]) -> Vec<(usize, &'a str)> {
        let mut given: Vec<(usize, &str)> = fields
            .iter()
            .filter_map(|field| {
                let entry = self.entries.iter().find(|entry| entry.name == *field)?;
                Some((entry.line, *field))
            })
            .collect();
        given.sort_by_key(|(line, _)| *line);
        given
    }

    /// Fails if more than one of `fields` is given; says which one is.
    pub(super) fn one_of<'a>(&self, fields: &[&'a str]) -> Result<Option<&'a str>, RulesError> {
        match self.given(fields).as_slice() {
            [] => Ok(None),
            [(_, field)] => Ok(Some(field)),
            [(first_line, first), (line, second), ..] => Err(RulesError::Exclusive {
                line: *line,
                first: (*first).into(),
                first_line: *first_line,
                second: (*second).into(),
            }),
        }
    }
}

/// One of the words `allowed`.
fn allowed_word(
    field: &str,
    text: Lined<String>,
    allowed: &'static [&'static str],
) -> Result<Lined<&'static str>, RulesError> {
    match allowed.iter().find(|word| **word == text.value) {
        Some(word) => Ok(text.map(|_| *word)),
        None => Err(RulesError::UnknownWord {
            line: text.line,
            field: field.into(),
            nearest: nearest(&text.value, allowed.iter().copied()),
            value: text.value,
            allowed,
        }),
    }
}
