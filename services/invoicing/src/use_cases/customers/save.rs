//! Makes and saves customers.

use crate::{commands::customers::CustomerFields, messages, store::customers};
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Customer, Tenant};
use payterms_proto::invoicing::v1::CustomerChanged;

/// A new customer with its tax treatment.
pub fn new_customer(tx: &mut WriteTx, tenant: &Tenant, new: &CustomerFields, now: DateTime<Utc>) -> Customer {
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

/// Saves customers and emits an event for each.
pub async fn publish_customers(tx: &mut WriteTx, changed: &[Customer]) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    customers::save_many(tx.conn(), &tenant, changed).await?;
    for customer in changed {
        let event = CustomerChanged { customer: Some(messages::customers::customer(&tenant, customer)) };
        tx.emit("customer", &customer.id.to_string(), &event).await?;
    }
    Ok(())
}
