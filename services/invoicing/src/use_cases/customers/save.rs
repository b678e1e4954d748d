//! Makes and saves customers.

use crate::commands::customers::CustomerFields;
use chrono::{DateTime, Utc};
use payterms_chassis::WriteTx;
use payterms_invoicing_domain::{Customer, Tenant};

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
