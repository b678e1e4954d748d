//! Transfers back that the bank sent back to us: their money is on account again
//! (docs/domain/invoicing.md#transfer-refund-came-back).

use super::save::publish_transfer_refund;
use crate::{
    bank_files::{CameBack, CameBackAs, RETURNED, ReadFile, ReadLine, Taken},
    store::transfer_refunds,
    use_cases::{
        bank_lines::identify::account_hmac,
        mails::transfer_refund_notices::mail_transfer_refund_returned,
    },
};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    BankLine, TransferRefund,
    bank::{LineState, RefundOfCustomer},
    transfer_refund::RefundState,
};
use payterms_kernel::{Money, TenantId};
use sea_orm::ConnectionTrait;
use std::{cmp::Reverse, collections::BTreeSet};

/// Whether a line has the reference of a transfer back, or else its account and amount alone; none:
/// it is another one.
fn fit(line: &ReadLine, amount: Money, key: &str, refund: &TransferRefund) -> Option<bool> {
    let is_in_its_currency = refund.credit.currency() == amount.currency();
    if is_in_its_currency && line.refund_references.contains(&refund.reference) {
        return Some(true);
    }
    (refund.amount().is_ok_and(|each| each == amount) && refund.account.key == key).then_some(false)
}

/// Makes lines of the entries of a file that may be transfers back of ours that came back; others
/// stay findings. A line that came in with such a reference, and that the bank does not call a
/// return, may be one too.
pub async fn take_in_what_came_back<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    file: &mut ReadFile,
    secret: &str,
) -> Result<(), AppError> {
    let entries = std::mem::take(&mut file.came_back);
    let returned: Vec<&ReadLine> =
        entries.iter().flat_map(|came_back| &came_back.booking.lines).collect();
    let plain = file
        .statements
        .iter()
        .flat_map(|read_statement| &read_statement.bookings)
        .flat_map(|read_booking| &read_booking.lines);
    let references: BTreeSet<_> = plain
        .chain(returned.iter().copied())
        .flat_map(|line| line.refund_references.iter().cloned())
        .collect();
    let keys: BTreeSet<_> = returned
        .iter()
        .map(|line| account_hmac(secret, &line.payer_account))
        .filter(|key| !key.is_empty())
        .collect();
    if references.is_empty() && keys.is_empty() {
        return Ok(());
    }
    let mut refunds = transfer_refunds::to_return(conn, tenant, &references, &keys).await?;
    for CameBack { statement, mut booking, amount } in entries {
        let Some(line) = booking.lines.first_mut() else { continue };
        let key = account_hmac(secret, &line.payer_account);
        let best = refunds
            .iter()
            .enumerate()
            .filter_map(|(at, transfer_refund)| {
                Some((fit(line, amount, &key, transfer_refund)?, Reverse(at)))
            })
            .max();
        let Some((is_named, Reverse(at))) = best else { continue };
        // Each comes back once.
        line.came_back =
            Some(CameBackAs { refund: refund_of_customer(&refunds.remove(at)), is_named });
        let place = booking.place.to_string();
        file.findings
            .retain(|bank_finding| bank_finding.place != place || bank_finding.kind != RETURNED);
        file.ignored = file.ignored.saturating_sub(1);
        if let Some(statement) = file.statements.get_mut(statement) {
            statement.bookings.push(booking);
            statement.bookings.sort_by_key(|read_booking| read_booking.place);
        }
    }
    for line in file
        .statements
        .iter_mut()
        .flat_map(|read_statement| &mut read_statement.bookings)
        .flat_map(|read_booking| &mut read_booking.lines)
    {
        let named = refunds.iter().find(|transfer_refund| {
            line.came_back.is_none() && line.refund_references.contains(&transfer_refund.reference)
        });
        if let Some(refund) = named.filter(|_| line.shown.amount.is_positive()) {
            line.came_back =
                Some(CameBackAs { refund: refund_of_customer(refund), is_named: false });
        }
    }
    Ok(())
}

fn refund_of_customer(refund: &TransferRefund) -> RefundOfCustomer {
    RefundOfCustomer { refund: refund.id, customer: refund.customer }
}

/// Decides about new lines by which transfers back may have come back: by itself where reference
/// and amount agree.
pub async fn decide_what_came_back(tx: &mut WriteTx, taken: &mut Taken) -> Result<(), AppError> {
    let Taken { lines, named_refunds, .. } = taken;
    for line in lines.iter_mut().filter(|line| line.state != LineState::SuspectedDuplicate) {
        let Some(mut refund) = lock_of(tx, line).await? else { continue };
        let agrees = named_refunds.contains(&line.id) && refund.amount()? == line.shown.amount;
        let is_certain = agrees && refund.state == RefundState::Sent;
        line.came_back(&refund, is_certain);
        if is_certain {
            came_back(tx, &mut refund, line).await?;
        }
    }
    Ok(())
}

/// A person says that a line is money of its customer: the transfer back came back by it, if it is
/// one of this customer's. Before the line is stored.
pub async fn matched_by_a_person(tx: &mut WriteTx, line: &mut BankLine) -> Result<(), AppError> {
    let Some(mut refund) = lock_of(tx, line).await? else { return Ok(()) };
    if line.customer == Some(refund.customer) && refund.state == RefundState::Sent {
        line.can_go_back_to(&refund);
        came_back(tx, &mut refund, line).await?;
    }
    Ok(())
}

async fn came_back(
    tx: &mut WriteTx,
    refund: &mut TransferRefund,
    line: &BankLine,
) -> Result<(), AppError> {
    let (today, now) = (tx.today(), tx.now());
    refund.came_back(line.id, today, now)?;
    publish_transfer_refund(tx, refund).await?;
    mail_transfer_refund_returned(tx, refund, line.shown.amount, line.shown.booked_on).await
}

/// The match of a line is taken back: no transfer back came back by it, and whose account it came
/// from is not known. Before the line is stored.
pub async fn did_not_come_back(tx: &mut WriteTx, line: &mut BankLine) -> Result<(), AppError> {
    let Some(mut refund) = lock_of(tx, line).await? else { return Ok(()) };
    if refund.returned.is_some_and(|(by, _)| by == line.id) {
        let now = tx.now();
        line.shown.payer_key.clear();
        refund.did_not_come_back(now)?;
        publish_transfer_refund(tx, &refund).await?;
    }
    Ok(())
}

async fn lock_of(tx: &WriteTx, line: &BankLine) -> Result<Option<TransferRefund>, AppError> {
    let Some(refund_of_customer) = line.refund else { return Ok(None) };
    transfer_refunds::lock(tx.conn(), &tx.call().tenant, refund_of_customer.refund).await
}
