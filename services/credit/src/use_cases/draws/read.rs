//! Reads of draws, and of what can be drawn.

use super::load::draw_bounds;
use crate::{
    app::App,
    commands::{
        draws::{DrawRef, ListDraws},
        lines::LineRef,
    },
    messages::{
        draws::{draw as draw_message, whole_draw},
        lines::line_state,
    },
    store::{draws, lines},
    use_cases::lines::load::find_line,
};
use payterms_chassis::{AppError, render::money};
use payterms_kernel::Refusal;
use payterms_proto::credit::{
    peers::v1::GetLineMeansResponse,
    v1::{GetDrawResponse, ListDrawsResponse},
};
use std::collections::HashMap;

/// One draw.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_draw(app: &App, draw_ref: &DrawRef) -> Result<GetDrawResponse, AppError> {
    let conn = app.db.read(&draw_ref.line.tenant).await?;
    let line = find_line(&conn, &draw_ref.line).await?;
    let draw = draws::find(&conn, &draw_ref.line.tenant, line.id, draw_ref.draw)
        .await?
        .ok_or_else(Refusal::not_found)?;
    Ok(GetDrawResponse { draw: Some(whole_draw(&draw_ref.line.tenant, &line, &draw)) })
}

/// A page of draws: on a line, or on all.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_draws(app: &App, list: &ListDraws) -> Result<ListDrawsResponse, AppError> {
    let (tenant, listing) = (&list.tenant, &list.listing);
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(tenant).await?;
    if let Some((customer, line)) = list.customer.zip(list.line) {
        find_line(&conn, &LineRef { tenant: tenant.clone(), customer, line }).await?;
    }
    let mut found = draws::list(&conn, tenant, list.customer, list.line, listing, after).await?;
    let next_page_token = app.pages.cut(&listing.page, &mut found, |(_, draw)| {
        draws::position(draw, listing.order).to_string()
    });
    let mut ids: Vec<_> = found.iter().map(|(line, _)| *line).collect();
    ids.sort_unstable();
    ids.dedup();
    let lines: HashMap<_, _> = lines::find_many(&conn, tenant, &ids)
        .await?
        .into_iter()
        .map(|line| (line.id, line))
        .collect();
    let draws = found
        .iter()
        .filter_map(|(line, draw)| Some(draw_message(tenant, lines.get(line)?, draw)))
        .collect();
    Ok(ListDrawsResponse { draws, next_page_token })
}

/// What can be drawn now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_line_means(
    app: &App,
    line_ref: &LineRef,
) -> Result<GetLineMeansResponse, AppError> {
    let conn = app.db.read(&line_ref.tenant).await?;
    let line = find_line(&conn, line_ref).await?;
    let (cap, in_plan) = draw_bounds(&conn, &line, &line_ref.tenant).await?;
    let barred = line.barred(in_plan.as_ref());
    let available = line.drawable(cap).map_err(Refusal::from)?;
    Ok(GetLineMeansResponse {
        state: line_state(line.state).into(),
        available: Some(money(available)),
        barred_reason: barred.as_ref().map(|refusal| refusal.reason.into()).unwrap_or_default(),
        barred_message: barred.map(|refusal| refusal.message).unwrap_or_default(),
        planned_invoice: in_plan
            .as_ref()
            .map(|in_plan| in_plan.invoice.clone())
            .unwrap_or_default(),
        plan: in_plan.map(|in_plan| in_plan.plan).unwrap_or_default(),
    })
}
