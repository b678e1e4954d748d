//! Reads of draws, and of what can be drawn.

use super::load::draw_bounds;
use crate::{
    app::App,
    commands::{draws::DrawRef, lines::LineRef},
    messages::{
        draws::{draw as draw_message, whole_draw},
        lines::line_state,
    },
    store::draws,
    use_cases::lines::load::find_line,
};
use payterms_chassis::{AppError, page::Page, render::money};
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::{GetDrawResponse, GetLineMeansResponse, ListDrawsResponse};
use uuid::Uuid;

/// One draw.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_draw(app: &App, draw_ref: &DrawRef) -> Result<GetDrawResponse, AppError> {
    let conn = app.db.read(&draw_ref.line.tenant).await?;
    let line = find_line(&conn, &draw_ref.line).await?;
    let draw = draws::find(&conn, &draw_ref.line.tenant, (line.id, draw_ref.draw)).await?.ok_or_else(Refusal::not_found)?;
    Ok(GetDrawResponse { draw: Some(whole_draw(&draw_ref.line.tenant, &line, &draw)) })
}

/// A page of a line's draws, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_draws(app: &App, line_ref: &LineRef, page: &Page) -> Result<ListDrawsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&line_ref.tenant).await?;
    let line = find_line(&conn, line_ref).await?;
    let mut found = draws::list(&conn, &line_ref.tenant, line.id, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |draw| draw.id.to_string());
    Ok(ListDrawsResponse { draws: found.iter().map(|draw| draw_message(&line_ref.tenant, &line, draw)).collect(), next_page_token })
}

/// What can be drawn now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_line_means(app: &App, line_ref: &LineRef) -> Result<GetLineMeansResponse, AppError> {
    let conn = app.db.read(&line_ref.tenant).await?;
    let line = find_line(&conn, line_ref).await?;
    let (cap, in_plan) = draw_bounds(&conn, &line, &line_ref.tenant).await?;
    let barred = line.barred(in_plan);
    let available = line.drawable(cap).map_err(Refusal::from)?;
    Ok(GetLineMeansResponse {
        state: line_state(line.state).into(),
        available: Some(money(available)),
        barred_reason: barred.as_ref().map(|refusal| refusal.reason.to_owned()).unwrap_or_default(),
        barred_message: barred.map(|refusal| refusal.message).unwrap_or_default(),
    })
}
