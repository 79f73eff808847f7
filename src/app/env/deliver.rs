//! The variables of a profile, from its secret files: for `mvx env` and `mvx run`.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::env::profile::Chosen;
use crate::app::files::plain_name;
use crate::app::load::{OpenFile, Sealed};
use crate::document::{Tree, Value};
use crate::error::{At as _, Exit, Failure};
use crate::render::flatten::{Leaf, Source, leaves};
use crate::render::gather::{Entry, gather};
use crate::render::{Origin, Variable};
use crate::rules::Profile;
use crate::secret::Cleartext;
use crate::stores::Format;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The profile; the default one, or the only one, where none is named.
    pub profile: Option<String>,
    /// Scopes and their values, of `--with client=acme`.
    pub with: Vec<(String, String)>,
    /// Names, or globs of names, that alone are wanted; all where there are none. Each must be
    /// there.
    pub only: Vec<String>,
}

/// What a profile delivers.
pub struct Delivery {
    /// The profile, with what it takes from those it extends.
    pub profile: Profile,
    /// The variables, in the order of the files; no name twice.
    pub variables: Vec<Variable>,
    /// The secret files that were read, as messages call them.
    pub files: Vec<PathBuf>,
}

/// What is known of a profile's variables.
pub struct Names {
    /// The profile, with what it takes from those it extends.
    pub profile: Profile,
    /// The names, in the order of the files; none twice.
    pub names: Vec<Named>,
    /// The secret files that were read, as messages call them.
    pub files: Vec<PathBuf>,
}

/// A variable without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether its value is empty.
    pub is_empty: bool,
    /// The comments above it, a line each, without comment signs.
    pub comments: Vec<String>,
}

/// How far files are opened for their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Not at all: names and types stand in clear. Nothing is authenticated, and no identity is
    /// needed.
    Sealed,
    /// Opened, with the comments that stand encrypted.
    Opened,
}

impl App<'_> {
    /// Opens the files of a profile and brings their values together. Nothing comes out unless all
    /// of it does: a file that does not open, a MAC or seal that does not match, an access that is
    /// over, a required name that is missing, or two keys of one name.
    pub fn deliver(&self, request: &Request) -> Result<Delivery, Failure> {
        let chosen = self.profile(request.profile.as_deref())?;
        let files = self.profile_files(&chosen, &request.with)?;
        let entries = self.entries(&chosen, &files, request, Depth::Opened)?;
        let variables = entries.into_iter().map(|entry| Variable {
            name: entry.name,
            value: entry.value.unwrap_or_else(Cleartext::default),
            kind: entry.kind,
            origin: entry.origin,
        });
        Ok(Delivery {
            variables: variables.collect(),
            profile: chosen.profile,
            files,
        })
    }

    /// The names of a profile's variables, without the values.
    pub fn names(&self, request: &Request, depth: Depth) -> Result<Names, Failure> {
        let chosen = self.profile(request.profile.as_deref())?;
        let files = self.profile_files(&chosen, &request.with)?;
        let entries = self.entries(&chosen, &files, request, depth)?;
        let names = entries.into_iter().map(|entry| Named {
            name: entry.name,
            origin: entry.origin,
            is_empty: entry.is_empty,
            comments: entry.comments,
        });
        Ok(Names {
            names: names.collect(),
            profile: chosen.profile,
            files,
        })
    }

    fn entries(
        &self,
        chosen: &Chosen,
        files: &[PathBuf],
        request: &Request,
        depth: Depth,
    ) -> Result<Vec<Entry>, Failure> {
        let read = |app: &App<'_>, path: &PathBuf| app.values_of(path, chosen, depth);
        let mut found = Vec::with_capacity(files.len());
        for (path, leaves) in files.iter().zip(self.for_each(files, read, || {})) {
            found.push((path.display().to_string(), leaves?));
        }
        let gathered = gather(found, &chosen.plan(&request.only)).at(format!(
            "{}: [env.{}]",
            self.shown(&chosen.rules),
            chosen.profile.name
        ))?;
        for old in gathered.unused {
            self.warn(
                format!(
                    "the profile `{}` renames `{old}`, which no key makes",
                    chosen.profile.name
                ),
                ["`rename` has the names on its left that keys make, without prefix: `db.password` makes `DB_PASSWORD`".into()],
            );
        }
        if depth == Depth::Opened {
            for entry in &gathered.entries {
                if let Origin::Secret { file, key } | Origin::Previous { file, key } = &entry.origin
                {
                    self.record_keys(file, [key.to_string()]);
                }
            }
        }
        Ok(gathered.entries)
    }

    /// What one file holds.
    fn values_of(&self, path: &Path, chosen: &Chosen, depth: Depth) -> Result<Vec<Leaf>, Failure> {
        let sealed = self.read_sealed(path, None)?;
        if depth == Depth::Sealed {
            let leaves = leaves_of(&sealed, None, chosen);
            return self.with_replaced(path, &sealed, chosen, depth, leaves);
        }
        let OpenFile {
            sealed,
            opened,
            opened_by,
            ..
        } = self.open_sealed(sealed)?;
        self.access_is_not_over(&sealed, &opened_by)?;
        let leaves = leaves_of(&sealed, Some(opened.values), chosen);
        self.with_replaced(path, &sealed, chosen, depth, leaves)
    }
}

/// Reads the values of `--with`: `client=acme`.
pub fn scopes(texts: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let pairs = texts.iter().map(|text| {
        let (scope, value) = text.split_once('=').ok_or_else(|| {
            Failure::new(Exit::USAGE, "usage", "`--with` takes a scope and its value")
                .hint("`--with client=acme` fills in `{client}`")
        })?;
        Ok((scope.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn leaves_of(sealed: &Sealed, values: Option<Vec<Option<Value>>>, chosen: &Chosen) -> Vec<Leaf> {
    let tree: &Tree = &sealed.tree;
    let source = match values {
        Some(values) => Source::Opened(tree, values),
        None => Source::Sealed(tree),
    };
    let path = Path::new(&sealed.name);
    let whole = (sealed.format == Format::Binary).then(|| {
        let plain = plain_name(path).unwrap_or_else(|| path.to_owned());
        let name = plain.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    leaves(source, &chosen.naming(), whole.as_deref())
}
