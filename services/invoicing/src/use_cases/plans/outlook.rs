//! How the plan over an invoice stands, to explain the invoice and what was taken back of it by.

use crate::{
    documents::wording::Language,
    store::{invoices, plan_copies, plan_periods},
};
use payterms_chassis::{
    AppError, names,
    render::{date_of, instant_of, money_of},
};
use payterms_invoicing_domain::{
    BlockReason, Invoice, InvoiceState,
    explain_plan::{NextInstalment, PlanOutlook, next_of},
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_proto::plans::v1::{Instalment, Plan, plan::State};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// The id of the plan that blocks an invoice.
#[must_use]
pub fn plan_of(invoice: &Invoice) -> Option<Uuid> {
    let owner = invoice.block.as_ref().map(|block| block.owner.as_str()).unwrap_or_default();
    Some(names::parse(owner, &["customers", "plans"])?.id(1))
}

/// The plan that blocks an invoice; `None` where none does, or none is known.
pub async fn outlook_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &Invoice,
) -> Result<Option<PlanOutlook>, AppError> {
    let Some(id) = plan_of(invoice) else { return Ok(None) };
    let Some(plan) = plan_copies::find(conn, tenant, id).await? else { return Ok(None) };
    let plan_outlook = outlook(&plan);
    let next = if plan_outlook.next.is_some() {
        next_as_of_now(conn, tenant, &plan, std::slice::from_ref(invoice)).await?
    } else {
        None
    };
    if next.map(|next| next.due) == plan_outlook.next.map(|next| next.due) {
        return Ok(Some(PlanOutlook { next, ..plan_outlook }));
    }
    // What is open has changed since the plan told of itself: what it said of another instalment is
    // not true of this one.
    Ok(Some(PlanOutlook {
        next,
        automatic: plan_outlook.automatic,
        answer_by: plan_outlook.answer_by,
        ..PlanOutlook::default()
    }))
}

/// The next instalment as what is open of its invoices now says. `owned` are invoices as they are
/// now, whatever is stored.
async fn next_as_of_now<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    plan: &Plan,
    owned: &[Invoice],
) -> Result<Option<NextInstalment>, AppError> {
    let Some(currency) = owned.first().map(|invoice| invoice.currency) else { return Ok(None) };
    let mut open = Money::zero(currency);
    for covered in &plan.invoices {
        let id = covered.invoice.rsplit('/').next().and_then(names::uuid).map(Id::from_uuid);
        let Some(id) = id else { continue };
        let stored = if owned.iter().any(|invoice| invoice.id == id) {
            None
        } else {
            invoices::find_many(conn, tenant, &[id]).await?.pop()
        };
        let known = owned.iter().find(|invoice| invoice.id == id).or(stored.as_ref());
        if let Some(invoice) = known.filter(|invoice| invoice.state == InvoiceState::Open) {
            open = open.plus(invoice.open()?)?;
        }
    }
    let agreed = |instalment: &Instalment| {
        Some((
            instalment.due_date.as_ref().and_then(date_of)?,
            instalment.amount.as_ref().and_then(money_of)?,
        ))
    };
    let instalments: Vec<_> = plan.instalments.iter().filter_map(agreed).collect();
    Ok(next_of(&instalments, open)?)
}

/// What a plan takes of an invoice that is open, again perhaps.
#[derive(Debug, Clone)]
pub struct PlanPart {
    /// Name of the plan.
    pub name: String,
    /// Whether its instalments are taken from the collection method.
    pub automatic: bool,
    /// Its next instalment, as what is open of its invoices now says.
    pub next: Option<NextInstalment>,
}

/// The plan that takes what is open of an invoice: the one that blocks it, or one that was paid and
/// is active again now that a payment is taken back (docs/domain/plans.md#reopen). `owned` are
/// invoices as they are now, whatever is stored.
pub async fn plan_part_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &Invoice,
    owned: &[Invoice],
) -> Result<Option<PlanPart>, AppError> {
    let is_blocked_by_plan =
        invoice.block.as_ref().is_some_and(|block| block.reason == BlockReason::PlanActive);
    let id = match plan_of(invoice).filter(|_| is_blocked_by_plan) {
        Some(id) => Some(id),
        None => plan_periods::last_of(conn, tenant, invoice.customer, invoice.id).await?,
    };
    let Some(id) = id else { return Ok(None) };
    let found = plan_copies::find(conn, tenant, id).await?;
    let Some(plan) = found.filter(|plan| {
        is_blocked_by_plan || plan.state() == State::Completed && plan.breach_count == 0
    }) else {
        return Ok(None);
    };
    let mut known = owned.to_vec();
    if known.iter().all(|each| each.id != invoice.id) {
        known.push(invoice.clone());
    }
    let next = next_as_of_now(conn, tenant, &plan, &known).await?;
    Ok(Some(PlanPart { automatic: plan.collect_automatically, next, name: plan.name }))
}

fn outlook(plan: &Plan) -> PlanOutlook {
    let collection = plan.collection.clone().unwrap_or_default();
    let is_running = matches!(plan.state(), State::Active | State::InGrace);
    PlanOutlook {
        answer_by: plan.answer_before_time.as_ref().and_then(instant_of),
        automatic: plan.collect_automatically,
        next: plan.next_instalment.as_ref().filter(|_| is_running).and_then(next),
        late: plan.state() == State::InGrace,
        under_way: collection.under_way,
        failures: u32::try_from(collection.failed_attempt_count).unwrap_or_default(),
        failure: Language::English.failure(&collection.failure_reason),
        next_try: collection.next_attempt_time.as_ref().and_then(instant_of),
        last_day: plan.breach_after_date.as_ref().and_then(date_of),
    }
}

fn next(instalment: &Instalment) -> Option<NextInstalment> {
    let money = |money: &Option<_>| money.as_ref().and_then(money_of);
    let unpaid = money(&instalment.amount)?.minus(money(&instalment.paid)?).ok()?;
    Some(NextInstalment { unpaid, due: instalment.due_date.as_ref().and_then(date_of)? })
}
