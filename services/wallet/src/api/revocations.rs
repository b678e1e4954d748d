//! `RevocationService`.

use super::Api;
use crate::{messages::revocations as messages, use_cases::revocations};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    DecideRevocationRequest, DecideRevocationResponse, GetRevocationRequest, GetRevocationResponse,
    ListRevocationsRequest, ListRevocationsResponse, ProposeRevocationRequest,
    ProposeRevocationResponse, RestoreCreditRequest, RestoreCreditResponse,
    revocation_service_server::RevocationService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl RevocationService for Api {
    async fn propose_revocation(
        &self,
        request: Request<ProposeRevocationRequest>,
    ) -> Result<Response<ProposeRevocationResponse>, Status> {
        let (call, command) = messages::propose_revocation(request)?;
        handler::write(&self.app.flows, &call, || {
            revocations::propose::propose_revocation(&self.app, &call, &command)
        })
        .await
    }

    async fn decide_revocation(
        &self,
        request: Request<DecideRevocationRequest>,
    ) -> Result<Response<DecideRevocationResponse>, Status> {
        let (call, command) = messages::decide_revocation(request)?;
        handler::write(&self.app.flows, &call, || {
            revocations::decide::decide_revocation(&self.app, &call, &command)
        })
        .await
    }

    async fn restore_credit(
        &self,
        request: Request<RestoreCreditRequest>,
    ) -> Result<Response<RestoreCreditResponse>, Status> {
        let (call, command) = messages::restore_credit(request)?;
        handler::write(&self.app.flows, &call, || {
            revocations::restore::restore_credit(&self.app, &call, &command)
        })
        .await
    }

    async fn get_revocation(
        &self,
        request: Request<GetRevocationRequest>,
    ) -> Result<Response<GetRevocationResponse>, Status> {
        let named = messages::get_revocation(request)?;
        handler::read(revocations::read::get_revocation(&self.app, &named)).await
    }

    async fn list_revocations(
        &self,
        request: Request<ListRevocationsRequest>,
    ) -> Result<Response<ListRevocationsResponse>, Status> {
        let list = messages::list_revocations(request)?;
        handler::read(revocations::read::list_revocations(&self.app, &list)).await
    }
}
