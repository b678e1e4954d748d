//! Reads of programmes.

use crate::{
    app::App, commands::programmes::ProgrammeRef, messages::programmes::render_programme,
    store::programmes,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::credit::v1::{GetProgrammeResponse, ListProgrammesResponse};
use uuid::Uuid;

/// One programme.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_programme(
    app: &App,
    named: &ProgrammeRef,
) -> Result<GetProgrammeResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let programme = programmes::find(&conn, &named.tenant, named.programme)
        .await?
        .ok_or_else(Refusal::not_found)?;
    Ok(GetProgrammeResponse { programme: Some(render_programme(&named.tenant, &programme)) })
}

/// A page of programmes, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_programmes(
    app: &App,
    tenant: &TenantId,
    page: &Page,
) -> Result<ListProgrammesResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = programmes::list(&conn, tenant, before, false, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |programme| programme.id.to_string());
    Ok(ListProgrammesResponse {
        programmes: found.iter().map(|programme| render_programme(tenant, programme)).collect(),
        next_page_token,
    })
}
