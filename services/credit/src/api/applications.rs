//! `ApplicationService`.

use super::Api;
use crate::{
    parse_applications as parse,
    use_cases::{apply, link_bank, read_applications, review, submit},
};
use payterms_chassis::answer;
use payterms_proto::credit::v1::{
    ClaimApplicationRequest, ClaimApplicationResponse, ConfirmBankLinkRequest, ConfirmBankLinkResponse, DecideApplicationRequest,
    DecideApplicationResponse, GetApplicationRequest, GetApplicationResponse, LinkBankAccountRequest, LinkBankAccountResponse,
    ListApplicationsRequest, ListApplicationsResponse, ReleaseApplicationRequest, ReleaseApplicationResponse, ReplayDecisionRequest,
    ReplayDecisionResponse, RequestInformationRequest, RequestInformationResponse, StartApplicationRequest, StartApplicationResponse,
    SubmitApplicationRequest, SubmitApplicationResponse, UploadBankStatementRequest, UploadBankStatementResponse,
    WithdrawApplicationRequest, WithdrawApplicationResponse, application_service_server::ApplicationService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ApplicationService for Api {
    async fn start_application(&self, request: Request<StartApplicationRequest>) -> Result<Response<StartApplicationResponse>, Status> {
        let (call, customer, programme) = parse::start(request)?;
        answer::write(&self.app.flows, &call, || apply::start(&self.app, &call, &customer, programme)).await
    }

    async fn link_bank_account(&self, request: Request<LinkBankAccountRequest>) -> Result<Response<LinkBankAccountResponse>, Status> {
        let (call, named) = parse::link(request)?;
        answer::write(&self.app.flows, &call, || link_bank::open(&self.app, &call, &named)).await
    }

    async fn confirm_bank_link(&self, request: Request<ConfirmBankLinkRequest>) -> Result<Response<ConfirmBankLinkResponse>, Status> {
        let (call, named, link) = parse::confirm(request)?;
        answer::write(&self.app.flows, &call, || link_bank::confirm(&self.app, &call, &named, link)).await
    }

    async fn upload_bank_statement(
        &self,
        request: Request<UploadBankStatementRequest>,
    ) -> Result<Response<UploadBankStatementResponse>, Status> {
        let (call, named, upload) = parse::upload(request)?;
        answer::write(&self.app.flows, &call, || apply::upload(&self.app, &call, &named, &upload)).await
    }

    async fn submit_application(&self, request: Request<SubmitApplicationRequest>) -> Result<Response<SubmitApplicationResponse>, Status> {
        let (call, named) = parse::submit(request)?;
        answer::write(&self.app.flows, &call, || submit::run(&self.app, &call, &named)).await
    }

    async fn withdraw_application(
        &self,
        request: Request<WithdrawApplicationRequest>,
    ) -> Result<Response<WithdrawApplicationResponse>, Status> {
        let (call, named) = parse::withdraw(request)?;
        answer::write(&self.app.flows, &call, || apply::withdraw(&self.app, &call, &named)).await
    }

    async fn claim_application(&self, request: Request<ClaimApplicationRequest>) -> Result<Response<ClaimApplicationResponse>, Status> {
        let (call, named) = parse::claim(request)?;
        answer::write(&self.app.flows, &call, || review::claim(&self.app, &call, &named)).await
    }

    async fn release_application(
        &self,
        request: Request<ReleaseApplicationRequest>,
    ) -> Result<Response<ReleaseApplicationResponse>, Status> {
        let (call, named) = parse::release(request)?;
        answer::write(&self.app.flows, &call, || review::release(&self.app, &call, &named)).await
    }

    async fn request_information(
        &self,
        request: Request<RequestInformationRequest>,
    ) -> Result<Response<RequestInformationResponse>, Status> {
        let (call, named, explanation) = parse::ask(request)?;
        answer::write(&self.app.flows, &call, || review::ask(&self.app, &call, &named, &explanation)).await
    }

    async fn decide_application(&self, request: Request<DecideApplicationRequest>) -> Result<Response<DecideApplicationResponse>, Status> {
        let (call, named, verdict) = parse::decide(request)?;
        answer::write(&self.app.flows, &call, || review::decide(&self.app, &call, &named, &verdict)).await
    }

    async fn replay_decision(&self, request: Request<ReplayDecisionRequest>) -> Result<Response<ReplayDecisionResponse>, Status> {
        let named = parse::replay(request)?;
        answer::read(read_applications::replay(&self.app, &named)).await
    }

    async fn get_application(&self, request: Request<GetApplicationRequest>) -> Result<Response<GetApplicationResponse>, Status> {
        let named = parse::get(request)?;
        answer::read(read_applications::get(&self.app, &named)).await
    }

    async fn list_applications(&self, request: Request<ListApplicationsRequest>) -> Result<Response<ListApplicationsResponse>, Status> {
        let asked = parse::list(request)?;
        answer::read(read_applications::list(&self.app, &asked)).await
    }
}
