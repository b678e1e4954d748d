//! `TopUpService`.

use super::Api;
use crate::{
    messages::{top_up_refunds, top_ups as messages},
    store,
    use_cases::top_ups,
};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    CreateTopUpRequest, CreateTopUpResponse, GetTopUpRefundRequest, GetTopUpRefundResponse,
    GetTopUpRequest, GetTopUpResponse, ListTopUpRefundsRequest, ListTopUpRefundsResponse,
    ListTopUpsRequest, ListTopUpsResponse, RefundTopUpRequest, RefundTopUpResponse,
    top_up_service_server::TopUpService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TopUpService for Api {
    async fn create_top_up(
        &self,
        request: Request<CreateTopUpRequest>,
    ) -> Result<Response<CreateTopUpResponse>, Status> {
        let (call, command) = messages::create_top_up(request)?;
        handler::create(&self.app.flows, &call, store::top_ups::NAMED, &command.marks, || {
            top_ups::create::create_top_up(&self.app, &call, &command)
        })
        .await
    }

    async fn get_top_up(
        &self,
        request: Request<GetTopUpRequest>,
    ) -> Result<Response<GetTopUpResponse>, Status> {
        let (wallet, top_up) = messages::get_top_up(request)?;
        handler::read(top_ups::read::get_top_up(&self.app, &wallet, top_up)).await
    }

    async fn list_top_ups(
        &self,
        request: Request<ListTopUpsRequest>,
    ) -> Result<Response<ListTopUpsResponse>, Status> {
        let list = messages::list_top_ups(request)?;
        handler::read(top_ups::read::list_top_ups(&self.app, &list)).await
    }

    async fn refund_top_up(
        &self,
        request: Request<RefundTopUpRequest>,
    ) -> Result<Response<RefundTopUpResponse>, Status> {
        let (call, command) = top_up_refunds::refund_top_up(request)?;
        handler::write(&self.app.flows, &call, || {
            top_ups::refund::refund_top_up(&self.app, &call, &command)
        })
        .await
    }

    async fn get_top_up_refund(
        &self,
        request: Request<GetTopUpRefundRequest>,
    ) -> Result<Response<GetTopUpRefundResponse>, Status> {
        let (top_up, refund) = top_up_refunds::get_top_up_refund(request)?;
        handler::read(top_ups::read::get_top_up_refund(&self.app, &top_up, refund)).await
    }

    async fn list_top_up_refunds(
        &self,
        request: Request<ListTopUpRefundsRequest>,
    ) -> Result<Response<ListTopUpRefundsResponse>, Status> {
        let (top_up, page) = top_up_refunds::list_top_up_refunds(request)?;
        handler::read(top_ups::read::list_top_up_refunds(&self.app, &top_up, &page)).await
    }
}
