//! The headers of calls: how long they may be together, and which of them a service gets.

use axum::extract::Request;
use http::HeaderMap;
use payterms_chassis::{answer::VERSION, error::status};
use payterms_kernel::Reason;
use tonic::{Code, Status, metadata::MetadataValue};

/// The most bytes of the headers of a call, counted as HTTP/2 does. The transport takes up to 64
/// KiB, so that what is between has an answer with a reason; beyond four times that a service would
/// end a connection, which all callers share.
const MOST: usize = 12 << 10;
/// What HTTP/2 counts for a header beside its name and value.
const OF_EACH: usize = 32;

/// What a service reads, besides the token, which is replaced: how the message is written,
/// deadline, versions, trace.
const PASSED_ON: [&str; 9] = [
    "content-type",
    "te",
    "grpc-timeout",
    ENCODING,
    ACCEPTED,
    VERSION,
    "traceparent",
    "tracestate",
    "baggage",
];
/// How the messages of a call in gRPC are compressed, and how those of its answer may be.
const ENCODING: &str = "grpc-encoding";
const ACCEPTED: &str = "grpc-accept-encoding";

/// Refuses a call whose headers are too long, or whose message is compressed: a small message may
/// inflate to any size, and what is bounded here is its size as it comes.
///
/// # Errors
/// `METADATA_TOO_LARGE`, `MALFORMED_MESSAGE`.
pub(crate) fn check(request: &Request) -> Result<(), Box<Status>> {
    if request.headers().get(ENCODING).is_some_and(|encoding| encoding != "identity") {
        let mut refused = status(
            Code::Unimplemented,
            Reason::MALFORMED_MESSAGE,
            "Compressed messages are not taken. Send them as they are.",
        );
        // How gRPC tells a client what it may send.
        refused.metadata_mut().insert(ACCEPTED, MetadataValue::from_static("identity"));
        return Err(Box::new(refused));
    }
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| {
        name.as_str().len().saturating_add(value.len()).saturating_add(OF_EACH)
    });
    if headers.fold(path, usize::saturating_add) <= MOST {
        return Ok(());
    }
    let text = "The headers of the call are longer than 12 KiB together. Send less metadata.";
    Err(Box::new(status(Code::ResourceExhausted, Reason::METADATA_TOO_LARGE, text)))
}

/// A header in which other systems take API keys. The suite does not, and a key that somebody sends
/// in it all the same goes no further.
const API_KEY: &str = "x-api-key";

/// Leaves the headers that a service reads, and those of the operator's own proxies (`x-…`).
pub(crate) fn keep_passed_on(headers: &mut HeaderMap) {
    let is_kept =
        |name: &str| PASSED_ON.contains(&name) || name.starts_with("x-") && name != API_KEY;
    // Of several values of one header, only the first comes with its name.
    let mut keeps = false;
    let given = std::mem::take(headers);
    headers.extend(given.into_iter().filter(|(name, _)| {
        keeps = name.as_ref().map_or(keeps, |name| is_kept(name.as_str()));
        keeps
    }));
}

#[cfg(test)]
mod tests {
    use super::{MOST, check, keep_passed_on};
    use axum::{body::Body, extract::Request};
    use http::HeaderMap;
    use tonic::Code;

    #[test]
    fn names_values_and_the_path_count() {
        let code = |path: &str, count: usize, value: &str| {
            let request =
                (0..count).fold(Request::post(path), |request, _| request.header("x-a", value));
            check(&request.body(Body::empty()).unwrap()).is_ok()
        };
        assert!(code("/a", 0, "") && code("/a", 1, &"v".repeat(MOST - 37)));
        assert!(!code("/a", 1, &"v".repeat(MOST - 36)));
        assert!(code("/a", 300, "v") && !code("/a", 350, "v"), "many short ones");
        assert!(!code(&format!("/{}", "p".repeat(MOST)), 0, ""));
    }

    #[test]
    fn compressed_messages_are_refused() {
        let checked = |encoding: &str| {
            check(
                &Request::post("/a").header("grpc-encoding", encoding).body(Body::empty()).unwrap(),
            )
        };
        assert!(checked("identity").is_ok());
        for encoding in ["gzip", "deflate", "zstd", "", "GZIP", "identity, gzip"] {
            let refused = checked(encoding).unwrap_err();
            assert_eq!(
                (
                    refused.code(),
                    refused.metadata().get("grpc-accept-encoding").unwrap().as_bytes()
                ),
                (Code::Unimplemented, &b"identity"[..])
            );
        }
    }

    #[test]
    fn a_service_gets_what_it_reads() {
        let all = [
            ("authorization", "Bearer a"),
            ("cookie", "a=b"),
            ("content-length", "7"),
            ("content-type", "application/grpc"),
            ("grpc-timeout", "1S"),
            ("host", "a"),
            ("payterms-copies", "a/b"),
            ("payterms-version", "a/b/1"),
            ("payterms-version", "a/c/1"),
            ("traceparent", "00-a-b-01"),
            ("user-agent", "curl"),
            ("x-api-key", "ptk_live_a"),
            ("x-request-id", "7"),
        ];
        let mut headers: HeaderMap = all
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .into_iter()
            .collect();
        keep_passed_on(&mut headers);
        let mut kept: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        kept.sort_unstable();
        let expected = [
            "content-type: application/grpc",
            "grpc-timeout: 1S",
            "payterms-version: a/b/1",
            "payterms-version: a/c/1",
            "traceparent: 00-a-b-01",
            "x-request-id: 7",
        ];
        assert_eq!(kept, expected);
    }
}
