//! A Secret of Kubernetes (core/v1), in YAML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Found, K8s, RenderError, Variable, data};
use crate::secret::Cleartext;

/// How large the values of a Secret may be together (`MaxSecretSize` in Kubernetes): 1 MiB.
pub(super) const LIMIT: usize = 1 << 20;

/// Writes the object; names and sizes have been checked.
pub(super) fn write(variables: &[Variable], k8s: K8s<'_>, out: &mut Cleartext) -> Option<()> {
    out.push(b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"");
    out.push(k8s.name.as_bytes());
    out.push(b"\"\n");
    if let Some(namespace) = k8s.namespace {
        out.push(b"  namespace: \"");
        out.push(namespace.as_bytes());
        out.push(b"\"\n");
    }
    out.push(b"type: Opaque\n");
    let field: &[u8] = if k8s.base64 { b"data:" } else { b"stringData:" };
    out.push(field);
    if variables.is_empty() {
        out.push(b" {}");
    }
    out.push(b"\n");
    if !k8s.base64 {
        return data::yaml(variables, "  ", out);
    }
    for variable in variables {
        out.push(b"  ");
        data::push_key(out, &variable.name);
        out.push(b": \"");
        let encoded = Cleartext::from(STANDARD.encode(variable.value.as_bytes()));
        out.push(encoded.as_bytes());
        out.push(b"\"\n");
    }
    Some(())
}

/// Reads what [`write`] writes.
pub(super) fn read(text: &str, k8s: K8s<'_>) -> Option<Vec<Found>> {
    if k8s.base64 {
        let (_, text) = text.split_once("\ndata:")?;
        let found = data::read_yaml(after_field(text)?, "  ")?;
        let decoded = |(name, value): Found| Some((name, STANDARD.decode(value.as_bytes()).ok()?));
        return found
            .into_iter()
            .map(|pair| decoded(pair).map(|(name, value)| (name, Cleartext::new(value))))
            .collect();
    }
    let (_, text) = text.split_once("\nstringData:")?;
    data::read_yaml(after_field(text)?, "  ")
}

/// Checks the object's own names: a DNS subdomain (RFC 1123) of 253 characters, and a label of 63.
pub(super) fn check(k8s: K8s<'_>) -> Result<(), RenderError> {
    let label = |text: &str, limit: usize| {
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !text.is_empty()
            && text.len() <= limit
            && text.chars().all(sound)
            && !text.starts_with('-')
            && !text.ends_with('-')
    };
    let subdomain = k8s.name.len() <= 253 && k8s.name.split('.').all(|part| label(part, 253));
    let wrong = |what, name: &str| RenderError::Metadata {
        what,
        name: name.to_owned(),
    };
    if !subdomain {
        return Err(wrong("name", k8s.name));
    }
    match k8s.namespace {
        Some(namespace) if !label(namespace, 63) => Err(wrong("namespace", namespace)),
        _ => Ok(()),
    }
}

fn after_field(text: &str) -> Option<&str> {
    text.strip_prefix(" {}").unwrap_or(text).strip_prefix('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kubernetes() {
        let with = |name, namespace| {
            check(K8s {
                name,
                namespace,
                base64: false,
            })
            .is_ok()
        };
        assert!(with("api.prod", Some("team-a")));
        for (name, namespace) in [
            ("", None),
            ("Api", None),
            ("a..b", None),
            ("-a", None),
            ("a\nb", None),
            ("a", Some("a.b")),
            ("a", Some("")),
        ] {
            assert!(!with(name, namespace), "{name:?} {namespace:?}");
        }
        assert!(!with(&"a".repeat(254), None));
    }
}
