//! Changes drafts.

use super::load::{find_sides, lock_invoice, must_show};
use crate::{app::App, commands::invoices::UpdateInvoice, messages, store::invoices};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::invoicing::v1::UpdateInvoiceResponse;

/// Changes what `paths` name of a draft.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::Invoice::rewrite`], `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`.
pub async fn update_invoice(
    app: &App,
    call: &Call,
    UpdateInvoice { invoice: named, fields: new, paths }: &UpdateInvoice,
) -> Result<Answer<UpdateInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = lock_invoice(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (tenant, customer) = find_sides(&tx, &call.tenant, named.customer).await?;
    must_show(&tx, &mut invoice, (&tenant, &customer), &new.etag)?;
    let mut content = invoice.content.clone();
    for path in paths {
        match path.as_str() {
            "prices_include_tax" => content.prices_include_tax = new.content.prices_include_tax,
            "payment_term" => content.term = new.content.term,
            "lines" => content.lines.clone_from(&new.content.lines),
            "discount" => content.discount.clone_from(&new.content.discount),
            "collect_automatically" => content.collect_automatically = new.content.collect_automatically,
            "supply_date" => content.supply_date = new.content.supply_date,
            _ => content.memo.clone_from(&new.content.memo),
        }
    }
    let now = tx.now();
    invoice.rewrite((&tenant, &customer), content, now)?;
    invoices::save_draft(tx.conn(), &call.tenant, &invoice).await?;
    let rendered = messages::invoices::invoice(&call.tenant, &invoice, tx.today())?;
    tx.commit(UpdateInvoiceResponse { invoice: Some(rendered) }).await
}
