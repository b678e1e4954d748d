//! Rules over the rows of a service: what must always hold, each written once as a query for the
//! rows that break it. `Check` runs them piece by piece on a live database, and tests run them over
//! everything after they have done their worst.

use crate::db::sql;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, RuntimeErr, Value, sqlx::error::DatabaseError};
use uuid::Uuid;

/// Something that must hold.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The invariant that it belongs to, such as `I2` (docs/operating.md#invariants).
    pub invariant: &'static str,
    /// What must hold, in a sentence.
    pub sentence: &'static str,
    /// What the query's subjects are, such as `wallet`.
    pub subject: &'static str,
    /// How its rows are gone through; none: all of a tenant at once, for what cannot be cut.
    pub pieces: Option<Pieces>,
    /// The query: columns `tenant` and `subject` of what breaks it, of the tenants `{tenants}`,
    /// with keys above `$1` up to `$2`.
    pub broken: &'static str,
}

/// How the rows of a table are gone through, so that no statement is long.
#[derive(Debug, Clone, Copy)]
pub struct Pieces {
    /// The table.
    pub table: &'static str,
    /// The column by which it is cut. An index begins with it, or with tenant and it.
    pub key: &'static str,
    /// What the column holds.
    pub kind: Key,
    /// Rows of the table in a piece.
    pub rows: i64,
    /// Whether the index begins with the key on PostgreSQL: then many tenants are looked through
    /// together, since each of them would read over the rows of the others.
    pub key_first: bool,
}

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A UUID.
    Uuid,
    /// A number above 0.
    Number,
}

impl Key {
    /// What is before all keys.
    #[must_use]
    pub fn before_all(self) -> String {
        match self {
            Self::Uuid => Uuid::nil().to_string(),
            Self::Number => "0".to_owned(),
        }
    }

    /// What no key is above.
    #[must_use]
    pub fn last(self) -> String {
        match self {
            Self::Uuid => Uuid::max().to_string(),
            Self::Number => i64::MAX.to_string(),
        }
    }

    fn value(self, text: &str) -> Value {
        match self {
            Self::Uuid => text.parse::<Uuid>().unwrap_or_default().into(),
            Self::Number => text.parse::<i64>().unwrap_or_default().into(),
        }
    }

    fn read(self, row: &QueryResult) -> Result<String, DbErr> {
        match self {
            Self::Uuid => row.try_get::<Uuid>("", "key").map(|id| id.to_string()),
            Self::Number => row.try_get::<i64>("", "key").map(|number| number.to_string()),
        }
    }
}

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The tenant whose it is.
    pub tenant: String,
    /// What it is, such as `wallet 0199…`.
    pub subject: String,
}

impl Rule {
    /// The keys of the whole of its table.
    #[must_use]
    pub fn all_keys(&self) -> (String, String) {
        let kind = self.pieces.map_or(Key::Uuid, |pieces| pieces.kind);
        (kind.before_all(), kind.last())
    }

    /// The last key of the piece that begins after `after`; that of the last piece is the last of
    /// all.
    pub(crate) async fn piece_end<C: ConnectionTrait>(
        &self,
        conn: &C,
        tenants: &[String],
        after: &str,
        rows: i64,
    ) -> Result<String, DbErr> {
        let Some(pieces) = self.pieces else { return Ok(Key::Uuid.last()) };
        let select = format!(
            "SELECT {key} AS key FROM {table} WHERE tenant {among} AND {key} > $1 ORDER BY {key} LIMIT 1 OFFSET {before}",
            key = pieces.key,
            table = pieces.table,
            among = among(tenants, 2),
            before = rows.saturating_sub(1)
        );
        let values = std::iter::once(pieces.kind.value(after))
            .chain(tenants.iter().map(|tenant| tenant.as_str().into()))
            .collect();
        let row = sql::one(conn, &select, values).await?;
        row.map_or_else(|| Ok(pieces.kind.last()), |row| pieces.kind.read(&row))
    }

    /// What breaks it among the rows of these tenants with keys above `after` up to `until`.
    pub async fn broken_in<C: ConnectionTrait>(
        &self,
        conn: &C,
        tenants: &[String],
        after: &str,
        until: &str,
    ) -> Result<Vec<Broken>, DbErr> {
        let mut values: Vec<Value> = match self.pieces {
            Some(pieces) => vec![pieces.kind.value(after), pieces.kind.value(until)],
            None => Vec::new(),
        };
        let select =
            self.broken.replace("IN ({tenants})", &among(tenants, values.len().saturating_add(1)));
        values.extend(tenants.iter().map(|tenant| Value::from(tenant.as_str())));
        let rows = sql::all(conn, &select, values).await?;
        let broken = |row: &QueryResult| {
            // An id is a UUID on both databases; everything else that rules name is text.
            let subject = row.try_get::<Uuid>("", "subject").map(|id| id.to_string());
            let subject = subject.or_else(|_| row.try_get::<String>("", "subject"))?;
            Ok(Broken {
                tenant: row.try_get("", "tenant")?,
                subject: format!("{} {subject}", self.subject),
            })
        };
        rows.iter().map(broken).collect()
    }
}

/// The condition for these tenants, whose values are bound from `first` on. One is compared
/// plainly: an index on tenant and key is then read in order.
fn among(tenants: &[String], first: usize) -> String {
    let marks: Vec<_> =
        (first..first.saturating_add(tenants.len())).map(|number| format!("${number}")).collect();
    match marks.as_slice() {
        [only] => format!("= {only}"),
        all => format!("IN ({})", all.join(", ")),
    }
}

/// Whether the server ended a statement because it took too long.
pub(crate) fn took_too_long(error: &DbErr) -> bool {
    let (DbErr::Query(RuntimeErr::SqlxError(cause)) | DbErr::Exec(RuntimeErr::SqlxError(cause))) =
        error
    else {
        return false;
    };
    cause.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "57014")
}

/// Rules over the tables that every service has.
pub const COMMON: &[Rule] = &[
    Rule {
        invariant: "I24",
        sentence: "The events of an aggregate have versions without a gap.",
        subject: "aggregate",
        pieces: Some(OUTBOX),
        // Deleting takes the oldest rows, so within a piece the versions go on from one to the
        // next; after a restore they begin anew, 2^32 higher.
        broken: "SELECT o.tenant, o.aggregate_type || '/' || o.aggregate_id AS subject FROM outbox o WHERE o.tenant IN ({tenants}) \
                 AND o.id > $1 AND o.id <= $2 AND NOT o.snapshot \
                 GROUP BY o.tenant, o.aggregate_type, o.aggregate_id, o.version / 4294967296 \
                 HAVING count(*) <> max(o.version) - min(o.version) + 1",
    },
    Rule {
        invariant: "I24",
        sentence: "No event is ahead of its aggregate.",
        subject: "event",
        pieces: Some(OUTBOX),
        broken: "SELECT o.tenant, o.event_id AS subject FROM outbox o LEFT JOIN aggregate_heads h ON h.tenant = o.tenant \
                 AND h.aggregate_type = o.aggregate_type AND h.aggregate_id = o.aggregate_id WHERE o.tenant IN ({tenants}) \
                 AND o.id > $1 AND o.id <= $2 AND (h.version IS NULL OR o.version > h.version)",
    },
    Rule {
        invariant: "I24",
        sentence: "What was applied of another service's aggregate is not ahead of what is remembered as applied.",
        subject: "event",
        pieces: Some(Pieces {
            table: "inbox",
            key: "event_id",
            kind: Key::Uuid,
            rows: 2_000,
            key_first: true,
        }),
        broken: "SELECT i.tenant, i.event_id AS subject FROM inbox i LEFT JOIN inbox_heads h ON h.tenant = i.tenant \
                 AND h.aggregate_type = i.aggregate_type AND h.aggregate_id = i.aggregate_id AND h.source = i.source \
                 WHERE i.tenant IN ({tenants}) AND i.event_id > $1 AND i.event_id <= $2 AND i.held IS NULL \
                 AND (h.version IS NULL OR i.version > h.version)",
    },
    Rule {
        invariant: "I36",
        sentence: "Each change has its audit row.",
        subject: "event",
        pieces: Some(OUTBOX),
        // Debits and uses are their own audit rows, and share one event a batch.
        broken: "SELECT o.tenant, o.event_id AS subject FROM outbox o LEFT JOIN audit a ON a.tenant = o.tenant AND a.id = o.event_id \
                 WHERE o.tenant IN ({tenants}) AND o.id > $1 AND o.id <= $2 AND NOT o.snapshot AND o.aggregate_type <> 'postings' \
                 AND a.id IS NULL",
    },
    Rule {
        invariant: "I36",
        sentence: "A request without an answer has an open flow, or was refused.",
        subject: "request",
        pieces: Some(REQUESTS),
        broken: "SELECT r.tenant, r.request_id AS subject FROM requests r WHERE r.tenant IN ({tenants}) AND r.request_id > $1 \
                 AND r.request_id <= $2 AND r.answer IS NULL AND r.refused IS NULL AND NOT EXISTS (SELECT 1 FROM intent_lease l \
                 WHERE l.tenant = r.tenant AND l.intent_id = r.intent_id)",
    },
];

/// Events in the order in which they were written.
const OUTBOX: Pieces =
    Pieces { table: "outbox", key: "id", kind: Key::Number, rows: 5_000, key_first: true };
/// Stored requests.
pub const REQUESTS: Pieces =
    Pieces { table: "requests", key: "request_id", kind: Key::Uuid, rows: 2_000, key_first: true };

#[cfg(test)]
mod tests {
    use super::{COMMON, among};

    #[test]
    fn one_tenant_is_compared_plainly() {
        assert_eq!(among(&["a".to_owned()], 3), "= $3");
        assert_eq!(among(&["a".to_owned(), "b".to_owned()], 1), "IN ($1, $2)");
    }

    #[test]
    fn rules_are_of_the_tenants_and_keys_that_they_are_given() {
        for rule in COMMON {
            assert!(
                rule.broken.contains("tenant IN ({tenants})") && rule.broken.contains("AS subject"),
                "{}",
                rule.sentence
            );
            assert_eq!(rule.broken.contains("$2"), rule.pieces.is_some(), "{}", rule.sentence);
        }
    }
}
