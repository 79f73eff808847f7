//! Bech32 as age uses it: BIP 173's checksum without its limit of 90 characters.

use bech32::{Bech32, Checksum};

/// The checksum of BIP 173, for text of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bech32Long {}

impl Checksum for Bech32Long {
    type MidstateRepr = u32;
    const CODE_LENGTH: usize = usize::MAX;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [u32; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: u32 = Bech32::TARGET_RESIDUE;
}
