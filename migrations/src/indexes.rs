//! Indexes that later versions add to tables which installations have filled. On PostgreSQL they
//! are built beside the calls that write, after the migration and outside of its transaction: a
//! `CREATE INDEX` within it would hold up every write for as long as it reads the table. No service
//! waits for them, so they may make queries fast and nothing else: a unique one belongs to its
//! table's step.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use std::time::Duration;

/// An index of a table that earlier versions have made.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    /// The service whose table it is.
    pub service: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its table and columns, and its condition:
    /// `outbox (tenant, position) WHERE position IS NOT NULL`.
    pub on: &'static str,
}

/// All of them. What is here once stays.
pub const INDEXES: &[Index] = &[
    // Lists by the last change (docs/lists.md).
    Index { service: "credit", name: "draws_by_update", on: "draws (tenant, updated_at, id)" },
    Index {
        service: "wallet",
        name: "disputes_by_update",
        on: "disputes (tenant, updated_at, id)",
    },
    Index {
        service: "invoicing",
        name: "transfer_refunds_by_update",
        on: "transfer_refunds (tenant, updated_at, id)",
    },
    // What moved in a period that is reconciled with a payment provider.
    Index {
        service: "wallet",
        name: "stripe_intents_by_time",
        on: "stripe_intents (tenant, first_asked_at)",
    },
    Index { service: "wallet", name: "refunds_by_update", on: "refunds (tenant, updated_at)" },
    Index {
        service: "wallet",
        name: "top_up_refunds_by_update",
        on: "top_up_refunds (tenant, updated_at)",
    },
];

/// The number of the last steps that may make an index of a table in use themselves: those from
/// before this list.
const LAST_WITHIN: u32 = 29;
/// How long to wait before it is looked again whether somebody else has built an index.
const PAUSE: Duration = Duration::from_millis(500);

/// Refuses a step that would hold up the writers of a table in use while it builds an index.
///
/// # Errors
/// A sentence that names the step.
pub(crate) fn check(step: &str, statement: &str) -> Result<(), DbErr> {
    let number =
        step.split('_').nth(1).and_then(|number| number.parse::<u32>().ok()).unwrap_or_default();
    let builds = statement.trim_start().starts_with("CREATE INDEX");
    if builds && number > LAST_WITHIN {
        let sentence = format!(
            "{step}: an index of a table in use is built beside its writers; name it in migrations/src/indexes.rs"
        );
        return Err(DbErr::Custom(sentence));
    }
    Ok(())
}

/// Builds the indexes of a service that are missing. Several runs at once build each once, and what
/// a killed one left is built anew.
///
/// # Errors
/// The error of the statement that failed.
pub async fn build(
    db: &DatabaseConnection,
    service: &str,
    indexes: &[Index],
    postgres: bool,
) -> Result<(), DbErr> {
    for index in indexes.iter().filter(|index| index.service == service) {
        if postgres {
            build_beside_writers(db, index).await?;
        } else {
            db.execute_unprepared(&format!(
                "CREATE INDEX IF NOT EXISTS {} ON {}",
                index.name, index.on
            ))
            .await?;
        }
    }
    Ok(())
}

/// What has become of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Missing,
    /// Somebody builds it now.
    UnderWay,
    /// Somebody began to build it, and was killed.
    Left,
    Built,
}

async fn build_beside_writers(db: &DatabaseConnection, index: &Index) -> Result<(), DbErr> {
    let Index { service, name, on } = index;
    loop {
        let built = match state(db, index).await? {
            State::Built => return Ok(()),
            State::UnderWay => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            State::Left => {
                db.execute_unprepared(&format!(
                    "DROP INDEX CONCURRENTLY IF EXISTS {service}.{name}"
                ))
                .await
            }
            State::Missing => {
                db.execute_unprepared(&format!(
                    "CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {service}.{on}"
                ))
                .await
            }
        };
        if let Err(error) = built
            && state(db, index).await? == State::Missing
        {
            return Err(error);
        }
    }
}

async fn state(db: &DatabaseConnection, index: &Index) -> Result<State, DbErr> {
    let select = "SELECT i.indisvalid AS built, EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p \
                  WHERE p.index_relid = c.oid) AS under_way FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
                  ON n.oid = c.relnamespace JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE n.nspname = $1 AND c.relname = $2";
    let select = Statement::from_sql_and_values(
        db.get_database_backend(),
        select,
        [index.service.into(), index.name.into()],
    );
    let Some(row) = db.query_one_raw(select).await? else { return Ok(State::Missing) };
    Ok(match (row.try_get("", "built")?, row.try_get("", "under_way")?) {
        (true, _) => State::Built,
        (false, true) => State::UnderWay,
        (false, false) => State::Left,
    })
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn only_steps_from_before_build_indexes_within() {
        let builds = "CREATE INDEX outbox_of_tenant ON outbox (tenant)";
        check("wallet_0029_b", builds).unwrap();
        check("wallet_0030_c", "ALTER TABLE wallets ADD COLUMN a text").unwrap();
        assert!(
            check("wallet_0030_c", builds)
                .unwrap_err()
                .to_string()
                .contains("wallet_0030_c: an index of a table in use")
        );
    }
}
