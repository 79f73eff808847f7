//! Text that a stranger may have written, made safe to show.

use std::borrow::Cow;

/// Neutralises what could act on a terminal or disguise a name: control characters (escape
/// sequences among them), characters that turn the direction of writing, and invisible ones. They
/// appear as `\u{…}`, so that a name that holds them is seen for what it is. Tabs and line breaks
/// are control characters too: whoever prints several lines splits them first. So do the beginnings
/// of commands that Azure's pipelines obey anywhere in a line of a log, `##vso[` and `##[`; GitHub's
/// stand at the beginning of a line, and mvx prints nothing of a stranger's there.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with("##[") || rest.starts_with("##vso[") {
            shown.push_str("\\u{23}");
        } else if is_unsafe(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Unicode's categories Cc, the bidirectional controls of UAX #9 section 2, line and paragraph
/// separators, and the default ignorable characters (`Default_Ignorable_Code_Point` of UAX #44), which
/// show as nothing.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_and_turned_text_are_shown_not_obeyed() {
        assert_eq!(safe("a\u{1b}[31mred"), "a\\u{1b}[31mred");
        assert_eq!(safe("x\u{202e}lmay.\u{9b}2J"), "x\\u{202e}lmay.\\u{9b}2J");
        assert_eq!(safe("two\nlines\t"), "two\\nlines\\t");
        assert_eq!(
            safe("zero\u{200b}width\u{feff}"),
            "zero\\u{200b}width\\u{feff}"
        );
        assert_eq!(
            safe("\u{3164}a\u{fe0f}\u{e0100}"),
            "\\u{3164}a\\u{fe0f}\\u{e0100}"
        );
        assert_eq!(safe("a##vso[x]##[y]"), "a\\u{23}#vso[x]\\u{23}#[y]");
        assert_eq!(safe("## a #[b]"), "## a #[b]");
    }

    #[test]
    fn ordinary_names_in_any_script_stay() {
        for name in [
            "secrets/prod/stripe.enc.yaml",
            "пароль",
            "密码",
            "mañana",
            "🔑",
            "a b",
        ] {
            assert!(
                matches!(safe(name), Cow::Borrowed(text) if text == name),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_unsafe_comes_through(text in any::<String>()) {
            prop_assert!(!safe(&text).chars().any(is_unsafe));
        }
    }
}
