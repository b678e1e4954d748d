//! Channels to the other services. A call carries a token that this service signed, the rest of the
//! current deadline, and the trace.

use crate::{
    bus::{
        copies::Copies,
        peer_channel::{OfTenant, PeerChannel},
    },
    net::pool::Pools,
    telemetry,
    wire::{
        call::Caller,
        deadline::time_left,
        error::{AppError, not_yet},
        identity::Signer,
    },
};
use payterms_kernel::Reason;
use std::{sync::Arc, time::Duration};
use tonic::{Request, metadata::MetadataValue};

/// The other services that this one may call.
#[derive(Debug, Clone)]
pub struct Peers {
    signer: Arc<Signer>,
    pools: Pools,
    copies: Option<Arc<Copies>>,
}

impl Peers {
    /// The services of these pools.
    #[must_use]
    pub fn new(signer: Signer, pools: Pools) -> Self {
        Self { signer: Arc::new(signer), pools, copies: None }
    }

    /// The same peers, for a service with copies and aggregates of its own: a call that another
    /// service refuses because its copies are older is repeated with this service's versions.
    #[must_use]
    pub fn with_copies(self, copies: Arc<Copies>) -> Self {
        Self { copies: Some(copies), ..self }
    }

    /// The channel to a service.
    ///
    /// # Errors
    /// `UNAVAILABLE` where no address was configured.
    pub fn channel(&self, service: &str) -> Result<PeerChannel, AppError> {
        let channel =
            self.pools.get(service).map(|pool| PeerChannel::new(pool.clone(), self.copies.clone()));
        channel.ok_or_else(|| {
            not_yet(Reason::UNAVAILABLE, &format!("No address of {service} is configured."))
        })
    }

    /// The names of the services that have an address.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pools.keys().map(String::as_str)
    }

    /// A request to a service in the role PEER on behalf of `caller`, within `budget` and the
    /// caller's deadline.
    ///
    /// # Errors
    /// `Fault` if the token cannot be made.
    pub fn request<M>(
        &self,
        service: &str,
        caller: &Caller,
        message: M,
        budget: Duration,
    ) -> Result<Request<M>, AppError> {
        self.request_as(
            service,
            &Caller { roles: vec!["PEER".to_owned()], ..caller.clone() },
            message,
            budget,
        )
    }

    /// A request to a service with the caller's subject and roles, within `budget` and the caller's
    /// deadline.
    ///
    /// # Errors
    /// `Fault` if the token cannot be made.
    pub fn request_as<M>(
        &self,
        service: &str,
        caller: &Caller,
        message: M,
        budget: Duration,
    ) -> Result<Request<M>, AppError> {
        let token = self.signer.internal(service, caller).map_err(AppError::Fault)?;
        let mut request = Request::new(message);
        request.extensions_mut().insert(OfTenant(caller.tenant.clone()));
        let header: MetadataValue<_> = format!("Bearer {token}")
            .parse()
            .map_err(|_| AppError::Fault("a token is no header".to_owned()))?;
        request.metadata_mut().insert("authorization", header);
        request.set_timeout(time_left().map_or(budget, |left| left.min(budget)));
        if let Ok(trace) = telemetry::trace_parent().parse() {
            request.metadata_mut().insert("traceparent", trace);
        }
        Ok(request)
    }
}
