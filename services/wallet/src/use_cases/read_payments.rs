//! The reads of methods, top-ups and settings.

use super::read::found;
use crate::{
    App,
    parse::{CustomerRef, WalletRef},
    render_payments as render,
    store::{methods, settings, top_ups},
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{PaymentMethod, TopUp};
use uuid::Uuid;

/// One method, removed ones too.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn method(app: &App, named: &CustomerRef, id: Id<PaymentMethod>) -> Result<pb::GetPaymentMethodResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let method = methods::find(&conn, &named.tenant, named.customer, id).await?.ok_or_else(Refusal::not_found)?;
    let own = methods::of_customer(&conn, &named.tenant, named.customer).await?;
    Ok(pb::GetPaymentMethodResponse { payment_method: Some(render::method(&named.name(), &method, &own)) })
}

/// A page of a customer's active methods, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn methods(app: &App, named: &CustomerRef, page: &Page) -> Result<pb::ListPaymentMethodsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    let own = methods::of_customer(&conn, &named.tenant, named.customer).await?;
    let mut listed: Vec<_> = own.active.iter().filter(|method| method.id.uuid() < before).collect();
    let next_page_token = app.pages.cut(page, &mut listed, |method| method.id.to_string());
    let name = named.name();
    let payment_methods = listed.into_iter().map(|method| render::method(&name, method, &own)).collect();
    Ok(pb::ListPaymentMethodsResponse { payment_methods, next_page_token })
}

/// One top-up.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn top_up(app: &App, named: &WalletRef, id: Id<TopUp>) -> Result<pb::GetTopUpResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    found(&conn, named).await?;
    let top_up = top_ups::find(&conn, &named.tenant, id).await?.filter(|top_up| top_up.wallet == named.wallet);
    Ok(pb::GetTopUpResponse { top_up: Some(render::top_up(&named.name(), &top_up.ok_or_else(Refusal::not_found)?)?) })
}

/// A page of a wallet's top-ups, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn top_ups(app: &App, named: &WalletRef, page: &Page) -> Result<pb::ListTopUpsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    found(&conn, named).await?;
    let mut listed = top_ups::list(&conn, &named.tenant, named.wallet, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |top_up| top_up.id.to_string());
    let name = named.name();
    let top_ups = listed.iter().map(|top_up| render::top_up(&name, top_up)).collect::<Result<_, _>>()?;
    Ok(pb::ListTopUpsResponse { top_ups, next_page_token })
}

/// A tenant's settings.
///
/// # Errors
/// The database's.
pub async fn settings(app: &App, tenant: &TenantId) -> Result<pb::GetWalletSettingsResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let own = settings::find(&conn, tenant).await?;
    Ok(pb::GetWalletSettingsResponse { wallet_settings: Some(render::settings(tenant, &own)) })
}

/// What a customer may do.
///
/// # Errors
/// The database's.
pub async fn options(app: &App, named: &CustomerRef) -> Result<pb::GetPrepaymentOptionsResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let own = settings::find(&conn, &named.tenant).await?;
    let offered: Vec<_> = own.minimums.iter().filter(|(kind, _)| own.prepayment_methods.contains(kind)).copied().collect();
    Ok(pb::GetPrepaymentOptionsResponse {
        prepayment: own.prepayment,
        methods: render::kinds(&own.prepayment_methods),
        minimums: render::minimums(&offered),
    })
}
