//! Requests that are answered before their body has come, as every refusal of a caller is. A client that is still sending when the
//! connection is closed, or its stream reset, often never reads the answer: its kernel or its library throws it away. So what is left
//! of the body is read behind the answer and thrown away, within bounds.
//!
//! In HTTP/1.1 the next request of the connection stands behind that body: a short one is read before the answer, so that the connection
//! stays, and otherwise the answer says that it ends. A client that reads `connection: close` opens another one; without it, its next
//! request would meet a broken pipe.

use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

/// The longest body that is read before the answer, for the sake of its connection, and how long the answer waits for it.
const PIECE: u64 = 64 << 10;
const PIECE_WITHIN: Duration = Duration::from_secs(1);

/// How many pieces are read behind the answer, each of which has to come in time: 16 MiB, twice the longest message. Who sends more has not
/// looked whether there is an answer, and who sends slower holds the connection for its own sake.
const PIECES: u64 = 256;

/// What is left of a request's body once nobody reads it any more.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    left: Arc<Mutex<Option<Incoming>>>,
    /// The next request of the connection stands behind this body. In HTTP/2 each request is a stream of its own, which ends alone.
    is_before_others: bool,
    /// A client that expects `100 Continue` sends its body only then, and has not.
    is_awaited: bool,
}

/// A body that hands over what is left of it when it is dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    body: Option<Incoming>,
    left: Arc<Mutex<Option<Incoming>>>,
}

/// Watches the body of a request; one that has none is left as it is.
pub(crate) fn watched(request: http::Request<Incoming>) -> (http::Request<axum::body::Body>, Option<Rest>) {
    if request.body().is_end_stream() {
        return (request.map(axum::body::Body::new), None);
    }
    let left = Arc::default();
    let rest = Rest {
        left: Arc::clone(&left),
        is_before_others: request.version() <= http::Version::HTTP_11,
        is_awaited: !request.headers().contains_key(http::header::EXPECT),
    };
    (request.map(|body| axum::body::Body::new(Watched { body: Some(body), left })), Some(rest))
}

impl Rest {
    /// Reads what is left, now or behind the answer, and answers whether the connection can be used again.
    pub(crate) async fn is_read(self) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = left else { return true };
        if !self.is_awaited {
            return !self.is_before_others;
        }
        if self.is_before_others && body.size_hint().lower() <= PIECE && read_piece(&mut body).await == Some(true) {
            return true;
        }
        tokio::spawn(async move {
            for _ in 0..PIECES {
                if read_piece(&mut body).await != Some(false) {
                    break;
                }
            }
        });
        !self.is_before_others
    }
}

/// Reads a piece of a body, and answers whether it ended there; none where the piece did not come in time.
async fn read_piece(body: &mut Incoming) -> Option<bool> {
    tokio::time::timeout(PIECE_WITHIN, ends_within_piece(body)).await.ok()
}

/// Reads a body to its end, or until a piece of it is read.
async fn ends_within_piece(body: &mut (impl Body<Data = bytes::Bytes> + Unpin)) -> bool {
    let mut read = 0;
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, bytes::Bytes::len);
        read = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(read);
        if read > PIECE {
            return false;
        }
    }
    true
}

impl Body for Watched {
    type Data = bytes::Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<bytes::Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        // Of a body that has ended or was cut off nothing is left.
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE, ends_within_piece};
    use bytes::Bytes;
    use futures::stream;
    use http_body_util::{BodyExt, StreamBody};
    use hyper::body::Frame;

    #[tokio::test]
    async fn a_body_is_read_to_an_end_that_is_near() {
        let piece = || Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[0; 1024])));
        let of = |count: u64| StreamBody::new(stream::iter((0..count).map(move |_| piece()))).boxed();
        assert!(ends_within_piece(&mut of(0)).await && ends_within_piece(&mut of(PIECE >> 10)).await);
        assert!(!ends_within_piece(&mut of((PIECE >> 10) + 1)).await);
        let cut = stream::iter([piece(), Err(std::io::Error::other("reset"))]);
        assert!(!ends_within_piece(&mut StreamBody::new(cut).boxed()).await);
    }
}
