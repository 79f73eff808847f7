//! Workflow commands of GitHub Actions, which become annotations beside the lines.
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>; what is escaped
//! how stands in the toolkit, packages/core/src/command.ts.

use std::fmt::Write as _;

use super::{Report, sentence};
use crate::io::safe_text::safe;
use crate::scan::Confidence;
use crate::scan::finding::Finding;

pub(super) fn render(report: &Report<'_>) -> String {
    let mut log = String::new();
    for finding in report.findings {
        log += &one(finding);
    }
    for why in report.incomplete {
        writeln!(log, "::error title=mvx scan is incomplete::{}", data(why)).ok();
    }
    log
}

fn one(finding: &Finding) -> String {
    let command = match (finding.fails, finding.confidence) {
        (true, _) => "error",
        (false, Confidence::Low) => "notice",
        (false, _) => "warning",
    };
    let mut properties = Vec::new();
    // an annotation wants a file of the work tree; what is no file has none
    if let Some(path) = &finding.place.path {
        let path = path.display().to_string();
        properties.push(format!("file={}", property(&path)));
        properties.push(format!("line={}", finding.start.line));
        properties.push(format!("endLine={}", finding.end.line));
        // columns make sense on one line only
        if finding.start.line == finding.end.line && !finding.is_of_file() {
            properties.push(format!("col={}", finding.start.column));
            properties.push(format!("endColumn={}", finding.end.column));
        }
    }
    properties.push(format!(
        "title={}",
        property(&format!("mvx: {}", finding.rule))
    ));
    let mut text = sentence(finding);
    if let Some(commit) = &finding.place.commit {
        write!(text, " (commit {} by {})", commit.short(), commit.author).ok();
    }
    for line in [&finding.why, &finding.remedy] {
        if !line.is_empty() {
            text += "\n";
            text += line;
        }
    }
    let text: Vec<String> = text.lines().map(data).collect();
    format!(
        "::{command} {}::{}\n",
        properties.join(","),
        text.join("%0A")
    )
}

/// A command's text, on one line.
fn data(text: &str) -> String {
    safe(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_become_a_command() {
        assert_eq!(
            property("a,line=1::b%\n::set-env"),
            "a%2Cline=1%3A%3Ab%25\\n%3A%3Aset-env"
        );
        assert_eq!(data("x\r\n::error::y"), "x\\r\\n::error::y");
    }
}
