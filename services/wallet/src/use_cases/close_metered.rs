//! Ends the month of a metered service: tells invoicing what was used. The row comes back each month.

use crate::{
    App, jobs,
    store::{metered, wallets},
};
use chrono::{Months, NaiveDate};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    names,
    render::{date, decimal, money},
};
use payterms_kernel::{
    Id, Money, TenantId,
    calendar::{day_in, first_of_month, start_of_day},
};
use payterms_proto::{
    invoicing::v1::{MeteredService as ServiceMessage, metered_service::State},
    wallet::v1::{MeteredUsageClosed, metered_usage_closed::Line},
};
use payterms_wallet_domain::{MeteredService, metered::Access};
use rust_decimal::Decimal;

/// Takes in what invoicing tells of a service.
///
/// # Errors
/// The database's; `Fault` for a name or currency that is none.
pub async fn heard(tx: &WriteTx, told: &ServiceMessage) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("metered service {:?}", told.name));
    let name = names::parse(&told.name, &["customers", "meteredServices"]).ok_or_else(fault)?;
    let access = match told.state() {
        State::Active | State::Overdue => Access::Open,
        State::Suspended => Access::Suspended,
        State::Disabled | State::Unspecified => Access::Disabled,
    };
    if let Some(mut known) = metered::lock(tx, name.id(1)).await? {
        known.access = access;
        return metered::save(tx.conn(), &tenant, &known).await;
    }
    let open_month = first_of_month(day_in(tx.time().zone, tx.now()));
    let service = MeteredService {
        id: name.id(1),
        customer: Id::from_uuid(name.id(0)),
        currency: payterms_kernel::Currency::parse(&told.currency_code).ok_or_else(fault)?,
        product: told.product.clone(),
        access,
        open_month,
    };
    metered::save(tx.conn(), &tenant, &service).await?;
    schedule_close(tx, &service).await
}

async fn schedule_close(tx: &WriteTx, service: &MeteredService) -> Result<(), AppError> {
    let next = service.open_month.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
    Ok(schedule(tx, jobs::CLOSE_METERED, &service.id.to_string(), start_of_day(tx.time().zone, next)).await?)
}

/// Runs the job.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("service {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("wallet", id)).await?;
    let Some(found) = metered::find(tx.conn(), &row.tenant, id).await? else { return Ok(()) };
    // Uses are recorded under the wallet's lock: none comes in between.
    if let Some(wallet) = wallets::find_in_currency(tx.conn(), &row.tenant, found.customer, found.currency).await? {
        wallets::lock_many(&tx, &[wallet.id]).await?;
    }
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut service) = metered::lock(&tx, id).await? else { return Ok(()) };
    let month = service.open_month;
    let used = metered::used(tx.conn(), &row.tenant, &service, month).await?;
    service.close_month();
    metered::save(tx.conn(), &row.tenant, &service).await?;
    schedule_close(&tx, &service).await?;
    if !used.is_empty() {
        let event = told(&row.tenant, &service, (month, used));
        tx.emit("metered_usage", &format!("{id}/{month}"), &event).await?;
    }
    tx.commit_rows().await
}

fn told(tenant: &TenantId, service: &MeteredService, (month, used): (NaiveDate, Vec<(Money, Decimal)>)) -> MeteredUsageClosed {
    let line = |(price, quantity)| Line { unit_price: Some(money(price)), quantity: Some(decimal(quantity)) };
    MeteredUsageClosed {
        metered_service: format!("tenants/{tenant}/customers/{}/meteredServices/{}", service.customer, service.id),
        month: Some(date(month)),
        lines: used.into_iter().map(line).collect(),
    }
}

/// What was told of a service's month, by the event's subject `service/month`.
///
/// # Errors
/// The database's.
pub async fn closed(tx: &WriteTx, subject: &str) -> Result<Option<MeteredUsageClosed>, AppError> {
    let tenant = &tx.call().tenant;
    let parsed = subject.split_once('/').and_then(|(id, month)| Some((names::uuid(id)?, month.parse::<NaiveDate>().ok()?)));
    let Some((id, month)) = parsed else { return Ok(None) };
    let Some(service) = metered::find(tx.conn(), tenant, id).await?.filter(|own| month < own.open_month) else { return Ok(None) };
    let used = metered::used(tx.conn(), tenant, &service, month).await?;
    Ok((!used.is_empty()).then(|| told(tenant, &service, (month, used))))
}
