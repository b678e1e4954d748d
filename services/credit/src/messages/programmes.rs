//! Programmes, invitations, and what a customer may apply for.

use super::names::{PROGRAMME, customer_ref, policy_name, programme_name};
use crate::commands::{
    customers::CustomerRef,
    programmes::{InviteCustomer, ProgrammeRef, UpdateProgramme},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, Call, Fields, etag,
    fields::Digits,
    names::Name,
    page::Page,
    render::{money, term, timestamp},
};
use payterms_credit_domain::{Programme, ProgrammeState};
use payterms_kernel::{Condition, Currency, Id, Money, Reason, TenantId, calendar::PaymentTerm};
use payterms_proto::credit::v1 as pb;
use tonic::Request;

const MOST_COUNTRIES: usize = 250;
const MOST_TIERS: usize = 50;
/// The largest limit, also where none is set, in units of the currency
/// (docs/domain/credit.md#programme).
const MOST_CAP_MICROS: i64 = 50_000_000_000;

fn texts(fields: &mut Fields, field: &str, texts: &[String], most: usize) -> Vec<String> {
    if texts.len() > most {
        fields.wrong(field, Reason::TOO_MANY_ITEMS, format!("Name at most {most}."));
    }
    for (index, text) in texts.iter().take(most).enumerate() {
        if texts.iter().take(index).any(|other| other == text) {
            fields.wrong(&format!("{field}[{index}]"), Reason::DUPLICATE_ITEM, "Name each once.");
        }
    }
    texts.iter().take(most).cloned().collect()
}

fn days(fields: &mut Fields, field: &str, days: i32, default: u32, most: i32) -> u32 {
    if days == 0 { default } else { fields.number(field, days, 1..=most) }
}

/// What a programme says; `id`, state, version and times stand for nothing yet.
fn programme(fields: &mut Fields, message: &pb::Programme) -> Programme {
    let at = |field: &str| format!("programme.{field}");
    let currency = if message.currency_code.is_empty() {
        Currency::parse("USD").unwrap_or_else(|| fields.currency(&at("currency_code"), ""))
    } else {
        fields.currency(&at("currency_code"), &message.currency_code)
    };
    let cap = match &message.limit_cap {
        None => Money::from_micros(currency, MOST_CAP_MICROS),
        Some(cap) => fields.money(&at("limit_cap"), Some(cap), Digits::MinorUnit),
    };
    if cap.micros() > MOST_CAP_MICROS {
        fields.wrong(
            &at("limit_cap"),
            Reason::FIELD_OUT_OF_RANGE,
            "A programme's lines go up to 50,000.00 at most.",
        );
    }
    let countries = texts(fields, &at("countries"), &message.countries, MOST_COUNTRIES);
    for (index, country) in countries.iter().enumerate() {
        fields.country(&format!("programme.countries[{index}]"), country);
    }
    let tiers = texts(fields, &at("tiers"), &message.tiers, MOST_TIERS);
    for (index, tier) in tiers.iter().enumerate() {
        fields.text(&format!("programme.tiers[{index}]"), tier, 1, 50);
    }
    Programme {
        id: Id::from_uuid(uuid::Uuid::nil()),
        title: fields.text(&at("title"), &message.title, 1, 200),
        state: ProgrammeState::Open,
        currency,
        cap,
        term: message.payment_term.as_ref().map_or(PaymentTerm::EndOfFollowingMonth, |term| {
            fields.term(&at("payment_term"), Some(term))
        }),
        countries: if countries.is_empty() { vec!["US".to_owned()] } else { countries },
        tiers,
        invitation_only: message.invitation_only,
        cool_down_days: days(fields, &at("cool_down_days"), message.cool_down_days, 90, 3_650),
        plans_allowed: message.plans_allowed,
        draws_during_plans: message.draws_during_plans,
        policy: if message.policy.is_empty() {
            Id::from_uuid(uuid::Uuid::nil())
        } else {
            Id::from_uuid(fields.name(&at("policy"), &message.policy, &["policies"]).id(0))
        },
        offer_days: days(fields, &at("offer_days"), message.offer_days, 30, 365),
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn same_currency(fields: &mut Fields, programme: &Programme) {
    if programme.cap.currency() != programme.currency {
        fields.wrong(
            "programme.limit_cap",
            Reason::CURRENCY_MISMATCH,
            "Write the cap in the programme's currency.",
        );
    }
}

fn programme_ref(name: &Name) -> ProgrammeRef {
    ProgrammeRef { tenant: name.tenant.clone(), programme: Id::from_uuid(name.id(0)) }
}

/// Opens a programme.
pub fn create_programme(
    request: Request<pb::CreateProgrammeRequest>,
) -> Result<(Call, Programme), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &[]);
    if message.programme.is_none() {
        fields.wrong("programme", Reason::FIELD_REQUIRED, "Describe the programme.");
    }
    let draft = programme(&mut fields, &message.programme.unwrap_or_default());
    same_currency(&mut fields, &draft);
    Ok((fields.write(&message.request_id, parent.tenant)?, draft))
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
pub fn update_programme(
    request: Request<pb::UpdateProgrammeRequest>,
) -> Result<(Call, UpdateProgramme), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let stated = message.programme.unwrap_or_default();
    let name = fields.name("programme.name", &stated.name, PROGRAMME);
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let has = |path: &str| paths.iter().any(|named| named == path);
    // What the mask leaves out is not looked at.
    let looked_at = pb::Programme {
        title: if has("title") { stated.title.clone() } else { "-".to_owned() },
        currency_code: stated
            .limit_cap
            .as_ref()
            .map(|cap| cap.currency_code.clone())
            .filter(|_| has("limit_cap"))
            .unwrap_or_default(),
        limit_cap: stated.limit_cap.clone().filter(|_| has("limit_cap")),
        payment_term: stated.payment_term.filter(|_| has("payment_term")),
        countries: if has("countries") { stated.countries.clone() } else { Vec::new() },
        tiers: if has("tiers") { stated.tiers.clone() } else { Vec::new() },
        cool_down_days: if has("cool_down_days") { stated.cool_down_days } else { 0 },
        offer_days: if has("offer_days") { stated.offer_days } else { 0 },
        policy: if has("policy") { stated.policy.clone() } else { String::new() },
        ..stated.clone()
    };
    if has("limit_cap") && stated.limit_cap.is_none() {
        fields.wrong("programme.limit_cap", Reason::FIELD_REQUIRED, "Set the cap.");
    }
    let new = programme(&mut fields, &looked_at);
    let etag = fields.token("programme.etag", &stated.etag, 0, 100);
    let command = UpdateProgramme { programme: programme_ref(&name), new, paths, etag };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// Closes a programme.
pub fn close_programme(
    request: Request<pb::CloseProgrammeRequest>,
) -> Result<(Call, ProgrammeRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PROGRAMME);
    let programme = programme_ref(&name);
    Ok((fields.write(&message.request_id, name.tenant)?, programme))
}

/// Names a programme to read.
pub fn get_programme(request: Request<pb::GetProgrammeRequest>) -> Result<ProgrammeRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PROGRAMME);
    fields.finish()?;
    Ok(programme_ref(&name))
}

/// Asks for programmes.
pub fn list_programmes(
    request: Request<pb::ListProgrammesRequest>,
) -> Result<(TenantId, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &[]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((parent.tenant, page))
}

/// Invites a customer.
pub fn invite_customer(
    request: Request<pb::InviteCustomerRequest>,
) -> Result<(Call, InviteCustomer), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PROGRAMME);
    let customer = fields.name("customer", &message.customer, &["customers"]);
    let command = InviteCustomer {
        programme: programme_ref(&name),
        customer: Id::from_uuid(customer.id(0)),
        invited: !message.revoke,
    };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// Asks what a customer may apply for.
pub fn get_credit_options(
    request: Request<pb::GetCreditOptionsRequest>,
) -> Result<CustomerRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    fields.finish()?;
    Ok(customer_ref(&parent))
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A programme.
#[must_use]
pub fn render_programme(tenant: &TenantId, programme: &Programme) -> pb::Programme {
    use pb::programme::State;
    let state = match programme.state {
        ProgrammeState::Open => State::Open,
        ProgrammeState::Closed => State::Closed,
    };
    pb::Programme {
        name: programme_name(tenant, programme.id),
        title: programme.title.clone(),
        state: state.into(),
        currency_code: programme.currency.code().to_owned(),
        limit_cap: Some(money(programme.cap)),
        payment_term: Some(term(programme.term)),
        countries: programme.countries.clone(),
        tiers: programme.tiers.clone(),
        invitation_only: programme.invitation_only,
        cool_down_days: number(programme.cool_down_days),
        plans_allowed: programme.plans_allowed,
        draws_during_plans: programme.draws_during_plans,
        policy: policy_name(tenant, programme.policy),
        offer_days: number(programme.offer_days),
        create_time: Some(timestamp(programme.created_at)),
        update_time: Some(timestamp(programme.updated_at)),
        etag: etag::etag(programme.version),
    }
}

/// A programme, as a customer sees it.
#[must_use]
pub fn credit_option(
    tenant: &TenantId,
    programme: &Programme,
    against: &[Condition],
    until: Option<DateTime<Utc>>,
) -> pb::CreditOption {
    let obstacle = |condition: &Condition| pb::Obstacle {
        reason: reason_against(condition.name).into(),
        subject: condition.subject.clone(),
        description: condition.description.clone(),
        until_time: until.filter(|_| condition.name == Reason::COOL_DOWN_ACTIVE).map(timestamp),
    };
    pb::CreditOption {
        programme: programme_name(tenant, programme.id),
        title: programme.title.clone(),
        currency_code: programme.currency.code().to_owned(),
        limit_cap: Some(money(programme.cap)),
        payment_term: Some(term(programme.term)),
        eligible: against.is_empty(),
        obstacles: against.iter().map(obstacle).collect(),
    }
}

/// The value of the contract for a condition of the rules of programmes.
fn reason_against(name: &str) -> pb::obstacle::Reason {
    pb::obstacle::Reason::from_str_name(&format!("REASON_{name}")).unwrap_or_default()
}
