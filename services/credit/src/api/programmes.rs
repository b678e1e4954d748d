//! `ProgrammeService`.

use super::Api;
use crate::{
    messages::programmes as parse,
    use_cases::programmes::{
        close::close_programme,
        create::create_programme,
        eligibility::get_credit_options,
        invite::invite_customer,
        read::{get_programme, list_programmes},
        update::update_programme,
    },
};
use payterms_chassis::handler;
use payterms_proto::credit::v1::{
    CloseProgrammeRequest, CloseProgrammeResponse, CreateProgrammeRequest, CreateProgrammeResponse,
    GetCreditOptionsRequest, GetCreditOptionsResponse, GetProgrammeRequest, GetProgrammeResponse,
    InviteCustomerRequest, InviteCustomerResponse, ListProgrammesRequest, ListProgrammesResponse,
    UpdateProgrammeRequest, UpdateProgrammeResponse, programme_service_server::ProgrammeService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ProgrammeService for Api {
    async fn create_programme(
        &self,
        request: Request<CreateProgrammeRequest>,
    ) -> Result<Response<CreateProgrammeResponse>, Status> {
        let (call, draft) = parse::create_programme(request)?;
        handler::write(&self.app.flows, &call, || create_programme(&self.app, &call, &draft)).await
    }

    async fn update_programme(
        &self,
        request: Request<UpdateProgrammeRequest>,
    ) -> Result<Response<UpdateProgrammeResponse>, Status> {
        let (call, command) = parse::update_programme(request)?;
        handler::write(&self.app.flows, &call, || update_programme(&self.app, &call, &command))
            .await
    }

    async fn close_programme(
        &self,
        request: Request<CloseProgrammeRequest>,
    ) -> Result<Response<CloseProgrammeResponse>, Status> {
        let (call, programme) = parse::close_programme(request)?;
        handler::write(&self.app.flows, &call, || close_programme(&self.app, &call, &programme))
            .await
    }

    async fn get_programme(
        &self,
        request: Request<GetProgrammeRequest>,
    ) -> Result<Response<GetProgrammeResponse>, Status> {
        let programme = parse::get_programme(request)?;
        handler::read(get_programme(&self.app, &programme)).await
    }

    async fn list_programmes(
        &self,
        request: Request<ListProgrammesRequest>,
    ) -> Result<Response<ListProgrammesResponse>, Status> {
        let (tenant, page) = parse::list_programmes(request)?;
        handler::read(list_programmes(&self.app, &tenant, &page)).await
    }

    async fn invite_customer(
        &self,
        request: Request<InviteCustomerRequest>,
    ) -> Result<Response<InviteCustomerResponse>, Status> {
        let (call, command) = parse::invite_customer(request)?;
        handler::write(&self.app.flows, &call, || invite_customer(&self.app, &call, &command)).await
    }

    async fn get_credit_options(
        &self,
        request: Request<GetCreditOptionsRequest>,
    ) -> Result<Response<GetCreditOptionsResponse>, Status> {
        let customer = parse::get_credit_options(request)?;
        handler::read(get_credit_options(&self.app, &customer)).await
    }
}
