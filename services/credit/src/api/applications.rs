//! `ApplicationService`.

use super::Api;
use crate::{
    messages::{applications as parse, bank_links},
    store,
    use_cases::{
        applications::{
            claim::claim_application,
            decide::decide_application,
            describe::describe_bank_file,
            download::download_bank_file,
            read::{get_application, list_applications},
            release::release_application,
            replay_decision::replay_decision,
            request_information::request_information,
            start::start_application,
            submit::submit_application,
            upload::upload_bank_statement,
            withdraw::withdraw_application,
        },
        bank_links::{confirm::confirm_bank_link, link::link_bank_account},
    },
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use payterms_chassis::{AppError, handler};
use payterms_proto::credit::v1::{
    ClaimApplicationRequest, ClaimApplicationResponse, ConfirmBankLinkRequest,
    ConfirmBankLinkResponse, DecideApplicationRequest, DecideApplicationResponse,
    DescribeBankFileRequest, DescribeBankFileResponse, DownloadBankFileRequest,
    DownloadBankFileResponse, GetApplicationRequest, GetApplicationResponse,
    LinkBankAccountRequest, LinkBankAccountResponse, ListApplicationsRequest,
    ListApplicationsResponse, ReleaseApplicationRequest, ReleaseApplicationResponse,
    ReplayDecisionRequest, ReplayDecisionResponse, RequestInformationRequest,
    RequestInformationResponse, StartApplicationRequest, StartApplicationResponse,
    SubmitApplicationRequest, SubmitApplicationResponse, UploadBankStatementRequest,
    UploadBankStatementResponse, WithdrawApplicationRequest, WithdrawApplicationResponse,
    application_service_server::ApplicationService,
};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};
use tracing::Instrument;

#[tonic::async_trait]
impl ApplicationService for Api {
    type DownloadBankFileStream = BoxStream<'static, Result<DownloadBankFileResponse, Status>>;

    async fn start_application(
        &self,
        request: Request<StartApplicationRequest>,
    ) -> Result<Response<StartApplicationResponse>, Status> {
        let (call, command) = parse::start_application(request)?;
        handler::create(&self.app.flows, &call, store::applications::NAMED, &command.marks, || {
            start_application(&self.app, &call, &command)
        })
        .await
    }

    async fn link_bank_account(
        &self,
        request: Request<LinkBankAccountRequest>,
    ) -> Result<Response<LinkBankAccountResponse>, Status> {
        let (call, application) = bank_links::link_bank_account(request)?;
        handler::write(&self.app.flows, &call, || link_bank_account(&self.app, &call, &application))
            .await
    }

    async fn confirm_bank_link(
        &self,
        request: Request<ConfirmBankLinkRequest>,
    ) -> Result<Response<ConfirmBankLinkResponse>, Status> {
        let (call, command) = bank_links::confirm_bank_link(request)?;
        handler::write(&self.app.flows, &call, || confirm_bank_link(&self.app, &call, &command))
            .await
    }

    async fn upload_bank_statement(
        &self,
        request: Request<UploadBankStatementRequest>,
    ) -> Result<Response<UploadBankStatementResponse>, Status> {
        let (call, upload) = parse::upload_bank_statement(request)?;
        handler::write(&self.app.flows, &call, || upload_bank_statement(&self.app, &call, &upload))
            .await
    }

    async fn describe_bank_file(
        &self,
        request: Request<DescribeBankFileRequest>,
    ) -> Result<Response<DescribeBankFileResponse>, Status> {
        let file = parse::describe_bank_file(request)?;
        handler::read(describe_bank_file(&self.app, &file)).await
    }

    async fn download_bank_file(
        &self,
        request: Request<DownloadBankFileRequest>,
    ) -> Result<Response<Self::DownloadBankFileStream>, Status> {
        let (call, named) = parse::download_bank_file(request)?;
        let mut parts = download_bank_file(&self.app, &call, &named).await?;
        // A task of its own reads and opens: the answer's body may be dropped at any moment, also
        // in the middle of a read.
        let (sender, receiver) = mpsc::channel(1);
        let reading = async move {
            while let Some(part) = parts.next().await {
                if sender.send(part.map_err(AppError::into)).await.is_err() {
                    break;
                }
            }
        };
        tokio::spawn(reading.in_current_span());
        let read =
            stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        Ok(Response::new(read.boxed()))
    }

    async fn submit_application(
        &self,
        request: Request<SubmitApplicationRequest>,
    ) -> Result<Response<SubmitApplicationResponse>, Status> {
        let (call, application) = parse::submit_application(request)?;
        handler::write(&self.app.flows, &call, || {
            submit_application(&self.app, &call, &application)
        })
        .await
    }

    async fn withdraw_application(
        &self,
        request: Request<WithdrawApplicationRequest>,
    ) -> Result<Response<WithdrawApplicationResponse>, Status> {
        let (call, application) = parse::withdraw_application(request)?;
        handler::write(&self.app.flows, &call, || {
            withdraw_application(&self.app, &call, &application)
        })
        .await
    }

    async fn claim_application(
        &self,
        request: Request<ClaimApplicationRequest>,
    ) -> Result<Response<ClaimApplicationResponse>, Status> {
        let (call, application) = parse::claim_application(request)?;
        handler::write(&self.app.flows, &call, || claim_application(&self.app, &call, &application))
            .await
    }

    async fn release_application(
        &self,
        request: Request<ReleaseApplicationRequest>,
    ) -> Result<Response<ReleaseApplicationResponse>, Status> {
        let (call, application) = parse::release_application(request)?;
        handler::write(&self.app.flows, &call, || {
            release_application(&self.app, &call, &application)
        })
        .await
    }

    async fn request_information(
        &self,
        request: Request<RequestInformationRequest>,
    ) -> Result<Response<RequestInformationResponse>, Status> {
        let (call, command) = parse::request_information(request)?;
        handler::write(&self.app.flows, &call, || request_information(&self.app, &call, &command))
            .await
    }

    async fn decide_application(
        &self,
        request: Request<DecideApplicationRequest>,
    ) -> Result<Response<DecideApplicationResponse>, Status> {
        let (call, command) = parse::decide_application(request)?;
        handler::write(&self.app.flows, &call, || decide_application(&self.app, &call, &command))
            .await
    }

    async fn replay_decision(
        &self,
        request: Request<ReplayDecisionRequest>,
    ) -> Result<Response<ReplayDecisionResponse>, Status> {
        let application = parse::replay_decision(request)?;
        handler::read(replay_decision(&self.app, &application)).await
    }

    async fn get_application(
        &self,
        request: Request<GetApplicationRequest>,
    ) -> Result<Response<GetApplicationResponse>, Status> {
        let application = parse::get_application(request)?;
        handler::read(get_application(&self.app, &application)).await
    }

    async fn list_applications(
        &self,
        request: Request<ListApplicationsRequest>,
    ) -> Result<Response<ListApplicationsResponse>, Status> {
        let (filter, listing) = parse::list_applications(request)?;
        handler::read(list_applications(&self.app, &filter, &listing)).await
    }
}
