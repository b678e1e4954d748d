//! Metered services: enabling, disabling, and their status, which follows their invoices.

use super::{notices, payment_steps::Wallet};
use crate::{
    App,
    commands::metered_services::MeteredServiceRef,
    jobs, messages,
    store::{customers, metered, tenants},
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{DueRow, cancel, schedule, take},
    names,
    page::Page,
};
use payterms_invoicing_domain::{
    Customer, MailKind, MeteredService, ServiceState,
    metered::{Terms, must_be_billable},
};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// Enables a service.
///
/// # Errors
/// Those of [`must_be_billable`], `SERVICE_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn enable(
    app: &App,
    call: &Call,
    customer: Id<Customer>,
    terms: &Terms,
) -> Result<Answer<pb::EnableMeteredServiceResponse>, AppError> {
    let means = Wallet::new(app, &call.tenant, customer).means(terms.currency).await?;
    let has_method = means.payment_methods.iter().any(|method| method.collection_method);
    let mut tx = app.db.begin(call).await?;
    let found = customers::lock(tx.conn(), &call.tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    let known = metered::lock_of_product(tx.conn(), &call.tenant, customer, (terms.currency, &terms.product)).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let tenant = tenants::find(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    must_be_billable((&tenant, &found), terms, has_method)?;
    let now = tx.now();
    let service = match known {
        Some(mut known) => {
            known.enable_again(terms.clone(), now)?;
            // What it still owes is no clean slate.
            known.judge(metered::standing(tx.conn(), &call.tenant, known.id).await?, now);
            known
        }
        None => MeteredService::enable(tx.id(), customer, terms.clone(), now),
    };
    publish(&mut tx, &service).await?;
    tx.commit(pb::EnableMeteredServiceResponse {
        metered_service: Some(messages::metered_services::metered_service(&call.tenant, &service)),
    })
    .await
}

/// Switches a service off.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn disable(
    app: &App,
    call: &Call,
    (tenant, customer, id): &MeteredServiceRef,
) -> Result<Answer<pb::DisableMeteredServiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let found = metered::lock(tx.conn(), tenant, *id).await?.filter(|own| own.customer == *customer);
    let mut service = found.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    service.disable(tx.now());
    publish(&mut tx, &service).await?;
    tx.commit(pb::DisableMeteredServiceResponse { metered_service: Some(messages::metered_services::metered_service(tenant, &service)) })
        .await
}

/// One service.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, (tenant, customer, id): &MeteredServiceRef) -> Result<pb::GetMeteredServiceResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let found = metered::find(&conn, tenant, *id).await?.filter(|own| own.customer == *customer).ok_or_else(Refusal::not_found)?;
    Ok(pb::GetMeteredServiceResponse { metered_service: Some(messages::metered_services::metered_service(tenant, &found)) })
}

/// A page of a customer's services, oldest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list(
    app: &App,
    (tenant, customer): (&TenantId, Id<Customer>),
    page: &Page,
) -> Result<pb::ListMeteredServicesResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(tenant).await?;
    let mut found = metered::list(&conn, tenant, customer, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |own| own.id.to_string());
    let metered_services = found.iter().map(|own| messages::metered_services::metered_service(tenant, own)).collect();
    Ok(pb::ListMeteredServicesResponse { metered_services, next_page_token })
}

/// Saves a service, tells how it stands, and schedules its suspension while it is overdue.
async fn publish(tx: &mut WriteTx, service: &MeteredService) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    metered::save(tx.conn(), &tenant, service).await?;
    let after_days = tenants::find(tx.conn(), &tenant).await?.and_then(|own| own.dunning.suspend_after_days);
    match service.suspended_at(after_days) {
        Some(at) => schedule(tx, jobs::SUSPEND_SERVICE, &service.id.to_string(), at).await?,
        None => cancel(tx, jobs::SUSPEND_SERVICE, &service.id.to_string()).await?,
    }
    let event = pb::MeteredServiceChanged { metered_service: Some(messages::metered_services::metered_service(&tenant, service)) };
    tx.emit("metered_service", &service.id.to_string(), &event).await
}

/// Judges a service after one of its invoices has changed.
///
/// # Errors
/// The database's.
pub async fn judge(tx: &mut WriteTx, id: Id<MeteredService>) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let Some(mut service) = metered::lock(tx.conn(), &tenant, id).await? else { return Ok(()) };
    let standing = metered::standing(tx.conn(), &tenant, id).await?;
    let (before, now) = (service.state, tx.now());
    if service.judge(standing, now) {
        publish(tx, &service).await?;
        let kind = if service.state == ServiceState::Overdue { MailKind::ServiceOverdue } else { MailKind::ServiceRestored };
        notices::service(tx, kind, &service).await?;
    } else if before == ServiceState::Overdue && standing.failed_unblocked > 0 {
        // A block was lifted, perhaps: what waited for that goes on.
        publish(tx, &service).await?;
    }
    Ok(())
}

/// The time to suspend a service has come.
///
/// # Errors
/// The database's.
pub async fn suspend(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("service {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let Some(mut service) = metered::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    let now = tx.now();
    let after_days = tenants::find(tx.conn(), &row.tenant).await?.and_then(|own| own.dunning.suspend_after_days);
    match service.suspended_at(after_days) {
        None => return tx.commit_rows().await,
        // The tenant gives more days than when this was planned.
        Some(at) if at > now => {
            schedule(&tx, jobs::SUSPEND_SERVICE, &row.subject, at).await?;
            return tx.commit_rows().await;
        }
        Some(_) => {}
    }
    let standing = metered::standing(tx.conn(), &row.tenant, service.id).await?;
    if service.suspend(standing, now) {
        publish(&mut tx, &service).await?;
        notices::service(&mut tx, MailKind::ServiceSuspended, &service).await?;
    }
    tx.commit_rows().await
}
