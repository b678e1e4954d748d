//! `RefundService`.

use super::Api;
use crate::{
    messages,
    use_cases::refunds::{
        read::{get_refund, list_refunds},
        unapply::unapply_payment,
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    GetRefundRequest, GetRefundResponse, ListRefundsRequest, ListRefundsResponse,
    UnapplyPaymentRequest, UnapplyPaymentResponse, refund_service_server::RefundService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl RefundService for Api {
    async fn unapply_payment(
        &self,
        request: Request<UnapplyPaymentRequest>,
    ) -> Result<Response<UnapplyPaymentResponse>, Status> {
        let (call, unapply) = messages::refunds::unapply_payment(request)?;
        handler::write(&self.app.flows, &call, || unapply_payment(&self.app, &call, &unapply)).await
    }

    async fn get_refund(
        &self,
        request: Request<GetRefundRequest>,
    ) -> Result<Response<GetRefundResponse>, Status> {
        let (invoice, id) = messages::refunds::get_refund(request)?;
        handler::read(get_refund(&self.app, &invoice, id)).await
    }

    async fn list_refunds(
        &self,
        request: Request<ListRefundsRequest>,
    ) -> Result<Response<ListRefundsResponse>, Status> {
        let (invoice, page) = messages::refunds::list_refunds(request)?;
        handler::read(list_refunds(&self.app, &invoice, &page)).await
    }
}
