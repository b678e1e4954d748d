//! Requests on a tenant's plan settings, and their messages.

use super::names::customer_ref;
use crate::commands::{
    customers::CustomerRef,
    settings::{OfferedIntervals, OfferedKinds, UpdateSettings},
};
use payterms_chassis::{AppError, Call, Fields, call::Caller, etag, fields::Digits, render::money};
use payterms_kernel::{Money, Reason, TenantId};
use payterms_plans_domain::{
    Consequence, Kind, PlanSettings,
    settings::{ApprovalBand, RefusalBand},
};
use payterms_proto::{google::r#type::Money as MoneyMessage, plans::v1 as pb};
use tonic::Request;

const SETTINGS: &str = "planSettings";
/// The fields that an update mask may name.
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

/// Parses a request for the settings.
pub fn get_plan_settings(
    request: Request<pb::GetPlanSettingsRequest>,
) -> Result<TenantId, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], SETTINGS).tenant;
    fields.finish()?;
    Ok(tenant)
}

/// Parses a request for the options of a customer.
pub fn get_proposal_options(
    request: Request<pb::GetProposalOptionsRequest>,
) -> Result<(Caller, CustomerRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let caller = fields.scope().caller.clone();
    fields.finish()?;
    Ok((caller, customer_ref(&name)))
}

/// Parses a change of the settings.
pub fn update_plan_settings(
    request: Request<pb::UpdatePlanSettingsRequest>,
) -> Result<(Call, UpdateSettings), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let paths = fields.mask(message.update_mask.as_ref(), &CHANGING);
    let used = |path: &str| paths.iter().any(|named| named == path);
    let settings = message.plan_settings.unwrap_or_default();
    let tenant = fields.singleton("plan_settings.name", &settings.name, &[], SETTINGS).tenant;
    let mut new = PlanSettings { allowed: settings.proposals_allowed, ..PlanSettings::fresh() };
    let mut kinds = OfferedKinds { deferral: true, instalments: true };
    let mut intervals = OfferedIntervals { weekly: true, monthly: true };
    if used("kinds") {
        use pb::schedule::Kind::{Instalments, SingleDeferral};
        let chosen = choices::<pb::schedule::Kind>(&mut fields, "kinds", &settings.kinds);
        kinds = OfferedKinds {
            deferral: chosen.contains(&SingleDeferral),
            instalments: chosen.contains(&Instalments),
        };
    }
    if used("intervals") {
        use pb::schedule::Interval::{Monthly, Weekly};
        let chosen =
            choices::<pb::schedule::Interval>(&mut fields, "intervals", &settings.intervals);
        intervals = OfferedIntervals {
            weekly: chosen.contains(&Weekly),
            monthly: chosen.contains(&Monthly),
        };
    }
    let mut number = |path: &str, stated: i32, range, target: &mut u32| {
        if used(path) {
            *target = fields.number(&format!("plan_settings.{path}"), stated, range);
        }
    };
    number("max_instalments", settings.max_instalments, 2..=120, &mut new.max_instalments);
    number("max_duration_days", settings.max_duration_days, 1..=3_650, &mut new.max_days);
    number("lead_days", settings.lead_days, 0..=90, &mut new.lead_days);
    number("answer_days", settings.answer_days, 1..=90, &mut new.answer_days);
    number("grace_days", settings.grace_days, 0..=60, &mut new.grace_days);
    number(
        "max_proposals_per_invoice",
        settings.max_proposals_per_invoice,
        1..=20,
        &mut new.max_proposals,
    );
    if used("min_instalments") {
        new.min_instalments =
            amounts(&mut fields, "plan_settings.min_instalments", &settings.min_instalments);
    }
    if used("breach_consequence") {
        use pb::plan_settings::BreachConsequence;
        let chosen = fields.choice::<BreachConsequence>(
            "plan_settings.breach_consequence",
            settings.breach_consequence,
        );
        new.consequence = if chosen == Some(BreachConsequence::End) {
            Consequence::End
        } else {
            Consequence::Accelerate
        };
    }
    if used("approval_band") {
        new.approval_band =
            settings.approval_band.as_ref().map(|band| approval_band(&mut fields, band));
    }
    if used("refusal_band") {
        new.refusal_band =
            settings.refusal_band.as_ref().map(|band| refusal_band(&mut fields, band));
    }
    let etag = fields.token("plan_settings.etag", &settings.etag, 0, 100);
    Ok((
        fields.write(&message.request_id, tenant)?,
        UpdateSettings { new, kinds, intervals, paths, etag },
    ))
}

fn choices<E: TryFrom<i32> + Into<i32> + Copy + PartialEq + std::fmt::Debug>(
    fields: &mut Fields,
    path: &str,
    numbers: &[i32],
) -> Vec<E> {
    let field = format!("plan_settings.{path}");
    if numbers.is_empty() {
        fields.wrong(&field, Reason::FIELD_REQUIRED, "Name one at least.");
    }
    if numbers.len() > 2 {
        fields.wrong(&field, Reason::TOO_MANY_ITEMS, "Name each once.");
    }
    let mut chosen = Vec::new();
    for number in numbers.iter().take(2) {
        let choice = fields.choice::<E>(&field, *number);
        if choice.is_some_and(|choice| chosen.contains(&choice)) {
            fields.wrong(&field, Reason::DUPLICATE_ITEM, "Name each once.");
        }
        chosen.extend(choice);
    }
    chosen
}

fn amounts(fields: &mut Fields, field: &str, messages: &[MoneyMessage]) -> Vec<Money> {
    if messages.len() > 50 {
        fields.wrong(field, Reason::TOO_MANY_ITEMS, "Send at most 50 amounts.");
    }
    let mut parsed: Vec<Money> = Vec::new();
    for (index, message) in messages.iter().take(50).enumerate() {
        let amount = fields.money(&format!("{field}[{index}]"), Some(message), Digits::MinorUnit);
        if parsed.iter().any(|other| other.currency() == amount.currency()) {
            fields.wrong(
                &format!("{field}[{index}]"),
                Reason::DUPLICATE_ITEM,
                "Write one amount per currency.",
            );
        }
        parsed.push(amount);
    }
    parsed
}

fn approval_band(fields: &mut Fields, message: &pb::ApprovalBand) -> ApprovalBand {
    const FIELD: &str = "plan_settings.approval_band";
    if message.amounts.is_empty() {
        fields.wrong(
            &format!("{FIELD}.amounts"),
            Reason::FIELD_REQUIRED,
            "Write one amount at least.",
        );
    }
    ApprovalBand {
        amounts: amounts(fields, &format!("{FIELD}.amounts"), &message.amounts),
        max_instalments: fields.number(
            &format!("{FIELD}.max_instalments"),
            message.max_instalments,
            1..=120,
        ),
        max_days: fields.number(
            &format!("{FIELD}.max_duration_days"),
            message.max_duration_days,
            1..=3_650,
        ),
    }
}

fn refusal_band(fields: &mut Fields, message: &pb::RefusalBand) -> RefusalBand {
    const FIELD: &str = "plan_settings.refusal_band";
    RefusalBand {
        amounts: amounts(fields, &format!("{FIELD}.amounts"), &message.amounts),
        days_after_breach: fields.number(
            &format!("{FIELD}.days_after_breach"),
            message.days_after_breach,
            0..=3_650,
        ),
    }
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn render_amounts(amounts: &[Money]) -> Vec<MoneyMessage> {
    amounts.iter().copied().map(money).collect()
}

fn kinds(settings: &PlanSettings) -> (Vec<i32>, Vec<i32>) {
    use pb::schedule::{Interval, Kind as Message};
    let has = |kind| settings.kinds.contains(&kind);
    let (weekly, monthly) = (has(Kind::Weekly), has(Kind::Monthly));
    let kinds = [
        (has(Kind::SingleDeferral), Message::SingleDeferral),
        (weekly || monthly, Message::Instalments),
    ];
    let intervals = [(weekly, Interval::Weekly), (monthly, Interval::Monthly)];
    (
        kinds.into_iter().filter(|kind| kind.0).map(|kind| kind.1.into()).collect(),
        intervals.into_iter().filter(|kind| kind.0).map(|kind| kind.1.into()).collect(),
    )
}

/// Renders the settings.
#[must_use]
pub fn plan_settings(tenant: &TenantId, settings: &PlanSettings) -> pb::PlanSettings {
    use pb::plan_settings::BreachConsequence;
    let (kinds, intervals) = kinds(settings);
    pb::PlanSettings {
        name: format!("tenants/{tenant}/planSettings"),
        proposals_allowed: settings.allowed,
        kinds,
        intervals,
        max_instalments: number(settings.max_instalments),
        max_duration_days: number(settings.max_days),
        min_instalments: render_amounts(&settings.min_instalments),
        lead_days: number(settings.lead_days),
        answer_days: number(settings.answer_days),
        grace_days: number(settings.grace_days),
        breach_consequence: match settings.consequence {
            Consequence::Accelerate => BreachConsequence::Accelerate.into(),
            Consequence::End => BreachConsequence::End.into(),
        },
        max_proposals_per_invoice: number(settings.max_proposals),
        approval_band: settings.approval_band.as_ref().map(|band| pb::ApprovalBand {
            amounts: render_amounts(&band.amounts),
            max_instalments: number(band.max_instalments),
            max_duration_days: number(band.max_days),
        }),
        refusal_band: settings.refusal_band.as_ref().map(|band| pb::RefusalBand {
            amounts: render_amounts(&band.amounts),
            days_after_breach: number(band.days_after_breach),
        }),
        etag: etag::etag(settings.version),
    }
}

/// Renders what a customer may propose.
#[must_use]
pub fn proposal_options(settings: &PlanSettings) -> pb::GetProposalOptionsResponse {
    if !settings.allowed {
        return pb::GetProposalOptionsResponse::default();
    }
    let (kinds, intervals) = kinds(settings);
    pb::GetProposalOptionsResponse {
        proposals_allowed: true,
        kinds,
        intervals,
        max_instalments: number(settings.max_instalments),
        max_duration_days: number(settings.max_days),
        min_instalments: render_amounts(&settings.min_instalments),
        lead_days: number(settings.lead_days),
        answer_days: number(settings.answer_days),
        grace_days: number(settings.grace_days),
    }
}
