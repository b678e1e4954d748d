//! `AutoRechargeService`.

use super::Api;
use crate::{parse_recharge as parse, use_cases::update_recharge};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    GetAutoRechargeRequest, GetAutoRechargeResponse, RetryAutoRechargeRequest, RetryAutoRechargeResponse, UpdateAutoRechargeRequest,
    UpdateAutoRechargeResponse, auto_recharge_service_server::AutoRechargeService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl AutoRechargeService for Api {
    async fn get_auto_recharge(&self, request: Request<GetAutoRechargeRequest>) -> Result<Response<GetAutoRechargeResponse>, Status> {
        let wallet = parse::get(request)?;
        answer::read(update_recharge::read(&self.app, &wallet)).await
    }

    async fn update_auto_recharge(
        &self,
        request: Request<UpdateAutoRechargeRequest>,
    ) -> Result<Response<UpdateAutoRechargeResponse>, Status> {
        let (call, update) = parse::update(request)?;
        answer::write(&self.app.flows, &call, || update_recharge::update(&self.app, &call, &update)).await
    }

    async fn retry_auto_recharge(&self, request: Request<RetryAutoRechargeRequest>) -> Result<Response<RetryAutoRechargeResponse>, Status> {
        let (call, wallet) = parse::retry(request)?;
        answer::write(&self.app.flows, &call, || update_recharge::retry(&self.app, &call, &wallet)).await
    }
}
