//! Results of the domain → messages of the contract.

use payterms_chassis::{
    etag,
    render::{decimal, money, timestamp},
};
use payterms_invoicing_domain::{Address, Business, ClockState, Contact, Customer, TaxTreatment, Tenant, TestClock};
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1 as pb;

/// A tenant.
#[must_use]
pub fn tenant(tenant: &Tenant) -> pb::Tenant {
    let rule = |rule: &payterms_invoicing_domain::TaxRule| pb::TaxRule {
        country: rule.country.clone(),
        rate_percent: Some(decimal(rule.rate_percent)),
        sentence: rule.sentence.clone(),
        category: rule.category.clone(),
        with_tax_id: rule.with_tax_id,
    };
    pb::Tenant {
        name: format!("tenants/{}", tenant.id),
        display_name: tenant.display_name.clone(),
        country: tenant.country.clone(),
        time_zone: tenant.time_zone.clone(),
        sandbox: tenant.sandbox,
        invoices_hidden: tenant.invoices_hidden,
        overpayment_refused: tenant.overpayment_refused,
        business: Some(business(&tenant.business)),
        dunning: Some(pb::DunningSettings {
            suspend_overdue_services: tenant.dunning.suspend_after_days.is_some(),
            suspend_after_days: tenant.dunning.suspend_after_days.unwrap_or_default().into(),
            reminder_days: tenant.dunning.reminder_days.iter().map(|day| i32::from(*day)).collect(),
        }),
        transfer_tolerances: tenant.transfer_tolerances.iter().copied().map(money).collect(),
        approval_limits: tenant.approval_limits.iter().copied().map(money).collect(),
        tax_rules: tenant.tax_rules.iter().map(rule).collect(),
        state: if tenant.suspended { pb::tenant::State::Suspended } else { pb::tenant::State::Active }.into(),
        create_time: Some(timestamp(tenant.created_at)),
        update_time: Some(timestamp(tenant.updated_at)),
        etag: etag::etag(tenant.version),
    }
}

fn business(business: &Business) -> pb::BusinessDetails {
    let Business { legal_name, address: own, tax_id, legal_mentions, contact_email, portal_url, bank_details } = business.clone();
    pb::BusinessDetails { legal_name, address: own.as_ref().map(address), tax_id, legal_mentions, contact_email, portal_url, bank_details }
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
        billing_address: customer.address.as_ref().map(address),
        billing_email: customer.billing_email.clone(),
        country: customer.country.clone(),
        tax_id: customer.tax_id.clone(),
        tier: customer.tier.clone(),
        locale: customer.locale.clone(),
        tax_treatment: customer.tax.as_ref().map(tax),
        create_time: Some(timestamp(customer.created_at)),
        update_time: Some(timestamp(customer.updated_at)),
        etag: etag::etag(customer.version),
        contacts: customer.contacts.iter().map(contact).collect(),
    }
}

fn contact(contact: &Contact) -> pb::Contact {
    let Contact { name, email, receives_documents } = contact.clone();
    pb::Contact { name, email, receives_documents }
}

/// An address.
#[must_use]
pub fn address(address: &Address) -> pb::Address {
    let Address { lines, city, region, postal_code, country } = address.clone();
    pb::Address { lines, city, region, postal_code, country }
}

fn tax(tax: &TaxTreatment) -> pb::TaxTreatment {
    pb::TaxTreatment {
        rate_percent: Some(decimal(tax.rate_percent)),
        sentence: tax.sentence.clone(),
        version: tax.version,
        valid_from_time: Some(timestamp(tax.valid_from)),
    }
}

/// A test clock.
#[must_use]
pub fn test_clock(tenant: &TenantId, clock: &TestClock) -> pb::TestClock {
    let state = match clock.state {
        ClockState::Ready => pb::test_clock::State::Ready,
        ClockState::Advancing => pb::test_clock::State::Advancing,
        ClockState::Stuck => pb::test_clock::State::Stuck,
    };
    pb::TestClock {
        name: format!("tenants/{tenant}/testClock"),
        now: Some(timestamp(clock.now)),
        target_time: Some(timestamp(clock.target)),
        state: state.into(),
        stuck_rows: clock.stuck_rows.clone(),
    }
}
