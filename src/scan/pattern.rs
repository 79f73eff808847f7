//! A regex that is compiled when it is first wanted.

use std::sync::OnceLock;

use regex_automata::meta::{Config, Regex};

use super::rules::parse;

/// What a compiled regex may take at most: a rule that needs more is not used, and the scan says
/// that it is incomplete.
const MOST_BYTES: usize = 8 << 20;

/// What the lazy automaton of a regex may take for each thread.
const MOST_CACHE: usize = 1 << 20;

/// A regex in Go's syntax.
#[derive(Debug)]
pub(super) struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) fn new(source: &str) -> Self {
        Self {
            source: source.into(),
            compiled: OnceLock::new(),
        }
    }

    /// The compiled regex; `None` if it is too large.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let compile = || {
            let hir = parse(&self.source).ok()?;
            let config = Config::new()
                .utf8_empty(false)
                .nfa_size_limit(Some(MOST_BYTES))
                .onepass_size_limit(Some(MOST_BYTES / 8))
                .hybrid_cache_capacity(MOST_CACHE);
            Regex::builder().configure(config).build_from_hir(&hir).ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }

    /// Whether it matches anywhere in `text`; one that is too large matches nothing.
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }
}
