//! The signature of a notification: `Stripe-Signature: t=…,v1=…`, HMAC-SHA-256 over the time and
//! the raw body.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How far the time of a notification may be from ours: an older one may be repeated by somebody
/// who read it on its way.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// Most signatures that are tried: one for each secret, while one takes another's place.
const MOST: usize = 10;

/// Checks that a secret has signed a body now.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn check(
    header: &str,
    body: &[u8],
    secret: &str,
    now: DateTime<Utc>,
) -> Result<(), &'static str> {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts()
        .find(|(name, _)| *name == "t")
        .map(|(_, time)| time)
        .ok_or("the signature has no time")?;
    let mut signatures = parts()
        .filter(|(name, _)| *name == "v1")
        .take(MOST)
        .filter_map(|(_, text)| hex::decode(text).ok());
    let signs = |signature: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
        mac.is_ok_and(|mac| {
            mac.chain_update(time)
                .chain_update(".")
                .chain_update(body)
                .verify_slice(signature)
                .is_ok()
        })
    };
    if !signatures.any(|signature| signs(&signature)) {
        return Err("the signature is not of this secret");
    }
    let sent = time
        .parse()
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .ok_or("the time of the signature is none")?;
    if (now - sent).abs() > TOLERANCE {
        return Err("the signature is too old, or of the future");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use chrono::{DateTime, TimeDelta};
    use hmac::{Hmac, Mac};
    use sha2::Sha256;

    fn signed(time: &str, body: &str, secret: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .unwrap()
            .chain_update(format!("{time}.{body}"));
        hex::encode(mac.finalize().into_bytes())
    }

    #[test]
    fn only_what_the_secret_signed_just_now_is_believed() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let good = signed("1000000", "{}", "whsec_a");
        let told = |header: &str, body: &str, later: i64| {
            check(header, body.as_bytes(), "whsec_a", now + TimeDelta::seconds(later))
        };
        let header = format!("t=1000000,v1={good}");
        assert_eq!(told(&header, "{}", 0), Ok(()));
        assert_eq!(told(&header, "{}", 300), Ok(()));
        assert_eq!(
            told(
                &format!("t=1000000,v1={},v1={good},v0=ab", signed("1000000", "{}", "whsec_b")),
                "{}",
                0
            ),
            Ok(()),
            "one of two secrets"
        );
        assert!(told(&header, "{}", 301).is_err() && told(&header, "{}", -301).is_err());
        assert!(told(&header, "{} ", 0).is_err());
        for bad in [
            String::new(),
            "t=1000000".to_owned(),
            format!("v1={good}"),
            format!("t=1000001,v1={good}"),
            format!("t=1000000,v0={good}"),
            format!("t=1000000,v1={}", signed("1000000", "{}", "whsec_b")),
            format!("t=x,v1={}", signed("x", "{}", "whsec_a")),
            format!(
                "t=99999999999999999999,v1={}",
                signed("99999999999999999999", "{}", "whsec_a")
            ),
            "t=1000000,v1=zz".to_owned(),
        ] {
            assert!(told(&bad, "{}", 0).is_err(), "{bad}");
        }
    }
}
