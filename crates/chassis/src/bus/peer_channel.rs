//! A channel to another service that keeps both sides consistent. It forwards the versions that the
//! current call named, and if the other service refuses because its copies are older, it repeats
//! the call once with this service's versions.

use crate::bus::copies::{COPIES, Copies, list, parse_aggregates};
use crate::net::pool::{Outgoing, Payload, Pool};
use crate::wire::{answer::VERSION, deadline::parse_timeout};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use payterms_kernel::TenantId;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{Status, body::Body};
use tower::{BoxError, Service};

tokio::task_local! {
    /// The versions that the current call named. They are forwarded, so that services further down
    /// wait for them too.
    pub static NAMED: Option<HeaderValue>;
}

/// The tenant on whose behalf a request to another service is made.
#[derive(Debug, Clone)]
pub(crate) struct OfTenant(pub(crate) Option<TenantId>);

/// A channel to one service.
#[derive(Debug, Clone)]
pub struct PeerChannel {
    pool: Pool,
    copies: Option<Arc<Copies>>,
}

impl PeerChannel {
    pub(crate) fn new(pool: Pool, copies: Option<Arc<Copies>>) -> Self {
        Self { pool, copies }
    }

    async fn call_with_versions(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (mut head, body) = request.into_parts();
        // Buffered, so that the call can be repeated. Between services a body is one short message,
        // so this costs little.
        let message = body.collect().await?.to_bytes();
        if let Some(named) = NAMED.try_with(Clone::clone).ok().flatten() {
            head.headers.entry(VERSION).or_insert(named);
        }
        let answer = self.send(&head, message.clone()).await?;
        let Some(newer) = self.newer_versions(&head, answer.headers()).await else {
            return Ok(answer);
        };
        head.headers.insert(VERSION, newer);
        self.send(&head, message).await
    }

    async fn send(
        &self,
        head: &http::request::Parts,
        message: Bytes,
    ) -> Result<Response<Body>, BoxError> {
        let time =
            head.headers.get("grpc-timeout").and_then(|time| parse_timeout(time.to_str().ok()?));
        let sending =
            self.pool.send(Outgoing { head, body: Payload::Whole(message) }, self.pool.next_lane());
        let answer = match time {
            Some(time) => tokio::time::timeout(time, sending)
                .await
                .map_err(|_| Status::cancelled("no answer in time"))?,
            None => sending.await,
        };
        Ok(answer.map_err(|error| Status::unavailable(error.to_string()))?.map(Body::new))
    }

    /// The versions for a repeated call: this service's versions of the aggregates on whose copies
    /// the refusal is based.
    async fn newer_versions(
        &self,
        head: &http::request::Parts,
        answer: &HeaderMap,
    ) -> Option<HeaderValue> {
        let copies_used = answer.get(COPIES)?.to_str().ok()?;
        let tenant = head.extensions.get::<OfTenant>()?.0.as_ref()?;
        let versions =
            self.copies.as_ref()?.versions_of(tenant, &parse_aggregates(copies_used)).await;
        let versions =
            versions.inspect_err(|error| tracing::warn!(%error, "versions are not read")).ok()?;
        if versions.is_empty() { None } else { HeaderValue::from_str(&list(&versions)).ok() }
    }
}

impl Service<Request<Body>> for PeerChannel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().call_with_versions(request))
    }
}
