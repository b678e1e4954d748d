//! Sets a wallet's rules of auto-recharge.

use super::{
    load::RechargeTerms,
    mark_month_end,
    recharge::no_collection_method,
    save::{publish_recharge, schedule_recharges},
};
use crate::{app::App, commands::recharges::UpdateAutoRecharge, store::recharges, use_cases::wallets::load::lock_wallet};
use payterms_chassis::{
    Answer, AppError, Call, etag,
    jobs::{cancel, schedule},
};
use payterms_kernel::calendar::next_month_end_after;
use payterms_proto::wallet::v1::UpdateAutoRechargeResponse;
use payterms_wallet_domain::postpaid::must_not_be_postpaid;

/// Sets the rules.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `CURRENCY_MISMATCH`, `FIELD_OUT_OF_RANGE`, `FEATURE_DISABLED`,
/// `POSTPAID_ACTIVE`, `COLLECTION_METHOD_REQUIRED`.
pub async fn update_auto_recharge(
    app: &App,
    call: &Call,
    new: &UpdateAutoRecharge,
) -> Result<Answer<UpdateAutoRechargeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let wallet = lock_wallet(&tx, &new.wallet).await?.wallet;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut recharge = recharges::find(tx.conn(), &call.tenant, wallet.id).await?;
    etag::check(&new.etag, recharge.version)?;
    new.rules.must_fit(&wallet)?;
    if !new.rules.is_none() {
        must_not_be_postpaid(&wallet)?;
        let loaded = RechargeTerms::load(tx.conn(), &call.tenant, &wallet, (tx.time().zone, tx.now())).await?;
        loaded.settings.must_sell_by_saved()?;
        let method = loaded.method.as_ref().ok_or_else(no_collection_method)?;
        let least = loaded.settings.minimum(method.kind, wallet.currency)?;
        new.rules.must_work(least, |credit| loaded.charge(credit))?;
    }
    let had_month_end = recharge.rules.month_end.is_some();
    recharge.rules = new.rules;
    recharge.start_anew();
    recharge.end_pause();
    recharge.month_end_marked &= new.rules.month_end.is_some();
    recharge.version = recharge.version.saturating_add(1);
    let auto_recharge = Some(publish_recharge(&mut tx, &wallet, &recharge).await?);
    let subject = wallet.id.to_string();
    match new.rules.month_end {
        Some(_) if had_month_end => {}
        Some(_) => schedule(&tx, mark_month_end::JOB, &subject, next_month_end_after(tx.time().zone, tx.now())).await?,
        None => cancel(&tx, mark_month_end::JOB, &subject).await?,
    }
    schedule_recharges(&tx, [&wallet]).await?;
    tx.commit(UpdateAutoRechargeResponse { auto_recharge }).await
}
