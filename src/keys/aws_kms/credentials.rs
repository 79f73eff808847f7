//! Credentials as AWS knows them, and what is signed with them.

use std::fmt;

use reqsign_aws_v4::{Credential, RequestSigner};
use reqsign_core::{Context, SignRequest as _};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::io::http::Request;
use crate::keys::aws_kms::refusal::Asker;
use crate::keys::remote::{Reason, Refusal};
use crate::keys::signing::block_on;

/// An access key, and where it comes from.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    /// The key's id.
    id: Zeroizing<String>,
    secret: Zeroizing<String>,
    /// The session's token, where it is a temporary one.
    token: Option<Zeroizing<String>>,
    /// For messages: `AWS_ACCESS_KEY_ID`, `the profile team`.
    pub(super) source: String,
    /// What would make them anew.
    pub(super) renewal: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credentials of {}", self.source)
    }
}

impl Credentials {
    /// Checks that they are what a header can carry. Blanks around them, as a variable in CI easily
    /// has, are none of theirs.
    pub(super) fn new(
        id: &str,
        secret: &str,
        token: Option<&str>,
        source: impl Into<String>,
        renewal: impl Into<String>,
    ) -> Result<Self, Refusal> {
        let source = source.into();
        let own = |text: &str| Zeroizing::new(text.trim().to_owned());
        let made = Self {
            id: own(id),
            secret: own(secret),
            token: token.map(own).filter(|token| !token.is_empty()),
            renewal: renewal.into(),
            source,
        };
        let is_id = (1..=128).contains(&made.id.len())
            && made
                .id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_text = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let token = made.token.as_ref();
        if is_id
            && is_text(&made.secret, 1024)
            && token.is_none_or(|token| is_text(token, 16 << 10))
        {
            return Ok(made);
        }
        Err(Refusal::new(
            Reason::BadCredentials,
            format!("the AWS credentials of {} are malformed", made.source),
        ))
    }

    /// Whether they are of the same session.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.token == other.token
    }

    /// Who asks with them.
    pub(super) fn asker(&self) -> Asker<'_> {
        Asker {
            source: &self.source,
            renewal: &self.renewal,
        }
    }

    /// Signs a request with Signature Version 4: its host, all its headers, its body.
    pub(super) fn sign(
        &self,
        request: &Request,
        service: &str,
        region: &str,
    ) -> Result<Request, Refusal> {
        let malformed = || Refusal::new(Reason::Malformed, "the request to AWS is malformed");
        let digest = hex(&Sha256::digest(&*request.body));
        let mut request = request.clone().header("x-amz-content-sha256", digest);
        let mut builder = http::Request::builder()
            .method(request.method)
            .uri(request.url.as_str());
        for (name, value) in &request.headers {
            builder = builder.header(name.as_str(), value.as_str());
        }
        let (mut parts, ()) = builder.body(()).map_err(|_| malformed())?.into_parts();
        // When they expire is for AWS to say: this machine's clock may be wrong.
        let mut credential = Credential {
            access_key_id: self.id.to_string(),
            secret_access_key: self.secret.to_string(),
            session_token: self.token.as_ref().map(|token| token.to_string()),
            expires_in: None,
        };
        let sigv4 = RequestSigner::new(service, region).with_standard_session_token();
        let signed =
            block_on(sigv4.sign_request(&Context::new(), &mut parts, Some(&credential), None));
        credential.access_key_id.zeroize();
        credential.secret_access_key.zeroize();
        credential.session_token.zeroize();
        signed.map_err(|_| malformed())?;
        for name in ["x-amz-date", "x-amz-security-token", "authorization"] {
            if let Some(value) = parts.headers.get(name) {
                let value = value.to_str().map_err(|_| malformed())?;
                request = request.header(name, value);
            }
        }
        Ok(request)
    }
}

/// Bytes in lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(token: Option<&str>) -> Credentials {
        Credentials::new(" TESTKEY\n", "a/secret+", token, "the tests", "").unwrap()
    }

    fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
        let mut headers = request.headers.iter();
        let found = headers.find(|(known, _)| known == name)?;
        Some(&found.1)
    }

    #[test]
    fn all_that_is_sent_is_signed() {
        let request = Request::new("POST", "https://kms.eu-west-1.amazonaws.com/")
            .header("content-type", "application/x-amz-json-1.1")
            .body(b"{}".to_vec());
        let signed = credentials(Some("a-token"));
        let signed = signed.sign(&request, "kms", "eu-west-1").unwrap();
        assert_eq!(
            header(&signed, "x-amz-content-sha256"),
            Some("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
        );
        assert_eq!(header(&signed, "x-amz-security-token"), Some("a-token"));
        let date = header(&signed, "x-amz-date").unwrap();
        assert!(date.len() == 16 && date.ends_with('Z'));
        let authorization = header(&signed, "authorization").unwrap();
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=TESTKEY/{}/eu-west-1/kms/aws4_request, \
             SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, \
             Signature=",
            date.get(..8).unwrap()
        );
        assert!(authorization.starts_with(&expected), "{authorization}");
        assert!(!authorization.contains("secret"));
    }

    #[test]
    fn credentials_are_not_shown_and_must_fit_a_header() {
        let shown = format!("{:?}", credentials(Some("a-token")));
        assert_eq!(shown, "credentials of the tests");
        for (id, secret, token) in [
            ("", "s", None),
            ("K", "", None),
            ("K K", "s", None),
            ("K\nX: y", "s", None),
            ("K", "s s", None),
            ("K", "s", Some("t\r\nX: y")),
            ("K", "s", Some("é")),
        ] {
            let refusal = Credentials::new(id, secret, token, "the tests", "").unwrap_err();
            assert_eq!(refusal.reason, Reason::BadCredentials);
        }
    }
}
