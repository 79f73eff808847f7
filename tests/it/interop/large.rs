//! Binary files that mvx passes through in pieces, and sops holds in memory.

use super::Pair;

/// Four megabytes and a bit.
fn plain() -> Vec<u8> {
    (0..4_000_001_u64)
        .map(|i| ((i * i) >> 9).to_le_bytes()[0])
        .collect()
}

#[test]
fn sops_opens_what_mvx_sealed_in_pieces() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal("blob.bin", plain());
    assert!(pair.open_with_sops("blob.bin") == plain());
    assert!(pair.open("blob.bin") == plain());
}

#[test]
fn mvx_opens_in_pieces_what_sops_sealed() {
    let Some(pair) = Pair::new() else { return };
    pair.rule("");
    pair.seal_with_sops("blob.bin", plain());
    assert!(pair.open("blob.bin") == plain());
    pair.rule("mac_only_encrypted: true");
    pair.seal_with_sops("blob.bin", plain());
    assert!(pair.open("blob.bin") == plain());
}
