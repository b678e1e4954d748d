//! The wallet, as credit reaches it: a line is a payment method there, with the line's own UUID.

use crate::{app::App, messages::names::line_name};
use payterms_chassis::{
    AppError,
    call::Caller,
    steps::{StepOutcome, Steps},
};
use payterms_credit_domain::Line;
use payterms_kernel::{Reason, TenantId};
use payterms_proto::wallet::peers::v1::{
    SwitchCreditLineRequest, credit_line_method_service_client::CreditLineMethodServiceClient,
    switch_credit_line_request::To,
};
use std::time::Duration;
use uuid::Uuid;

/// How long one call may take.
const BUDGET: Duration = Duration::from_secs(10);

/// Why a line's method is not switched: nothing else is saved that could take its place.
const NOT_SWITCHED: [Reason; 1] = [Reason::OTHER_METHOD_REQUIRED];

/// Switches the method of a line; the wallet moves the pointer in the same transaction. A refusal
/// is a result.
///
/// # Errors
/// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries again.
pub async fn switch_credit_line(
    app: &App,
    tenant: &TenantId,
    step: Uuid,
    line: &Line,
    to: To,
) -> Result<StepOutcome<()>, AppError> {
    let message = SwitchCreditLineRequest {
        request_id: step.to_string(),
        credit_line: line_name(tenant, line),
        to: to.into(),
        number: line.moves,
    };
    let caller = Caller::service("credit", tenant, None);
    let steps =
        Steps::new(&app.peers, "wallet", caller, BUDGET, CreditLineMethodServiceClient::new);
    let switched = steps
        .until_answered(&NOT_SWITCHED, message, |mut client, request| async move {
            client.switch_credit_line(request).await
        })
        .await?;
    Ok(switched.map(|_| ()))
}
