//! `SettlementService`.

use super::Api;
use crate::{
    parse_settlements as parse,
    use_cases::{charge_for_payment, refund_payment, settle_payment},
};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    ChargeForPaymentRequest, ChargeForPaymentResponse, GetChargeRequest, GetChargeResponse, GetPaymentMeansRequest,
    GetPaymentMeansResponse, HoldForPaymentRequest, HoldForPaymentResponse, RecordTransferRequest, RecordTransferResponse,
    RefundPaymentRequest, RefundPaymentResponse, ReleasePaymentRequest, ReleasePaymentResponse, SettlePaymentRequest,
    SettlePaymentResponse, settlement_service_server::SettlementService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl SettlementService for Api {
    async fn get_payment_means(&self, request: Request<GetPaymentMeansRequest>) -> Result<Response<GetPaymentMeansResponse>, Status> {
        let (customer, currency) = parse::means(request)?;
        answer::read(settle_payment::means(&self.app, &customer, currency)).await
    }

    async fn hold_for_payment(&self, request: Request<HoldForPaymentRequest>) -> Result<Response<HoldForPaymentResponse>, Status> {
        let (call, payment, amount, taxed) = parse::hold(request)?;
        answer::write(&self.app.flows, &call, || settle_payment::hold(&self.app, &call, &payment, (amount, taxed))).await
    }

    async fn release_payment(&self, request: Request<ReleasePaymentRequest>) -> Result<Response<ReleasePaymentResponse>, Status> {
        let (call, payment) = parse::release(request)?;
        answer::write(&self.app.flows, &call, || settle_payment::release(&self.app, &call, &payment)).await
    }

    async fn charge_for_payment(&self, request: Request<ChargeForPaymentRequest>) -> Result<Response<ChargeForPaymentResponse>, Status> {
        let (call, payment, order) = parse::charge(request)?;
        answer::write(&self.app.flows, &call, || charge_for_payment::run(&self.app, &call, &payment, order)).await
    }

    async fn get_charge(&self, request: Request<GetChargeRequest>) -> Result<Response<GetChargeResponse>, Status> {
        let (customer, charge) = parse::get_charge(request)?;
        answer::read(charge_for_payment::get(&self.app, &customer, charge)).await
    }

    async fn settle_payment(&self, request: Request<SettlePaymentRequest>) -> Result<Response<SettlePaymentResponse>, Status> {
        let (call, payment, what) = parse::settle(request)?;
        answer::write(&self.app.flows, &call, || settle_payment::settle(&self.app, &call, &payment, what)).await
    }

    async fn refund_payment(&self, request: Request<RefundPaymentRequest>) -> Result<Response<RefundPaymentResponse>, Status> {
        let (call, payment, what) = parse::refund(request)?;
        answer::write(&self.app.flows, &call, || refund_payment::run(&self.app, &call, &payment, &what)).await
    }

    async fn record_transfer(&self, request: Request<RecordTransferRequest>) -> Result<Response<RecordTransferResponse>, Status> {
        let (call, payment, arrived) = parse::transfer(request)?;
        answer::write(&self.app.flows, &call, || settle_payment::transfer(&self.app, &call, &payment, arrived)).await
    }
}
