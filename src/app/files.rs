//! Which files a command means, and how sealed files are named.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::error::{Exit, Failure};
use crate::io::file::{self, Kind};
use crate::io::walk::{self, Ignored};

/// The name of the sealed file that stands beside a plaintext: `stripe.yaml` → `stripe.enc.yaml`,
/// `.env` → `.enc.env`, `id_ed25519` → `id_ed25519.enc`.
pub fn sealed_name(plain: &Path) -> PathBuf {
    let name = plain.file_name().unwrap_or_default().to_string_lossy();
    let sealed = match name.rfind('.') {
        Some(dot) => {
            let (stem, ending) = name.split_at(dot);
            format!("{stem}.enc{ending}")
        }
        None => format!("{name}.enc"),
    };
    plain.with_file_name(sealed)
}

/// Whether a name is that of a sealed file.
pub fn is_sealed_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut parts = name.rsplit('.');
    let last = parts.next();
    last == Some("enc") && name.len() > 4 || parts.next() == Some("enc")
}

/// The name of the plaintext that belongs to a sealed file; `None` if the name is not a sealed
/// one.
pub fn plain_name(sealed: &Path) -> Option<PathBuf> {
    let name = sealed.file_name()?.to_string_lossy();
    if let Some(stem) = name.strip_suffix(".enc") {
        return (!stem.is_empty()).then(|| sealed.with_file_name(stem));
    }
    let dot = name.rfind('.')?;
    let (stem, ending) = name.split_at(dot);
    let stem = stem.strip_suffix(".enc")?;
    Some(sealed.with_file_name(format!("{stem}{ending}")))
}

/// What of a directory a command wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Files with a sealed name.
    Sealed,
    /// Files without one.
    Plain,
}

impl App<'_> {
    /// The files that the arguments name: files as they are, of directories what a rule covers.
    /// Paths stay relative where they were given so.
    pub fn targets(&self, arguments: &[PathBuf], wanted: Wanted) -> Result<Vec<PathBuf>, Failure> {
        let mut targets = Vec::new();
        for argument in arguments {
            match file::kind(&self.absolute(argument))? {
                Some(Kind::Directory) => targets.extend(self.covered(argument, wanted)?),
                Some(_) => targets.push(argument.clone()),
                None => {
                    return Err(Failure::new(
                        Exit::IO,
                        "not-found",
                        "there is no such file or directory",
                    )
                    .at(argument.display())
                    .hint("`mvx ls` lists the secret files"));
                }
            }
        }
        targets.dedup();
        Ok(targets)
    }

    /// The files below a directory that a rule covers.
    fn covered(&self, directory: &Path, wanted: Wanted) -> Result<Vec<PathBuf>, Failure> {
        let base = self.absolute(directory);
        let mut found = Vec::new();
        for path in walk::files(&base, Ignored::Included)? {
            if is_sealed_name(&path) != (wanted == Wanted::Sealed) {
                continue;
            }
            if !self.is_covered(&path)? {
                continue;
            }
            let relative = path.strip_prefix(&base).unwrap_or(&path);
            let shown = if directory == Path::new(".") {
                relative.into()
            } else {
                directory.join(relative)
            };
            found.push(shown);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_names_and_back() {
        for (plain, sealed) in [
            ("secrets/stripe.yaml", "secrets/stripe.enc.yaml"),
            (".env", ".enc.env"),
            ("prod.env", "prod.enc.env"),
            ("id_ed25519", "id_ed25519.enc"),
            ("cert.pem", "cert.enc.pem"),
            ("a.b.json", "a.b.enc.json"),
        ] {
            assert_eq!(sealed_name(Path::new(plain)), Path::new(sealed));
            assert_eq!(
                plain_name(Path::new(sealed)).as_deref(),
                Some(Path::new(plain))
            );
            assert!(is_sealed_name(Path::new(sealed)), "{sealed}");
            assert!(!is_sealed_name(Path::new(plain)), "{plain}");
        }
        assert!(!is_sealed_name(Path::new(".enc")));
    }
}
