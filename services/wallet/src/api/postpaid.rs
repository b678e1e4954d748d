//! `PostpaidService`.

use super::Api;
use crate::{messages::postpaid as messages, use_cases::postpaid};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    DecidePostpaidRequest, DecidePostpaidResponse, GetPostpaidAgreementRequest,
    GetPostpaidAgreementResponse, ListPostpaidAgreementsRequest, ListPostpaidAgreementsResponse,
    RequestPostpaidRequest, RequestPostpaidResponse, TerminatePostpaidRequest,
    TerminatePostpaidResponse, postpaid_service_server::PostpaidService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PostpaidService for Api {
    async fn request_postpaid(
        &self,
        request: Request<RequestPostpaidRequest>,
    ) -> Result<Response<RequestPostpaidResponse>, Status> {
        let (call, command) = messages::request_postpaid(request)?;
        handler::write(&self.app.flows, &call, || {
            postpaid::request::request_postpaid(&self.app, &call, &command)
        })
        .await
    }

    async fn decide_postpaid(
        &self,
        request: Request<DecidePostpaidRequest>,
    ) -> Result<Response<DecidePostpaidResponse>, Status> {
        let (call, command) = messages::decide_postpaid(request)?;
        handler::write(&self.app.flows, &call, || {
            postpaid::decide::decide_postpaid(&self.app, &call, &command)
        })
        .await
    }

    async fn terminate_postpaid(
        &self,
        request: Request<TerminatePostpaidRequest>,
    ) -> Result<Response<TerminatePostpaidResponse>, Status> {
        let (call, command) = messages::terminate_postpaid(request)?;
        handler::write(&self.app.flows, &call, || {
            postpaid::terminate::terminate_postpaid(&self.app, &call, &command)
        })
        .await
    }

    async fn get_postpaid_agreement(
        &self,
        request: Request<GetPostpaidAgreementRequest>,
    ) -> Result<Response<GetPostpaidAgreementResponse>, Status> {
        let agreement = messages::get_postpaid_agreement(request)?;
        handler::read(postpaid::read::get_postpaid_agreement(&self.app, &agreement)).await
    }

    async fn list_postpaid_agreements(
        &self,
        request: Request<ListPostpaidAgreementsRequest>,
    ) -> Result<Response<ListPostpaidAgreementsResponse>, Status> {
        let (wallet, page) = messages::list_postpaid_agreements(request)?;
        handler::read(postpaid::read::list_postpaid_agreements(&self.app, &wallet, &page)).await
    }
}
