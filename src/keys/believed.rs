//! Places that are believed because the user's own configuration names them.
//!
//! Whoever can open a pull request controls the rules and every file: none of them can say where a
//! data key or a token is sent. What is not a service's own, well-known address comes from the
//! environment, or from here.

/// What the user's own configuration says about services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Where AWS KMS is asked, in place of Amazon's own address: `https://vpce-….amazonaws.com`.
    pub aws_endpoint: Option<String>,
    /// Where Google Cloud KMS is asked, in place of Google's own address.
    pub gcp_endpoint: Option<String>,
    /// The Vault servers that are given a token: `https://vault.example.com:8200`.
    pub vault_addresses: Vec<String>,
}

/// Who keeps the user's own configuration.
pub trait Believed: Send + Sync {
    /// What it says; an error in one line where it cannot be read.
    fn places(&self) -> Result<Places, String>;

    /// Adds a Vault server to it, after the user agreed. Gives back the file's path, for messages;
    /// an error in one line where it cannot be written.
    fn believe_vault(&self, address: &str) -> Result<String, String>;

    /// The file's path, for messages.
    fn shown(&self) -> String;
}
