//! `PlanService`.

use super::Api;
use crate::{
    parse,
    use_cases::{answer_plan, collect_plan, propose_plan, read_plans},
};
use payterms_chassis::answer;
use payterms_plans_domain::Verb;
use payterms_proto::plans::v1::{
    AcceptCounterOfferRequest, AcceptCounterOfferResponse, ApprovePlanRequest, ApprovePlanResponse, CancelPlanRequest, CancelPlanResponse,
    CounterPlanRequest, CounterPlanResponse, DeclineCounterOfferRequest, DeclineCounterOfferResponse, GetPlanRequest, GetPlanResponse,
    ListPlanHistoryRequest, ListPlanHistoryResponse, ListPlansRequest, ListPlansResponse, PreviewPlanRequest, PreviewPlanResponse,
    ProposePlanRequest, ProposePlanResponse, RefusePlanRequest, RefusePlanResponse, ReinstatePlanRequest, ReinstatePlanResponse,
    RetryPlanCollectionRequest, RetryPlanCollectionResponse, WithdrawPlanRequest, WithdrawPlanResponse, plan_service_server::PlanService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PlanService for Api {
    async fn preview_plan(&self, request: Request<PreviewPlanRequest>) -> Result<Response<PreviewPlanResponse>, Status> {
        let (caller, asked) = parse::preview_plan(request)?;
        answer::read(propose_plan::preview(&self.app, &caller, &asked)).await
    }

    async fn propose_plan(&self, request: Request<ProposePlanRequest>) -> Result<Response<ProposePlanResponse>, Status> {
        let (call, asked) = parse::propose_plan(request)?;
        answer::write(&self.app.flows, &call, || propose_plan::run(&self.app, &call, &asked)).await
    }

    async fn approve_plan(&self, request: Request<ApprovePlanRequest>) -> Result<Response<ApprovePlanResponse>, Status> {
        let (call, named, accept) = parse::approve_plan(request)?;
        answer::write(&self.app.flows, &call, || answer_plan::accept(&self.app, &call, &named, Verb::Approve, &accept)).await
    }

    async fn refuse_plan(&self, request: Request<RefusePlanRequest>) -> Result<Response<RefusePlanResponse>, Status> {
        let (call, named, explanation) = parse::refuse_plan(request)?;
        answer::write(&self.app.flows, &call, || answer_plan::end(&self.app, &call, &named, Verb::Refuse, &explanation)).await
    }

    async fn counter_plan(&self, request: Request<CounterPlanRequest>) -> Result<Response<CounterPlanResponse>, Status> {
        let (call, named, offer) = parse::counter_plan(request)?;
        answer::write(&self.app.flows, &call, || answer_plan::counter(&self.app, &call, &named, &offer)).await
    }

    async fn accept_counter_offer(
        &self,
        request: Request<AcceptCounterOfferRequest>,
    ) -> Result<Response<AcceptCounterOfferResponse>, Status> {
        let (call, named, accept) = parse::accept_counter_offer(request)?;
        answer::write(&self.app.flows, &call, || answer_plan::accept(&self.app, &call, &named, Verb::AcceptCounter, &accept)).await
    }

    async fn decline_counter_offer(
        &self,
        request: Request<DeclineCounterOfferRequest>,
    ) -> Result<Response<DeclineCounterOfferResponse>, Status> {
        let (call, named, explanation) = parse::decline_counter_offer(request)?;
        answer::write(&self.app.flows, &call, || answer_plan::decline_counter(&self.app, &call, &named, &explanation)).await
    }

    async fn withdraw_plan(&self, request: Request<WithdrawPlanRequest>) -> Result<Response<WithdrawPlanResponse>, Status> {
        let (call, named) = parse::withdraw_plan(request)?;
        answer::write(&self.app.flows, &call, || answer_plan::end(&self.app, &call, &named, Verb::Withdraw, "")).await
    }

    async fn cancel_plan(&self, request: Request<CancelPlanRequest>) -> Result<Response<CancelPlanResponse>, Status> {
        let (call, named, explanation) = parse::cancel_plan(request)?;
        answer::write(&self.app.flows, &call, || answer_plan::end(&self.app, &call, &named, Verb::Cancel, &explanation)).await
    }

    async fn reinstate_plan(&self, request: Request<ReinstatePlanRequest>) -> Result<Response<ReinstatePlanResponse>, Status> {
        let (call, named, explanation) = parse::reinstate_plan(request)?;
        answer::write(&self.app.flows, &call, || answer_plan::reinstate(&self.app, &call, &named, &explanation)).await
    }

    async fn retry_plan_collection(
        &self,
        request: Request<RetryPlanCollectionRequest>,
    ) -> Result<Response<RetryPlanCollectionResponse>, Status> {
        let (call, named) = parse::retry_plan_collection(request)?;
        answer::write(&self.app.flows, &call, || collect_plan::retry(&self.app, &call, &named)).await
    }

    async fn get_plan(&self, request: Request<GetPlanRequest>) -> Result<Response<GetPlanResponse>, Status> {
        let named = parse::get_plan(request)?;
        answer::read(read_plans::get(&self.app, &named)).await
    }

    async fn list_plans(&self, request: Request<ListPlansRequest>) -> Result<Response<ListPlansResponse>, Status> {
        let asked = parse::list_plans(request)?;
        answer::read(read_plans::list(&self.app, &asked)).await
    }

    async fn list_plan_history(&self, request: Request<ListPlanHistoryRequest>) -> Result<Response<ListPlanHistoryResponse>, Status> {
        let (named, page, as_customer) = parse::list_plan_history(request)?;
        answer::read(read_plans::history(&self.app, &named, &page, as_customer)).await
    }
}
