//! The nearest right word, for messages.

/// The candidate that somebody who wrote `word` most likely meant: the same but for case and
/// hyphens, else at most a third of its letters away (one for the shortest words).
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let plain = |word: &str| word.to_lowercase().replace(['-', ' '], "_");
    let wanted = plain(word);
    let limit = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&wanted, &plain(candidate)),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let words = ["recipients", "path", "path_regex", "prod"];
        for (word, expected) in [
            ("recipiants", Some("recipients")),
            ("Path-Regex", Some("path_regex")),
            ("pathregex", Some("path_regex")),
            ("prd", Some("prod")),
            ("zebra", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, words).as_deref(), expected, "{word}");
        }
    }
}
