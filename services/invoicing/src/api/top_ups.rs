//! `TransferTopUpService`.

use super::Api;
use crate::{messages, use_cases::top_ups::raise::raise_transfer_top_up};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    RaiseTransferTopUpRequest, RaiseTransferTopUpResponse,
    transfer_top_up_service_server::TransferTopUpService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TransferTopUpService for Api {
    async fn raise_transfer_top_up(
        &self,
        request: Request<RaiseTransferTopUpRequest>,
    ) -> Result<Response<RaiseTransferTopUpResponse>, Status> {
        let (call, raise) = messages::top_ups::raise_transfer_top_up(request)?;
        handler::write(&self.app.flows, &call, || raise_transfer_top_up(&self.app, &call, &raise))
            .await
    }
}
