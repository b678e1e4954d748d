//! What a transfer back is reserved on.

use crate::{
    commands::transfer_refunds::TransferCredit, store::transfers,
    use_cases::recharges::load::rules_that_charge,
};
use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_kernel::Id;
use payterms_wallet_domain::{AutoRecharge, Lot, Wallet};
use sea_orm::ConnectionTrait;

/// The lot that a transfer had become, and the rules that might buy its credit again.
pub async fn lot_and_rules<C: ConnectionTrait>(
    conn: &C,
    of: &TransferCredit,
    wallet: &Wallet,
    today: NaiveDate,
) -> Result<(Option<Id<Lot>>, AutoRecharge), AppError> {
    let tenant = &of.payment.customer.tenant;
    let lot = transfers::bought_lot(conn, tenant, of.payment.payment, of.became).await?;
    Ok((lot, rules_that_charge(conn, tenant, wallet, today).await?))
}
