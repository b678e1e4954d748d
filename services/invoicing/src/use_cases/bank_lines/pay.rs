//! Makes the payment of a matched line, apart from the import, by a flow of its own.

use super::save::publish_bank_line;
use crate::{
    app::App,
    store::{bank_lines, invoices, payments},
    use_cases::{
        payments::{drive, lapse, save::publish_payment},
        top_ups::shortfall::{forgive_shortfall, transfer_tolerance},
    },
};
use payterms_chassis::{
    AppError, Call, WriteTx,
    flow::{self, Lease},
    jobs::cancel,
    kill,
};
use payterms_invoicing_domain::{BankLine, Invoice, Payment, bank::LineState};
use payterms_kernel::{Id, Money};

/// The kind of flow.
pub const FLOW: &str = "bank_line";

/// Drives the flow: makes the payment of a matched line, once, and leaves that to its own driver.
pub async fn drive_bank_line(app: &App, lease: &Lease) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let id = Id::from_uuid(lease.intent);
    let conn = app.db.read(tenant).await?;
    let found = bank_lines::find(&conn, tenant, id).await?;
    drop(conn);
    let Some(found) = found else { return Ok(()) };
    let ids: Vec<_> = found.pays.iter().map(|paid| paid.invoice).collect();
    let call = Call::internal("invoicing", tenant, "bank_line_matched", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut owned = invoices::lock_many(tx.conn(), tenant, &ids).await?;
    let Some(mut line) = bank_lines::lock(tx.conn(), tenant, id).await? else { return Ok(()) };
    flow::hold(&tx, lease).await?;
    let mut payment_lease = None;
    if line.payment.is_none() && line.state == LineState::Matched {
        let mut payment = make_payment(&mut tx, &mut line, &mut owned).await?;
        payment_lease = Some(app.flows.open(&tx, drive::FLOW, payment.id.uuid()).await?);
        bank_lines::save_many(tx.conn(), tenant, std::slice::from_ref(&line)).await?;
        publish_payment(&mut tx, &mut payment, &mut owned).await?;
        publish_bank_line(&mut tx, &line).await?;
    }
    flow::close(&tx, lease).await?;
    kill::point("bank_line.before_payment");
    tx.commit_rows().await?;
    kill::point("bank_line.after_payment");
    if let Some(lease) = payment_lease {
        app.flows.spawn(lease);
    }
    Ok(())
}

/// The payment of a line: the one that was announced for its invoice, else a new one.
async fn make_payment(
    tx: &mut WriteTx,
    line: &mut BankLine,
    owned: &mut [Invoice],
) -> Result<Payment, AppError> {
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    let announced = match owned.first() {
        Some(invoice) => payments::lock_announced(tx.conn(), &tenant, invoice.id).await?,
        None => Vec::new(),
    };
    // One that was announced for some of them only waits on: its own line may come.
    let pays = |announced: &Payment, invoice: &Invoice| {
        announced.allocations.iter().any(|allocation| allocation.invoice == invoice.id)
    };
    if let Some(mut announced) =
        announced.into_iter().find(|payment| owned.iter().all(|invoice| pays(payment, invoice)))
    {
        announced.arrived(line, owned, now)?;
        cancel(tx, lapse::JOB, &announced.id.to_string()).await?;
        return Ok(announced);
    }
    let top_up = owned.iter().position(|invoice| invoice.top_up.is_some());
    let tolerance = match top_up.and_then(|index| owned.get(index)) {
        Some(invoice) => transfer_tolerance(tx, invoice).await?,
        None => Money::zero(line.shown.amount.currency()),
    };
    let (payment, short) = line.pay(tx.ids(), owned, tolerance, now)?;
    if let Some(invoice) = top_up.and_then(|index| owned.get(index)) {
        forgive_shortfall(tx, invoice, short).await?;
    }
    Ok(payment)
}
