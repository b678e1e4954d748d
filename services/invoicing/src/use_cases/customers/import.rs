//! Adds the customers of a file: the rows that are right, in one transaction, and says what is
//! wrong with the others.

use super::save::{new_customer, publish_customers, schedule_number_checks};
use crate::{
    app::App,
    commands::customers::ImportedCustomer,
    messages::customers::customer_name,
    store::{customers, tenants},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, marks::must_be_free};
use payterms_invoicing_domain::Customer;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::{ImportCustomersResponse, ImportedRow};

/// Adds customers.
///
/// # Errors
/// `TENANT_SUSPENDED`.
pub async fn import_customers(
    app: &App,
    call: &Call,
    rows: &[ImportedCustomer],
) -> Result<Answer<ImportCustomersResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let tenant = tenants::hold(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    let now = tx.now();
    let (mut added, mut imported) = (Vec::new(), Vec::with_capacity(rows.len()));
    for row in rows {
        match &row.customer {
            Ok(new) => {
                let customer = new_customer(&mut tx, &tenant, new, now);
                if let Some((violation, existing_customer)) = taken(&tx, &customer, &added).await? {
                    imported.push(ImportedRow {
                        line: row.line,
                        violations: vec![violation],
                        existing_customer,
                        ..Default::default()
                    });
                    continue;
                }
                let name = customer_name(&call.tenant, customer.id);
                imported.push(ImportedRow { line: row.line, customer: name, ..Default::default() });
                added.push(customer);
            }
            Err(violations) => imported.push(ImportedRow {
                line: row.line,
                violations: violations.clone(),
                ..Default::default()
            }),
        }
    }
    publish_customers(&mut tx, &added).await?;
    let numbered: Vec<_> =
        added.iter().filter(|customer| customer.tax_number.is_some()).cloned().collect();
    schedule_number_checks(&tx, &tenant, &numbered).await?;
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let (added_count, refused_count) =
        (count(added.len()), count(rows.len().saturating_sub(added.len())));
    tx.commit(ImportCustomersResponse { rows: imported, added_count, refused_count }).await
}

/// Why a customer cannot have its external id: another one has it, or an earlier one of the file;
/// with that one's name.
async fn taken(
    tx: &WriteTx,
    customer: &Customer,
    added: &[Customer],
) -> Result<Option<(String, String)>, AppError> {
    let text = customer.marks.external_id.as_deref();
    if text.is_some()
        && let Some(other) = added.iter().find(|other| other.marks.external_id.as_deref() == text)
    {
        let violation =
            "external_id: An earlier row of the file has it. Choose another.".to_owned();
        return Ok(Some((violation, customer_name(&tx.call().tenant, other.id))));
    }
    match must_be_free(tx, customers::NAMED, customer.id.uuid(), text).await {
        Ok(()) => Ok(None),
        Err(AppError::Refused(refusal)) => {
            let name = refusal
                .metadata
                .iter()
                .find(|(key, _)| *key == "name")
                .map(|(_, name)| name.clone());
            Ok(Some((format!("external_id: {}", refusal.message), name.unwrap_or_default())))
        }
        Err(error) => Err(error),
    }
}
