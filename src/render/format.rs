//! What texts variables can become, and what there is to say about each.

use crate::dialects::{Dialect, Loader};

/// What variables become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `NAME=value` lines for a program that reads `.env` files.
    Dotenv(Dialect),
    /// A JSON object of strings.
    Json,
    /// A YAML map of strings.
    Yaml,
    /// `export` lines that a POSIX shell sources or evaluates.
    Shell,
    /// A Secret of Kubernetes, in YAML.
    K8s,
    /// What `docker run --env-file` reads.
    Docker,
    /// What `EnvironmentFile=` of a systemd unit reads.
    Systemd,
    /// Variables of Terraform and `OpenTofu`.
    Tfvars,
    /// What a step of GitHub Actions appends to the file that `GITHUB_ENV` names.
    Github,
    /// A dotenv report of GitLab CI.
    Gitlab,
    /// Commands to the agent of Azure Pipelines.
    Azure,
}

impl Format {
    /// Every format's name, in the order in which help texts list them.
    pub const NAMES: [&'static str; 11] = [
        "dotenv", "json", "yaml", "shell", "k8s", "docker", "systemd", "tfvars", "github",
        "gitlab", "azure",
    ];

    /// Every format but [`Format::Dotenv`], in that order.
    const OTHERS: [Self; 10] = [
        Self::Json,
        Self::Yaml,
        Self::Shell,
        Self::K8s,
        Self::Docker,
        Self::Systemd,
        Self::Tfvars,
        Self::Github,
        Self::Gitlab,
        Self::Azure,
    ];

    /// Its name, as `--format` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dotenv(_) => "dotenv",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Shell => "shell",
            Self::K8s => "k8s",
            Self::Docker => "docker",
            Self::Systemd => "systemd",
            Self::Tfvars => "tfvars",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Azure => "azure",
        }
    }

    /// The format by its name; `dialect` is that of a dotenv file.
    pub fn from_name(name: &str, dialect: Dialect) -> Option<Self> {
        if name == "dotenv" {
            return Some(Self::Dotenv(dialect));
        }
        Self::OTHERS
            .into_iter()
            .find(|format| format.name() == name)
    }

    /// Every format, and each dialect of dotenv files as one.
    pub fn all() -> impl Iterator<Item = Self> {
        Dialect::ALL
            .into_iter()
            .map(Self::Dotenv)
            .chain(Self::OTHERS)
    }

    /// How a message calls it: `json`, `dotenv for compose`.
    pub fn title(self) -> String {
        match self {
            Self::Dotenv(dialect) => format!("dotenv for {}", dialect.name()),
            other => other.name().to_owned(),
        }
    }

    /// Whether lines that begin with `#` are comments in it.
    pub const fn has_comments(self) -> bool {
        !matches!(self, Self::Json | Self::Github | Self::Gitlab | Self::Azure)
    }
}

/// What rendering needs to know besides the variables.
pub struct Options<'o> {
    /// What they become.
    pub format: Format,
    /// Which program reads a dotenv file, where more is known than its dialect.
    pub loader: Option<Loader>,
    /// Lines of comment at the top, without their sign, where the format has comments.
    pub header: &'o [String],
    /// What a Kubernetes Secret is called.
    pub k8s: K8s<'o>,
    /// What ends a value of GitHub's: random text that nobody can guess.
    pub delimiter: &'o str,
}

impl Options<'_> {
    /// A format and nothing else.
    pub fn of(format: Format) -> Self {
        Self {
            format,
            loader: None,
            header: &[],
            k8s: K8s::default(),
            delimiter: "",
        }
    }
}

/// The metadata of a Kubernetes Secret.
#[derive(Clone, Copy)]
pub struct K8s<'o> {
    /// `metadata.name`.
    pub name: &'o str,
    /// `metadata.namespace`, if any.
    pub namespace: Option<&'o str>,
    /// Whether the values stand under `data` in base64 instead of under `stringData`.
    pub base64: bool,
}

impl Default for K8s<'_> {
    fn default() -> Self {
        Self {
            name: "mvx",
            namespace: None,
            base64: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_formats_agree() {
        let names: Vec<&str> = Format::NAMES.to_vec();
        for name in &names {
            let format = Format::from_name(name, Dialect::Rust).unwrap();
            assert_eq!(format.name(), *name);
        }
        assert_eq!(Format::all().count(), names.len() - 1 + Dialect::ALL.len());
        assert!(Format::from_name("xml", Dialect::Rust).is_none());
    }
}
