//! Reads of customers.

use crate::{app::App, commands::customers::CustomerRef, messages, store::customers};
use payterms_chassis::{AppError, listing::Listing};
use payterms_invoicing_domain::Customer;
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;

/// One customer.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_customer(
    app: &App,
    named: &CustomerRef,
) -> Result<pb::GetCustomerResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = customers::find(&conn, &named.tenant, named.customer)
        .await?
        .ok_or_else(Refusal::not_found)?;
    Ok(pb::GetCustomerResponse {
        customer: Some(show_customer(&named.tenant, &found, named.as_customer)),
    })
}

/// A customer as the caller may see it.
#[must_use]
pub fn show_customer(tenant: &TenantId, customer: &Customer, as_customer: bool) -> pb::Customer {
    if as_customer {
        messages::customers::customer_without_evidence(tenant, customer)
    } else {
        messages::customers::customer(tenant, customer)
    }
}

/// A page of a tenant's customers.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_customers(
    app: &App,
    tenant: &TenantId,
    listing: &Listing,
) -> Result<pb::ListCustomersResponse, AppError> {
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(tenant).await?;
    let mut found = customers::list(&conn, tenant, listing, after).await?;
    let next_page_token = app.pages.cut(&listing.page, &mut found, |customer| {
        customers::position(customer, listing.order).to_string()
    });
    Ok(pb::ListCustomersResponse {
        customers: found
            .iter()
            .map(|customer| messages::customers::customer(tenant, customer))
            .collect(),
        next_page_token,
    })
}
