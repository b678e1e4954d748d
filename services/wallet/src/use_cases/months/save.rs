//! Saves the closing of a month, and publishes the amounts to invoice.

use super::close::JOB;
use crate::{
    commands::wallets::name_of,
    messages::postpaid::agreement_name,
    store::{
        accruals::{self, AgreementEnd, Closing, RestOfCommitment},
        wallets::{self, Locked},
    },
    use_cases::{
        postpaid::save::publish_agreement, recharges::save::schedule_recharges,
        wallets::save::save_wallet,
    },
};
use chrono::{DateTime, Months, NaiveDate, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule},
    render::{date, decimal, money},
};
use payterms_kernel::{Money, TenantId, calendar::start_of_day};
use payterms_proto::wallet::v1::{UsageMonthClosed, UsageMonthLine};
use payterms_wallet_domain::{
    Wallet,
    month::{self, Billed, BilledLine, Closed},
    postpaid::{Agreement, AgreementState},
};
use uuid::Uuid;

/// The part of a postpaid commitment that usage did not reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnusedCommitment {
    /// What is missing to the closed month's commitment.
    pub(super) shortfall: Money,
    /// The commitment of the months after a termination.
    pub(super) rest: RestOfCommitment,
}

/// Saves and publishes a closing. The next closing is scheduled if there will be something to
/// close.
pub(super) async fn save_closing(
    tx: &mut WriteTx,
    locked: &mut Locked,
    agreement: Option<&mut Agreement>,
    month: NaiveDate,
    ended_at: DateTime<Utc>,
    unused: UnusedCommitment,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let now = tx.now();
    let id = tx.ids().make::<Closing>().uuid();
    let closing = Closing {
        id,
        wallet: locked.wallet.id,
        month,
        agreement: agreement.as_ref().map(|agreement| agreement.id),
        shortfall: unused.shortfall,
        rest: unused.rest,
        created_at: now,
        ended_at: Some(ended_at),
        last_sequence: Some(locked.wallet.sequence),
    };
    let has_ended =
        agreement.as_ref().is_some_and(|agreement| agreement.state != AgreementState::Active);
    let end = if has_ended { AgreementEnd::Ends } else { AgreementEnd::Continues };
    let open = accruals::open(tx.conn(), &tenant, locked.wallet.id, month, end).await?;
    let deposits = Billed::of(&locked.wallet, &open.deposit)?;
    let used = Billed::of(&locked.wallet, &open.postpaid)?;
    let closed = Closed { month, id, at: now };
    // What accrued to an agreement first: where that ends with this closing, it would be a debt
    // from which rounding is taken off.
    month::settle_postpaid(&mut locked.wallet, tx.ids(), &used, closed)?;
    month::settle_deposits(&mut locked.wallet, tx.ids(), &deposits, closed)?;
    accruals::close(tx.conn(), &tenant, &closing, end).await?;
    let next = month.checked_add_months(Months::new(1)).unwrap_or(month);
    let is_metered = locked.wallet.overdraft.is_some()
        || accruals::later(tx.conn(), &tenant, locked.wallet.id, month).await?;
    locked.wallet.closes = is_metered.then_some(next);
    let subject = locked.wallet.id.to_string();
    if is_metered {
        let due = next.checked_add_months(Months::new(1)).unwrap_or(next);
        schedule(tx, JOB, &subject, start_of_day(tx.time().zone, due)).await?;
    } else {
        cancel(tx, JOB, &subject).await?;
    }
    save_wallet(tx, locked).await?;
    schedule_recharges(tx, [&locked.wallet]).await?;
    if let Some(agreement) = agreement {
        publish_agreement(tx, locked, agreement).await?;
    }
    if let Some(event) = usage_month_closed(&tenant, &locked.wallet, &closing, &deposits, &used) {
        tx.emit("usage_month", &id.to_string(), &event).await?;
    }
    Ok(())
}

/// The event of a closing; `None` if there is nothing to invoice.
fn usage_month_closed(
    tenant: &TenantId,
    wallet: &Wallet,
    closing: &Closing,
    deposits: &Billed,
    used: &Billed,
) -> Option<UsageMonthClosed> {
    let has_amounts = [deposits.total, used.total, closing.shortfall, closing.rest.amount]
        .iter()
        .any(|amount| amount.is_positive());
    let lines = |billed: &Billed| {
        let line = |line: &BilledLine| UsageMonthLine {
            label: line.label.clone(),
            amount: Some(money(line.amount)),
            quantity: line.priced.map(|(quantity, _)| decimal(quantity)),
            unit_price: line.priced.map(|(_, price)| money(price)),
        };
        billed.lines.iter().map(line).collect()
    };
    let name = name_of(tenant, wallet);
    has_amounts.then(|| UsageMonthClosed {
        postpaid_agreement: closing
            .agreement
            .map(|agreement| agreement_name(&name, agreement))
            .unwrap_or_default(),
        wallet: name,
        closing_id: closing.id.to_string(),
        month: Some(date(closing.month)),
        prepaid_lines: lines(deposits),
        postpaid_lines: lines(used),
        shortfall: Some(money(closing.shortfall)),
        rest: Some(money(closing.rest.amount)),
        rest_month_count: i32::try_from(closing.rest.months).unwrap_or_default(),
    })
}

/// The event of a closing, by its id.
pub async fn closed_month(tx: &WriteTx, id: Uuid) -> Result<Option<UsageMonthClosed>, AppError> {
    let tenant = &tx.call().tenant;
    let Some((closing, open)) = accruals::closed(tx.conn(), tenant, id).await? else {
        return Ok(None);
    };
    let Some(wallet) = wallets::find_many(tx.conn(), tenant, &[closing.wallet]).await?.pop() else {
        return Ok(None);
    };
    let deposits = Billed::of(&wallet, &open.deposit)?;
    let used = Billed::of(&wallet, &open.postpaid)?;
    Ok(usage_month_closed(tenant, &wallet, &closing, &deposits, &used))
}
