//! What a rule is: data that can stand in a constant table, with nothing compiled.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use jiff::civil::Date;

/// A text of a rule: constant in the built-in ones.
pub type Text = Cow<'static, str>;

/// A list of a rule.
pub type List<T> = Cow<'static, [T]>;

/// Bytes that every match of a rule may hold.
pub type Literal = Cow<'static, [u8]>;

/// One thing that the scan finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Names it everywhere: in reports, allowances, baselines.
    pub id: Text,
    /// What gitleaks and Betterleaks call rules that find the same: taken for the id wherever a
    /// foreign file, or a person, names a rule.
    pub aliases: List<Text>,
    /// What it finds, in a few words: `GitHub personal access token`.
    pub description: Text,
    /// What somebody can do who has it.
    pub why: Text,
    /// What to do when it has leaked: where it is revoked.
    pub remedy: Text,
    /// How sure a finding is.
    pub confidence: Confidence,
    /// The regex that finds it, in Go's RE2 syntax.
    pub regex: Option<Text>,
    /// A regex that the path must match. Without `regex`, the path alone is the finding.
    pub path: Option<Text>,
    /// The group of `regex` that is the secret; 0 for the first that took part in the match, or the
    /// whole match where the regex has no groups.
    pub secret_group: u32,
    /// Words of which one must stand in the text, in any case; none is needed where there are none.
    pub keywords: List<Text>,
    /// What must follow closely behind a literal, lest every mention of a word be looked into.
    pub behind: Behind,
    /// The least Shannon entropy of the secret, in bits a byte.
    pub entropy: Option<f64>,
    /// What else the secret must be.
    pub checks: List<Check>,
    /// Noise: what these match is no finding.
    pub allowlists: List<Allowlist>,
    /// Other rules that must find something near.
    pub required: List<Required>,
    /// Whether its findings are reported; those of others only serve `required`.
    pub report: bool,
    /// Whether it is also looked for in binary data.
    pub binary: bool,
    /// Labels.
    pub tags: List<Text>,
    /// Texts in which it must find something.
    pub examples: List<Text>,
    /// Texts in which it must find nothing.
    pub counterexamples: List<Text>,
    /// Whether `{}` in its examples is to be taken out: so they are written down in mvx's own rules,
    /// lest they look like secrets to whoever scans mvx.
    pub split: bool,
}

/// What must follow behind a literal, on its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behind {
    /// Anything at all.
    #[default]
    Anything,
    /// `=`, `:`, `>`, `,` or `(`, or the line's end: something may be assigned.
    Assignment,
    /// `@` before the next blank or quote: a URL with a user in it.
    User,
}

/// What is derived from a rule's regex, so that it need not be parsed at start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// Every match holds one of these, in any case; ASCII letters are small. Where there are none,
    /// the whole text is searched once a keyword is in it.
    pub literals: List<Literal>,
    /// Whether every match begins with a literal, and with a word.
    pub bounded: bool,
    /// Whether a literal does not always bring a keyword with it, so that those are looked for too.
    pub gated: bool,
    /// How far a match may reach.
    pub reach: Reach,
}

/// How far the match of a regex may reach from a literal that it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It stays on the line.
    #[default]
    Line,
    /// Over three line breaks at most: a longer match is none.
    Lines,
    /// Over any number of lines, as private keys do.
    Wide,
}

/// How sure a finding is. Ordered: `Low < Medium < High`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// May well be something else.
    Low,
    /// Looks like a secret where secrets stand.
    Medium,
    /// Has the provider's own format.
    High,
}

impl Confidence {
    /// `low`, `medium` or `high`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|known| known.name() == name)
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Noise that a rule knows of, or a whole rule file: gitleaks's `allowlists`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allowlist {
    /// Why.
    pub description: Text,
    /// Whether every kind of condition that is given must hold (`AND`), not just one (`OR`).
    pub every: bool,
    /// Commits whose findings pass. The engine does not know commits: it hands them on in
    /// [`Hit::commits`](super::Hit::commits).
    pub commits: List<Text>,
    /// Regexes over the path.
    pub paths: List<Text>,
    /// Regexes over `target`.
    pub regexes: List<Text>,
    /// What `regexes` are held against.
    pub target: Target,
    /// Words that the secret holds, in any case.
    pub stopwords: List<Text>,
    /// The rules it is for, where it belongs to a whole file; all when empty.
    pub rules: List<Text>,
}

/// What an allowlist's regexes are held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The secret.
    #[default]
    Secret,
    /// All that the rule's regex matched.
    Match,
    /// The lines that hold the match.
    Line,
}

/// Another rule that must find something near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// Its id.
    pub rule: Text,
    /// At most so many lines away; any where there is no limit.
    pub within_lines: Option<u32>,
    /// At most so many characters away, counted by the columns in which both begin.
    pub within_columns: Option<u32>,
}

/// What a secret must be beyond what its regex says. Each is documented by who issues the tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// Its last six characters are the CRC-32 of the 30 before, in base 62: GitHub's and npm's
    /// tokens. One whose sum is wrong was never issued: it counts as `low`.
    Crc32Base62,
    /// Three parts of base64url, the first two JSON objects, the first with `alg` (RFC 7519).
    Jwt,
    /// Base32 behind the first four characters, not all alike.
    AwsKeyId,
    /// Base64 that decodes to text of this form: it holds this.
    Base64Holds(Text),
    /// At least one digit, letter, …: see [`Needs`].
    Needs(List<Needs>),
    /// None of these matches it (regexes).
    NoneOf(List<Text>, Target),
    /// It holds none of these, in any case.
    Lacks(List<Text>, Target),
    /// It has letters and digits, mixed as machines mix them, and does not read like words.
    Random,
    /// This filter does not drop it: an expression in Betterleaks's language, see `filter.rs`.
    Filter(Text),
}

/// A kind of character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// `0`-`9`.
    Digit,
    /// `a`-`z`.
    Lower,
    /// `A`-`Z`.
    Upper,
    /// Anything else.
    Other,
}

/// What `[[scan.allow]]` lets pass: a finding that meets every kind of condition given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Why.
    pub reason: Option<String>,
    /// Rule ids; all when empty.
    pub rules: Vec<String>,
    /// Globs of paths, as in `.gitignore`.
    pub paths: Vec<String>,
    /// Regexes that the secret matches.
    pub regexes: Vec<String>,
    /// Words that the secret holds, in any case.
    pub stopwords: Vec<String>,
    /// The last day on which it holds, UTC.
    pub expires: Option<Date>,
}

/// What `[[scan.rules]]` says of a rule: one that is there is changed where something is given,
/// another is new.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Amendment {
    /// Its id.
    pub id: String,
    /// What it finds.
    pub description: Option<String>,
    /// The regex that finds it.
    pub regex: Option<String>,
    /// A regex that the path must match.
    pub path: Option<String>,
    /// Words of which one must be near; empty to leave them.
    pub keywords: Vec<String>,
    /// The least entropy.
    pub entropy: Option<f64>,
    /// The group that is the secret.
    pub secret_group: Option<u32>,
    /// How sure a finding is.
    pub confidence: Option<Confidence>,
    /// Texts in which it must find something; empty to leave them.
    pub examples: Vec<String>,
    /// Texts in which it must find nothing; empty to leave them.
    pub counterexamples: Vec<String>,
}

impl Rule {
    /// A rule of this id that finds nothing yet and is reported with high confidence.
    pub fn new(id: impl Into<Text>) -> Self {
        Self {
            id: id.into(),
            aliases: List::default(),
            description: Text::default(),
            why: Text::default(),
            remedy: Text::default(),
            confidence: Confidence::High,
            regex: None,
            path: None,
            secret_group: 0,
            keywords: List::default(),
            behind: Behind::Anything,
            entropy: None,
            checks: List::default(),
            allowlists: List::default(),
            required: List::default(),
            report: true,
            binary: false,
            tags: List::default(),
            examples: List::default(),
            counterexamples: List::default(),
            split: false,
        }
    }

    /// A rule that is none.
    pub(super) fn none() -> &'static Self {
        static NONE: LazyLock<Rule> = LazyLock::new(|| Rule::new(""));
        &NONE
    }

    /// Whether it goes by this name.
    pub fn is(&self, name: &str) -> bool {
        self.id == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// Its examples as they are meant.
    pub fn examples(&self) -> impl Iterator<Item = Text> {
        self.examples.iter().map(|text| self.joined(text))
    }

    /// Its counterexamples as they are meant.
    pub fn counterexamples(&self) -> impl Iterator<Item = Text> {
        self.counterexamples.iter().map(|text| self.joined(text))
    }

    fn joined(&self, text: &Text) -> Text {
        if self.split {
            text.replace("{}", "").into()
        } else {
            text.clone()
        }
    }
}
