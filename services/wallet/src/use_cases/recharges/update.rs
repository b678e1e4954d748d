//! Sets a wallet's rules of auto-recharge, and takes them away.

use super::{
    load::RechargeTerms,
    mark_month_end,
    recharge::no_collection_method,
    save::{publish_new_rules, schedule_recharges},
};
use crate::{
    app::App,
    commands::recharges::{RemoveAutoRecharge, UpdateAutoRecharge},
    store::recharges,
    use_cases::wallets::load::lock_wallet,
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx, etag,
    jobs::{cancel, schedule},
};
use payterms_kernel::calendar::next_month_end_after;
use payterms_proto::wallet::v1::{
    AutoRecharge as AutoRechargeMessage, RemoveAutoRechargeResponse, UpdateAutoRechargeResponse,
};
use payterms_wallet_domain::{
    AutoRecharge, Wallet, postpaid::must_not_be_postpaid, recharge::Rules,
};

/// Sets the rules.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `CURRENCY_MISMATCH`, `FIELD_OUT_OF_RANGE`,
/// `FEATURE_DISABLED`, `POSTPAID_ACTIVE`, `COLLECTION_METHOD_REQUIRED`.
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
    let recharge = recharges::find(tx.conn(), &call.tenant, wallet.id).await?;
    etag::check(&new.etag, recharge.version)?;
    new.rules.must_fit(&wallet)?;
    if !new.rules.is_none() {
        must_not_be_postpaid(&wallet)?;
        let loaded =
            RechargeTerms::load(tx.conn(), &call.tenant, &wallet, tx.time().zone, tx.now()).await?;
        loaded.settings.must_sell_by_saved()?;
        let Some(method) = &loaded.method else {
            new.rules.must_aim_above_threshold()?;
            return Err(no_collection_method().into());
        };
        let least = loaded.settings.minimum(method.kind, wallet.currency)?;
        new.rules.must_work(least, |credit| loaded.charge(credit))?;
    }
    let auto_recharge = Some(set_rules(&mut tx, &wallet, recharge, new.rules, "").await?);
    tx.commit(UpdateAutoRechargeResponse { auto_recharge }).await
}

/// Takes the rules of a customer away, because a person of the tenant says so.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `RECHARGE_STATE`.
pub async fn remove_auto_recharge(
    app: &App,
    call: &Call,
    RemoveAutoRecharge { wallet: named, explanation }: &RemoveAutoRecharge,
) -> Result<Answer<RemoveAutoRechargeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let wallet = lock_wallet(&tx, named).await?.wallet;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let recharge = recharges::find(tx.conn(), &call.tenant, wallet.id).await?;
    recharge.must_have_rules()?;
    let auto_recharge =
        Some(set_rules(&mut tx, &wallet, recharge, Rules::default(), explanation).await?);
    tx.commit(RemoveAutoRechargeResponse { auto_recharge }).await
}

/// Saves and publishes new rules, and schedules the month's end. `removed_because` says why a
/// person of the tenant took them away.
async fn set_rules(
    tx: &mut WriteTx,
    wallet: &Wallet,
    mut recharge: AutoRecharge,
    rules: Rules,
    removed_because: &str,
) -> Result<AutoRechargeMessage, AppError> {
    let had_month_end = recharge.rules.month_end.is_some();
    recharge.set(rules);
    let rendered = publish_new_rules(tx, wallet, &recharge, removed_because).await?;
    let subject = wallet.id.to_string();
    match rules.month_end {
        Some(_) if had_month_end => {}
        Some(_) => {
            schedule(
                tx,
                mark_month_end::JOB,
                &subject,
                next_month_end_after(tx.time().zone, tx.now()),
            )
            .await?;
        }
        None => cancel(tx, mark_month_end::JOB, &subject).await?,
    }
    schedule_recharges(tx, [wallet]).await?;
    Ok(rendered)
}
