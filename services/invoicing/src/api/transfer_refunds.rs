//! `TransferRefundService`.

use super::Api;
use crate::{
    messages,
    use_cases::transfer_refunds::{
        confirm::confirm_refund_account,
        end::{cancel_refund, mark_refund_sent},
        read::{get_transfer_refund, list_transfer_refunds},
        refund::refund_transfer,
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    CancelRefundRequest, CancelRefundResponse, ConfirmRefundAccountRequest,
    ConfirmRefundAccountResponse, GetTransferRefundRequest, GetTransferRefundResponse,
    ListTransferRefundsRequest, ListTransferRefundsResponse, MarkRefundSentRequest,
    MarkRefundSentResponse, RefundTransferRequest, RefundTransferResponse,
    transfer_refund_service_server::TransferRefundService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TransferRefundService for Api {
    async fn refund_transfer(
        &self,
        request: Request<RefundTransferRequest>,
    ) -> Result<Response<RefundTransferResponse>, Status> {
        let (call, refund) = messages::transfer_refunds::refund_transfer(request)?;
        handler::write(&self.app.flows, &call, || refund_transfer(&self.app, &call, &refund)).await
    }

    async fn get_transfer_refund(
        &self,
        request: Request<GetTransferRefundRequest>,
    ) -> Result<Response<GetTransferRefundResponse>, Status> {
        let named = messages::transfer_refunds::get_transfer_refund(request)?;
        handler::read(get_transfer_refund(&self.app, &named)).await
    }

    async fn list_transfer_refunds(
        &self,
        request: Request<ListTransferRefundsRequest>,
    ) -> Result<Response<ListTransferRefundsResponse>, Status> {
        let list = messages::lists::list_transfer_refunds(request)?;
        handler::read(list_transfer_refunds(&self.app, &list)).await
    }

    async fn mark_refund_sent(
        &self,
        request: Request<MarkRefundSentRequest>,
    ) -> Result<Response<MarkRefundSentResponse>, Status> {
        let (call, sent) = messages::transfer_refunds::mark_refund_sent(request)?;
        handler::write(&self.app.flows, &call, || mark_refund_sent(&self.app, &call, &sent)).await
    }

    async fn confirm_refund_account(
        &self,
        request: Request<ConfirmRefundAccountRequest>,
    ) -> Result<Response<ConfirmRefundAccountResponse>, Status> {
        let (call, named) = messages::transfer_refunds::confirm_refund_account(request)?;
        handler::write(&self.app.flows, &call, || confirm_refund_account(&self.app, &call, &named))
            .await
    }

    async fn cancel_refund(
        &self,
        request: Request<CancelRefundRequest>,
    ) -> Result<Response<CancelRefundResponse>, Status> {
        let (call, named) = messages::transfer_refunds::cancel_refund(request)?;
        handler::write(&self.app.flows, &call, || cancel_refund(&self.app, &call, &named)).await
    }
}
