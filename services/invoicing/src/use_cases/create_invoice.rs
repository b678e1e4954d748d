//! Writes, changes and drops drafts.

use super::read_invoices::hidden;
use crate::{
    App,
    commands::invoices::{DraftFields, InvoiceRef},
    messages,
    store::{customers, invoices, tenants},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, etag};
use payterms_invoicing_domain::{Content, Customer, Invoice, InvoiceState, Tenant};
use payterms_kernel::{Currency, Id, Refusal, TenantId, calendar::day_in};
use payterms_proto::invoicing::v1::{CreateInvoiceResponse, DeleteInvoiceResponse, UpdateInvoiceResponse};

/// Runs the verb.
///
/// # Errors
/// Those of [`Invoice::draft`], and `RESOURCE_NOT_FOUND`.
pub async fn run(
    app: &App,
    call: &Call,
    customer: Id<Customer>,
    (currency, content): (Currency, &Content),
) -> Result<Answer<CreateInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (tenant, customer) = sides(&tx, &call.tenant, customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let invoice = Invoice::draft(tx.id(), (&tenant, &customer), currency, content.clone(), now)?;
    invoices::save_draft(tx.conn(), &call.tenant, &invoice).await?;
    let rendered = messages::invoices::invoice(&call.tenant, &invoice, day_in(tx.time().zone, now))?;
    tx.commit(CreateInvoiceResponse { invoice: Some(rendered) }).await
}

/// Seller and buyer, as they are now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn sides(tx: &WriteTx, tenant: &TenantId, customer: Id<Customer>) -> Result<(Tenant, Customer), AppError> {
    let customer = customers::find(tx.conn(), tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    let tenant = tenants::find(tx.conn(), tenant).await?.ok_or_else(Refusal::not_found)?;
    Ok((tenant, customer))
}

/// Locks the invoice that a request names, if the caller may see it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn locked(tx: &WriteTx, named: &InvoiceRef) -> Result<Invoice, AppError> {
    let found = invoices::lock(tx.conn(), &named.tenant, named.customer, named.invoice).await?;
    let invoice = found.ok_or_else(Refusal::not_found)?;
    if named.as_customer && (invoice.state == InvoiceState::Draft || hidden(tx.conn(), &named.tenant).await?) {
        return Err(Refusal::not_found().into());
    }
    Ok(invoice)
}

/// Changes what `paths` name of a draft.
///
/// # Errors
/// Those of [`Invoice::rewrite`], `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`.
pub async fn update(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
    (new, paths): (&DraftFields, &[String]),
) -> Result<Answer<UpdateInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&new.etag, invoice.version)?;
    let (tenant, customer) = sides(&tx, &call.tenant, named.customer).await?;
    let mut content = invoice.content.clone();
    for path in paths {
        match path.as_str() {
            "prices_include_tax" => content.prices_include_tax = new.content.prices_include_tax,
            "payment_term" => content.term = new.content.term,
            "lines" => content.lines.clone_from(&new.content.lines),
            "collect_automatically" => content.collect_automatically = new.content.collect_automatically,
            "supply_date" => content.supply_date = new.content.supply_date,
            _ => content.memo.clone_from(&new.content.memo),
        }
    }
    let now = tx.now();
    invoice.rewrite((&tenant, &customer), content, now)?;
    invoices::save_draft(tx.conn(), &call.tenant, &invoice).await?;
    let rendered = messages::invoices::invoice(&call.tenant, &invoice, day_in(tx.time().zone, now))?;
    tx.commit(UpdateInvoiceResponse { invoice: Some(rendered) }).await
}

/// Drops a draft.
///
/// # Errors
/// `INVOICE_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn delete(app: &App, call: &Call, named: &InvoiceRef) -> Result<Answer<DeleteInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let invoice = invoices::lock(tx.conn(), &named.tenant, named.customer, named.invoice).await?;
    // The answer outlives the draft.
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let invoice = invoice.ok_or_else(Refusal::not_found)?;
    invoice.must_be(&[InvoiceState::Draft])?;
    invoices::delete(tx.conn(), &call.tenant, invoice.id).await?;
    tx.commit(DeleteInvoiceResponse {}).await
}
