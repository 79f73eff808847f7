//! The page on paper.

use std::fmt::Write as _;

use super::{Recovery, qr};
use crate::error::{Exit, Failure};
use crate::io::safe_text::safe;

/// How the code is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// As characters alone: dark squares are ink on light paper.
    Paper,
    /// Dark on light whatever the terminal's colours are.
    Terminal,
}

/// A printed line's length in characters; the code has to fit, too.
const COLUMNS: usize = 78;

/// The text of the page.
pub(super) fn page(key: &Recovery, ink: Ink) -> Result<String, Failure> {
    let code = qr::lines(&key.armour, COLUMNS).ok_or_else(|| {
        Failure::new(
            Exit::BUG,
            "bug",
            "the new key does not fit a code on a page",
        )
        .hint("please report it; nothing was made")
    })?;
    let day = key.made.get(..10).unwrap_or(&key.made);
    let of = match &key.repository {
        Some(name) => format!(" of {}", safe(name)),
        None => String::new(),
    };
    let title = format!("RECOVERY KEY{of}");
    let gap = COLUMNS
        .saturating_sub(title.chars().count() + day.len())
        .max(1);
    let mut page = format!("{title}{}{day}\n", " ".repeat(gap));
    page += INTRODUCTION;
    // writing to a string does not fail
    writeln!(page, "Public key\n{}\n", key.recipient).ok();
    writeln!(
        page,
        "Private key, behind the passphrase\n{}",
        key.armour.trim_end()
    )
    .ok();
    writeln!(page, "\nThe same lines as a code, to be photographed:").ok();
    for line in code {
        match ink {
            Ink::Paper => writeln!(page, "{}", line.trim_end()),
            Ink::Terminal => writeln!(page, "{BLACK_ON_WHITE}{line}{RESET}"),
        }
        .ok();
    }
    page += USE;
    Ok(page)
}

const INTRODUCTION: &str = "\
It opens the encrypted files that name it among their recipients, on the day
when every other key is lost. Keep this page as you keep a passport, away from
every computer, and the passphrase in another place. Whoever has both can read
everything.

";

const USE: &str = "\
To use it, on a machine that you trust:
1. Scan the code, or type the lines from BEGIN to END, into a file: paper.txt
2. MVX_AGE_KEY_FILE=paper.txt mvx decrypt FILE     asks for the passphrase.
   Without mvx: age -d paper.txt prints the key, which sops and age take.
3. Give yourself a new key, seal the files for it, and remove paper.txt.
";

// ECMA-48, select graphic rendition
const BLACK_ON_WHITE: &str = "\x1b[30;107m";
const RESET: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::age::{generate, opens, protect};
    use crate::secret::Passphrase;

    fn key() -> (Recovery, Passphrase) {
        let passphrase = Passphrase::new("open sesame".into());
        let key = generate("2026-11-22T09:30:00Z");
        let armour = protect(&key.bare(), &passphrase, 2).unwrap();
        let key = Recovery {
            recipient: key.recipient,
            armour,
            made: "2026-11-22T09:30:00Z".into(),
            repository: Some("shop\u{1b}[2J".into()),
        };
        (key, passphrase)
    }

    #[test]
    fn a_page_fits_paper_and_holds_what_opens() {
        let (key, passphrase) = key();
        // a few draws: the armour's letters differ, its length not
        let page = key.page(Ink::Paper).unwrap();
        assert!(page.lines().count() <= 66, "{}", page.lines().count());
        assert!(
            page.lines().all(|line| line.chars().count() <= 80),
            "{page}"
        );
        assert!(page.starts_with("RECOVERY KEY of shop\\u{1b}[2J  "));
        assert!(!page.contains('\u{1b}'));
        let begin = page.find("-----BEGIN").unwrap();
        let end = page.find("END AGE ENCRYPTED FILE-----").unwrap();
        let typed = &page[begin..end + "END AGE ENCRYPTED FILE-----".len()];
        let opened = opens(typed, &passphrase);
        assert_eq!(opened.as_deref(), Some(key.recipient.as_str()));
    }

    #[test]
    fn the_code_is_read_back() {
        let (key, passphrase) = key();
        for ink in [Ink::Paper, Ink::Terminal] {
            let page = key.page(ink).unwrap();
            let scanned = scan(&page);
            assert_eq!(scanned.trim_end(), key.armour.trim_end());
            let opened = opens(&scanned, &passphrase);
            assert_eq!(opened.as_deref(), Some(key.recipient.as_str()));
        }
    }

    /// Photographs a page: each character becomes two squares of some dots.
    fn scan(page: &str) -> String {
        let plain = page.replace(BLACK_ON_WHITE, "").replace(RESET, "");
        let rows: Vec<Vec<char>> = plain
            .lines()
            .skip_while(|line| !line.contains("photographed"))
            .skip(1)
            .take_while(|line| !line.starts_with("To use"))
            .map(|line| line.chars().collect())
            .collect();
        let dark = |x: usize, y: usize| {
            let square = rows[y / 2].get(x).copied().unwrap_or(' ');
            square == '█' || square == if y.is_multiple_of(2) { '▀' } else { '▄' }
        };
        let (width, height) = (80, rows.len() * 2);
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(width * DOTS, height * DOTS, |x, y| {
                if dark(x / DOTS, y / DOTS) { 0 } else { 255 }
            });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "{page}");
        grids[0].decode().unwrap().1
    }

    const DOTS: usize = 4;
}
