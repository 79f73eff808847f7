//! Comments between tokens, gathered into runs.

use super::scanner::{Scanner, is_blank, is_break};
use super::token::{Comments, Mark, Run, TokenKind};

impl Scanner<'_> {
    /// A comment beside the first dash of a list becomes one above what follows.
    pub(super) fn lift_line_comment(&mut self) {
        let first_dash = self
            .previous(2)
            .is_some_and(|token| token.kind == TokenKind::BlockListStart)
            && self
                .previous(1)
                .is_some_and(|token| token.kind == TokenKind::BlockEntry);
        let at_break = self.byte(0).is_some_and(is_break);
        let here = self.mark;
        if first_dash
            && !at_break
            && let Some(comments) = self.comments.back_mut()
            && comments.run == Run::Line
        {
            comments.run = Run::Head;
            if comments.line + 1 == here.line {
                comments.token = here.index;
            }
        }
    }

    /// A comment beside the token that was just read; the token at `place` takes it.
    pub(super) fn line_comment(&mut self, place: usize) {
        if self.newlines > 0 {
            return;
        }
        let rest = self.bytes.get(self.mark.index..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
        if rest.get(blanks) != Some(&b'#') {
            return;
        }
        self.advance(blanks);
        let start = self.mark;
        self.skip_line();
        self.comments.push_back(Comments {
            run: Run::Line,
            lines: vec![start.index],
            token: place,
            scan: 0,
            line: start.line,
            column: start.column,
            start: start.index,
            end: 0,
        });
    }

    /// Gathers the comment lines from here to the next token. `gap` is where the last token ended.
    pub(super) fn gather(&mut self, gap: Mark) {
        let mut before = self.previous(1);
        if before.is_some_and(|token| token.kind == TokenKind::FlowEntry) {
            before = self.previous(2).or(before);
        }
        let behind_colon = before.is_some_and(|token| token.kind == TokenKind::Value);
        let mut token = before.map_or(0, |token| token.start.index);
        let mut scan = gap.index;
        let indent = self.indent.unwrap_or(0);
        // The line in which a comment still belongs to what stands above it.
        let foot_line = (gap.line > 0).then(|| {
            let beside = self.newlines == 0 && self.mark.column > 1;
            (self.mark.line + 1 + usize::from(beside)).saturating_sub(self.newlines)
        });
        let mut before_blank = self.newlines <= 1;
        let mut blank_before = false;
        let mut lines: Vec<usize> = Vec::new();
        let mut start = Mark::default();
        let mut line = self.mark.line;
        let mut column = self.mark.column;
        let mut at = self.mark.index;
        loop {
            column += 1;
            let byte = self.bytes.get(at).copied();
            if byte.is_some_and(is_blank) {
                at += 1;
                continue;
            }
            let closes = self.flow > 0 && matches!(byte, Some(b']' | b'}'));
            if closes || byte.is_none_or(is_break) {
                let below = Some(start.line) == foot_line && !behind_colon;
                let dedented = start.column <= indent;
                if !lines.is_empty()
                    && (closes || (!blank_before && before_blank && (below || dedented)))
                {
                    if dedented {
                        token = start.index;
                    }
                    let lines = std::mem::take(&mut lines);
                    self.run(Run::Foot, lines, token, scan, start, at);
                    scan = at;
                    token = at;
                }
                if closes || byte.is_none() {
                    break;
                }
                before_blank = false;
                blank_before = true;
                column = 0;
                line += 1;
                at += 1;
                continue;
            }
            if !lines.is_empty() && column <= indent && column != start.column {
                // Another column than the lines above: those belong to what stands before them.
                let lines = std::mem::take(&mut lines);
                self.run(Run::Foot, lines, token, scan, start, at);
                scan = at;
                token = at;
            }
            if byte != Some(b'#') {
                break;
            }
            if lines.is_empty() {
                start = Mark {
                    index: at,
                    line,
                    column,
                };
            }
            blank_before = false;
            lines.push(at);
            self.go_to(at);
            self.skip_line();
            at = self.mark.index + 1;
            column = 0;
            line = self.mark.line;
        }
        if !lines.is_empty() {
            self.run(
                Run::Head,
                lines,
                start.index,
                scan,
                start,
                at.saturating_sub(1),
            );
        }
    }

    fn run(
        &mut self,
        run: Run,
        lines: Vec<usize>,
        token: usize,
        scan: usize,
        start: Mark,
        end: usize,
    ) {
        self.comments.push_back(Comments {
            run,
            lines,
            token,
            scan,
            line: start.line,
            column: start.column,
            start: start.index,
            end,
        });
    }
}
