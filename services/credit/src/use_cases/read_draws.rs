//! Reads of draws.

use super::read_lines::found;
use crate::{App, parse::LineRef, render, store::draws};
use payterms_chassis::{AppError, page::Page};
use payterms_credit_domain::Draw;
use payterms_kernel::{Id, Refusal};
use payterms_proto::credit::v1::{GetDrawResponse, ListDrawsResponse};
use uuid::Uuid;

/// One draw.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, named: &LineRef, id: Id<Draw>) -> Result<GetDrawResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let line = found(&conn, named).await?;
    let draw = draws::find(&conn, &named.tenant, (line.id, id)).await?.ok_or_else(Refusal::not_found)?;
    Ok(GetDrawResponse { draw: Some(render::whole_draw(&named.tenant, &line, &draw)) })
}

/// A page of a line's draws, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, named: &LineRef, page: &Page) -> Result<ListDrawsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    let line = found(&conn, named).await?;
    let mut own = draws::list(&conn, &named.tenant, line.id, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut own, |draw| draw.id.to_string());
    Ok(ListDrawsResponse { draws: own.iter().map(|draw| render::draw(&named.tenant, &line, draw)).collect(), next_page_token })
}
