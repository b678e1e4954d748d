//! The token in the `authorization` header of a call.

use crate::wire::{
    error::{not_yet, status},
    identity::TokenFault,
};
use http::{HeaderMap, header::AUTHORIZATION};
use payterms_kernel::Reason;
use tonic::{Code, Status};

/// Reads the token of a call and verifies it.
///
/// # Errors
/// UNAUTHENTICATED with `TOKEN_MISSING`, `TOKEN_EXPIRED` or `TOKEN_INVALID`, and what to do;
/// UNAVAILABLE without keys.
pub fn verified<T>(
    headers: &HeaderMap,
    verify: impl FnOnce(&str) -> Result<T, TokenFault>,
) -> Result<T, Box<Status>> {
    verify(token(headers)?).map_err(refused)
}

/// The status of a call whose token has a fault.
#[must_use]
pub fn refused(fault: TokenFault) -> Box<Status> {
    Box::new(match fault {
        TokenFault::Expired => {
            unauthenticated(Reason::TOKEN_EXPIRED, "The token has expired. Get a new one.")
        }
        TokenFault::NoKeys => not_yet(
            Reason::UNAVAILABLE,
            "The keys of callers' tokens cannot be read for now. Retry after the delay.",
        )
        .into(),
        TokenFault::NotSigned(_) | TokenFault::Claim(_) => {
            unauthenticated(Reason::TOKEN_INVALID, "The token is not accepted here. Get a new one.")
        }
    })
}

/// The token of a call. `Bearer` may be written in any case.
///
/// # Errors
/// UNAUTHENTICATED with `TOKEN_MISSING` or `TOKEN_INVALID`, and what to do.
pub fn token(headers: &HeaderMap) -> Result<&str, Box<Status>> {
    let missing = || {
        Box::new(unauthenticated(
            Reason::TOKEN_MISSING,
            "Send the header authorization: Bearer <token>.",
        ))
    };
    let invalid = |message| Box::new(unauthenticated(Reason::TOKEN_INVALID, message));
    let mut sent = headers.get_all(AUTHORIZATION).into_iter();
    let header = sent.next().ok_or_else(missing)?;
    if sent.next().is_some() {
        return Err(invalid(
            "Send one header authorization. This call has several, and they may be of several callers.",
        ));
    }
    let header = header
        .to_str()
        .map_err(|_| invalid("The header authorization holds other than visible characters."))?
        .trim();
    match header.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        Some(_) => Err(invalid(
            "Only bearer tokens are taken. Send the header authorization: Bearer <token>.",
        )),
        None if header.eq_ignore_ascii_case("bearer") || header.is_empty() => Err(missing()),
        None => Err(invalid(
            "Write Bearer and a blank before the token: authorization: Bearer <token>.",
        )),
    }
}

fn unauthenticated(reason: Reason, message: &str) -> Status {
    status(Code::Unauthenticated, reason, message)
}

#[cfg(test)]
mod tests {
    use super::verified;
    use crate::wire::{error::reason, identity::TokenFault};
    use http::{HeaderMap, HeaderValue};
    use payterms_kernel::Reason;

    fn outcome(header: Option<&str>) -> Result<String, (String, String)> {
        let headers = header
            .map(|header| (http::header::AUTHORIZATION, HeaderValue::from_str(header).unwrap()));
        let verify = |token: &str| {
            if token == "old" { Err(TokenFault::Expired) } else { Ok(token.to_owned()) }
        };
        let verified = verified(&HeaderMap::from_iter(headers), verify);
        verified.map_err(|status| (reason(&status).unwrap(), status.message().to_owned()))
    }

    #[test]
    fn a_token_is_taken_in_any_case_and_what_is_wrong_is_said() {
        for header in ["Bearer ey.a.b", "bearer ey.a.b", "BEARER   ey.a.b "] {
            assert_eq!(outcome(Some(header)), Ok("ey.a.b".to_owned()));
        }
        let reason = |header| outcome(header).unwrap_err();
        for header in [None, Some(""), Some("Bearer"), Some("bearer ")] {
            assert_eq!(reason(header).0, Reason::TOKEN_MISSING, "{header:?}");
        }
        assert_eq!(reason(Some("Bearer old")).0, Reason::TOKEN_EXPIRED);
        let two = ["Bearer a", "Bearer b"]
            .map(|token| (http::header::AUTHORIZATION, HeaderValue::from_static(token)));
        let refused = super::token(&HeaderMap::from_iter(two)).unwrap_err();
        assert_eq!(
            crate::wire::error::reason(&refused).as_deref(),
            Some(Reason::TOKEN_INVALID.name()),
            "none of two counts"
        );
        assert!(reason(Some("ey.a.b")).1.starts_with("Write Bearer"));
        assert!(reason(Some("Basic dTpw")).1.starts_with("Only bearer tokens"));
    }
}
