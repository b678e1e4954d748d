//! Answers on their way to callers, who may read them slowly or not at all. What a caller does not read waits here and is
//! counted against it, and not on the connection to a service, which others share.
//!
//! A refusal has no body: its status stands in its headers, which must end it. Clients in Go take headers that do not end an
//! answer, and no trailers after them, for a broken answer.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, response::Parts};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use payterms_chassis::{body, error::status, layers::INNER_MESSAGE};
use std::{convert::Infallible, time::Duration};
use tokio::sync::mpsc::{self, Sender, error::SendTimeoutError};
use tonic::{Code, Status};

/// An answer larger than this is counted by its bytes while it waits.
const SMALL: usize = 64 << 10;
/// How long nothing of a stream may be read.
const UNREAD: Duration = Duration::from_secs(20);

/// An answer with one message, read whole.
#[derive(Debug)]
pub(crate) struct Whole {
    head: Parts,
    frames: Vec<Frame<Bytes>>,
    /// Its bytes, where they are many.
    pub large: Option<usize>,
}

/// Reads an answer with one message whole, so that it leaves the connection.
pub(crate) async fn whole(answer: http::Response<Incoming>) -> Result<Whole, Box<Status>> {
    let (head, mut incoming) = answer.into_parts();
    let (mut frames, mut bytes) = (Vec::new(), 0_usize);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| Box::new(cut()))?;
        bytes = bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if bytes > INNER_MESSAGE {
            let message = "The answer is larger than 16 MiB. Ask for a smaller page.";
            return Err(Box::new(status(Code::ResourceExhausted, "MESSAGE_TOO_LARGE", message)));
        }
        frames.push(frame);
    }
    Ok(Whole { head, frames, large: (bytes > SMALL).then_some(bytes) })
}

impl Whole {
    /// The response, which holds something until it was read.
    pub(crate) fn into_response<H: Send + 'static>(self, held: H) -> Response {
        if self.frames.is_empty() {
            return Response::from_parts(self.head, Body::empty());
        }
        let frames = stream::iter(self.frames.into_iter().map(Ok::<_, Infallible>));
        Response::from_parts(self.head, body::holding(StreamBody::new(frames), held))
    }
}

/// Passes a stream on as it comes. It holds something until the caller has read it or ended it.
pub(crate) fn stream<H: Send + 'static>(answer: http::Response<Incoming>, held: H) -> Response {
    if answer.body().is_end_stream() {
        return answer.map(|_| Body::empty());
    }
    answer.map(|body| passed_on(Body::new(body), held, UNREAD))
}

fn passed_on<H: Send + 'static>(body: Body, held: H, unread: Duration) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(pass_on(body, sender, held, unread));
    Body::new(StreamBody::new(stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)))))
}

/// Passes frames on until one is not taken in time. Then the service is done with the stream, and its caller, who may come
/// back to it, learns why it ends.
async fn pass_on<H>(mut body: Body, sender: Sender<Result<Frame<Bytes>, Infallible>>, _held: H, unread: Duration) {
    let ends = loop {
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
    if ends.add_header(&mut trailers).is_ok() {
        let _ = sender.send(Ok(Frame::trailers(trailers))).await;
    }
}

fn not_read(unread: Duration) -> Status {
    let message = format!("Nothing of the answer was read for {} seconds. Ask again and read it as it comes.", unread.as_secs());
    status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", &message)
}

fn cut() -> Status {
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
        let (held, patience) = (Arc::new(()), Duration::from_millis(20));
        let alive = Arc::new(());
        let endless = body::holding(pieces(vec![piece(), piece(), piece()]), alive.clone());
        let unread = passed_on(endless, held.clone(), patience);
        while Arc::strong_count(&alive) > 1 {
            tokio::time::sleep(patience).await;
        }
        assert_eq!(Arc::strong_count(&held), 2, "it counts until its caller ends it");
        assert_eq!(read(unread).await, (5, Some(Code::DeadlineExceeded)));
        let cut = passed_on(pieces(vec![piece(), Err(std::io::Error::other("reset"))]), held.clone(), patience);
        assert_eq!(read(cut).await, (5, Some(Code::Unavailable)));
        let silent = Body::from_stream(futures::stream::pending::<Piece>());
        let mut silent = passed_on(silent, held.clone(), patience);
        assert!(tokio::time::timeout(patience * 5, silent.frame()).await.is_err(), "a service may think");
        drop(silent);
        while Arc::strong_count(&held) > 1 {
            tokio::time::sleep(patience).await;
        }
        assert_eq!(read(passed_on(pieces(vec![piece(), piece()]), held, patience)).await, (10, None));
    }
}
