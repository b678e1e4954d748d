//! Looks up what lines name, and lets the rules decide which of them pay.

use crate::store::{
    bank_lines, invoice_lists, invoices, payment_lists, payments, tenants, versions,
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    BankLine, Invoice, InvoiceState,
    bank::{
        ANNOUNCED, Automation, LineState, Named, Paid, UNKNOWN_TO_PAYER, creditor_reference,
        evaluate, numbers_in,
    },
    number::CORRECTIONS,
};
use payterms_kernel::{Id, Money};
use std::collections::{BTreeMap, BTreeSet};

/// Evaluates lines that nobody has decided about.
pub(super) async fn evaluate_lines(tx: &WriteTx, lines: &mut [BankLine]) -> Result<(), AppError> {
    lines
        .iter_mut()
        .filter(|line| line.shown.numbers.is_empty())
        .for_each(|line| line.shown.numbers = numbers_in(&line.shown.text));
    let invoices =
        invoices_of(tx, lines.iter().flat_map(|line| line.shown.numbers.iter().cloned()).collect())
            .await?;
    let payers: BTreeSet<_> = lines
        .iter()
        .map(|line| line.shown.payer_key.clone())
        .filter(|key| !key.is_empty())
        .collect();
    let mut paid_before =
        bank_lines::paid_before_for(tx.conn(), &tx.call().tenant, &payers).await?;
    let tenant = tenants::find(tx.conn(), &tx.call().tenant).await?;
    let automation = tenant.map_or(Automation::Reference, |tenant| tenant.bank_automation);
    let nobody = BTreeSet::new();
    for line in lines
        .iter_mut()
        .filter(|line| line.state != LineState::SuspectedDuplicate && !line.is_return())
    {
        let (shown, amount) = (&line.shown, line.shown.amount);
        // An invoice in another currency is a question for a person.
        let find = |number: &String| {
            invoices
                .get(number)
                .into_iter()
                .flatten()
                .filter(|invoice| invoice.currency == amount.currency())
                .collect::<Vec<_>>()
        };
        // What is stated for several invoices at once is stated for none of them.
        let stated = |(number, amount): &(String, Money)| match find(number).as_slice() {
            [invoice] => Some(Paid { invoice: invoice.id, stated: Some(*amount) }),
            _ => None,
        };
        let invoices: Vec<_> = shown.numbers.iter().flat_map(find).collect();
        let collected_meanwhile = collected_meanwhile(tx, &invoices, shown.effective_on()).await?;
        let named = Named {
            amount,
            invoices,
            collected_meanwhile,
            stated: shown.stated.iter().filter_map(stated).collect(),
            paid_before_for: paid_before.get(&shown.payer_key).unwrap_or(&nobody),
            parts_differ: shown.parts_differ,
        };
        line.apply(evaluate(&named, automation)?);
        // Lines of one file know of each other.
        if let (LineState::Matched, Some(customer), false) =
            (line.state, line.customer, line.shown.payer_key.is_empty())
        {
            paid_before.entry(line.shown.payer_key.clone()).or_default().insert(customer);
        }
    }
    Ok(())
}

/// What was collected of paid invoices so short a time before a line, or after it, that the payer
/// could not know (docs/domain/invoicing.md#collected-meanwhile).
async fn collected_meanwhile(
    tx: &WriteTx,
    invoices: &[&Invoice],
    arrived: NaiveDate,
) -> Result<Vec<(Id<Invoice>, Money)>, AppError> {
    let since = arrived.checked_sub_days(UNKNOWN_TO_PAYER).unwrap_or(arrived);
    let mut collected = Vec::new();
    for invoice in invoices.iter().filter(|invoice| invoice.state == InvoiceState::Paid) {
        let amount =
            payment_lists::collected_since(tx.conn(), &tx.call().tenant, invoice, since).await?;
        collected.extend(amount.map(|amount| (invoice.id, amount)));
    }
    Ok(collected)
}

/// Invoices by the numbers that name them: their own, those of their corrective documents, or that
/// of an announced transfer, which names all that it is to pay.
async fn invoices_of(
    tx: &WriteTx,
    numbers: BTreeSet<String>,
) -> Result<BTreeMap<String, Vec<Invoice>>, AppError> {
    let (tenant, conn) = (&tx.call().tenant, tx.conn());
    let (corrections, plain): (Vec<_>, Vec<_>) =
        numbers.into_iter().partition(|number| number.starts_with(CORRECTIONS));
    let (announced, plain): (Vec<_>, Vec<_>) =
        plain.into_iter().partition(|number| number.starts_with(ANNOUNCED));
    let found = invoice_lists::by_numbers(conn, tenant, &plain).await?;
    let numbered = found
        .into_iter()
        .filter_map(|invoice| Some((invoice.issue.as_ref()?.number.clone(), vec![invoice])));
    let mut by_number: BTreeMap<_, _> = numbered.collect();
    let mut named: Vec<_> = versions::invoices_of_numbers(conn, tenant, &corrections).await?;
    let references: BTreeMap<_, _> =
        announced.into_iter().map(|number| (creditor_reference(&number), number)).collect();
    for payment in
        payments::announced_by_references(conn, tenant, references.keys().cloned().collect())
            .await?
    {
        let number = references.get(&payment.reference).cloned().unwrap_or_default();
        named.extend(
            payment.allocations.iter().map(|allocation| (number.clone(), allocation.invoice)),
        );
    }
    let ids: Vec<_> = named.iter().map(|(_, invoice)| *invoice).collect();
    let invoices =
        if ids.is_empty() { Vec::new() } else { invoices::find_many(conn, tenant, &ids).await? };
    for (number, id) in named {
        by_number
            .entry(number)
            .or_default()
            .extend(invoices.iter().find(|invoice| invoice.id == id).cloned());
    }
    Ok(by_number)
}
