//! Follows invoices: what is paid of a deferred one frees the limit, what is in a plan may bar new
//! draws.

use super::save::{DrawChanges, publish_line};
use crate::{
    commands::invoices::FollowInvoice,
    store::{
        customers, draws, lines,
        payment_history::{self, InvoiceStanding},
    },
};
use payterms_chassis::{AppError, WriteTx};

/// The event of an invoice.
pub async fn follow_invoice(tx: &mut WriteTx, command: &FollowInvoice) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let invoice = command.invoice;
    customers::save_planned(tx.conn(), &tenant, command.customer, invoice, command.plan.as_deref())
        .await?;
    save_standing(tx, command).await?;
    // What happened before it was deferred says nothing of the draw.
    let Some(deferred_by) = &command.draw else { return Ok(()) };
    let Some((line, _)) = draws::of_invoice(tx.conn(), &tenant, invoice).await? else {
        return Ok(());
    };
    let Some(mut line) = lines::lock(tx.conn(), &tenant, line).await? else { return Ok(()) };
    // Read again under the lock.
    let Some((_, mut draw)) = draws::of_invoice(tx.conn(), &tenant, invoice).await? else {
        return Ok(());
    };
    if !deferred_by.ends_with(&draw.id.to_string()) {
        return Ok(());
    }
    let now = tx.now();
    let (changed, entry) = line.follow(&mut draw, command.figures, now)?;
    if changed {
        line.touch(now);
        publish_line(
            tx,
            &mut line,
            DrawChanges { draws: vec![draw], entries: entry.into_iter().collect(), advised: None },
        )
        .await?;
    }
    Ok(())
}

/// Saves how the customer pays: what features are made of.
async fn save_standing(tx: &WriteTx, command: &FollowInvoice) -> Result<(), AppError> {
    // The purchase of credit asks for no debt.
    if command.is_top_up {
        return Ok(());
    }
    // What was taken back was never owed, nor late.
    if command.is_void {
        return payment_history::delete_invoice(
            tx.conn(),
            &tx.call().tenant,
            command.invoice.uuid(),
        )
        .await;
    }
    let (open, due_on) = (command.figures.open, command.figures.due_on);
    let standing = InvoiceStanding {
        id: command.invoice.uuid(),
        customer: command.customer,
        currency: open.currency(),
        paid: command.paid.micros(),
        open: open.micros(),
        issued_on: command.issued_on,
        due_on,
        late: command.last_paid_on.is_some_and(|day| day > due_on),
        written_off: command.figures.written_off,
        no_consequence_before: command.figures.no_consequence_before,
    };
    payment_history::save_invoice(tx.conn(), &tx.call().tenant, &standing).await
}
