//! Checksums that providers put into their tokens.

/// Digits of base 62 as GitHub and npm write them.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Length of the sum.
const SUM: usize = 6;

/// Whether the last six characters are the CRC-32 of what stands between the prefix, which ends
/// with the last `_`, and them, in base 62 with leading zeros (GitHub, "Behind GitHub's new
/// authentication token formats", 2021).
pub(super) fn is_crc32_base62(token: &[u8]) -> bool {
    let begin = memchr::memrchr(b'_', token).map_or(0, |at| at + 1);
    let body = token.get(begin..).unwrap_or_default();
    let Some(at) = body.len().checked_sub(SUM) else {
        return false;
    };
    let (random, sum) = body.split_at(at);
    sum == base62(crc32(random))
}

/// A number in base 62, in six digits: 62⁶ is more than 2³².
fn base62(mut number: u32) -> [u8; SUM] {
    let mut digits = [b'0'; SUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS.get((number % 62) as usize).copied().unwrap_or(b'0');
        number /= 62;
    }
    digits
}

/// CRC-32 as in zip and gzip (ISO 3309, reflected polynomial 0xEDB88320). Tokens are short, so that
/// a table would be of no use.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0xEDB8_8320;
            }
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_zip() {
        // the check value of the CRC catalogue
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(&base62(0), b"000000");
        assert_eq!(&base62(61), b"00000z");
        assert_eq!(&base62(u32::MAX), b"4gfFC3");
    }

    #[test]
    fn a_token_ends_with_the_sum_of_its_body() {
        let body = "x".repeat(30);
        let sum = String::from_utf8(base62(crc32(body.as_bytes())).to_vec()).unwrap();
        let token = format!("ghp_{body}{sum}");
        assert!(is_crc32_base62(token.as_bytes()));
        assert!(!is_crc32_base62(token.replace("xx", "xy").as_bytes()));
        assert!(!is_crc32_base62(b"ghp_"));
    }
}
