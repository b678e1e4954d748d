//! `HoldService`.

use super::Api;
use crate::{
    messages::holds as messages,
    use_cases::{batch, holds::read},
};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    AuthorizeHoldRequest, AuthorizeHoldResponse, CaptureHoldRequest, CaptureHoldResponse,
    GetHoldRequest, GetHoldResponse, ListHoldsRequest, ListHoldsResponse, VoidHoldRequest,
    VoidHoldResponse, hold_service_server::HoldService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl HoldService for Api {
    async fn authorize_hold(
        &self,
        request: Request<AuthorizeHoldRequest>,
    ) -> Result<Response<AuthorizeHoldResponse>, Status> {
        let item = messages::authorize_hold(request)?;
        handler::once(batch::submit(&self.app, item)).await
    }

    async fn capture_hold(
        &self,
        request: Request<CaptureHoldRequest>,
    ) -> Result<Response<CaptureHoldResponse>, Status> {
        let item = messages::capture_hold(request)?;
        handler::once(batch::submit(&self.app, item)).await
    }

    async fn void_hold(
        &self,
        request: Request<VoidHoldRequest>,
    ) -> Result<Response<VoidHoldResponse>, Status> {
        let item = messages::void_hold(request)?;
        handler::once(batch::submit(&self.app, item)).await
    }

    async fn get_hold(
        &self,
        request: Request<GetHoldRequest>,
    ) -> Result<Response<GetHoldResponse>, Status> {
        let hold = messages::get_hold(request)?;
        handler::read(read::get_hold(&self.app, &hold)).await
    }

    async fn list_holds(
        &self,
        request: Request<ListHoldsRequest>,
    ) -> Result<Response<ListHoldsResponse>, Status> {
        let (wallet, page) = messages::list_holds(request)?;
        handler::read(read::list_holds(&self.app, &wallet, &page)).await
    }
}
