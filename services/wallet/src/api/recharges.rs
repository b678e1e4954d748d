//! `AutoRechargeService`.

use super::Api;
use crate::{messages::recharges as messages, use_cases::recharges};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    GetAutoRechargeRequest, GetAutoRechargeResponse, RemoveAutoRechargeRequest,
    RemoveAutoRechargeResponse, RetryAutoRechargeRequest, RetryAutoRechargeResponse,
    UpdateAutoRechargeRequest, UpdateAutoRechargeResponse,
    auto_recharge_service_server::AutoRechargeService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl AutoRechargeService for Api {
    async fn get_auto_recharge(
        &self,
        request: Request<GetAutoRechargeRequest>,
    ) -> Result<Response<GetAutoRechargeResponse>, Status> {
        let wallet = messages::get_auto_recharge(request)?;
        handler::read(recharges::read::get_auto_recharge(&self.app, &wallet)).await
    }

    async fn update_auto_recharge(
        &self,
        request: Request<UpdateAutoRechargeRequest>,
    ) -> Result<Response<UpdateAutoRechargeResponse>, Status> {
        let (call, update) = messages::update_auto_recharge(request)?;
        handler::write(&self.app.flows, &call, || {
            recharges::update::update_auto_recharge(&self.app, &call, &update)
        })
        .await
    }

    async fn retry_auto_recharge(
        &self,
        request: Request<RetryAutoRechargeRequest>,
    ) -> Result<Response<RetryAutoRechargeResponse>, Status> {
        let (call, wallet) = messages::retry_auto_recharge(request)?;
        handler::write(&self.app.flows, &call, || {
            recharges::retry::retry_auto_recharge(&self.app, &call, &wallet)
        })
        .await
    }

    async fn remove_auto_recharge(
        &self,
        request: Request<RemoveAutoRechargeRequest>,
    ) -> Result<Response<RemoveAutoRechargeResponse>, Status> {
        let (call, removal) = messages::remove_auto_recharge(request)?;
        handler::write(&self.app.flows, &call, || {
            recharges::update::remove_auto_recharge(&self.app, &call, &removal)
        })
        .await
    }
}
