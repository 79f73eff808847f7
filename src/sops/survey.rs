//! A file that does not open as a whole: what of it does, and how it is made whole again.

use crate::document::{Body, Edit, Meta, Tree, Value, splice};
use crate::keypath::KeyPath;
use crate::secret::{Cleartext, DataKey};
use crate::sops::change::Open;
use crate::sops::cipher::Cipher;
use crate::sops::metadata::{Metadata, MetadataError, SEAL};
use crate::sops::open::{OpenError, Opened, decrypt, overlap, values};
use crate::sops::seal::{SealError, Sealer};
use crate::sops::signet;

/// Why a value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its envelope does not authenticate at its place.
    NotAuthentic,
    /// It stands in clear where the selector wants it encrypted.
    InClear,
}

/// What of a file opens.
pub struct Survey {
    /// The values that do; those with a fault are `None`.
    pub opened: Opened,
    /// Items that do not, by index, in ascending order.
    pub faults: Vec<(usize, Fault)>,
    /// Whether the MAC matches. It cannot where there are faults.
    pub mac: bool,
}

/// Opens what opens. An error means that the metadata is no use.
pub fn survey(tree: &Tree, metadata: &Metadata, key: &DataKey) -> Result<Survey, OpenError> {
    let cipher = Cipher::new(key);
    let mut faults = Vec::new();
    let (mut opened, _) = values(tree, metadata, &cipher, None, |index, error| {
        let fault = match error {
            OpenError::InClear { .. } => Fault::InClear,
            _ => Fault::NotAuthentic,
        };
        faults.push((index, fault));
        Ok(())
    })?;
    let mac = faults.is_empty() && decrypt(tree, metadata, &cipher, None).is_ok();
    opened.seal = signet::check(key, tree, &opened, metadata);
    Ok(Survey {
        opened,
        faults,
        mac,
    })
}

impl Survey {
    /// The paths of the values that do not open, and why.
    pub fn paths(&self, tree: &Tree) -> Vec<(KeyPath, Fault)> {
        let faults = self.faults.iter();
        faults
            .filter_map(|(index, fault)| Some((tree.path(tree.items.get(*index)?), *fault)))
            .collect()
    }
}

impl Sealer<'_> {
    /// Seals a surveyed text with these faults as it stands: values in clear are encrypted, those that do not
    /// authenticate are replaced by what `known` has for their path, and MAC and seal are made anew.
    /// An error names the first value for which there is nothing.
    pub fn mend(
        &mut self,
        file: Open<'_>,
        faults: &[(usize, Fault)],
        mut known: impl FnMut(&KeyPath) -> Option<Value>,
    ) -> Result<Cleartext, SealError> {
        let cipher = Cipher::new(self.key);
        let mut edits: Vec<Edit> = Vec::new();
        for (index, fault) in faults {
            let Some(item) = file.tree.items.get(*index) else {
                continue;
            };
            if *fault == Fault::InClear {
                continue;
            }
            let path = file.tree.path(item);
            let Some(value) = known(&path) else {
                return Err(OpenError::NotAuthentic { path }.into());
            };
            let envelope = cipher
                .encrypt(&value, &file.tree.aad(item), self.random)?
                .unwrap_or_default();
            let placed = self.store.envelope(file.text, file.tree, item, &envelope);
            item.replace(&placed.text, &mut edits);
        }
        let text = splice(file.text, edits).ok_or_else(overlap)?;
        let tree = self.store.parse(text.as_bytes())?;
        let before = Open {
            text: text.as_bytes(),
            tree: &tree,
            opened: file.opened,
        };
        self.commit((text.as_bytes(), &tree), &[], before, |_| {})
    }

    /// Gives an opened text a seal and leaves all else as it is, MAC and time included. The MAC must
    /// match.
    pub fn impress(&mut self, text: &[u8], tree: &Tree) -> Result<Cleartext, SealError> {
        let block = tree.meta().ok_or(MetadataError::NoMac)?;
        let mut metadata = Metadata::from_block(block);
        let blank = signet::blank(self.random)?;
        metadata.set(SEAL, Meta::Str(blank.clone()));
        let edits = self.store.refresh(text, tree, metadata.fields());
        let mut sealed = splice(text, edits).ok_or_else(overlap)?;
        let again = self.store.parse(sealed.as_bytes())?;
        let metadata = Metadata::from_block(again.meta().ok_or(SealError::Proof)?);
        let opened = decrypt(&again, &metadata, &Cipher::new(self.key), None)?;
        let seal = signet::seal(self.key, &again, &opened, &metadata);
        signet::impress(&mut sealed, &blank, &seal);
        Ok(sealed)
    }
}

/// Whether an item's text is an envelope that was left as it is.
pub fn closed_envelopes(tree: &Tree, survey: &Survey) -> Vec<Cleartext> {
    let closed = survey
        .faults
        .iter()
        .filter(|(_, fault)| *fault == Fault::NotAuthentic);
    closed
        .filter_map(|(index, _)| match &tree.items.get(*index)?.body {
            Body::Leaf(envelope) => Some(envelope.bytes.duplicate()),
            _ => None,
        })
        .collect()
}
