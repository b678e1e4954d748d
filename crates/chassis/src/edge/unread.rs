//! Requests that are answered before their body has come, as every refusal of a caller is. A client
//! that is still sending when the connection is closed, or its stream reset, often never reads the
//! answer: its kernel or its library throws it away. So what is left of the body is read behind the
//! answer and thrown away, within bounds.
//!
//! In HTTP/1.1 the next request of the connection stands behind that body: a short one is read
//! before the answer, so that the connection stays, and otherwise the answer says that it ends. A
//! client that reads `connection: close` opens another one; without it, its next request would meet
//! a broken pipe.

use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

/// The longest body that is read before the answer, for the sake of its connection, and how long
/// the answer waits for it.
const PIECE: u64 = 64 << 10;
const PIECE_WITHIN: Duration = Duration::from_secs(1);

/// How many pieces are read behind the answer, each of which has to come in time: 16 MiB, twice the
/// longest message. Who sends more has not looked whether there is an answer, and who sends slower
/// holds the connection for its own sake.
const PIECES: u64 = 256;

/// Where the body of a request is.
#[derive(Debug)]
enum Place {
    /// Somebody may still read it.
    Read,
    /// Nobody reads what is left of it, and the answer is to come.
    Left(Incoming),
    /// The answer has come: what is left then is read behind it.
    Answered,
}

/// The rest of a request's body, once nobody reads it any more.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    place: Arc<Mutex<Place>>,
    /// The next request of the connection stands behind this body. In HTTP/2 each request is a
    /// stream of its own, which ends alone.
    is_before_others: bool,
    /// It may be short, so the answer waits for it. In HTTP/2 a body of unknown length may be a
    /// stream, whose sender waits for the answer. (That short ones are read before is for curl
    /// 7.88, which loses an answer in HTTP/2 that comes before it has sent the body.)
    may_be_short: bool,
    /// A client that expects `100 Continue` sends its body only then, and has not.
    is_sent: bool,
}

/// A body of which the rest is known when it is dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    body: Option<Incoming>,
    place: Arc<Mutex<Place>>,
    is_sent: bool,
}

/// Watches the body of a request; one that has none is left as it is.
pub(crate) fn watched(
    request: http::Request<Incoming>,
) -> (http::Request<axum::body::Body>, Option<Rest>) {
    if request.body().is_end_stream() {
        return (request.map(axum::body::Body::new), None);
    }
    let is_before_others = request.version() <= http::Version::HTTP_11;
    let length = request.body().size_hint();
    let may_be_short = if is_before_others {
        length.lower() <= PIECE
    } else {
        length.exact().is_some_and(|exact| exact <= PIECE)
    };
    let is_sent = !request.headers().contains_key(http::header::EXPECT);
    let place = Arc::new(Mutex::new(Place::Read));
    let rest = Rest { place: Arc::clone(&place), is_before_others, may_be_short, is_sent };
    (
        request.map(|body| axum::body::Body::new(Watched { body: Some(body), place, is_sent })),
        Some(rest),
    )
}

impl Rest {
    /// What is left when the answer is there; most often nothing.
    pub(crate) fn left(&self) -> Option<Incoming> {
        let place = std::mem::replace(
            &mut *self.place.lock().unwrap_or_else(PoisonError::into_inner),
            Place::Answered,
        );
        if let Place::Left(body) = place { Some(body) } else { None }
    }

    /// Reads what is left, now or behind the answer, and answers whether the connection can be used
    /// again.
    pub(crate) async fn read(self, mut left: Incoming) -> bool {
        if !self.is_sent {
            return !self.is_before_others;
        }
        if self.may_be_short && read_piece(&mut left).await == Some(true) {
            return true;
        }
        tokio::spawn(read_on(left));
        !self.is_before_others
    }
}

/// Reads what comes behind an answer, and throws it away.
async fn read_on(mut body: Incoming) {
    for _ in 0..PIECES {
        if read_piece(&mut body).await != Some(false) {
            break;
        }
    }
}

/// Reads a piece of a body, and answers whether it ended there; none where the piece did not come
/// in time.
async fn read_piece(body: &mut Incoming) -> Option<bool> {
    tokio::time::timeout(PIECE_WITHIN, ends_within_piece(body)).await.ok()
}

/// Reads a body to its end, or until a piece of it is read.
async fn ends_within_piece(body: &mut (impl Body<Data = bytes::Bytes> + Unpin)) -> bool {
    let mut read = 0;
    while let Some(frame) =
        std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
    {
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

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, hyper::Error>>> {
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
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*place, Place::Read) {
            *place = Place::Left(body);
        } else if self.is_sent
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // A task of its own had it, and ends after the answer.
            runtime.spawn(read_on(body));
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
        let of =
            |count: u64| StreamBody::new(stream::iter((0..count).map(move |_| piece()))).boxed();
        assert!(
            ends_within_piece(&mut of(0)).await && ends_within_piece(&mut of(PIECE >> 10)).await
        );
        assert!(!ends_within_piece(&mut of((PIECE >> 10) + 1)).await);
        let cut = stream::iter([piece(), Err(std::io::Error::other("reset"))]);
        assert!(!ends_within_piece(&mut StreamBody::new(cut).boxed()).await);
    }
}
