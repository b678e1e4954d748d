//! Reads of lines, their history and their exposure.

use crate::{
    App,
    parse::{LineRef, ListLines},
    render,
    store::{entries, history, lines},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, page::Page, render::money};
use payterms_credit_domain::Line;
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::{GetCreditLineResponse, GetExposureResponse, ListCreditLinesResponse, ListLineHistoryResponse};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// The line that a request names.
pub(super) async fn found<C: ConnectionTrait>(conn: &C, named: &LineRef) -> Result<Line, AppError> {
    let found = lines::find(conn, &named.tenant, named.line).await?;
    Ok(found.filter(|line| line.customer == named.customer).ok_or_else(Refusal::not_found)?)
}

/// One line.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, named: &LineRef) -> Result<GetCreditLineResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let line = found(&conn, named).await?;
    Ok(GetCreditLineResponse { credit_line: Some(render::line(&named.tenant, &line)?) })
}

/// A page of lines, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, asked: &ListLines) -> Result<ListCreditLinesResponse, AppError> {
    let before = app.pages.cursor(&asked.page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&asked.tenant).await?;
    let mut found = lines::list(&conn, &asked.tenant, (asked.customer, &asked.states, before), asked.page.reads()).await?;
    let next_page_token = app.pages.cut(&asked.page, &mut found, |line| line.id.to_string());
    let credit_lines = found.iter().map(|line| render::line(&asked.tenant, line)).collect::<Result<_, _>>()?;
    Ok(ListCreditLinesResponse { credit_lines, next_page_token })
}

/// A page of a line's history, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn history(app: &App, named: &LineRef, page: &Page, as_customer: bool) -> Result<ListLineHistoryResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(0_i64);
    let conn = app.db.read(&named.tenant).await?;
    let line = found(&conn, named).await?;
    let mut edges = history::list(&conn, &named.tenant, line.id, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut edges, |(sequence, _)| sequence.to_string());
    let entries = edges.iter().map(|(_, edge)| render::edge(edge, as_customer)).collect();
    Ok(ListLineHistoryResponse { entries, next_page_token })
}

/// What a line's exposure is, or was at an instant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn exposure(app: &App, named: &LineRef, at: Option<DateTime<Utc>>) -> Result<GetExposureResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let line = found(&conn, named).await?;
    let [authorized, captured, repaid] = match at {
        None => [line.authorized, line.captured, line.repaid],
        Some(at) => entries::sums_at(&conn, &named.tenant, &line, at).await?,
    };
    let exposure = authorized.plus(captured).and_then(|sum| sum.minus(repaid)).map_err(Refusal::from)?;
    Ok(GetExposureResponse {
        authorized: Some(money(authorized)),
        captured: Some(money(captured)),
        repaid: Some(money(repaid)),
        exposure: Some(money(exposure)),
    })
}
