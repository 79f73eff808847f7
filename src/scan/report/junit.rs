//! `JUnit`'s XML, as Jenkins, GitLab, Azure and others read it: each finding is a test that failed.

use std::fmt::Write as _;

use super::{Report, sentence};
use crate::scan::finding::Finding;

pub(super) fn render(report: &Report<'_>) -> String {
    let failures = report.findings.iter().filter(|one| one.fails).count();
    let errors = report.incomplete.len();
    // a suite without tests counts as a mistake in some services
    let none = report.findings.is_empty() && errors == 0;
    let tests = report.findings.len() + errors + usize::from(none);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // writing to a string does not fail
    writeln!(
        xml,
        "<testsuites name=\"mvx scan\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n  <testsuite name=\"mvx scan\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" timestamp=\"{}\">",
        escaped(&report.time[0])
    )
    .ok();
    for finding in report.findings {
        case(&mut xml, finding);
    }
    for why in report.incomplete {
        let why = escaped(why);
        writeln!(xml, "    <testcase name=\"the scan is complete\" classname=\"mvx\">\n      <error message=\"{why}\" type=\"incomplete\">{why}</error>\n    </testcase>").ok();
    }
    if none {
        writeln!(
            xml,
            "    <testcase name=\"{} bytes in {} pieces hold no secret\" classname=\"mvx\"/>",
            report.scanned.bytes, report.scanned.pieces
        )
        .ok();
    }
    xml += "  </testsuite>\n</testsuites>\n";
    xml
}

fn case(xml: &mut String, finding: &Finding) {
    let path = escaped(&finding.place.words());
    let (rule, line) = (escaped(&finding.rule), finding.start.line);
    let text = escaped(&sentence(finding));
    let mut body = format!("{path}:{line}:{}: {text}", finding.start.column);
    if let Some(commit) = &finding.place.commit {
        write!(
            body,
            "\ncommit {} of {} by {}",
            escaped(&commit.id),
            escaped(&commit.date),
            escaped(&commit.author)
        )
        .ok();
    }
    for line in [&finding.why, &finding.remedy] {
        if !line.is_empty() {
            write!(body, "\n{}", escaped(line)).ok();
        }
    }
    let name = format!("{rule} at {path}:{line}");
    let (open, close) = if finding.fails {
        (
            format!("<failure message=\"{text}\" type=\"{rule}\">"),
            "</failure>",
        )
    } else {
        ("<system-out>".into(), "</system-out>")
    };
    writeln!(xml, "    <testcase name=\"{name}\" classname=\"{path}\" file=\"{path}\" line=\"{line}\">\n      {open}{body}{close}\n    </testcase>").ok();
}

/// Text for XML 1.0, where it may hold a quoted attribute or an element's text. Characters that XML
/// does not have at all (section 2.2) are shown as `\u{…}`.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml += "&amp;",
            '<' => xml += "&lt;",
            '>' => xml += "&gt;",
            '"' => xml += "&quot;",
            '\'' => xml += "&apos;",
            '\t' | '\n' | '\r' => {
                write!(xml, "&#{};", u32::from(c)).ok();
            }
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                xml.extend(c.escape_unicode());
            }
            c => xml.push(c),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_attribute() {
        assert_eq!(
            escaped("a\"><b>&'\n\u{1b}\u{ffff}ä"),
            "a&quot;&gt;&lt;b&gt;&amp;&apos;&#10;\\u{1b}\\u{ffff}ä"
        );
    }
}
