//! `DisputeService`.

use super::Api;
use crate::{messages::disputes as messages, use_cases::disputes};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    GetDisputeRequest, GetDisputeResponse, ListDisputesRequest, ListDisputesResponse,
    LoseDisputeRequest, LoseDisputeResponse, WinDisputeRequest, WinDisputeResponse,
    dispute_service_server::DisputeService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl DisputeService for Api {
    async fn get_dispute(
        &self,
        request: Request<GetDisputeRequest>,
    ) -> Result<Response<GetDisputeResponse>, Status> {
        let named = messages::get_dispute(request)?;
        handler::read(disputes::read::get_dispute(&self.app, &named)).await
    }

    async fn list_disputes(
        &self,
        request: Request<ListDisputesRequest>,
    ) -> Result<Response<ListDisputesResponse>, Status> {
        let list = messages::list_disputes(request)?;
        handler::read(disputes::read::list_disputes(&self.app, &list)).await
    }

    async fn win_dispute(
        &self,
        request: Request<WinDisputeRequest>,
    ) -> Result<Response<WinDisputeResponse>, Status> {
        let (call, command) = messages::win_dispute(request)?;
        handler::write(&self.app.flows, &call, || {
            disputes::decide::win_dispute(&self.app, &call, &command)
        })
        .await
    }

    async fn lose_dispute(
        &self,
        request: Request<LoseDisputeRequest>,
    ) -> Result<Response<LoseDisputeResponse>, Status> {
        let (call, command) = messages::lose_dispute(request)?;
        handler::write(&self.app.flows, &call, || {
            disputes::decide::lose_dispute(&self.app, &call, &command)
        })
        .await
    }
}
