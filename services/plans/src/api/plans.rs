//! `PlanService`.

use super::Api;
use crate::{
    messages::{answers, plan_history, plans as parse},
    store,
    use_cases::plans::{
        accept::accept_plan,
        counter::counter_plan,
        decline_counter::decline_counter_offer,
        end::end_plan,
        preview::preview_plan,
        propose::propose_plan,
        read::{get_plan, list_plan_history, list_plans},
        reinstate::reinstate_plan,
        retry_collection::retry_plan_collection,
    },
};
use payterms_chassis::handler;
use payterms_proto::plans::v1::{
    AcceptCounterOfferRequest, AcceptCounterOfferResponse, ApprovePlanRequest, ApprovePlanResponse,
    CancelPlanRequest, CancelPlanResponse, CounterPlanRequest, CounterPlanResponse,
    DeclineCounterOfferRequest, DeclineCounterOfferResponse, GetPlanRequest, GetPlanResponse,
    ListPlanHistoryRequest, ListPlanHistoryResponse, ListPlansRequest, ListPlansResponse,
    PreviewPlanRequest, PreviewPlanResponse, ProposePlanRequest, ProposePlanResponse,
    RefusePlanRequest, RefusePlanResponse, ReinstatePlanRequest, ReinstatePlanResponse,
    RetryPlanCollectionRequest, RetryPlanCollectionResponse, WithdrawPlanRequest,
    WithdrawPlanResponse, plan_service_server::PlanService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PlanService for Api {
    async fn preview_plan(
        &self,
        request: Request<PreviewPlanRequest>,
    ) -> Result<Response<PreviewPlanResponse>, Status> {
        let (caller, command) = parse::preview_plan(request)?;
        handler::read(preview_plan(&self.app, &caller, &command)).await
    }

    async fn propose_plan(
        &self,
        request: Request<ProposePlanRequest>,
    ) -> Result<Response<ProposePlanResponse>, Status> {
        let (call, command) = parse::propose_plan(request)?;
        handler::create(&self.app.flows, &call, store::plans::NAMED, &command.marks, || {
            propose_plan(&self.app, &call, &command)
        })
        .await
    }

    async fn approve_plan(
        &self,
        request: Request<ApprovePlanRequest>,
    ) -> Result<Response<ApprovePlanResponse>, Status> {
        let (call, command) = answers::approve_plan(request)?;
        handler::write(&self.app.flows, &call, || accept_plan(&self.app, &call, &command)).await
    }

    async fn refuse_plan(
        &self,
        request: Request<RefusePlanRequest>,
    ) -> Result<Response<RefusePlanResponse>, Status> {
        let (call, command) = answers::refuse_plan(request)?;
        handler::write(&self.app.flows, &call, || end_plan(&self.app, &call, &command)).await
    }

    async fn counter_plan(
        &self,
        request: Request<CounterPlanRequest>,
    ) -> Result<Response<CounterPlanResponse>, Status> {
        let (call, command) = answers::counter_plan(request)?;
        handler::write(&self.app.flows, &call, || counter_plan(&self.app, &call, &command)).await
    }

    async fn accept_counter_offer(
        &self,
        request: Request<AcceptCounterOfferRequest>,
    ) -> Result<Response<AcceptCounterOfferResponse>, Status> {
        let (call, command) = answers::accept_counter_offer(request)?;
        handler::write(&self.app.flows, &call, || accept_plan(&self.app, &call, &command)).await
    }

    async fn decline_counter_offer(
        &self,
        request: Request<DeclineCounterOfferRequest>,
    ) -> Result<Response<DeclineCounterOfferResponse>, Status> {
        let (call, command) = answers::decline_counter_offer(request)?;
        handler::write(&self.app.flows, &call, || decline_counter_offer(&self.app, &call, &command))
            .await
    }

    async fn withdraw_plan(
        &self,
        request: Request<WithdrawPlanRequest>,
    ) -> Result<Response<WithdrawPlanResponse>, Status> {
        let (call, command) = answers::withdraw_plan(request)?;
        handler::write(&self.app.flows, &call, || end_plan(&self.app, &call, &command)).await
    }

    async fn cancel_plan(
        &self,
        request: Request<CancelPlanRequest>,
    ) -> Result<Response<CancelPlanResponse>, Status> {
        let (call, command) = answers::cancel_plan(request)?;
        handler::write(&self.app.flows, &call, || end_plan(&self.app, &call, &command)).await
    }

    async fn reinstate_plan(
        &self,
        request: Request<ReinstatePlanRequest>,
    ) -> Result<Response<ReinstatePlanResponse>, Status> {
        let (call, command) = answers::reinstate_plan(request)?;
        handler::write(&self.app.flows, &call, || reinstate_plan(&self.app, &call, &command)).await
    }

    async fn retry_plan_collection(
        &self,
        request: Request<RetryPlanCollectionRequest>,
    ) -> Result<Response<RetryPlanCollectionResponse>, Status> {
        let (call, plan) = parse::retry_plan_collection(request)?;
        handler::write(&self.app.flows, &call, || retry_plan_collection(&self.app, &call, &plan))
            .await
    }

    async fn get_plan(
        &self,
        request: Request<GetPlanRequest>,
    ) -> Result<Response<GetPlanResponse>, Status> {
        let plan = parse::get_plan(request)?;
        handler::read(get_plan(&self.app, &plan)).await
    }

    async fn list_plans(
        &self,
        request: Request<ListPlansRequest>,
    ) -> Result<Response<ListPlansResponse>, Status> {
        let list = parse::list_plans(request)?;
        handler::read(list_plans(&self.app, &list)).await
    }

    async fn list_plan_history(
        &self,
        request: Request<ListPlanHistoryRequest>,
    ) -> Result<Response<ListPlanHistoryResponse>, Status> {
        let (history, page) = plan_history::list_plan_history(request)?;
        handler::read(list_plan_history(&self.app, &history, &page)).await
    }
}
