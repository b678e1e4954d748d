//! Saves the closing of a month, and publishes what is to be invoiced of it.

use super::close::JOB;
use crate::{
    commands::wallets::name_of,
    messages::postpaid::agreement_name,
    store::{
        accruals::{self, Closing},
        wallets::{self, Locked},
    },
    use_cases::{postpaid::save::publish_agreement, wallets::save::save_wallet},
};
use chrono::{Months, NaiveDate};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule},
    render::{date, money},
};
use payterms_kernel::{Money, TenantId, calendar::start_of_day};
use payterms_proto::wallet::v1::{UsageMonthClosed, UsageMonthLine};
use payterms_wallet_domain::{
    Wallet,
    month::{self, Billed},
    postpaid::{Agreement, AgreementState},
};
use uuid::Uuid;

/// Closes, saves and publishes; the next month's end falls due where there will be something to close.
pub(super) async fn save_closing(
    tx: &mut WriteTx,
    locked: &mut Locked,
    agreement: Option<&mut Agreement>,
    month: NaiveDate,
    (shortfall, rest): (Money, (Money, u32)),
) -> Result<(), AppError> {
    let (tenant, now, id) = (tx.call().tenant.clone(), tx.now(), tx.ids().make::<Closing>().uuid());
    let closing = Closing {
        id,
        wallet: locked.wallet.id,
        month,
        agreement: agreement.as_ref().map(|agreement| agreement.id),
        shortfall,
        rest,
        created_at: now,
    };
    let ends = agreement.as_ref().is_some_and(|agreement| agreement.state != AgreementState::Active);
    let open = accruals::open(tx.conn(), &tenant, locked.wallet.id, (month, ends)).await?;
    let deposits = Billed::of(&locked.wallet, &open.deposit)?;
    let used = Billed::of(&locked.wallet, &open.postpaid)?;
    month::settle_deposits(&mut locked.wallet, tx.ids(), &deposits, id, now)?;
    month::settle_postpaid(&mut locked.wallet, tx.ids(), &used, now)?;
    accruals::close(tx.conn(), &tenant, &closing, ends).await?;
    let next = month.checked_add_months(Months::new(1)).unwrap_or(month);
    let more = locked.wallet.overdraft.is_some() || accruals::later(tx.conn(), &tenant, locked.wallet.id, month).await?;
    locked.wallet.closes = more.then_some(next);
    let subject = locked.wallet.id.to_string();
    if more {
        let due = next.checked_add_months(Months::new(1)).unwrap_or(next);
        schedule(tx, JOB, &subject, start_of_day(tx.time().zone, due)).await?;
    } else {
        cancel(tx, JOB, &subject).await?;
    }
    save_wallet(tx, locked).await?;
    if let Some(agreement) = agreement {
        publish_agreement(tx, locked, agreement).await?;
    }
    if let Some(event) = usage_month_closed(&tenant, &locked.wallet, &closing, (&deposits, &used)) {
        tx.emit("usage_month", &id.to_string(), &event).await?;
    }
    Ok(())
}

/// The event of a closing; none where nothing is to be invoiced.
fn usage_month_closed(
    tenant: &TenantId,
    wallet: &Wallet,
    closing: &Closing,
    (deposits, used): (&Billed, &Billed),
) -> Option<UsageMonthClosed> {
    let some = [deposits.total, used.total, closing.shortfall, closing.rest.0].iter().any(|amount| amount.is_positive());
    let lines = |billed: &Billed| {
        billed.lines.iter().map(|(label, sum)| UsageMonthLine { label: label.clone(), amount: Some(money(*sum)) }).collect()
    };
    let name = name_of(tenant, wallet);
    some.then(|| UsageMonthClosed {
        postpaid_agreement: closing.agreement.map(|agreement| agreement_name(&name, agreement)).unwrap_or_default(),
        wallet: name,
        closing_id: closing.id.to_string(),
        month: Some(date(closing.month)),
        prepaid_lines: lines(deposits),
        postpaid_lines: lines(used),
        shortfall: Some(money(closing.shortfall)),
        rest: Some(money(closing.rest.0)),
        rest_month_count: i32::try_from(closing.rest.1).unwrap_or_default(),
    })
}

/// The event of a closing, by its id.
pub async fn closed_month(tx: &WriteTx, id: Uuid) -> Result<Option<UsageMonthClosed>, AppError> {
    let tenant = &tx.call().tenant;
    let Some((closing, open)) = accruals::closed(tx.conn(), tenant, id).await? else { return Ok(None) };
    let Some(wallet) = wallets::find_many(tx.conn(), tenant, &[closing.wallet]).await?.pop() else { return Ok(None) };
    let (deposits, used) = (Billed::of(&wallet, &open.deposit)?, Billed::of(&wallet, &open.postpaid)?);
    Ok(usage_month_closed(tenant, &wallet, &closing, (&deposits, &used)))
}
