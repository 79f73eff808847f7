//! Which values of a file are encrypted: SOPS's six selectors (SOPS-FORMAT 1.6).

use std::fmt;

use thiserror::Error;

use super::re2::{Pattern, Re2Error, Reach};
use crate::document::{Body, Item, Tree};
use crate::error::{Exit, Explain};
use crate::keypath::Segment;

/// What decides whether a value is encrypted. A file has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Everything, except below a key with this ending.
    UnencryptedSuffix(String),
    /// What stands at or below a key with this ending, nothing else.
    EncryptedSuffix(String),
    /// Everything, except below a key that matches.
    UnencryptedRegex(Pattern),
    /// What stands at or below a key that matches, nothing else.
    EncryptedRegex(Pattern),
    /// Everything, except what a matching comment stands above, and that comment.
    UnencryptedCommentRegex(Pattern),
    /// What a matching comment stands above, nothing else.
    EncryptedCommentRegex(Pattern),
}

/// A selector that cannot be honoured.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SelectorError {
    /// No selector has this name.
    #[error("`{field}` is not one of SOPS's selectors")]
    UnknownField {
        /// The name.
        field: String,
    },
    /// SOPS takes an empty selector as one that is not there.
    #[error("`{field}` is empty")]
    Empty {
        /// The selector.
        field: &'static str,
    },
    /// The pattern is no RE2 pattern. SOPS would leave every value in clear.
    #[error("`{field}` is not a regex that sops understands: {source}")]
    Pattern {
        /// The selector.
        field: &'static str,
        /// What is wrong with it.
        source: Re2Error,
    },
}

impl Explain for SelectorError {
    fn exit(&self) -> Exit {
        Exit::RULES
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnknownField { .. } => "unknown-selector",
            Self::Empty { .. } => "empty-selector",
            Self::Pattern { .. } => "bad-regex",
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::UnknownField { .. } => {
                vec![format!("selectors are {}", Selector::FIELDS.join(", "))]
            }
            Self::Empty { field } => vec![format!(
                "remove `{field}`: without a selector everything is encrypted except below keys ending in `_unencrypted`"
            )],
            Self::Pattern { source, .. } => source.hints(),
        }
    }
}

impl Default for Selector {
    /// SOPS's own default, also for files whose metadata name no selector.
    fn default() -> Self {
        Self::UnencryptedSuffix("_unencrypted".into())
    }
}

impl Selector {
    /// The selectors' names in metadata and rules.
    pub const FIELDS: [&'static str; 6] = [
        "unencrypted_suffix",
        "encrypted_suffix",
        "unencrypted_regex",
        "encrypted_regex",
        "unencrypted_comment_regex",
        "encrypted_comment_regex",
    ];

    /// The selector called `field` with the text `pattern`.
    pub fn new(field: &str, pattern: &str) -> Result<Self, SelectorError> {
        let field = known(field)?;
        if pattern.is_empty() {
            return Err(SelectorError::Empty { field });
        }
        let regex =
            || Pattern::new(pattern).map_err(|source| SelectorError::Pattern { field, source });
        Ok(match field {
            "unencrypted_suffix" => Self::UnencryptedSuffix(pattern.into()),
            "encrypted_suffix" => Self::EncryptedSuffix(pattern.into()),
            "unencrypted_regex" => Self::UnencryptedRegex(regex()?),
            "encrypted_regex" => Self::EncryptedRegex(regex()?),
            "unencrypted_comment_regex" => Self::UnencryptedCommentRegex(regex()?),
            _ => Self::EncryptedCommentRegex(regex()?),
        })
    }

    /// The pattern of the comments that decide, where comments do.
    pub fn marks(&self) -> Option<&Pattern> {
        match self {
            Self::UnencryptedCommentRegex(pattern) | Self::EncryptedCommentRegex(pattern) => {
                Some(pattern)
            }
            _ => None,
        }
    }

    /// Its name in metadata and rules.
    pub fn field(&self) -> &'static str {
        match self {
            Self::UnencryptedSuffix(_) => "unencrypted_suffix",
            Self::EncryptedSuffix(_) => "encrypted_suffix",
            Self::UnencryptedRegex(_) => "unencrypted_regex",
            Self::EncryptedRegex(_) => "encrypted_regex",
            Self::UnencryptedCommentRegex(_) => "unencrypted_comment_regex",
            Self::EncryptedCommentRegex(_) => "encrypted_comment_regex",
        }
    }

    /// Its text.
    pub fn pattern(&self) -> &str {
        match self {
            Self::UnencryptedSuffix(suffix) | Self::EncryptedSuffix(suffix) => suffix,
            Self::UnencryptedRegex(pattern)
            | Self::EncryptedRegex(pattern)
            | Self::UnencryptedCommentRegex(pattern)
            | Self::EncryptedCommentRegex(pattern) => pattern.source(),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.field(), self.pattern())
    }
}

/// Why a selector that is sound in itself is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Useless {
    /// It can match nothing.
    MatchesNothing,
    /// It leaves everything in clear.
    EncryptsNothing,
}

/// Checks a selector for the rules, without preparing it for use: sound, and able to select
/// something. Files that exist may hold selectors that fail only the second test.
pub fn check(field: &str, pattern: &str) -> Result<Option<Useless>, SelectorError> {
    let field = known(field)?;
    if pattern.is_empty() {
        return Err(SelectorError::Empty { field });
    }
    if !field.ends_with("_regex") {
        return Ok(None);
    }
    let reach =
        Pattern::check(pattern).map_err(|source| SelectorError::Pattern { field, source })?;
    Ok(match reach {
        Reach::Nothing => Some(Useless::MatchesNothing),
        Reach::Everything if field == "unencrypted_regex" => Some(Useless::EncryptsNothing),
        _ => None,
    })
}

/// Whether there is anything at all that a selector can match.
pub fn can_match(field: &str, pattern: &str) -> bool {
    matches!(
        check(field, pattern),
        Ok(None | Some(Useless::EncryptsNothing))
    )
}

/// Says of every item of `tree` whether `selector` has it encrypted, in one pass. False for what
/// is never encrypted: null, and the containers themselves.
///
/// A comment has the path of the container it stands in. The comment selectors look at the run of
/// comments before an item and before each container around it: a run begins after the last
/// sibling that is no comment. A comment counts for what stands after it in `tree.items`, so a
/// store puts a comment beside a value (`key: value # comment`) before that value, as sops does.
pub fn select(tree: &Tree, selector: &Selector) -> Vec<bool> {
    match selector {
        Selector::UnencryptedSuffix(suffix) => by_path(tree, false, |key| key.ends_with(suffix)),
        Selector::EncryptedSuffix(suffix) => by_path(tree, true, |key| key.ends_with(suffix)),
        Selector::UnencryptedRegex(pattern) => by_path(tree, false, |key| pattern.is_match(key)),
        Selector::EncryptedRegex(pattern) => by_path(tree, true, |key| pattern.is_match(key)),
        Selector::UnencryptedCommentRegex(pattern) => by_comment(tree, false, pattern),
        Selector::EncryptedCommentRegex(pattern) => by_comment(tree, true, pattern),
    }
}

fn known(field: &str) -> Result<&'static str, SelectorError> {
    Selector::FIELDS
        .into_iter()
        .find(|known| *known == field)
        .ok_or_else(|| SelectorError::UnknownField {
            field: field.into(),
        })
}

/// `hit_means`: what it means for an item that a key on its path matches.
fn by_path(tree: &Tree, hit_means: bool, matches: impl Fn(&str) -> bool) -> Vec<bool> {
    let mut hit = vec![false; tree.containers.len()];
    let judge = |item: &Item| {
        let around = hit.get(item.parent).copied().unwrap_or_default();
        let own = |item: &Item| matches!(&item.name, Segment::Key(key) if matches(key));
        match item.body {
            Body::Comment(_) => around == hit_means,
            Body::Leaf(_) => (around || own(item)) == hit_means,
            Body::Null => false,
            Body::Open(id) => {
                let inside = around || own(item);
                if let Some(hit) = hit.get_mut(id) {
                    *hit = inside;
                }
                false
            }
        }
    };
    tree.items.iter().map(judge).collect()
}

/// What the comments before a place say.
#[derive(Clone, Copy, Default)]
struct Run {
    /// A comment before a container around it matches.
    outer: bool,
    /// A comment of the current run matches.
    here: bool,
}

fn by_comment(tree: &Tree, hit_means: bool, pattern: &Pattern) -> Vec<bool> {
    let mut runs = vec![Run::default(); tree.containers.len()];
    let judge = |(index, item): (usize, &Item)| {
        let before = runs.get(item.parent).copied().unwrap_or_default();
        let hit_before = before.outer || before.here;
        let (selected, here) = match &item.body {
            Body::Comment(text) => {
                let own = pattern.is_match_bytes(text.as_bytes());
                // A comment that asks for encryption stays readable; one that asks for clear
                // text is clear itself.
                let hit = hit_before || (own && !hit_means);
                let seen = tree.unseen.binary_search(&index).is_err();
                (hit == hit_means, before.here || (own && seen))
            }
            Body::Leaf(_) => {
                let hit = hit_before == hit_means;
                // It was a comment when the value after it was judged, so it does not end a run.
                (hit, before.here && item.is_comment())
            }
            Body::Null => (false, false),
            Body::Open(id) => {
                if let Some(inside) = runs.get_mut(*id) {
                    inside.outer = hit_before;
                }
                (false, false)
            }
        };
        if let Some(run) = runs.get_mut(item.parent) {
            run.here = here;
        }
        selected
    };
    tree.items.iter().enumerate().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Container, Document, Style};
    use crate::document::{Kind, Shape, Value};

    /// A tree by hand. `rows` are `depth, text`: `#text` is a comment, `- text` an item of a list,
    /// `key` a value, `key:` a map, `key[]` a list, `~key` a null, `---` a new document.
    fn tree(rows: &[(usize, &str)]) -> Tree {
        let mut tree = Tree::default();
        let mut open: Vec<usize> = Vec::new();
        let mut document = 0;
        let root = |tree: &mut Tree, document| {
            tree.containers.push(container(None, Shape::Map, document));
            let root = tree.containers.len() - 1;
            tree.documents.push(Document {
                root,
                meta: None,
                end: 0,
            });
            root
        };
        open.push(root(&mut tree, 0));
        for (depth, text) in rows {
            if *text == "---" {
                document += 1;
                open = vec![root(&mut tree, document)];
                continue;
            }
            open.truncate(depth + 1);
            let parent = *open.last().unwrap();
            let mut name = Segment::Index(0);
            let body = if let Some(comment) = text.strip_prefix('#') {
                Body::Comment(comment.into())
            } else if let Some(value) = text.strip_prefix("- ") {
                Body::Leaf(Value::new(Kind::Str, value))
            } else if let Some(key) = text.strip_prefix('~') {
                name = Segment::Key(key.into());
                Body::Null
            } else if let Some(key) = text.strip_suffix(':').or(text.strip_suffix("[]")) {
                let shape = if text.ends_with(':') {
                    Shape::Map
                } else {
                    Shape::List
                };
                if key != "-" {
                    name = Segment::Key(key.into());
                }
                let mut new = container(Some(parent), shape, document);
                new.name = name.clone();
                tree.containers.push(new);
                open.push(tree.containers.len() - 1);
                Body::Open(tree.containers.len() - 1)
            } else {
                name = Segment::Key((*text).into());
                Body::Leaf(Value::new(Kind::Str, "v"))
            };
            tree.items.push(Item {
                parent,
                name,
                body,
                style: Style::Plain,
                span: 0..0,
                entry: 0..0,
                block: None,
            });
        }
        tree
    }

    fn container(parent: Option<usize>, shape: Shape, document: usize) -> Container {
        Container {
            parent,
            name: Segment::Index(0),
            shape,
            document,
            aad: String::new(),
            span: 0..0,
            flow: false,
            indent: 0,
        }
    }

    /// The selected rows, by number.
    fn selected(rows: &[(usize, &str)], field: &str, pattern: &str) -> Vec<usize> {
        let selector = Selector::new(field, pattern).unwrap();
        let verdicts = select(&tree(rows), &selector);
        assert_eq!(
            verdicts.len(),
            rows.iter().filter(|(_, text)| *text != "---").count()
        );
        verdicts
            .iter()
            .enumerate()
            .filter_map(|(row, verdict)| verdict.then_some(row))
            .collect()
    }

    /// `fixtures/sops/rx.yaml` and more, row by row.
    const RX: &[(usize, &str)] = &[
        (0, "# sops:enc"), // 0
        (0, "password"),   // 1
        (0, "user"),       // 2
        (0, "data:"),      // 3
        (1, "password"),   // 4
        (1, "other"),      // 5
        (1, "list[]"),     // 6
        (2, "-:"),         // 7
        (3, "password"),   // 8
        (3, "name"),       // 9
        (2, "- plain"),    // 10
        (0, "# sops:enc"), // 11
        (0, "tok"),        // 12
        (0, "nest:"),      // 13
        (1, "# sops:enc"), // 14
        (1, "inner"),      // 15
        (1, "plain2"),     // 16
        (0, "~nothing"),   // 17
    ];

    #[test]
    fn suffixes_and_regexes_look_at_every_key_on_the_path() {
        let all: Vec<usize> = vec![0, 1, 2, 4, 5, 8, 9, 10, 11, 12, 14, 15, 16];
        let without = |rows: &[usize]| -> Vec<usize> {
            all.iter()
                .copied()
                .filter(|row| !rows.contains(row))
                .collect()
        };
        assert_eq!(selected(RX, "unencrypted_suffix", "_unencrypted"), all);
        assert_eq!(
            selected(RX, "unencrypted_suffix", "word"),
            without(&[1, 4, 8])
        );
        assert_eq!(selected(RX, "encrypted_suffix", "ata"), [4, 5, 8, 9, 10]);
        assert_eq!(selected(RX, "encrypted_regex", "^list$"), [8, 9, 10]);
        assert_eq!(selected(RX, "encrypted_regex", "."), without(&[0, 11]));
        assert_eq!(
            selected(RX, "encrypted_regex", "nest|user"),
            [2, 14, 15, 16]
        );
        assert_eq!(
            selected(RX, "unencrypted_regex", "nest|user"),
            without(&[2, 14, 15, 16])
        );
    }

    #[test]
    fn comments_select_what_they_stand_above() {
        assert_eq!(
            selected(RX, "encrypted_comment_regex", "sops:enc"),
            [1, 12, 15]
        );
        assert_eq!(
            selected(RX, "unencrypted_comment_regex", "sops:enc"),
            [2, 4, 5, 8, 9, 10, 16]
        );
    }

    /// Both verdicts below were seen with sops 3.11.
    const RUNS: &[(usize, &str)] = &[
        (0, "# before"),     // 0
        (0, "# mark"),       // 1
        (0, "# after"),      // 2
        (0, "# mark again"), // 3
        (0, "a"),            // 4
        (0, "b"),            // 5
        (0, "# mark"),       // 6
        (0, "~null"),        // 7
        (0, "c"),            // 8
        (0, "# mark"),       // 9
        (0, "map:"),         // 10
        (1, "d"),            // 11
        (1, "# inside"),     // 12
        (1, "list[]"),       // 13
        (2, "# deep"),       // 14
        (2, "- e"),          // 15
        (0, "f"),            // 16
        (0, "list[]"),       // 17
        (1, "- g"),          // 18
        (1, "# mark"),       // 19
        (1, "- h"),          // 20
        (1, "- i"),          // 21
        (0, "# mark"),       // 22
    ];

    #[test]
    fn a_run_of_comments_ends_with_the_next_sibling() {
        assert_eq!(
            selected(RUNS, "encrypted_comment_regex", "mark"),
            [2, 3, 4, 11, 12, 14, 15, 20]
        );
        assert_eq!(
            selected(RUNS, "unencrypted_comment_regex", "mark"),
            [0, 5, 8, 16, 18, 21]
        );
    }

    #[test]
    fn each_document_begins_anew() {
        let rows = &[(0, "# mark"), (0, "a"), (0, "# mark"), (0, "---"), (0, "b")];
        assert_eq!(selected(rows, "encrypted_comment_regex", "mark"), [1]);
    }

    #[test]
    fn a_comment_that_sops_made_a_list_item_does_not_end_its_run() {
        let sealed = "- ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:comment]";
        let rows = &[
            (0, "list[]"),
            (1, "# mark"),
            (1, sealed),
            (1, "- a"),
            (1, "- b"),
        ];
        assert_eq!(selected(rows, "encrypted_comment_regex", "mark"), [2, 3]);
    }

    #[test]
    fn selectors_are_written_back_as_they_were_read() {
        for field in Selector::FIELDS {
            let selector = Selector::new(field, "^a$").unwrap();
            assert_eq!((selector.field(), selector.pattern()), (field, "^a$"));
        }
        assert_eq!(
            Selector::default(),
            Selector::new("unencrypted_suffix", "_unencrypted").unwrap()
        );
    }

    #[test]
    fn what_sops_would_leave_in_clear_is_refused() {
        let error = |field, pattern| Selector::new(field, pattern).unwrap_err();
        let bad = error("encrypted_regex", "^(data");
        assert_eq!(
            bad.to_string(),
            "`encrypted_regex` is not a regex that sops understands: character 2: this `(` is not closed"
        );
        assert_eq!((bad.exit(), bad.code()), (Exit::RULES, "bad-regex"));
        assert_eq!(
            error("encrypted_suffix", "").to_string(),
            "`encrypted_suffix` is empty"
        );
        assert_eq!(
            error("encrypted-regex", "a").to_string(),
            "`encrypted-regex` is not one of SOPS's selectors"
        );
    }

    #[test]
    fn useless_selectors_are_told_apart() {
        let cases = [
            ("encrypted_regex", "^a", None),
            ("encrypted_regex", "a^b", Some(Useless::MatchesNothing)),
            ("encrypted_regex", ".*", None),
            ("unencrypted_regex", ".*", Some(Useless::EncryptsNothing)),
            (
                "unencrypted_comment_regex",
                "$x",
                Some(Useless::MatchesNothing),
            ),
            ("unencrypted_suffix", "(", None),
        ];
        for (field, pattern, expected) in cases {
            assert_eq!(check(field, pattern), Ok(expected), "{field} {pattern}");
        }
        assert!(!can_match("encrypted_suffix", ""));
        assert!(can_match("unencrypted_regex", ".*"));
    }
}
