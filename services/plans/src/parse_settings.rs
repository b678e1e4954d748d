//! Requests about a tenant's plan settings → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse::CustomerRef;
use payterms_chassis::{AppError, Call, Fields, call::Caller, fields::Digits};
use payterms_kernel::{Id, Money, TenantId};
use payterms_plans_domain::{
    Consequence, Kind, PlanSettings,
    settings::{ApprovalBand, RefusalBand},
};
use payterms_proto::{google::r#type::Money as MoneyMessage, plans::v1 as pb};
use tonic::Request;

const SETTINGS: &str = "planSettings";
/// The fields that a mask may name.
const CHANGING: [&str; 13] = [
    "proposals_allowed",
    "kinds",
    "intervals",
    "max_instalments",
    "max_duration_days",
    "min_instalments",
    "lead_days",
    "answer_days",
    "grace_days",
    "breach_consequence",
    "max_proposals_per_invoice",
    "approval_band",
    "refusal_band",
];

/// Names settings to read.
pub fn get(request: Request<pb::GetPlanSettingsRequest>) -> Result<TenantId, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    fields.finish()?;
    Ok(tenant)
}

/// Names a customer whose options are asked for.
pub fn options(request: Request<pb::GetProposalOptionsRequest>) -> Result<(Caller, CustomerRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let caller = fields.scope().caller.clone();
    fields.finish()?;
    Ok((caller, CustomerRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)) }))
}

/// New values of settings, and which of them count.
#[derive(Debug, Clone)]
pub struct Update {
    /// The values; what the mask does not name is fresh.
    pub new: PlanSettings,
    /// Whether a single deferral is among the kinds, and instalments.
    pub kinds: (bool, bool),
    /// Whether weekly is among the intervals, and monthly.
    pub intervals: (bool, bool),
    /// The fields to change.
    pub paths: Vec<String>,
    /// The version that may be changed; empty: any.
    pub etag: String,
}

/// Changes settings.
pub fn update(request: Request<pb::UpdatePlanSettingsRequest>) -> Result<(Call, Update), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let used = |path: &str| paths.iter().any(|own| own == path);
    let told = message.plan_settings.unwrap_or_default();
    let tenant = fields.singleton("plan_settings.name", &told.name, &[], SETTINGS).tenant;
    let mut new = PlanSettings { allowed: told.proposals_allowed, ..PlanSettings::fresh() };
    let (mut kinds, mut intervals) = ((true, true), (true, true));
    if used("kinds") {
        use pb::schedule::Kind::{Instalments, SingleDeferral};
        let chosen = choices::<pb::schedule::Kind>(&mut fields, "kinds", &told.kinds);
        kinds = (chosen.contains(&SingleDeferral), chosen.contains(&Instalments));
    }
    if used("intervals") {
        use pb::schedule::Interval::{Monthly, Weekly};
        let chosen = choices::<pb::schedule::Interval>(&mut fields, "intervals", &told.intervals);
        intervals = (chosen.contains(&Weekly), chosen.contains(&Monthly));
    }
    let mut number = |path: &str, told: i32, range, own: &mut u32| {
        if used(path) {
            *own = fields.number(&format!("plan_settings.{path}"), told, range);
        }
    };
    number("max_instalments", told.max_instalments, 2..=120, &mut new.max_instalments);
    number("max_duration_days", told.max_duration_days, 1..=3_650, &mut new.max_days);
    number("lead_days", told.lead_days, 0..=90, &mut new.lead_days);
    number("answer_days", told.answer_days, 1..=90, &mut new.answer_days);
    number("grace_days", told.grace_days, 0..=60, &mut new.grace_days);
    number("max_proposals_per_invoice", told.max_proposals_per_invoice, 1..=20, &mut new.max_proposals);
    if used("min_instalments") {
        new.min_instalments = amounts(&mut fields, "plan_settings.min_instalments", &told.min_instalments);
    }
    if used("breach_consequence") {
        use pb::plan_settings::BreachConsequence;
        let chosen = fields.choice::<BreachConsequence>("plan_settings.breach_consequence", told.breach_consequence);
        new.consequence = if chosen == Some(BreachConsequence::End) { Consequence::End } else { Consequence::Accelerate };
    }
    if used("approval_band") {
        new.approval_band = told.approval_band.as_ref().map(|band| approval_band(&mut fields, band));
    }
    if used("refusal_band") {
        new.refusal_band = told.refusal_band.as_ref().map(|band| refusal_band(&mut fields, band));
    }
    let etag = fields.text("plan_settings.etag", &told.etag, 0, 100);
    Ok((fields.write(&message.request_id, tenant)?, Update { new, kinds, intervals, paths, etag }))
}

impl Update {
    /// Takes the fields that the mask names over into what stands.
    pub fn apply(&self, own: &mut PlanSettings) {
        for path in &self.paths {
            match path.as_str() {
                "proposals_allowed" => own.allowed = self.new.allowed,
                "kinds" | "intervals" => {}
                "max_instalments" => own.max_instalments = self.new.max_instalments,
                "max_duration_days" => own.max_days = self.new.max_days,
                "min_instalments" => own.min_instalments.clone_from(&self.new.min_instalments),
                "lead_days" => own.lead_days = self.new.lead_days,
                "answer_days" => own.answer_days = self.new.answer_days,
                "grace_days" => own.grace_days = self.new.grace_days,
                "breach_consequence" => own.consequence = self.new.consequence,
                "max_proposals_per_invoice" => own.max_proposals = self.new.max_proposals,
                "approval_band" => own.approval_band.clone_from(&self.new.approval_band),
                _ => own.refusal_band.clone_from(&self.new.refusal_band),
            }
        }
        let (kinds, intervals) = (self.paths.iter().any(|path| path == "kinds"), self.paths.iter().any(|path| path == "intervals"));
        let stood = |kind| own.kinds.contains(&kind);
        let (deferral, instalments) =
            if kinds { self.kinds } else { (stood(Kind::SingleDeferral), stood(Kind::Weekly) || stood(Kind::Monthly)) };
        let (weekly, monthly) = match (intervals, instalments && !stood(Kind::Weekly) && !stood(Kind::Monthly)) {
            (true, _) => self.intervals,
            // Instalments come back: with both intervals.
            (false, true) => (true, true),
            (false, false) => (stood(Kind::Weekly), stood(Kind::Monthly)),
        };
        let offered = |kind: &Kind| match kind {
            Kind::SingleDeferral => deferral,
            Kind::Weekly => instalments && weekly,
            Kind::Monthly => instalments && monthly,
        };
        own.kinds = Kind::ALL.into_iter().filter(offered).collect();
        own.version = own.version.saturating_add(1);
    }
}

fn choices<E: TryFrom<i32> + Into<i32> + Copy + PartialEq>(fields: &mut Fields, path: &str, numbers: &[i32]) -> Vec<E> {
    let field = format!("plan_settings.{path}");
    if numbers.is_empty() {
        fields.wrong(&field, "FIELD_REQUIRED", "Name one at least.");
    }
    if numbers.len() > 2 {
        fields.wrong(&field, "TOO_MANY_ITEMS", "Name each once.");
    }
    let mut chosen = Vec::new();
    for number in numbers.iter().take(2) {
        let own = fields.choice::<E>(&field, *number);
        if own.is_some_and(|own| chosen.contains(&own)) {
            fields.wrong(&field, "DUPLICATE_ITEM", "Name each once.");
        }
        chosen.extend(own);
    }
    chosen
}

fn amounts(fields: &mut Fields, field: &str, messages: &[MoneyMessage]) -> Vec<Money> {
    if messages.len() > 50 {
        fields.wrong(field, "TOO_MANY_ITEMS", "Send at most 50 amounts.");
    }
    let mut parsed: Vec<Money> = Vec::new();
    for (place, message) in messages.iter().take(50).enumerate() {
        let amount = fields.money(&format!("{field}[{place}]"), Some(message), Digits::MinorUnit);
        if parsed.iter().any(|known| known.currency() == amount.currency()) {
            fields.wrong(&format!("{field}[{place}]"), "DUPLICATE_ITEM", "Write one amount per currency.");
        }
        parsed.push(amount);
    }
    parsed
}

fn approval_band(fields: &mut Fields, told: &pb::ApprovalBand) -> ApprovalBand {
    const FIELD: &str = "plan_settings.approval_band";
    if told.amounts.is_empty() {
        fields.wrong(&format!("{FIELD}.amounts"), "FIELD_REQUIRED", "Write one amount at least.");
    }
    ApprovalBand {
        amounts: amounts(fields, &format!("{FIELD}.amounts"), &told.amounts),
        max_instalments: fields.number(&format!("{FIELD}.max_instalments"), told.max_instalments, 1..=120),
        max_days: fields.number(&format!("{FIELD}.max_duration_days"), told.max_duration_days, 1..=3_650),
    }
}

fn refusal_band(fields: &mut Fields, told: &pb::RefusalBand) -> RefusalBand {
    const FIELD: &str = "plan_settings.refusal_band";
    RefusalBand {
        amounts: amounts(fields, &format!("{FIELD}.amounts"), &told.amounts),
        days_after_breach: fields.number(&format!("{FIELD}.days_after_breach"), told.days_after_breach, 0..=3_650),
    }
}
