//! Any other file, sealed as one value.
//!
//! In clear, the whole file is the leaf `data`, whatever its bytes. Sealed, it is what sops
//! writes: the JSON object `{"data": "ENC[…]", "sops": {…}}`. A text is taken for the sealed form
//! if it is exactly that: an object of a text `data` and SOPS's metadata and nothing else.
//!
//! The wrapper consists of edits like any other block: [`Store::attach`] adds what stands before
//! and after the value, and the metadata's `cut` takes both away again, so that the value alone,
//! put in its item's place, is the file.

use super::json::{Json, parse_of_any_length, wrapper};
use super::place::{Place, cannot_carry, existing, follow};
use crate::document::{
    Body, Container, Document, Edit, Item, Kind, Meta, MetaBlock, Shape, Style, Tree, Value, splice,
};
use crate::keypath::{KeyPath, Segment};
use crate::secret::Cleartext;
use crate::sops::store::{NewNode, Placed, Store, StoreError};

/// The one value's key.
const DATA: &str = "data";
/// Why nothing else can stand in such a file.
const ONE_VALUE: &str = "a binary file is sealed as one value, `data`";

/// The binary store.
pub struct Binary;

impl Store for Binary {
    fn parse(&self, text: &[u8]) -> Result<Tree, StoreError> {
        if text.is_empty() {
            return Err(StoreError::Empty);
        }
        let (item, meta) = sealed(text).map_or_else(
            || {
                let bytes = Value::new(Kind::Str, text.to_vec());
                let item = Item {
                    parent: 0,
                    name: Segment::Key(DATA.into()),
                    body: Body::Leaf(bytes),
                    style: Style::Plain,
                    span: 0..text.len(),
                    entry: 0..text.len(),
                    block: None,
                };
                (item, None)
            },
            |(item, meta)| (item, Some(meta)),
        );
        Ok(Tree {
            containers: vec![Container {
                parent: None,
                name: Segment::Index(0),
                shape: Shape::Map,
                document: 0,
                aad: String::new(),
                span: 0..text.len(),
                flow: true,
                indent: 0,
            }],
            documents: vec![Document {
                root: 0,
                meta,
                end: item.span.end,
            }],
            items: vec![item],
            unseen: Vec::new(),
        })
    }

    fn envelope(&self, text: &[u8], tree: &Tree, item: &Item, envelope: &str) -> Placed {
        Json.envelope(text, tree, item, envelope)
    }

    fn plain(
        &self,
        _: &[u8],
        _: &Tree,
        _: &Item,
        _: Style,
        value: &Value,
    ) -> Result<Cleartext, StoreError> {
        Ok(value.bytes.duplicate())
    }

    fn list_comment(&self, _: &[u8], _: &Tree, item: &Item, _: &[u8]) -> Edit {
        Edit::new(item.span.end..item.span.end, "")
    }

    fn attach(&self, text: &[u8], _: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        let (before, after) = wrapper(DATA, meta);
        vec![
            Edit::new(0..0, before),
            Edit::new(text.len()..text.len(), after),
        ]
    }

    fn refresh(&self, text: &[u8], tree: &Tree, meta: &[(String, Meta)]) -> Vec<Edit> {
        if tree.meta().is_none() {
            return self.attach(text, tree, meta);
        }
        parse_of_any_length(text)
            .map(|tree| Json.refresh(text, &tree, meta))
            .unwrap_or_default()
    }

    fn insert(
        &self,
        text: &[u8],
        tree: &Tree,
        path: &KeyPath,
        node: &NewNode,
    ) -> Result<Vec<Edit>, StoreError> {
        let Place::Found(item) = follow(tree, path)? else {
            return Err(cannot_carry(path, ONE_VALUE));
        };
        let new = match node {
            NewNode::Value(value) if tree.meta().is_some() => {
                Json.plain(text, tree, item, Style::Double, value)?
            }
            NewNode::Value(value) => value.bytes.duplicate(),
            NewNode::Null | NewNode::Map(_) | NewNode::List(_) => {
                return Err(cannot_carry(path, ONE_VALUE));
            }
        };
        Ok(vec![Edit::new(item.span.clone(), new)])
    }

    fn remove(&self, _: &[u8], tree: &Tree, path: &KeyPath) -> Result<Vec<Edit>, StoreError> {
        existing(tree, path)?;
        Err(cannot_carry(path, ONE_VALUE))
    }

    fn rename(
        &self,
        _: &[u8],
        tree: &Tree,
        path: &KeyPath,
        _: &str,
    ) -> Result<Vec<Edit>, StoreError> {
        existing(tree, path)?;
        Err(cannot_carry(path, ONE_VALUE))
    }

    fn extract(&self, text: &[u8], tree: &Tree, _: usize) -> Cleartext {
        let cut = tree.meta().map_or(&[][..], |block| &block.cut);
        let edits = cut.iter().map(|cut| Edit::new(cut.clone(), ""));
        splice(text, edits.collect()).unwrap_or_default()
    }
}

/// The value and the metadata of a sealed file; `None` if the text is anything else.
fn sealed(text: &[u8]) -> Option<(Item, MetaBlock)> {
    // Spares large files a look at each byte.
    memchr::memmem::find(text, b"\"sops\"")?;
    let mut tree = parse_of_any_length(text).ok()?;
    let meta = tree.documents.pop()?.meta?;
    let mut item = tree.items.pop()?;
    let alone = tree.items.is_empty() && item.parent == 0;
    let named = matches!(&item.name, Segment::Key(name) if name == DATA);
    if !alone || !named || item.style != Style::Double {
        return None;
    }
    item.entry = item.span.clone();
    // The empty text stays as it is when the file is opened, quotes and all.
    let empty = matches!(&item.body, Body::Leaf(value) if value.bytes.is_empty());
    let cut = if empty {
        std::iter::once(0..text.len()).collect()
    } else {
        vec![0..item.span.start, item.span.end..text.len()]
    };
    let meta = MetaBlock { cut, ..meta };
    Some((item, meta))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Explain as _;
    use crate::stores::contract::{
        ENVELOPE, attach_then_cut, attached, insert, leaves, meta, refresh, remove, rename,
        seal_then_open, set, string,
    };

    #[test]
    fn contract() {
        for text in [
            &b"x"[..],
            b"\xff\x00\n",
            b"{\"a\": 1}",
            include_bytes!("../../fixtures/sops/b.bin"),
        ] {
            seal_then_open(&Binary, text, true);
        }
        // Without an envelope in it, only a JSON string makes a sealed file.
        attach_then_cut(&Binary, b"\"x\"");
        refresh(&Binary, b"\"x\"");
    }

    #[test]
    fn the_sealed_form_is_the_one_sops_writes() {
        let text = b"\x00\xff";
        let tree = Binary.parse(text).unwrap();
        let mut edits = Binary.attach(text, &tree, &meta());
        let item = &tree.items[0];
        item.replace(
            &Binary.envelope(text, &tree, item, ENVELOPE).text,
            &mut edits,
        );
        let out = splice(text, edits).unwrap();
        let out = out.as_str().unwrap();
        let head =
            format!("{{\n\t\"data\": \"{ENVELOPE}\",\n\t\"sops\": {{\n\t\t\"age\": [\n\t\t\t{{\n");
        assert!(out.starts_with(&head), "{out}");
        assert!(
            out.ends_with("\n\t\t\"version\": \"3.13.3\"\n\t}\n}\n"),
            "{out}"
        );
    }

    #[test]
    fn real_files_of_sops_are_read() {
        let text = include_bytes!("../../fixtures/sops/b.enc.bin");
        let tree = Binary.parse(text).unwrap();
        let item = &tree.items[0];
        assert_eq!(tree.aad(item), "data:");
        let mut edits = vec![Edit::new(item.span.clone(), "opened")];
        let block = tree.meta().unwrap();
        edits.extend(block.cut.iter().map(|cut| Edit::new(cut.clone(), "")));
        assert_eq!(splice(text, edits).unwrap().as_str(), Some("opened"));
        // sops's own layout is the one that is written back.
        let rebuilt = {
            let text = text[item.span.clone()].to_vec();
            let tree = Binary.parse(&text).unwrap();
            let edits = Binary.attach(&text, &tree, &block.to_meta());
            splice(&text, edits).unwrap()
        };
        assert_eq!(rebuilt.as_str(), std::str::from_utf8(text).ok());
    }

    #[test]
    fn only_the_exact_wrapper_is_a_sealed_file() {
        for text in [
            r#"{"data":"x"}"#,
            r#"{"data":"x","sops":{}}"#,
            r#"{"data":"x","more":1,"sops":{"mac":"m"}}"#,
            r#"{"data":1,"sops":{"mac":"m"}}"#,
            r#"{"data":{"x":"y"},"sops":{"mac":"m"}}"#,
            r#"{"data":{"data":"y"},"sops":{"mac":"m"}}"#,
            r#"{"other":"x","sops":{"mac":"m"}}"#,
            r#"{"data":"x","data":"y","sops":{"mac":"m"}}"#,
            r#"{"data":"x","sops":{"mac":"m"}} x"#,
        ] {
            assert!(
                Binary.parse(text.as_bytes()).unwrap().meta().is_none(),
                "{text}"
            );
        }
        let sealed = br#"{"sops":{"mac":"m"},"data":"x"}"#;
        assert!(Binary.parse(sealed).unwrap().meta().is_some());
        assert_eq!(Binary.parse(b"").err().unwrap().code(), "empty");
    }

    #[test]
    fn there_is_one_value_and_it_can_be_replaced() {
        assert_eq!(set(&Binary, "old", "data", "new").unwrap(), "new");
        let sealed = String::from_utf8(attached(&Binary, b"\"old\"")).unwrap();
        let changed = insert(
            &Binary,
            &sealed,
            "data",
            &NewNode::Value(Value::new(Kind::Str, ENVELOPE)),
        )
        .unwrap();
        assert_eq!(leaves(&Binary, changed.as_bytes())[0].2, ENVELOPE);
        assert!(set(&Binary, &sealed, "data", "a\"b").is_ok());
        for result in [
            insert(&Binary, "x", "data", &NewNode::Null),
            insert(&Binary, "x", "other", &string("v")),
            remove(&Binary, "x", "data"),
            rename(&Binary, "x", "data", "other"),
        ] {
            assert_eq!(result.unwrap_err().code(), "cannot-carry");
        }
        assert!(remove(&Binary, "x", "other").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_sealed_and_opened(text in proptest::collection::vec(any::<u8>(), 1..64)) {
            seal_then_open(&Binary, &text, true);
        }
    }
}
