//! `FeeService`.

use super::Api;
use crate::{fee_messages as parse, use_cases::recurring_fees};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    CancelRecurringFeeRequest, CancelRecurringFeeResponse, CreateRecurringFeeRequest, CreateRecurringFeeResponse, ListFeesRequest,
    ListFeesResponse, ListRecurringFeesRequest, ListRecurringFeesResponse, fee_service_server::FeeService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl FeeService for Api {
    async fn create_recurring_fee(
        &self,
        request: Request<CreateRecurringFeeRequest>,
    ) -> Result<Response<CreateRecurringFeeResponse>, Status> {
        let (call, wallet, amount, description) = parse::create(request)?;
        answer::write(&self.app.flows, &call, || recurring_fees::create(&self.app, &call, &wallet, (amount, &description))).await
    }

    async fn cancel_recurring_fee(
        &self,
        request: Request<CancelRecurringFeeRequest>,
    ) -> Result<Response<CancelRecurringFeeResponse>, Status> {
        let (call, wallet, fee) = parse::cancel(request)?;
        answer::write(&self.app.flows, &call, || recurring_fees::cancel(&self.app, &call, &wallet, fee)).await
    }

    async fn list_recurring_fees(&self, request: Request<ListRecurringFeesRequest>) -> Result<Response<ListRecurringFeesResponse>, Status> {
        let (wallet, page) = parse::list_recurring(request)?;
        answer::read(recurring_fees::list(&self.app, &wallet, &page)).await
    }

    async fn list_fees(&self, request: Request<ListFeesRequest>) -> Result<Response<ListFeesResponse>, Status> {
        let (wallet, page) = parse::list_taken(request)?;
        answer::read(recurring_fees::list_taken(&self.app, &wallet, &page)).await
    }
}
