//! `SettingsService`.

use super::Api;
use crate::{messages::settings as messages, use_cases::settings};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    ConnectStripeRequest, ConnectStripeResponse, DisconnectStripeRequest, DisconnectStripeResponse,
    GetPrepaymentOptionsRequest, GetPrepaymentOptionsResponse, GetWalletSettingsRequest,
    GetWalletSettingsResponse, TurnOffPrepaymentRequest, TurnOffPrepaymentResponse,
    TurnOnPrepaymentRequest, TurnOnPrepaymentResponse, UpdateWalletSettingsRequest,
    UpdateWalletSettingsResponse, settings_service_server::SettingsService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl SettingsService for Api {
    async fn get_wallet_settings(
        &self,
        request: Request<GetWalletSettingsRequest>,
    ) -> Result<Response<GetWalletSettingsResponse>, Status> {
        let tenant = messages::get_wallet_settings(request)?;
        handler::read(settings::read::get_wallet_settings(&self.app, &tenant)).await
    }

    async fn update_wallet_settings(
        &self,
        request: Request<UpdateWalletSettingsRequest>,
    ) -> Result<Response<UpdateWalletSettingsResponse>, Status> {
        let (call, update) = messages::update_wallet_settings(request)?;
        handler::write(&self.app.flows, &call, || {
            settings::update::update_wallet_settings(&self.app, &call, &update)
        })
        .await
    }

    async fn connect_stripe(
        &self,
        request: Request<ConnectStripeRequest>,
    ) -> Result<Response<ConnectStripeResponse>, Status> {
        let (call, command) = messages::connect_stripe(request)?;
        handler::write(&self.app.flows, &call, || {
            settings::connect_stripe::connect_stripe(&self.app, &call, &command)
        })
        .await
    }

    async fn disconnect_stripe(
        &self,
        request: Request<DisconnectStripeRequest>,
    ) -> Result<Response<DisconnectStripeResponse>, Status> {
        let call = messages::disconnect_stripe(request)?;
        handler::write(&self.app.flows, &call, || {
            settings::disconnect_stripe::disconnect_stripe(&self.app, &call)
        })
        .await
    }

    async fn turn_on_prepayment(
        &self,
        request: Request<TurnOnPrepaymentRequest>,
    ) -> Result<Response<TurnOnPrepaymentResponse>, Status> {
        let (call, offered) = messages::turn_on_prepayment(request)?;
        handler::write(&self.app.flows, &call, || {
            settings::turn_on::turn_on_prepayment(&self.app, &call, offered.clone())
        })
        .await
    }

    async fn turn_off_prepayment(
        &self,
        request: Request<TurnOffPrepaymentRequest>,
    ) -> Result<Response<TurnOffPrepaymentResponse>, Status> {
        let call = messages::turn_off_prepayment(request)?;
        handler::write(&self.app.flows, &call, || {
            settings::turn_off::turn_off_prepayment(&self.app, &call)
        })
        .await
    }

    async fn get_prepayment_options(
        &self,
        request: Request<GetPrepaymentOptionsRequest>,
    ) -> Result<Response<GetPrepaymentOptionsResponse>, Status> {
        let customer = messages::get_prepayment_options(request)?;
        handler::read(settings::read::get_prepayment_options(&self.app, &customer)).await
    }
}
