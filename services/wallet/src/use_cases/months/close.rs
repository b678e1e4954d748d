//! Closes the month of a wallet. The usage that deposits paid and the usage that accrued to an
//! agreement go to invoicing, which bills them; only credit stays in the wallet.

use super::save::{UnusedCommitment, save_closing};
use crate::{
    app::App,
    store::{
        accruals::{self, AgreementEnd, RestOfCommitment},
        postpaid,
        wallets::{self, Locked},
    },
};
use chrono::{DateTime, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    kill, names,
};
use payterms_kernel::{
    Id, Money, Refusal,
    calendar::{first_of_month, start_of_day},
};
use payterms_wallet_domain::{
    Wallet,
    month::Billed,
    postpaid::{Agreement, AgreementState, MonthUsage},
};

/// The job; its subject is the wallet's id.
pub const JOB: &str = "close_month";

/// Closes the month before the row's due date.
pub async fn close_month(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("wallet {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("wallet", id)).await?;
    let Some(mut locked) = wallets::lock_many(&tx, &[Id::from_uuid(id)]).await?.pop() else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    // The month is the wallet's and not today's, so that no month is skipped after an outage or
    // closed twice after a change of zone.
    let Some(month) = locked.wallet.closes else { return tx.commit_rows().await };
    let ends = end_of(tx.time().zone, month);
    if ends > tx.now() {
        schedule(&tx, JOB, &row.subject, ends).await?;
        return tx.commit_rows().await;
    }
    let mut agreement = postpaid::live(tx.conn(), &row.tenant, locked.wallet.id)
        .await?
        .filter(|_| locked.wallet.overdraft.is_some());
    // A move to a zone where the month is over already ends it at the move.
    end_month(&mut tx, &mut locked, agreement.as_mut(), month, ends.max(row.due)).await?;
    kill::point("month.before_close");
    tx.commit_rows().await?;
    kill::point("month.after_close");
    Ok(())
}

/// When a month ends in a zone.
#[must_use]
pub fn end_of(zone: Tz, month: NaiveDate) -> DateTime<Utc> {
    start_of_day(zone, month.checked_add_months(Months::new(1)).unwrap_or(month))
}

async fn used(tx: &WriteTx, wallet: &Wallet, month: NaiveDate) -> Result<Money, AppError> {
    let open =
        accruals::open(tx.conn(), &tx.call().tenant, wallet.id, month, AgreementEnd::Continues)
            .await?;
    Ok(Billed::of(wallet, &open.postpaid)?.total)
}

/// Closes a past month.
async fn end_month(
    tx: &mut WriteTx,
    locked: &mut Locked,
    mut agreement: Option<&mut Agreement>,
    month: NaiveDate,
    ended_at: DateTime<Utc>,
) -> Result<(), AppError> {
    let now = tx.now();
    let zero = Money::zero(locked.wallet.currency);
    let shortfall = match &mut agreement {
        Some(agreement) => {
            let used = used(tx, &locked.wallet, month).await?;
            agreement.close_month(&mut locked.wallet, MonthUsage { month, used }, now)?
        }
        None => zero,
    };
    let unused = UnusedCommitment { shortfall, rest: RestOfCommitment { amount: zero, months: 0 } };
    save_closing(tx, locked, agreement, month, ended_at, unused).await
}

/// Ends an agreement early. Past months that are not closed yet are closed first, then the current
/// one, with the rest of the commitment.
///
/// # Errors
/// `POSTPAID_STATE`.
pub async fn close_for_termination(
    tx: &mut WriteTx,
    locked: &mut Locked,
    agreement: &mut Agreement,
    explanation: String,
) -> Result<(), AppError> {
    let (now, zone) = (tx.now(), tx.time().zone);
    let current = first_of_month(tx.today());
    while let Some(past_month) = locked
        .wallet
        .closes
        .filter(|month| *month < current && agreement.state == AgreementState::Active)
    {
        end_month(tx, locked, Some(&mut *agreement), past_month, end_of(zone, past_month)).await?;
        *locked = wallets::lock_many(tx, &[locked.wallet.id])
            .await?
            .pop()
            .ok_or_else(Refusal::not_found)?;
    }
    let used = used(tx, &locked.wallet, current).await?;
    let (shortfall, amount, months) = agreement.terminate(
        &mut locked.wallet,
        MonthUsage { month: current, used },
        explanation,
        now,
    )?;
    let unused = UnusedCommitment { shortfall, rest: RestOfCommitment { amount, months } };
    save_closing(tx, locked, Some(agreement), current, end_of(zone, current), unused).await
}
