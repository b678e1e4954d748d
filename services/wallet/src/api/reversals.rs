//! `ReversalService`.

use super::Api;
use crate::{messages::reversals as messages, use_cases::reversals};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    GetReversalRequest, GetReversalResponse, ListReversalsRequest, ListReversalsResponse,
    ReverseMeteredUseRequest, ReverseMeteredUseResponse, ReverseTransferRequest,
    ReverseTransferResponse, reversal_service_server::ReversalService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ReversalService for Api {
    async fn reverse_transfer(
        &self,
        request: Request<ReverseTransferRequest>,
    ) -> Result<Response<ReverseTransferResponse>, Status> {
        let (call, command) = messages::reverse_transfer(request)?;
        handler::write(&self.app.flows, &call, || {
            reversals::reverse::reverse_transfer(&self.app, &call, &command)
        })
        .await
    }

    async fn reverse_metered_use(
        &self,
        request: Request<ReverseMeteredUseRequest>,
    ) -> Result<Response<ReverseMeteredUseResponse>, Status> {
        let (call, command) = messages::reverse_metered_use(request)?;
        handler::write(&self.app.flows, &call, || {
            reversals::reverse_metered::reverse_metered_use(&self.app, &call, &command)
        })
        .await
    }

    async fn get_reversal(
        &self,
        request: Request<GetReversalRequest>,
    ) -> Result<Response<GetReversalResponse>, Status> {
        let (wallet, reversal) = messages::get_reversal(request)?;
        handler::read(reversals::read::get_reversal(&self.app, &wallet, reversal)).await
    }

    async fn list_reversals(
        &self,
        request: Request<ListReversalsRequest>,
    ) -> Result<Response<ListReversalsResponse>, Status> {
        let list = messages::list_reversals(request)?;
        handler::read(reversals::read::list_reversals(&self.app, &list)).await
    }
}
