//! Secrets and signatures of Standard Webhooks: HMAC-SHA256 of `{id}.{timestamp}.{body}`.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What a secret begins with when it is shown.
const PREFIX: &str = "whsec_";
/// Bytes of a secret.
const BYTES: usize = 32;

/// What an endpoint's requests are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A new one.
    #[must_use]
    pub fn make() -> Self {
        Self(rand::random::<[u8; BYTES]>().to_vec())
    }

    /// As it is shown: `whsec_` and base64.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// Reads what [`Self::shown`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text.strip_prefix(PREFIX)?).ok().filter(|bytes| !bytes.is_empty()).map(Self)
    }

    fn sign(&self, content: &[&[u8]]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        for part in content {
            mac.update(part);
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The header `webhook-signature`: a signature by each secret, so that a receiver knows one of them
/// while secrets change.
#[must_use]
pub fn signature(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let head = format!("{id}.{timestamp}.");
    secrets.iter().map(|secret| secret.sign(&[head.as_bytes(), body])).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Secret, signature};

    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        // The vector of the reference implementations.
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            std::slice::from_ref(&secret),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = signature(
            &[Secret::make(), secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert!(both.starts_with("v1,") && both.ends_with(&format!(" {signed}")));
    }

    #[test]
    fn a_secret_is_read_back_and_never_written_to_logs() {
        let secret = Secret::make();
        assert_eq!(Secret::parse(&secret.shown()), Some(secret.clone()));
        assert_ne!(Secret::make(), secret);
        assert_eq!(format!("{secret:?}"), "Secret");
        for wrong in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!"] {
            assert_eq!(Secret::parse(wrong), None);
        }
    }
}
