//! Names of customers and invoices in requests → references.

use crate::commands::{customers::CustomerRef, invoices::InvoiceRef};
use payterms_chassis::{Fields, call::Grant, names::Name};
use payterms_invoicing_domain::Invoice;
use payterms_kernel::{Id, Reason};

/// The collections of an invoice's name.
pub const INVOICE: &[&str] = &["customers", "invoices"];

/// The invoice that a name means.
#[must_use]
pub fn invoice_ref(fields: &Fields, name: &Name) -> InvoiceRef {
    InvoiceRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        invoice: Id::from_uuid(name.id(1)),
        as_customer: fields.scope().grant == Grant::OwnCustomer,
    }
}

/// Invoices in one call.
pub const MOST_INVOICES: usize = 100;

/// An invoice's id; true where it is another customer's.
pub fn invoice_of_customer(
    fields: &mut Fields,
    parent: &Name,
    field: &str,
    text: &str,
) -> (Id<Invoice>, bool) {
    let name = fields.name(field, text, INVOICE);
    (Id::from_uuid(name.id(1)), name.tenant != parent.tenant || name.id(0) != parent.id(0))
}

/// Refuses no invoice and too many.
pub fn check_invoice_count(fields: &mut Fields, field: &str, count: usize) {
    if count == 0 {
        fields.wrong(field, Reason::FIELD_REQUIRED, "Name 1 to 100 invoices.");
    }
    if count > MOST_INVOICES {
        fields.wrong(field, Reason::TOO_MANY_ITEMS, "Name at most 100 invoices.");
    }
}

/// Names of 1 to 100 invoices of one customer, each once; true where one is another customer's.
pub fn invoices_of_customer(
    fields: &mut Fields,
    parent: &Name,
    field: &str,
    names: &[String],
) -> (Vec<Id<Invoice>>, bool) {
    check_invoice_count(fields, field, names.len());
    let (mut invoices, mut foreign) = (Vec::new(), false);
    for (place, name) in names.iter().take(MOST_INVOICES).enumerate() {
        let (id, alien) = invoice_of_customer(fields, parent, &format!("{field}[{place}]"), name);
        if invoices.contains(&id) {
            fields.wrong(
                &format!("{field}[{place}]"),
                Reason::DUPLICATE_ITEM,
                "Name each invoice once.",
            );
        }
        invoices.push(id);
        foreign |= alien;
    }
    (invoices, foreign)
}

/// The customer that a name means.
#[must_use]
pub fn customer_ref(fields: &Fields, name: &Name) -> CustomerRef {
    CustomerRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        as_customer: fields.scope().grant == Grant::OwnCustomer,
    }
}
