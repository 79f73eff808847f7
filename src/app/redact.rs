//! `mvx redact`: which values are masked, and the stream that they are masked in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::App;
use crate::app::env::deliver::{Delivery, Request};
use crate::document::Body;
use crate::error::{Exit, Failure};
use crate::io::relay::Change;
use crate::io::stdio;
use crate::redact::{Filter, Patterns};
use crate::render::Origin;
use crate::secret::Cleartext;

/// A filter in a stream.
pub(crate) struct Stream(pub(crate) Filter);

impl App<'_> {
    /// What is masked: the secrets of a profile and of single files; of the default profile where
    /// neither is named.
    pub fn patterns(&self, request: &Request, files: &[PathBuf]) -> Result<Arc<Patterns>, Failure> {
        let mut found = Vec::new();
        if files.is_empty() || request.profile.is_some() {
            found.extend(secrets(&self.deliver(request)?));
        }
        self.upcoming(files, None);
        for path in files {
            found.extend(self.secrets_of(path)?);
        }
        patterns(&found)
    }

    /// Every encrypted value and comment of a file, and where it is.
    fn secrets_of(&self, path: &Path) -> Result<Vec<(String, Cleartext)>, Failure> {
        let file = self.open_file(path, None)?;
        let (tree, name) = (&file.sealed.tree, &file.sealed.name);
        let values = tree.items.iter().zip(file.opened.values);
        // what was encrypted: values, and comments
        let found = values.filter_map(|(item, value)| {
            let what = match item.body {
                Body::Comment(_) => format!("a comment in {name}"),
                _ => format!("`{}` in {name}", tree.path(item)),
            };
            Some((what, value?.bytes))
        });
        Ok(found.collect())
    }
}

/// Passes standard input on with secrets masked.
pub fn pass_on(patterns: Arc<Patterns>) -> Result<(), Failure> {
    Ok(stdio::pass_on(&mut Stream(Filter::new(patterns)))?)
}

/// The secrets of a delivery, each with its name. What is written in the rules is none.
pub(super) fn secrets(delivery: &Delivery) -> Vec<(String, Cleartext)> {
    let variables = delivery.variables.iter();
    variables
        .filter(|variable| variable.origin != Origin::Default)
        .map(|variable| (variable.name.clone(), variable.value.duplicate()))
        .collect()
}

/// The forms of all secrets.
pub(super) fn patterns(secrets: &[(String, Cleartext)]) -> Result<Arc<Patterns>, Failure> {
    let values = secrets.iter().map(|(_, value)| value.as_bytes());
    let patterns = Patterns::new(values).map_err(|too_much| {
        let name = secrets.get(too_much.number).map(|(name, _)| name.as_str());
        let name = name.unwrap_or("a secret");
        Failure::new(
            Exit::IO,
            "too-much-to-mask",
            format!("{name}: too large to be masked in what is printed"),
        )
        .hint("leave it out of the profile: `exclude` in the rules, or `--only`")
    })?;
    Ok(Arc::new(patterns))
}

impl Change for Stream {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.0.feed(bytes, out);
    }

    fn waits(&self) -> bool {
        self.0.waits()
    }

    fn idle(&mut self, out: &mut Vec<u8>) {
        self.0.idle(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.0.finish(out);
    }
}
