//! Where sops has comments. Every expectation was seen in what a real sops made of the text.

use std::fmt::Write as _;

use crate::document::{Body, Tree};
use crate::sops::store::Store as _;
use crate::stores::yaml::Yaml;

fn parse(text: &str) -> Tree {
    Yaml.parse(text.as_bytes()).unwrap()
}

/// The tree as a list: values by their path, comments as `path #words`.
fn listed(text: &str) -> Vec<String> {
    let tree = parse(text);
    tree.items
        .iter()
        .filter(|item| !matches!(item.body, Body::Open(_)))
        .map(|item| match &item.body {
            Body::Comment(words) => {
                let path = tree.path(item).to_string();
                format!("{path} #{}", words.as_str().unwrap().trim())
            }
            _ => tree.path(item).to_string(),
        })
        .collect()
}

#[test]
fn comments_beside_a_value_come_before_it() {
    assert_eq!(
        listed("a: 1 # 1\nb: | # 2\n  x\nl:\n  - x # 3\n"),
        [" #1", "a", " #2", "b", "l #3", "l[0]"]
    );
    assert_eq!(listed("m: # 1\n  a: 1\n"), [" #1", "m.a"]);
    // Beside the first dash of a list: above its first item.
    assert_eq!(listed("l:\n  - # 1\n    x\n"), ["l #1", "l[0]"]);
}

#[test]
fn columns_and_blank_lines_decide_what_a_comment_ends() {
    assert_eq!(
        listed("m:\n  a: 1\n  # 1\n# 2\nb: 2\n"),
        ["m.a", "m #1", " #2", "b"]
    );
    // Followed by a blank line, it ends what stands above; else it begins what stands below.
    assert_eq!(
        listed("m:\n  n:\n    a: 1\n  # 1\n\n  b: 2\n"),
        ["m.n.a", "m #1", "m.b"]
    );
    assert_eq!(listed("l:\n- x\n# 1\nb: 2\n"), ["l[0]", " #1", "b"]);
    assert_eq!(listed("l:\n- x\n# 1\n\nb: 2\n"), ["l[0]", "l #1", "b"]);
    assert_eq!(listed("a: 1\n# 1\n\n# 2\nb: 2\n"), ["a", " #1", " #2", "b"]);
}

/// A line that ends in a carriage return counts as two, so that a comment is always followed by a
/// blank line.
#[test]
fn carriage_returns_make_blank_lines() {
    let text = "x: 0\nm:\n  - a\n# 1\nb: 2\n";
    assert_eq!(listed(text), ["x", "m[0]", " #1", "b"]);
    let text = text.replace('\n', "\r\n");
    assert_eq!(listed(&text), ["x", "m[0]", " #1", "b"]);
    let indentless = "x: 0\r\nm:\r\n- a\r\n# 1\r\nb: 2\r\n";
    assert_eq!(listed(indentless), ["x", "m[0]", "m #1", "b"]);
}

#[test]
fn comments_inside_brackets_belong_there() {
    assert_eq!(
        listed("l: [\n  # 1\n  x, # 2\n  # 3\n  y\n  # 4\n]\nb: 1\n"),
        ["l #1", "l #2", "l[0]", "l #3", "l[1]", "l #4", "b"]
    );
}

#[test]
fn what_sops_loses_is_marked_and_kept() {
    let tree = parse("l: [ # 1\n  x\n]\n");
    let [unseen] = tree.unseen.as_slice() else {
        panic!("{:?}", tree.unseen);
    };
    assert!(
        matches!(&tree.items[*unseen].body, Body::Comment(words) if words.as_str() == Some(" 1"))
    );
    assert!(parse("l: [\n  x # 1\n]\n").unseen.is_empty());
}

#[test]
fn documents_end_at_their_marks() {
    assert_eq!(
        listed("# 1\n---\na: 1\n# 2\n---\n# 3\nb: 2\n# 4\n"),
        [" #1", "a", " #2", "2: #3", "2:b", "2: #4"]
    );
    assert_eq!(listed("a: 1\n# 1\n...\n"), ["a", " #1"]);
}

/// The `sops` block is what comments at a file's end stand above.
#[test]
fn the_block_below_makes_a_difference() {
    let sealed = "m:\n  - x\n  # 1\n# 2\nsops:\n    # inside\n    mac: m\n    version: 3.11.0\n";
    assert_eq!(listed(sealed), ["m[0]", "m #1", " #2"]);
}

/// As deep as the parser goes, in both styles at once.
#[test]
fn depth_is_no_danger() {
    let depth = 120;
    let mut block = String::new();
    for level in 0..depth {
        writeln!(block, "{:level$}k: # {level}", "").unwrap();
    }
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    let flow = format!("{}{{a: {open}x{close}}} # end\n", " ".repeat(depth + 1));
    assert_eq!(listed(&(block + &flow)).len(), depth + 2);
}

#[test]
fn many_comments_take_no_time() {
    let mut text = String::new();
    for number in 0..20_000 {
        write!(text, "k{number}: v # beside\n# below\n\n").unwrap();
    }
    let started = std::time::Instant::now();
    assert_eq!(parse(&text).items.len(), 60_000);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
