//! Columns for people.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use crate::io::safe_text::safe;

/// Rows of text in columns as wide as their widest cell. Empty columns are left out, and so is the
/// line of titles where none has any.
pub struct Table {
    titles: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    indent: &'static str,
}

impl Table {
    /// An empty table with these column titles.
    pub fn new(titles: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            titles: titles.into_iter().collect(),
            rows: Vec::new(),
            indent: "",
        }
    }

    /// The same table, set in below a heading.
    #[must_use]
    pub fn indented(self) -> Self {
        Self {
            indent: "  ",
            ..self
        }
    }

    /// Adds a row; names in it are made safe to show.
    pub fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cells = cells.into_iter().map(|cell| safe(cell.as_ref()).into());
        self.rows.push(cells.collect());
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table's text; nothing at all where there are no rows.
    pub(super) fn render(&self, colour: bool) -> String {
        let widths: Vec<usize> = (0..self.titles.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.width()).max().unwrap_or(0)
            })
            .collect();
        if widths.iter().all(|width| *width == 0) {
            return String::new();
        }
        let mut text = String::new();
        let indent = self.indent;
        let titles = line(self.titles.iter().copied(), &self.titles, &widths);
        match (titles.as_str(), colour) {
            ("", _) => {}
            (titles, true) => {
                writeln!(text, "{indent}\x1b[1m{titles}\x1b[0m").ok();
            }
            (titles, false) => {
                writeln!(text, "{indent}{titles}").ok();
            }
        }
        for row in &self.rows {
            let cells = row.iter().map(String::as_str);
            writeln!(text, "{indent}{}", line(cells, &self.titles, &widths)).ok();
        }
        text
    }
}

fn line<'a>(
    cells: impl Iterator<Item = &'a str>,
    titles: &[&'static str],
    widths: &[usize],
) -> String {
    let mut line = String::new();
    for ((cell, title), width) in cells.zip(titles).zip(widths) {
        if *width == 0 {
            continue;
        }
        let padding = (*width).max(title.width()) - cell.width();
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', padding + 2));
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_script() {
        let mut table = Table::new(["FILE", "NOTHING", "KEY"]);
        table.row(["a.yaml", "", "db.password"]);
        table.row(["密码.yaml", "", "k\u{1b}[2J"]);
        assert_eq!(
            table.render(false),
            "FILE       KEY\n\
             a.yaml     db.password\n\
             密码.yaml  k\\u{1b}[2J\n"
        );
        assert!(
            table
                .render(true)
                .starts_with("\x1b[1mFILE       KEY\x1b[0m\n")
        );
    }

    #[test]
    fn a_title_wider_than_its_cells_counts() {
        let mut table = Table::new(["LONG TITLE", "B"]);
        table.row(["x", "y"]);
        assert_eq!(table.render(false), "LONG TITLE  B\nx           y\n");
    }

    #[test]
    fn a_table_can_do_without_titles() {
        let mut table = Table::new(["", ""]).indented();
        table.row(["long key", "str"]);
        table.row(["k", "int"]);
        assert_eq!(table.render(true), "  long key  str\n  k         int\n");
    }

    #[test]
    fn without_rows_there_is_nothing() {
        assert_eq!(Table::new(["A"]).render(false), "");
    }
}
