//! Reads payment methods.

use crate::{
    app::App,
    commands::{customers::CustomerRef, methods::MethodRef},
    messages::methods as messages,
    store::methods,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1 as pb;
use uuid::Uuid;

/// One method, removed ones too.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_payment_method(
    app: &App,
    MethodRef { customer: named, method: id }: &MethodRef,
) -> Result<pb::GetPaymentMethodResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let method = methods::find(&conn, &named.tenant, named.customer, *id)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let saved = methods::of_customer(&conn, &named.tenant, named.customer).await?;
    Ok(pb::GetPaymentMethodResponse {
        payment_method: Some(messages::payment_method(&named.name(), &method, &saved)),
    })
}

/// A page of a customer's active methods, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_payment_methods(
    app: &App,
    named: &CustomerRef,
    page: &Page,
) -> Result<pb::ListPaymentMethodsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    let saved = methods::of_customer(&conn, &named.tenant, named.customer).await?;
    let mut listed: Vec<_> =
        saved.active.iter().filter(|method| method.id.uuid() < before).collect();
    let next_page_token = app.pages.cut(page, &mut listed, |method| method.id.to_string());
    let name = named.name();
    let payment_methods =
        listed.into_iter().map(|method| messages::payment_method(&name, method, &saved)).collect();
    Ok(pb::ListPaymentMethodsResponse { payment_methods, next_page_token })
}
