//! Notes what was taken back from a customer, for the statement of its month
//! (docs/domain/invoicing.md#statement-lists).

use crate::store::taken_back;
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{instant_of, money_of},
};
use payterms_invoicing_domain::{
    Customer,
    statement::{TakenBack, TakenFor},
};
use payterms_kernel::{Id, Money, calendar::day_in};
use payterms_proto::wallet::v1::{CreditRevocationChanged, GrantTakenBack, revocation::State};
use uuid::Uuid;

/// Notes that something was taken back today, or is there again.
///
/// # Errors
/// The database's.
pub async fn note_taken_back(
    tx: &WriteTx,
    id: Uuid,
    customer: Id<Customer>,
    why: TakenFor,
    amount: Money,
) -> Result<(), AppError> {
    note_on(tx, id, customer, why, tx.today(), amount).await
}

async fn note_on(
    tx: &WriteTx,
    id: Uuid,
    customer: Id<Customer>,
    why: TakenFor,
    on: NaiveDate,
    amount: Money,
) -> Result<(), AppError> {
    if !amount.is_positive() {
        return Ok(());
    }
    let amount = if why.is_there_again() { amount.negated() } else { amount };
    taken_back::insert(
        tx.conn(),
        &tx.call().tenant,
        id,
        customer,
        &TakenBack { why, on, amount, invoices: String::new() },
    )
    .await
}

/// Bought credit was withheld, or given back.
///
/// # Errors
/// `Fault` for what no wallet can have told.
pub async fn note_revocation(
    tx: &WriteTx,
    event: &CreditRevocationChanged,
) -> Result<(), AppError> {
    let Some(revocation) = event.revocation.as_ref().filter(|_| event.decided) else {
        return Ok(());
    };
    let why = match revocation.state() {
        State::Revoked => TakenFor::Revocation,
        State::Restored => TakenFor::Restoration,
        State::Proposed | State::Refused | State::Unspecified => return Ok(()),
    };
    let fault = || AppError::Fault(format!("revocation {:?}", revocation.name));
    let name = names::parse(&revocation.name, &["customers", "wallets", "revocations"])
        .ok_or_else(fault)?;
    let amount = revocation.amount.as_ref().and_then(money_of).ok_or_else(fault)?;
    note_taken_back(tx, name.id(2), Id::from_uuid(name.id(0)), why, amount).await
}

/// What was left of granted credit was taken back; a snapshot says on which day.
///
/// # Errors
/// `Fault` for what no wallet can have told.
pub async fn note_grant(
    tx: &WriteTx,
    event: &GrantTakenBack,
    snapshot: bool,
) -> Result<(), AppError> {
    let fault = || AppError::Fault(format!("granted credit {:?}", event.lot));
    let name = names::parse(&event.lot, &["customers", "wallets", "lots"]).ok_or_else(fault)?;
    let amount = event.amount.as_ref().and_then(money_of).ok_or_else(fault)?;
    let at = event.take_time.as_ref().and_then(instant_of).ok_or_else(fault)?;
    let on = if snapshot { day_in(tx.time().zone, at) } else { tx.today() };
    note_on(tx, name.id(2), Id::from_uuid(name.id(0)), TakenFor::GrantVoid, on, amount).await
}
