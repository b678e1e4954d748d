//! `PlanSettingsService`.

use super::Api;
use crate::{
    messages::settings as parse,
    use_cases::settings::{
        read::{get_plan_settings, get_proposal_options},
        update::update_plan_settings,
    },
};
use payterms_chassis::handler;
use payterms_proto::plans::v1::{
    GetPlanSettingsRequest, GetPlanSettingsResponse, GetProposalOptionsRequest,
    GetProposalOptionsResponse, UpdatePlanSettingsRequest, UpdatePlanSettingsResponse,
    plan_settings_service_server::PlanSettingsService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PlanSettingsService for Api {
    async fn get_plan_settings(
        &self,
        request: Request<GetPlanSettingsRequest>,
    ) -> Result<Response<GetPlanSettingsResponse>, Status> {
        let tenant = parse::get_plan_settings(request)?;
        handler::read(get_plan_settings(&self.app, &tenant)).await
    }

    async fn update_plan_settings(
        &self,
        request: Request<UpdatePlanSettingsRequest>,
    ) -> Result<Response<UpdatePlanSettingsResponse>, Status> {
        let (call, command) = parse::update_plan_settings(request)?;
        handler::write(&self.app.flows, &call, || update_plan_settings(&self.app, &call, &command))
            .await
    }

    async fn get_proposal_options(
        &self,
        request: Request<GetProposalOptionsRequest>,
    ) -> Result<Response<GetProposalOptionsResponse>, Status> {
        let (caller, customer) = parse::get_proposal_options(request)?;
        handler::read(get_proposal_options(&self.app, &caller, &customer)).await
    }
}
