//! Takes an invoice back whole.

use super::{
    load::{find_sides, lock_invoice},
    save::publish_invoice,
};
use crate::{
    app::App,
    commands::invoices::InvoiceRef,
    store::invoice_parts,
    use_cases::{
        approvals::limit::must_be_within_limit, credit_notes::save::issue_credit_note,
        mails::invoice_notices::mail_voided_invoice, payments::pending::name_pending,
    },
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::approval::Together;
use payterms_proto::invoicing::v1::VoidInvoiceResponse;
use std::slice::from_ref;

/// Takes an invoice back whole; in the European Union by a credit note over all of it.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::Invoice::void`], `RESOURCE_NOT_FOUND`.
pub async fn void_invoice(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
    explanation: &str,
) -> Result<Answer<VoidInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = lock_invoice(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let left = invoice.amounts.total.minus(invoice.credited)?;
    must_be_within_limit(&tx, Together::of_invoice(&invoice, left, "ProposeCreditNote")).await?;
    let (tenant, _) = find_sides(&tx, &call.tenant, named.customer).await?;
    let now = tx.now();
    let voided = invoice.void(now);
    let taxes = name_pending(&tx, from_ref(&invoice), voided).await?;
    let credit_note = if tenant.voids_by_credit_note() {
        let note = tx.id();
        Some(
            issue_credit_note(
                &mut tx,
                &invoice,
                None,
                note,
                invoice.amounts.total,
                taxes,
                explanation,
            )
            .await?,
        )
    } else {
        invoice_parts::save_taxes(tx.conn(), &call.tenant, &invoice).await?;
        mail_voided_invoice(&mut tx, &invoice, explanation).await?;
        None
    };
    let rendered = publish_invoice(&mut tx, &invoice).await?;
    tx.commit(VoidInvoiceResponse { invoice: Some(rendered), credit_note }).await
}
