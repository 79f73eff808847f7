//! Where services are asked: Amazon's own hosts, unless the environment or the user's own settings
//! name another place.

use crate::io::http::is_this_machine;
use crate::keys::aws_kms::arn::Region;
use crate::keys::remote::{Reason, Refusal, Services};

/// A service of Amazon's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Key management.
    Kms,
    /// Whoever makes temporary credentials.
    Sts,
    /// The portal that gives credentials for a single sign-on.
    Portal,
}

impl Service {
    /// Its name in a signature.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kms => "kms",
            Self::Sts => "sts",
            Self::Portal => "awsssoportal",
        }
    }

    /// The first label or labels of its hosts.
    fn host(self) -> &'static str {
        match self {
            Self::Kms => "kms",
            Self::Sts => "sts",
            Self::Portal => "portal.sso",
        }
    }

    /// The variable that names another place ("Service-specific endpoints" in the AWS SDKs and Tools
    /// Reference Guide).
    fn variable(self) -> &'static str {
        match self {
            Self::Kms => "AWS_ENDPOINT_URL_KMS",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
            Self::Portal => "AWS_ENDPOINT_URL_SSO",
        }
    }
}

/// The address of a service, without a slash at its end.
pub(super) fn of(
    services: &Services,
    service: Service,
    region: &Region,
) -> Result<String, Refusal> {
    for name in [service.variable(), "AWS_ENDPOINT_URL"] {
        if let Some(value) = services.machine.variable(name) {
            return value.to_str().and_then(sound).ok_or_else(|| refused(name));
        }
    }
    if service == Service::Kms {
        let places = services.believed.places();
        let places = places.map_err(|why| Refusal::new(Reason::NotBelieved, why))?;
        if let Some(endpoint) = places.aws_endpoint {
            let name = format!("`endpoint` of [aws] in {}", services.believed.shown());
            return sound(&endpoint).ok_or_else(|| refused(&name));
        }
    }
    Ok(region.address(service.host()))
}

fn refused(name: &str) -> Refusal {
    Refusal::new(
        Reason::NotBelieved,
        format!("{name} is no address that a data key may be sent to"),
    )
    .hint("it must be `https://HOST`, or `http://` on this machine itself")
}

/// An address as it is used: over TLS, or on this machine; with no name and password in it.
fn sound(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('/');
    let uri: http::Uri = text.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let host = uri.host()?;
    let scheme = uri.scheme_str()?;
    let safe = scheme == "https" || (scheme == "http" && is_this_machine(host));
    if !safe || authority.contains('@') || host.is_empty() || text.contains(['?', '#']) {
        return None;
    }
    // The client leaves out a scheme's own port, and what is signed must be what is sent.
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(own_port).unwrap_or(authority);
    let path = uri.path().trim_end_matches('/');
    Some(format!("{scheme}://{authority}{path}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::keys::believed::Places;
    use crate::keys::testing::{FakeBelieved, FakeMachine, FakePrompt};

    fn kms(machine: FakeMachine, endpoint: Option<&str>) -> Result<String, Refusal> {
        let believed = FakeBelieved {
            places: Places {
                aws_endpoint: endpoint.map(str::to_owned),
                ..Places::default()
            },
            ..FakeBelieved::default()
        };
        let services = Services::new(Arc::new(machine), FakePrompt::silent(), Arc::new(believed));
        let region = Region::parse("eu-west-1").unwrap();
        of(&services, Service::Kms, &region)
    }

    #[test]
    fn the_environment_comes_before_the_settings_and_both_before_amazon() {
        let machine = FakeMachine::default;
        let own = "https://vpce.example";
        assert_eq!(
            kms(machine(), None).unwrap(),
            "https://kms.eu-west-1.amazonaws.com"
        );
        assert_eq!(kms(machine(), Some(own)).unwrap(), own);
        let machine = machine().variable("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/");
        assert_eq!(kms(machine, Some(own)).unwrap(), "http://127.0.0.1:4566");
        let machine = FakeMachine::default()
            .variable("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
            .variable("AWS_ENDPOINT_URL_KMS", "https://kms.example:443/x/");
        assert_eq!(kms(machine, Some(own)).unwrap(), "https://kms.example/x");
        let machine = FakeMachine::default().variable("AWS_ENDPOINT_URL_STS", "https://x");
        assert_eq!(kms(machine, Some(own)).unwrap(), own);
    }

    #[test]
    fn a_key_is_sent_over_tls_or_not_at_all() {
        for address in [
            "http://kms.example",
            "ftp://kms.example",
            "kms.example",
            "https://",
            "https://user:word@kms.example",
            "https://kms.example/?x",
            "http://127.0.0.1.evil.com",
            "nonsense",
        ] {
            let machine = FakeMachine::default().variable("AWS_ENDPOINT_URL_KMS", address);
            let refusal = kms(machine, None).unwrap_err();
            assert_eq!(refusal.reason, Reason::NotBelieved, "{address}");
            assert!(!refusal.message.contains("word"));
            assert!(kms(FakeMachine::default(), Some(address)).is_err());
        }
    }
}
