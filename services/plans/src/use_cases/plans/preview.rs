//! Previews a plan: works out what a proposal would give, and stores nothing.

use super::propose::{proposed_plan, read_facts};
use crate::{app::App, commands::plans::ProposePlan, messages::plans::plan_preview};
use payterms_chassis::{AppError, Call, call::Caller};
use payterms_plans_domain::{Actor, Side, life::Figures};
use payterms_proto::plans::v1::PreviewPlanResponse;
use uuid::Uuid;

/// Previews a plan.
///
/// # Errors
/// As [`payterms_plans_domain::proposal::propose`]; invoicing's refusal to show the invoices.
pub async fn preview_plan(
    app: &App,
    caller: &Caller,
    command: &ProposePlan,
) -> Result<PreviewPlanResponse, AppError> {
    let facts = read_facts(app, caller, command).await?;
    let tenant = &command.customer.tenant;
    let call = Call::internal("plans", tenant, "preview", Uuid::from_bytes(rand::random()), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let by = Actor { side: Side::Customer, subject: caller.subject.clone() };
    let mut plan = proposed_plan(&mut tx, command, facts, by).await?;
    let (zone, now) = (tx.time().zone, tx.now());
    // The transaction only read; it is rolled back.
    drop(tx);
    let figures: Vec<_> =
        plan.covered.iter().map(|invoice| (invoice.invoice, Figures::of(invoice))).collect();
    plan.blocked(&figures, zone, now)?;
    Ok(PreviewPlanResponse { plan: Some(plan_preview(tenant, &plan)?) })
}
