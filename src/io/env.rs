//! The environment, read once, and where mvx keeps things.
//!
//! [`VARIABLES`] is the whole list of what mvx looks at, and `mvx help environment` prints it. An
//! empty variable counts as one that is not set. Nothing ever sets one: what a started command
//! needs is given to that command alone.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::io::IoError;

/// The variables whose text is a private key: no program that mvx starts needs them.
pub const PRIVATE_KEYS: [&str; 4] = [
    "MVX_AGE_KEY",
    "SOPS_AGE_KEY",
    "MVX_PGP_KEY",
    "MVX_PGP_PASSPHRASE",
];

/// What begins the names of variables whose other part the rules choose, `MVX_NOTIFY_NAME_URL`. No
/// program that mvx starts needs them either.
pub const NOTIFY: &str = "MVX_NOTIFY_";

/// Every variable that mvx reads, with what it means; `NAME` stands for what the rules name.
pub const VARIABLES: &[(&str, &str)] = &[
    ("MVX_AGE_KEY", "age identities, one a line"),
    ("MVX_AGE_KEY_FILE", "a file with age identities"),
    (
        "MVX_AGE_KEY_CMD",
        "a command that prints age identities; split as a shell would, run without one",
    ),
    ("SOPS_AGE_KEY", "as MVX_AGE_KEY"),
    ("SOPS_AGE_KEY_FILE", "as MVX_AGE_KEY_FILE"),
    ("SOPS_AGE_KEY_CMD", "as MVX_AGE_KEY_CMD"),
    (
        "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
        "an SSH private key that opens files",
    ),
    (
        "SOPS_AGE_SSH_PRIVATE_KEY_CMD",
        "a command that prints an SSH private key",
    ),
    (
        "SOPS_AGE_RECIPIENTS",
        "age recipients, separated by commas, where no rule names any",
    ),
    (
        "SOPS_DECRYPTION_ORDER",
        "kinds of keys in the order in which they are tried, such as `kms,age`",
    ),
    (
        "VAULT_ADDR",
        "the Vault or OpenBao server that is given the token; others are asked about first",
    ),
    ("BAO_ADDR", "as VAULT_ADDR; a second server"),
    (
        "SOPS_HC_VAULT_ALLOWLIST",
        "more such servers, separated by commas, whole addresses; `none` forbids all, `all` names none",
    ),
    (
        "VAULT_TOKEN",
        "the token for Vault, else ~/.vault-token holds it",
    ),
    (
        "BAO_TOKEN",
        "as VAULT_TOKEN; first for the server of BAO_ADDR",
    ),
    ("VAULT_NAMESPACE", "the namespace in Vault"),
    ("BAO_NAMESPACE", "as VAULT_NAMESPACE"),
    (
        "VAULT_CACERT",
        "a file of certificate authorities that are believed beside the system's",
    ),
    ("VAULT_CAPATH", "a directory of them"),
    ("BAO_CACERT", "as VAULT_CACERT"),
    ("BAO_CAPATH", "as VAULT_CAPATH"),
    (
        "VAULT_SKIP_VERIFY",
        "not honoured: certificates are always checked, and an error says so",
    ),
    ("BAO_SKIP_VERIFY", "not honoured either"),
    (
        "SOPS_GPG_EXEC",
        "the gpg that is started; else the one on PATH",
    ),
    ("GNUPGHOME", "where gpg keeps its keys; else ~/.gnupg"),
    (
        "GPG_TTY",
        "the terminal on which gpg asks; else the one that mvx runs on",
    ),
    (
        "MVX_PGP_KEY",
        "a private PGP key with armour, for CI: gpg's own keys stay untouched",
    ),
    ("MVX_PGP_PASSPHRASE", "the passphrase of MVX_PGP_KEY"),
    (
        "MVX_TIMEOUT",
        "how many seconds a key service may take to answer, up to 600; else 10",
    ),
    (
        "MVX_NOTIFY_NAME_URL",
        "where `[notify.NAME]` of the rules is told; NAME in capitals, `_` for what is no letter or digit",
    ),
    (
        "MVX_NOTIFY_NAME_SECRET",
        "what is sent there is signed with it: `whsec_` and base64, or 24 bytes of text and more",
    ),
    (
        "HTTPS_PROXY",
        "the proxy for https addresses; also as https_proxy",
    ),
    ("https_proxy", "as HTTPS_PROXY"),
    (
        "HTTP_PROXY",
        "the proxy for http addresses; also as http_proxy",
    ),
    ("http_proxy", "as HTTP_PROXY"),
    (
        "NO_PROXY",
        "hosts that are asked without a proxy, separated by commas",
    ),
    ("no_proxy", "as NO_PROXY"),
    (
        "SSL_CERT_FILE",
        "the certificate authorities that are believed, in place of the system's",
    ),
    ("SSL_CERT_DIR", "a directory of them"),
    (
        "AWS_ACCESS_KEY_ID",
        "the access key for AWS; comes before AWS_PROFILE",
    ),
    ("AWS_SECRET_ACCESS_KEY", "its secret"),
    ("AWS_SESSION_TOKEN", "its session, where it has one"),
    (
        "AWS_PROFILE",
        "the profile of ~/.aws/config that says who asks AWS; a file's own `aws_profile` comes first",
    ),
    ("AWS_DEFAULT_PROFILE", "as AWS_PROFILE, after it"),
    ("AWS_CONFIG_FILE", "in place of ~/.aws/config"),
    (
        "AWS_SHARED_CREDENTIALS_FILE",
        "in place of ~/.aws/credentials",
    ),
    ("AWS_ROLE_ARN", "the role for AWS_WEB_IDENTITY_TOKEN_FILE"),
    (
        "AWS_ROLE_SESSION_NAME",
        "what that session is called in the logs of AWS; else mvx@HOST",
    ),
    (
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "a file with a token that AWS trades for credentials: EKS, CI",
    ),
    (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "where ECS gives a container's credentials",
    ),
    (
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "the same, for EKS and others",
    ),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "what is shown there"),
    (
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "a file that holds it; comes before it",
    ),
    (
        "AWS_EC2_METADATA_DISABLED",
        "`true` keeps mvx from asking whether this is a virtual machine of AWS",
    ),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "where that is asked"),
    (
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        "`IPv6` asks over IPv6",
    ),
    (
        "AWS_ENDPOINT_URL",
        "where all of AWS is asked, in place of Amazon's own addresses",
    ),
    ("AWS_ENDPOINT_URL_KMS", "the same for KMS alone"),
    (
        "AWS_ENDPOINT_URL_STS",
        "the same for STS alone, where roles are assumed",
    ),
    ("AWS_ENDPOINT_URL_SSO", "the same for single sign-on alone"),
    (
        "AWS_REGION",
        "where AWS vouches for this machine to Google; keys of AWS name their own region",
    ),
    ("AWS_DEFAULT_REGION", "as AWS_REGION, after it"),
    (
        "AZURE_TENANT_ID",
        "the tenant in which mvx logs in to Azure, as AZURE_CLIENT_ID",
    ),
    (
        "AZURE_CLIENT_ID",
        "the application, or the managed identity where there are several",
    ),
    ("AZURE_CLIENT_SECRET", "the application's secret"),
    (
        "AZURE_FEDERATED_TOKEN_FILE",
        "a token of another issuer in place of the secret: workload identity",
    ),
    (
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "not supported: mvx says so where nothing else is set",
    ),
    (
        "AZURE_AUTHORITY_HOST",
        "another one of Azure's own login hosts",
    ),
    (
        "IDENTITY_ENDPOINT",
        "where App Service, Functions and Container Apps give their managed identity's tokens",
    ),
    ("IDENTITY_HEADER", "what is shown there"),
    (
        "GOOGLE_CREDENTIALS",
        "credentials for Google Cloud: their JSON, or a file of it",
    ),
    (
        "GOOGLE_OAUTH_ACCESS_TOKEN",
        "an access token in their place",
    ),
    (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "a file of them; else gcloud's own, else the machine's service account",
    ),
    (
        "GOOGLE_CLOUD_QUOTA_PROJECT",
        "the project that is charged for what a user does",
    ),
    (
        "CLOUDSDK_CONFIG",
        "the directory of gcloud's own credentials",
    ),
    (
        "GCE_METADATA_HOST",
        "the host of the metadata service, in place of Google's own",
    ),
    (
        "SOPS_GCP_KMS_ENDPOINT",
        "where Cloud KMS is asked, in place of Google's own address",
    ),
    ("SOPS_EDITOR", "the editor of `mvx edit`"),
    ("VISUAL", "the editor where SOPS_EDITOR is not set"),
    ("EDITOR", "the editor where neither of these is set"),
    ("NO_COLOR", "no colour, whatever it is set to"),
    ("CLICOLOR_FORCE", "colour without a terminal too, unless 0"),
    ("TERM", "`dumb` means no colour"),
    (
        "XDG_CONFIG_HOME",
        "holds mvx/ with keys and settings; else ~/.config",
    ),
    (
        "XDG_STATE_HOME",
        "holds mvx/ with what a machine remembers; else ~/.local/state",
    ),
    (
        "XDG_RUNTIME_DIR",
        "in memory: plaintext while it is edited, and locks",
    ),
    ("TMPDIR", "the same where there is no memory file system"),
    (
        "GIT_DIR",
        "the repository that `mvx scan` reads, as git tells its hooks",
    ),
    ("GIT_COMMON_DIR", "the part of it that its work trees share"),
    ("GIT_WORK_TREE", "the root of its work tree"),
    ("GIT_INDEX_FILE", "its index: what is staged"),
    (
        "GIT_AUTHOR_NAME",
        "who is at work, in the ledger's events; else git's configuration",
    ),
    ("GIT_AUTHOR_EMAIL", "their address"),
    ("GIT_OBJECT_DIRECTORY", "its objects"),
    (
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "further objects, separated as in PATH",
    ),
    (
        "GITHUB_ACTIONS",
        "`true` in a job of GitHub Actions, where alone `env render --format github` works",
    ),
    (
        "GITHUB_ENV",
        "the file that hands variables to the next steps",
    ),
    (
        "PRE_COMMIT_FROM_REF",
        "with PRE_COMMIT_TO_REF, the range that pre-commit and prek are told",
    ),
    ("PRE_COMMIT_TO_REF", "as PRE_COMMIT_FROM_REF"),
    (
        "PRE_COMMIT_REMOTE_NAME",
        "the remote to which pre-commit and prek see a push",
    ),
    ("PRE_COMMIT_LOCAL_BRANCH", "the branch that is pushed there"),
    (
        "PATH",
        "where editors, key commands and age plugins are found",
    ),
    ("USER", "the name in the access log"),
    ("HOME", "the home directory"),
    ("USERPROFILE", "the home directory on Windows"),
    ("APPDATA", "holds mvx\\ on Windows"),
];

/// Variables by which coding assistants tell the commands that they run, each with who sets it.
/// Sources: github.com/agentsmd/agents.md issue 136 (`AGENT`), and the lists that
/// @vercel/detect-agent, unjs/std-env and aws-cdk-cli keep, in June 2026. Variables that stand in
/// a person's own terminal as well (`CURSOR_TRACE_ID`, `REPL_ID`, settings of aider and goose) are
/// not among them.
pub const ASSISTANTS: &[(&str, &str)] = &[
    (
        "AGENT",
        "the proposed common name: Goose, Amp, Bun and others",
    ),
    ("AI_AGENT", "another common name"),
    ("CLAUDECODE", "Claude Code"),
    ("CLAUDE_CODE", "Claude Code"),
    ("CURSOR_AGENT", "Cursor"),
    ("CODEX_SANDBOX", "Codex"),
    ("CODEX_THREAD_ID", "Codex"),
    ("CODEX_CI", "Codex"),
    ("GEMINI_CLI", "Gemini CLI"),
    ("COPILOT_CLI", "GitHub Copilot"),
    ("OPENCODE", "OpenCode"),
    ("OPENCODE_CALLER", "OpenCode"),
    ("OPENCODE_CLIENT", "OpenCode"),
    ("AUGMENT_AGENT", "Augment"),
    ("CLINE_ACTIVE", "Cline"),
    ("TRAE_AI_SHELL_ID", "TRAE"),
];

/// What the environment said when the process started.
pub struct Environment {
    variables: BTreeMap<Cow<'static, str>, OsString>,
}

/// What says that a variable is not meant.
const NOT_SET: [&str; 4] = ["0", "false", "no", "off"];

impl Environment {
    /// Reads the variables of [`VARIABLES`].
    pub fn read() -> Self {
        let mut environment = Self::of(
            VARIABLES
                .iter()
                .chain(ASSISTANTS)
                .filter_map(|(name, _)| Some((*name, std::env::var_os(name)?))),
        );
        let named = notify_names().filter_map(|name| {
            let value = std::env::var_os(&name).filter(|value| !value.is_empty())?;
            Some((Cow::Owned(name.into_string().ok()?), value))
        });
        environment.variables.extend(named);
        if environment.get(HOME).is_none()
            && let Some(home) = std::env::home_dir()
        {
            environment.variables.insert(HOME.into(), home.into());
        }
        environment
    }

    /// An environment of exactly these variables.
    pub fn of<V: Into<OsString>>(variables: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        }
    }

    /// A variable's value, unless it is empty. The name stands in [`VARIABLES`].
    pub fn get(&self, name: &'static str) -> Option<&OsStr> {
        debug_assert!(
            VARIABLES.iter().any(|(known, _)| *known == name),
            "{name} is missing in io::env::VARIABLES"
        );
        self.variables.get(name).map(OsString::as_os_str)
    }

    /// The value of a variable whose name begins with [`NOTIFY`], unless it is empty.
    pub fn notify(&self, name: &str) -> Option<&OsStr> {
        debug_assert!(name.starts_with(NOTIFY), "{name} is none of the family");
        self.variables.get(name).map(OsString::as_os_str)
    }

    /// A variable that must be text.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, IoError> {
        self.get(name)
            .map(|value| value.to_str().ok_or(IoError::NotUnicode { name }))
            .transpose()
    }

    /// A variable that names a file or directory.
    pub fn path(&self, name: &'static str) -> Option<&Path> {
        self.get(name).map(Path::new)
    }

    /// The variable by which a coding assistant says that it runs this command, if one does.
    pub fn assistant(&self) -> Option<&'static str> {
        let is_set = |name: &str| {
            let value = self.variables.get(name);
            value.is_some_and(|value| !NOT_SET.iter().any(|no| value.eq_ignore_ascii_case(no)))
        };
        let mut names = ASSISTANTS.iter().map(|(name, _)| *name);
        names.find(|name| is_set(name))
    }

    /// The home directory.
    pub fn home(&self) -> Result<&Path, IoError> {
        self.path(HOME).ok_or(IoError::NoHome)
    }

    /// Where mvx's keys and settings live: `$XDG_CONFIG_HOME/mvx`, else `~/.config/mvx`, on macOS
    /// too; `%APPDATA%\mvx` on Windows.
    pub fn config_directory(&self) -> Result<PathBuf, IoError> {
        if cfg!(windows)
            && let Some(roaming) = self.path("APPDATA")
        {
            return Ok(roaming.join("mvx"));
        }
        self.base("XDG_CONFIG_HOME", ".config")
            .map(|base| base.join("mvx"))
    }

    /// Where sops looks for its own keys (SOPS-FORMAT, "age identities"): like
    /// [`Self::config_directory`], but `~/Library/Application Support` on macOS where
    /// `XDG_CONFIG_HOME` is not set.
    pub fn sops_config_directory(&self) -> Result<PathBuf, IoError> {
        if cfg!(windows)
            && let Some(roaming) = self.path("APPDATA")
        {
            return Ok(roaming.join("sops"));
        }
        let fallback = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".config"
        };
        self.base("XDG_CONFIG_HOME", fallback)
            .map(|base| base.join("sops"))
    }

    /// Where mvx remembers what belongs to this machine: `$XDG_STATE_HOME/mvx`, else
    /// `~/.local/state/mvx`.
    pub fn state_directory(&self) -> Result<PathBuf, IoError> {
        self.base("XDG_STATE_HOME", ".local/state")
            .map(|base| base.join("mvx"))
    }

    /// Where mvx keeps the versions that `mvx repair` replaced.
    pub fn kept_directory(&self) -> Result<PathBuf, IoError> {
        Ok(self.state_directory()?.join("kept"))
    }

    /// The user's own directory in memory, where the system provides one.
    pub fn runtime_directory(&self) -> Option<&Path> {
        self.absolute("XDG_RUNTIME_DIR")
    }

    /// The directory for temporary files.
    pub fn temporary_directory(&self) -> PathBuf {
        self.absolute("TMPDIR").map_or_else(
            || {
                if cfg!(windows) {
                    std::env::temp_dir()
                } else {
                    PathBuf::from("/tmp")
                }
            },
            Path::to_owned,
        )
    }

    /// The XDG base directory specification: a relative path counts as not set.
    fn absolute(&self, name: &'static str) -> Option<&Path> {
        self.path(name).filter(|path| path.is_absolute())
    }

    fn base(&self, name: &'static str, fallback: &str) -> Result<PathBuf, IoError> {
        match self.absolute(name) {
            Some(base) => Ok(base.to_owned()),
            None => Ok(self.home()?.join(fallback)),
        }
    }
}

/// The names of the variables that begin with [`NOTIFY`].
pub(super) fn notify_names() -> impl Iterator<Item = OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.as_encoded_bytes().starts_with(NOTIFY.as_bytes()))
}

/// The command line, the program's own name first.
pub fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// The working directory.
pub fn working_directory() -> Result<PathBuf, IoError> {
    std::env::current_dir().map_err(|source| IoError::NoWorkingDirectory { source })
}

/// Makes `directory` the working directory: what `-C` does, before anything else happens.
pub fn enter(directory: &Path) -> Result<(), IoError> {
    std::env::set_current_dir(directory).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotADirectory => IoError::NotADirectory {
            path: directory.into(),
        },
        _ => IoError::read(directory, source),
    })
}

#[cfg(not(windows))]
const HOME: &str = "HOME";
#[cfg(windows)]
const HOME: &str = "USERPROFILE";

#[cfg(all(test, unix))]
#[path = "env_tests.rs"]
mod tests;
