//! `FeeService`.

use super::Api;
use crate::{messages::fees as messages, use_cases::fees};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    CancelRecurringFeeRequest, CancelRecurringFeeResponse, CreateRecurringFeeRequest,
    CreateRecurringFeeResponse, ListFeesRequest, ListFeesResponse, ListRecurringFeesRequest,
    ListRecurringFeesResponse, fee_service_server::FeeService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl FeeService for Api {
    async fn create_recurring_fee(
        &self,
        request: Request<CreateRecurringFeeRequest>,
    ) -> Result<Response<CreateRecurringFeeResponse>, Status> {
        let (call, command) = messages::create_recurring_fee(request)?;
        handler::write(&self.app.flows, &call, || {
            fees::create::create_recurring_fee(&self.app, &call, &command)
        })
        .await
    }

    async fn cancel_recurring_fee(
        &self,
        request: Request<CancelRecurringFeeRequest>,
    ) -> Result<Response<CancelRecurringFeeResponse>, Status> {
        let (call, fee) = messages::cancel_recurring_fee(request)?;
        handler::write(&self.app.flows, &call, || {
            fees::cancel::cancel_recurring_fee(&self.app, &call, &fee)
        })
        .await
    }

    async fn list_recurring_fees(
        &self,
        request: Request<ListRecurringFeesRequest>,
    ) -> Result<Response<ListRecurringFeesResponse>, Status> {
        let (wallet, page) = messages::list_recurring_fees(request)?;
        handler::read(fees::read::list_recurring_fees(&self.app, &wallet, &page)).await
    }

    async fn list_fees(
        &self,
        request: Request<ListFeesRequest>,
    ) -> Result<Response<ListFeesResponse>, Status> {
        let (wallet, page) = messages::list_fees(request)?;
        handler::read(fees::read::list_fees(&self.app, &wallet, &page)).await
    }
}
