//! `CreditLineService`.

use super::Api;
use crate::{
    messages::{advised_limits, lines as parse},
    use_cases::{
        advised_limits::{
            decide::decide_advised_limit,
            read::{get_advised_limit, list_advised_limits},
        },
        lines::{
            change_limit::change_limit,
            decline::decline_line,
            offer::offer_line,
            read::{get_credit_line, get_exposure, list_credit_lines, list_line_history},
            restore::restore_line,
            suspend::suspend_line,
            switch::switch_line,
        },
    },
};
use payterms_chassis::handler;
use payterms_proto::credit::v1::{
    ActivateLineRequest, ActivateLineResponse, ChangeLimitRequest, ChangeLimitResponse,
    CloseLineRequest, CloseLineResponse, DeactivateLineRequest, DeactivateLineResponse,
    DecideAdvisedLimitRequest, DecideAdvisedLimitResponse, DeclineLineRequest, DeclineLineResponse,
    GetAdvisedLimitRequest, GetAdvisedLimitResponse, GetCreditLineRequest, GetCreditLineResponse,
    GetExposureRequest, GetExposureResponse, ListAdvisedLimitsRequest, ListAdvisedLimitsResponse,
    ListCreditLinesRequest, ListCreditLinesResponse, ListLineHistoryRequest,
    ListLineHistoryResponse, OfferLineRequest, OfferLineResponse, ReactivateLineRequest,
    ReactivateLineResponse, RestoreLineRequest, RestoreLineResponse, SuspendLineRequest,
    SuspendLineResponse, credit_line_service_server::CreditLineService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl CreditLineService for Api {
    async fn offer_line(
        &self,
        request: Request<OfferLineRequest>,
    ) -> Result<Response<OfferLineResponse>, Status> {
        let (call, command) = parse::offer_line(request)?;
        handler::write(&self.app.flows, &call, || offer_line(&self.app, &call, &command)).await
    }

    async fn activate_line(
        &self,
        request: Request<ActivateLineRequest>,
    ) -> Result<Response<ActivateLineResponse>, Status> {
        let (call, command) = parse::activate_line(request)?;
        handler::write(&self.app.flows, &call, || switch_line(&self.app, &call, &command)).await
    }

    async fn decline_line(
        &self,
        request: Request<DeclineLineRequest>,
    ) -> Result<Response<DeclineLineResponse>, Status> {
        let (call, line) = parse::decline_line(request)?;
        handler::write(&self.app.flows, &call, || decline_line(&self.app, &call, &line)).await
    }

    async fn deactivate_line(
        &self,
        request: Request<DeactivateLineRequest>,
    ) -> Result<Response<DeactivateLineResponse>, Status> {
        let (call, command) = parse::deactivate_line(request)?;
        handler::write(&self.app.flows, &call, || switch_line(&self.app, &call, &command)).await
    }

    async fn reactivate_line(
        &self,
        request: Request<ReactivateLineRequest>,
    ) -> Result<Response<ReactivateLineResponse>, Status> {
        let (call, command) = parse::reactivate_line(request)?;
        handler::write(&self.app.flows, &call, || switch_line(&self.app, &call, &command)).await
    }

    async fn suspend_line(
        &self,
        request: Request<SuspendLineRequest>,
    ) -> Result<Response<SuspendLineResponse>, Status> {
        let (call, command) = parse::suspend_line(request)?;
        handler::write(&self.app.flows, &call, || suspend_line(&self.app, &call, &command)).await
    }

    async fn restore_line(
        &self,
        request: Request<RestoreLineRequest>,
    ) -> Result<Response<RestoreLineResponse>, Status> {
        let (call, command) = parse::restore_line(request)?;
        handler::write(&self.app.flows, &call, || restore_line(&self.app, &call, &command)).await
    }

    async fn close_line(
        &self,
        request: Request<CloseLineRequest>,
    ) -> Result<Response<CloseLineResponse>, Status> {
        let (call, command) = parse::close_line(request)?;
        handler::write(&self.app.flows, &call, || switch_line(&self.app, &call, &command)).await
    }

    async fn change_limit(
        &self,
        request: Request<ChangeLimitRequest>,
    ) -> Result<Response<ChangeLimitResponse>, Status> {
        let (call, command) = parse::change_limit(request)?;
        handler::write(&self.app.flows, &call, || change_limit(&self.app, &call, &command)).await
    }

    async fn decide_advised_limit(
        &self,
        request: Request<DecideAdvisedLimitRequest>,
    ) -> Result<Response<DecideAdvisedLimitResponse>, Status> {
        let (call, command) = advised_limits::decide_advised_limit(request)?;
        handler::write(&self.app.flows, &call, || decide_advised_limit(&self.app, &call, &command))
            .await
    }

    async fn get_advised_limit(
        &self,
        request: Request<GetAdvisedLimitRequest>,
    ) -> Result<Response<GetAdvisedLimitResponse>, Status> {
        let named = advised_limits::get_advised_limit(request)?;
        handler::read(get_advised_limit(&self.app, &named)).await
    }

    async fn list_advised_limits(
        &self,
        request: Request<ListAdvisedLimitsRequest>,
    ) -> Result<Response<ListAdvisedLimitsResponse>, Status> {
        let (filter, page) = advised_limits::list_advised_limits(request)?;
        handler::read(list_advised_limits(&self.app, &filter, &page)).await
    }

    async fn get_credit_line(
        &self,
        request: Request<GetCreditLineRequest>,
    ) -> Result<Response<GetCreditLineResponse>, Status> {
        let line = parse::get_credit_line(request)?;
        handler::read(get_credit_line(&self.app, &line)).await
    }

    async fn list_credit_lines(
        &self,
        request: Request<ListCreditLinesRequest>,
    ) -> Result<Response<ListCreditLinesResponse>, Status> {
        let list = parse::list_credit_lines(request)?;
        handler::read(list_credit_lines(&self.app, &list)).await
    }

    async fn list_line_history(
        &self,
        request: Request<ListLineHistoryRequest>,
    ) -> Result<Response<ListLineHistoryResponse>, Status> {
        let (history, page) = parse::list_line_history(request)?;
        handler::read(list_line_history(&self.app, &history, &page)).await
    }

    async fn get_exposure(
        &self,
        request: Request<GetExposureRequest>,
    ) -> Result<Response<GetExposureResponse>, Status> {
        let (line, at) = parse::get_exposure(request)?;
        handler::read(get_exposure(&self.app, &line, at)).await
    }
}
