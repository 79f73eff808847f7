//! All providers of a run.

use std::sync::Arc;

use crate::keys::age::AgeKeys;
use crate::keys::aws_kms::AwsKms;
use crate::keys::azure_kv::AzureKv;
use crate::keys::gcp_kms::GcpKms;
use crate::keys::pgp::PgpKeys;
use crate::keys::remote::Services;
use crate::keys::vault::VaultKeys;
use crate::keys::{KeyProvider, Kind, Report, Target, WrapError, Wrapped};

/// Every provider that mvx has, made once for a run and shared by its threads. Making it costs
/// nothing: a provider looks at the machine when it is first asked.
pub struct Keyring {
    age: Arc<AgeKeys>,
    services: Arc<Services>,
    pgp: Arc<PgpKeys>,
    vault: Arc<VaultKeys>,
    providers: Vec<Arc<dyn KeyProvider>>,
}

impl Keyring {
    /// The providers for these services, beside the age and SSH identities.
    pub fn new(age: Arc<AgeKeys>, services: &Arc<Services>) -> Self {
        let pgp = Arc::new(PgpKeys::new(Arc::clone(&services.machine)));
        let vault = Arc::new(VaultKeys::new(Arc::clone(services)));
        let providers: Vec<Arc<dyn KeyProvider>> = vec![
            Arc::clone(&age) as Arc<dyn KeyProvider>,
            Arc::new(AwsKms::new(Arc::clone(services))),
            Arc::clone(&pgp) as Arc<dyn KeyProvider>,
            Arc::new(AzureKv::new(Arc::clone(services))),
            Arc::new(GcpKms::new(Arc::clone(services))),
            Arc::clone(&vault) as Arc<dyn KeyProvider>,
        ];
        Self {
            age,
            services: Arc::clone(services),
            pgp,
            vault,
            providers,
        }
    }

    /// This machine's age and SSH identities.
    pub fn age(&self) -> &AgeKeys {
        &self.age
    }

    /// The transit keys of Vault and `OpenBao`.
    pub fn vault(&self) -> &VaultKeys {
        &self.vault
    }

    /// Whether a service was asked for anything.
    pub fn asked(&self) -> bool {
        self.services.asked()
    }

    /// Puts away what must not outlive this process, for one that is about to become another
    /// program.
    pub fn close(&self) {
        self.pgp.close();
    }

    /// All of them.
    pub fn providers(&self) -> &[Arc<dyn KeyProvider>] {
        &self.providers
    }

    /// The provider of a kind; `None` for one that mvx does not know.
    pub fn provider(&self, kind: &Kind) -> Option<&dyn KeyProvider> {
        let found = self.providers.iter().find(|known| known.kind() == *kind);
        found.map(Arc::as_ref)
    }

    /// Wraps a data key or a share of one; `None` for a kind that mvx does not know.
    pub fn wrap(&self, target: &Target, key: &[u8]) -> Option<Result<Wrapped, WrapError>> {
        Some(self.provider(&target.kind)?.wrap(target, key))
    }

    /// What all of them have seen so far.
    pub fn report(&self) -> Report {
        let mut whole = Report::default();
        for provider in &self.providers {
            let report = provider.report();
            whole.held.extend(report.held);
            whole.troubles.extend(report.troubles);
            whole.notes.extend(report.notes);
        }
        whole
    }
}
