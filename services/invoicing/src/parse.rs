//! Requests of the contract → commands of the domain. All violations of a request come at once.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, Call, Fields, call::Caller, fields::Digits, page::Page};
use payterms_invoicing_domain::{Address, Business, Contact, Customer, Dunning, TaxRule};
use payterms_kernel::{Id, Money, TenantId};
use payterms_proto::invoicing::v1 as pb;
use rust_decimal::Decimal;
use tonic::Request;

/// What a tenant is given.
#[derive(Debug, Clone)]
pub struct TenantFields {
    /// Name of the business.
    pub display_name: String,
    /// Where it is taxed.
    pub country: String,
    /// The zone of its days.
    pub time_zone: String,
    /// Whether it tests.
    pub sandbox: bool,
    /// Whether customers do not see invoices.
    pub invoices_hidden: bool,
    /// Whether a payment beyond what is payable is refused.
    pub overpayment_refused: bool,
    /// How documents name it.
    pub business: Business,
    /// What happens when something is not paid.
    pub dunning: Dunning,
    /// How much less than asked may arrive by transfer.
    pub transfer_tolerances: Vec<Money>,
    /// Above what a second person is needed.
    pub approval_limits: Vec<Money>,
    /// Tax by country.
    pub tax_rules: Vec<TaxRule>,
    /// The version that may be changed; empty: any.
    pub etag: String,
}

/// A field is checked when it will be used.
fn tenant_fields(fields: &mut Fields, tenant: &pb::Tenant, used: impl Fn(&str) -> bool) -> TenantFields {
    let text = |fields: &mut Fields, name: &str, text: &str, least: usize, most: usize| {
        if used(name) { fields.text(&format!("tenant.{name}"), text, least, most) } else { String::new() }
    };
    let time_zone = text(fields, "time_zone", &tenant.time_zone, 1, 64);
    if used("time_zone") && time_zone.parse::<chrono_tz::Tz>().is_err() {
        fields.wrong("tenant.time_zone", "TIME_ZONE_INVALID", "Use a name of the IANA database such as Australia/Sydney.");
    }
    TenantFields {
        display_name: text(fields, "display_name", &tenant.display_name, 1, 200),
        country: if used("country") { fields.country("tenant.country", &tenant.country) } else { String::new() },
        time_zone,
        sandbox: tenant.sandbox,
        invoices_hidden: tenant.invoices_hidden,
        overpayment_refused: tenant.overpayment_refused,
        business: if used("business") { business(fields, &tenant.business.clone().unwrap_or_default()) } else { Business::default() },
        dunning: if used("dunning") { dunning(fields, &tenant.dunning.clone().unwrap_or_default()) } else { Dunning::default() },
        transfer_tolerances: figures(fields, ("transfer_tolerances", &tenant.transfer_tolerances), &used),
        approval_limits: figures(fields, ("approval_limits", &tenant.approval_limits), &used),
        tax_rules: if used("tax_rules") { tax_rules(fields, &tenant.tax_rules) } else { Vec::new() },
        etag: fields.text("tenant.etag", &tenant.etag, 0, 100),
    }
}

fn dunning(fields: &mut Fields, own: &pb::DunningSettings) -> Dunning {
    const MOST_STEPS: usize = 20;
    if own.reminder_days.len() > MOST_STEPS {
        fields.wrong("tenant.dunning.reminder_days", "TOO_MANY_ITEMS", "Remind at most 20 times.");
    }
    let mut reminder_days = Vec::new();
    for day in own.reminder_days.iter().take(MOST_STEPS) {
        if !(-365..=365).contains(day) {
            fields.wrong("tenant.dunning.reminder_days", "FIELD_OUT_OF_RANGE", "Use -365 to 365 days from the due date.");
        }
        let day = i16::try_from(*day).unwrap_or_default();
        if reminder_days.contains(&day) {
            fields.wrong("tenant.dunning.reminder_days", "DUPLICATE_ITEM", "Write each day once.");
        }
        reminder_days.push(day);
    }
    reminder_days.sort_unstable();
    let days = fields.number("tenant.dunning.suspend_after_days", own.suspend_after_days, 0..=365);
    Dunning { suspend_after_days: u16::try_from(days).ok().filter(|_| own.suspend_overdue_services), reminder_days }
}

fn business(fields: &mut Fields, own: &pb::BusinessDetails) -> Business {
    let at = |name: &str| format!("tenant.business.{name}");
    let portal_url = fields.text(&at("portal_url"), &own.portal_url, 0, 200);
    if !portal_url.is_empty() && !portal_url.starts_with("https://") {
        fields.wrong(&at("portal_url"), "FIELD_INVALID_CHARS", "Use an address that begins with https://.");
    }
    Business {
        legal_name: fields.text(&at("legal_name"), &own.legal_name, 0, 200),
        address: own.address.as_ref().map(|own| address(fields, &at("address"), own)),
        tax_id: fields.text(&at("tax_id"), &own.tax_id, 0, 40),
        legal_mentions: fields.text(&at("legal_mentions"), &own.legal_mentions, 0, 1_000),
        contact_email: fields.email(&at("contact_email"), &own.contact_email),
        portal_url,
        bank_details: fields.text(&at("bank_details"), &own.bank_details, 0, 300),
    }
}

/// Amounts, one a currency.
fn figures(fields: &mut Fields, (name, own): (&str, &[payterms_proto::google::r#type::Money]), used: &impl Fn(&str) -> bool) -> Vec<Money> {
    let field = format!("tenant.{name}");
    if !used(name) {
        return Vec::new();
    }
    if own.len() > 50 {
        fields.wrong(&field, "TOO_MANY_ITEMS", "Send at most 50 figures.");
    }
    let mut parsed: Vec<Money> = Vec::new();
    for (place, figure) in own.iter().take(50).enumerate() {
        let figure = fields.money(&format!("{field}[{place}]"), Some(figure), Digits::MinorUnit);
        if parsed.iter().any(|other| other.currency() == figure.currency()) {
            fields.wrong(&format!("{field}[{place}]"), "DUPLICATE_ITEM", "Write one figure per currency.");
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
            rate_percent: fields.decimal(&format!("{at}.rate_percent"), rule.rate_percent.as_ref(), 4, Decimal::ZERO, Decimal::from(100)),
            sentence: fields.text(&format!("{at}.sentence"), &rule.sentence, 0, 500),
            category: category(fields, &format!("{at}.category"), &rule.category),
            with_tax_id: rule.with_tax_id,
        };
        if parsed.iter().any(|other| key(other) == key(&rule)) {
            fields.wrong(&at, "DUPLICATE_ITEM", "Write one rule per country, category and with_tax_id.");
        }
        parsed.push(rule);
    }
    parsed.sort_by(|a, b| key(a).cmp(&key(b)));
    parsed
}

/// What a tenant has one tax rule for.
fn key(rule: &TaxRule) -> (&str, &str, bool) {
    (&rule.country, &rule.category, rule.with_tax_id)
}

/// The name of what is sold, as tax rules and lines use it; empty: the standard category.
pub fn category(fields: &mut Fields, field: &str, text: &str) -> String {
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        fields.wrong(field, "FIELD_INVALID_CHARS", "Use lower-case letters, digits and underscores.");
    }
    fields.text(field, text, 0, 40)
}

/// Registers a tenant.
pub fn create_tenant(request: Request<pb::CreateTenantRequest>) -> Result<(Call, TenantFields), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let id = message.tenant_id.parse::<TenantId>();
    if id.is_err() {
        fields.wrong("tenant_id", "RESOURCE_NAME_INVALID", "Use 3 to 40 lower-case letters, digits or inner dashes, a letter first.");
    }
    if message.tenant.is_none() {
        fields.wrong("tenant", "FIELD_REQUIRED", "Describe the tenant.");
    }
    let tenant = tenant_fields(&mut fields, &message.tenant.unwrap_or_default(), |_| true);
    let name = fields.name("tenant_id", &format!("tenants/{}", id.map_or_else(|_| "unknown".into(), |id| id.to_string())), &[]);
    Ok((fields.write(&message.request_id, name.tenant)?, tenant))
}

/// Changes a tenant.
pub fn update_tenant(request: Request<pb::UpdateTenantRequest>) -> Result<(Call, TenantFields, Vec<String>), AppError> {
    const CHANGING: [&str; 9] = [
        "display_name",
        "time_zone",
        "invoices_hidden",
        "tax_rules",
        "overpayment_refused",
        "business",
        "dunning",
        "transfer_tolerances",
        "approval_limits",
    ];
    let (mut fields, message) = Fields::open(request)?;
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let tenant = message.tenant.unwrap_or_default();
    let name = fields.name("tenant.name", &tenant.name, &[]);
    let tenant = tenant_fields(&mut fields, &tenant, |path| paths.iter().any(|own| own == path));
    Ok((fields.write(&message.request_id, name.tenant)?, tenant, paths))
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

/// What a customer is given.
#[derive(Debug, Clone)]
pub struct CustomerFields {
    /// Registered name.
    pub legal_name: String,
    /// Billing address.
    pub address: Option<Address>,
    /// Where documents go.
    pub billing_email: String,
    /// Where it is taxed.
    pub country: String,
    /// Tax number.
    pub tax_id: String,
    /// Tier.
    pub tier: String,
    /// Language.
    pub locale: String,
    /// People to write to.
    pub contacts: Vec<Contact>,
    /// The version that may be changed; empty: any.
    pub etag: String,
}

pub(crate) fn customer_fields(fields: &mut Fields, customer: &pb::Customer, used: impl Fn(&str) -> bool) -> CustomerFields {
    let text = |fields: &mut Fields, name: &str, text: &str, most: usize| {
        if used(name) { fields.text(&format!("customer.{name}"), text, 0, most) } else { String::new() }
    };
    let locale = text(fields, "locale", &customer.locale, 10);
    if !matches!(locale.as_str(), "" | "en" | "fr") {
        fields.wrong("customer.locale", "FIELD_INVALID_CHARS", "Use en or fr.");
    }
    CustomerFields {
        legal_name: text(fields, "legal_name", &customer.legal_name, 200),
        address: customer
            .billing_address
            .as_ref()
            .filter(|_| used("billing_address"))
            .map(|own| address(fields, "customer.billing_address", own)),
        billing_email: if used("billing_email") { fields.email("customer.billing_email", &customer.billing_email) } else { String::new() },
        country: if used("country") { fields.country("customer.country", &customer.country) } else { String::new() },
        tax_id: text(fields, "tax_id", &customer.tax_id, 40),
        tier: text(fields, "tier", &customer.tier, 40),
        locale: if locale.is_empty() { "en".to_owned() } else { locale },
        contacts: if used("contacts") { contacts(fields, &customer.contacts) } else { Vec::new() },
        etag: fields.text("customer.etag", &customer.etag, 0, 100),
    }
}

fn contacts(fields: &mut Fields, contacts: &[pb::Contact]) -> Vec<Contact> {
    if contacts.len() > 20 {
        fields.wrong("customer.contacts", "TOO_MANY_ITEMS", "Name at most 20 contacts.");
        return Vec::new();
    }
    let mut parsed = Vec::with_capacity(contacts.len());
    for (place, contact) in contacts.iter().enumerate() {
        let at = |name: &str| format!("customer.contacts[{place}].{name}");
        if contact.email.is_empty() {
            fields.wrong(&at("email"), "FIELD_REQUIRED", "Write the contact's mail address.");
        }
        parsed.push(Contact {
            name: fields.text(&at("name"), &contact.name, 0, 200),
            email: fields.email(&at("email"), &contact.email),
            receives_documents: contact.receives_documents,
        });
    }
    parsed
}

pub(crate) fn address(fields: &mut Fields, field: &str, address: &pb::Address) -> Address {
    let at = |name: &str| format!("{field}.{name}");
    if address.lines.is_empty() {
        fields.wrong(&at("lines"), "FIELD_REQUIRED", "Write 1 to 5 lines.");
    }
    if address.lines.len() > 5 {
        fields.wrong(&at("lines"), "TOO_MANY_ITEMS", "Write at most 5 lines.");
    }
    Address {
        lines: address.lines.iter().take(5).map(|line| fields.text(&at("lines"), line, 1, 200)).collect(),
        city: fields.text(&at("city"), &address.city, 1, 200),
        region: fields.text(&at("region"), &address.region, 0, 200),
        postal_code: fields.text(&at("postal_code"), &address.postal_code, 0, 20),
        country: fields.country(&at("country"), &address.country),
    }
}

/// Adds a customer.
pub fn create_customer(request: Request<pb::CreateCustomerRequest>) -> Result<(Call, CustomerFields), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    if message.customer.is_none() {
        fields.wrong("customer", "FIELD_REQUIRED", "Describe the customer.");
    }
    let customer = customer_fields(&mut fields, &message.customer.unwrap_or_default(), |_| true);
    Ok((fields.write(&message.request_id, tenant)?, customer))
}

/// Changes a customer.
#[derive(Debug, Clone)]
pub struct UpdateCustomer {
    /// Which.
    pub customer: Id<Customer>,
    /// The new values.
    pub fields: CustomerFields,
    /// Which of them count.
    pub paths: Vec<String>,
}

/// The fields of the own profile, and those that only the tenant may change.
fn changing(caller: &Caller) -> &'static [&'static str] {
    const OWN: &[&str] = &["legal_name", "billing_address", "billing_email", "tax_id", "locale", "contacts"];
    const ALL: &[&str] = &["legal_name", "billing_address", "billing_email", "tax_id", "locale", "contacts", "country", "tier"];
    if ["OWNER", "ADMIN", "STAFF", "SERVICE"].iter().any(|role| caller.has(role)) { ALL } else { OWN }
}

/// Changes a customer.
pub fn update_customer(request: Request<pb::UpdateCustomerRequest>) -> Result<(Call, UpdateCustomer), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let allowed = changing(&fields.scope().caller);
    let paths = fields.mask(message.update_mask.as_ref(), allowed);
    let customer = message.customer.unwrap_or_default();
    let name = fields.name("customer.name", &customer.name, &["customers"]);
    let new = customer_fields(&mut fields, &customer, |path| paths.iter().any(|own| own == path));
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, UpdateCustomer { customer: Id::from_uuid(name.id(0)), fields: new, paths }))
}

/// Names a customer to read.
pub fn get_customer(request: Request<pb::GetCustomerRequest>) -> Result<(TenantId, Id<Customer>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers"]);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0))))
}

/// Asks for customers.
pub fn list_customers(request: Request<pb::ListCustomersRequest>) -> Result<(TenantId, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((tenant, page))
}

/// Gives a tenant a test clock.
pub fn start_test_clock(request: Request<pb::StartTestClockRequest>) -> Result<(Call, DateTime<Utc>, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let now = fields.instant("now", message.now.as_ref());
    if now < DateTime::UNIX_EPOCH || now.timestamp() >= 253_370_764_800 {
        fields.wrong("now", "TIME_OUT_OF_RANGE", "Use an instant of the years 1970 to 9998.");
    }
    let seed = fields.text("seed", &message.seed, 0, 100);
    Ok((fields.write(&message.request_id, tenant)?, now, seed))
}

/// Advances a test clock.
pub fn advance_test_clock(request: Request<pb::AdvanceTestClockRequest>) -> Result<(Call, DateTime<Utc>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], "testClock").tenant;
    let target = fields.instant("target_time", message.target_time.as_ref());
    Ok((fields.write(&message.request_id, tenant)?, target))
}

/// Names a test clock to read.
pub fn get_test_clock(request: Request<pb::GetTestClockRequest>) -> Result<TenantId, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], "testClock").tenant;
    fields.finish()?;
    Ok(tenant)
}
