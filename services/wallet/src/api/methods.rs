//! `PaymentMethodService` and `CreditLineMethodService`.

use super::Api;
use crate::{
    parse,
    use_cases::{change_methods, read_payments, settle_method_setup, start_method_setup, switch_credit_line},
};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    GetMethodSetupRequest, GetMethodSetupResponse, GetPaymentMethodRequest, GetPaymentMethodResponse, ListPaymentMethodsRequest,
    ListPaymentMethodsResponse, RemovePaymentMethodRequest, RemovePaymentMethodResponse, SetCollectionMethodRequest,
    SetCollectionMethodResponse, SetPurchaseDefaultRequest, SetPurchaseDefaultResponse, StartMethodSetupRequest, StartMethodSetupResponse,
    SwitchCreditLineRequest, SwitchCreditLineResponse, credit_line_method_service_server::CreditLineMethodService,
    payment_method_service_server::PaymentMethodService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PaymentMethodService for Api {
    async fn start_method_setup(&self, request: Request<StartMethodSetupRequest>) -> Result<Response<StartMethodSetupResponse>, Status> {
        let (call, customer, kind) = parse::start_method_setup(request)?;
        answer::write(&self.app.flows, &call, || start_method_setup::run(&self.app, &call, &customer, kind)).await
    }

    async fn get_method_setup(&self, request: Request<GetMethodSetupRequest>) -> Result<Response<GetMethodSetupResponse>, Status> {
        let (customer, setup) = parse::get_method_setup(request)?;
        answer::read(settle_method_setup::read(&self.app, &customer, setup)).await
    }

    async fn get_payment_method(&self, request: Request<GetPaymentMethodRequest>) -> Result<Response<GetPaymentMethodResponse>, Status> {
        let (customer, method) = parse::get_payment_method(request)?;
        answer::read(read_payments::method(&self.app, &customer, method)).await
    }

    async fn list_payment_methods(
        &self,
        request: Request<ListPaymentMethodsRequest>,
    ) -> Result<Response<ListPaymentMethodsResponse>, Status> {
        let (customer, page) = parse::list_payment_methods(request)?;
        answer::read(read_payments::methods(&self.app, &customer, &page)).await
    }

    async fn remove_payment_method(
        &self,
        request: Request<RemovePaymentMethodRequest>,
    ) -> Result<Response<RemovePaymentMethodResponse>, Status> {
        let (call, customer, method) = parse::remove_method(request)?;
        answer::write(&self.app.flows, &call, || change_methods::remove(&self.app, &call, &customer, method)).await
    }

    async fn set_purchase_default(
        &self,
        request: Request<SetPurchaseDefaultRequest>,
    ) -> Result<Response<SetPurchaseDefaultResponse>, Status> {
        let (call, customer, method) = parse::set_purchase_default(request)?;
        answer::write(&self.app.flows, &call, || change_methods::purchase_default(&self.app, &call, &customer, method)).await
    }

    async fn set_collection_method(
        &self,
        request: Request<SetCollectionMethodRequest>,
    ) -> Result<Response<SetCollectionMethodResponse>, Status> {
        let (call, customer, method) = parse::set_collection(request)?;
        answer::write(&self.app.flows, &call, || change_methods::collection(&self.app, &call, &customer, method)).await
    }
}

#[tonic::async_trait]
impl CreditLineMethodService for Api {
    async fn switch_credit_line(&self, request: Request<SwitchCreditLineRequest>) -> Result<Response<SwitchCreditLineResponse>, Status> {
        let (call, customer, switch) = switch_credit_line::parse(request)?;
        answer::write(&self.app.flows, &call, || switch_credit_line::run(&self.app, &call, &customer, switch)).await
    }
}
