//! Sets a wallet's rules of auto-recharge, or tries again after a failure.

use super::{locked, recharge};
use crate::{
    App, jobs,
    parse::WalletRef,
    parse_recharge::{self, Update},
    store::{methods, recharges, settings},
};
use payterms_chassis::{
    Answer, AppError, Call, etag,
    jobs::{cancel, schedule},
};
use payterms_kernel::calendar::next_month_end_after;
use payterms_proto::wallet::v1::{GetAutoRechargeResponse, RetryAutoRechargeResponse, UpdateAutoRechargeResponse};
use payterms_wallet_domain::postpaid::must_not_be_postpaid;

/// Sets the rules.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `CURRENCY_MISMATCH`, `FIELD_OUT_OF_RANGE`, `FEATURE_DISABLED`,
/// `POSTPAID_ACTIVE`, `COLLECTION_METHOD_REQUIRED`.
pub async fn update(app: &App, call: &Call, new: &Update) -> Result<Answer<UpdateAutoRechargeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let wallet = locked(&tx, &new.wallet).await?.wallet;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut own = recharges::find(tx.conn(), &call.tenant, wallet.id).await?;
    etag::check(&new.etag, own.version)?;
    new.rules.must_fit(&wallet)?;
    if !new.rules.is_none() {
        must_not_be_postpaid(&wallet)?;
        settings::find(tx.conn(), &call.tenant).await?.must_sell_by_saved()?;
        let methods = methods::of_customer(tx.conn(), &call.tenant, wallet.customer).await?;
        methods.collection.ok_or_else(recharge::no_method)?;
    }
    let had_month_end = own.rules.month_end.is_some();
    own.rules = new.rules;
    own.start_anew();
    own.month_end_marked &= new.rules.month_end.is_some();
    own.version = own.version.saturating_add(1);
    recharge::publish(&mut tx, &wallet, &own).await?;
    let subject = wallet.id.to_string();
    match new.rules.month_end {
        Some(_) if had_month_end => {}
        Some(_) => schedule(&tx, jobs::MONTH_END, &subject, next_month_end_after(tx.time().zone, tx.now())).await?,
        None => cancel(&tx, jobs::MONTH_END, &subject).await?,
    }
    recharge::mark(&tx, [&wallet]).await?;
    tx.commit(UpdateAutoRechargeResponse { auto_recharge: Some(parse_recharge::render(&new.wallet.name(), &own)) }).await
}

/// Judges the rules again after a failure.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `RECHARGE_STATE`.
pub async fn retry(app: &App, call: &Call, named: &WalletRef) -> Result<Answer<RetryAutoRechargeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let wallet = locked(&tx, named).await?.wallet;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut own = recharges::find(tx.conn(), &call.tenant, wallet.id).await?;
    own.retry()?;
    recharge::publish(&mut tx, &wallet, &own).await?;
    recharge::mark(&tx, [&wallet]).await?;
    tx.commit(RetryAutoRechargeResponse { auto_recharge: Some(parse_recharge::render(&named.name(), &own)) }).await
}

/// The rules and how they stand.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn read(app: &App, named: &WalletRef) -> Result<GetAutoRechargeResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    super::read::found(&conn, named).await?;
    let own = recharges::find(&conn, &named.tenant, named.wallet).await?;
    Ok(GetAutoRechargeResponse { auto_recharge: Some(parse_recharge::render(&named.name(), &own)) })
}
