//! The text of a new secret file, in clear, as a person might have written it.
//!
//! Each store writes its own entries, one by one into a text of their own, so that ten thousand of
//! them take no longer than they have to.

use super::Planned;
use crate::document::splice;
use crate::error::{Exit, Failure};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::store::{NewNode, StoreError};
use crate::stores::Format;

/// The way out where a file type cannot hold what is imported.
pub(super) const OTHER_FILE: &str =
    "YAML holds every value: `--to` a name that ends in `.enc.yaml`";

/// An entry at the top of a file, and the comments that stand above it.
type Top<'p> = (String, NewNode, Vec<&'p Cleartext>);

/// Writes a file with these values, each with the comments of its key. JSON has no comments.
pub(super) fn compose(
    format: Format,
    keys: &[Planned],
    comments: &[(KeyPath, Vec<Cleartext>)],
    closing: &[Cleartext],
) -> Result<Cleartext, Failure> {
    let mut tops: Vec<Top<'_>> = Vec::new();
    for planned in keys {
        put(&mut tops, &planned.key.segments, planned.node.duplicate()).ok_or_else(|| {
            Failure::new(
                Exit::USAGE,
                "no-such-key",
                "a new file begins with names, in its first document",
            )
            .at(planned.key.to_string())
            .hint("`--at` takes names with dots between them, such as `db.prod`")
        })?;
    }
    for (key, comments) in comments {
        // Only what stands at the top has lines of its own for certain.
        if let [Segment::Key(name)] = key.segments.as_slice()
            && let Some((_, _, above)) = tops.iter_mut().find(|(top, ..)| top == name)
        {
            above.extend(comments);
        }
    }
    match format {
        Format::Yaml => lines(&tops, closing, yaml_entry),
        Format::Dotenv => lines(&tops, closing, dotenv_entry),
        Format::Ini => ini(&tops),
        Format::Json | Format::Binary => json(&tops),
    }
    .map_err(|error| {
        let nested = matches!(error, StoreError::CannotCarry { .. });
        let mut failure = Failure::from(error);
        if nested {
            failure.hints = vec![OTHER_FILE.into()];
        }
        failure
    })
}

/// Puts a node at a path of names; `None` where the path is another one.
fn put(tops: &mut Vec<Top<'_>>, path: &[Segment], node: NewNode) -> Option<()> {
    let (Segment::Key(first), rest) = path.split_first()? else {
        return None;
    };
    // Neighbours most often go together.
    let at = tops.iter().rposition(|(name, ..)| name == first);
    let at = at.unwrap_or_else(|| {
        tops.push((first.clone(), NewNode::Map(Vec::new()), Vec::new()));
        tops.len() - 1
    });
    let top = tops.get_mut(at)?;
    insert(&mut top.1, rest, node)
}

/// Puts a node at a path below another one, with the maps on the way.
pub(super) fn insert(into: &mut NewNode, path: &[Segment], node: NewNode) -> Option<()> {
    let Some((step, rest)) = path.split_first() else {
        *into = node;
        return Some(());
    };
    let (Segment::Key(name), NewNode::Map(entries)) = (step, into) else {
        return None;
    };
    let at = entries.iter().rposition(|(found, _)| found == name);
    let at = at.unwrap_or_else(|| {
        entries.push((name.clone(), NewNode::Map(Vec::new())));
        entries.len() - 1
    });
    let entry = entries.get_mut(at)?;
    insert(&mut entry.1, rest, node)
}

/// Entries and their comments, one below the other.
fn lines(
    tops: &[Top<'_>],
    closing: &[Cleartext],
    entry: impl Fn(&str, &NewNode) -> Result<Cleartext, StoreError>,
) -> Result<Cleartext, StoreError> {
    let mut out = Cleartext::default();
    let comment = |out: &mut Cleartext, text: &Cleartext| {
        // YAML takes no control characters, not even in a comment.
        let odd = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        if !text.as_bytes().iter().any(odd) {
            out.push(b"#");
            out.push(text.as_bytes());
            out.push(b"\n");
        }
    };
    for (name, node, comments) in tops {
        for text in comments {
            comment(&mut out, text);
        }
        out.push(entry(name, node)?.as_bytes());
        if !out.as_bytes().ends_with(b"\n") {
            out.push(b"\n");
        }
    }
    for text in closing {
        comment(&mut out, text);
    }
    Ok(out)
}

/// The name below which a YAML or JSON entry is written, to be taken out again.
const HOLDER: &str = "x";

fn yaml_entry(name: &str, node: &NewNode) -> Result<Cleartext, StoreError> {
    held(Format::Yaml, "x:\n", &[HOLDER, name], node)
}

fn json(tops: &[Top<'_>]) -> Result<Cleartext, StoreError> {
    let entries = tops.iter();
    let whole = NewNode::Map(
        entries
            .map(|(name, node, _)| (name.clone(), node.duplicate()))
            .collect(),
    );
    let mut out = held(Format::Json, "{\n  \"x\": null\n}\n", &[HOLDER], &whole)?;
    if !out.as_bytes().ends_with(b"\n") {
        out.push(b"\n");
    }
    Ok(out)
}

/// What a store makes of a node, below a name that is taken away again.
fn held(
    format: Format,
    around: &str,
    path: &[&str],
    node: &NewNode,
) -> Result<Cleartext, StoreError> {
    let store = format.store();
    let names = |names: &[&str]| KeyPath {
        document: 1,
        segments: names
            .iter()
            .map(|name| Segment::Key((*name).to_owned()))
            .collect(),
    };
    let tree = store.parse(around.as_bytes())?;
    let edits = store.insert(around.as_bytes(), &tree, &names(path), node)?;
    let text = splice(around.as_bytes(), edits).unwrap_or_default();
    let tree = store.parse(text.as_bytes())?;
    let holder = names(&[HOLDER]);
    let id = tree
        .find_container(&holder)
        .ok_or_else(|| StoreError::NoSuchKey {
            path: holder.to_string(),
        })?;
    Ok(store.extract(text.as_bytes(), &tree, id))
}

fn dotenv_entry(name: &str, node: &NewNode) -> Result<Cleartext, StoreError> {
    let store = Format::Dotenv.store();
    let tree = store.parse(b"")?;
    let path = KeyPath::root(1).child(Segment::Key(name.to_owned()));
    let edits = store.insert(b"", &tree, &path, node)?;
    Ok(splice(b"", edits).unwrap_or_default())
}

/// Sections, each written as a whole.
fn ini(tops: &[Top<'_>]) -> Result<Cleartext, StoreError> {
    let store = Format::Ini.store();
    let mut out = Cleartext::default();
    for (name, node, _) in tops {
        let tree = store.parse(b"")?;
        let path = KeyPath::root(1).child(Segment::Key(name.clone()));
        let edits = store.insert(b"", &tree, &path, node)?;
        let section = splice(b"", edits).unwrap_or_default();
        if !out.is_empty() {
            out.push(b"\n");
        }
        out.push(section.as_bytes());
        if !section.as_bytes().ends_with(b"\n") {
            out.push(b"\n");
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::import::Status;
    use crate::document::{Kind, Value};

    fn planned(key: &str, node: NewNode) -> Planned {
        Planned {
            key: KeyPath::parse(key).unwrap(),
            input: 0,
            line: None,
            status: Status::New,
            node,
        }
    }

    fn text(value: &str) -> NewNode {
        NewNode::Value(Value::new(Kind::Str, value))
    }

    fn composed(
        format: Format,
        keys: &[Planned],
        comments: &[(KeyPath, Vec<Cleartext>)],
    ) -> String {
        let out = compose(format, keys, comments, &[" end".into()]).unwrap();
        // What was written holds what was to be written.
        let read = crate::import::read(
            out.as_bytes(),
            match format {
                Format::Json => crate::import::Source::Json,
                Format::Ini => crate::import::Source::Ini,
                _ => crate::import::Source::Yaml,
            },
        );
        if format != Format::Dotenv {
            let mut whole = NewNode::Map(Vec::new());
            for planned in keys {
                insert(&mut whole, &planned.key.segments, planned.node.duplicate()).unwrap();
            }
            let read = read.unwrap().entries.into_iter();
            let found = read.map(|mut entry| (entry.path.remove(0), entry.node));
            assert!(NewNode::Map(found.collect()).holds(&whole));
        }
        out.as_str().unwrap().to_owned()
    }

    fn sample() -> Vec<Planned> {
        vec![
            planned("API_KEY", text("two words: #1")),
            planned("db.password", text("line 1\nline 2\n")),
            planned("PORT", NewNode::Value(Value::new(Kind::Int, "5432"))),
            planned("db.hosts", NewNode::List(vec![text("a"), NewNode::Null])),
            planned("empty", NewNode::Map(Vec::new())),
        ]
    }

    #[test]
    fn yaml() {
        let key = KeyPath::parse("PORT").unwrap();
        let comments = [(key, vec![" of the port".into()])];
        insta::assert_snapshot!(composed(Format::Yaml, &sample(), &comments), @r###"
        API_KEY: 'two words: #1'
        db:
          password: "line 1\nline 2\n"
          hosts:
            - a
            - null
        # of the port
        PORT: 5432
        empty: {}
        # end
        "###);
    }

    #[test]
    fn json_has_no_comments() {
        insta::assert_snapshot!(composed(Format::Json, &sample(), &[]), @r###"
        {
          "API_KEY": "two words: #1",
          "db": {
            "password": "line 1\nline 2\n",
            "hosts": [
              "a",
              null
            ]
          },
          "PORT": 5432,
          "empty": {}
        }
        "###);
    }

    #[test]
    fn dotenv_values_are_verbatim() {
        let keys = [planned("A", text("it's \"x\"")), planned("B", text("1\n2"))];
        let comments = [(KeyPath::parse("B").unwrap(), vec!["of b".into()])];
        assert_eq!(
            composed(Format::Dotenv, &keys, &comments),
            "A=it's \"x\"\n#of b\nB=1\\n2\n# end\n"
        );
        let failure = compose(Format::Dotenv, &sample(), &[], &[]).err().unwrap();
        assert!(failure.hints[0].contains(".enc.yaml"), "{failure:?}");
    }

    #[test]
    fn ini_has_sections() {
        let keys = [planned("db.a", text("1")), planned("web.b", text("x ; y"))];
        insta::assert_snapshot!(composed(Format::Ini, &keys, &[]), @r###"
    [db]
    a = 1

    [web]
    b = `x ; y`
    "###);
        let failure = compose(Format::Ini, &[planned("a", text("1"))], &[], &[]);
        assert_eq!(failure.err().unwrap().code, "cannot-carry");
    }
}
