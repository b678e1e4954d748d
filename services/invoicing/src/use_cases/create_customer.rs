//! Adds a customer.

use crate::{
    App,
    commands::customers::CustomerFields,
    messages,
    store::{customers, tenants},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_invoicing_domain::{Customer, Tenant};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::{CreateCustomerResponse, CustomerChanged};

/// Runs the verb.
///
/// # Errors
/// `TENANT_SUSPENDED`.
pub async fn run(app: &App, call: &Call, new: &CustomerFields) -> Result<Answer<CreateCustomerResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let tenant = tenants::hold(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    let now = tx.now();
    let customer = made(&mut tx, &tenant, new, now);
    customers::save_many(tx.conn(), &call.tenant, std::slice::from_ref(&customer)).await?;
    let rendered = messages::customers::customer(&call.tenant, &customer);
    tx.emit("customer", &customer.id.to_string(), &CustomerChanged { customer: Some(rendered.clone()) }).await?;
    tx.commit(CreateCustomerResponse { customer: Some(rendered) }).await
}

/// A new customer with its tax treatment.
pub fn made(tx: &mut WriteTx, tenant: &Tenant, new: &CustomerFields, now: DateTime<Utc>) -> Customer {
    let mut customer = Customer {
        id: tx.id(),
        legal_name: new.legal_name.clone(),
        address: new.address.clone(),
        billing_email: new.billing_email.clone(),
        country: new.country.clone(),
        tax_id: new.tax_id.clone(),
        tier: new.tier.clone(),
        locale: new.locale.clone(),
        contacts: new.contacts.clone(),
        tax: None,
        tax_version: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    customer.resolve_tax(tenant, now);
    customer
}
