//! Answers on their way to callers, who may read slowly or not at all. Unread data waits in the
//! gateway, where it counts against its caller, and not on the connection to the service, because
//! all callers share that connection.
//!
//! A refusal has no body: its status is in its headers, and the headers must end the stream. Go
//! clients report a broken answer if headers do not end the stream and no trailers follow.

use crate::limits::SHORT_ANSWER;
use axum::{BoxError, body::Body, response::Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, response::Parts};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use payterms_chassis::{body, error::status, layers::INNER_MESSAGE};
use payterms_kernel::Reason;
use std::{convert::Infallible, time::Duration};
use tokio::sync::mpsc::{self, Sender, error::SendTimeoutError};
use tonic::{Code, Status};

/// A stream of which the caller reads nothing for this long is ended, so that it does not occupy
/// the service for ever.
const UNREAD: Duration = Duration::from_secs(20);

/// A completely received answer with one message.
#[derive(Debug)]
pub(crate) struct Whole {
    head: Parts,
    frames: Vec<Frame<Bytes>>,
    /// Its size in bytes, if it is larger than [`SHORT_ANSWER`].
    pub large_size: Option<usize>,
}

/// Receives an answer with one message completely, so that it does not block the connection that it
/// came on.
pub(crate) async fn whole<B>(answer: http::Response<B>) -> Result<Whole, Box<Status>>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let (head, mut incoming) = answer.into_parts();
    let (mut frames, mut bytes) = (Vec::new(), 0_usize);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| Box::new(cut()))?;
        bytes = bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if bytes > INNER_MESSAGE {
            return Err(Box::new(too_large()));
        }
        frames.push(frame);
    }
    Ok(Whole { head, frames, large_size: (bytes > SHORT_ANSWER).then_some(bytes) })
}

impl Whole {
    /// The response. It keeps `guard` until the caller has read it.
    pub(crate) fn into_response<H: Send + 'static>(self, guard: H) -> Response {
        if self.frames.is_empty() {
            return Response::from_parts(self.head, Body::empty());
        }
        let frames = stream::iter(self.frames.into_iter().map(Ok::<_, Infallible>));
        Response::from_parts(self.head, body::holding(StreamBody::new(frames), guard))
    }
}

/// Passes a stream on frame by frame. It keeps `guard` until the caller has read it or ended it.
pub(crate) fn stream<B, H>(answer: http::Response<B>, guard: H) -> Response
where
    B: hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    H: Send + 'static,
{
    if answer.body().is_end_stream() {
        return answer.map(|_| Body::empty());
    }
    answer.map(|body| passed_on(Body::new(body), guard, UNREAD))
}

fn passed_on<H: Send + 'static>(body: Body, guard: H, unread: Duration) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(pass_on(body, sender, guard, unread));
    Body::new(StreamBody::new(stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    })))
}

/// Passes frames on until the caller does not read one in time. Then the stream to the service is
/// closed at once, so that the service can drop it, and the caller gets the reason when it reads
/// on.
async fn pass_on<H>(
    mut body: Body,
    sender: Sender<Result<Frame<Bytes>, Infallible>>,
    _guard: H,
    unread: Duration,
) {
    let status = loop {
        let frame = tokio::select! {
            () = sender.closed() => return,
            frame = body.frame() => frame,
        };
        match frame {
            None => return,
            Some(Err(_)) => break cut(),
            Some(Ok(frame)) => match sender.send_timeout(Ok(frame), unread).await {
                Ok(()) => {}
                Err(SendTimeoutError::Closed(_)) => return,
                Err(SendTimeoutError::Timeout(_)) => break not_read(unread),
            },
        }
    };
    drop(body);
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_ok() {
        let _ = sender.send(Ok(Frame::trailers(trailers))).await;
    }
}

fn not_read(unread: Duration) -> Status {
    let message = format!(
        "Nothing of the answer was read for {} seconds. Ask again and read it as it comes.",
        unread.as_secs()
    );
    status(Code::DeadlineExceeded, Reason::DEADLINE_EXCEEDED, &message)
}

/// The status of an answer beyond the limit.
pub(crate) fn too_large() -> Status {
    let message = "The answer is larger than 16 MiB. Ask for a smaller page.";
    status(Code::ResourceExhausted, Reason::MESSAGE_TOO_LARGE, message)
}

pub(crate) fn cut() -> Status {
    body::cut("The answer was cut off. Ask again with the same request id.")
}

#[cfg(test)]
mod tests {
    use super::passed_on;
    use axum::body::Body;
    use bytes::Bytes;
    use http_body_util::BodyExt;
    use payterms_chassis::body;
    use std::{sync::Arc, time::Duration};
    use tonic::{Code, Status};

    type Piece = Result<Bytes, std::io::Error>;

    fn pieces(pieces: Vec<Piece>) -> Body {
        Body::from_stream(futures::stream::iter(pieces))
    }

    /// The bytes and the status at the end of a body.
    async fn read(body: Body) -> (usize, Option<Code>) {
        let whole = body.collect().await.unwrap();
        let status = whole.trailers().and_then(Status::from_header_map).map(|status| status.code());
        (whole.to_bytes().len(), status)
    }

    #[tokio::test]
    async fn a_stream_that_nobody_reads_ends_with_its_reason() {
        let piece = || Piece::Ok(Bytes::from_static(b"piece"));
        let (guard, patience) = (Arc::new(()), Duration::from_millis(20));
        let alive = Arc::new(());
        let endless = body::holding(pieces(vec![piece(), piece(), piece()]), alive.clone());
        let unread = passed_on(endless, guard.clone(), patience);
        while Arc::strong_count(&alive) > 1 {
            tokio::time::sleep(patience).await;
        }
        assert_eq!(Arc::strong_count(&guard), 2, "it counts until its caller ends it");
        assert_eq!(read(unread).await, (5, Some(Code::DeadlineExceeded)));
        let cut = passed_on(
            pieces(vec![piece(), Err(std::io::Error::other("reset"))]),
            guard.clone(),
            patience,
        );
        assert_eq!(read(cut).await, (5, Some(Code::Unavailable)));
        let silent = Body::from_stream(futures::stream::pending::<Piece>());
        let mut silent = passed_on(silent, guard.clone(), patience);
        assert!(
            tokio::time::timeout(patience * 5, silent.frame()).await.is_err(),
            "a service may think"
        );
        drop(silent);
        while Arc::strong_count(&guard) > 1 {
            tokio::time::sleep(patience).await;
        }
        assert_eq!(
            read(passed_on(pieces(vec![piece(), piece()]), guard, patience)).await,
            (10, None)
        );
    }
}
