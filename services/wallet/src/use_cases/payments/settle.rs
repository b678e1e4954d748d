//! Settles a payment: captures reserved credit and turns a surplus into purchased credit.

use super::{load::lock_payment_wallet, save::bought_lot};
use crate::{
    app::App,
    commands::{customers::CustomerRef, payments::SettlePayment},
    messages::wallets as messages,
    store::{charges, disputes, holds, methods, settings, transfers},
    use_cases::{
        charges::save::publish_charge,
        disputes::save::{Change, publish_dispute},
        recharges::save::schedule_recharges,
        wallets::save::save_wallet,
    },
};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_kernel::{Id, Money, Reason, Refusal};
use payterms_proto::wallet::{peers::v1::SettlePaymentResponse, v1::PaymentSettled};
use payterms_wallet_domain::{
    Charge, ChargeState, Wallet,
    chargeback::{self, LotParts, SettledPayment},
    settlement,
};

/// Captures reserved credit and turns a surplus into purchased credit.
///
/// # Errors
/// `HOLD_STATE` for a payment that was released.
pub async fn settle_payment(
    app: &App,
    call: &Call,
    SettlePayment { payment: named, credit, surplus: amount_beyond }: &SettlePayment,
) -> Result<Answer<SettlePaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let mut captured = Money::zero(named.currency);
    if *credit {
        let held = holds::of_payment(tx.conn(), &call.tenant, named.payment).await?;
        let mut hold = held.ok_or_else(|| {
            Refusal::state(Reason::HOLD_STATE, "The payment's hold", "MISSING", &[])
        })?;
        settlement::capture(&mut locked.wallet, &mut hold, tx.ids(), now)?;
        captured = hold.captured;
        holds::save(&tx, locked.wallet.id, &hold).await?;
    }
    let (mut surplus, mut taken_back, mut moved) = (None, Vec::new(), Vec::new());
    let has_surplus = transfers::has_surplus(tx.conn(), &call.tenant, named.payment).await?;
    if let Some(amount) = amount_beyond.filter(|_| !has_surplus) {
        let expires_at =
            settings::find(tx.conn(), &call.tenant).await?.purchased_expiry(tx.time().zone, now);
        let id = settlement::surplus(
            &mut locked.wallet,
            tx.ids(),
            named.payment,
            amount,
            expires_at,
            now,
        )?;
        taken_back = charges::of_payment(tx.conn(), &call.tenant, named.payment).await?;
        let successful = taken_back.iter().filter(|charge| {
            matches!(charge.state, ChargeState::Succeeded | ChargeState::ChargedBack)
        });
        let retained = successful
            .map(|charge| charge.amount)
            .try_fold(captured.minus(amount)?, Money::plus)?;
        let settled = SettledPayment { payment: named.payment, charges: &mut taken_back, retained };
        moved = chargeback::before_surplus(&mut locked.wallet, tx.ids(), settled, now)?;
        surplus = bought_lot(&tx, &locked, Some(id), expires_at).await?;
    }
    let mut lots = chargeback::lots_taken(&locked.wallet);
    let after = messages::wallet(&call.tenant, &locked.wallet, now)?;
    save_wallet(&tx, &mut locked).await?;
    schedule_recharges(&tx, [&locked.wallet]).await?;
    let event =
        PaymentSettled { wallet: Some(after), payment: named.name(), surplus: surplus.clone() };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    for (place, part) in moved {
        let Some(charge) = taken_back.get(place) else { continue };
        let from = chargeback::split_off(&mut lots, part)?;
        tell_of_surplus(&mut tx, &locked.wallet, charge, part, from).await?;
    }
    tx.commit(SettlePaymentResponse { surplus }).await
}

/// Saves that a part of what was taken back of a charge had become credit, and tells of it: its
/// dispute gives back what it names.
async fn tell_of_surplus(
    tx: &mut WriteTx,
    wallet: &Wallet,
    charge: &Charge,
    part: Money,
    lots: LotParts,
) -> Result<(), AppError> {
    let (tenant, customer) = (tx.call().tenant.clone(), wallet.customer);
    publish_charge(tx, &CustomerRef { tenant: tenant.clone(), customer }, charge).await?;
    let Some(dispute) = charge.charged_back.and_then(|back| back.dispute) else { return Ok(()) };
    let Some(mut dispute) = disputes::find(tx.conn(), &tenant, Id::from_uuid(dispute)).await?
    else {
        return Ok(());
    };
    dispute.taken.from_surplus_after_all(part)?;
    dispute.also_from(lots)?;
    dispute.updated_at = tx.now().max(dispute.updated_at);
    let methods = &methods::of_customer(tx.conn(), &tenant, customer).await?;
    publish_dispute(tx, wallet, &dispute, Change { top_up: None, methods, paid_owed: None })
        .await?;
    Ok(())
}
