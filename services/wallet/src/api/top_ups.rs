//! `TopUpService`.

use super::Api;
use crate::{messages::top_ups as messages, use_cases::top_ups};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    CreateTopUpRequest, CreateTopUpResponse, GetTopUpRequest, GetTopUpResponse, ListTopUpsRequest, ListTopUpsResponse,
    top_up_service_server::TopUpService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TopUpService for Api {
    async fn create_top_up(&self, request: Request<CreateTopUpRequest>) -> Result<Response<CreateTopUpResponse>, Status> {
        let (call, command) = messages::create_top_up(request)?;
        handler::write(&self.app.flows, &call, || top_ups::create::create_top_up(&self.app, &call, &command)).await
    }

    async fn get_top_up(&self, request: Request<GetTopUpRequest>) -> Result<Response<GetTopUpResponse>, Status> {
        let (wallet, top_up) = messages::get_top_up(request)?;
        handler::read(top_ups::read::get_top_up(&self.app, &wallet, top_up)).await
    }

    async fn list_top_ups(&self, request: Request<ListTopUpsRequest>) -> Result<Response<ListTopUpsResponse>, Status> {
        let (wallet, page) = messages::list_top_ups(request)?;
        handler::read(top_ups::read::list_top_ups(&self.app, &wallet, &page)).await
    }
}
