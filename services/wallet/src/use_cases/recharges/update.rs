//! Sets a wallet's rules of auto-recharge.

use super::{
    mark_month_end,
    recharge::{charge_for, no_collection_method},
    save::{publish_recharge, schedule_recharges},
};
use crate::{
    app::App,
    commands::recharges::UpdateAutoRecharge,
    messages::recharges as messages,
    store::{customers, methods, recharges, settings},
    use_cases::wallets::load::lock_wallet,
};
use payterms_chassis::{
    Answer, AppError, Call, etag,
    jobs::{cancel, schedule},
};
use payterms_kernel::{Refusal, calendar::next_month_end_after};
use payterms_proto::wallet::v1::UpdateAutoRechargeResponse;
use payterms_wallet_domain::postpaid::must_not_be_postpaid;
use rust_decimal::Decimal;

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
        let settings = settings::find(tx.conn(), &call.tenant).await?;
        settings.must_sell_by_saved()?;
        let methods = methods::of_customer(tx.conn(), &call.tenant, wallet.customer).await?;
        let method = methods.collection.and_then(|id| methods.get(id)).ok_or_else(no_collection_method)?;
        let customer = customers::find(tx.conn(), &call.tenant, wallet.customer).await?.ok_or_else(Refusal::not_found)?;
        let least = settings.minimum(method.kind, wallet.currency)?;
        // Where the tax is not known yet, the figures count without it: each recharge says what is missing.
        let rate = customer.must_have_tax().map_or(Decimal::ZERO, |tax| tax.rate_percent);
        new.rules.must_work(least, |credit| charge_for(&settings, credit, (rate, least)))?;
    }
    let had_month_end = recharge.rules.month_end.is_some();
    recharge.rules = new.rules;
    recharge.start_anew();
    recharge.month_end_marked &= new.rules.month_end.is_some();
    recharge.version = recharge.version.saturating_add(1);
    publish_recharge(&mut tx, &wallet, &recharge).await?;
    let subject = wallet.id.to_string();
    match new.rules.month_end {
        Some(_) if had_month_end => {}
        Some(_) => schedule(&tx, mark_month_end::JOB, &subject, next_month_end_after(tx.time().zone, tx.now())).await?,
        None => cancel(&tx, mark_month_end::JOB, &subject).await?,
    }
    schedule_recharges(&tx, [&wallet]).await?;
    tx.commit(UpdateAutoRechargeResponse { auto_recharge: Some(messages::auto_recharge(&new.wallet.name(), &recharge)) }).await
}
