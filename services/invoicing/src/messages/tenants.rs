//! Tenants: requests → commands, and tenants → messages.

use super::addresses::{address, render_address};
use crate::commands::tenants::{TenantFields, UpdateTenant};
use payterms_chassis::{
    AppError, Call, Fields, etag,
    fields::Digits,
    page::Page,
    render::{decimal, money, timestamp},
};
use payterms_invoicing_domain::{
    Business, CallLimits, Dunning, PaymentNotice, TaxRule, Tenant, bank::Automation,
};
use payterms_kernel::{Money, TenantId};
use payterms_proto::invoicing::{peers::v1 as peers, v1 as pb};
use rust_decimal::Decimal;
use tonic::Request;

/// The most calls a second that can be set, as in the options of the gateway.
const HIGHEST_RATE: i32 = 1_000_000;
/// Tenants that a gateway may ask for at once.
const MOST_TENANTS: usize = 500;

/// A field is checked when it will be used.
fn tenant_fields(
    fields: &mut Fields,
    tenant: &pb::Tenant,
    used: impl Fn(&str) -> bool,
) -> TenantFields {
    let text = |fields: &mut Fields, name: &str, text: &str, least: usize, most: usize| {
        if used(name) {
            fields.printed(&format!("tenant.{name}"), text, least, most)
        } else {
            String::new()
        }
    };
    let time_zone = text(fields, "time_zone", &tenant.time_zone, 1, 64);
    if used("time_zone") && time_zone.parse::<chrono_tz::Tz>().is_err() {
        fields.wrong(
            "tenant.time_zone",
            "TIME_ZONE_INVALID",
            "Use a name of the IANA database such as Australia/Sydney.",
        );
    }
    TenantFields {
        display_name: text(fields, "display_name", &tenant.display_name, 1, 200),
        country: if used("country") {
            fields.country("tenant.country", &tenant.country)
        } else {
            String::new()
        },
        time_zone,
        sandbox: tenant.sandbox,
        invoices_hidden: tenant.invoices_hidden,
        overpayment_refused: tenant.overpayment_refused,
        payment_notice: if used("payment_notice") {
            payment_notice(fields, tenant.payment_notice)
        } else {
            None
        },
        bank_automation: if used("bank_automation") {
            bank_automation(fields, tenant.bank_automation)
        } else {
            None
        },
        business: if used("business") {
            business(fields, &tenant.business.clone().unwrap_or_default())
        } else {
            Business::default()
        },
        dunning: if used("dunning") {
            dunning(fields, &tenant.dunning.clone().unwrap_or_default())
        } else {
            Dunning::default()
        },
        transfer_tolerances: figures(
            fields,
            ("transfer_tolerances", &tenant.transfer_tolerances),
            &used,
        ),
        approval_limits: figures(fields, ("approval_limits", &tenant.approval_limits), &used),
        tax_rules: if used("tax_rules") {
            tax_rules(fields, &tenant.tax_rules)
        } else {
            Vec::new()
        },
        etag: fields.token("tenant.etag", &tenant.etag, 0, 100),
    }
}

/// What a customer is sent for a payment; none where a new tenant leaves it open.
fn payment_notice(fields: &mut Fields, value: i32) -> Option<PaymentNotice> {
    use pb::tenant::PaymentNotice as Asked;
    if value == 0 {
        return None;
    }
    Some(match fields.choice::<Asked>("tenant.payment_notice", value)? {
        Asked::None => PaymentNotice::None,
        Asked::Receipt => PaymentNotice::Receipt,
        Asked::Unspecified | Asked::Confirmation => PaymentNotice::Confirmation,
    })
}

/// How far bank lines are matched without a person; none where a new tenant leaves it open.
fn bank_automation(fields: &mut Fields, value: i32) -> Option<Automation> {
    use pb::tenant::BankAutomation;
    if value == 0 {
        return None;
    }
    Some(match fields.choice::<BankAutomation>("tenant.bank_automation", value)? {
        BankAutomation::Off => Automation::Off,
        BankAutomation::ReferenceAndAmount => Automation::ReferenceAndAmount,
        BankAutomation::Unspecified | BankAutomation::Reference => Automation::Reference,
    })
}

fn dunning(fields: &mut Fields, dunning_settings: &pb::DunningSettings) -> Dunning {
    const MOST_STEPS: usize = 20;
    if dunning_settings.reminder_days.len() > MOST_STEPS {
        fields.wrong("tenant.dunning.reminder_days", "TOO_MANY_ITEMS", "Remind at most 20 times.");
    }
    let mut reminder_days = Vec::new();
    for day in dunning_settings.reminder_days.iter().take(MOST_STEPS) {
        if !(-365..=365).contains(day) {
            fields.wrong(
                "tenant.dunning.reminder_days",
                "FIELD_OUT_OF_RANGE",
                "Use -365 to 365 days from the due date.",
            );
        }
        let day = i16::try_from(*day).unwrap_or_default();
        if reminder_days.contains(&day) {
            fields.wrong("tenant.dunning.reminder_days", "DUPLICATE_ITEM", "Write each day once.");
        }
        reminder_days.push(day);
    }
    reminder_days.sort_unstable();
    let days = fields.number(
        "tenant.dunning.suspend_after_days",
        dunning_settings.suspend_after_days,
        0..=365,
    );
    Dunning {
        suspend_after_days: u16::try_from(days)
            .ok()
            .filter(|_| dunning_settings.suspend_overdue_services),
        reminder_days,
    }
}

fn business(fields: &mut Fields, business_details: &pb::BusinessDetails) -> Business {
    let at = |name: &str| format!("tenant.business.{name}");
    let portal_url = fields.text(&at("portal_url"), &business_details.portal_url, 0, 200);
    if !portal_url.is_empty() && !portal_url.starts_with("https://") {
        fields.wrong(
            &at("portal_url"),
            "FIELD_INVALID_CHARS",
            "Use an address that begins with https://.",
        );
    }
    Business {
        legal_name: fields.printed(&at("legal_name"), &business_details.legal_name, 0, 200),
        address: business_details
            .address
            .as_ref()
            .map(|each| address(fields, &at("address"), each)),
        tax_id: fields.reference(&at("tax_id"), &business_details.tax_id, 0, 40),
        legal_mentions: fields.printed(
            &at("legal_mentions"),
            &business_details.legal_mentions,
            0,
            1_000,
        ),
        contact_email: fields.email(&at("contact_email"), &business_details.contact_email),
        portal_url,
        bank_details: {
            let details =
                fields.reference(&at("bank_details"), &business_details.bank_details, 0, 300);
            fields.must_be_printable(&at("bank_details"), &business_details.bank_details);
            details
        },
    }
}

/// Amounts, one a currency.
fn figures(
    fields: &mut Fields,
    (name, amounts): (&str, &[payterms_proto::google::r#type::Money]),
    used: &impl Fn(&str) -> bool,
) -> Vec<Money> {
    let field = format!("tenant.{name}");
    if !used(name) {
        return Vec::new();
    }
    if amounts.len() > 50 {
        fields.wrong(&field, "TOO_MANY_ITEMS", "Send at most 50 figures.");
    }
    let mut parsed: Vec<Money> = Vec::new();
    for (place, figure) in amounts.iter().take(50).enumerate() {
        let figure = fields.money(&format!("{field}[{place}]"), Some(figure), Digits::MinorUnit);
        if parsed.iter().any(|other| other.currency() == figure.currency()) {
            fields.wrong(
                &format!("{field}[{place}]"),
                "DUPLICATE_ITEM",
                "Write one figure per currency.",
            );
        }
        parsed.push(figure);
    }
    parsed
}

fn tax_rules(fields: &mut Fields, rules: &[pb::TaxRule]) -> Vec<TaxRule> {
    if rules.len() > 300 {
        fields.wrong("tenant.tax_rules", "TOO_MANY_ITEMS", "Send at most 300 rules.");
        return Vec::new();
    }
    let mut parsed: Vec<TaxRule> = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let at = format!("tenant.tax_rules[{place}]");
        let rule = TaxRule {
            country: fields.country(&format!("{at}.country"), &rule.country),
            rate_percent: fields.decimal(
                &format!("{at}.rate_percent"),
                rule.rate_percent.as_ref(),
                4,
                Decimal::ZERO,
                Decimal::from(100),
            ),
            sentence: fields.printed(&format!("{at}.sentence"), &rule.sentence, 0, 500),
            category: tax_category(fields, &format!("{at}.category"), &rule.category),
            with_tax_id: rule.with_tax_id,
        };
        if parsed.iter().any(|other| tax_rule_key(other) == tax_rule_key(&rule)) {
            fields.wrong(
                &at,
                "DUPLICATE_ITEM",
                "Write one rule per country, category and with_tax_id.",
            );
        }
        parsed.push(rule);
    }
    parsed.sort_by(|a, b| tax_rule_key(a).cmp(&tax_rule_key(b)));
    parsed
}

/// What a tenant has one tax rule for.
fn tax_rule_key(rule: &TaxRule) -> (&str, &str, bool) {
    (&rule.country, &rule.category, rule.with_tax_id)
}

/// The name of what is sold, as tax rules and lines use it; empty: the standard category.
pub fn tax_category(fields: &mut Fields, field: &str, text: &str) -> String {
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        fields.wrong(
            field,
            "FIELD_INVALID_CHARS",
            "Use lower-case letters, digits and underscores.",
        );
    }
    fields.text(field, text, 0, 40)
}

/// Registers a tenant.
pub fn create_tenant(
    request: Request<pb::CreateTenantRequest>,
) -> Result<(Call, TenantFields), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let id = message.tenant_id.parse::<TenantId>();
    if id.is_err() {
        fields.wrong(
            "tenant_id",
            "RESOURCE_NAME_INVALID",
            "Use 3 to 40 lower-case letters, digits or inner dashes, a letter first.",
        );
    }
    if message.tenant.is_none() {
        fields.wrong("tenant", "FIELD_REQUIRED", "Describe the tenant.");
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
            "FIELD_REQUIRED",
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
        0 => fields.wrong("tenants", "FIELD_REQUIRED", "Name at least one tenant."),
        1..=MOST_TENANTS => {}
        _ => fields.wrong("tenants", "TOO_MANY_ITEMS", "Name at most 500 tenants."),
    }
    for (place, slug) in message.tenants.iter().enumerate().take(MOST_TENANTS) {
        if slug.parse::<TenantId>().is_err() {
            fields.wrong(
                &format!("tenants[{place}]"),
                "RESOURCE_NAME_INVALID",
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
