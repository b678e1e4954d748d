//! Requests in HTTP/1.1 that are answered before their body has come, as every refusal of a caller is. The next request of the
//! connection stands behind that body: a short one is read and thrown away, so that the connection stays, and otherwise the answer says
//! that it ends. A client that reads `connection: close` opens another one; without it, its next request would meet a broken pipe.

use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

/// The longest body that is read for the sake of its connection, and how long that may take.
const MOST: u64 = 64 << 10;
const WITHIN: Duration = Duration::from_secs(1);

/// What is left of a request's body once nobody reads it any more.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    left: Arc<Mutex<Option<Incoming>>>,
    /// A client that expects `100 Continue` sends its body only then, and has not.
    is_awaited: bool,
}

/// A body that hands over what is left of it when it is dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    body: Option<Incoming>,
    left: Arc<Mutex<Option<Incoming>>>,
}

/// Watches the body of a request in HTTP/1. In HTTP/2 each request is a stream of its own, which ends alone.
pub(crate) fn watched(request: http::Request<Incoming>) -> (http::Request<axum::body::Body>, Option<Rest>) {
    if request.version() > http::Version::HTTP_11 {
        return (request.map(axum::body::Body::new), None);
    }
    let left = Arc::default();
    let rest = Rest { left: Arc::clone(&left), is_awaited: !request.headers().contains_key(http::header::EXPECT) };
    (request.map(|body| axum::body::Body::new(Watched { body: Some(body), left })), Some(rest))
}

impl Rest {
    /// Reads what is left, and answers whether the connection can be used again.
    pub(crate) async fn read_to_end(self) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(body) = left else { return true };
        if !self.is_awaited || body.size_hint().lower() > MOST {
            return false;
        }
        tokio::time::timeout(WITHIN, is_short(body)).await.unwrap_or(false)
    }
}

/// Reads a body to its end, if that is near.
async fn is_short(mut body: impl Body<Data = bytes::Bytes> + Unpin) -> bool {
    let mut read = 0;
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, bytes::Bytes::len);
        read = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(read);
        if read > MOST {
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
    use super::{MOST, is_short};
    use bytes::Bytes;
    use futures::stream;
    use http_body_util::{BodyExt, StreamBody};
    use hyper::body::Frame;

    #[tokio::test]
    async fn a_body_is_read_to_an_end_that_is_near() {
        let piece = || Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[0; 1024])));
        let of = |count: u64| StreamBody::new(stream::iter((0..count).map(move |_| piece()))).boxed();
        assert!(is_short(of(0)).await && is_short(of(MOST >> 10)).await);
        assert!(!is_short(of((MOST >> 10) + 1)).await);
        let cut = stream::iter([piece(), Err(std::io::Error::other("reset"))]);
        assert!(!is_short(StreamBody::new(cut).boxed()).await);
    }
}
