//! `PaymentService`.

use super::Api;
use crate::{
    commands::lists::ListOfCustomers,
    messages, store,
    use_cases::payments::{
        cancel::cancel_payment,
        create::create_payment,
        quote::quote_payment,
        read::{get_payment, list_payments},
        record_outside::record_outside_payment,
    },
};
use futures::stream::BoxStream;
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    ApplyCreditRequest, ApplyCreditResponse, CancelPaymentRequest, CancelPaymentResponse,
    CreatePaymentRequest, CreatePaymentResponse, ExportPaymentsRequest, ExportPaymentsResponse,
    GetPaymentRequest, GetPaymentResponse, ListPaymentsRequest, ListPaymentsResponse,
    PayLaterRequest, PayLaterResponse, QuotePaymentRequest, QuotePaymentResponse,
    RecordOutsidePaymentRequest, RecordOutsidePaymentResponse,
    payment_service_server::PaymentService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PaymentService for Api {
    type ExportPaymentsStream = BoxStream<'static, Result<ExportPaymentsResponse, Status>>;

    async fn create_payment(
        &self,
        request: Request<CreatePaymentRequest>,
    ) -> Result<Response<CreatePaymentResponse>, Status> {
        let (call, to_pay) = messages::payments::create_payment(request)?;
        handler::create(&self.app.flows, &call, store::payments::NAMED, &to_pay.marks, || {
            create_payment(&self.app, &call, &to_pay)
        })
        .await
    }

    async fn pay_later(
        &self,
        request: Request<PayLaterRequest>,
    ) -> Result<Response<PayLaterResponse>, Status> {
        let (call, to_pay) = messages::payments::pay_later(request)?;
        handler::create(&self.app.flows, &call, store::payments::NAMED, &to_pay.marks, || {
            create_payment(&self.app, &call, &to_pay)
        })
        .await
    }

    async fn apply_credit(
        &self,
        request: Request<ApplyCreditRequest>,
    ) -> Result<Response<ApplyCreditResponse>, Status> {
        let (call, to_pay) = messages::payments::apply_credit(request)?;
        handler::create(&self.app.flows, &call, store::payments::NAMED, &to_pay.marks, || {
            create_payment(&self.app, &call, &to_pay)
        })
        .await
    }

    async fn quote_payment(
        &self,
        request: Request<QuotePaymentRequest>,
    ) -> Result<Response<QuotePaymentResponse>, Status> {
        let to_pay = messages::payments::quote_payment(request)?;
        handler::read(quote_payment(&self.app, &to_pay)).await
    }

    async fn cancel_payment(
        &self,
        request: Request<CancelPaymentRequest>,
    ) -> Result<Response<CancelPaymentResponse>, Status> {
        let (call, named) = messages::payments::cancel_payment(request)?;
        handler::write(&self.app.flows, &call, || cancel_payment(&self.app, &call, &named)).await
    }

    async fn record_outside_payment(
        &self,
        request: Request<RecordOutsidePaymentRequest>,
    ) -> Result<Response<RecordOutsidePaymentResponse>, Status> {
        let (call, outside) = messages::payments::record_outside_payment(request)?;
        handler::create(&self.app.flows, &call, store::payments::NAMED, &outside.marks, || {
            record_outside_payment(&self.app, &call, &outside)
        })
        .await
    }

    async fn get_payment(
        &self,
        request: Request<GetPaymentRequest>,
    ) -> Result<Response<GetPaymentResponse>, Status> {
        let named = messages::payments::get_payment(request)?;
        handler::read(get_payment(&self.app, &named)).await
    }

    async fn list_payments(
        &self,
        request: Request<ListPaymentsRequest>,
    ) -> Result<Response<ListPaymentsResponse>, Status> {
        let list = messages::lists::list_payments(request)?;
        handler::read(list_payments(&self.app, &list)).await
    }

    async fn export_payments(
        &self,
        request: Request<ExportPaymentsRequest>,
    ) -> Result<Response<Self::ExportPaymentsStream>, Status> {
        let (list, app) = (messages::lists::export_payments(request)?, self.app.clone());
        Ok(handler::export(list.listing.clone(), move |listing| {
            let (app, list) = (app.clone(), ListOfCustomers { listing, ..list.clone() });
            async move {
                let ListPaymentsResponse { payments, next_page_token } =
                    list_payments(&app, &list).await?;
                Ok((
                    ExportPaymentsResponse { payments, next_page_token: next_page_token.clone() },
                    next_page_token,
                ))
            }
        }))
    }
}
