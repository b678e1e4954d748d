//! Reads of lines, their history and their exposure.

use super::load::find_line;
use crate::{
    app::App,
    commands::lines::{LineHistory, LineRef, ListLines},
    messages::lines::{credit_line, line_history_entry},
    store::{draw_entries, line_history, lines},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, page::Page, render::money};
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::{
    GetCreditLineResponse, GetExposureResponse, ListCreditLinesResponse, ListLineHistoryResponse,
};

/// One line.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_credit_line(
    app: &App,
    line_ref: &LineRef,
) -> Result<GetCreditLineResponse, AppError> {
    let conn = app.db.read(&line_ref.tenant).await?;
    let line = find_line(&conn, line_ref).await?;
    Ok(GetCreditLineResponse { credit_line: Some(credit_line(&line_ref.tenant, &line)?) })
}

/// A page of lines.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_credit_lines(
    app: &App,
    list: &ListLines,
) -> Result<ListCreditLinesResponse, AppError> {
    let listing = &list.listing;
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(&list.tenant).await?;
    let mut found =
        lines::list(&conn, &list.tenant, list.customer, &list.states, listing, after).await?;
    let next_page_token = app
        .pages
        .cut(&listing.page, &mut found, |line| lines::position(line, listing.order).to_string());
    let credit_lines =
        found.iter().map(|line| credit_line(&list.tenant, line)).collect::<Result<_, _>>()?;
    Ok(ListCreditLinesResponse { credit_lines, next_page_token })
}

/// A page of a line's history, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_line_history(
    app: &App,
    history: &LineHistory,
    page: &Page,
) -> Result<ListLineHistoryResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(0_i64);
    let conn = app.db.read(&history.line.tenant).await?;
    let line = find_line(&conn, &history.line).await?;
    let mut edges =
        line_history::list(&conn, &history.line.tenant, line.id, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut edges, |(sequence, _)| sequence.to_string());
    let entries =
        edges.iter().map(|(_, edge)| line_history_entry(edge, history.as_customer)).collect();
    Ok(ListLineHistoryResponse { entries, next_page_token })
}

/// What a line's exposure is, or was at an instant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_exposure(
    app: &App,
    line_ref: &LineRef,
    at: Option<DateTime<Utc>>,
) -> Result<GetExposureResponse, AppError> {
    let conn = app.db.read(&line_ref.tenant).await?;
    let line = find_line(&conn, line_ref).await?;
    let [authorized, captured, repaid] = match at {
        None => [line.authorized, line.captured, line.repaid],
        Some(at) => draw_entries::sums_at(&conn, &line_ref.tenant, &line, at).await?,
    };
    let exposure =
        authorized.plus(captured).and_then(|sum| sum.minus(repaid)).map_err(Refusal::from)?;
    Ok(GetExposureResponse {
        authorized: Some(money(authorized)),
        captured: Some(money(captured)),
        repaid: Some(money(repaid)),
        exposure: Some(money(exposure)),
    })
}
