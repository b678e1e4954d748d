//! Tenants: requests → commands, and tenants → messages.

use super::{addresses::render_address, tenant_fields::tenant_fields};
use crate::commands::tenants::{TenantFields, UpdateTenant};
use payterms_chassis::{
    AppError, Call, Fields, etag,
    page::Page,
    render::{decimal, money, timestamp},
};
use payterms_invoicing_domain::{Business, CallLimits, PaymentNotice, Tenant, bank::Automation};
use payterms_kernel::{Reason, TenantId};
use payterms_proto::invoicing::{peers::v1 as peers, v1 as pb};
use tonic::Request;

/// The most calls a second that can be set, as in the options of the gateway.
const HIGHEST_RATE: i32 = 1_000_000;
/// Tenants that a gateway may ask for at once.
const MOST_TENANTS: usize = 500;

/// Registers a tenant.
pub fn create_tenant(
    request: Request<pb::CreateTenantRequest>,
) -> Result<(Call, TenantFields), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let id = message.tenant_id.parse::<TenantId>();
    if id.is_err() {
        fields.wrong(
            "tenant_id",
            Reason::RESOURCE_NAME_INVALID,
            "Use 3 to 40 lower-case letters, digits or inner dashes, a letter first.",
        );
    }
    if message.tenant.is_none() {
        fields.wrong("tenant", Reason::FIELD_REQUIRED, "Describe the tenant.");
    }
    let tenant = tenant_fields(&mut fields, &message.tenant.unwrap_or_default(), |_| true);
    let name = fields.name(
        "tenant_id",
        &format!("tenants/{}", id.map_or_else(|_| "unknown".into(), |id| id.to_string())),
        &[],
    );
    Ok((fields.write(&message.request_id, name.tenant)?, tenant))
}

/// Changes a tenant.
pub fn update_tenant(
    request: Request<pb::UpdateTenantRequest>,
) -> Result<(Call, UpdateTenant), AppError> {
    const CHANGING: [&str; 11] = [
        "display_name",
        "time_zone",
        "invoices_hidden",
        "tax_rules",
        "overpayment_refused",
        "business",
        "dunning",
        "transfer_tolerances",
        "approval_limits",
        "bank_automation",
        "payment_notice",
    ];
    let (mut fields, message) = Fields::open(request)?;
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let tenant = message.tenant.unwrap_or_default();
    let name = fields.name("tenant.name", &tenant.name, &[]);
    let tenant = tenant_fields(&mut fields, &tenant, |path| paths.iter().any(|text| text == path));
    Ok((fields.write(&message.request_id, name.tenant)?, UpdateTenant { fields: tenant, paths }))
}

fn tenant_verb(mut fields: Fields, request_id: &str, name: &str) -> Result<Call, AppError> {
    let tenant = fields.name("name", name, &[]).tenant;
    fields.write(request_id, tenant)
}

/// Suspends a tenant.
pub fn suspend_tenant(request: Request<pb::SuspendTenantRequest>) -> Result<Call, AppError> {
    let (fields, message) = Fields::open(request)?;
    tenant_verb(fields, &message.request_id, &message.name)
}

/// Activates a tenant.
pub fn activate_tenant(request: Request<pb::ActivateTenantRequest>) -> Result<Call, AppError> {
    let (fields, message) = Fields::open(request)?;
    tenant_verb(fields, &message.request_id, &message.name)
}

/// Limits the calls of a tenant.
pub fn limit_tenant(
    request: Request<pb::LimitTenantRequest>,
) -> Result<(Call, CallLimits), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    if message.call_limits.is_none() {
        fields.wrong(
            "call_limits",
            Reason::FIELD_REQUIRED,
            "Send the limits; empty ones are those of the gateways.",
        );
    }
    let given = message.call_limits.unwrap_or_default();
    let mut rate = |name: &str, rate: i32| {
        let rate = fields.number(&format!("call_limits.{name}"), rate, 0..=HIGHEST_RATE);
        (rate > 0).then_some(rate)
    };
    let limits = CallLimits {
        caller: rate("caller_calls_per_second", given.caller_calls_per_second),
        customer: rate("customer_calls_per_second", given.customer_calls_per_second),
        tenant: rate("tenant_calls_per_second", given.tenant_calls_per_second),
    };
    Ok((tenant_verb(fields, &message.request_id, &message.name)?, limits))
}

/// Names tenants by their slugs.
pub fn get_call_limits(
    request: Request<peers::GetCallLimitsRequest>,
) -> Result<Vec<String>, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    match message.tenants.len() {
        0 => fields.wrong("tenants", Reason::FIELD_REQUIRED, "Name at least one tenant."),
        1..=MOST_TENANTS => {}
        _ => fields.wrong("tenants", Reason::TOO_MANY_ITEMS, "Name at most 500 tenants."),
    }
    for (place, slug) in message.tenants.iter().enumerate().take(MOST_TENANTS) {
        if slug.parse::<TenantId>().is_err() {
            fields.wrong(
                &format!("tenants[{place}]"),
                Reason::RESOURCE_NAME_INVALID,
                "Use the slug of a tenant.",
            );
        }
    }
    fields.finish()?;
    Ok(message.tenants)
}

/// Names a tenant to read.
pub fn get_tenant(request: Request<pb::GetTenantRequest>) -> Result<TenantId, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("name", &message.name, &[]).tenant;
    fields.finish()?;
    Ok(tenant)
}

/// Asks for tenants.
pub fn list_tenants(request: Request<pb::ListTenantsRequest>) -> Result<Page, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let page = Page::parse(&mut fields, "", message.page_size, &message.page_token);
    fields.finish()?;
    Ok(page)
}

/// A tenant with limits of its own.
#[must_use]
pub fn limited_tenant((tenant, limits): &(String, CallLimits)) -> peers::LimitedTenant {
    peers::LimitedTenant { tenant: tenant.clone(), call_limits: render_call_limits(limits) }
}

fn render_call_limits(limits: &CallLimits) -> Option<pb::CallLimits> {
    let rate =
        |rate: Option<u32>| rate.and_then(|rate| i32::try_from(rate).ok()).unwrap_or_default();
    (*limits != CallLimits::default()).then(|| pb::CallLimits {
        caller_calls_per_second: rate(limits.caller),
        customer_calls_per_second: rate(limits.customer),
        tenant_calls_per_second: rate(limits.tenant),
    })
}

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
        business: Some(render_business(&tenant.business)),
        dunning: Some(pb::DunningSettings {
            suspend_overdue_services: tenant.dunning.suspend_after_days.is_some(),
            suspend_after_days: tenant.dunning.suspend_after_days.unwrap_or_default().into(),
            reminder_days: tenant.dunning.reminder_days.iter().map(|day| i32::from(*day)).collect(),
        }),
        transfer_tolerances: tenant.transfer_tolerances.iter().copied().map(money).collect(),
        approval_limits: tenant.approval_limits.iter().copied().map(money).collect(),
        payment_notice: match tenant.payment_notice {
            PaymentNotice::None => pb::tenant::PaymentNotice::None,
            PaymentNotice::Confirmation => pb::tenant::PaymentNotice::Confirmation,
            PaymentNotice::Receipt => pb::tenant::PaymentNotice::Receipt,
        }
        .into(),
        bank_automation: match tenant.bank_automation {
            Automation::Off => pb::tenant::BankAutomation::Off,
            Automation::ReferenceAndAmount => pb::tenant::BankAutomation::ReferenceAndAmount,
            Automation::Reference => pb::tenant::BankAutomation::Reference,
        }
        .into(),
        tax_rules: tenant.tax_rules.iter().map(rule).collect(),
        call_limits: render_call_limits(&tenant.call_limits),
        state: if tenant.suspended {
            pb::tenant::State::Suspended
        } else {
            pb::tenant::State::Active
        }
        .into(),
        create_time: Some(timestamp(tenant.created_at)),
        update_time: Some(timestamp(tenant.updated_at)),
        etag: etag::etag(tenant.version),
    }
}

fn render_business(business: &Business) -> pb::BusinessDetails {
    let Business {
        legal_name,
        address: business_address,
        tax_id,
        legal_mentions,
        contact_email,
        portal_url,
        bank_details,
    } = business.clone();
    pb::BusinessDetails {
        legal_name,
        address: business_address.as_ref().map(render_address),
        tax_id,
        legal_mentions,
        contact_email,
        portal_url,
        bank_details,
    }
}
