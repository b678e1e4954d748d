//! What customers owe, by how long it is past due.

use super::load::are_invoices_hidden;
use crate::{
    app::App,
    commands::ageing::ListAgeing,
    messages,
    store::ageing::{self, Aged},
};
use payterms_chassis::AppError;
use payterms_kernel::{Reason, Refusal, Violation};
use payterms_proto::invoicing::v1 as pb;

/// A page of what customers owe now, or owed at the end of a past day.
///
/// # Errors
/// `DATE_IN_FUTURE`, `PAGE_TOKEN_INVALID`.
pub async fn list_ageing(app: &App, list: &ListAgeing) -> Result<pb::ListAgeingResponse, AppError> {
    let after = app.pages.cursor(&list.page)?;
    let today = app.db.tenant_today(&list.tenant).await?;
    let day = list.as_of.unwrap_or(today);
    if day > today {
        let description =
            format!("What will be open is not known. Name today, {today}, or an earlier day.");
        return Err(Refusal::invalid(vec![Violation {
            field: "as_of".to_owned(),
            reason: Reason::DATE_IN_FUTURE,
            description,
        }])
        .into());
    }
    let conn = app.db.read(&list.tenant).await?;
    if list.as_customer && are_invoices_hidden(&conn, &list.tenant).await? {
        return Ok(pb::ListAgeingResponse::default());
    }
    let aged = Aged { customer: list.customer, day, then: list.as_of.is_some() };
    let mut found = ageing::page(&conn, &list.tenant, aged, after, list.page.reads()).await?;
    let next_page_token =
        app.pages.cut(&list.page, &mut found, |ageing| ageing::position(ageing).to_string());
    let rows = found
        .iter()
        .map(|each| messages::ageing::ageing(&list.tenant, each))
        .collect::<Result<_, _>>()?;
    Ok(pb::ListAgeingResponse {
        ageing: rows,
        as_of: Some(payterms_chassis::render::date(day)),
        next_page_token,
    })
}
