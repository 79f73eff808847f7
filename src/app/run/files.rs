//! Secrets as private files, for programs that want a certificate or a key as a path.

use std::path::PathBuf;

use super::Plan;
use crate::app::App;
use crate::app::env::deliver::Delivery;
use crate::error::Failure;
use crate::io::guard::{Guard, Task};
use crate::io::private::PrivateDirectory;
use crate::io::write::{self, Access};

/// A private directory with files, which goes when the command ends, and also when mvx is killed.
pub(super) struct Files {
    // removed first, while the guard still watches
    directory: PrivateDirectory,
    _guard: Guard,
}

impl Files {
    /// Makes the files, 0600, in memory where there is such a file system.
    pub(super) fn make(app: &App<'_>, plan: &Plan, delivery: &Delivery) -> Result<Self, Failure> {
        let directory = PrivateDirectory::create(app.environment())?;
        if !directory.is_in_memory() {
            app.warn(
                "there is no file system in memory: the files touch the disk while the command runs",
                ["`XDG_RUNTIME_DIR` can name one".into()],
            );
        }
        // before there is anything to look after
        let guard = Guard::start(&Task {
            directory: Some(directory.path()),
            terminal: false,
        })?;
        let files = Self {
            directory,
            _guard: guard,
        };
        files.write(plan, delivery)?;
        Ok(files)
    }

    /// Writes the files, or writes them anew.
    pub(super) fn write(&self, plan: &Plan, delivery: &Delivery) -> Result<(), Failure> {
        for file in &plan.files {
            let variables = delivery.variables.iter();
            for variable in variables.filter(|variable| variable.name == file.name) {
                write::write(
                    &self.path(&file.name),
                    variable.value.as_bytes(),
                    Access::Private,
                )?;
            }
        }
        Ok(())
    }

    /// Where the file of this name is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Removes the files now, and says so where that fails.
    pub(super) fn close(self) -> Result<(), Failure> {
        Ok(self.directory.close()?)
    }
}
