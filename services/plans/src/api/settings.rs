//! `PlanSettingsService`.

use super::Api;
use crate::{parse_settings as parse, use_cases::plan_settings};
use payterms_chassis::answer;
use payterms_proto::plans::v1::{
    GetPlanSettingsRequest, GetPlanSettingsResponse, GetProposalOptionsRequest, GetProposalOptionsResponse, UpdatePlanSettingsRequest,
    UpdatePlanSettingsResponse, plan_settings_service_server::PlanSettingsService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PlanSettingsService for Api {
    async fn get_plan_settings(&self, request: Request<GetPlanSettingsRequest>) -> Result<Response<GetPlanSettingsResponse>, Status> {
        let tenant = parse::get(request)?;
        answer::read(plan_settings::get(&self.app, &tenant)).await
    }

    async fn update_plan_settings(
        &self,
        request: Request<UpdatePlanSettingsRequest>,
    ) -> Result<Response<UpdatePlanSettingsResponse>, Status> {
        let (call, update) = parse::update(request)?;
        answer::write(&self.app.flows, &call, || plan_settings::update(&self.app, &call, &update)).await
    }

    async fn get_proposal_options(
        &self,
        request: Request<GetProposalOptionsRequest>,
    ) -> Result<Response<GetProposalOptionsResponse>, Status> {
        let (caller, customer) = parse::options(request)?;
        answer::read(plan_settings::options(&self.app, &caller, &customer)).await
    }
}
