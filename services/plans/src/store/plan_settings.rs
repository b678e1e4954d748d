//! Table `plan_settings`.

use payterms_chassis::{
    AppError,
    columns::{amount, amounts_text, unknown},
};
use payterms_kernel::{Money, TenantId};
use payterms_plans_domain::{
    Consequence, Kind, PlanSettings,
    settings::{ApprovalBand, RefusalBand},
};
use sea_orm::{ActiveValue::Set, Iterable, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "plan_settings")]
/// A row. Lists are words with a blank between; an amount is `CODE:millionths`. A band is its
/// numbers, then its amounts; empty: none.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    allowed: bool,
    kinds: String,
    max_instalments: i64,
    max_days: i64,
    min_instalments: String,
    lead_days: i64,
    answer_days: i64,
    grace_days: i64,
    consequence: String,
    max_proposals: i64,
    approval_band: String,
    refusal_band: String,
    version: i64,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn kind(word: &str) -> Result<Kind, AppError> {
    Kind::named(word).ok_or_else(|| unknown("kind", word))
}

fn amounts(words: &[&str]) -> Result<Vec<Money>, AppError> {
    words.iter().map(|word| amount(word)).collect()
}

fn number(word: &str) -> Result<u32, AppError> {
    word.parse().map_err(|_| unknown("number", word))
}

fn approval_band(text: &str) -> Result<Option<ApprovalBand>, AppError> {
    let words: Vec<_> = text.split_whitespace().collect();
    let [instalments, days, rest @ ..] = words.as_slice() else { return Ok(None) };
    Ok(Some(ApprovalBand {
        amounts: amounts(rest)?,
        max_instalments: number(instalments)?,
        max_days: number(days)?,
    }))
}

fn refusal_band(text: &str) -> Result<Option<RefusalBand>, AppError> {
    let words: Vec<_> = text.split_whitespace().collect();
    let [days, rest @ ..] = words.as_slice() else { return Ok(None) };
    Ok(Some(RefusalBand { amounts: amounts(rest)?, days_after_breach: number(days)? }))
}

fn settings(row: &Model) -> Result<PlanSettings, AppError> {
    let small = |number: i64| u32::try_from(number).unwrap_or_default();
    let consequence = Consequence::named(&row.consequence);
    Ok(PlanSettings {
        allowed: row.allowed,
        kinds: row.kinds.split_whitespace().map(kind).collect::<Result<_, _>>()?,
        max_instalments: small(row.max_instalments),
        max_days: small(row.max_days),
        min_instalments: row
            .min_instalments
            .split_whitespace()
            .map(amount)
            .collect::<Result<_, _>>()?,
        lead_days: small(row.lead_days),
        answer_days: small(row.answer_days),
        grace_days: small(row.grace_days),
        consequence: consequence.ok_or_else(|| unknown("consequence", &row.consequence))?,
        max_proposals: small(row.max_proposals),
        approval_band: approval_band(&row.approval_band)?,
        refusal_band: refusal_band(&row.refusal_band)?,
        version: row.version,
    })
}

/// The settings of a tenant; the defaults if it never saved any.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<PlanSettings, AppError> {
    let row = Entity::find_by_id(tenant.to_string()).one(conn).await?;
    row.as_ref().map_or_else(|| Ok(PlanSettings::fresh()), settings)
}

/// Locks the settings of a tenant. The row is inserted if it is missing, because there would be
/// nothing to lock.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<PlanSettings, AppError> {
    let keep = OnConflict::column(Column::Tenant).update_column(Column::Tenant).to_owned();
    Entity::insert(row(tenant, &PlanSettings::fresh()))
        .on_conflict(keep)
        .exec_without_returning(conn)
        .await?;
    let row = Entity::find_by_id(tenant.to_string()).lock_exclusive().one(conn).await?;
    row.as_ref().map_or_else(|| Ok(PlanSettings::fresh()), settings)
}

fn row(tenant: &TenantId, settings: &PlanSettings) -> ActiveModel {
    let approval = settings.approval_band.as_ref().map(|band| {
        format!("{} {} {}", band.max_instalments, band.max_days, amounts_text(&band.amounts))
    });
    let refusal = settings
        .refusal_band
        .as_ref()
        .map(|band| format!("{} {}", band.days_after_breach, amounts_text(&band.amounts)));
    ActiveModel {
        tenant: Set(tenant.to_string()),
        allowed: Set(settings.allowed),
        kinds: Set(settings.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ")),
        max_instalments: Set(settings.max_instalments.into()),
        max_days: Set(settings.max_days.into()),
        min_instalments: Set(amounts_text(&settings.min_instalments)),
        lead_days: Set(settings.lead_days.into()),
        answer_days: Set(settings.answer_days.into()),
        grace_days: Set(settings.grace_days.into()),
        consequence: Set(settings.consequence.name().to_owned()),
        max_proposals: Set(settings.max_proposals.into()),
        approval_band: Set(approval.unwrap_or_default()),
        refusal_band: Set(refusal.unwrap_or_default()),
        version: Set(settings.version),
    }
}

/// Saves the settings of a tenant.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    settings: &PlanSettings,
) -> Result<(), AppError> {
    let changing = Column::iter().filter(|column| !matches!(column, Column::Tenant));
    let upsert = OnConflict::column(Column::Tenant).update_columns(changing).to_owned();
    Entity::insert(row(tenant, settings)).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
