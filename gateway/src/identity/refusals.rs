//! What the log says of callers' tokens that are refused: one line for each reason in a minute at
//! most, since anybody can send them.

use payterms_chassis::identity::TokenFault;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How often a reason is logged at most.
const LOGGED_EVERY_SECONDS: i64 = 60;

/// When each reason was last logged, and how many tokens it has refused since then. There are as
/// many reasons as the code has words for.
#[derive(Debug, Default)]
pub(super) struct RefusalLog(Mutex<HashMap<&'static str, (i64, u64)>>);

impl RefusalLog {
    /// Logs why a token is refused, without anything of the token itself: whoever makes it up
    /// chooses what is in it.
    pub(super) fn note(&self, fault: TokenFault, now: i64) {
        let (reason, remedy) = match fault {
            TokenFault::NotSigned(reason) => (reason, remedy_of(reason)),
            TokenFault::Claim(reason) => (
                reason,
                "it is signed, but this claim is not accepted; docs/authentication.md says what is",
            ),
            TokenFault::Expired | TokenFault::NoKeys => return,
        };
        if let Some(refused) = self.due(reason, now) {
            tracing::warn!(reason, refused, "callers' tokens are refused: {remedy}");
        }
    }

    /// Counts a token that is refused; answers how many there were since the last line, if another
    /// line is due.
    pub(super) fn due(&self, reason: &'static str, now: i64) -> Option<u64> {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (logged_at, refused) =
            reasons.entry(reason).or_insert((now.saturating_sub(LOGGED_EVERY_SECONDS), 0));
        *refused = refused.saturating_add(1);
        if now.saturating_sub(*logged_at) < LOGGED_EVERY_SECONDS {
            return None;
        }
        *logged_at = now;
        Some(std::mem::take(refused))
    }
}

fn remedy_of(reason: &str) -> &'static str {
    match reason {
        super::UNKNOWN_KEY => {
            "the issuer's keys have none of the id (kid) that they name; see whether PAYTERMS_JWKS or PAYTERMS_JWKS_URL is this issuer's"
        }
        "signature" | "algorithm" => "the key of the id that they name has not signed them",
        _ => "they are no tokens (JWT) that the gateway can read",
    }
}

#[cfg(test)]
mod tests {
    use super::RefusalLog;

    #[test]
    fn a_reason_is_logged_once_in_a_minute_with_how_many_there_were() {
        let log = RefusalLog::default();
        assert_eq!(log.due("kid", 1_000), Some(1));
        assert_eq!(log.due("aud", 1_000), Some(1), "each reason by itself");
        assert_eq!((0..500).filter_map(|each| log.due("kid", 1_000 + each % 60)).count(), 0);
        assert_eq!(log.due("kid", 1_060), Some(501));
        assert_eq!(log.due("aud", 1_059), None);
        // A clock that was set back does not silence it for longer than the clock needs to come
        // back.
        assert_eq!(log.due("kid", 900), None);
        assert_eq!(log.due("kid", 1_120), Some(2));
    }
}
