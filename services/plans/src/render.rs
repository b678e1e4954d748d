//! Plans and settings → messages of the contract.

use chrono::Weekday;
use payterms_chassis::{
    AppError, etag,
    render::{date, money, timestamp},
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_plans_domain::{Consequence, Covered, Customer, Instalment, Kind, Plan, PlanSettings, PlanState, Schedule, Side, Taken};
use payterms_proto::{google::r#type::DayOfWeek, plans::v1 as pb};

/// The name of a customer.
#[must_use]
pub fn customer_name(tenant: &TenantId, customer: Id<Customer>) -> String {
    format!("tenants/{tenant}/customers/{customer}")
}

/// The name of a plan.
#[must_use]
pub fn plan_name(tenant: &TenantId, plan: &Plan) -> String {
    format!("{}/plans/{}", customer_name(tenant, plan.customer), plan.id)
}

/// A state.
#[must_use]
pub fn state(state: PlanState) -> pb::plan::State {
    use pb::plan::State;
    match state {
        PlanState::Pending => State::Pending,
        PlanState::Proposed => State::Proposed,
        PlanState::Countered => State::Countered,
        PlanState::Active => State::Active,
        PlanState::InGrace => State::InGrace,
        PlanState::Completed => State::Completed,
        PlanState::Refused => State::Refused,
        PlanState::Withdrawn => State::Withdrawn,
        PlanState::Lapsed => State::Lapsed,
        PlanState::Breached => State::Breached,
        PlanState::Cancelled => State::Cancelled,
    }
}

fn schedule(own: Schedule) -> pb::Schedule {
    use pb::schedule::{Interval, Kind};
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    match own {
        Schedule::Deferral(day) => pb::Schedule { kind: Kind::SingleDeferral.into(), date: Some(date(day)), ..pb::Schedule::default() },
        Schedule::Weekly { count: parts, day } => pb::Schedule {
            kind: Kind::Instalments.into(),
            interval: Interval::Weekly.into(),
            instalment_count: count(parts),
            day_of_week: day.map_or(DayOfWeek::Unspecified, weekday).into(),
            ..pb::Schedule::default()
        },
        Schedule::Monthly { count: parts, day } => pb::Schedule {
            kind: Kind::Instalments.into(),
            interval: Interval::Monthly.into(),
            instalment_count: count(parts),
            day_of_month: count(day),
            ..pb::Schedule::default()
        },
    }
}

fn weekday(day: Weekday) -> DayOfWeek {
    match day {
        Weekday::Mon => DayOfWeek::Monday,
        Weekday::Tue => DayOfWeek::Tuesday,
        Weekday::Wed => DayOfWeek::Wednesday,
        Weekday::Thu => DayOfWeek::Thursday,
        Weekday::Fri => DayOfWeek::Friday,
        Weekday::Sat => DayOfWeek::Saturday,
        Weekday::Sun => DayOfWeek::Sunday,
    }
}

/// An instalment at a place.
#[must_use]
pub fn instalment((place, own): (usize, &Instalment)) -> pb::Instalment {
    pb::Instalment {
        number: i32::try_from(place.saturating_add(1)).unwrap_or(i32::MAX),
        due_date: Some(date(own.due_on)),
        amount: Some(money(own.amount)),
        paid: Some(money(own.paid)),
    }
}

fn instalments(parts: &[Instalment]) -> Vec<pb::Instalment> {
    parts.iter().enumerate().map(instalment).collect()
}

/// A plan.
///
/// # Errors
/// None that stored amounts can cause.
pub fn plan(tenant: &TenantId, own: &Plan) -> Result<pb::Plan, AppError> {
    let customer = customer_name(tenant, own.customer);
    let covered = |own: &Covered| pb::CoveredInvoice {
        invoice: format!("{customer}/invoices/{}", own.invoice),
        number: own.number.clone(),
        due_date: Some(date(own.due_on)),
        covered: Some(money(own.covered)),
        open: Some(money(own.open)),
    };
    let counter = own.counter.as_ref().filter(|_| own.state == PlanState::Countered);
    Ok(pb::Plan {
        name: plan_name(tenant, own),
        state: state(own.state).into(),
        currency_code: own.currency.code().to_owned(),
        invoices: own.covered.iter().map(covered).collect(),
        schedule: Some(schedule(own.offer.schedule)),
        instalments: instalments(&own.offer.instalments),
        total: Some(money(own.total()?)),
        open: Some(money(own.open()?)),
        counter_offer: counter.map(|offer| pb::CounterOffer {
            schedule: Some(schedule(offer.schedule)),
            instalments: instalments(&offer.instalments),
            explanation: offer.explanation.clone(),
        }),
        collect_automatically: own.collect_automatically,
        note: own.note.clone(),
        explanation: own.explanation.clone(),
        answer_before_time: own.answer_by.map(timestamp),
        next_instalment: own.next_instalment().map(instalment),
        collection: Some(pb::PlanCollection {
            failed_attempt_count: i32::try_from(own.attempt.ladder.attempts).unwrap_or(i32::MAX),
            next_attempt_time: own.attempt.next_at.map(timestamp),
            failure_reason: own.attempt.reason.clone(),
            under_way: own.attempt.under_way,
        }),
        grace_end_date: own.grace_end().map(date),
        due_at_once_date: own.breached_on.filter(|_| own.accelerates).map(date),
        due_at_once_on_breach: own.accelerates,
        create_time: Some(timestamp(own.created_at)),
        update_time: Some(timestamp(own.updated_at)),
        etag: etag::etag(own.version),
    })
}

/// A plan that is not stored.
///
/// # Errors
/// None that stored amounts can cause.
pub fn preview(tenant: &TenantId, own: &Plan) -> Result<pb::Plan, AppError> {
    let none = (String::new(), String::new());
    Ok(pb::Plan { name: none.0, etag: none.1, create_time: None, update_time: None, ..plan(tenant, own)? })
}

/// An edge; customers do not see who of the tenant took it.
#[must_use]
pub fn edge(taken: &Taken, as_customer: bool) -> pb::PlanHistoryEntry {
    use pb::plan_history_entry::Side as Told;
    let side = match taken.by.side {
        Side::Customer => Told::Customer,
        Side::Tenant => Told::Tenant,
        Side::Suite => Told::Suite,
    };
    let unseen = as_customer && taken.by.side == Side::Tenant;
    pb::PlanHistoryEntry {
        verb: taken.verb.name().to_owned(),
        from: state(taken.from).into(),
        to: state(taken.to).into(),
        side: side.into(),
        actor: if unseen { String::new() } else { taken.by.subject.clone() },
        explanation: taken.explanation.clone(),
        time: Some(timestamp(taken.at)),
    }
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn amounts(amounts: &[Money]) -> Vec<payterms_proto::google::r#type::Money> {
    amounts.iter().copied().map(money).collect()
}

fn kinds(settings: &PlanSettings) -> (Vec<i32>, Vec<i32>) {
    use pb::schedule::{Interval, Kind as Told};
    let has = |kind| settings.kinds.contains(&kind);
    let (weekly, monthly) = (has(Kind::Weekly), has(Kind::Monthly));
    let kinds = [(has(Kind::SingleDeferral), Told::SingleDeferral), (weekly || monthly, Told::Instalments)];
    let intervals = [(weekly, Interval::Weekly), (monthly, Interval::Monthly)];
    (
        kinds.into_iter().filter(|own| own.0).map(|own| own.1.into()).collect(),
        intervals.into_iter().filter(|own| own.0).map(|own| own.1.into()).collect(),
    )
}

/// Settings.
#[must_use]
pub fn settings(tenant: &TenantId, own: &PlanSettings) -> pb::PlanSettings {
    use pb::plan_settings::BreachConsequence;
    let (kinds, intervals) = kinds(own);
    pb::PlanSettings {
        name: format!("tenants/{tenant}/planSettings"),
        proposals_allowed: own.allowed,
        kinds,
        intervals,
        max_instalments: number(own.max_instalments),
        max_duration_days: number(own.max_days),
        min_instalments: amounts(&own.min_instalments),
        lead_days: number(own.lead_days),
        answer_days: number(own.answer_days),
        grace_days: number(own.grace_days),
        breach_consequence: match own.consequence {
            Consequence::Accelerate => BreachConsequence::Accelerate.into(),
            Consequence::End => BreachConsequence::End.into(),
        },
        max_proposals_per_invoice: number(own.max_proposals),
        approval_band: own.approval_band.as_ref().map(|band| pb::ApprovalBand {
            amounts: amounts(&band.amounts),
            max_instalments: number(band.max_instalments),
            max_duration_days: number(band.max_days),
        }),
        refusal_band: own
            .refusal_band
            .as_ref()
            .map(|band| pb::RefusalBand { amounts: amounts(&band.amounts), days_after_breach: number(band.days_after_breach) }),
        etag: etag::etag(own.version),
    }
}

/// What a customer may propose.
#[must_use]
pub fn options(own: &PlanSettings) -> pb::GetProposalOptionsResponse {
    if !own.allowed {
        return pb::GetProposalOptionsResponse::default();
    }
    let (kinds, intervals) = kinds(own);
    pb::GetProposalOptionsResponse {
        proposals_allowed: true,
        kinds,
        intervals,
        max_instalments: number(own.max_instalments),
        max_duration_days: number(own.max_days),
        min_instalments: amounts(&own.min_instalments),
        lead_days: number(own.lead_days),
        answer_days: number(own.answer_days),
        grace_days: number(own.grace_days),
    }
}
