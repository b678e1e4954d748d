//! `PostpaidService`.

use super::Api;
use crate::{postpaid_messages as parse, use_cases::postpaid};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    AskPostpaidRequest, AskPostpaidResponse, DecidePostpaidRequest, DecidePostpaidResponse, GetPostpaidAgreementRequest,
    GetPostpaidAgreementResponse, ListPostpaidAgreementsRequest, ListPostpaidAgreementsResponse, TerminatePostpaidRequest,
    TerminatePostpaidResponse, postpaid_service_server::PostpaidService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PostpaidService for Api {
    async fn ask_postpaid(&self, request: Request<AskPostpaidRequest>) -> Result<Response<AskPostpaidResponse>, Status> {
        let (call, wallet, terms) = parse::ask(request)?;
        answer::write(&self.app.flows, &call, || postpaid::ask(&self.app, &call, &wallet, terms)).await
    }

    async fn decide_postpaid(&self, request: Request<DecidePostpaidRequest>) -> Result<Response<DecidePostpaidResponse>, Status> {
        let (call, wallet, agreement, decide) = parse::decide(request)?;
        answer::write(&self.app.flows, &call, || postpaid::decide(&self.app, &call, (&wallet, agreement), &decide)).await
    }

    async fn terminate_postpaid(&self, request: Request<TerminatePostpaidRequest>) -> Result<Response<TerminatePostpaidResponse>, Status> {
        let (call, wallet, agreement, explanation) = parse::terminate(request)?;
        answer::write(&self.app.flows, &call, || postpaid::terminate(&self.app, &call, (&wallet, agreement), &explanation)).await
    }

    async fn get_postpaid_agreement(
        &self,
        request: Request<GetPostpaidAgreementRequest>,
    ) -> Result<Response<GetPostpaidAgreementResponse>, Status> {
        let (wallet, agreement) = parse::get(request)?;
        answer::read(postpaid::get(&self.app, (&wallet, agreement))).await
    }

    async fn list_postpaid_agreements(
        &self,
        request: Request<ListPostpaidAgreementsRequest>,
    ) -> Result<Response<ListPostpaidAgreementsResponse>, Status> {
        let (wallet, page) = parse::list(request)?;
        answer::read(postpaid::list(&self.app, &wallet, &page)).await
    }
}
