//! What the scanner gives out: tokens, and runs of comments.

/// A position. Columns count characters from 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    StreamStart,
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    BlockListStart,
    BlockMapStart,
    BlockEnd,
    BlockEntry,
    FlowListStart,
    FlowListEnd,
    FlowMapStart,
    FlowMapEnd,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    Scalar,
}

/// A token and where it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: Mark,
}

/// How a run of comments stands to its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Head,
    Line,
    Foot,
}

/// A run of comment lines.
#[derive(Debug)]
pub(super) struct Comments {
    pub(super) run: Run,
    /// Where each `#` stands.
    pub(super) lines: Vec<usize>,
    /// The first token at or behind this position takes the run.
    pub(super) token: usize,
    /// Where the search began that found it.
    pub(super) scan: usize,
    /// Its line, and its column counted from 1.
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}
