//! `ProgrammeService`.

use super::Api;
use crate::{parse_programmes as parse, use_cases::programmes};
use payterms_chassis::answer;
use payterms_proto::credit::v1::{
    CloseProgrammeRequest, CloseProgrammeResponse, CreateProgrammeRequest, CreateProgrammeResponse, GetCreditOptionsRequest,
    GetCreditOptionsResponse, GetProgrammeRequest, GetProgrammeResponse, InviteCustomerRequest, InviteCustomerResponse,
    ListProgrammesRequest, ListProgrammesResponse, UpdateProgrammeRequest, UpdateProgrammeResponse,
    programme_service_server::ProgrammeService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ProgrammeService for Api {
    async fn create_programme(&self, request: Request<CreateProgrammeRequest>) -> Result<Response<CreateProgrammeResponse>, Status> {
        let (call, asked) = parse::create(request)?;
        answer::write(&self.app.flows, &call, || programmes::create(&self.app, &call, &asked)).await
    }

    async fn update_programme(&self, request: Request<UpdateProgrammeRequest>) -> Result<Response<UpdateProgrammeResponse>, Status> {
        let (call, named, update) = parse::update(request)?;
        answer::write(&self.app.flows, &call, || programmes::update(&self.app, &call, &named, &update)).await
    }

    async fn close_programme(&self, request: Request<CloseProgrammeRequest>) -> Result<Response<CloseProgrammeResponse>, Status> {
        let (call, named) = parse::close(request)?;
        answer::write(&self.app.flows, &call, || programmes::close(&self.app, &call, &named)).await
    }

    async fn get_programme(&self, request: Request<GetProgrammeRequest>) -> Result<Response<GetProgrammeResponse>, Status> {
        let named = parse::get(request)?;
        answer::read(programmes::get(&self.app, &named)).await
    }

    async fn list_programmes(&self, request: Request<ListProgrammesRequest>) -> Result<Response<ListProgrammesResponse>, Status> {
        let (tenant, page) = parse::list(request)?;
        answer::read(programmes::list(&self.app, &tenant, &page)).await
    }

    async fn invite_customer(&self, request: Request<InviteCustomerRequest>) -> Result<Response<InviteCustomerResponse>, Status> {
        let (call, asked) = parse::invite(request)?;
        answer::write(&self.app.flows, &call, || programmes::invite(&self.app, &call, &asked)).await
    }

    async fn get_credit_options(&self, request: Request<GetCreditOptionsRequest>) -> Result<Response<GetCreditOptionsResponse>, Status> {
        let named = parse::options(request)?;
        answer::read(programmes::options(&self.app, &named)).await
    }
}
