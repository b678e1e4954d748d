//! A channel to another service that carries the versions which a call rests on, and repeats a call that was refused
//! because of the other's copies, with the versions that are here.

use crate::bus::copies::{COPIES, Copies, list, parse_aggregates};
use crate::wire::answer::VERSION;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use payterms_kernel::TenantId;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{body::Body, transport::Channel};
use tower::{BoxError, Service};

tokio::task_local! {
    /// The versions that the call being handled named: what this service calls because of it waits for them too.
    pub static NAMED: Option<HeaderValue>;
}

/// The tenant that a request to another service is for.
#[derive(Debug, Clone)]
pub(crate) struct OfTenant(pub(crate) Option<TenantId>);

/// A channel to one service.
#[derive(Debug, Clone)]
pub struct PeerChannel {
    channel: Channel,
    copies: Option<Arc<Copies>>,
}

impl PeerChannel {
    pub(crate) fn new(channel: Channel, copies: Option<Arc<Copies>>) -> Self {
        Self { channel, copies }
    }

    async fn call_with_versions(mut self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (mut head, body) = request.into_parts();
        // Services send each other single messages, so the body is short and is there at once.
        let message = body.collect().await?.to_bytes();
        if let Some(named) = NAMED.try_with(Clone::clone).ok().flatten() {
            head.headers.entry(VERSION).or_insert(named);
        }
        let answer = self.send(head.clone(), message.clone()).await?;
        let Some(newer) = self.newer_versions(&head, answer.headers()).await else { return Ok(answer) };
        head.headers.insert(VERSION, newer);
        self.send(head, message).await
    }

    async fn send(&mut self, head: http::request::Parts, message: Bytes) -> Result<Response<Body>, BoxError> {
        std::future::poll_fn(|context| self.channel.poll_ready(context)).await?;
        Ok(self.channel.call(Request::from_parts(head, Body::new(Full::new(message)))).await?)
    }

    /// The versions to repeat a refused call with: those that the aggregates have here whose copies the refusal rests on.
    async fn newer_versions(&self, head: &http::request::Parts, answer: &HeaderMap) -> Option<HeaderValue> {
        let rests_on = answer.get(COPIES)?.to_str().ok()?;
        let tenant = head.extensions.get::<OfTenant>()?.0.as_ref()?;
        let versions = self.copies.as_ref()?.versions_of(tenant, &parse_aggregates(rests_on)).await;
        let versions = versions.inspect_err(|error| tracing::warn!(%error, "versions are not read")).ok()?;
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
