//! What the ledger says, for people and for other programs: what is due, and what happened.

mod calendar;
mod due;
mod log;

use super::text::is_invisible;

pub use due::{DueFormat, DueRow, Ending, due};
pub use log::{LogFormat, LogRow, is_log, log, rows};

/// A cell of a Markdown table: nothing in it ends the cell, makes a link or hides.
fn markdown_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '~' | '@' | '!' => {
                // GitHub knows `_` inside a word, and names are full of them.
                if c != '_' {
                    cell.push('\\');
                }
                cell.push(c);
            }
            c if is_hidden(c) => cell.push(' '),
            c => cell.push(c),
        }
    }
    cell
}

/// Whether a character shows nothing, or turns the text around it.
fn is_hidden(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Code in Markdown, whatever stands in it.
fn markdown_code(text: &str) -> String {
    let plain = |c: char| !is_hidden(c) && !matches!(c, '`' | '|');
    if text.chars().all(plain) {
        format!("`{text}`")
    } else {
        markdown_cell(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_is_markup() {
        assert_eq!(markdown_cell("a|b\n[x](y) @ana"), "a\\|b \\[x\\](y) \\@ana");
        assert_eq!(markdown_code("A_KEY"), "`A_KEY`");
        assert_eq!(markdown_code("a`|b"), "a\\`\\|b");
    }
}
