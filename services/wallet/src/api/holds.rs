//! `HoldService`.

use super::Api;
use crate::{
    parse,
    use_cases::{
        hot::{self, Command, Item},
        read,
    },
};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    AuthorizeHoldRequest, AuthorizeHoldResponse, CaptureHoldRequest, CaptureHoldResponse, GetHoldRequest, GetHoldResponse,
    ListHoldsRequest, ListHoldsResponse, VoidHoldRequest, VoidHoldResponse, hold_service_server::HoldService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl HoldService for Api {
    async fn authorize_hold(&self, request: Request<AuthorizeHoldRequest>) -> Result<Response<AuthorizeHoldResponse>, Status> {
        let (call, take, expires_at) = parse::authorize_hold(request)?;
        let item = Item { call, command: Command::Authorize(take, expires_at) };
        answer::once(hot::run(&self.app, item)).await
    }

    async fn capture_hold(&self, request: Request<CaptureHoldRequest>) -> Result<Response<CaptureHoldResponse>, Status> {
        let (call, hold, what) = parse::capture_hold(request)?;
        let item = Item { call, command: Command::Capture(hold, what) };
        answer::once(hot::run(&self.app, item)).await
    }

    async fn void_hold(&self, request: Request<VoidHoldRequest>) -> Result<Response<VoidHoldResponse>, Status> {
        let (call, hold) = parse::void_hold(request)?;
        let item = Item { call, command: Command::Void(hold) };
        answer::once(hot::run(&self.app, item)).await
    }

    async fn get_hold(&self, request: Request<GetHoldRequest>) -> Result<Response<GetHoldResponse>, Status> {
        let hold = parse::get_hold(request)?;
        answer::read(read::hold(&self.app, &hold)).await
    }

    async fn list_holds(&self, request: Request<ListHoldsRequest>) -> Result<Response<ListHoldsResponse>, Status> {
        let (wallet, page) = parse::list_holds(request)?;
        answer::read(read::holds(&self.app, &wallet, &page)).await
    }
}
