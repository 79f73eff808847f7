//! Who git thinks is working here: self-asserted, good enough for a name in the rules.

use std::path::Path;

use git2::{Config, Repository};

/// The user of git's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// `user.name`.
    pub name: Option<String>,
    /// `user.email`.
    pub email: Option<String>,
}

/// The author that git would write into a commit made in `directory`; empty where nothing is
/// configured or the configuration cannot be read.
pub fn author(directory: &Path) -> Author {
    let config = Repository::discover(directory)
        .and_then(|repository| repository.config())
        .or_else(|_| Config::open_default());
    let Ok(config) = config else {
        return Author::default();
    };
    let text = |name| config.get_string(name).ok().filter(|text| !text.is_empty());
    Author {
        name: text("user.name"),
        email: text("user.email"),
    }
}
