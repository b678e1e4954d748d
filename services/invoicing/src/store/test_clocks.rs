//! Table `test_clocks`.

use payterms_chassis::AppError;
use payterms_invoicing_domain::{ClockState, TestClock};
use payterms_kernel::TenantId;
use sea_orm::{ActiveValue::Set, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "test_clocks")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    now_at: ChronoDateTimeUtc,
    target_at: ChronoDateTimeUtc,
    seed: Vec<u8>,
    state: String,
    run_id: String,
    round: i64,
    stuck_rows: String,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn clock(row: Model) -> Result<TestClock, AppError> {
    let state = ClockState::named(&row.state);
    Ok(TestClock {
        now: row.now_at,
        target: row.target_at,
        seed: row.seed,
        state: state.ok_or_else(|| AppError::Fault(format!("a clock that is {:?}", row.state)))?,
        run_id: row.run_id,
        round: row.round,
        stuck_rows: row.stuck_rows.lines().map(str::to_owned).collect(),
    })
}

/// The clock of a tenant, its row locked where the connection is a write transaction.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<TestClock>, AppError> {
    Entity::find_by_id(tenant.to_string()).lock_exclusive().one(conn).await?.map(clock).transpose()
}

/// The clock of a tenant.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<TestClock>, AppError> {
    Entity::find_by_id(tenant.to_string()).one(conn).await?.map(clock).transpose()
}

/// Inserts or updates the clock of a tenant.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    clock: &TestClock,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        now_at: Set(clock.now),
        target_at: Set(clock.target),
        seed: Set(clock.seed.clone()),
        state: Set(clock.state.name().to_owned()),
        run_id: Set(clock.run_id.clone()),
        round: Set(clock.round),
        stuck_rows: Set(clock.stuck_rows.join("\n")),
    };
    let changing = [
        Column::NowAt,
        Column::TargetAt,
        Column::State,
        Column::RunId,
        Column::Round,
        Column::StuckRows,
    ];
    let upsert = OnConflict::column(Column::Tenant).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
