//! `SettlementService`.

use super::Api;
use crate::{
    messages::{
        charges as charge_messages, payments as messages, transfer_refunds as refund_messages,
    },
    use_cases::{
        charges, payments,
        transfer_refunds::{
            book::book_transfer_refund, quote::quote_transfer_refund,
            release::release_transfer_refund, reserve::reserve_transfer_refund,
        },
    },
};
use payterms_chassis::handler;
use payterms_proto::wallet::peers::v1::{
    BookTransferRefundRequest, BookTransferRefundResponse, ChargeForPaymentRequest,
    ChargeForPaymentResponse, GetChargeRequest, GetChargeResponse, GetPaymentMeansRequest,
    GetPaymentMeansResponse, HoldForPaymentRequest, HoldForPaymentResponse,
    QuoteTransferRefundRequest, QuoteTransferRefundResponse, RecordTransferRequest,
    RecordTransferResponse, RefundPaymentRequest, RefundPaymentResponse, ReleasePaymentRequest,
    ReleasePaymentResponse, ReleaseTransferRefundRequest, ReleaseTransferRefundResponse,
    ReserveTransferRefundRequest, ReserveTransferRefundResponse, ReturnTransferRequest,
    ReturnTransferResponse, SettlePaymentRequest, SettlePaymentResponse,
    settlement_service_server::SettlementService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl SettlementService for Api {
    async fn get_payment_means(
        &self,
        request: Request<GetPaymentMeansRequest>,
    ) -> Result<Response<GetPaymentMeansResponse>, Status> {
        let (customer, currency) = messages::get_payment_means(request)?;
        handler::read(payments::read::get_payment_means(&self.app, &customer, currency)).await
    }

    async fn hold_for_payment(
        &self,
        request: Request<HoldForPaymentRequest>,
    ) -> Result<Response<HoldForPaymentResponse>, Status> {
        let (call, command) = messages::hold_for_payment(request)?;
        handler::write(&self.app.flows, &call, || {
            payments::hold::hold_for_payment(&self.app, &call, &command)
        })
        .await
    }

    async fn release_payment(
        &self,
        request: Request<ReleasePaymentRequest>,
    ) -> Result<Response<ReleasePaymentResponse>, Status> {
        let (call, payment) = messages::release_payment(request)?;
        handler::write(&self.app.flows, &call, || {
            payments::release::release_payment(&self.app, &call, &payment)
        })
        .await
    }

    async fn charge_for_payment(
        &self,
        request: Request<ChargeForPaymentRequest>,
    ) -> Result<Response<ChargeForPaymentResponse>, Status> {
        let (call, command) = messages::charge_for_payment(request)?;
        handler::write(&self.app.flows, &call, || {
            charges::create::charge_for_payment(&self.app, &call, &command)
        })
        .await
    }

    async fn get_charge(
        &self,
        request: Request<GetChargeRequest>,
    ) -> Result<Response<GetChargeResponse>, Status> {
        let charge = charge_messages::get_charge(request)?;
        handler::read(charges::read::get_charge(&self.app, &charge)).await
    }

    async fn settle_payment(
        &self,
        request: Request<SettlePaymentRequest>,
    ) -> Result<Response<SettlePaymentResponse>, Status> {
        let (call, command) = messages::settle_payment(request)?;
        handler::write(&self.app.flows, &call, || {
            payments::settle::settle_payment(&self.app, &call, &command)
        })
        .await
    }

    async fn refund_payment(
        &self,
        request: Request<RefundPaymentRequest>,
    ) -> Result<Response<RefundPaymentResponse>, Status> {
        let (call, command) = messages::refund_payment(request)?;
        handler::write(&self.app.flows, &call, || {
            payments::refund::refund_payment(&self.app, &call, &command)
        })
        .await
    }

    async fn return_transfer(
        &self,
        request: Request<ReturnTransferRequest>,
    ) -> Result<Response<ReturnTransferResponse>, Status> {
        let (call, command) = messages::return_transfer(request)?;
        handler::write(&self.app.flows, &call, || {
            payments::return_transfer::return_transfer(&self.app, &call, &command)
        })
        .await
    }

    async fn record_transfer(
        &self,
        request: Request<RecordTransferRequest>,
    ) -> Result<Response<RecordTransferResponse>, Status> {
        let (call, command) = messages::record_transfer(request)?;
        handler::write(&self.app.flows, &call, || {
            payments::record_transfer::record_transfer(&self.app, &call, &command)
        })
        .await
    }

    async fn quote_transfer_refund(
        &self,
        request: Request<QuoteTransferRefundRequest>,
    ) -> Result<Response<QuoteTransferRefundResponse>, Status> {
        let quote = refund_messages::quote_transfer_refund(request)?;
        handler::read(quote_transfer_refund(&self.app, &quote)).await
    }

    async fn reserve_transfer_refund(
        &self,
        request: Request<ReserveTransferRefundRequest>,
    ) -> Result<Response<ReserveTransferRefundResponse>, Status> {
        let (call, order) = refund_messages::reserve_transfer_refund(request)?;
        handler::write(&self.app.flows, &call, || reserve_transfer_refund(&self.app, &call, &order))
            .await
    }

    async fn release_transfer_refund(
        &self,
        request: Request<ReleaseTransferRefundRequest>,
    ) -> Result<Response<ReleaseTransferRefundResponse>, Status> {
        let (call, released) = refund_messages::release_transfer_refund(request)?;
        handler::write(&self.app.flows, &call, || {
            release_transfer_refund(&self.app, &call, &released)
        })
        .await
    }

    async fn book_transfer_refund(
        &self,
        request: Request<BookTransferRefundRequest>,
    ) -> Result<Response<BookTransferRefundResponse>, Status> {
        let (call, booked) = refund_messages::book_transfer_refund(request)?;
        handler::write(&self.app.flows, &call, || book_transfer_refund(&self.app, &call, &booked))
            .await
    }
}
