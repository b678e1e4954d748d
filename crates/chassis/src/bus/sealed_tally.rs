//! Counts the sealed values of a service by what the process can do with their keys, for a metric:
//! whether a key that was replaced is still needed, or one is missing. Each value says its key only
//! in its first bytes, so all are looked at; a little at a time, and one round an hour.

use crate::{
    bus::sealed::{SealedTable, key_of},
    db::{Db, sql, tenants},
    wire::error::AppError,
};
use payterms_kernel::TenantId;
use payterms_proto::common::v1::sealed_values::KeyState;
use sea_orm::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// Tenants that are asked for in one query whether anything of them is sealed.
const TENANTS: u64 = 100;
/// Rows that are looked at in one query.
const ROWS: i64 = 200;
/// How long one call counts.
const BUDGET: Duration = Duration::from_millis(500);

/// Values by the state of their key.
pub(crate) type Counts = BTreeMap<KeyState, i64>;

/// Goes through all sealed values, again and again.
pub(crate) struct SealedTally {
    tables: Arc<[SealedTable]>,
    every: Duration,
    due: Instant,
    round: Round,
}

/// How far a round has come.
struct Round {
    /// The number of the table.
    table: usize,
    /// The last tenant that was asked for.
    after: String,
    /// Tenants of whom something is sealed, and the last row of the first of them that was looked
    /// at.
    tenants: VecDeque<TenantId>,
    row: String,
    counts: Counts,
}

impl Default for Round {
    fn default() -> Self {
        let counts = [KeyState::Seals, KeyState::Opens, KeyState::Missing]
            .into_iter()
            .map(|state| (state, 0))
            .collect();
        Self {
            table: 0,
            after: String::new(),
            tenants: VecDeque::new(),
            row: String::new(),
            counts,
        }
    }
}

impl SealedTally {
    /// A tally of these tables whose first round is due now.
    pub(crate) fn new(tables: Arc<[SealedTable]>, every: Duration) -> Self {
        Self { tables, every, due: Instant::now(), round: Round::default() }
    }

    /// Begins anew: what was counted so far may be another replica's by now.
    pub(crate) fn reset(&mut self) {
        (self.due, self.round) = (Instant::now(), Round::default());
    }

    /// Counts for a while, if a round is due. The counts, where that is its end.
    pub(crate) async fn resume(&mut self, db: &Db) -> Result<Option<Counts>, AppError> {
        let until = Instant::now() + BUDGET;
        if Instant::now() < self.due {
            return Ok(None);
        }
        while let Some(table) = self.tables.get(self.round.table) {
            self.round.step(db, table).await?;
            if Instant::now() >= until {
                return Ok(None);
            }
        }
        self.due = Instant::now() + self.every;
        Ok(Some(std::mem::take(&mut self.round).counts))
    }
}

impl Round {
    /// Looks at the next rows of a tenant, or for the next tenants.
    async fn step(&mut self, db: &Db, table: &SealedTable) -> Result<(), AppError> {
        let Some(tenant) = self.tenants.front() else {
            let page = tenants::list(db, &self.after, TENANTS).await?;
            if let Some(last) = page.last() {
                self.after.clone_from(last);
                self.tenants = of_whom_something_is_sealed(db, table, &page).await?;
            } else {
                (self.table, self.after) = (self.table.saturating_add(1), String::new());
            }
            return Ok(());
        };
        let rows = (table.list)(&db.read(tenant).await?, tenant, &self.row, ROWS).await?;
        for value in rows.iter().flat_map(|row| &row.values) {
            let count = self.counts.entry(key_of(table, value).0).or_default();
            *count = count.saturating_add(1);
        }
        match rows.last() {
            Some(last) if i64::try_from(rows.len()).unwrap_or(ROWS) >= ROWS => {
                self.row.clone_from(&last.key);
            }
            _ => {
                self.row.clear();
                self.tenants.pop_front();
            }
        }
        Ok(())
    }
}

async fn of_whom_something_is_sealed(
    db: &Db,
    table: &SealedTable,
    tenants: &[String],
) -> Result<VecDeque<TenantId>, AppError> {
    let names: Vec<_> = tenants.iter().map(String::as_str).collect();
    let marks: Vec<_> = (1..=names.len()).map(|number| format!("${number}")).collect();
    let select = format!(
        "SELECT DISTINCT tenant FROM {} WHERE tenant IN ({}) AND {}",
        table.name,
        marks.join(", "),
        table.holds
    );
    let values = names.iter().map(|name| Value::from(*name)).collect();
    let rows = sql::all(&db.read_all(&names).await?, &select, values).await?;
    let tenant = |row: &sea_orm::QueryResult| {
        let name: String = row.try_get("", "tenant")?;
        name.parse().map_err(|_| AppError::Fault(format!("a tenant {name:?}")))
    };
    rows.iter().map(tenant).collect()
}
