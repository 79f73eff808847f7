//! Long runs of changes by both programs in turn: each sees what the other did, to the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mvx::stores::Format;
use serde_json::Value;

use super::dice::Dice;
use super::ivs::Ledger;
use super::{Pair, values};
use crate::support::Outcome;

mod model;

use model::{flatten, numbered, scalar};

/// A second recipient, whose identity is in the fixtures, too.
const BEN: &str = "age14huuej0f28s4dan9dg26y4pv443e2tqmv6mkarp6fn3c5wcts3eq9lf7g5";

/// How many changes a chain has.
const STEPS: usize = 36;

#[test]
fn yaml() {
    let text = "# head\nk0: one # beside\nk1: 2\nm:\n  a: x\n  # above\n  b: |\n    lines\n    more\nl:\n  - p\n  # between\n  - q\n\nk2: true\n# foot\n";
    Chain::run(Format::Yaml, "a.yaml", text, 1);
}

#[test]
fn json() {
    let text = "{\"k0\": \"one\", \"k1\": 2, \"m\": {\"a\": \"x\", \"b\": null},\n  \"l\": [\"p\", \"q\"], \"k2\": true}\n";
    Chain::run(Format::Json, "a.json", text, 2);
}

#[test]
fn dotenv() {
    Chain::run(
        Format::Dotenv,
        "a.env",
        "# head\nk0=one\nk1=2\n# above\nk2=true\n",
        3,
    );
}

#[test]
fn ini() {
    let text = "; head\nk0 = one\n\n[m]\n; above\na = x\nb = y\n\n[n]\nc = z\n";
    Chain::run(Format::Ini, "a.ini", text, 4);
}

#[test]
fn binary() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("a.bin", "content 0\n");
    for number in 1..12 {
        let editor = pair.editor(&format!("echo 'content {number}' >> \"$1\""));
        let run = if number % 2 == 0 {
            pair.mvx(["edit", "a.bin"])
        } else {
            pair.sops(["edit", "a.bin"])
        };
        let outcome = run.env("EDITOR", editor).outcome();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        if number % 3 == 0 {
            let outcome = pair.sops(["rotate", "-i", "a.bin"]).outcome();
            assert_eq!(outcome.code(), Some(0), "{outcome}");
        }
        let opened = pair.open("a.bin");
        assert_eq!(opened, pair.open_with_sops("a.bin"));
        assert!(opened.ends_with(format!("content {number}\n").as_bytes()));
    }
}

/// A file under change, and what it must hold.
struct Chain {
    pair: Pair,
    format: Format,
    name: &'static str,
    dice: Dice,
    model: BTreeMap<String, String>,
    /// The changes so far, for the report of a failure.
    trace: String,
    added: usize,
    /// What was sealed under the current data key.
    ledger: Ledger,
    /// Whether the second recipient is in.
    ben: bool,
}

impl Chain {
    fn run(format: Format, name: &'static str, text: &str, seed: u64) {
        let Some(pair) = Pair::new() else { return };
        pair.rule("");
        pair.identities(&["k1.txt", "k2.txt"]);
        pair.seal(name, text);
        let mut chain = Self {
            model: numbered(&values(format, text.as_bytes())),
            pair,
            format,
            name,
            dice: Dice(seed),
            trace: String::new(),
            added: 0,
            ben: false,
            ledger: Ledger::default(),
        };
        for _ in 0..STEPS {
            let sealed = chain.pair.sandbox.read(name);
            chain.ledger.add(&sealed, &chain.trace);
            chain.step();
        }
        chain.seen_by_mvx();
        chain.seen_by_sops();
    }

    fn step(&mut self) {
        match self.dice.of(14) {
            0..3 => self.set_by_mvx(),
            3..6 => self.set_by_sops(),
            6 => self.unset(true),
            7 => self.unset(false),
            8 => self.edit(true),
            9 => self.edit(false),
            10 => self.rename(),
            11 => {
                self.by_sops(&["rotate", "-i", self.name]);
                self.ledger = Ledger::default();
                self.seen_by_mvx();
            }
            12 => {
                // sops panics where a recipient goes that was added twice.
                let flag = if self.ben { "--rm-age" } else { "--add-age" };
                self.ben = !self.ben;
                self.by_sops(&["rotate", "-i", flag, BEN, self.name]);
                self.ledger = Ledger::default();
                self.seen_by_mvx();
            }
            _ => {
                self.by_sops(&["updatekeys", "-y", self.name]);
                self.ben = false;
                self.seen_by_mvx();
            }
        }
    }

    /// A value for a key that is there, or for a new one.
    fn set_by_mvx(&mut self) {
        let key = self.target();
        let value = self.value();
        let json = value.to_string();
        let arguments = ["set", "-q", self.name, &key, "--type", "json"];
        let outcome = self.pair.mvx(arguments).stdin(json.as_str()).outcome();
        self.note(&format!("mvx set {key} {json}"));
        match outcome.code() {
            Some(0 | 200) => self.model_set(&key, &value),
            _ => self.fails(&outcome),
        }
        self.seen_by_sops();
    }

    fn set_by_sops(&mut self) {
        let key = self.target();
        let value = self.value();
        let (path, json) = (sops_path(&key), value.to_string());
        self.by_sops(&["set", self.name, &path, &json]);
        self.model_set(&key, &value);
        self.seen_by_mvx();
    }

    fn unset(&mut self, by_mvx: bool) {
        // A few stay, so that there is always something to change.
        let Some(key) = self.present().filter(|_| self.model.len() > 4) else {
            return;
        };
        if by_mvx {
            self.by_mvx(&["unset", "-q", self.name, &key]);
        } else {
            self.by_sops(&["unset", self.name, &sops_path(&key)]);
        }
        self.model.remove(&key);
        if by_mvx {
            self.seen_by_sops();
        } else {
            self.seen_by_mvx();
        }
    }

    fn rename(&mut self) {
        let Some(key) = self.present() else { return };
        self.added += 1;
        let to = match key.rsplit_once('.') {
            Some((map, _)) => format!("{map}.r{}", self.added),
            None => format!("r{}", self.added),
        };
        self.by_mvx(&["mv", "-q", self.name, &key, &to]);
        let value = self.model.remove(&key).unwrap();
        self.model.insert(to, value);
        self.seen_by_sops();
    }

    /// One more entry, put in with an editor.
    fn edit(&mut self, by_mvx: bool) {
        self.added += 1;
        let number = self.added;
        let (script, key) = match self.format {
            Format::Yaml => (
                format!("printf 'e{number}: edited # c\\n' >> \"$1\""),
                format!("e{number}"),
            ),
            Format::Json => (
                format!("sed -i '1s/^{{/{{\"e{number}\": \"edited\",/' \"$1\""),
                format!("e{number}"),
            ),
            Format::Dotenv => (
                format!("printf '# c\\ne{number}=edited\\n' >> \"$1\""),
                format!("e{number}"),
            ),
            _ => (
                format!("printf '\\n[e{number}]\\n; c\\nx = edited\\n' >> \"$1\""),
                format!("e{number}.x"),
            ),
        };
        let editor = self.pair.editor(&script);
        let run = if by_mvx {
            self.pair.mvx(["edit", "-q", self.name])
        } else {
            self.pair.sops(["edit", self.name])
        };
        let outcome = run.env("EDITOR", editor).outcome();
        self.note(&format!(
            "{} edit {key}",
            if by_mvx { "mvx" } else { "sops" }
        ));
        self.check(&outcome);
        self.model.insert(key, "text edited".into());
        if by_mvx {
            self.seen_by_sops();
        } else {
            self.seen_by_mvx();
        }
    }

    fn by_mvx(&mut self, arguments: &[&str]) {
        let outcome = self.pair.mvx(arguments).outcome();
        self.note(&format!("mvx {}", arguments.join(" ")));
        self.check(&outcome);
    }

    fn by_sops(&mut self, arguments: &[&str]) {
        let outcome = self.pair.sops(arguments).outcome();
        self.note(&format!("sops {}", arguments.join(" ")));
        self.check(&outcome);
    }

    fn note(&mut self, what: &str) {
        writeln!(self.trace, "{what}").unwrap();
    }

    fn check(&self, outcome: &Outcome) {
        if outcome.code() != Some(0) {
            self.fails(outcome);
        }
    }

    fn fails(&self, outcome: &Outcome) {
        let text = self.pair.sandbox.read(self.name);
        panic!("{outcome}\n{}\n{text}", self.trace);
    }

    fn seen_by_mvx(&self) {
        let outcome = self.pair.mvx(["decrypt", "-q", self.name]).outcome();
        self.check(&outcome);
        let opened = numbered(&values(self.format, &outcome.stdout));
        assert_eq!(opened, self.model, "as mvx sees it\n{}", self.trace);
    }

    fn seen_by_sops(&self) {
        let arguments = ["decrypt", "--output-type", "json", self.name];
        let outcome = self.pair.sops(arguments).outcome();
        self.check(&outcome);
        let mut opened = BTreeMap::new();
        flatten(
            "",
            &serde_json::from_str(outcome.stdout()).unwrap(),
            &mut opened,
        );
        assert_eq!(opened, self.model, "as sops sees it\n{}", self.trace);
    }

    fn model_set(&mut self, key: &str, value: &Value) {
        self.model.insert(key.to_owned(), scalar(value));
    }

    /// A key that holds a value and no list's item.
    fn present(&mut self) -> Option<String> {
        let keys: Vec<&String> = self
            .model
            .keys()
            .filter(|key| !key.ends_with(']'))
            .collect();
        let at = self.dice.of(keys.len().max(1));
        keys.get(at).map(|key| (*key).clone())
    }

    /// A key to set: one that is there or a new one.
    fn target(&mut self) -> String {
        if self.dice.of(3) > 0
            && let Some(key) = self.present()
        {
            return key;
        }
        self.added += 1;
        let map = match self.format {
            Format::Yaml | Format::Json => ["", "m.", "new.deep."][self.dice.of(3)],
            Format::Ini => ["m.", "n."][self.dice.of(2)],
            _ => "",
        };
        format!("{map}s{}", self.added)
    }

    fn value(&mut self) -> Value {
        let texts: &[&str] = match self.format {
            Format::Yaml | Format::Json => &[
                "plain",
                "a: b # c",
                "two\nlines\n",
                "\n lead",
                "schlüssel ✓ 𝄞",
                "",
                " blank ",
                "it's \"so\"",
                "42",
                "true",
                "null",
                "~",
                "2024-01-02",
                "- x",
                "{a}",
                "*x",
                "tab\there",
                "a\r\nb",
                "\u{85}",
                "ENC[x]",
            ],
            Format::Dotenv => &[
                "plain",
                "a=b # c",
                "two\nlines",
                "schlüssel ✓",
                "",
                " blank ",
                "\"quoted\"",
                "42",
                "#",
            ],
            _ => &["plain", "a b", "schlüssel ✓", "42", "true", "x=y"],
        };
        let tree = matches!(self.format, Format::Yaml | Format::Json);
        match self.dice.of(if tree { 9 } else { 4 }) {
            4 => Value::from(self.dice.of(1000)),
            5 => Value::from(-1.5),
            6 => Value::from(self.dice.of(2) == 0),
            7 => Value::Null,
            8 => serde_json::json!(1e21),
            _ => Value::from(texts[self.dice.of(texts.len())]),
        }
    }
}

/// `m.a` as sops writes it.
fn sops_path(key: &str) -> String {
    let parts: Vec<String> = key.split('.').map(|name| format!("[\"{name}\"]")).collect();
    parts.concat()
}
