//! Bodies of calls with one request message. They are read completely, within bounds, before the
//! call gets one of the service's permits. So a caller that sends half of a message holds nothing
//! that others need, and a body that was cut off can be told from one that arrived and does not
//! decode.

use crate::wire::error::{DOMAIN, detailed, status};
use axum::{
    BoxError,
    body::{Body, HttpBody},
    extract::Request,
};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use payterms_kernel::Reason;
use prost::Message;
use std::{collections::HashMap, io::ErrorKind, sync::LazyLock, time::Duration};
use tokio::{sync::Semaphore, time::Instant};
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

/// How long a body of any size may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// How long a small body may take, and how much time each received byte adds. The addition is
/// small, so that a caller gains no time by sending byte after byte.
const SMALL_ARRIVES_WITHIN: Duration = Duration::from_secs(5);
const PER_BYTE: Duration = Duration::from_micros(32);
/// The frame's head before a message: a flag and the length.
const FRAME_HEAD: usize = 5;
/// The largest message, where the method's row in the access table says nothing else.
pub const MESSAGE: usize = 4 << 20;
/// A larger body needs one of the few permits for large bodies, which bound the memory of all of
/// them together.
const SMALL: usize = 64 << 10;
const LARGE_AT_ONCE: usize = 64;
static LARGE: Semaphore = Semaphore::const_new(LARGE_AT_ONCE);

/// The sides of a method that send a stream of messages.
#[derive(Debug, Clone, Copy)]
struct Streams {
    caller: bool,
    service: bool,
}

/// The methods that stream, by their paths.
static STREAMS: LazyLock<HashMap<String, Streams>> = LazyLock::new(|| {
    let set =
        prost_types::FileDescriptorSet::decode(payterms_proto::DESCRIPTOR_SET_WITHOUT_COMMENTS)
            .unwrap_or_default();
    let mut paths = HashMap::new();
    for file in &set.file {
        for service in &file.service {
            for method in service
                .method
                .iter()
                .filter(|method| method.client_streaming() || method.server_streaming())
            {
                let streams = Streams {
                    caller: method.client_streaming(),
                    service: method.server_streaming(),
                };
                paths.insert(
                    format!("/{}.{}/{}", file.package(), service.name(), method.name()),
                    streams,
                );
            }
        }
    }
    paths
});

/// Whether the caller of a method sends a stream of messages. Reflection, which is not in our
/// contract, does too.
#[must_use]
pub fn is_client_stream(path: &str) -> bool {
    path.starts_with("/grpc.reflection.") || STREAMS.get(path).is_some_and(|streams| streams.caller)
}

/// Whether a method answers a stream of messages.
#[must_use]
pub fn is_server_stream(path: &str) -> bool {
    STREAMS.get(path).is_some_and(|streams| streams.service)
}

/// Reads the whole body of a call.
///
/// # Errors
/// UNAVAILABLE if the body did not arrive completely, `MESSAGE_TOO_LARGE` if the message has more
/// than `most` bytes.
pub async fn whole(request: Request, most: usize) -> Result<Request, Box<Status>> {
    whole_if(request, most, || Ok(())).await
}

/// As [`whole`]. A body that turns out to be large is read on only with a permit from
/// `may_be_large`.
///
/// # Errors
/// As [`whole`], or the error of `may_be_large`.
pub async fn whole_if<P: Send + 'static>(
    request: Request,
    most: usize,
    may_be_large: impl FnOnce() -> Result<P, Box<Status>>,
) -> Result<Request, Box<Status>> {
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(
        ARRIVES_WITHIN,
        read(body, most.saturating_add(FRAME_HEAD), may_be_large),
    );
    let (bytes, permits) = read.await.unwrap_or_else(|_| Err(Box::new(late())))?;
    Ok(match permits {
        None => {
            let mut request = Request::from_parts(head, Body::from(bytes.clone()));
            request.extensions_mut().insert(Small(bytes));
            request
        }
        // The permits are held until the bytes are consumed, since the memory is in use until then.
        Some(permits) => Request::from_parts(head, holding(Full::new(bytes), permits)),
    })
}

/// The body of a small call, kept until it is answered. If the call is refused, the resource names
/// in it show on which copies the refusal may be based, and the gateway can repeat the call.
#[derive(Debug, Clone)]
pub struct Small(pub Bytes);

/// The permits of a large body: one of its sender's, and one of the process.
type LargePermits<P> = (P, Option<tokio::sync::SemaphorePermit<'static>>);

async fn read<P: Send + 'static>(
    mut body: Body,
    most: usize,
    may_be_large: impl FnOnce() -> Result<P, Box<Status>>,
) -> Result<(Bytes, Option<LargePermits<P>>), Box<Status>> {
    // What says itself that it is too long need not come.
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(Box::new(too_large()));
    }
    let mut bytes = BytesMut::new();
    let mut permits = None;
    let mut may_be_large = Some(may_be_large);
    let mut until = Instant::now() + SMALL_ARRIVES_WITHIN;
    while let Some(frame) =
        tokio::time::timeout_at(until, body.frame()).await.map_err(|_| Box::new(late()))?
    {
        let frame = frame.map_err(|error| {
            Box::new(broken(
                &error,
                "The request was cut off. Send it again with the same request id.",
            ))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        let length = bytes.len().saturating_add(data.len());
        if length > most {
            return Err(Box::new(too_large()));
        }
        if length > SMALL + FRAME_HEAD
            && let Some(may_be_large) = may_be_large.take()
        {
            permits = Some((may_be_large()?, LARGE.acquire().await.ok()));
            // The wait for the permit does not count against the caller's time.
            until = until.max(Instant::now() + SMALL_ARRIVES_WITHIN);
        }
        until += PER_BYTE.saturating_mul(u32::try_from(data.len()).unwrap_or(u32::MAX));
        bytes.extend_from_slice(&data);
    }
    Ok((bytes.freeze(), permits))
}

/// Ends a stream of messages after `time`, even if its caller would send more.
pub fn ends_within(body: Body, time: Duration) -> Body {
    Body::from_stream(futures::StreamExt::take_until(
        body.into_data_stream(),
        tokio::time::sleep(time),
    ))
}

/// A body that owns a value, such as a permit, until it is consumed or dropped.
pub fn holding<B, H>(body: B, value: H) -> Body
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    H: Send + 'static,
{
    Body::new(body.map_frame(move |frame| {
        let _moved_into_closure = &value;
        frame
    }))
}

/// The status of a caller's stream that ended in an error. It separates a broken connection from a
/// malformed message.
#[must_use]
pub fn stream_ended(error: Status) -> Status {
    // An error of the transport is the source of its status. A message that does not decode has a
    // status without a source.
    if std::error::Error::source(&error).is_some() {
        cut("The stream was cut off. Send what is left again.")
    } else {
        error
    }
}

fn late() -> Status {
    cut("The request did not arrive in time. Send it again with the same request id.")
}

/// The status of a body or answer that did not arrive completely. The caller may retry.
#[must_use]
pub fn cut(message: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(Reason::UNAVAILABLE, DOMAIN, HashMap::new());
    details.set_retry_info(Some(Duration::from_millis(500)));
    detailed(Code::Unavailable, message, details)
}

/// The status of a body whose end did not come: cut off, or in chunks that are none, which are the
/// same when they are sent again.
#[must_use]
pub fn broken(error: &axum::Error, if_cut: &str) -> Status {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let mut kinds =
        causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    if kinds.any(|kind| matches!(kind, ErrorKind::InvalidInput | ErrorKind::InvalidData)) {
        let text = "The chunks of the body are malformed. Write the length of each in hexadecimal digits, and two line ends after the last.";
        return status(Code::InvalidArgument, Reason::MALFORMED_MESSAGE, text);
    }
    cut(if_cut)
}

/// The status of a message beyond the limit.
#[must_use]
pub fn too_large() -> Status {
    let message = "The message is larger than the method takes: 4 MiB, where its comment says nothing else. Send less at once.";
    status(Code::ResourceExhausted, Reason::MESSAGE_TOO_LARGE, message)
}

#[cfg(test)]
mod tests {
    use super::{is_client_stream, is_server_stream, whole};
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
        assert_eq!(
            code(vec![piece(), Err(std::io::Error::other("reset"))]).await,
            Err(Code::Unavailable)
        );
        let chunk = std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "Invalid chunk size line: Invalid Size",
        );
        assert_eq!(code(vec![piece(), Err(chunk)]).await, Err(Code::InvalidArgument));
        assert_eq!(code((0..30).map(|_| piece()).collect()).await, Err(Code::ResourceExhausted));
    }

    #[test]
    fn streaming_methods_are_read_from_the_contract() {
        assert!(is_client_stream("/payterms.wallet.v1.UsageService/RecordUsageStream"));
        assert!(!is_client_stream("/payterms.wallet.v1.UsageService/RecordUsage"));
        let download = "/payterms.invoicing.v1.DocumentService/DownloadDocuments";
        assert!(is_server_stream(download) && !is_client_stream(download));
    }
}
