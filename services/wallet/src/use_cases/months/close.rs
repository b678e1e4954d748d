//! Ends the month of a wallet: what deposits paid and what accrued to an agreement goes to invoicing,
//! which bills it; the wallet is at zero but for its credit.

use super::save::save_closing;
use crate::{
    app::App,
    store::{
        accruals, postpaid,
        wallets::{self, Locked},
    },
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, take},
    kill, names,
};
use payterms_kernel::{
    Id, Money, Refusal,
    calendar::{day_in, first_of_month},
};
use payterms_wallet_domain::{
    Wallet,
    month::Billed,
    postpaid::{Agreement, AgreementState},
};

/// The job; its subject is the wallet's id.
pub const JOB: &str = "close_month";

/// Closes the month that is over when the row falls due.
pub async fn close_month(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("wallet {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("wallet", id)).await?;
    let Some(mut locked) = wallets::lock_many(&tx, &[Id::from_uuid(id)]).await?.pop() else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    // By its due date, not by today: after a standstill no month is passed over.
    let turned = day_in(tx.time().zone, row.due).pred_opt().unwrap_or_default();
    let month = first_of_month(turned);
    let mut agreement = postpaid::live(tx.conn(), &row.tenant, locked.wallet.id).await?.filter(|_| locked.wallet.overdraft.is_some());
    end_month(&mut tx, &mut locked, agreement.as_mut(), month).await?;
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
async fn end_month(tx: &mut WriteTx, locked: &mut Locked, mut agreement: Option<&mut Agreement>, month: NaiveDate) -> Result<(), AppError> {
    let (zero, now) = (Money::zero(locked.wallet.currency), tx.now());
    let shortfall = match &mut agreement {
        Some(agreement) => {
            let used = used(tx, &locked.wallet, month).await?;
            agreement.close_month(&mut locked.wallet, (month, used), now)?
        }
        None => zero,
    };
    save_closing(tx, locked, agreement, month, (shortfall, (zero, 0))).await
}

/// Ends an agreement early: months that are over and not closed yet are closed first, then this one, with
/// the rest of the commitment.
///
/// # Errors
/// `POSTPAID_STATE`.
pub async fn close_for_termination(
    tx: &mut WriteTx,
    locked: &mut Locked,
    agreement: &mut Agreement,
    explanation: String,
) -> Result<(), AppError> {
    let now = tx.now();
    let this = first_of_month(day_in(tx.time().zone, now));
    while let Some(over) = locked.wallet.closes.filter(|month| *month < this && agreement.state == AgreementState::Active) {
        end_month(tx, locked, Some(&mut *agreement), over).await?;
        *locked = wallets::lock_many(tx, &[locked.wallet.id]).await?.pop().ok_or_else(Refusal::not_found)?;
    }
    let used = used(tx, &locked.wallet, this).await?;
    let (shortfall, rest, months) = agreement.terminate(&mut locked.wallet, (this, used), explanation, now)?;
    save_closing(tx, locked, Some(agreement), this, (shortfall, (rest, months))).await
}
