//! Metered services: requests → commands, and services → messages.

use super::{customers::customer_name, refs::customer_ref, tax_rules::tax_category};
use crate::commands::{
    customers::CustomerRef,
    metered_services::{EnableService, MeteredServiceRef},
};
use payterms_chassis::{
    AppError, Call, Fields,
    call::Grant,
    names::Name,
    page::Page,
    render::{term, timestamp},
};
use payterms_invoicing_domain::{Customer, MeteredService, ServiceState, metered::Terms};
use payterms_kernel::{Id, Reason, TenantId, calendar::PaymentTerm};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// The collections of a service's name.
pub(super) const METERED_SERVICE: &[&str] = &["customers", "meteredServices"];

fn service_ref(name: &Name) -> MeteredServiceRef {
    MeteredServiceRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        service: Id::from_uuid(name.id(1)),
    }
}

/// Enables a service.
pub fn enable_metered_service(
    request: Request<pb::EnableMeteredServiceRequest>,
) -> Result<(Call, EnableService), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    if message.metered_service.is_none() {
        fields.wrong("metered_service", Reason::FIELD_REQUIRED, "Describe the service.");
    }
    let metered_service = message.metered_service.unwrap_or_default();
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    let term = if as_customer {
        billed_at_once(&mut fields, &metered_service)
    } else {
        fields.term("metered_service.payment_term", metered_service.payment_term.as_ref())
    };
    let terms = Terms {
        product: fields.text("metered_service.product", &metered_service.product, 1, 100),
        display_name: fields.printed(
            "metered_service.display_name",
            &metered_service.display_name,
            1,
            200,
        ),
        currency: fields.currency("metered_service.currency_code", &metered_service.currency_code),
        prices_include_tax: metered_service.prices_include_tax,
        tax_category: tax_category(
            &mut fields,
            "metered_service.tax_category",
            &metered_service.tax_category,
        ),
        term,
    };
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, EnableService { customer: Id::from_uuid(name.id(0)), terms, as_customer }))
}

/// The term of a service that the customer enables, who sets no terms
/// (docs/domain/invoicing.md#enabling-by-the-customer).
fn billed_at_once(fields: &mut Fields, metered_service: &pb::MeteredService) -> PaymentTerm {
    let set = [
        ("metered_service.prices_include_tax", metered_service.prices_include_tax),
        ("metered_service.tax_category", !metered_service.tax_category.is_empty()),
        ("metered_service.payment_term", metered_service.payment_term.is_some()),
    ];
    for (field, _) in set.into_iter().filter(|(_, set)| *set) {
        fields.wrong(
            field,
            Reason::TERMS_OF_TENANT,
            "Leave it out: the tenant sets the terms of a service.",
        );
    }
    PaymentTerm::NetDays(0)
}

/// Switches a service off.
pub fn disable_metered_service(
    request: Request<pb::DisableMeteredServiceRequest>,
) -> Result<(Call, MeteredServiceRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, METERED_SERVICE);
    let named = service_ref(&name);
    Ok((fields.write(&message.request_id, name.tenant)?, named))
}

/// Names a service to read.
pub fn get_metered_service(
    request: Request<pb::GetMeteredServiceRequest>,
) -> Result<MeteredServiceRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, METERED_SERVICE);
    fields.finish()?;
    Ok(service_ref(&name))
}

/// Asks for services.
pub fn list_metered_services(
    request: Request<pb::ListMeteredServicesRequest>,
) -> Result<(CustomerRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let customer = customer_ref(&fields, &name);
    fields.finish()?;
    Ok((customer, page))
}

/// The name of a service.
#[must_use]
pub fn metered_service_name(
    tenant: &TenantId,
    customer: Id<Customer>,
    service: Id<MeteredService>,
) -> String {
    format!("{}/meteredServices/{service}", customer_name(tenant, customer))
}

/// A service.
#[must_use]
pub fn metered_service(tenant: &TenantId, service: &MeteredService) -> pb::MeteredService {
    let state = match service.state {
        ServiceState::Active => pb::metered_service::State::Active,
        ServiceState::Overdue => pb::metered_service::State::Overdue,
        ServiceState::Suspended => pb::metered_service::State::Suspended,
        ServiceState::Disabled => pb::metered_service::State::Disabled,
    };
    pb::MeteredService {
        name: metered_service_name(tenant, service.customer, service.id),
        product: service.terms.product.clone(),
        display_name: service.terms.display_name.clone(),
        currency_code: service.terms.currency.code().to_owned(),
        prices_include_tax: service.terms.prices_include_tax,
        tax_category: service.terms.tax_category.clone(),
        payment_term: Some(term(service.terms.term)),
        state: state.into(),
        overdue_time: service.overdue_since.map(timestamp),
        create_time: Some(timestamp(service.created_at)),
        update_time: Some(timestamp(service.updated_at)),
    }
}
