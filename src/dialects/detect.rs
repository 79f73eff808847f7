//! Which program reads a `.env` file, by what lies beside it.

use std::path::Path;

use super::{Dialect, Loader};

/// What lies in one directory.
#[derive(Default)]
pub struct Surroundings<'s> {
    /// The text of `package.json`.
    pub package_json: Option<&'s str>,
    /// The lock file of Bun's, if there is one.
    pub bun: Option<&'s str>,
    /// Compose files: name and text.
    pub compose: Vec<(&'s str, &'s str)>,
    /// What says that this is a Python project: `pyproject.toml`, `requirements.txt`.
    pub python: Option<&'s str>,
    /// Whether there is a `Cargo.toml`.
    pub cargo: bool,
}

impl Surroundings<'_> {
    /// Whether the directory is the root of a project, so that those above it do not count.
    pub fn is_a_project(&self) -> bool {
        self.package_json.is_some() || self.python.is_some() || self.cargo
    }
}

/// A program that reads the file, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its dialect.
    pub dialect: Dialect,
    /// More of it, where that is known.
    pub loader: Option<Loader>,
    /// What says so, as messages call it: `package.json`.
    pub source: String,
    /// What it says: `depends on next`.
    pub says: String,
}

impl Evidence {
    /// Both together: `package.json depends on next`.
    pub fn because(&self) -> String {
        format!("{} {}", self.source, self.says)
    }
}

/// Who a file is written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The dialect.
    pub dialect: Dialect,
    /// The program, where more is known of it. In a portable file: one of its readers expands.
    pub loader: Option<Loader>,
    /// Why, in one sentence without a full stop.
    pub because: String,
    /// Whether several things say something different.
    pub is_torn: bool,
}

/// Everything that says who reads `file`.
pub fn evidence(file: &Path, beside: &Surroundings<'_>) -> Vec<Evidence> {
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let found = |dialect, loader, source: &str, says: String| Evidence {
        dialect,
        loader,
        source: source.to_owned(),
        says,
    };
    if name == ".envrc" {
        let says = "is .envrc, which direnv runs in bash".to_owned();
        return vec![found(Dialect::Shell, None, "its name", says)];
    }
    let mut all = Vec::new();
    if let Some(text) = beside.package_json {
        let (dialect, loader, says) = javascript(text, beside.bun);
        all.push(found(dialect, loader, "package.json", says));
    } else if let Some(lock) = beside.bun {
        let says = "is there, and Bun expands".to_owned();
        all.push(found(Dialect::Expand, Some(Loader::Bun), lock, says));
    }
    let naming = beside
        .compose
        .iter()
        .find(|(_, text)| names_env_file(text, &name));
    if let Some((compose, _)) = naming {
        let says = format!("names {name} as `env_file`");
        all.push(found(Dialect::Compose, None, compose, says));
    }
    if let Some(python) = beside.python {
        let says = "is there, and python-dotenv is what Python projects read it with".to_owned();
        all.push(found(Dialect::Python, None, python, says));
    }
    if beside.cargo {
        let says = "is there, and dotenvy is what Rust projects read it with".to_owned();
        all.push(found(Dialect::Rust, None, "Cargo.toml", says));
    }
    all
}

/// What to write, by what was found: the one dialect that is told of; where several are, portable,
/// which all of them read or which refuses the value; and portable where nothing is.
pub fn choose(found: &[Evidence]) -> Choice {
    match found {
        [] => Choice {
            dialect: Dialect::Portable,
            loader: None,
            because: "nothing beside it says which program reads it".into(),
            is_torn: false,
        },
        [one] => Choice {
            dialect: one.dialect,
            loader: one.loader,
            because: one.because(),
            is_torn: false,
        },
        several => {
            let expanding = several
                .iter()
                .find(|one| one.dialect == Dialect::Expand)
                .map(|one| one.loader.unwrap_or(Loader::Next));
            let reasons: Vec<String> = several.iter().map(Evidence::because).collect();
            Choice {
                dialect: Dialect::Portable,
                loader: expanding,
                because: reasons.join("; "),
                is_torn: true,
            }
        }
    }
}

/// Which reader a JavaScript project has.
fn javascript(package_json: &str, bun: Option<&str>) -> (Dialect, Option<Loader>, String) {
    let json = serde_json::from_str::<serde_json::Value>(package_json).unwrap_or_default();
    let has = |wanted: &str| {
        ["dependencies", "devDependencies", "optionalDependencies"]
            .iter()
            .filter_map(|field| json.get(field)?.as_object())
            .any(|packages| packages.contains_key(wanted))
    };
    let depends = |name: &str| format!("depends on {name}");
    // These may come with any version of dotenv-expand, and the newest runs `$(…)`.
    for name in [
        "dotenv-expand",
        "dotenv-cli",
        "vite",
        "react-scripts",
        "@nestjs/config",
    ] {
        if has(name) {
            return (Dialect::Expand, None, depends(name));
        }
    }
    // A script may have another reader than the dependency that stands there.
    let only = |loader| {
        let others = ["dotenvx", "--env-file"];
        let alone = !others.iter().any(|other| package_json.contains(other));
        alone.then_some(loader)
    };
    for name in ["next", "@next/env"] {
        if has(name) {
            return (Dialect::Expand, only(Loader::Next), depends(name));
        }
    }
    if let Some(lock) = bun {
        let says = format!("has {lock} beside it, and Bun expands");
        return (Dialect::Expand, only(Loader::Bun), says);
    }
    match (has("@dotenvx/dotenvx"), has("dotenv")) {
        (true, true) => (Dialect::Node, None, depends("dotenv and @dotenvx/dotenvx")),
        (true, false) => (
            Dialect::Node,
            Some(Loader::Dotenvx),
            depends("@dotenvx/dotenvx"),
        ),
        (false, true) => (Dialect::Node, only(Loader::Dotenv), depends("dotenv")),
        (false, false) => (
            Dialect::Node,
            None,
            "names no reader, so that any of Node's is meant".into(),
        ),
    }
}

/// Whether a Compose file names `file` below an `env_file`.
fn names_env_file(compose: &str, file: &str) -> bool {
    let separates = |c: char| c.is_whitespace() || "'\",[]{}".contains(c);
    compose.split("env_file").skip(1).any(|after| {
        after.split(separates).any(|word| {
            let word = word.strip_prefix("./").unwrap_or(word);
            word.rsplit('/').next() == Some(file)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(file: &str, beside: &Surroundings<'_>) -> Choice {
        choose(&evidence(Path::new(file), beside))
    }

    fn package(json: &str) -> Surroundings<'_> {
        Surroundings {
            package_json: Some(json),
            ..Surroundings::default()
        }
    }

    #[test]
    fn dependencies_tell_a_javascript_project() {
        for (json, dialect, loader, because) in [
            (
                r#"{"dependencies": {"next": "16"}}"#,
                Dialect::Expand,
                Some(Loader::Next),
                "package.json depends on next",
            ),
            (
                r#"{"dependencies": {"next": "16"}, "devDependencies": {"vite": "8"}}"#,
                Dialect::Expand,
                None,
                "package.json depends on vite",
            ),
            (
                r#"{"dependencies": {"dotenv": "17"}}"#,
                Dialect::Node,
                Some(Loader::Dotenv),
                "package.json depends on dotenv",
            ),
            (
                r#"{"dependencies": {"@dotenvx/dotenvx": "2"}}"#,
                Dialect::Node,
                Some(Loader::Dotenvx),
                "package.json depends on @dotenvx/dotenvx",
            ),
            (
                r#"{"scripts": {"dev": "dotenvx run -- node ."}, "dependencies": {"dotenv": "17"}}"#,
                Dialect::Node,
                None,
                "package.json depends on dotenv",
            ),
            (
                r#"{"dependencies": {"dotenv-cli": "8"}}"#,
                Dialect::Expand,
                None,
                "package.json depends on dotenv-cli",
            ),
            (
                "not json",
                Dialect::Node,
                None,
                "package.json names no reader, so that any of Node's is meant",
            ),
        ] {
            let choice = told(".env", &package(json));
            assert_eq!((choice.dialect, choice.loader), (dialect, loader), "{json}");
            assert_eq!(choice.because, because);
            assert!(!choice.is_torn);
        }
    }

    #[test]
    fn bun_expands() {
        let beside = Surroundings {
            bun: Some("bun.lock"),
            ..package(r#"{"dependencies": {"dotenv": "17"}}"#)
        };
        let choice = told(".env", &beside);
        assert_eq!(
            (choice.dialect, choice.loader),
            (Dialect::Expand, Some(Loader::Bun))
        );
    }

    #[test]
    fn a_compose_file_counts_where_it_names_the_file() {
        let compose = |text| Surroundings {
            compose: vec![("compose.yaml", text)],
            ..Surroundings::default()
        };
        for text in [
            "services:\n  a:\n    env_file: .env.docker\n",
            "services:\n  a:\n    env_file:\n      - path: ./.env.docker\n",
            "services:\n  a:\n    env_file: [\"x/.env.docker\"]\n",
        ] {
            assert_eq!(
                told(".env.docker", &compose(text)).dialect,
                Dialect::Compose,
                "{text}"
            );
            assert_eq!(told(".env", &compose(text)).dialect, Dialect::Portable);
        }
    }

    #[test]
    fn those_who_disagree_are_all_named() {
        let beside = Surroundings {
            python: Some("pyproject.toml"),
            ..package("{}")
        };
        let choice = told(".env", &beside);
        assert_eq!((choice.dialect, choice.loader), (Dialect::Portable, None));
        assert!(choice.is_torn);
        assert!(choice.because.contains("package.json") && choice.because.contains("pyproject"));
        let beside = Surroundings {
            cargo: true,
            ..package(r#"{"dependencies": {"next": "16"}}"#)
        };
        let choice = told(".env", &beside);
        assert_eq!(
            (choice.dialect, choice.loader),
            (Dialect::Portable, Some(Loader::Next))
        );
    }

    #[test]
    fn names_and_other_projects_tell_too() {
        let rust = Surroundings {
            cargo: true,
            ..Surroundings::default()
        };
        assert_eq!(told(".env", &rust).dialect, Dialect::Rust);
        assert_eq!(told("a/.envrc", &rust).dialect, Dialect::Shell);
        let python = Surroundings {
            python: Some("requirements.txt"),
            ..Surroundings::default()
        };
        assert_eq!(told(".env", &python).dialect, Dialect::Python);
        let nothing = told(".env", &Surroundings::default());
        assert_eq!(nothing.dialect, Dialect::Portable);
        assert!(!nothing.is_torn);
    }
}
