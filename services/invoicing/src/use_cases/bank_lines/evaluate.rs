//! Looks up what lines name, and lets the rules decide which of them pay.

use crate::store::{invoice_lists, invoices, tenants, versions};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    BankLine, Invoice,
    bank::{Automation, Named, evaluate, numbers_in},
    number::CORRECTIONS,
};
use std::collections::{BTreeMap, BTreeSet};

/// Evaluates lines that nobody has decided about.
pub(super) async fn evaluate_lines(tx: &WriteTx, lines: &mut [BankLine]) -> Result<(), AppError> {
    let numbers: Vec<Vec<String>> = lines.iter().map(|line| numbers_in(&line.shown.text)).collect();
    let invoices = invoices_of(tx, numbers.iter().flatten().cloned().collect()).await?;
    let tenant = tenants::find(tx.conn(), &tx.call().tenant).await?;
    let automation = tenant.map_or(Automation::Reference, |tenant| tenant.bank_automation);
    for (line, numbers) in lines.iter_mut().zip(&numbers) {
        let amount = line.shown.amount;
        let named = numbers.iter().filter_map(|number| invoices.get(number));
        // An invoice in another currency is a question for a person.
        let named = named.filter(|invoice| invoice.currency == amount.currency()).collect();
        let named = Named { amount, invoices: named, stated: Vec::new(), paid_before_for: &BTreeSet::new() };
        line.apply(evaluate(&named, automation)?);
    }
    Ok(())
}

/// Invoices by the numbers that name them: their own, or those of their corrective documents.
async fn invoices_of(tx: &WriteTx, numbers: BTreeSet<String>) -> Result<BTreeMap<String, Invoice>, AppError> {
    let (tenant, conn) = (&tx.call().tenant, tx.conn());
    let (corrections, plain): (Vec<_>, Vec<_>) = numbers.into_iter().partition(|number| number.starts_with(CORRECTIONS));
    let found = invoice_lists::by_numbers(conn, tenant, &plain).await?;
    let numbered = found.into_iter().filter_map(|invoice| Some((invoice.issue.as_ref()?.number.clone(), invoice)));
    let mut by_number: BTreeMap<_, _> = numbered.collect();
    let corrected = versions::invoices_of_numbers(conn, tenant, &corrections).await?;
    let ids: Vec<_> = corrected.iter().map(|(_, invoice)| *invoice).collect();
    let invoices = if ids.is_empty() { Vec::new() } else { invoices::find_many(conn, tenant, &ids).await? };
    for (number, id) in corrected {
        by_number.extend(invoices.iter().find(|invoice| invoice.id == id).map(|invoice| (number, invoice.clone())));
    }
    Ok(by_number)
}
