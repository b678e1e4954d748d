//! Ends the month of a wallet: what deposits paid and what accrued to an agreement is told to invoicing,
//! which bills it; the wallet is at zero but for its credit.

use super::create_top_up::wallet_name;
use crate::{
    App, jobs, postpaid_messages as messages,
    store::{
        accruals::{self, Closing},
        postpaid,
        wallets::{self, Locked},
    },
};
use chrono::{Months, NaiveDate};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, cancel, schedule, take},
    kill, names,
    render::money,
};
use payterms_kernel::{
    Id, Money, Refusal, TenantId,
    calendar::{day_in, first_of_month, start_of_day},
};
use payterms_proto::wallet::v1::{PostpaidAgreementChanged, UsageMonthClosed, UsageMonthLine};
use payterms_wallet_domain::{
    Wallet,
    month::{self, Billed},
    postpaid::{Agreement, AgreementState},
};
use uuid::Uuid;

/// Runs the job: the subject is the wallet, the month is the one that is over when the row falls due.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("wallet {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("wallet", id)).await?;
    let Some(mut own) = wallets::lock_many(&tx, &[Id::from_uuid(id)]).await?.pop() else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    // By its due date, not by today: after a standstill no month is passed over.
    let turned = day_in(tx.time().zone, row.due).pred_opt().unwrap_or_default();
    let month = first_of_month(turned);
    let mut agreement = postpaid::live(tx.conn(), &row.tenant, own.wallet.id).await?.filter(|_| own.wallet.overdraft.is_some());
    end_month(&mut tx, &mut own, agreement.as_mut(), month).await?;
    kill::point("month.before_close");
    tx.commit_rows().await?;
    kill::point("month.after_close");
    Ok(())
}

async fn used(tx: &WriteTx, wallet: &Wallet, month: NaiveDate) -> Result<Money, AppError> {
    let open = accruals::open(tx.conn(), &tx.call().tenant, wallet.id, (month, false)).await?;
    Ok(Billed::of(wallet, &open.postpaid)?.total)
}

/// Ends a month that is over.
async fn end_month(tx: &mut WriteTx, own: &mut Locked, mut agreement: Option<&mut Agreement>, month: NaiveDate) -> Result<(), AppError> {
    let (zero, now) = (Money::zero(own.wallet.currency), tx.now());
    let shortfall = match &mut agreement {
        Some(agreement) => {
            let used = used(tx, &own.wallet, month).await?;
            agreement.close_month(&mut own.wallet, (month, used), now)?
        }
        None => zero,
    };
    close(tx, own, agreement, month, (shortfall, (zero, 0))).await
}

/// Ends an agreement early: months that are over and not closed yet are closed first, then this one, with
/// the rest of the commitment.
///
/// # Errors
/// `POSTPAID_STATE`.
pub(super) async fn terminate(tx: &mut WriteTx, own: &mut Locked, agreement: &mut Agreement, explanation: String) -> Result<(), AppError> {
    let now = tx.now();
    let this = first_of_month(day_in(tx.time().zone, now));
    while let Some(over) = own.wallet.closes.filter(|month| *month < this && agreement.state == AgreementState::Active) {
        end_month(tx, own, Some(&mut *agreement), over).await?;
        *own = wallets::lock_many(tx, &[own.wallet.id]).await?.pop().ok_or_else(Refusal::not_found)?;
    }
    let used = used(tx, &own.wallet, this).await?;
    let (shortfall, rest, months) = agreement.terminate(&mut own.wallet, (this, used), explanation, now)?;
    close(tx, own, Some(agreement), this, (shortfall, (rest, months))).await
}

/// Closes, saves and tells; the next month's end falls due where there will be something to close.
async fn close(
    tx: &mut WriteTx,
    own: &mut Locked,
    agreement: Option<&mut Agreement>,
    month: NaiveDate,
    (shortfall, rest): (Money, (Money, u32)),
) -> Result<(), AppError> {
    let (tenant, now, id) = (tx.call().tenant.clone(), tx.now(), tx.ids().make::<Closing>().uuid());
    let closing = Closing {
        id,
        wallet: own.wallet.id,
        month,
        agreement: agreement.as_ref().map(|agreement| agreement.id),
        shortfall,
        rest,
        created_at: now,
    };
    let ends = agreement.as_ref().is_some_and(|agreement| agreement.state != AgreementState::Active);
    let open = accruals::open(tx.conn(), &tenant, own.wallet.id, (month, ends)).await?;
    let deposits = Billed::of(&own.wallet, &open.deposit)?;
    let used = Billed::of(&own.wallet, &open.postpaid)?;
    month::settle_deposits(&mut own.wallet, tx.ids(), &deposits, id, now)?;
    month::settle_postpaid(&mut own.wallet, tx.ids(), &used, now)?;
    accruals::close(tx.conn(), &tenant, &closing, ends).await?;
    let next = month.checked_add_months(Months::new(1)).unwrap_or(month);
    let more = own.wallet.overdraft.is_some() || accruals::later(tx.conn(), &tenant, own.wallet.id, month).await?;
    own.wallet.closes = more.then_some(next);
    let subject = own.wallet.id.to_string();
    if more {
        let due = next.checked_add_months(Months::new(1)).unwrap_or(next);
        schedule(tx, jobs::CLOSE_MONTH, &subject, start_of_day(tx.time().zone, due)).await?;
    } else {
        cancel(tx, jobs::CLOSE_MONTH, &subject).await?;
    }
    wallets::save_many(tx, std::slice::from_mut(own)).await?;
    if let Some(agreement) = agreement {
        postpaid::save(tx, agreement).await?;
        let event =
            PostpaidAgreementChanged { postpaid_agreement: Some(messages::agreement(&wallet_name(&tenant, &own.wallet), agreement)) };
        tx.emit("postpaid_agreement", &agreement.id.to_string(), &event).await?;
    }
    if let Some(event) = told(&tenant, &own.wallet, &closing, (&deposits, &used)) {
        tx.emit("usage_month", &id.to_string(), &event).await?;
    }
    Ok(())
}

/// What is told of a closing; nothing where nothing is to be invoiced.
fn told(tenant: &TenantId, wallet: &Wallet, closing: &Closing, (deposits, used): (&Billed, &Billed)) -> Option<UsageMonthClosed> {
    let some = [deposits.total, used.total, closing.shortfall, closing.rest.0].iter().any(|own| own.is_positive());
    let lines = |billed: &Billed| {
        billed.lines.iter().map(|(label, sum)| UsageMonthLine { label: label.clone(), amount: Some(money(*sum)) }).collect()
    };
    let name = wallet_name(tenant, wallet);
    some.then(|| UsageMonthClosed {
        postpaid_agreement: closing.agreement.map(|agreement| messages::name(&name, agreement)).unwrap_or_default(),
        wallet: name,
        closing_id: closing.id.to_string(),
        month: Some(payterms_chassis::render::date(closing.month)),
        prepaid_lines: lines(deposits),
        postpaid_lines: lines(used),
        shortfall: Some(money(closing.shortfall)),
        rest: Some(money(closing.rest.0)),
        rest_month_count: i32::try_from(closing.rest.1).unwrap_or_default(),
    })
}

/// What was told of a closing, by its id.
///
/// # Errors
/// The database's.
pub async fn closed(tx: &WriteTx, id: Uuid) -> Result<Option<UsageMonthClosed>, AppError> {
    let tenant = &tx.call().tenant;
    let Some((closing, open)) = accruals::closed(tx.conn(), tenant, id).await? else { return Ok(None) };
    let Some(wallet) = wallets::find_many(tx.conn(), tenant, &[closing.wallet]).await?.pop() else { return Ok(None) };
    let (deposits, used) = (Billed::of(&wallet, &open.deposit)?, Billed::of(&wallet, &open.postpaid)?);
    Ok(told(tenant, &wallet, &closing, (&deposits, &used)))
}
