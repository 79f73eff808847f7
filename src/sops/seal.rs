//! Plaintext → sealed text, and changes to sealed text.
//!
//! Whatever is written has been read again first: the result must open to the same tree, or
//! nothing comes out.

mod error;

pub use self::error::SealError;

use crate::document::{Body, Edit, Item, Kind, Meta, Tree, Value, splice};
use crate::keypath::KeyPath;
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::Open;
use crate::sops::cipher::{Cipher, Randomness};
use crate::sops::comments::{Comments, Found};
use crate::sops::envelope::Envelope;
use crate::sops::mac::Mac;
use crate::sops::metadata::{Metadata, MetadataError, SEAL, SPELLING};
use crate::sops::open::{Known, decrypt, open_leaf, overlap, plaintext, selector_of};
use crate::sops::previous::Previous;
use crate::sops::proof::still_opens;
use crate::sops::re2::Pattern;
use crate::sops::select::{Selector, select};
use crate::sops::signet;
use crate::sops::spelling::Spelling;
use crate::sops::store::{Placed, Store, line_of};
use crate::sops::time::mac_time;

/// How often a comment is encrypted until a selector's pattern does not match it by chance.
const MARK_TRIES: usize = 100;

/// A sealed file's text.
pub struct Sealed {
    /// The text.
    pub text: Cleartext,
    /// Whether it opens to the original to the byte; else to the same values and comments in
    /// another spelling.
    pub exact: bool,
    /// How many values are encrypted.
    pub encrypted: usize,
    /// How many values stay in clear because the selector says so.
    pub clear: usize,
    /// How many references (YAML's aliases) were written out.
    pub references: usize,
}

/// Everything that sealing needs beside the text.
pub struct Sealer<'a> {
    /// The file type.
    pub store: &'a dyn Store,
    /// The file's data key.
    pub key: &'a DataKey,
    /// Now, RFC 3339 in UTC with seconds.
    pub now: &'a str,
    /// Where IVs come from.
    pub random: &'a mut dyn Randomness,
}

impl Sealer<'_> {
    /// Seals a plaintext. `metadata` holds recipients, selector and version; MAC, time and spelling
    /// are set here.
    pub fn seal(
        &mut self,
        original: &[u8],
        mut metadata: Metadata,
        mut previous: Option<Previous>,
    ) -> Result<Sealed, SealError> {
        let expanded = self.store.expand(original)?;
        let (text, references) = match &expanded {
            Some(expanded) => (expanded.text.as_bytes(), expanded.references.as_slice()),
            None => (original, [].as_slice()),
        };
        let tree = self.store.parse(text)?;
        if tree
            .documents
            .iter()
            .any(|document| document.meta.is_some())
        {
            return Err(SealError::AlreadySealed);
        }
        let cipher = Cipher::new(self.key);
        let selector = selector_of(&metadata)?;
        if let Selector::EncryptedCommentRegex(pattern) = &selector {
            all_seen(text, &tree, pattern)?;
        }
        let selected = select(&tree, &selector);
        let mut mac = Mac::new(metadata.mac_only_encrypted()?);
        let mut spelling = Spelling::default();
        for reference in references {
            spelling.refer(reference);
        }
        let mut edits = Vec::new();
        let (mut encrypted, mut clear) = (0, 0);
        let mut commented = false;
        for (item, selected) in tree.items.iter().zip(selected) {
            match &item.body {
                Body::Leaf(value) => {
                    mac.add(value, selected);
                    if value.bytes.is_empty() || !selected {
                        clear += usize::from(!value.bytes.is_empty());
                        let block = item.block.as_ref();
                        if block.is_some_and(|block| block.lines.end == text.len()) {
                            // Lines come below it, and so it gets a line break that it had not.
                            let same = self.store.plain(text, &tree, item, item.style, value)?;
                            item.replace(&same, &mut edits);
                        }
                        continue;
                    }
                    encrypted += 1;
                    let source = item.source(text);
                    let same = previous
                        .as_ref()
                        .and_then(|old| old.slice(&tree.path(item), value, &source));
                    let placed = if let Some(sealed) = same {
                        // Its style is not known here; a spelling that is not needed does no harm.
                        Placed {
                            text: Cleartext::new(sealed.to_vec()),
                            style: item.style,
                        }
                    } else {
                        let envelope =
                            self.envelope(&cipher, &tree, item, value, &mut previous, None)?;
                        self.store.envelope(text, &tree, item, &envelope)
                    };
                    item.replace(&placed.text, &mut edits);
                    let style = placed.style;
                    self.remember(text, &tree, item, style, value, &source, &mut spelling)?;
                }
                Body::Comment(comment) => commented |= !comment.is_empty(),
                _ => {}
            }
        }
        if spelling.has_values() {
            for path in tree.duplicates() {
                spelling.forget(&path);
            }
        }
        if encrypted == 0 && clear > 0 {
            let selector = format!("{} = {}", selector.field(), selector.pattern());
            return Err(SealError::NothingSelected {
                selector,
                values: clear,
            });
        }
        let blank = self.stamp(&mut metadata, &cipher, mac, &spelling)?;
        edits.extend(self.store.attach(text, &tree, metadata.fields()));
        let mut sealed = splice(text, edits).ok_or_else(overlap)?;
        if let Some(previous) = &previous
            && let Some(same) = self.restore_blocks(&sealed, &metadata, previous.blocks())
        {
            sealed = same;
        }
        if commented {
            sealed = self.enclose_comments(&sealed, &selector, &cipher, &mut previous)?;
        }
        let exact = self.prove(original, &tree, &mut sealed, &cipher, &blank)?;
        Ok(Sealed {
            text: sealed,
            exact,
            encrypted,
            clear,
            references: references.len(),
        })
    }

    /// The text with its `sops` blocks laid out as they were before, so that a change shows in
    /// what it changes; `None` where the old ones do not fit.
    fn restore_blocks(
        &self,
        sealed: &Cleartext,
        metadata: &Metadata,
        old: &[Vec<u8>],
    ) -> Option<Cleartext> {
        let text = sealed.as_bytes();
        let tree = self.store.parse(text).ok()?;
        if old.len() != tree.documents.len() {
            return None;
        }
        let mut edits = Vec::new();
        for (document, old) in tree.documents.iter().zip(old) {
            let [cut] = document.meta.as_ref()?.cut.as_slice() else {
                return None;
            };
            let new = text.get(cut.clone())?;
            let fits = |byte| {
                let ends = |text: &[u8]| (text.first() == Some(&byte), text.last() == Some(&byte));
                ends(old) == ends(new)
            };
            if ![b',', b'\n', b'\r'].into_iter().all(fits) {
                return None;
            }
            edits.push(Edit::new(cut.clone(), old.clone()));
        }
        let with_old = splice(text, edits)?;
        let with_old = with_old.as_bytes();
        let again = self.store.parse(with_old).ok()?;
        if again.items.len() != tree.items.len()
            || again
                .documents
                .iter()
                .any(|document| document.meta.is_none())
        {
            return None;
        }
        let edits = self.store.refresh(with_old, &again, metadata.fields());
        splice(with_old, edits)
    }

    /// Encrypts the comments of a text that is sealed otherwise. Only now do they stand where a
    /// reader of the sealed file will find them: above a `sops` block, for one, which can make a
    /// difference to what they belong to.
    fn enclose_comments(
        &mut self,
        text: &Cleartext,
        selector: &Selector,
        cipher: &Cipher,
        previous: &mut Option<Previous>,
    ) -> Result<Cleartext, SealError> {
        let text = text.as_bytes();
        let tree = self.store.parse(text)?;
        let mut items = false;
        let mut edits = Vec::new();
        let marks = selector.marks();
        for (item, selected) in tree.items.iter().zip(select(&tree, selector)) {
            let comment = match &item.body {
                Body::Comment(comment) => comment,
                Body::Leaf(value) if marks.is_some() && !value.bytes.is_empty() => {
                    if selected != Envelope::looks_like(value.bytes.as_bytes()) {
                        let path = tree.path(item);
                        return Err(SealError::Ambiguous { path });
                    }
                    continue;
                }
                _ => continue,
            };
            if selected && !comment.is_empty() {
                let value = Value::new(Kind::Comment, comment.duplicate());
                let envelope = self.envelope(cipher, &tree, item, &value, previous, marks)?;
                let was_item = previous
                    .as_ref()
                    .is_some_and(|old| old.was_list_item(&envelope));
                let as_item = was_item
                    .then(|| self.store.list_item(text, &tree, item, &envelope))
                    .flatten();
                items |= as_item.is_some();
                let placed = as_item.map_or_else(
                    || self.store.envelope(text, &tree, item, &envelope).text,
                    Cleartext::from,
                );
                item.replace(&placed, &mut edits);
            }
        }
        let sealed = splice(text, edits).ok_or_else(overlap)?;
        // Comments that have become items are nothing that others can attach to any more.
        if items {
            self.rehome(&sealed, cipher, marks)
        } else {
            Ok(sealed)
        }
    }

    /// Encrypts comments anew that stand in another container than they were encrypted for.
    fn rehome(
        &mut self,
        sealed: &Cleartext,
        cipher: &Cipher,
        marks: Option<&Pattern>,
    ) -> Result<Cleartext, SealError> {
        let text = sealed.as_bytes();
        let tree = self.store.parse(text)?;
        let mut comments = Comments::new(&tree, cipher);
        let mut edits = Vec::new();
        for (index, item) in tree.items.iter().enumerate() {
            if let Body::Comment(words) = &item.body
                && Envelope::looks_like(words.as_bytes())
                && let Found::Elsewhere(value) = comments.open(index, item, words)
            {
                let envelope = self.envelope(cipher, &tree, item, &value, &mut None, marks)?;
                let placed = self.store.envelope(text, &tree, item, &envelope);
                item.replace(&placed.text, &mut edits);
            }
        }
        Ok(splice(text, edits).ok_or_else(overlap)?)
    }

    /// Ends a change of a sealed text: encrypts, under fresh IVs, what is selected and stands in
    /// clear (new values, those that moved, and those that a change of comments has selected),
    /// encrypts comments anew that have come to stand in another container, and sets MAC, time and
    /// spelling right; `adjust` brings the remembered spellings in line with the change. Of what is
    /// encrypted already, all that is not at or below `changed` is as it was in `before`.
    pub(crate) fn commit(
        &mut self,
        (text, tree): (&[u8], &Tree),
        changed: &[KeyPath],
        before: Open<'_>,
        adjust: impl FnOnce(&mut Spelling),
    ) -> Result<Cleartext, SealError> {
        let block = tree.meta().ok_or(MetadataError::NoMac)?;
        let mut metadata = Metadata::from_block(block);
        let cipher = Cipher::new(self.key);
        let known = Known::new(before);
        let inside = Inside::new(tree, changed);
        let mut mac = Mac::new(metadata.mac_only_encrypted()?);
        let mut edits = Vec::new();
        let mut comments = Comments::new(tree, &cipher);
        let selector = selector_of(&metadata)?;
        let selection = select(tree, &selector);
        for (index, (item, selected)) in tree.items.iter().zip(selection).enumerate() {
            let new = inside.contains(item);
            let value = match &item.body {
                Body::Leaf(clear) if !selected => {
                    let sealed = !new && Envelope::looks_like(clear.bytes.as_bytes());
                    if sealed && open_leaf(tree, item, clear, &cipher, Some(&known)).is_ok() {
                        return Err(SealError::WouldDisclose {
                            path: tree.path(item),
                        });
                    }
                    mac.add(clear, false);
                    continue;
                }
                // A comment that sops left as an item of a list.
                Body::Leaf(_) if item.is_comment() => continue,
                Body::Leaf(clear) if !new && Envelope::looks_like(clear.bytes.as_bytes()) => {
                    mac.add(&open_leaf(tree, item, clear, &cipher, Some(&known))?, true);
                    continue;
                }
                Body::Leaf(clear) => {
                    mac.add(clear, true);
                    clear.duplicate()
                }
                Body::Comment(text) if !selected || text.is_empty() => {
                    if known.comment(text.as_bytes()).is_some() {
                        return Err(SealError::StrayComment {
                            path: tree.path(item),
                        });
                    }
                    continue;
                }
                Body::Comment(text) if Envelope::looks_like(text.as_bytes()) => {
                    match comments.open(index, item, text) {
                        Found::Elsewhere(value) => value,
                        Found::AtHome(_) => continue,
                        // The place for which it was encrypted may be gone.
                        Found::Nowhere => match known.comment(text.as_bytes()) {
                            Some(value) => value.duplicate(),
                            None => continue,
                        },
                    }
                }
                Body::Comment(text) if new => Value::new(Kind::Comment, text.duplicate()),
                _ => continue,
            };
            if !value.bytes.is_empty() {
                let marks = selector.marks().filter(|_| value.kind == Kind::Comment);
                let envelope = self.envelope(&cipher, tree, item, &value, &mut None, marks)?;
                item.replace(
                    &self.store.envelope(text, tree, item, &envelope).text,
                    &mut edits,
                );
            }
        }
        let mut spelling = Spelling::open(metadata.spelling(), &cipher);
        if !spelling.is_empty() {
            adjust(&mut spelling);
        }
        let blank = self.stamp(&mut metadata, &cipher, mac, &spelling)?;
        edits.extend(self.store.refresh(text, tree, metadata.fields()));
        let mut sealed = splice(text, edits).ok_or_else(overlap)?;
        let again = self.store.parse(sealed.as_bytes())?;
        let block = again.meta().ok_or(SealError::Proof)?;
        let metadata = Metadata::from_block(block);
        let mut opened = decrypt(&again, &metadata, &cipher, Some(&known))?;
        let seal = signet::seal(self.key, &again, &opened, &metadata);
        let written = (sealed.as_bytes(), &again, &mut opened);
        still_opens(self.store, written, &cipher, before)?;
        signet::impress(&mut sealed, &blank, &seal);
        Ok(sealed)
    }

    /// An envelope for a value: the old one where place, type and bytes are the same, else a fresh
    /// one; but none that `marks` matches, which would make a mark of an encrypted comment.
    fn envelope(
        &mut self,
        cipher: &Cipher,
        tree: &Tree,
        item: &Item,
        value: &Value,
        previous: &mut Option<Previous>,
        marks: Option<&Pattern>,
    ) -> Result<String, SealError> {
        let aad = tree.aad(item);
        let is_mark = |text: &str| marks.is_some_and(|marks| marks.is_match_bytes(text.as_bytes()));
        if let Some(old) = previous
            .as_mut()
            .and_then(|old| old.take(self.key, &aad, value))
            && !is_mark(&old)
        {
            return Ok(old);
        }
        for _ in 0..MARK_TRIES {
            let sealed = cipher.encrypt(value, &aad, self.random)?;
            let sealed = sealed.unwrap_or_default();
            if !is_mark(&sealed) {
                return Ok(sealed);
            }
        }
        Err(SealError::WidePattern {
            pattern: marks.map(Pattern::source).unwrap_or_default().into(),
            path: tree.path(item),
        })
    }

    /// Remembers a spelling that the style alone would not bring back.
    #[expect(
        clippy::too_many_arguments,
        reason = "one place of a text, all of it needed"
    )]
    fn remember(
        &self,
        text: &[u8],
        tree: &Tree,
        item: &Item,
        style: crate::document::Style,
        value: &Value,
        source: &Cleartext,
        spelling: &mut Spelling,
    ) -> Result<(), SealError> {
        let rendered = self.store.plain(text, tree, item, style, value)?;
        if rendered != *source {
            spelling.insert(&tree.path(item), source);
        }
        Ok(())
    }

    /// Sets time, MAC, spelling, and a blank in the seal's place, which is returned: the seal is of
    /// the finished text.
    pub(crate) fn stamp(
        &mut self,
        metadata: &mut Metadata,
        cipher: &Cipher,
        mac: Mac,
        spelling: &Spelling,
    ) -> Result<String, SealError> {
        let aad =
            mac_time(self.now).ok_or_else(|| MetadataError::Malformed("lastmodified".into()))?;
        let value = Value::new(Kind::Str, Cleartext::new(mac.finish().as_bytes().to_vec()));
        let sealed = cipher
            .encrypt(&value, &aad, self.random)?
            .unwrap_or_default();
        metadata.mend_version();
        metadata.set("lastmodified", Meta::Str(self.now.into()));
        metadata.set("mac", Meta::Str(sealed));
        match spelling.seal(cipher, self.random)? {
            Some(sealed) => metadata.set(SPELLING, Meta::Str(sealed)),
            None => metadata.unset(SPELLING),
        }
        let blank = signet::blank(self.random)?;
        metadata.set(SEAL, Meta::Str(blank.clone()));
        Ok(blank)
    }

    /// Opens the sealed text and compares it with the original, whose expanded text `tree` is of:
    /// true when it is the same to the byte, an error when a value, a comment or the structure
    /// differs. Puts the seal in the blank's place.
    fn prove(
        &self,
        original: &[u8],
        tree: &Tree,
        sealed: &mut Cleartext,
        cipher: &Cipher,
        blank: &str,
    ) -> Result<bool, SealError> {
        let again = self.store.parse(sealed.as_bytes())?;
        let block = again.meta().ok_or(SealError::Proof)?;
        let metadata = Metadata::from_block(block);
        metadata.groups()?;
        let mut opened = decrypt(&again, &metadata, cipher, None)?;
        let seal = signet::seal(self.key, &again, &opened, &metadata);
        let plain = plaintext(self.store, sealed.as_bytes(), &again, &mut opened)?;
        signet::impress(sealed, blank, &seal);
        if plain.as_bytes() == original {
            return Ok(true);
        }
        let expanded = self.store.expand(plain.as_bytes())?;
        let plain = expanded.map_or(plain, |expanded| expanded.text);
        let plain = self.store.parse(plain.as_bytes())?;
        if same(tree, &plain) {
            Ok(false)
        } else {
            Err(SealError::Proof)
        }
    }
}

/// Which items of a tree stand at or below some paths.
struct Inside<'t> {
    containers: Vec<bool>,
    items: Vec<&'t Item>,
}

impl<'t> Inside<'t> {
    fn new(tree: &'t Tree, paths: &[KeyPath]) -> Self {
        let items: Vec<&Item> = paths.iter().filter_map(|path| tree.find(path)).collect();
        let mut containers = vec![false; tree.containers.len()];
        for (id, container) in tree.containers.iter().enumerate() {
            // Containers come after those around them.
            let below = container
                .parent
                .is_some_and(|parent| containers.get(parent) == Some(&true));
            let is_one = items
                .iter()
                .any(|item| matches!(item.body, Body::Open(open) if open == id));
            if let Some(inside) = containers.get_mut(id) {
                *inside = below || is_one;
            }
        }
        Self { containers, items }
    }

    fn contains(&self, item: &Item) -> bool {
        self.containers.get(item.parent) == Some(&true)
            || self.items.iter().any(|one| std::ptr::eq(*one, item))
    }
}

/// Checks that sops sees every comment that asks for encryption.
fn all_seen(text: &[u8], tree: &Tree, pattern: &Pattern) -> Result<(), SealError> {
    for item in tree
        .unseen
        .iter()
        .filter_map(|index| tree.items.get(*index))
    {
        if matches!(&item.body, Body::Comment(words) if pattern.is_match_bytes(words.as_bytes())) {
            return Err(SealError::Unseen {
                line: line_of(text, item.span.start),
            });
        }
    }
    Ok(())
}

/// Whether two trees hold the same entries, values and comments in the same order.
pub fn same(a: &Tree, b: &Tree) -> bool {
    // By lines: INI takes all that stand above a name for one comment, and sealing may add one.
    let comments = |tree: &Tree| -> Vec<Cleartext> {
        let texts = tree.items.iter().filter_map(|item| match &item.body {
            Body::Comment(text) => Some(text.as_bytes()),
            _ => None,
        });
        let lines = texts.flat_map(|text| text.split(|byte| *byte == b'\n'));
        lines
            .map(|line| {
                let sign = line
                    .iter()
                    .take_while(|it| matches!(it, b';' | b'#' | b' '));
                let words = line.get(sign.count()..).unwrap_or_default();
                Cleartext::new(words.trim_ascii_end().to_vec())
            })
            .collect()
    };
    let solid = |item: &&Item| !matches!(item.body, Body::Comment(_));
    let same_item = |(x, y): (&Item, &Item)| {
        let same_place = x.name == y.name
            && a.container(x.parent).document == b.container(y.parent).document
            && a.container(x.parent).aad == b.container(y.parent).aad;
        same_place
            && match (&x.body, &y.body) {
                // Of two JSON entries with one name, the float 1e3 comes back as 1000.
                (Body::Leaf(x), Body::Leaf(y)) if y.kind == Kind::Int => {
                    matches!(x.kind, Kind::Int | Kind::Float) && x.bytes == y.bytes
                }
                (Body::Leaf(x), Body::Leaf(y)) => x == y,
                (Body::Null, Body::Null) => true,
                (Body::Open(x), Body::Open(y)) => a.container(*x).shape == b.container(*y).shape,
                _ => false,
            }
    };
    a.items.iter().filter(solid).count() == b.items.iter().filter(solid).count()
        && a.documents.len() == b.documents.len()
        && a.items
            .iter()
            .filter(solid)
            .zip(b.items.iter().filter(solid))
            .all(same_item)
        && comments(a) == comments(b)
}
