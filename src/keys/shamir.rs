//! Shamir's secret sharing over GF(2^8), as SOPS and Vault do it (SOPS-FORMAT 1.9).
//!
//! The field is that of AES (polynomial x^8 + x^4 + x^3 + x + 1, 0x11B). A share is 32 bytes of
//! y, one for each byte of the data key, and one byte of x. Multiplication takes the same steps
//! for all operands: no table is indexed and no branch is taken by a secret.

use zeroize::Zeroizing;

use crate::secret::DataKey;

/// Length of a share in bytes: one y for each byte of the data key, then x.
pub const SHARE_LEN: usize = DataKey::LEN + 1;

/// Shares that do not make a data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShamirError {
    /// Two shares have the same x, or one has x = 0.
    #[error("the key groups' shares do not belong together")]
    Coordinates,
    /// A share has another length than [`SHARE_LEN`].
    #[error("a key group's share has {0} bytes instead of {SHARE_LEN}")]
    Length(usize),
    /// The randomness given for a split is not what it takes, or the threshold makes no sense.
    #[error("a data key cannot be split into {groups} shares with a threshold of {threshold}")]
    Split {
        /// How many shares were asked for.
        groups: u8,
        /// How many of them shall restore the key.
        threshold: u8,
    },
    /// Fewer than two shares.
    #[error("one share alone restores no data key")]
    TooFew,
}

/// Restores the data key from at least as many shares as the threshold it was split with.
///
/// With too few or wrong shares the result is a wrong key, which only the file's MAC tells.
pub fn combine(shares: &[impl AsRef<[u8]>]) -> Result<DataKey, ShamirError> {
    if shares.len() < 2 {
        return Err(ShamirError::TooFew);
    }
    let mut points: Vec<(u8, &[u8])> = Vec::with_capacity(shares.len());
    for share in shares {
        let share = share.as_ref();
        let Some((&x, ys)) = share.split_last().filter(|_| share.len() == SHARE_LEN) else {
            return Err(ShamirError::Length(share.len()));
        };
        if x == 0 || points.iter().any(|(other, _)| *other == x) {
            return Err(ShamirError::Coordinates);
        }
        points.push((x, ys));
    }
    DataKey::try_init_with(|key| {
        for (i, (x, ys)) in points.iter().enumerate() {
            // Lagrange's basis polynomial at 0: the product of other / (other - x); minus is xor
            let weight = points
                .iter()
                .enumerate()
                .filter(|(j, _)| *j != i)
                .fold(1, |product, (_, (other, _))| {
                    multiply(product, multiply(*other, invert(other ^ x)))
                });
            for (byte, y) in key.iter_mut().zip(*ys) {
                *byte ^= multiply(*y, weight);
            }
        }
        Ok(())
    })
}

/// Splits a data key into `groups` shares (x = 1, 2, …), any `threshold` of which restore it.
///
/// `random` are the polynomials' upper coefficients: 32 × (threshold − 1) random bytes that are
/// used for nothing else.
pub fn split(
    key: &DataKey,
    groups: u8,
    threshold: u8,
    random: &[u8],
) -> Result<Vec<Zeroizing<Vec<u8>>>, ShamirError> {
    let degree = usize::from(threshold).saturating_sub(1);
    if threshold < 2 || threshold > groups || random.len() != DataKey::LEN * degree {
        return Err(ShamirError::Split { groups, threshold });
    }
    let share = |x: u8| {
        let mut share = Zeroizing::new(Vec::with_capacity(SHARE_LEN));
        for (constant, coefficients) in key.expose().iter().zip(random.chunks_exact(degree)) {
            // Horner's rule, highest coefficient first
            let y = coefficients
                .iter()
                .fold(0, |sum, coefficient| multiply(sum ^ coefficient, x));
            share.push(y ^ constant);
        }
        share.push(x);
        share
    };
    Ok((1..=groups).map(share).collect())
}

/// The product in the field, in eight equal steps.
fn multiply(a: u8, b: u8) -> u8 {
    let mut product = 0;
    let mut power = a;
    for bit in 0..8 {
        product ^= power & ((b >> bit) & 1).wrapping_neg();
        power = (power << 1) ^ (0x1b & (power >> 7).wrapping_neg());
    }
    product
}

/// The inverse: a^254, since a^255 = 1. Of 0 it is 0, which no caller asks for.
fn invert(a: u8) -> u8 {
    // 254 = 2 + 4 + … + 128
    let (inverse, _) = (0..7).fold((1, a), |(product, power), _| {
        let square = multiply(power, power);
        (multiply(product, square), square)
    });
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn multiplication_is_that_of_aes() {
        // FIPS 197, 4.2 and 4.2.1
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        for a in 1..=255 {
            assert_eq!(multiply(a, invert(a)), 1, "{a}");
        }
    }

    #[test]
    fn shares_that_do_not_belong_together_are_refused() {
        let key = DataKey::from_bytes(&[9; 32]).unwrap();
        let shares = split(&key, 3, 2, &[5; 32]).unwrap();
        let zero = [0u8; SHARE_LEN];
        let refused = |shares: &[&[u8]]| combine(shares).err();
        assert_eq!(refused(&[&shares[0]]), Some(ShamirError::TooFew));
        assert_eq!(
            refused(&[&shares[0], &shares[0]]),
            Some(ShamirError::Coordinates)
        );
        assert_eq!(
            refused(&[&shares[0], &zero]),
            Some(ShamirError::Coordinates)
        );
        assert_eq!(
            refused(&[&shares[0], &shares[1][..32]]),
            Some(ShamirError::Length(32))
        );
        assert!(split(&key, 3, 1, &[]).is_err());
        assert!(split(&key, 2, 3, &[0; 64]).is_err());
        assert!(split(&key, 3, 2, &[0; 31]).is_err());
    }

    #[test]
    fn fewer_shares_than_the_threshold_give_another_key() {
        let key = DataKey::from_bytes(&[9; 32]).unwrap();
        let random: Vec<u8> = (0..64).collect();
        let shares = split(&key, 4, 3, &random).unwrap();
        assert!(combine(&shares[..2]).unwrap() != key);
        assert!(combine(&shares[..3]).unwrap() == key);
    }

    proptest! {
        #[test]
        fn any_threshold_shares_restore_the_key(
            key: [u8; 32],
            random in proptest::collection::vec(any::<u8>(), 32 * 9),
            threshold in 2u8..=10,
            extra in 0u8..=5,
            start in 0usize..15,
        ) {
            let groups = threshold + extra;
            let key = DataKey::from_bytes(&key).unwrap();
            let random = &random[..32 * (usize::from(threshold) - 1)];
            let shares = split(&key, groups, threshold, random).unwrap();
            let chosen: Vec<_> = (0..usize::from(threshold))
                .map(|i| &shares[(start + i) % shares.len()][..])
                .collect();
            prop_assert!(combine(&chosen).unwrap() == key);
        }
    }
}
