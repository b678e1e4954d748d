//! Closes the month of a metered service and publishes its usage for invoicing. The job schedules
//! itself for the next month.

use crate::{
    app::App,
    store::{metered, wallets},
    use_cases::months::close::end_of,
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    names,
    render::{date, decimal, money},
};
use payterms_kernel::{Money, TenantId};
use payterms_proto::wallet::v1::{MeteredUsageClosed, metered_usage_closed::Line};
use payterms_wallet_domain::MeteredService;
use rust_decimal::Decimal;

/// The job; its subject is the service's id.
pub const JOB: &str = "close_metered";

/// Schedules the closing of a service's open month for the beginning of the next one.
pub async fn schedule_close(tx: &WriteTx, service: &MeteredService) -> Result<(), AppError> {
    Ok(schedule(tx, JOB, &service.id.to_string(), end_of(tx.time().zone, service.open_month))
        .await?)
}

/// Closes the past month of a service.
pub async fn close_metered_month(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("service {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("wallet", id)).await?;
    let Some(unlocked) = metered::find(tx.conn(), &row.tenant, id).await? else { return Ok(()) };
    // Uses are recorded under the wallet's lock, so holding it keeps new ones out of the month that
    // is being closed.
    if let Some(wallet) =
        wallets::find_in_currency(tx.conn(), &row.tenant, unlocked.customer, unlocked.currency)
            .await?
    {
        wallets::lock_many(&tx, &[wallet.id]).await?;
    }
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut service) = metered::lock(&tx, id).await? else { return Ok(()) };
    let month = service.open_month;
    if end_of(tx.time().zone, month) > tx.now() {
        // The tenant's zone has changed: the month goes on.
        schedule_close(&tx, &service).await?;
        return tx.commit_rows().await;
    }
    let used = metered::used(tx.conn(), &row.tenant, &service, month).await?;
    service.close_month();
    metered::save(tx.conn(), &row.tenant, &service).await?;
    schedule_close(&tx, &service).await?;
    if !used.is_empty() {
        let event = metered_usage_closed(&row.tenant, &service, month, used);
        tx.emit("metered_usage", &format!("{id}/{month}"), &event).await?;
    }
    tx.commit_rows().await
}

fn metered_usage_closed(
    tenant: &TenantId,
    service: &MeteredService,
    month: NaiveDate,
    used: Vec<(Money, Decimal)>,
) -> MeteredUsageClosed {
    let line = |(price, quantity)| Line {
        unit_price: Some(money(price)),
        quantity: Some(decimal(quantity)),
    };
    MeteredUsageClosed {
        metered_service: format!(
            "tenants/{tenant}/customers/{}/meteredServices/{}",
            service.customer, service.id
        ),
        month: Some(date(month)),
        lines: used.into_iter().map(line).collect(),
    }
}

/// The event of a service's closed month, by its subject `service/month`.
pub async fn closed_metered_month(
    tx: &WriteTx,
    subject: &str,
) -> Result<Option<MeteredUsageClosed>, AppError> {
    let tenant = &tx.call().tenant;
    let parsed = subject
        .split_once('/')
        .and_then(|(id, month)| Some((names::uuid(id)?, month.parse::<NaiveDate>().ok()?)));
    let Some((id, month)) = parsed else { return Ok(None) };
    let Some(service) =
        metered::find(tx.conn(), tenant, id).await?.filter(|service| month < service.open_month)
    else {
        return Ok(None);
    };
    let used = metered::used(tx.conn(), tenant, &service, month).await?;
    Ok((!used.is_empty()).then(|| metered_usage_closed(tenant, &service, month, used)))
}
