//! The headers of a call over plain HTTP, translated into those of gRPC.

use axum::extract::Request;
use http::{HeaderMap, HeaderValue, Version, header};
use payterms_chassis::error::status;
use payterms_kernel::Reason;
use tonic::{Code, Status};

/// Headers of one connection, which mean nothing on the next.
const OF_THE_CONNECTION: [&str; 6] =
    ["connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
/// Headers that speak of the body as it came, or of the body that should come back.
const OF_THE_BODY: [&str; 6] = [
    "accept-encoding",
    "connect-accept-encoding",
    "connect-content-encoding",
    "connect-protocol-version",
    "content-encoding",
    "content-length",
];
/// The longest key of a call, in bytes.
const LONGEST_KEY: usize = 256;
/// `grpc-timeout` has at most eight digits.
const LONGEST_TIMEOUT: u64 = 99_999_999;

/// Makes an HTTP/1 request one that may be sent on by HTTP/2, as all calls to services are.
pub(super) fn raise_to_http2(request: &mut Request) {
    if request.version() != Version::HTTP_2 {
        *request.version_mut() = Version::HTTP_2;
        for name in OF_THE_CONNECTION {
            request.headers_mut().remove(name);
        }
    }
}

/// The content types of gRPC-Web, binary and in base64.
pub(super) const GRPC_WEB: &str = "application/grpc-web+proto";
pub(super) const GRPC_WEB_TEXT: &str = "application/grpc-web-text+proto";

/// Whether what follows a content type names no other characters than UTF-8, the only ones that
/// JSON has.
pub(super) fn is_utf8(parameters: &str) -> bool {
    parameters.split(';').filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || value.eq_ignore_ascii_case("utf-8")
            || value.eq_ignore_ascii_case("utf8")
    })
}

/// Writes the headers of a gRPC-Web call of this content type as the library compares them: letter
/// by letter. Who does not say which form the answer should have gets that of the question.
pub(super) fn of_grpc_web(headers: &mut HeaderMap, kind: &'static str) {
    let accepted =
        headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let mut accepted = accepted.split(',').map(|kind| kind.trim().to_ascii_lowercase());
    let answered = match accepted.find(|kind| kind.starts_with("application/grpc-web")) {
        Some(named) if named.starts_with("application/grpc-web-text") => GRPC_WEB_TEXT,
        Some(_) => GRPC_WEB,
        None => kind,
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ACCEPT, HeaderValue::from_static(answered));
}

/// Replaces Connect's headers by gRPC's, and returns the `Idempotency-Key`.
pub(super) fn to_grpc(headers: &mut HeaderMap) -> Result<Option<String>, Box<Status>> {
    let malformed = |reason, text: &str| Box::new(status(Code::InvalidArgument, reason, text));
    for name in ["content-encoding", "connect-content-encoding"] {
        if headers.get(name).is_some_and(|coding| coding != "identity") {
            let text = "Compressed messages are not taken over plain HTTP. Send it as it is.";
            return Err(Box::new(status(Code::Unimplemented, Reason::MALFORMED_MESSAGE, text)));
        }
    }
    if headers.get("connect-protocol-version").is_some_and(|version| version != "1") {
        return Err(malformed(
            Reason::MALFORMED_MESSAGE,
            "Only version 1 of the Connect protocol is spoken here.",
        ));
    }
    if let Some(timeout) = headers.remove("connect-timeout-ms") {
        let digits = timeout.to_str().ok().filter(|text| {
            (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        });
        let millis: Option<u64> = digits.and_then(|digits| digits.parse().ok());
        let millis = millis.ok_or_else(|| {
            malformed(
                Reason::TIMEOUT_MALFORMED,
                "Connect-Timeout-Ms is a number of milliseconds, up to ten digits.",
            )
        })?;
        if let Ok(timeout) = HeaderValue::from_str(&format!("{}m", millis.min(LONGEST_TIMEOUT))) {
            headers.insert("grpc-timeout", timeout);
        }
    }
    if headers.get_all("idempotency-key").iter().count() > 1 {
        return Err(malformed(Reason::REQUEST_ID_INVALID, "Send one Idempotency-Key."));
    }
    let key = headers.remove("idempotency-key");
    let key = key.map(|key| key.to_str().ok().map(|key| key.trim().trim_matches('"').to_owned()));
    let key = key.map(|key| key.filter(|key| !key.is_empty() && !key.contains('\t')));
    let key = match key {
        Some(Some(key)) if key.len() <= LONGEST_KEY => Some(key),
        None => None,
        Some(_) => {
            return Err(malformed(
                Reason::REQUEST_ID_INVALID,
                "Idempotency-Key is 1 to 256 characters of ASCII, a UUID at best.",
            ));
        }
    };
    for name in OF_THE_BODY {
        headers.remove(name);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    Ok(key)
}

/// Moves what an answer carries beside its message into headers of HTTP: those of gRPC go, trailers
/// get the prefix that Connect gives them.
pub(super) fn to_http(mut headers: HeaderMap, trailers: &HeaderMap) -> HeaderMap {
    // `retry-after` is written anew from the refusal's details.
    for name in [
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "content-length",
        "content-type",
        "grpc-encoding",
        "retry-after",
    ] {
        headers.remove(name);
    }
    for (name, value) in trailers.iter().filter(|(name, _)| !name.as_str().starts_with("grpc-")) {
        if let Ok(name) = header::HeaderName::try_from(format!("trailer-{name}")) {
            headers.append(name, value.clone());
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::to_grpc;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn translated(given: &[(&'static str, &str)]) -> Result<(HeaderMap, Option<String>), String> {
        let mut headers: HeaderMap = given
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let key = to_grpc(&mut headers).map_err(|status| status.message().to_owned())?;
        Ok((headers, key))
    }

    #[test]
    fn timeouts_and_keys() {
        let (headers, key) = translated(&[
            ("connect-timeout-ms", "1500"),
            ("idempotency-key", "\"order 7\""),
            ("content-length", "9"),
        ])
        .unwrap();
        assert_eq!(
            (headers["grpc-timeout"].as_bytes(), key.as_deref()),
            (&b"1500m"[..], Some("order 7"))
        );
        assert!(!headers.contains_key("content-length"));
        assert_eq!(
            translated(&[("connect-timeout-ms", "9999999999")]).unwrap().0["grpc-timeout"],
            "99999999m"
        );
        for bad in ["", "-1", "1.5", "12345678901", "1s"] {
            assert!(translated(&[("connect-timeout-ms", bad)]).is_err(), "{bad}");
        }
        for bad in ["", "\"\"", "order\t7", &"x".repeat(257)] {
            assert!(translated(&[("idempotency-key", bad)]).is_err(), "{bad}");
        }
        assert!(translated(&[("content-encoding", "gzip")]).is_err());
        assert!(translated(&[("connect-protocol-version", "2")]).is_err());
    }
}
