//! Reads of plans and their history.

use super::load::find_plan;
use crate::{
    app::App,
    commands::plans::{ListPlans, PlanHistory, PlanRef},
    messages::{plan_history::plan_history_entry, plans::plan as plan_message},
    store::{
        plan_history,
        plan_lists::{self, PlanFilter},
    },
};
use payterms_chassis::{AppError, page::Page};
use payterms_plans_domain::Plan;
use payterms_proto::plans::v1::{GetPlanResponse, ListPlanHistoryResponse, ListPlansResponse};

/// One plan.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_plan(app: &App, named: &PlanRef) -> Result<GetPlanResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let plan = find_plan(&conn, named).await?;
    Ok(GetPlanResponse { plan: Some(plan_message(&named.tenant, &plan)?) })
}

/// A page of plans.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_plans(app: &App, list: &ListPlans) -> Result<ListPlansResponse, AppError> {
    let listing = &list.listing;
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(&list.tenant).await?;
    let rows = PlanFilter {
        customer: list.customer,
        states: &list.states,
        invoice: list.invoice,
        next_due: list.next_due,
    };
    let mut listed = plan_lists::list(&conn, &list.tenant, &rows, listing, after).await?;
    let position = |plan: &Plan| plan_lists::position(plan, listing.order).to_string();
    let next_page_token = app.pages.cut(&listing.page, &mut listed, position);
    let plans =
        listed.iter().map(|plan| plan_message(&list.tenant, plan)).collect::<Result<_, _>>()?;
    Ok(ListPlansResponse { plans, next_page_token })
}

/// A page of a plan's history, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_plan_history(
    app: &App,
    history: &PlanHistory,
    page: &Page,
) -> Result<ListPlanHistoryResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(0_i64);
    let conn = app.db.read(&history.plan.tenant).await?;
    let plan = find_plan(&conn, &history.plan).await?;
    let mut edges =
        plan_history::list(&conn, &history.plan.tenant, plan.id, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut edges, |(sequence, _)| sequence.to_string());
    let entries = edges.iter().map(|(_, edge)| plan_history_entry(edge, history.reader)).collect();
    Ok(ListPlanHistoryResponse { entries, next_page_token })
}
