//! Takes a recurring fee once, and saves and publishes it.

use super::take::JOB;
use crate::{
    commands::wallets::name_of,
    messages,
    store::{fees, wallets::Locked},
    use_cases::{recharges::save::schedule_recharges, wallets::save::save_wallet},
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule},
};
use payterms_kernel::calendar::start_of_day;
use payterms_proto::wallet::v1::{FeePosted, RecurringFeeChanged};
use payterms_wallet_domain::RecurringFee;

/// Takes a fee, saves all, and schedules the next month.
pub(super) async fn take_month(
    tx: &mut WriteTx,
    locked: &mut Locked,
    fee: &mut RecurringFee,
) -> Result<(), AppError> {
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    let (posting, listed_fee) = fee.take(&mut locked.wallet, tx.ids(), now)?;
    let after = messages::wallets::wallet(&tenant, &locked.wallet, now)?;
    let event = FeePosted {
        posting: Some(messages::postings::posting(&after.name, &posting)),
        wallet: Some(after),
    };
    save_wallet(tx, locked).await?;
    fees::insert_many(tx, &[listed_fee]).await?;
    schedule_recharges(tx, [&locked.wallet]).await?;
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    publish_recurring_fee(tx, locked, fee).await
}

/// Saves a fee and publishes it; the next month's taking is scheduled.
pub(super) async fn publish_recurring_fee(
    tx: &mut WriteTx,
    locked: &Locked,
    fee: &RecurringFee,
) -> Result<(), AppError> {
    fees::save(tx, fee).await?;
    let subject = fee.id.to_string();
    match fee.next_on() {
        Some(day) => schedule(tx, JOB, &subject, start_of_day(tx.time().zone, day)).await?,
        None => cancel(tx, JOB, &subject).await?,
    }
    let wallet = name_of(&tx.call().tenant, &locked.wallet);
    let event =
        RecurringFeeChanged { recurring_fee: Some(messages::fees::recurring_fee(&wallet, fee)) };
    tx.emit("recurring_fee", &subject, &event).await
}
