//! Reads a charge.

use crate::{
    app::App,
    commands::payments::ChargeRef,
    messages::charges as messages,
    store::{charges, wallets},
};
use payterms_chassis::AppError;
use payterms_kernel::Refusal;
use payterms_proto::wallet::peers::v1::GetChargeResponse;

/// The current state of a charge.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_charge(
    app: &App,
    ChargeRef { customer: named, charge: id }: &ChargeRef,
) -> Result<GetChargeResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let charge = charges::find(&conn, &named.tenant, *id).await?.ok_or_else(Refusal::not_found)?;
    let wallet = wallets::find_many(&conn, &named.tenant, &[charge.wallet]).await?.pop();
    wallet.filter(|wallet| wallet.customer == named.customer).ok_or_else(Refusal::not_found)?;
    Ok(GetChargeResponse { charge: Some(messages::charge(named, &charge)) })
}
