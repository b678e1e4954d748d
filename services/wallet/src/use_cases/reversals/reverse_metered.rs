//! Takes a use off the open month of its metered service.

use super::{invoiced::metered_refusal, load::must_be_one_persons};
use crate::{
    app::App,
    commands::reversals::ReverseMeteredUse,
    messages,
    store::{metered, reversals, usage},
    use_cases::wallets::load::lock_wallet,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::{Money, Refusal};
use payterms_proto::wallet::v1::{ReverseMeteredUseResponse, TransferReversed};
use payterms_wallet_domain::{
    Reversal,
    metered_reversal::{MeteredOriginal, reverse_metered},
    not_reversible::reversed_otherwise,
};

/// Reverses a use that a metered service has not billed yet.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `NOT_REVERSIBLE`, `USAGE_INVOICED`, `SECOND_PERSON_REQUIRED`; those of
/// [`reverse_metered`].
pub async fn reverse_metered_use(
    app: &App,
    call: &Call,
    command: &ReverseMeteredUse,
) -> Result<Answer<ReverseMeteredUseResponse>, AppError> {
    let (named, tenant) = (&command.wallet, &call.tenant);
    let mut tx = app.db.begin(call).await?;
    // The closing of the service's month takes the wallet's lock first, too.
    let locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let record = usage::find(tx.conn(), tenant, named.wallet, command.record)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let metered = record.metered.ok_or_else(|| reversed_otherwise(&record))?;
    let service = metered::lock(&tx, metered.service).await?.ok_or_else(Refusal::not_found)?;
    if metered.month < service.open_month {
        return Err(metered_refusal(&tx, &service, metered.month, record.unit_price).await?);
    }
    let sum = reversals::sums(tx.conn(), tenant, &[], &[record.id.uuid()])
        .await?
        .remove(&record.id.uuid());
    let zero = Money::zero(locked.wallet.currency);
    let (reversed, reversed_amount) =
        sum.map_or((rust_decimal::Decimal::ZERO, zero), |sum| (sum.quantity, sum.amount));
    let original = MeteredOriginal { record, reversed, reversed_amount };
    let now = tx.now();
    let id = tx.id::<Reversal>().uuid();
    let reversal = reverse_metered(&locked.wallet, id, &original, command.order.clone(), now)?;
    must_be_one_persons(&tx, reversed_amount, &reversal).await?;
    reversals::insert(tx.conn(), tenant, &reversal, Some(&original.record)).await?;
    let rendered = Some(messages::reversals::reversal(&named.name(), &reversal));
    let after = messages::wallets::wallet(tenant, &locked.wallet, now)?;
    let event = TransferReversed { wallet: Some(after), reversal: rendered.clone() };
    tx.emit("wallet", &named.wallet.to_string(), &event).await?;
    tx.commit(ReverseMeteredUseResponse { reversal: rendered }).await
}
