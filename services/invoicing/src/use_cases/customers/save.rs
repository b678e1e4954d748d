//! Makes and saves customers.

use super::check_tax_number;
use crate::{commands::customers::CustomerFields, messages, store::customers};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel_many, schedule_many},
};
use payterms_invoicing_domain::{Customer, TaxNumber, TaxNumberState, Tenant};
use payterms_proto::invoicing::v1::CustomerChanged;

/// A new customer with its tax treatment.
pub fn new_customer(
    tx: &mut WriteTx,
    tenant: &Tenant,
    new: &CustomerFields,
    now: DateTime<Utc>,
) -> Customer {
    let mut customer = Customer {
        id: tx.id(),
        legal_name: new.legal_name.clone(),
        address: new.address.clone(),
        billing_email: new.billing_email.clone(),
        country: new.country.clone(),
        tax_id: new.tax_id.clone(),
        tax_number: (!new.tax_id.is_empty()).then(TaxNumber::unverified),
        tier: new.tier.clone(),
        locale: new.locale.clone(),
        contacts: new.contacts.clone(),
        tax: None,
        tax_version: 0,
        marks: new.marks.clone(),
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
        let event =
            CustomerChanged { customer: Some(messages::customers::customer(&tenant, customer)) };
        tx.emit("customer", &customer.id.to_string(), &event).await?;
    }
    Ok(())
}

/// Has tax numbers looked up of which nothing is known yet, and those that were verified when that
/// is to be done again; only where the tenant's rules ask for a number, and the register has such
/// numbers.
pub async fn schedule_number_checks(
    tx: &WriteTx,
    tenant: &Tenant,
    customers: &[Customer],
) -> Result<(), AppError> {
    let (now, mut due, mut none) = (tx.now(), Vec::new(), Vec::new());
    for customer in customers {
        let known = customer.tax_number.as_ref().map(|tax_number| tax_number.state);
        let at = match known.filter(|_| customer.number_to_ask_for(tenant).is_some()) {
            Some(TaxNumberState::Unverified) => Some(now),
            Some(TaxNumberState::Verified) => {
                Some(customer.number_due_at().map_or(now, |at| at.max(now)))
            }
            Some(TaxNumberState::Invalid) | None => None,
        };
        match at {
            Some(at) => due.push((customer.id.to_string(), at)),
            None => none.push(customer.id.to_string()),
        }
    }
    schedule_many(tx, check_tax_number::JOB, &due).await?;
    Ok(cancel_many(tx, check_tax_number::JOB, &none).await?)
}
