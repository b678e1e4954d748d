//! `PaymentMethodService` and `CreditLineMethodService`.

use super::Api;
use crate::{
    messages,
    use_cases::{methods, setups},
};
use payterms_chassis::handler;
use payterms_proto::wallet::{
    peers::v1::{
        SwitchCreditLineRequest, SwitchCreditLineResponse,
        credit_line_method_service_server::CreditLineMethodService,
    },
    v1::{
        GetMethodSetupRequest, GetMethodSetupResponse, GetPaymentMethodRequest,
        GetPaymentMethodResponse, ListPaymentMethodsRequest, ListPaymentMethodsResponse,
        RemovePaymentMethodRequest, RemovePaymentMethodResponse, SetCollectionMethodRequest,
        SetCollectionMethodResponse, SetPurchaseDefaultRequest, SetPurchaseDefaultResponse,
        StartMethodSetupRequest, StartMethodSetupResponse,
        payment_method_service_server::PaymentMethodService,
    },
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PaymentMethodService for Api {
    async fn start_method_setup(
        &self,
        request: Request<StartMethodSetupRequest>,
    ) -> Result<Response<StartMethodSetupResponse>, Status> {
        let (call, command) = messages::setups::start_method_setup(request)?;
        handler::write(&self.app.flows, &call, || {
            setups::start::start_method_setup(&self.app, &call, &command)
        })
        .await
    }

    async fn get_method_setup(
        &self,
        request: Request<GetMethodSetupRequest>,
    ) -> Result<Response<GetMethodSetupResponse>, Status> {
        let (customer, setup) = messages::setups::get_method_setup(request)?;
        handler::read(setups::read::get_method_setup(&self.app, &customer, setup)).await
    }

    async fn get_payment_method(
        &self,
        request: Request<GetPaymentMethodRequest>,
    ) -> Result<Response<GetPaymentMethodResponse>, Status> {
        let method = messages::methods::get_payment_method(request)?;
        handler::read(methods::read::get_payment_method(&self.app, &method)).await
    }

    async fn list_payment_methods(
        &self,
        request: Request<ListPaymentMethodsRequest>,
    ) -> Result<Response<ListPaymentMethodsResponse>, Status> {
        let (customer, page) = messages::methods::list_payment_methods(request)?;
        handler::read(methods::read::list_payment_methods(&self.app, &customer, &page)).await
    }

    async fn remove_payment_method(
        &self,
        request: Request<RemovePaymentMethodRequest>,
    ) -> Result<Response<RemovePaymentMethodResponse>, Status> {
        let (call, method) = messages::methods::remove_payment_method(request)?;
        handler::write(&self.app.flows, &call, || {
            methods::remove::remove_payment_method(&self.app, &call, &method)
        })
        .await
    }

    async fn set_purchase_default(
        &self,
        request: Request<SetPurchaseDefaultRequest>,
    ) -> Result<Response<SetPurchaseDefaultResponse>, Status> {
        let (call, method) = messages::methods::set_purchase_default(request)?;
        handler::write(&self.app.flows, &call, || {
            methods::set_purchase_default::set_purchase_default(&self.app, &call, &method)
        })
        .await
    }

    async fn set_collection_method(
        &self,
        request: Request<SetCollectionMethodRequest>,
    ) -> Result<Response<SetCollectionMethodResponse>, Status> {
        let (call, method) = messages::methods::set_collection_method(request)?;
        handler::write(&self.app.flows, &call, || {
            methods::set_collection_method::set_collection_method(&self.app, &call, &method)
        })
        .await
    }
}

#[tonic::async_trait]
impl CreditLineMethodService for Api {
    async fn switch_credit_line(
        &self,
        request: Request<SwitchCreditLineRequest>,
    ) -> Result<Response<SwitchCreditLineResponse>, Status> {
        let (call, command) = messages::methods::switch_credit_line(request)?;
        handler::write(&self.app.flows, &call, || {
            methods::switch_credit_line::switch_credit_line(&self.app, &call, &command)
        })
        .await
    }
}
