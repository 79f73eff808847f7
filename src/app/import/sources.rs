//! The inputs: read, and known for what they are.

use std::path::Path;

use super::{Input, ReadInput, Request};
use crate::app::App;
use crate::app::files::{STDIN, Wanted, no_such_file};
use crate::app::surroundings::who_reads;
use crate::error::{At as _, Exit, Failure};
use crate::git;
use crate::git::committed::History;
use crate::import::crypt::Tool;
use crate::import::detect;
use crate::import::{ImportError, SIZE_LIMIT, Source, env, read};
use crate::io::{IoError, file};
use crate::secret::Cleartext;

impl App<'_> {
    /// Reads an input.
    pub(super) fn read_input(
        &self,
        request: &Request<'_>,
        input: Input,
    ) -> Result<ReadInput, Failure> {
        let Input { path, bytes } = input;
        let name = path.display().to_string();
        let on_disk = bytes.is_none();
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => file::read(&path, SIZE_LIMIT).map_err(|error| match error {
                IoError::NotFound { .. } => no_such_file(&path, Wanted::Plain),
                IoError::TooLarge { .. } => Failure::from(ImportError::TooLarge).at(&name),
                error => error.into(),
            })?,
        };
        if let Some(tool) = Tool::locking(bytes.as_bytes()) {
            return Err(locked(&path, tool));
        }
        let known = match request.from {
            Some(source) => Some(source),
            None => {
                detect::source(on_disk.then_some(path.as_path()), bytes.as_bytes()).at(&name)?
            }
        };
        // A dialect is one of `.env` files.
        let known = known.or(request.dialect.map(Source::Env));
        let Some(mut source) = known else {
            let message = "neither its name nor its content tells what it is";
            return Err(Failure::new(Exit::USAGE, "unknown-type", message)
                .at(name)
                .hint("`--from env|json|yaml|ini|doppler|1password` does"));
        };
        let mut told_by = None;
        let mut certain = true;
        if let Source::Env(dialect) = &mut source {
            certain = request.dialect.is_some();
            if let Some(wanted) = request.dialect {
                *dialect = wanted;
            } else {
                let start = if on_disk {
                    file::canonical(file::directory_of(&path))?
                } else {
                    self.directory().to_owned()
                };
                // Where several programs are told of, what they agree on is read.
                if let [one] = who_reads(&path, &start)?.as_slice() {
                    (*dialect, told_by) = (one.dialect, Some(one.source.clone()));
                }
            }
        }
        let mut contents = read(bytes.as_bytes(), source).at(&name)?;
        if let (Source::Env(dialect), false) = (source, certain) {
            let more = env::differences(bytes.as_bytes(), dialect, &contents);
            contents.warnings.extend(more);
            contents.warnings.sort_by_key(|warning| warning.line);
        }
        let (history, tracked) = if on_disk {
            self.committed(&path, &bytes)
        } else {
            (None, false)
        };
        Ok(ReadInput {
            path: on_disk.then(|| path.clone()),
            name: path,
            source,
            told_by,
            values: 0,
            warnings: std::mem::take(&mut contents.warnings),
            comments: contents.comments(),
            left_out: Vec::new(),
            history,
            tracked,
            bytes,
            contents,
        })
    }

    /// What git's history holds of a plaintext, and whether git tracks it. Where git cannot tell,
    /// that is a warning: it keeps nobody from importing.
    pub(super) fn committed(&self, path: &Path, bytes: &Cleartext) -> (Option<History>, bool) {
        // Encrypted versions give nothing away.
        let sealed = |bytes: &[u8]| {
            Tool::locking(bytes).is_some()
                || memchr::memmem::find(bytes, b"ENC[AES256_GCM,").is_some()
        };
        let asked = || {
            let Some(tree) = git::work_tree_of(file::directory_of(path))? else {
                return Ok((None, false));
            };
            let history = tree.history(path, bytes.as_bytes(), sealed)?;
            Ok((history, tree.is_tracked(path)?))
        };
        asked().unwrap_or_else(|error: git::GitError| {
            let failure = Failure::from(error);
            self.warn(
                format!(
                    "{}: git's history cannot be asked whether it holds this file: {}",
                    path.display(),
                    failure.error
                ),
                failure.hints,
            );
            (None, false)
        })
    }
}

/// A file that its tool has not decrypted.
pub(super) fn locked(path: &Path, tool: Tool) -> Failure {
    let message = format!("still locked by {}", tool.name());
    let place = path.display().to_string();
    let failure = Failure::new(Exit::IO, "locked", message);
    let failure = if place == STDIN {
        failure
    } else {
        failure.at(place)
    };
    failure.hint(format!(
        "`{}` decrypts the work tree's files",
        tool.unlock()
    ))
}
