//! mvx and real sops with the same key services: those that `scripts/services.py` starts.

mod aws;
mod azure;
mod gcp;
mod groups;
mod pgp;
mod rewrap;
pub(crate) mod rough;
mod sigv4;
mod tls;
mod vault;

/// The address of a service, by the variable that tells of it. `None`, with a printed reason, where
/// it was not started; but never in CI.
pub(crate) fn address(variable: &str) -> Option<String> {
    let address = std::env::var(variable).ok();
    if address.is_none() {
        assert!(
            std::env::var_os("CI").is_none_or(|value| value.is_empty()),
            "{variable} is not set: run the tests with scripts/services.py"
        );
        println!("skipped: {variable} is not set; scripts/services.py sets it");
    }
    address
}
