//! What a reader should see to, told by name and line.

use std::fmt;

use super::Dialect;

/// A thing that might not be as it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The line, from 1, where there is one.
    pub line: Option<usize>,
    /// The name it is about.
    pub key: Option<String>,
    /// What it is.
    pub concern: Concern,
}

/// What there is to see to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// `$NAME`, `${NAME}`, `$(command)` or backticks, kept as they stand.
    Reference,
    /// These programs read another value.
    Differs(Vec<Dialect>),
    /// This line means nothing to the program, which passes over it.
    Unread,
    /// A name without a value: the program takes it from its own environment.
    NoValue,
    /// The name stands twice with different values, and this one does not count.
    Overridden,
    /// Lines end with CR LF where the program would keep the CR.
    CarriageReturns,
    /// The value refers to others; the one that Doppler computed is taken.
    Computed,
    /// Doppler does not show the value.
    Restricted,
    /// Doppler's own names, which are no secrets.
    DopplersOwn(Vec<String>),
    /// A field of an item that already has one of this label; it got this name.
    Renamed(String),
    /// Files attached to an item, which its JSON does not hold.
    Attachments(usize),
}

impl Warning {
    pub(super) fn new(line: Option<usize>, key: Option<&str>, concern: Concern) -> Self {
        Self {
            line,
            key: key.map(str::to_owned),
            concern,
        }
    }

    /// Whether it means that something of the text was left out.
    pub fn loses(&self) -> bool {
        matches!(
            self.concern,
            Concern::Unread
                | Concern::NoValue
                | Concern::Overridden
                | Concern::Restricted
                | Concern::Attachments(_)
        )
    }

    /// A stable token for machines.
    pub fn code(&self) -> &'static str {
        match self.concern {
            Concern::Reference => "reference",
            Concern::Differs(_) => "dialects-differ",
            Concern::Unread => "line-unread",
            Concern::NoValue => "no-value",
            Concern::Overridden => "overridden",
            Concern::CarriageReturns => "carriage-returns",
            Concern::Computed => "computed",
            Concern::Restricted => "restricted",
            Concern::DopplersOwn(_) => "dopplers-own",
            Concern::Renamed(_) => "renamed",
            Concern::Attachments(_) => "attachments",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "`{key}` ")?;
        }
        match &self.concern {
            Concern::Reference => f.write_str("holds a reference to another value or a command; it is kept as it stands, and nothing is put in its place"),
            Concern::Differs(others) => {
                let names: Vec<&str> = others.iter().map(|dialect| dialect.name()).collect();
                let verb = if names.len() == 1 { "reads" } else { "read" };
                write!(f, "is another value to other programs: {} {verb} it differently", list(&names))
            }
            Concern::Unread => f.write_str("is no value to this program, and was left out"),
            Concern::NoValue => f.write_str("a name without a value stands here, and was left out"),
            Concern::Overridden => f.write_str("stands there again with another value, which counts; this one was left out"),
            Concern::CarriageReturns => f.write_str("its lines end with CR LF; a shell would take the CR into each value, and it was left out"),
            Concern::Computed => f.write_str("refers to other secrets; the value that Doppler computed is taken"),
            Concern::Restricted => f.write_str("is restricted: Doppler does not show its value, and it was left out"),
            Concern::DopplersOwn(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                write!(f, "{} are Doppler's own and no secrets; they were left out", list(&names))
            }
            Concern::Renamed(name) => write!(f, "is the label of several fields; this one is imported as `{name}`"),
            Concern::Attachments(1) => f.write_str("a file is attached to the item; its content is not in the JSON"),
            Concern::Attachments(count) => {
                write!(f, "{count} files are attached to the item; their content is not in the JSON")
            }
        }
    }
}

/// `a`, `a and b`, `a, b and c`.
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
