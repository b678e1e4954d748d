//! The wallet, as credit reaches it: a line is a payment method there, with the line's own UUID.

use crate::{app::App, messages::names::line_name};
use payterms_chassis::{AppError, call::Caller, peers::until_answered};
use payterms_credit_domain::Line;
use payterms_kernel::TenantId;
use payterms_proto::wallet::peers::v1::{
    SwitchCreditLineRequest, credit_line_method_service_client::CreditLineMethodServiceClient, switch_credit_line_request::To,
};
use std::time::Duration;
use tonic::Status;
use uuid::Uuid;

/// How long one call may take.
const BUDGET: Duration = Duration::from_secs(10);

/// Why a line's method is not switched: nothing else is saved that could take its place.
const NOT_SWITCHED: [&str; 1] = ["OTHER_METHOD_REQUIRED"];

/// Switches the method of a line; the wallet moves the pointer in the same transaction. A refusal is a result.
///
/// # Errors
/// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries again.
pub async fn switch_credit_line(app: &App, tenant: &TenantId, step: Uuid, line: &Line, to: To) -> Result<Result<(), Status>, AppError> {
    let message =
        SwitchCreditLineRequest { request_id: step.to_string(), credit_line: line_name(tenant, line), to: to.into(), number: line.moves };
    let call = || async {
        let request = app.peers.request("wallet", &Caller::service("credit", tenant, None), message.clone(), BUDGET)?;
        let mut client = CreditLineMethodServiceClient::new(app.peers.channel("wallet")?);
        client.switch_credit_line(request).await.map_err(AppError::from)
    };
    Ok(until_answered(&NOT_SWITCHED, call).await?.map(|_| ()))
}
