//! Tables `tenants` and `tax_rules`.

use super::{
    currency, customers::AddressText, decimal, millionths, numbers, numbers_text, unknown,
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    Business, CallLimits, Dunning, PaymentNotice, TaxRule, Tenant, bank::Automation,
};
use payterms_kernel::{Money, TenantId};
use sea_orm::{
    ActiveValue::Set, Condition, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenants")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    display_name: String,
    country: String,
    time_zone: String,
    sandbox: bool,
    invoices_hidden: bool,
    overpayment_refused: bool,
    business: String,
    suspend_after_days: Option<i64>,
    reminder_days: String,
    transfer_tolerances: String,
    approval_limits: String,
    payment_notice: String,
    bank_automation: String,
    caller_calls_per_second: Option<i64>,
    customer_calls_per_second: Option<i64>,
    tenant_calls_per_second: Option<i64>,
    suspended: bool,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Table `tax_rules`.
mod rules {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tax_rules")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub country: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub category: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub with_tax_id: bool,
        pub rate_millionths: i64,
        pub sentence: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The details of a business as their column holds them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct BusinessText {
    legal_name: String,
    address: Option<AddressText>,
    tax_id: String,
    legal_mentions: String,
    contact_email: String,
    portal_url: String,
    bank_details: String,
}

fn business(text: &str) -> Result<Business, AppError> {
    let read: BusinessText = serde_json::from_str(text)
        .map_err(|error| AppError::Fault(format!("a business: {error}")))?;
    let BusinessText {
        legal_name,
        address,
        tax_id,
        legal_mentions,
        contact_email,
        portal_url,
        bank_details,
    } = read;
    Ok(Business {
        legal_name,
        address: address.map(Into::into),
        tax_id,
        legal_mentions,
        contact_email,
        portal_url,
        bank_details,
    })
}

fn business_text(business: &Business) -> Result<String, AppError> {
    let Business {
        legal_name,
        address,
        tax_id,
        legal_mentions,
        contact_email,
        portal_url,
        bank_details,
    } = business.clone();
    let text = BusinessText {
        legal_name,
        address: address.map(Into::into),
        tax_id,
        legal_mentions,
        contact_email,
        portal_url,
        bank_details,
    };
    serde_json::to_string(&text).map_err(|error| AppError::Fault(error.to_string()))
}

fn figures(text: &str) -> Result<Vec<Money>, AppError> {
    let read: Vec<(String, i64)> =
        serde_json::from_str(text).map_err(|error| AppError::Fault(format!("figures: {error}")))?;
    read.into_iter()
        .map(|(code, micros)| Ok(Money::from_micros(currency(&code)?, micros)))
        .collect()
}

fn figures_text(figures: &[Money]) -> Result<String, AppError> {
    let text: Vec<_> =
        figures.iter().map(|amount| (amount.currency().code(), amount.micros())).collect();
    serde_json::to_string(&text).map_err(|error| AppError::Fault(error.to_string()))
}

/// What a row has of caller, customer and tenant.
type LimitColumns = (Option<i64>, Option<i64>, Option<i64>);

/// The limits that a row has.
fn limits((caller, customer, tenant): LimitColumns) -> CallLimits {
    let rate = |rate: Option<i64>| rate.and_then(|rate| u32::try_from(rate).ok());
    CallLimits { caller: rate(caller), customer: rate(customer), tenant: rate(tenant) }
}

/// The limits of those of these tenants that have some, by slug.
pub async fn call_limits<C: ConnectionTrait>(
    conn: &C,
    slugs: &[String],
) -> Result<Vec<(String, CallLimits)>, AppError> {
    let columns = [
        Column::CallerCallsPerSecond,
        Column::CustomerCallsPerSecond,
        Column::TenantCallsPerSecond,
    ];
    let has_some =
        columns.iter().fold(Condition::any(), |any, column| any.add(column.is_not_null()));
    let found = Entity::find()
        .select_only()
        .column(Column::Tenant)
        .columns(columns)
        .filter(Column::Tenant.is_in(slugs.to_vec()))
        .filter(has_some)
        .order_by_asc(Column::Tenant)
        .into_model::<LimitedRow>()
        .all(conn)
        .await?;
    let limited = |row: LimitedRow| {
        let columns = (
            row.caller_calls_per_second,
            row.customer_calls_per_second,
            row.tenant_calls_per_second,
        );
        (row.tenant, limits(columns))
    };
    Ok(found.into_iter().map(limited).collect())
}

/// The limits of a row, with its tenant.
#[derive(Debug, sea_orm::FromQueryResult)]
struct LimitedRow {
    tenant: String,
    caller_calls_per_second: Option<i64>,
    customer_calls_per_second: Option<i64>,
    tenant_calls_per_second: Option<i64>,
}

async fn with_rules<C: ConnectionTrait>(
    conn: &C,
    rows: Vec<Model>,
) -> Result<Vec<Tenant>, AppError> {
    let ids: Vec<_> = rows.iter().map(|row| row.tenant.clone()).collect();
    let found = rules::Entity::find()
        .filter(rules::Column::Tenant.is_in(ids))
        .order_by_asc(rules::Column::Country)
        .order_by_asc(rules::Column::Category)
        .order_by_asc(rules::Column::WithTaxId)
        .all(conn)
        .await?;
    let mut by_tenant: HashMap<String, Vec<TaxRule>> = HashMap::new();
    for rule in found {
        let tenant = rule.tenant.clone();
        by_tenant.entry(tenant).or_default().push(TaxRule {
            country: rule.country,
            rate_percent: decimal(rule.rate_millionths),
            sentence: rule.sentence,
            category: rule.category,
            with_tax_id: rule.with_tax_id,
        });
    }
    let tenant = |row: Model| {
        Ok(Tenant {
            tax_rules: by_tenant.remove(&row.tenant).unwrap_or_default(),
            id: row
                .tenant
                .parse()
                .map_err(|_| AppError::Fault(format!("a row of tenant {:?}", row.tenant)))?,
            display_name: row.display_name,
            country: row.country,
            time_zone: row.time_zone,
            sandbox: row.sandbox,
            invoices_hidden: row.invoices_hidden,
            overpayment_refused: row.overpayment_refused,
            business: business(&row.business)?,
            dunning: Dunning {
                suspend_after_days: row
                    .suspend_after_days
                    .and_then(|days| u16::try_from(days).ok()),
                reminder_days: numbers(&row.reminder_days)?,
            },
            transfer_tolerances: figures(&row.transfer_tolerances)?,
            approval_limits: figures(&row.approval_limits)?,
            payment_notice: PaymentNotice::named(&row.payment_notice)
                .ok_or_else(|| unknown("payment notice", &row.payment_notice))?,
            bank_automation: Automation::named(&row.bank_automation)
                .ok_or_else(|| unknown("bank automation", &row.bank_automation))?,
            call_limits: limits((
                row.caller_calls_per_second,
                row.customer_calls_per_second,
                row.tenant_calls_per_second,
            )),
            suspended: row.suspended,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    };
    rows.into_iter().map(tenant).collect()
}

/// One tenant, its row locked where the connection is a write transaction.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<Tenant>, AppError> {
    let row = Entity::find_by_id(tenant.to_string()).lock_exclusive().one(conn).await?;
    Ok(with_rules(conn, row.into_iter().collect()).await?.pop())
}

/// One tenant, kept from changing until the write transaction ends.
pub async fn hold<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<Tenant>, AppError> {
    let row = Entity::find_by_id(tenant.to_string()).lock_shared().one(conn).await?;
    Ok(with_rules(conn, row.into_iter().collect()).await?.pop())
}

/// One tenant.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<Tenant>, AppError> {
    let row = Entity::find_by_id(tenant.to_string()).one(conn).await?;
    Ok(with_rules(conn, row.into_iter().collect()).await?.pop())
}

/// The tenants of these slugs, in their order.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    slugs: &[String],
) -> Result<Vec<Tenant>, AppError> {
    let rows = Entity::find()
        .filter(Column::Tenant.is_in(slugs.to_vec()))
        .order_by_asc(Column::Tenant)
        .limit(1_000)
        .all(conn)
        .await?;
    with_rules(conn, rows).await
}

/// When a tenant's open invoices are reminded.
pub async fn reminder_days<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Vec<i16>, AppError> {
    let row = Entity::find_by_id(tenant.to_string()).one(conn).await?;
    row.filter(|row| !row.invoices_hidden).map_or(Ok(Vec::new()), |row| numbers(&row.reminder_days))
}

fn row(tenant: &Tenant) -> Result<ActiveModel, AppError> {
    Ok(ActiveModel {
        tenant: Set(tenant.id.to_string()),
        display_name: Set(tenant.display_name.clone()),
        country: Set(tenant.country.clone()),
        time_zone: Set(tenant.time_zone.clone()),
        sandbox: Set(tenant.sandbox),
        invoices_hidden: Set(tenant.invoices_hidden),
        overpayment_refused: Set(tenant.overpayment_refused),
        business: Set(business_text(&tenant.business)?),
        reminder_days: Set(numbers_text(&tenant.dunning.reminder_days)),
        suspend_after_days: Set(tenant.dunning.suspend_after_days.map(i64::from)),
        transfer_tolerances: Set(figures_text(&tenant.transfer_tolerances)?),
        approval_limits: Set(figures_text(&tenant.approval_limits)?),
        payment_notice: Set(tenant.payment_notice.name().to_owned()),
        bank_automation: Set(tenant.bank_automation.name().to_owned()),
        caller_calls_per_second: Set(tenant.call_limits.caller.map(i64::from)),
        customer_calls_per_second: Set(tenant.call_limits.customer.map(i64::from)),
        tenant_calls_per_second: Set(tenant.call_limits.tenant.map(i64::from)),
        suspended: Set(tenant.suspended),
        version: Set(tenant.version),
        created_at: Set(tenant.created_at),
        updated_at: Set(tenant.updated_at),
    })
}

/// Inserts a new tenant's row. Of two registrations of one slug the second fails here, and finds
/// the first when it is tried again.
pub async fn insert<C: ConnectionTrait>(conn: &C, tenant: &Tenant) -> Result<(), AppError> {
    Entity::insert(row(tenant)?).exec_without_returning(conn).await?;
    Ok(())
}

/// Inserts or updates a tenant with its rules.
pub async fn save<C: ConnectionTrait>(conn: &C, tenant: &Tenant) -> Result<(), AppError> {
    let changing = [
        Column::DisplayName,
        Column::TimeZone,
        Column::InvoicesHidden,
        Column::OverpaymentRefused,
        Column::PaymentNotice,
        Column::BankAutomation,
        Column::Business,
        Column::SuspendAfterDays,
        Column::ReminderDays,
        Column::TransferTolerances,
        Column::ApprovalLimits,
        Column::CallerCallsPerSecond,
        Column::CustomerCallsPerSecond,
        Column::TenantCallsPerSecond,
        Column::Suspended,
        Column::Version,
        Column::UpdatedAt,
    ];
    let upsert = OnConflict::column(Column::Tenant).update_columns(changing).to_owned();
    Entity::insert(row(tenant)?).on_conflict(upsert).exec_without_returning(conn).await?;
    rules::Entity::delete_many()
        .filter(rules::Column::Tenant.eq(tenant.id.as_str()))
        .exec(conn)
        .await?;
    if tenant.tax_rules.is_empty() {
        return Ok(());
    }
    let rows = tenant.tax_rules.iter().map(|rule| rules::ActiveModel {
        tenant: Set(tenant.id.to_string()),
        country: Set(rule.country.clone()),
        rate_millionths: Set(millionths(rule.rate_percent)),
        sentence: Set(rule.sentence.clone()),
        category: Set(rule.category.clone()),
        with_tax_id: Set(rule.with_tax_id),
    });
    rules::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}
