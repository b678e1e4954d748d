//! Adds a customer.

use super::save::{new_customer, publish_customers, schedule_number_checks};
use crate::{
    app::App,
    commands::customers::CustomerFields,
    messages,
    store::{customers, tenants},
};
use payterms_chassis::{Answer, AppError, Call, marks::must_be_free};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::CreateCustomerResponse;

/// Adds a customer.
///
/// # Errors
/// `EXTERNAL_ID_TAKEN`, `TENANT_SUSPENDED`.
pub async fn create_customer(
    app: &App,
    call: &Call,
    new: &CustomerFields,
) -> Result<Answer<CreateCustomerResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let tenant = tenants::hold(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    let now = tx.now();
    let customer = new_customer(&mut tx, &tenant, new, now);
    must_be_free(&tx, customers::NAMED, customer.id.uuid(), customer.marks.external_id.as_deref())
        .await?;
    publish_customers(&mut tx, std::slice::from_ref(&customer)).await?;
    if customer.tax_number.is_some() {
        schedule_number_checks(&tx, &tenant, std::slice::from_ref(&customer)).await?;
    }
    let rendered = messages::customers::customer(&call.tenant, &customer);
    tx.commit(CreateCustomerResponse { customer: Some(rendered) }).await
}
