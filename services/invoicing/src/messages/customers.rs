//! Customers: requests → commands, and customers → messages.

use super::{
    addresses::{address, render_address},
    refs::customer_ref,
};
use crate::commands::customers::{CustomerFields, CustomerRef, UpdateCustomer, VerifyTaxNumber};
use payterms_chassis::{
    AppError, Call, Fields,
    call::{Caller, Grant},
    etag,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Listing, Order, UPDATE_TIME},
    render::{decimal, timestamp},
};
use payterms_invoicing_domain::{
    Contact, Customer, TaxNumberState, TaxTreatment, tax_number::Evidence,
    tax_number_form::form_fault,
};
use payterms_kernel::{Id, Marks, Reason, TenantId};
use payterms_proto::invoicing::v1 as pb;
use std::collections::BTreeMap;
use tonic::Request;

/// A field is checked when it will be used.
pub fn customer_fields(
    fields: &mut Fields,
    customer: &pb::Customer,
    used: impl Fn(&str) -> bool,
) -> CustomerFields {
    let text = |fields: &mut Fields, name: &str, text: &str, most: usize| {
        if used(name) {
            fields.printed(&format!("customer.{name}"), text, 0, most)
        } else {
            String::new()
        }
    };
    let locale = text(fields, "locale", &customer.locale, 10);
    if !matches!(locale.as_str(), "" | "en" | "fr") {
        fields.wrong("customer.locale", Reason::FIELD_INVALID_CHARS, "Use en or fr.");
    }
    // Where only one of both changes, the other one is known later.
    let fault = if used("country") && used("tax_id") && !customer.tax_id.is_empty() {
        form_fault(&customer.country, &customer.tax_id)
    } else {
        None
    };
    if let Some(fault) = fault {
        fields.wrong("customer.tax_id", Reason::TAX_NUMBER_INVALID, fault);
    }
    CustomerFields {
        legal_name: text(fields, "legal_name", &customer.legal_name, 200),
        address: customer
            .billing_address
            .as_ref()
            .filter(|_| used("billing_address"))
            .map(|own| address(fields, "customer.billing_address", own)),
        billing_email: if used("billing_email") {
            fields.email("customer.billing_email", &customer.billing_email)
        } else {
            String::new()
        },
        country: if used("country") {
            fields.country("customer.country", &customer.country)
        } else {
            String::new()
        },
        tax_id: text(fields, "tax_id", &customer.tax_id, 40),
        tier: text(fields, "tier", &customer.tier, 40),
        locale: if locale.is_empty() { "en".to_owned() } else { locale },
        contacts: if used("contacts") { contacts(fields, &customer.contacts) } else { Vec::new() },
        marks: Marks {
            external_id: if used("external_id") {
                fields.external_id("customer.external_id", &customer.external_id)
            } else {
                None
            },
            labels: if used("labels") {
                fields.labels("customer.labels", &customer.labels)
            } else {
                BTreeMap::new()
            },
        },
        etag: fields.token("customer.etag", &customer.etag, 0, 100),
    }
}

fn contacts(fields: &mut Fields, contacts: &[pb::Contact]) -> Vec<Contact> {
    if contacts.len() > 20 {
        fields.wrong("customer.contacts", Reason::TOO_MANY_ITEMS, "Name at most 20 contacts.");
        return Vec::new();
    }
    let mut parsed = Vec::with_capacity(contacts.len());
    for (place, contact) in contacts.iter().enumerate() {
        let at = |name: &str| format!("customer.contacts[{place}].{name}");
        if contact.email.is_empty() {
            fields.wrong(&at("email"), Reason::FIELD_REQUIRED, "Write the contact's mail address.");
        }
        parsed.push(Contact {
            name: fields.text(&at("name"), &contact.name, 0, 200),
            email: fields.email(&at("email"), &contact.email),
            receives_documents: contact.receives_documents,
        });
    }
    parsed
}

/// Adds a customer.
pub fn create_customer(
    request: Request<pb::CreateCustomerRequest>,
) -> Result<(Call, CustomerFields), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    if message.customer.is_none() {
        fields.wrong("customer", Reason::FIELD_REQUIRED, "Describe the customer.");
    }
    let customer = customer_fields(&mut fields, &message.customer.unwrap_or_default(), |_| true);
    Ok((fields.write(&message.request_id, tenant)?, customer))
}

/// The fields of the own profile, and those that only the tenant may change.
fn changeable_fields(caller: &Caller) -> &'static [&'static str] {
    const OWN: &[&str] =
        &["legal_name", "billing_address", "billing_email", "tax_id", "locale", "contacts"];
    const ALL: &[&str] = &[
        "legal_name",
        "billing_address",
        "billing_email",
        "tax_id",
        "locale",
        "contacts",
        "country",
        "tier",
        "external_id",
        "labels",
    ];
    if ["OWNER", "ADMIN", "STAFF", "SERVICE"].iter().any(|role| caller.has(role)) {
        ALL
    } else {
        OWN
    }
}

/// Changes a customer.
pub fn update_customer(
    request: Request<pb::UpdateCustomerRequest>,
) -> Result<(Call, UpdateCustomer), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let allowed = changeable_fields(&fields.scope().caller);
    let paths = fields.mask(message.update_mask.as_ref(), allowed);
    let customer = message.customer.unwrap_or_default();
    let name = fields.name("customer.name", &customer.name, &["customers"]);
    let new =
        customer_fields(&mut fields, &customer, |path| paths.iter().any(|named| named == path));
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((
        call,
        UpdateCustomer { customer: Id::from_uuid(name.id(0)), fields: new, paths, as_customer },
    ))
}

/// Notes what a person found out about a tax number.
pub fn verify_tax_number(
    request: Request<pb::VerifyTaxNumberRequest>,
) -> Result<(Call, VerifyTaxNumber), AppError> {
    use pb::tax_number::State;
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers"]);
    let number = fields.text("tax_id", &message.tax_id, 1, 40);
    let state = match fields.choice::<State>("state", message.state) {
        Some(State::Verified) => TaxNumberState::Verified,
        Some(State::Invalid) => TaxNumberState::Invalid,
        Some(State::Unverified | State::Unspecified) => {
            fields.wrong("state", Reason::ENUM_INVALID, "Choose VERIFIED or INVALID.");
            TaxNumberState::Unverified
        }
        None => TaxNumberState::Unverified,
    };
    let explanation = fields.text("explanation", &message.explanation, 1, 500);
    let customer = Id::from_uuid(name.id(0));
    Ok((
        fields.write(&message.request_id, name.tenant.clone())?,
        VerifyTaxNumber { customer, number, state, explanation },
    ))
}

/// Names a customer to read.
pub fn get_customer(request: Request<pb::GetCustomerRequest>) -> Result<CustomerRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers"]);
    let named = customer_ref(&fields, &name);
    fields.finish()?;
    Ok(named)
}

const CUSTOMERS: ListSpec = ListSpec {
    filters: &[
        Field::EXTERNAL_ID,
        Field::LABELS,
        Field { name: "legal_name", kind: Kind::Text },
        Field { name: "country", kind: Kind::Country },
        Field { name: "tax_id", kind: Kind::Text },
        Field { name: "tier", kind: Kind::Text },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
    ],
    orders: &[BY_CREATION, UPDATE_TIME],
    default: Order::OLDEST,
};

/// Asks for customers.
pub fn list_customers(
    request: Request<pb::ListCustomersRequest>,
) -> Result<(TenantId, Listing), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let pb::ListCustomersRequest { parent, page_size, page_token, filter, order_by } = &message;
    let tenant = fields.name("parent", parent, &[]).tenant;
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    let listing = Listing::parse(&mut fields, &CUSTOMERS, request);
    fields.finish()?;
    Ok((tenant, listing))
}

/// The name of a customer.
#[must_use]
pub fn customer_name(tenant: &TenantId, customer: Id<Customer>) -> String {
    format!("tenants/{tenant}/customers/{customer}")
}

/// A customer.
#[must_use]
pub fn customer(tenant: &TenantId, customer: &Customer) -> pb::Customer {
    pb::Customer {
        name: customer_name(tenant, customer.id),
        legal_name: customer.legal_name.clone(),
        billing_address: customer.address.as_ref().map(render_address),
        billing_email: customer.billing_email.clone(),
        country: customer.country.clone(),
        tax_id: customer.tax_id.clone(),
        tier: customer.tier.clone(),
        locale: customer.locale.clone(),
        tax_treatment: customer.tax.as_ref().map(tax_treatment),
        create_time: Some(timestamp(customer.created_at)),
        update_time: Some(timestamp(customer.updated_at)),
        etag: etag::etag(customer.version),
        contacts: customer.contacts.iter().map(contact).collect(),
        tax_number: tax_number(customer),
        external_id: customer.marks.external_id.clone().unwrap_or_default(),
        labels: customer.marks.labels.clone(),
    }
}

/// A customer as its own people see it: without who looked at its tax number, and what they noted.
#[must_use]
pub fn customer_without_evidence(tenant: &TenantId, whole: &Customer) -> pb::Customer {
    let mut shown = customer(tenant, whole);
    if let Some(number) = &mut shown.tax_number {
        number.explanation.clear();
        number.verifier.clear();
    }
    shown
}

/// What is known of the tax number; one from before numbers were verified is not.
fn tax_number(customer: &Customer) -> Option<pb::TaxNumber> {
    use pb::tax_number::State;
    if customer.tax_id.is_empty() {
        return None;
    }
    let Some(tax_number) = &customer.tax_number else {
        return Some(pb::TaxNumber { state: State::Unverified.into(), ..pb::TaxNumber::default() });
    };
    let state = match tax_number.state {
        TaxNumberState::Unverified => State::Unverified,
        TaxNumberState::Verified => State::Verified,
        TaxNumberState::Invalid => State::Invalid,
    };
    let (consultation_number, verifier, explanation) = match tax_number.evidence.clone() {
        Some(Evidence::Register(consultation)) => (consultation, String::new(), String::new()),
        Some(Evidence::Person(person, explanation)) => (String::new(), person, explanation),
        None => (String::new(), String::new(), String::new()),
    };
    Some(pb::TaxNumber {
        state: state.into(),
        check_time: tax_number.checked_at.map(timestamp),
        consultation_number,
        explanation,
        verifier,
        recheck_time: customer.number_due_at().map(timestamp),
        failure: tax_number.failure.clone(),
    })
}

fn contact(contact: &Contact) -> pb::Contact {
    let Contact { name, email, receives_documents } = contact.clone();
    pb::Contact { name, email, receives_documents }
}

fn tax_treatment(tax: &TaxTreatment) -> pb::TaxTreatment {
    pb::TaxTreatment {
        rate_percent: Some(decimal(tax.rate_percent)),
        sentence: tax.sentence.clone(),
        version: tax.version,
        valid_from_time: Some(timestamp(tax.valid_from)),
    }
}
