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
    AppError, Call,
    flow::{self, Lease},
    jobs::cancel,
    kill,
};
use payterms_kernel::Id;

/// The kind of flow.
pub const FLOW: &str = "bank_line";

/// Drives the flow: makes the payment of a matched line, once, and leaves that to its own driver.
pub async fn drive_bank_line(app: &App, lease: &Lease) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let id = Id::from_uuid(lease.intent);
    let conn = app.db.read(tenant).await?;
    let found = bank_lines::find(&conn, tenant, id).await?;
    drop(conn);
    let Some(invoice) = found.and_then(|line| line.invoice) else { return Ok(()) };
    let call = Call::internal("invoicing", tenant, "bank_line_matched", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut owned = invoices::lock_many(tx.conn(), tenant, &[invoice]).await?;
    let Some(mut line) = bank_lines::lock(tx.conn(), tenant, id).await? else { return Ok(()) };
    flow::hold(&tx, lease).await?;
    let mut payment_lease = None;
    if let (None, Some(invoice)) = (line.payment, owned.first_mut()) {
        let now = tx.now();
        let announced = payments::lock_announced(tx.conn(), tenant, invoice.id).await?;
        let mut payment = if let Some(mut announced) = announced {
            announced.arrived(&mut line, now);
            cancel(&tx, lapse::JOB, &announced.id.to_string()).await?;
            announced
        } else {
            let tolerance = transfer_tolerance(&tx, invoice).await?;
            let (payment, short) = line.pay(tx.ids(), invoice, tolerance, now)?;
            forgive_shortfall(&mut tx, invoice, short).await?;
            payment
        };
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
