//! Other recipients, or another data key, for a text that is sealed already.
//!
//! [`Sealer::rewrap`] changes nothing but the recipients, as `sops updatekeys` does. After
//! [`Sealer::rekey`] everything is encrypted anew in its place: who kept the old data key, or an
//! old entry that wraps it, opens nothing of the new text.

use crate::document::{Body, Edit, Item, Kind, Meta, Tree, Value, splice};
use crate::secret::Cleartext;
use crate::sops::change::Open;
use crate::sops::cipher::Cipher;
use crate::sops::mac::Mac;
use crate::sops::metadata::{KeyEntry, Metadata, SEAL};
use crate::sops::open::{Opened, decrypt, overlap};
use crate::sops::seal::{SealError, Sealer};
use crate::sops::signet;

impl Sealer<'_> {
    /// The text with these recipients, whose entries wrap the data key that it has, which is this
    /// sealer's. Values, MAC and time stay to the byte; the seal is set anew.
    /// `threshold` is how many of the groups are needed, where there are several.
    pub fn rewrap(
        &mut self,
        file: Open<'_>,
        (groups, threshold): (&[Vec<KeyEntry>], Option<usize>),
    ) -> Result<Cleartext, SealError> {
        let mut metadata = metadata_of(file.tree)?;
        metadata.replace_recipients(groups, threshold);
        metadata.mend_version();
        let blank = signet::blank(self.random)?;
        metadata.set(SEAL, Meta::Str(blank.clone()));
        let edits = self.store.refresh(file.text, file.tree, metadata.fields());
        let mut text = splice(file.text, edits).ok_or_else(overlap)?;
        let again = self.store.parse(text.as_bytes())?;
        let stays = |(old, new): (&Item, &Item)| {
            same_place((file.tree, old), (&again, new)) && same_body(&old.body, &new.body)
        };
        let same = again.items.len() == file.tree.items.len()
            && file.tree.items.iter().zip(&again.items).all(stays);
        if !same || !holds(&again, &metadata)? {
            return Err(SealError::Proof);
        }
        let seal = signet::seal(self.key, &again, file.opened, &metadata_of(&again)?);
        signet::impress(&mut text, &blank, &seal);
        Ok(text)
    }

    /// The text under this sealer's key, which is a new one, with these recipients: every value and
    /// comment is encrypted anew in its place. The layout stays.
    pub fn rekey(
        &mut self,
        file: Open<'_>,
        (groups, threshold): (&[Vec<KeyEntry>], Option<usize>),
    ) -> Result<Cleartext, SealError> {
        let mut metadata = metadata_of(file.tree)?;
        metadata.replace_recipients(groups, threshold);
        let cipher = Cipher::new(self.key);
        let mut mac = Mac::new(metadata.mac_only_encrypted()?);
        let mut edits = Vec::new();
        for (item, value) in file.tree.items.iter().zip(&file.opened.values) {
            let (old, value) = match (&item.body, value) {
                (Body::Leaf(clear), None) => {
                    mac.add(clear, false);
                    continue;
                }
                (Body::Leaf(Value { bytes: old, .. }) | Body::Comment(old), Some(value)) => {
                    (old, value)
                }
                _ => continue,
            };
            if value.kind != Kind::Comment {
                mac.add(value, true);
            }
            let value = lasting(value);
            let aad = file.tree.aad(item);
            if let Some(new) = cipher.encrypt(&value, &aad, self.random)? {
                self.put(file, item, old, &new, &mut edits);
            }
        }
        let blank = self.stamp(&mut metadata, &cipher, mac, &file.opened.spelling)?;
        edits.extend(self.store.refresh(file.text, file.tree, metadata.fields()));
        let mut text = splice(file.text, edits).ok_or_else(overlap)?;
        let again = self.store.parse(text.as_bytes())?;
        let written = metadata_of(&again)?;
        let opened = decrypt(&again, &written, &cipher, None)?;
        if !same_values(file, (&again, &opened)) || !holds(&again, &metadata)? {
            return Err(SealError::Proof);
        }
        let seal = signet::seal(self.key, &again, &opened, &written);
        signet::impress(&mut text, &blank, &seal);
        Ok(text)
    }

    /// Puts an envelope in the place of another one. As a rule it stands in the text as it is, and
    /// everything around it stays.
    fn put(&self, file: Open<'_>, item: &Item, old: &Cleartext, new: &str, edits: &mut Vec<Edit>) {
        let place = item.block.as_ref().map_or(&item.span, |block| &block.lines);
        let source = file.text.get(place.clone()).unwrap_or_default();
        let mut found = memchr::memmem::find_iter(source, old.as_bytes());
        if let (Some(at), None) = (found.next(), found.next()) {
            let start = place.start + at;
            edits.push(Edit::new(start..start + old.len(), new));
        } else {
            // Written with escapes, or over several lines.
            let placed = self.store.envelope(file.text, file.tree, item, new);
            item.replace(&placed.text, edits);
        }
    }
}

/// A value as it is encrypted anew: old files hold bytes, which sops reads and cannot write.
fn lasting(value: &Value) -> Value {
    let kind = match value.kind {
        Kind::Bytes => Kind::Str,
        kind => kind,
    };
    Value {
        kind,
        bytes: value.bytes.duplicate(),
    }
}

fn metadata_of(tree: &Tree) -> Result<Metadata, SealError> {
    let block = tree.meta().ok_or(SealError::Proof)?;
    Ok(Metadata::from_block(block))
}

/// Whether every document of a text carries exactly these recipients.
fn holds(tree: &Tree, wanted: &Metadata) -> Result<bool, SealError> {
    let wanted = in_any_order(wanted)?;
    for document in &tree.documents {
        let Some(block) = &document.meta else {
            return Ok(false);
        };
        if in_any_order(&Metadata::from_block(block))? != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The recipients of a text and how many groups it takes, the fields of each entry sorted: file
/// types order them differently.
fn in_any_order(metadata: &Metadata) -> Result<(Vec<Vec<KeyEntry>>, Option<usize>), SealError> {
    let mut groups = metadata.groups()?;
    for entry in groups.iter_mut().flatten() {
        entry.fields.sort_by(|a, b| a.0.cmp(&b.0));
    }
    Ok((groups, metadata.threshold()?))
}

/// Whether two opened texts hold the same entries, values and comments in the same order.
fn same_values(old: Open<'_>, (tree, opened): (&Tree, &Opened)) -> bool {
    let same = |((old_item, old_value), (item, value)): ((&Item, &Option<Value>), _)| {
        let (item, value): (&Item, &Option<Value>) = (item, value);
        same_place((old.tree, old_item), (tree, item))
            && match (old_value, value) {
                (Some(old), Some(new)) => lasting(old) == *new,
                (None, None) => same_body(&old_item.body, &item.body),
                _ => false,
            }
    };
    let old_items = old.tree.items.iter().zip(&old.opened.values);
    let items = tree.items.iter().zip(&opened.values);
    old.tree.items.len() == tree.items.len() && old_items.zip(items).all(same)
}

fn same_place((old_tree, old): (&Tree, &Item), (tree, item): (&Tree, &Item)) -> bool {
    old.name == item.name
        && old_tree.container(old.parent).document == tree.container(item.parent).document
        && old_tree.aad(old) == tree.aad(item)
        && std::mem::discriminant(&old.body) == std::mem::discriminant(&item.body)
}

fn same_body(old: &Body, new: &Body) -> bool {
    match (old, new) {
        (Body::Leaf(old), Body::Leaf(new)) => old == new,
        (Body::Comment(old), Body::Comment(new)) => old == new,
        (Body::Open(old), Body::Open(new)) => old == new,
        (old, new) => std::mem::discriminant(old) == std::mem::discriminant(new),
    }
}

#[cfg(test)]
mod tests;
