//! After a change of tax rules: resolves the treatment of a country's customers, a page at a time.

use super::save::{publish_customers, schedule_number_checks};
use crate::{
    app::App,
    store::{customers, tenants},
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, schedule, take},
    names,
};

/// Resolves the tax treatment of customers anew; the subject is `country/after`.
pub const JOB: &str = "resolve_tax";

/// Customers in one transaction.
const PAGE: u64 = 200;

/// Resolves a page of customers.
pub async fn resolve_tax(app: &App, row: &DueRow) -> Result<(), AppError> {
    let parsed = row
        .subject
        .split_once('/')
        .and_then(|(country, after)| Some((country, names::uuid(after)?)));
    let Some((country, after)) = parsed else {
        return Err(AppError::Fault(format!("page {:?}", row.subject)));
    };
    let call = row.call("invoicing", after);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut page = customers::lock_of_country(tx.conn(), &row.tenant, country, after, PAGE).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(tenant) = tenants::find(tx.conn(), &row.tenant).await? else { return Ok(()) };
    let now = tx.now();
    if let Some(last) = page.last().filter(|_| page.len() as u64 == PAGE) {
        schedule(&tx, JOB, &format!("{country}/{}", last.id), now).await?;
    }
    let mut numbered = Vec::new();
    page.retain_mut(|customer| {
        let from_before = customer.note_number_from_before();
        if customer.tax_number.is_some() {
            numbered.push(customer.clone());
        }
        customer.resolve_tax(&tenant, now) || from_before
    });
    // Rules that ask for a number now may not have done so before.
    schedule_number_checks(&tx, &tenant, &numbered).await?;
    for customer in &mut page {
        customer.touch(now);
    }
    publish_customers(&mut tx, &page).await?;
    tx.commit_rows().await
}
