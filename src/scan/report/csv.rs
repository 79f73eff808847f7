//! Comma-separated values (RFC 4180), a line a finding.

use super::{Report, redacted};
use crate::io::safe_text::safe;

const COLUMNS: &str = "rule,what,confidence,fails,source,path,line,column,end_line,end_column,commit,author,email,date,secret,decoded_by,expired,fingerprint\r\n";

pub(super) fn render(report: &Report<'_>) -> String {
    let mut text = COLUMNS.to_owned();
    for finding in report.findings {
        let commit = finding.place.commit.clone().unwrap_or_default();
        let secret = if finding.is_of_file() {
            String::new()
        } else {
            redacted::redacted(finding.secret.as_bytes())
        };
        let fields = [
            finding.rule.clone(),
            finding.what.clone(),
            finding.confidence.name().into(),
            finding.fails.to_string(),
            finding.place.source.name().into(),
            finding.place.words(),
            finding.start.line.to_string(),
            finding.start.column.to_string(),
            finding.end.line.to_string(),
            finding.end.column.to_string(),
            commit.id,
            commit.author,
            commit.email,
            commit.date,
            secret,
            finding.decoded_by.join(" "),
            finding.expired.clone().unwrap_or_default(),
            finding.fingerprint.clone().unwrap_or_default(),
        ];
        text += &fields.map(|text| field(&text)).join(",");
        text += "\r\n";
    }
    text
}

/// A field on one line, quoted where it has to be. What a spreadsheet would take for a formula gets an apostrophe
/// in front, as OWASP's "CSV Injection" advises: paths and names of authors are a stranger's.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let shown = safe(text);
    let text = if formula {
        format!("'{shown}")
    } else {
        shown.into_owned()
    };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_never_formulas() {
        for (text, written) in [
            ("a.env", "a.env"),
            ("a,b", "\"a,b\""),
            ("a\"b\n", "\"a\"\"b\\n\""),
            ("=1+1", "'=1+1"),
            ("-x,y", "\"'-x,y\""),
        ] {
            assert_eq!(field(text), written);
        }
    }
}
