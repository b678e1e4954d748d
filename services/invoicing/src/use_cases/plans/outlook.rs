//! How the plan that blocks an invoice stands, to explain the invoice by.

use crate::{documents::wording::Language, store::plan_copies};
use payterms_chassis::{
    AppError, names,
    render::{date_of, instant_of, money_of},
};
use payterms_invoicing_domain::{
    Invoice,
    explain_plan::{NextInstalment, PlanOutlook},
};
use payterms_kernel::TenantId;
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
pub async fn outlook_of<C: ConnectionTrait>(conn: &C, tenant: &TenantId, invoice: &Invoice) -> Result<Option<PlanOutlook>, AppError> {
    let Some(plan) = plan_of(invoice) else { return Ok(None) };
    Ok(plan_copies::find(conn, tenant, plan).await?.map(|plan| outlook(&plan)))
}

fn outlook(plan: &Plan) -> PlanOutlook {
    let collection = plan.collection.clone().unwrap_or_default();
    let is_running = matches!(plan.state(), State::Active | State::InGrace);
    PlanOutlook {
        answer_by: plan.answer_before_time.as_ref().and_then(instant_of),
        automatic: plan.collect_automatically,
        next: plan.next_instalment.as_ref().filter(|_| is_running).and_then(next),
        under_way: collection.under_way,
        failures: u32::try_from(collection.failed_attempt_count).unwrap_or_default(),
        failure: Language::English.failure(&collection.failure_reason),
        next_try: collection.next_attempt_time.as_ref().and_then(instant_of),
        last_day: plan.breach_after_date.as_ref().and_then(date_of),
    }
}

fn next(own: &Instalment) -> Option<NextInstalment> {
    let money = |money: &Option<_>| money.as_ref().and_then(money_of);
    let unpaid = money(&own.amount)?.minus(money(&own.paid)?).ok()?;
    Some(NextInstalment { unpaid, due: own.due_date.as_ref().and_then(date_of)? })
}
