//! How the invoices and the methods of a payment plan stand when its mail is written.

use crate::{
    documents::{reasons::is_without_method, wording::Language},
    store::{collection_methods, invoices, method_copies, payment_lists},
    use_cases::collections::outlook::{Outlook, outlook_of},
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx, names};
use payterms_invoicing_domain::{Customer, Invoice, MailKind, Tender};
use payterms_kernel::Id;
use payterms_proto::{plans::v1::Plan, wallet::v1::PaymentMethod};
use serde_json::{Value, json};

/// Whether there is nothing to charge: before an instalment is collected that is looked up,
/// afterwards its failure says so.
pub(super) async fn has_no_method(
    tx: &WriteTx,
    customer: Id<Customer>,
    kind: MailKind,
    due: Option<NaiveDate>,
    failure: &str,
) -> Result<bool, AppError> {
    Ok(match (kind, due) {
        (MailKind::PlanApproved | MailKind::InstalmentDue, Some(due)) => {
            !collection_methods::is_usable(
                tx.conn(),
                &tx.call().tenant,
                customer,
                due.max(tx.today()),
            )
            .await?
        }
        _ => is_without_method(failure),
    })
}

/// The invoices that a breach frees, each with what is taken of it by itself then. The plan's event
/// may come before its blocks are lifted.
pub(super) async fn freed_invoices(
    tx: &WriteTx,
    plan: &Plan,
) -> Result<Vec<(Invoice, Outlook)>, AppError> {
    let mut freed = Vec::new();
    for mut invoice in covered_invoices(tx, plan).await? {
        if invoice.block.as_ref().is_some_and(|block| block.owner == plan.name) {
            invoice.fall_after_breach(
                &plan.name,
                tx.today(),
                plan.due_at_once_on_breach,
                tx.now(),
            )?;
        }
        if invoice.open()?.is_positive() {
            let outlook =
                outlook_of(tx.conn(), &tx.call().tenant, &invoice, tx.time().zone, tx.today())
                    .await?;
            freed.push((invoice, outlook));
        }
    }
    Ok(freed)
}

/// What is collected of the freed invoices by itself, and the numbers of those that are to be paid.
pub(super) fn after_breach(
    freed: &[(Invoice, Outlook)],
    language: Language,
) -> [(&'static str, Value); 2] {
    let number = |invoice: &Invoice| {
        invoice.issue.as_ref().map(|issue| issue.number.clone()).unwrap_or_default()
    };
    let collected = |(invoice, outlook): &(Invoice, Outlook)| {
        let [_, (_, on), (_, method)] = outlook.variables(language);
        let amount = invoice.open().map(|open| language.money(open)).unwrap_or_default();
        matches!(outlook, Outlook::Collected(..)).then(
            || json!({ "name": number(invoice), "amount": amount, "date": on, "method": method }),
        )
    };
    let to_pay: Vec<_> = freed
        .iter()
        .filter(|(_, outlook)| !outlook.takes())
        .map(|(invoice, _)| number(invoice))
        .collect();
    [
        ("collected", freed.iter().filter_map(collected).collect::<Vec<_>>().into()),
        ("to_pay", to_pay.join(", ").into()),
    ]
}

/// The method with which the last try to collect an instalment has failed.
pub(super) async fn declined_method(
    tx: &WriteTx,
    customer: Id<Customer>,
    plan: &Plan,
) -> Result<Option<PaymentMethod>, AppError> {
    let tenant = &tx.call().tenant;
    let last = payment_lists::last_of_owner(tx.conn(), tenant, customer, &plan.name).await?;
    let Some(method) = last.and_then(|payment| payment.tenders.iter().find_map(Tender::declined))
    else {
        return Ok(None);
    };
    method_copies::find(tx.conn(), tenant, customer, method).await
}

/// Whether a charge that had paid one of its invoices is disputed.
pub(super) async fn is_disputed(tx: &WriteTx, plan: &Plan) -> Result<bool, AppError> {
    Ok(covered_invoices(tx, plan).await?.iter().any(|invoice| !invoice.disputed_by.is_empty()))
}

async fn covered_invoices(tx: &WriteTx, plan: &Plan) -> Result<Vec<Invoice>, AppError> {
    let ids: Vec<_> = plan
        .invoices
        .iter()
        .filter_map(|covered_invoice| names::uuid(covered_invoice.invoice.rsplit('/').next()?))
        .map(Id::from_uuid)
        .collect();
    invoices::find_many(tx.conn(), &tx.call().tenant, &ids).await
}
