//! `SettingsService`.

use super::Api;
use crate::{
    parse_settings as parse,
    use_cases::{change_settings, read_payments},
};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    GetPrepaymentOptionsRequest, GetPrepaymentOptionsResponse, GetWalletSettingsRequest, GetWalletSettingsResponse,
    TurnOffPrepaymentRequest, TurnOffPrepaymentResponse, TurnOnPrepaymentRequest, TurnOnPrepaymentResponse, UpdateWalletSettingsRequest,
    UpdateWalletSettingsResponse, settings_service_server::SettingsService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl SettingsService for Api {
    async fn get_wallet_settings(&self, request: Request<GetWalletSettingsRequest>) -> Result<Response<GetWalletSettingsResponse>, Status> {
        let tenant = parse::get(request)?;
        answer::read(read_payments::settings(&self.app, &tenant)).await
    }

    async fn update_wallet_settings(
        &self,
        request: Request<UpdateWalletSettingsRequest>,
    ) -> Result<Response<UpdateWalletSettingsResponse>, Status> {
        let (call, update) = parse::update(request)?;
        answer::write(&self.app.flows, &call, || change_settings::update(&self.app, &call, &update)).await
    }

    async fn turn_on_prepayment(&self, request: Request<TurnOnPrepaymentRequest>) -> Result<Response<TurnOnPrepaymentResponse>, Status> {
        let (call, offered) = parse::turn_on(request)?;
        answer::write(&self.app.flows, &call, || change_settings::turn_on(&self.app, &call, offered.clone())).await
    }

    async fn turn_off_prepayment(&self, request: Request<TurnOffPrepaymentRequest>) -> Result<Response<TurnOffPrepaymentResponse>, Status> {
        let call = parse::turn_off(request)?;
        answer::write(&self.app.flows, &call, || change_settings::turn_off(&self.app, &call)).await
    }

    async fn get_prepayment_options(
        &self,
        request: Request<GetPrepaymentOptionsRequest>,
    ) -> Result<Response<GetPrepaymentOptionsResponse>, Status> {
        let customer = parse::options(request)?;
        answer::read(read_payments::options(&self.app, &customer)).await
    }
}
