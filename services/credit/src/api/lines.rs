//! `CreditLineService`.

use super::Api;
use crate::{
    parse,
    use_cases::{change_line, move_line, offer_line, read_lines},
};
use payterms_chassis::answer;
use payterms_credit_domain::Verb;
use payterms_proto::credit::v1::{
    ActivateLineRequest, ActivateLineResponse, ChangeLimitRequest, ChangeLimitResponse, CloseLineRequest, CloseLineResponse,
    DeactivateLineRequest, DeactivateLineResponse, DeclineLineRequest, DeclineLineResponse, GetCreditLineRequest, GetCreditLineResponse,
    GetExposureRequest, GetExposureResponse, ListCreditLinesRequest, ListCreditLinesResponse, ListLineHistoryRequest,
    ListLineHistoryResponse, OfferLineRequest, OfferLineResponse, ReactivateLineRequest, ReactivateLineResponse, RestoreLineRequest,
    RestoreLineResponse, SuspendLineRequest, SuspendLineResponse, credit_line_service_server::CreditLineService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl CreditLineService for Api {
    async fn offer_line(&self, request: Request<OfferLineRequest>) -> Result<Response<OfferLineResponse>, Status> {
        let (call, asked) = parse::offer_line(request)?;
        answer::write(&self.app.flows, &call, || offer_line::run(&self.app, &call, &asked)).await
    }

    async fn activate_line(&self, request: Request<ActivateLineRequest>) -> Result<Response<ActivateLineResponse>, Status> {
        let (call, named) = parse::activate_line(request)?;
        answer::write(&self.app.flows, &call, || move_line::run(&self.app, &call, &named, (Verb::Activate, ""))).await
    }

    async fn decline_line(&self, request: Request<DeclineLineRequest>) -> Result<Response<DeclineLineResponse>, Status> {
        let (call, named) = parse::decline_line(request)?;
        answer::write(&self.app.flows, &call, || change_line::decline(&self.app, &call, &named)).await
    }

    async fn deactivate_line(&self, request: Request<DeactivateLineRequest>) -> Result<Response<DeactivateLineResponse>, Status> {
        let (call, named) = parse::deactivate_line(request)?;
        answer::write(&self.app.flows, &call, || move_line::run(&self.app, &call, &named, (Verb::Deactivate, ""))).await
    }

    async fn reactivate_line(&self, request: Request<ReactivateLineRequest>) -> Result<Response<ReactivateLineResponse>, Status> {
        let (call, named) = parse::reactivate_line(request)?;
        answer::write(&self.app.flows, &call, || move_line::run(&self.app, &call, &named, (Verb::Reactivate, ""))).await
    }

    async fn suspend_line(&self, request: Request<SuspendLineRequest>) -> Result<Response<SuspendLineResponse>, Status> {
        let (call, named, explanation) = parse::suspend_line(request)?;
        answer::write(&self.app.flows, &call, || change_line::suspend(&self.app, &call, &named, &explanation)).await
    }

    async fn restore_line(&self, request: Request<RestoreLineRequest>) -> Result<Response<RestoreLineResponse>, Status> {
        let (call, named, explanation) = parse::restore_line(request)?;
        answer::write(&self.app.flows, &call, || change_line::restore(&self.app, &call, &named, &explanation)).await
    }

    async fn close_line(&self, request: Request<CloseLineRequest>) -> Result<Response<CloseLineResponse>, Status> {
        let (call, named, explanation) = parse::close_line(request)?;
        answer::write(&self.app.flows, &call, || move_line::run(&self.app, &call, &named, (Verb::Close, &explanation))).await
    }

    async fn change_limit(&self, request: Request<ChangeLimitRequest>) -> Result<Response<ChangeLimitResponse>, Status> {
        let (call, named, new) = parse::change_limit(request)?;
        answer::write(&self.app.flows, &call, || change_line::limit(&self.app, &call, &named, &new)).await
    }

    async fn get_credit_line(&self, request: Request<GetCreditLineRequest>) -> Result<Response<GetCreditLineResponse>, Status> {
        let named = parse::get_credit_line(request)?;
        answer::read(read_lines::get(&self.app, &named)).await
    }

    async fn list_credit_lines(&self, request: Request<ListCreditLinesRequest>) -> Result<Response<ListCreditLinesResponse>, Status> {
        let asked = parse::list_credit_lines(request)?;
        answer::read(read_lines::list(&self.app, &asked)).await
    }

    async fn list_line_history(&self, request: Request<ListLineHistoryRequest>) -> Result<Response<ListLineHistoryResponse>, Status> {
        let (named, page, as_customer) = parse::list_line_history(request)?;
        answer::read(read_lines::history(&self.app, &named, &page, as_customer)).await
    }

    async fn get_exposure(&self, request: Request<GetExposureRequest>) -> Result<Response<GetExposureResponse>, Status> {
        let (named, at) = parse::get_exposure(request)?;
        answer::read(read_lines::exposure(&self.app, &named, at)).await
    }
}
