//! Reads of plans and their history.

use crate::{
    App,
    parse::{ListPlans, PlanRef},
    render,
    store::{history, plans},
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::Refusal;
use payterms_plans_domain::{Plan, PlanState};
use payterms_proto::plans::v1::{GetPlanResponse, ListPlanHistoryResponse, ListPlansResponse};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

async fn found<C: ConnectionTrait>(conn: &C, named: &PlanRef) -> Result<Plan, AppError> {
    let found = plans::find_many(conn, &named.tenant, &[named.plan]).await?.pop();
    let shown = |plan: &Plan| plan.customer == named.customer && plan.state != PlanState::Pending;
    Ok(found.filter(shown).ok_or_else(Refusal::not_found)?)
}

/// One plan.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, named: &PlanRef) -> Result<GetPlanResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let plan = found(&conn, named).await?;
    Ok(GetPlanResponse { plan: Some(render::plan(&named.tenant, &plan)?) })
}

/// A page of plans, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, asked: &ListPlans) -> Result<ListPlansResponse, AppError> {
    let before = app.pages.cursor(&asked.page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&asked.tenant).await?;
    let listed =
        plans::Listed { customer: asked.customer, states: &asked.states, invoice: asked.invoice, next_due: asked.next_due, before };
    let mut found = plans::list(&conn, &asked.tenant, &listed, asked.page.reads()).await?;
    let next_page_token = app.pages.cut(&asked.page, &mut found, |plan| plan.id.to_string());
    let plans = found.iter().map(|plan| render::plan(&asked.tenant, plan)).collect::<Result<_, _>>()?;
    Ok(ListPlansResponse { plans, next_page_token })
}

/// A page of a plan's history, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn history(app: &App, named: &PlanRef, page: &Page, as_customer: bool) -> Result<ListPlanHistoryResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(0_i64);
    let conn = app.db.read(&named.tenant).await?;
    let plan = found(&conn, named).await?;
    let mut edges = history::list(&conn, &named.tenant, plan.id, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut edges, |(sequence, _)| sequence.to_string());
    let entries = edges.iter().map(|(_, edge)| render::edge(edge, as_customer)).collect();
    Ok(ListPlanHistoryResponse { entries, next_page_token })
}
