//! What a text is, and which program reads an `.env` file.

use std::path::Path;

use super::{ImportError, Source, doppler, error, json, onepassword};
use crate::dialects::Dialect;

/// What a text is by its name, and where that does not tell, by what stands in it. `.env` files
/// come out as portable; see [`crate::dialects::detect`].
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
}
