//! Rule files of gitleaks, read whole, and of Betterleaks as far as they describe what is found.
//!
//! | of the file | what becomes of it |
//! |---|---|
//! | `title`, `description`, `minVersion`, `betterleaksMinVersion` | read, without effect |
//! | `[extend]`: `useDefault`, `path`, `disabledRules` | [`GitleaksFile::extends`], [`GitleaksFile::over`]; `url` is refused |
//! | `[[rules]]`: `id`, `description`, `regex`, `path`, `secretGroup`, `keywords`, `entropy`, `tags`, `skipReport`, `confidence` | the rule; of a rule that is extended, what is given |
//! | `[[rules.required]]`: `id`, `withinLines`, `withinColumns` | [`Required`] |
//! | `[[rules.allowlists]]`, `[[allowlists]]`, and the old `[rules.allowlist]`, `[allowlist]` | [`Allowlist`] |
//! | `tokenEfficiency`, `filter`, `prefilter` | `scan/filter.rs` says which expressions; others are left out, with a warning: more is found then |
//! | `validate`, `revoke` | passed over: mvx asks nobody whether a secret is live |
//! | anything else | passed over, with a warning |
//!
//! Regexes have Go's syntax; one that Go refuses, or that mvx cannot express, is an error that names
//! the rule.

use toml::{Table, Value};

use super::super::filter::Filter;
use super::super::rule::{Allowlist, Check, Confidence, Needs, Required, Rule, Target, Text};
use super::{Rules, RulesError, Warning, owned};

/// A rule file of gitleaks or Betterleaks.
#[derive(Debug, Default)]
pub struct GitleaksFile {
    extends: Extends,
    disabled: Vec<String>,
    rules: Vec<Partial>,
    allowlists: Vec<Allowlist>,
    filters: Vec<Text>,
    warnings: Vec<Warning>,
}

/// What a file extends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Extends {
    /// Nothing: its rules are all there are.
    #[default]
    Nothing,
    /// The scanner's own rules.
    Default,
    /// Another file, as the file names it. Whoever follows it says relative to what.
    Path(String),
}

/// A rule as it is given.
#[derive(Debug, Default)]
struct Partial {
    id: String,
    description: Option<String>,
    regex: Option<String>,
    path: Option<String>,
    secret_group: Option<u32>,
    keywords: Vec<String>,
    entropy: Option<f64>,
    tags: Vec<String>,
    confidence: Option<Confidence>,
    skip_report: Option<bool>,
    checks: Vec<Check>,
    allowlists: Vec<Allowlist>,
    required: Vec<Required>,
}

impl GitleaksFile {
    /// Reads a file's text.
    pub fn read(text: &str) -> Result<Self, RulesError> {
        let table: Table = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or_default();
            RulesError::Toml {
                line: before.matches('\n').count() + 1,
                message: error.message().into(),
            }
        })?;
        let mut file = Self::default();
        let fields = Fields::new(&table, "");
        for known in [
            "title",
            "description",
            "minVersion",
            "betterleaksMinVersion",
        ] {
            fields.value(known);
        }
        if let Some(extend) = fields.table("extend")? {
            file.extend(&extend)?;
        }
        for rule in fields.tables("rules")? {
            let rule = file.rule(&rule)?;
            file.rules.push(rule);
        }
        for list in fields.tables("allowlists")? {
            file.allowlists.push(allowlist(&list, &mut file.warnings)?);
        }
        if let Some(list) = fields.table("allowlist")? {
            file.allowlists.push(allowlist(&list, &mut file.warnings)?);
        }
        for name in ["prefilter", "filter"] {
            if let Some(filter) = fields.text(name)? {
                let filter = file.filter("", name, filter);
                file.filters.extend(filter);
            }
        }
        fields.warn_of_rest(&mut file.warnings);
        Ok(file)
    }

    /// What it extends: the caller gives those rules to [`GitleaksFile::over`].
    pub fn extends(&self) -> &Extends {
        &self.extends
    }

    /// Its rules over those that it extends ([`Rules::none`] where that is nothing). What was not
    /// taken over is in [`Rules::warnings`].
    pub fn over(self, base: Rules) -> Result<Rules, RulesError> {
        let mut rules = base;
        rules.warnings.extend(self.warnings);
        for id in self.disabled {
            match rules.place(&id) {
                Some(place) => {
                    rules.entries.remove(place);
                }
                None => rules.warnings.push(Warning {
                    rule: id,
                    message: "it is disabled, and there is no such rule".into(),
                }),
            }
        }
        for partial in self.rules {
            let known = rules.rule(&partial.id).cloned();
            let rule = known.unwrap_or_else(|| Rule::new(partial.id.clone()));
            rules.insert(partial.change(rule))?;
        }
        for list in self.allowlists {
            super::check_allowlist(|| "allowlists".into(), &list)?;
            rules.allowlists.push(list);
        }
        rules.filters.extend(self.filters);
        rules.warn_of_missing();
        Ok(rules)
    }

    fn extend(&mut self, fields: &Fields<'_>) -> Result<(), RulesError> {
        self.disabled = fields.texts("disabledRules")?;
        let default = fields.flag("useDefault")?.unwrap_or_default();
        let path = fields.text("path")?.filter(|path| !path.is_empty());
        self.extends = match (default, path) {
            (false, None) => Extends::Nothing,
            (true, None) => Extends::Default,
            (false, Some(path)) => Extends::Path(path),
            (true, Some(_)) => {
                return Err(fields.wrong("path", "left out where `useDefault` is true"));
            }
        };
        if fields.text("url")?.is_some_and(|url| !url.is_empty()) {
            return Err(fields.wrong("url", "a `path`: mvx fetches no rules"));
        }
        fields.warn_of_rest(&mut self.warnings);
        Ok(())
    }

    fn rule(&mut self, fields: &Fields<'_>) -> Result<Partial, RulesError> {
        let id = fields.text("id")?.filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| fields.wrong("id", "a text"))?;
        let fields = &Fields::new(fields.table, &id);
        fields.value("id");
        let mut rule = Partial {
            description: fields.text("description")?,
            regex: fields.text("regex")?.filter(|regex| !regex.is_empty()),
            path: fields.text("path")?.filter(|path| !path.is_empty()),
            secret_group: fields.count("secretGroup")?,
            keywords: fields.texts("keywords")?,
            entropy: fields.number("entropy")?,
            tags: fields.texts("tags")?,
            skip_report: fields.flag("skipReport")?,
            ..Partial::default()
        };
        if let Some(name) = fields.text("confidence")? {
            let known = Confidence::of(&name);
            rule.confidence =
                Some(known.ok_or_else(|| fields.wrong("confidence", "high, medium or low"))?);
        }
        for list in fields.tables("allowlists")? {
            rule.allowlists.push(allowlist(&list, &mut self.warnings)?);
        }
        if let Some(list) = fields.table("allowlist")? {
            rule.allowlists.push(allowlist(&list, &mut self.warnings)?);
        }
        for required in fields.tables("required")? {
            rule.required.push(Required {
                rule: required
                    .text("id")?
                    .ok_or_else(|| fields.wrong("required", "tables with an `id`"))?
                    .into(),
                within_lines: required.count("withinLines")?,
                within_columns: required.count("withinColumns")?,
            });
            required.warn_of_rest(&mut self.warnings);
        }
        if fields.flag("tokenEfficiency")?.unwrap_or_default() {
            let filter = Text::Borrowed("failsTokenEfficiency(finding[\"secret\"])");
            rule.checks.push(Check::Filter(filter));
        }
        for name in ["prefilter", "filter"] {
            if let Some(filter) = fields.text(name)? {
                let filter = self.filter(&id, name, filter);
                rule.checks.extend(filter.map(Check::Filter));
            }
        }
        // gitleaks asks for a digit in what its generic rules find, whatever their regex says
        if id.starts_with("generic") {
            rule.checks.push(Check::Needs(vec![Needs::Digit].into()));
        }
        fields.value("validate");
        fields.value("revoke");
        fields.warn_of_rest(&mut self.warnings);
        Ok(Partial { id, ..rule })
    }

    /// A filter, if mvx takes it; else a warning.
    fn filter(&mut self, rule: &str, name: &str, source: String) -> Option<Text> {
        if source.trim().is_empty() {
            return None;
        }
        match Filter::read(&source) {
            Ok(_) => Some(source.into()),
            Err(refused) => {
                self.warnings.push(Warning {
                    rule: rule.into(),
                    message: format!(
                        "its `{name}` is not applied: character {}: mvx does not know {}",
                        refused.column, refused.what
                    ),
                });
                None
            }
        }
    }
}

impl Partial {
    /// What is given replaces what is there; lists grow.
    fn change(self, mut rule: Rule) -> Rule {
        if let Some(description) = self.description {
            rule.description = description.into();
        }
        if let Some(regex) = self.regex {
            rule.regex = Some(regex.into());
            rule.secret_group = 0;
            rule.behind = super::Behind::Anything;
            rule.checks = super::List::default();
        }
        if let Some(path) = self.path {
            rule.path = Some(path.into());
        }
        if let Some(group) = self.secret_group {
            rule.secret_group = group;
        }
        if let Some(entropy) = self.entropy {
            // gitleaks drops what has exactly this much
            rule.entropy = (entropy > 0.0).then(|| entropy.next_up());
        }
        if let Some(confidence) = self.confidence {
            rule.confidence = confidence;
        }
        if let Some(skip) = self.skip_report {
            rule.report = !skip;
        }
        rule.keywords
            .to_mut()
            .extend(owned(self.keywords).into_owned());
        rule.tags.to_mut().extend(owned(self.tags).into_owned());
        rule.checks.to_mut().extend(self.checks);
        rule.allowlists.to_mut().extend(self.allowlists);
        rule.required.to_mut().extend(self.required);
        rule
    }
}

fn allowlist(fields: &Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Allowlist, RulesError> {
    let every = match fields.text("condition")?.as_deref() {
        None | Some("" | "OR" | "or" | "||") => false,
        Some("AND" | "and" | "&&") => true,
        Some(_) => return Err(fields.wrong("condition", "`AND` or `OR`")),
    };
    let target = match fields.text("regexTarget")?.as_deref() {
        None | Some("" | "secret") => Target::Secret,
        Some("match") => Target::Match,
        Some("line") => Target::Line,
        Some(_) => return Err(fields.wrong("regexTarget", "`secret`, `match` or `line`")),
    };
    let list = Allowlist {
        description: fields.text("description")?.unwrap_or_default().into(),
        every,
        target,
        commits: owned(fields.texts("commits")?),
        paths: owned(fields.texts("paths")?),
        regexes: owned(fields.texts("regexes")?),
        stopwords: owned(fields.texts("stopwords")?),
        rules: owned(fields.texts("targetRules")?),
    };
    fields.warn_of_rest(warnings);
    Ok(list)
}

/// A table whose fields are taken one by one.
struct Fields<'a> {
    table: &'a Table,
    /// The rule it belongs to; empty for the file.
    rule: String,
    taken: std::cell::RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    fn new(table: &'a Table, rule: &str) -> Self {
        Self {
            table,
            rule: rule.into(),
            taken: std::cell::RefCell::default(),
        }
    }

    fn value(&self, name: &'static str) -> Option<&'a Value> {
        self.taken.borrow_mut().push(name);
        // viper, which gitleaks reads its files with, does not tell cases apart
        self.table
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn wrong(&self, name: &'static str, expected: &'static str) -> RulesError {
        RulesError::Field {
            rule: self.rule.clone(),
            name,
            expected,
        }
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, RulesError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    fn texts(&self, name: &'static str) -> Result<Vec<String>, RulesError> {
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(self.wrong(name, "a list of texts")),
        };
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(text).collect(),
            Some(_) => Err(self.wrong(name, "a list of texts")),
        }
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, RulesError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    fn count(&self, name: &'static str) -> Result<Option<u32>, RulesError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Integer(number)) => u32::try_from(*number)
                .map(Some)
                .map_err(|_| self.wrong(name, "a number from 0")),
            Some(_) => Err(self.wrong(name, "a number from 0")),
        }
    }

    fn number(&self, name: &'static str) -> Result<Option<f64>, RulesError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Float(number)) => Ok(Some(*number)),
            Some(Value::Integer(number)) => i32::try_from(*number)
                .map(|number| Some(number.into()))
                .map_err(|_| self.wrong(name, "a number")),
            Some(_) => Err(self.wrong(name, "a number")),
        }
    }

    fn table(&self, name: &'static str) -> Result<Option<Self>, RulesError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Self::new(table, &self.rule))),
            Some(_) => Err(self.wrong(name, "a table")),
        }
    }

    fn tables(&self, name: &'static str) -> Result<Vec<Self>, RulesError> {
        let table = |value: &'a Value| match value {
            Value::Table(table) => Ok(Self::new(table, &self.rule)),
            _ => Err(self.wrong(name, "tables")),
        };
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(table).collect(),
            Some(_) => Err(self.wrong(name, "tables")),
        }
    }

    fn warn_of_rest(&self, warnings: &mut Vec<Warning>) {
        let taken = self.taken.borrow();
        for key in self.table.keys() {
            if !taken.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                warnings.push(Warning {
                    rule: self.rule.clone(),
                    message: format!("`{key}` is passed over"),
                });
            }
        }
    }
}
