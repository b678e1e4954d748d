//! Bodies of calls with one request message: read whole, within bounds, before the call takes a place. A caller that
//! sends half of a message then holds nothing that others need, and a body that did not arrive is told from one that
//! arrived and is no message.

use crate::error::{DOMAIN, status};
use axum::{body::Body, extract::Request};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use prost::Message;
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
    time::Duration,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// How long a body may take to arrive, and how long nothing of it may come.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(5);
/// The largest body that is kept aside while its call is under way.
const KEPT_ASIDE: usize = 256 << 10;
/// The frame's head before a message: a flag and the length.
const FRAME_HEAD: usize = 5;
/// The largest message.
pub const MESSAGE: usize = 4 << 20;
/// A body larger than this needs one of the few places for large bodies, which bound what all of them hold.
const SMALL: usize = 64 << 10;
const LARGE_AT_ONCE: usize = 64;
static LARGE: Semaphore = Semaphore::const_new(LARGE_AT_ONCE);

/// Paths of the methods whose callers send a stream.
static CLIENT_STREAMS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let set = prost_types::FileDescriptorSet::decode(payterms_proto::DESCRIPTOR_SET).unwrap_or_default();
    let mut paths = HashSet::new();
    for file in &set.file {
        for service in &file.service {
            let streams = service.method.iter().filter(|method| method.client_streaming());
            paths.extend(streams.map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name())));
        }
    }
    paths
});

/// Whether the caller of a method sends a stream of messages; reflection does so too.
#[must_use]
pub fn is_client_stream(path: &str) -> bool {
    path.starts_with("/grpc.reflection.") || CLIENT_STREAMS.contains(path)
}

/// The call with its whole body.
///
/// # Errors
/// UNAVAILABLE where the body did not arrive whole, `MESSAGE_TOO_LARGE` where it is larger than a message of `most` bytes.
pub async fn whole(request: Request, most: usize) -> Result<Request, Box<Status>> {
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(ARRIVES_WITHIN, read(body, most.saturating_add(FRAME_HEAD)));
    let bytes = read.await.unwrap_or_else(|_| Err(Box::new(late())))?;
    let mut request = Request::from_parts(head, Body::from(bytes.clone()));
    if bytes.len() <= KEPT_ASIDE {
        request.extensions_mut().insert(Whole(bytes));
    }
    Ok(request)
}

/// The body of a call, kept aside until it is answered: where it is refused, its names tell which copies that may rest on,
/// and the call may be repeated. Bodies that are larger are not kept, so that calls in flight hold little.
#[derive(Debug, Clone)]
pub struct Whole(pub Bytes);

async fn read(mut body: Body, most: usize) -> Result<Bytes, Box<Status>> {
    let (mut bytes, mut place): (BytesMut, Option<SemaphorePermit<'static>>) = (BytesMut::new(), None);
    while let Some(frame) = tokio::time::timeout(SILENCE, body.frame()).await.map_err(|_| Box::new(late()))? {
        let frame = frame.map_err(|_| Box::new(cut("The request was cut off. Send it again with the same request id.")))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > most {
            return Err(Box::new(too_large()));
        }
        if bytes.len().saturating_add(data.len()) > SMALL && place.is_none() {
            place = LARGE.acquire().await.ok();
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// The status of a caller's stream that ended in an error: a line that broke is no malformed message.
#[must_use]
pub fn stream_ended(error: Status) -> Status {
    // The transport's error stands behind the status; a message that does not decode has none.
    if std::error::Error::source(&error).is_some() { cut("The stream was cut off. Send what is left again.") } else { error }
}

fn late() -> Status {
    cut("The request did not arrive in time. Send it again with the same request id.")
}

/// What did not arrive may be sent again.
fn cut(message: &str) -> Status {
    let mut details = ErrorDetails::with_error_info("UNAVAILABLE", DOMAIN, HashMap::new());
    details.set_retry_info(Some(Duration::from_millis(500)));
    Status::with_error_details(Code::Unavailable, message, details)
}

/// The status of a message beyond the limit.
pub(crate) fn too_large() -> Status {
    status(Code::ResourceExhausted, "MESSAGE_TOO_LARGE", "The message is larger than 4 MiB. Send less at once.")
}

#[cfg(test)]
mod tests {
    use super::{is_client_stream, whole};
    use axum::{body::Body, extract::Request};
    use bytes::Bytes;
    use tonic::Code;

    async fn code(pieces: Vec<Result<Bytes, std::io::Error>>) -> Result<usize, Code> {
        let request = Request::new(Body::from_stream(futures::stream::iter(pieces)));
        let whole = whole(request, 100).await.map_err(|status| status.code())?;
        Ok(axum::body::to_bytes(whole.into_body(), 1_000).await.unwrap().len())
    }

    #[tokio::test]
    async fn a_body_that_was_cut_off_is_no_malformed_message() {
        let piece = || Ok(Bytes::from_static(b"12345"));
        assert_eq!(code(vec![piece(), piece()]).await, Ok(10));
        assert_eq!(code(vec![piece(), Err(std::io::Error::other("reset"))]).await, Err(Code::Unavailable));
        assert_eq!(code((0..30).map(|_| piece()).collect()).await, Err(Code::ResourceExhausted));
    }

    #[test]
    fn streams_of_callers_are_known_from_the_contract() {
        assert!(is_client_stream("/payterms.wallet.v1.UsageService/RecordUsageStream"));
        assert!(!is_client_stream("/payterms.wallet.v1.UsageService/RecordUsage"));
        assert!(!is_client_stream("/payterms.invoicing.v1.DocumentService/DownloadDocuments"));
    }
}
