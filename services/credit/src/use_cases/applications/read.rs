//! Reads of applications.

use super::load::find_application;
use crate::{
    app::App,
    commands::applications::{ApplicationRef, ListApplications},
    messages::applications::{ApplicationParts, credit_application},
    store::{applications, bank_files, bank_links, decisions},
};
use payterms_chassis::{AppError, listing::Listing};
use payterms_credit_domain::Application;
use payterms_proto::credit::v1::{GetApplicationResponse, ListApplicationsResponse};

/// One application.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_application(
    app: &App,
    named: &ApplicationRef,
) -> Result<GetApplicationResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let application = find_application(&conn, named).await?;
    let files = bank_files::of_application(&conn, &named.tenant, application.id, false).await?;
    let advice = decisions::last(&conn, &named.tenant, application.id).await?;
    let links = bank_links::of(&conn, &named.tenant, application.id).await?;
    let shown = credit_application(
        &named.tenant,
        &application,
        &ApplicationParts { files, advice, links },
        named.as_customer,
    );
    Ok(GetApplicationResponse { credit_application: Some(shown) })
}

/// A page of applications, without their files and decisions.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_applications(
    app: &App,
    filter: &ListApplications,
    listing: &Listing,
) -> Result<ListApplicationsResponse, AppError> {
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(&filter.tenant).await?;
    let mut found =
        applications::list(&conn, &filter.tenant, filter.customer, &filter.states, listing, after)
            .await?;
    let next_page_token = app.pages.cut(&listing.page, &mut found, |application| {
        applications::position(application, listing.order).to_string()
    });
    let shown = |application: &Application| {
        credit_application(
            &filter.tenant,
            application,
            &ApplicationParts::default(),
            filter.as_customer,
        )
    };
    Ok(ListApplicationsResponse {
        credit_applications: found.iter().map(shown).collect(),
        next_page_token,
    })
}
