//! Names that lead back to themselves.

/// The way from `start` back to `start`, both ends included, where there is one.
pub(super) fn cycle<'a>(
    start: &'a str,
    next: impl Fn(&str) -> Vec<&'a str>,
) -> Option<Vec<&'a str>> {
    // Each entry: a name, and how many names stand on the way to it.
    let mut open: Vec<(&str, usize)> = vec![(start, 0)];
    let mut seen: Vec<&str> = Vec::new();
    let mut way: Vec<&str> = Vec::new();
    while let Some((name, depth)) = open.pop() {
        way.truncate(depth);
        way.push(name);
        for follower in next(name) {
            if follower == start {
                way.push(start);
                return Some(way);
            }
            if !seen.contains(&follower) {
                seen.push(follower);
                open.push((follower, depth + 1));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_round_is_found() {
        let next = |name: &str| match name {
            "a" => vec!["b", "c"],
            "b" | "d" => vec!["d"],
            "c" => vec!["b", "a"],
            _ => vec![],
        };
        assert_eq!(cycle("a", next), Some(vec!["a", "c", "a"]));
        assert_eq!(cycle("b", next), None);
        assert_eq!(cycle("d", next), Some(vec!["d", "d"]));
        assert_eq!(cycle("x", next), None);
    }
}
