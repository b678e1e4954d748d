//! Requests about programmes → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse::{CustomerRef, PROGRAMME};
use chrono::DateTime;
use payterms_chassis::{AppError, Call, Fields, fields::Digits, page::Page};
use payterms_credit_domain::{Customer, Programme, ProgrammeState};
use payterms_kernel::{Currency, Id, Money, Refusal, TenantId, calendar::PaymentTerm};
use payterms_proto::credit::v1 as pb;
use tonic::Request;

const MOST_COUNTRIES: usize = 250;
const MOST_TIERS: usize = 50;
/// The largest limit where none is set, in units of the currency (docs/domain.md, Programme).
const DEFAULT_CAP_MICROS: i64 = 50_000_000_000;

/// Names a programme.
#[derive(Debug, Clone)]
pub struct ProgrammeRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The programme.
    pub programme: Id<Programme>,
}

fn texts(fields: &mut Fields, field: &str, told: &[String], most: usize) -> Vec<String> {
    if told.len() > most {
        fields.wrong(field, "TOO_MANY_ITEMS", format!("Name at most {most}."));
    }
    for (place, text) in told.iter().take(most).enumerate() {
        if told.iter().take(place).any(|other| other == text) {
            fields.wrong(&format!("{field}[{place}]"), "DUPLICATE_ITEM", "Name each once.");
        }
    }
    told.iter().take(most).cloned().collect()
}

fn days(fields: &mut Fields, field: &str, told: i32, default: u32, most: i32) -> u32 {
    if told == 0 { default } else { fields.number(field, told, 1..=most) }
}

/// What a programme says; `id`, state, version and times stand for nothing yet.
fn programme(fields: &mut Fields, told: &pb::Programme) -> Programme {
    let at = |field: &str| format!("programme.{field}");
    let currency = if told.currency_code.is_empty() {
        Currency::parse("USD").unwrap_or_else(|| fields.currency(&at("currency_code"), ""))
    } else {
        fields.currency(&at("currency_code"), &told.currency_code)
    };
    let cap = match &told.limit_cap {
        None => Money::from_micros(currency, DEFAULT_CAP_MICROS),
        Some(cap) => fields.money(&at("limit_cap"), Some(cap), Digits::MinorUnit),
    };
    let countries = texts(fields, &at("countries"), &told.countries, MOST_COUNTRIES);
    for (place, country) in countries.iter().enumerate() {
        fields.country(&format!("programme.countries[{place}]"), country);
    }
    let tiers = texts(fields, &at("tiers"), &told.tiers, MOST_TIERS);
    for (place, tier) in tiers.iter().enumerate() {
        fields.text(&format!("programme.tiers[{place}]"), tier, 1, 50);
    }
    Programme {
        id: Id::from_uuid(uuid::Uuid::nil()),
        title: fields.text(&at("title"), &told.title, 1, 200),
        state: ProgrammeState::Open,
        currency,
        cap,
        term: told.payment_term.as_ref().map_or(PaymentTerm::EndOfFollowingMonth, |term| fields.term(&at("payment_term"), Some(term))),
        countries: if countries.is_empty() { vec!["US".to_owned()] } else { countries },
        tiers,
        invitation_only: told.invitation_only,
        cool_down_days: days(fields, &at("cool_down_days"), told.cool_down_days, 90, 3_650),
        plans_allowed: told.plans_allowed,
        draws_during_plans: told.draws_during_plans,
        policy: if told.policy.is_empty() {
            Id::from_uuid(uuid::Uuid::nil())
        } else {
            Id::from_uuid(fields.name(&at("policy"), &told.policy, &["policies"]).id(0))
        },
        offer_days: days(fields, &at("offer_days"), told.offer_days, 30, 365),
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn same_currency(fields: &mut Fields, own: &Programme) {
    if own.cap.currency() != own.currency {
        fields.wrong("programme.limit_cap", "CURRENCY_MISMATCH", "Write the cap in the programme's currency.");
    }
}

/// Opens a programme.
pub fn create(request: Request<pb::CreateProgrammeRequest>) -> Result<(Call, Programme), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &[]);
    if message.programme.is_none() {
        fields.wrong("programme", "FIELD_REQUIRED", "Describe the programme.");
    }
    let own = programme(&mut fields, &message.programme.unwrap_or_default());
    same_currency(&mut fields, &own);
    Ok((fields.write(&message.request_id, parent.tenant)?, own))
}

/// A change of a programme.
#[derive(Debug, Clone)]
pub struct Update {
    new: Programme,
    paths: Vec<String>,
    /// The version that was read; empty: any.
    pub etag: String,
}

/// The fields that can be changed.
const CHANGING: [&str; 11] = [
    "title",
    "limit_cap",
    "payment_term",
    "countries",
    "tiers",
    "invitation_only",
    "cool_down_days",
    "plans_allowed",
    "draws_during_plans",
    "policy",
    "offer_days",
];

/// Changes a programme.
pub fn update(request: Request<pb::UpdateProgrammeRequest>) -> Result<(Call, ProgrammeRef, Update), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let told = message.programme.unwrap_or_default();
    let name = fields.name("programme.name", &told.name, PROGRAMME);
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let has = |path: &str| paths.iter().any(|own| own == path);
    // What the mask leaves out is not looked at.
    let looked_at = pb::Programme {
        title: if has("title") { told.title.clone() } else { "-".to_owned() },
        currency_code: told.limit_cap.as_ref().map(|cap| cap.currency_code.clone()).filter(|_| has("limit_cap")).unwrap_or_default(),
        limit_cap: told.limit_cap.clone().filter(|_| has("limit_cap")),
        payment_term: told.payment_term.filter(|_| has("payment_term")),
        countries: if has("countries") { told.countries.clone() } else { Vec::new() },
        tiers: if has("tiers") { told.tiers.clone() } else { Vec::new() },
        cool_down_days: if has("cool_down_days") { told.cool_down_days } else { 0 },
        offer_days: if has("offer_days") { told.offer_days } else { 0 },
        policy: if has("policy") { told.policy.clone() } else { String::new() },
        ..told.clone()
    };
    if has("limit_cap") && told.limit_cap.is_none() {
        fields.wrong("programme.limit_cap", "FIELD_REQUIRED", "Set the cap.");
    }
    let new = programme(&mut fields, &looked_at);
    let etag = fields.text("programme.etag", &told.etag, 0, 100);
    let named = ProgrammeRef { tenant: name.tenant.clone(), programme: Id::from_uuid(name.id(0)) };
    Ok((fields.write(&message.request_id, name.tenant)?, named, Update { new, paths, etag }))
}

impl Update {
    /// Takes the fields that the mask names over.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH` for a cap in another currency than the programme's.
    pub fn apply(&self, own: &mut Programme) -> Result<(), Refusal> {
        for path in &self.paths {
            match path.as_str() {
                "title" => own.title.clone_from(&self.new.title),
                "limit_cap" => {
                    self.new.cap.compare(own.cap)?;
                    own.cap = self.new.cap;
                }
                "payment_term" => own.term = self.new.term,
                "countries" => own.countries.clone_from(&self.new.countries),
                "tiers" => own.tiers.clone_from(&self.new.tiers),
                "invitation_only" => own.invitation_only = self.new.invitation_only,
                "cool_down_days" => own.cool_down_days = self.new.cool_down_days,
                "plans_allowed" => own.plans_allowed = self.new.plans_allowed,
                "draws_during_plans" => own.draws_during_plans = self.new.draws_during_plans,
                "policy" => own.policy = self.new.policy,
                _ => own.offer_days = self.new.offer_days,
            }
        }
        Ok(())
    }
}

/// Closes a programme.
pub fn close(request: Request<pb::CloseProgrammeRequest>) -> Result<(Call, ProgrammeRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PROGRAMME);
    let named = ProgrammeRef { tenant: name.tenant.clone(), programme: Id::from_uuid(name.id(0)) };
    Ok((fields.write(&message.request_id, name.tenant)?, named))
}

/// Names a programme to read.
pub fn get(request: Request<pb::GetProgrammeRequest>) -> Result<ProgrammeRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PROGRAMME);
    fields.finish()?;
    Ok(ProgrammeRef { programme: Id::from_uuid(name.id(0)), tenant: name.tenant })
}

/// Asks for programmes.
pub fn list(request: Request<pb::ListProgrammesRequest>) -> Result<(TenantId, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &[]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((parent.tenant, page))
}

/// An invitation, or its end.
#[derive(Debug, Clone)]
pub struct Invite {
    /// To which programme.
    pub programme: ProgrammeRef,
    /// Who.
    pub customer: Id<Customer>,
    /// Whether it is given.
    pub invited: bool,
}

/// Invites a customer.
pub fn invite(request: Request<pb::InviteCustomerRequest>) -> Result<(Call, Invite), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PROGRAMME);
    let customer = fields.name("customer", &message.customer, &["customers"]);
    let programme = ProgrammeRef { tenant: name.tenant.clone(), programme: Id::from_uuid(name.id(0)) };
    let invite = Invite { programme, customer: Id::from_uuid(customer.id(0)), invited: !message.revoke };
    Ok((fields.write(&message.request_id, name.tenant)?, invite))
}

/// Asks what a customer may apply for.
pub fn options(request: Request<pb::GetCreditOptionsRequest>) -> Result<CustomerRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    fields.finish()?;
    Ok(CustomerRef { customer: Id::from_uuid(parent.id(0)), tenant: parent.tenant })
}
