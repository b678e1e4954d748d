//! Changes drafts.

use super::{
    load::{find_sides, lock_invoice, must_show},
    save::publish_invoice,
};
use crate::{
    app::App,
    commands::invoices::UpdateInvoice,
    messages,
    store::{invoice_lists, invoices},
};
use payterms_chassis::{Answer, AppError, Call, marks::must_be_free};
use payterms_invoicing_domain::InvoiceState;
use payterms_proto::invoicing::v1::UpdateInvoiceResponse;

/// Changes what `paths` name of a draft; own id and labels of any invoice.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::Invoice::rewrite`], `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`,
/// `EXTERNAL_ID_TAKEN`.
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
    must_show(&tx, &mut invoice, &tenant, &customer, &new.etag)?;
    let (mut content, mut marks, mut rewritten) =
        (invoice.content.clone(), invoice.marks.clone(), false);
    for path in paths {
        rewritten |= !matches!(path.as_str(), "external_id" | "labels");
        match path.as_str() {
            "external_id" => marks.external_id.clone_from(&new.marks.external_id),
            "labels" => marks.labels.clone_from(&new.marks.labels),
            "prices_include_tax" => content.prices_include_tax = new.content.prices_include_tax,
            "payment_term" => content.term = new.content.term,
            "lines" => content.lines.clone_from(&new.content.lines),
            "discount" => content.discount.clone_from(&new.content.discount),
            "collect_automatically" => {
                content.collect_automatically = new.content.collect_automatically;
            }
            "supply_date" => content.supply_date = new.content.supply_date,
            _ => content.memo.clone_from(&new.content.memo),
        }
    }
    let now = tx.now();
    if rewritten {
        invoice.rewrite(&tenant, &customer, content, now)?;
    }
    if marks != invoice.marks {
        must_be_free(&tx, invoice_lists::NAMED, invoice.id.uuid(), marks.external_id.as_deref())
            .await?;
    }
    invoice.mark(marks, now);
    let rendered = if invoice.state == InvoiceState::Draft {
        invoices::save_draft(tx.conn(), &call.tenant, &invoice).await?;
        messages::invoices::invoice(&call.tenant, &invoice, tx.today())?
    } else {
        publish_invoice(&mut tx, &invoice).await?
    };
    tx.commit(UpdateInvoiceResponse { invoice: Some(rendered) }).await
}
