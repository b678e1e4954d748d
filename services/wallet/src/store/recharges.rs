//! Table `auto_recharges`.

use super::money;
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, rows, sql};
use payterms_kernel::{Id, Money, TenantId, ladder::Ladder};
use payterms_wallet_domain::{
    AutoRecharge, Customer, Wallet,
    recharge::{Rules, Then},
};
use sea_orm::{
    ActiveValue::Set,
    Iterable,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};
use std::collections::{BTreeMap, HashMap};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auto_recharges")]
/// A row; it is read and written under the lock of its wallet.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    wallet_id: Uuid,
    currency: String,
    threshold: Option<i64>,
    threshold_amount: Option<i64>,
    threshold_up_to: Option<i64>,
    month_end_amount: Option<i64>,
    monthly_ceiling: Option<i64>,
    repair_negative: bool,
    month_end_marked: bool,
    for_month_end: bool,
    open_top_up_id: Option<Uuid>,
    failure_reason: String,
    version: i64,
    failed_attempts: i64,
    first_failed_at: Option<ChronoDateTimeUtc>,
    retry_at: Option<ChronoDateTimeUtc>,
    paused_until: Option<ChronoDateTimeUtc>,
    ceiling_told_until: Option<ChronoDateTimeUtc>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn recharge(row: &Model) -> Result<AutoRecharge, AppError> {
    let figure =
        |micros: Option<i64>| micros.map(|micros| money(&row.currency, micros)).transpose();
    let then = match (figure(row.threshold_amount)?, figure(row.threshold_up_to)?) {
        (Some(amount), _) => Some(Then::Amount(amount)),
        (None, target) => target.map(Then::UpTo),
    };
    Ok(AutoRecharge {
        rules: Rules {
            threshold: figure(row.threshold)?.zip(then),
            month_end: figure(row.month_end_amount)?,
            repair_negative: row.repair_negative,
            ceiling: figure(row.monthly_ceiling)?,
        },
        month_end_marked: row.month_end_marked,
        for_month_end: row.for_month_end,
        open: row.open_top_up_id.map(Id::from_uuid),
        failure: row.failure_reason.clone(),
        ladder: Ladder {
            attempts: u32::try_from(row.failed_attempts).unwrap_or_default(),
            first_failed_at: row.first_failed_at,
            next_is_last: false,
        },
        retry_at: row.retry_at,
        paused_until: row.paused_until,
        ceiling_told_until: row.ceiling_told_until,
        version: row.version,
    })
}

/// The rules of wallets, by wallet; those without any are left out.
pub async fn of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallets: &[Id<Wallet>],
) -> Result<HashMap<Id<Wallet>, AutoRecharge>, AppError> {
    let ids: Vec<_> = wallets.iter().map(|id| id.uuid()).collect();
    let (among, ids) = rows::among(conn, "wallet_id", 2, &ids);
    let select = format!("SELECT * FROM auto_recharges WHERE tenant = $1 AND {among}");
    let rows =
        Entity::find().from_raw_sql(rows::of_tenant(conn, &select, tenant, ids)).all(conn).await?;
    rows.iter().map(|row| Ok((Id::from_uuid(row.wallet_id), recharge(row)?))).collect()
}

/// The wallets of a customer that have rules, in the order of their ids.
pub async fn wallets_of_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Vec<Id<Wallet>>, AppError> {
    let select = "SELECT a.wallet_id FROM auto_recharges a JOIN wallets w ON w.tenant = a.tenant AND w.id = a.wallet_id \
                  WHERE a.tenant = $1 AND w.customer_id = $2 ORDER BY a.wallet_id";
    let rows = sql::all(conn, select, vec![tenant.as_str().into(), customer.uuid().into()]).await?;
    rows.iter().map(|row| Ok(Id::from_uuid(row.try_get("", "wallet_id")?))).collect()
}

/// The rules of one wallet; a wallet without a row has empty rules.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
) -> Result<AutoRecharge, AppError> {
    Ok(of(conn, tenant, &[wallet]).await?.remove(&wallet).unwrap_or_default())
}

/// Moves retries from one instant to another.
pub async fn move_retries<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    moves: &[(Uuid, DateTime<Utc>, DateTime<Utc>)],
) -> Result<(), AppError> {
    let mut together: BTreeMap<_, Vec<Uuid>> = BTreeMap::new();
    for (wallet, from, to) in moves {
        together.entry((*from, *to)).or_default().push(*wallet);
    }
    for ((from, to), wallets) in together {
        let update = Entity::update_many().col_expr(Column::RetryAt, Expr::value(to));
        let waiting =
            update.filter(Column::Tenant.eq(tenant.as_str())).filter(Column::RetryAt.eq(from));
        waiting.filter(Column::WalletId.is_in(wallets)).exec(conn).await?;
    }
    Ok(())
}

/// Saves the rules of a wallet and their state.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: &Wallet,
    recharge: &AutoRecharge,
) -> Result<(), AppError> {
    let rules = &recharge.rules;
    let (amount, up_to) = match rules.threshold.map(|(_, then)| then) {
        Some(Then::Amount(amount)) => (Some(amount), None),
        Some(Then::UpTo(target)) => (None, Some(target)),
        None => (None, None),
    };
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        wallet_id: Set(wallet.id.uuid()),
        currency: Set(wallet.currency.code().to_owned()),
        threshold: Set(rules.threshold.map(|(below, _)| below.micros())),
        threshold_amount: Set(amount.map(Money::micros)),
        threshold_up_to: Set(up_to.map(Money::micros)),
        month_end_amount: Set(rules.month_end.map(Money::micros)),
        monthly_ceiling: Set(rules.ceiling.map(Money::micros)),
        repair_negative: Set(rules.repair_negative),
        month_end_marked: Set(recharge.month_end_marked),
        for_month_end: Set(recharge.for_month_end),
        open_top_up_id: Set(recharge.open.map(Id::uuid)),
        failure_reason: Set(recharge.failure.clone()),
        version: Set(recharge.version),
        ceiling_told_until: Set(recharge.ceiling_told_until),
        failed_attempts: Set(recharge.ladder.attempts.into()),
        first_failed_at: Set(recharge.ladder.first_failed_at),
        retry_at: Set(recharge.retry_at),
        paused_until: Set(recharge.paused_until),
    };
    let changing =
        Column::iter().filter(|column| !matches!(column, Column::Tenant | Column::WalletId));
    let upsert =
        OnConflict::columns([Column::Tenant, Column::WalletId]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
