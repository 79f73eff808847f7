//! A QR code as text (ISO/IEC 18004), two rows of squares in a line of characters, which are about
//! twice as high as wide.

use qrcodegen::{QrCode, QrCodeEcc, QrSegment, Version};

/// The empty border that a reader needs, in squares.
const BORDER: i32 = 4;

/// The code of a text, a line of characters for each two rows of squares, border included; `None`
/// where it would be wider than `columns`. Of the levels of error correction the highest that fits
/// is taken.
pub(super) fn lines(text: &str, columns: usize) -> Option<Vec<String>> {
    let code = [QrCodeEcc::Medium, QrCodeEcc::Low]
        .into_iter()
        .find_map(|level| encode(text, level, columns))?;
    let (from, to) = (-BORDER, code.size() + BORDER);
    // outside of the code everything is light
    let squares = |x, y| match (code.get_module(x, y), code.get_module(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    let rows = (from..to).step_by(2);
    Some(
        rows.map(|y| (from..to).map(|x| squares(x, y)).collect())
            .collect(),
    )
}

/// The smallest code that holds the text at this level, if it is no wider than `columns`.
fn encode(text: &str, level: QrCodeEcc, columns: usize) -> Option<QrCode> {
    let segments = QrSegment::make_segments(text);
    let code =
        QrCode::encode_segments_advanced(&segments, level, Version::MIN, Version::MAX, None, true)
            .ok()?;
    let width = usize::try_from(code.size() + 2 * BORDER).ok()?;
    (width <= columns).then_some(code)
}
