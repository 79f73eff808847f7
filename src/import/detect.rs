//! What a text is, and which program reads an `.env` file.

use std::path::Path;

use super::{ImportError, Source, doppler, error, json, onepassword};
use crate::dialects::Dialect;

/// What a text is by its name, and where that does not tell, by what stands in it. `.env` files
/// come out as portable; see [`dialect`].
pub fn source(name: Option<&Path>, bytes: &[u8]) -> Result<Option<Source>, ImportError> {
    let text = error::as_text(bytes)?;
    let file = name.and_then(Path::file_name).unwrap_or_default();
    let file = file.to_string_lossy().to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| file.ends_with(ending));
    if ends(&[".yaml", ".yml"]) {
        return Ok(Some(Source::Yaml));
    }
    if ends(&[".ini"]) {
        return Ok(Some(Source::Ini));
    }
    if is_env_name(&file) {
        return Ok(Some(Source::Env(Dialect::Portable)));
    }
    let begins = text.trim_start();
    if ends(&[".json"]) || begins.starts_with('{') {
        return by_shape(text).map(Some);
    }
    // A list is nothing but items.
    if begins.starts_with('[')
        && json::objects(text).is_ok_and(|all| all.iter().all(|one| onepassword::is_it(one)))
    {
        return Ok(Some(Source::OnePassword));
    }
    let assigns = super::env::read(text, Dialect::Portable);
    Ok(assigns
        .is_ok_and(|contents| !contents.entries.is_empty())
        .then_some(Source::Env(Dialect::Portable)))
}

/// `.env`, `.env.local`, `prod.env`, `.envrc`.
fn is_env_name(file: &str) -> bool {
    let ending = file.rsplit_once('.').map(|(_, ending)| ending);
    file == ".envrc" || file.starts_with(".env.") || ending == Some("env")
}

/// Which kind of JSON a text is.
fn by_shape(text: &str) -> Result<Source, ImportError> {
    if text.trim_start().starts_with('[') {
        return Ok(Source::OnePassword);
    }
    let object = json::object(text)?;
    Ok(if onepassword::is_it(&object) {
        Source::OnePassword
    } else if doppler::is_it(&object) {
        Source::Doppler
    } else {
        Source::Json
    })
}

/// What lies beside an `.env` file, or above it in the repository: the nearest directory that has
/// any of it counts.
#[derive(Default)]
pub struct Surroundings<'s> {
    /// The text of `package.json`.
    pub package_json: Option<&'s str>,
    /// Whether there is a lock file of Bun's.
    pub bun: bool,
    /// The text of a Compose file.
    pub compose: Option<&'s str>,
    /// Whether there is `pyproject.toml`, `requirements.txt`, `Pipfile` or `manage.py`.
    pub python: bool,
    /// Whether there is a `Cargo.toml`.
    pub cargo: bool,
}

/// The program that most likely reads an `.env` file; `None` where nothing tells, or several
/// things tell otherwise.
pub fn dialect(file: &Path, beside: &Surroundings<'_>) -> Option<Dialect> {
    if file.file_name().is_some_and(|name| name == ".envrc") {
        return Some(Dialect::Shell);
    }
    let javascript = beside.package_json.map(|text| {
        if beside.bun || expands(text) {
            Dialect::Expand
        } else {
            Dialect::Node
        }
    });
    let compose = beside
        .compose
        .filter(|text| text.contains("env_file"))
        .map(|_| Dialect::Compose);
    let python = beside.python.then_some(Dialect::Python);
    let rust = beside.cargo.then_some(Dialect::Rust);
    let mut found = [javascript, compose, python, rust].into_iter().flatten();
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Whether a package uses something that expands variables.
fn expands(package_json: &str) -> bool {
    const PACKAGES: [&str; 6] = [
        "next",
        "vite",
        "@next/env",
        "dotenv-expand",
        "react-scripts",
        "@nestjs/config",
    ];
    let Ok(json) = serde_json::from_str::<serde_json::Value>(package_json) else {
        return false;
    };
    ["dependencies", "devDependencies"]
        .iter()
        .filter_map(|field| json.get(field)?.as_object())
        .any(|packages| PACKAGES.iter().any(|name| packages.contains_key(*name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Option<&'static str> {
        let name = (!name.is_empty()).then(|| Path::new(name));
        let source = source(name, text.as_bytes()).unwrap();
        source.map(Source::name)
    }

    #[test]
    fn names_tell_before_shapes_do() {
        assert_eq!(found("a/b.yml", "{}"), Some("yaml"));
        assert_eq!(found("a.ini", "[s]\nk = v\n"), Some("ini"));
        for name in [".env", ".env.local", "prod.env", ".envrc", ".ENV"] {
            assert_eq!(found(name, "A=1"), Some("env"), "{name}");
        }
        assert_eq!(found("secrets.json", r#"{"a": {"b": 1}}"#), Some("json"));
    }

    #[test]
    fn shapes_tell_where_names_do_not() {
        assert_eq!(found("", "A=1\nB=2\n"), Some("env"));
        assert_eq!(found("dump", r#"{"A": "x"}"#), Some("json"));
        assert_eq!(
            found("x.json", r#"{"A": "x", "DOPPLER_CONFIG": "dev"}"#),
            Some("doppler")
        );
        let item = r#"{"id": "x", "category": "LOGIN", "fields": []}"#;
        assert_eq!(found("", item), Some("1password"));
        assert_eq!(found("", &format!("[{item}]")), Some("1password"));
        assert_eq!(found("", "just words"), None);
        assert_eq!(found("notes.txt", ""), None);
    }

    #[test]
    fn what_lies_beside_a_file_tells_who_reads_it() {
        let env = Path::new(".env");
        let told = |beside: Surroundings<'_>| dialect(env, &beside).map(Dialect::name);
        let node = Some(r#"{"dependencies": {"express": "4"}}"#);
        let next = Some(r#"{"devDependencies": {"vite": "5"}}"#);
        let with = |package_json| Surroundings {
            package_json,
            ..Surroundings::default()
        };
        assert_eq!(told(Surroundings::default()), None);
        assert_eq!(told(with(node)), Some("node"));
        assert_eq!(told(with(next)), Some("expand"));
        assert_eq!(told(with(Some("not json"))), Some("node"));
        let bun = Surroundings {
            bun: true,
            ..with(node)
        };
        assert_eq!(told(bun), Some("expand"));
        let both = Surroundings {
            python: true,
            ..with(node)
        };
        assert_eq!(told(both), None);
        let compose = |compose| Surroundings {
            compose: Some(compose),
            ..Surroundings::default()
        };
        assert_eq!(told(compose("services: {}")), None);
        assert_eq!(told(compose("env_file: .env")), Some("compose"));
        let shell = dialect(Path::new("a/.envrc"), &with(node));
        assert_eq!(shell, Some(Dialect::Shell));
    }
}
