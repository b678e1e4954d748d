//! Many rows in one statement. On PostgreSQL each column is one array parameter, so that the text
//! of the statement, and with it the cached plan, is the same for any number of rows. SQLite has no
//! arrays and gets the rows as VALUES.

use crate::db::sql;
use chrono::{DateTime, Utc};
use payterms_kernel::TenantId;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value, sea_query::ArrayType,
};
use std::fmt::Write;
use uuid::Uuid;

/// Values of one statement on SQLite, whose limit is 32,766.
const SQLITE_VALUES: usize = 30_000;

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The tenant, which is the same in all rows.
    Tenant,
    /// An id.
    Id,
    /// An id, or nothing.
    MaybeId,
    /// A text.
    Text,
    /// A text that is not empty, or nothing.
    MaybeText,
    /// A count, or money in millionths.
    Number,
    /// The same, or nothing.
    MaybeNumber,
    /// Bytes.
    Bytes,
    /// Some bytes, or nothing.
    MaybeBytes,
    /// An instant.
    Time,
    /// An instant, or nothing.
    MaybeTime,
    /// True or false.
    Flag,
}

impl Kind {
    /// The array type of a column, and for a nullable column the value that stands for NULL, bound
    /// and as SQL text: an array that the driver binds cannot hold NULL.
    fn list(self) -> (ArrayType, &'static str, Option<(Value, &'static str)>) {
        match self {
            Self::Id => (ArrayType::Uuid, "uuid", None),
            Self::MaybeId => (
                ArrayType::Uuid,
                "uuid",
                Some((Uuid::nil().into(), "'00000000-0000-0000-0000-000000000000'")),
            ),
            Self::Text | Self::Tenant => (ArrayType::String, "text", None),
            Self::MaybeText => (ArrayType::String, "text", Some(("".into(), "''"))),
            Self::Number => (ArrayType::BigInt, "bigint", None),
            Self::MaybeNumber => {
                (ArrayType::BigInt, "bigint", Some((i64::MIN.into(), "-9223372036854775808")))
            }
            Self::Bytes => (ArrayType::Bytes, "bytea", None),
            Self::MaybeBytes => (ArrayType::Bytes, "bytea", Some((Vec::<u8>::new().into(), "''"))),
            Self::Time => (ArrayType::ChronoDateTimeUtc, "timestamptz", None),
            Self::MaybeTime => (
                ArrayType::ChronoDateTimeUtc,
                "timestamptz",
                Some((DateTime::<Utc>::UNIX_EPOCH.into(), "'1970-01-01 00:00:00+00'")),
            ),
            Self::Flag => (ArrayType::Bool, "boolean", None),
        }
    }
}

/// A column's name and type.
pub type Column = (&'static str, Kind);

/// Rows of a table that are written together.
#[derive(Debug)]
pub struct Rows<const N: usize> {
    columns: [Column; N],
    rows: Vec<[Value; N]>,
}

impl<const N: usize> Rows<N> {
    /// An empty set of rows with these columns.
    #[must_use]
    pub fn new(columns: [Column; N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: [Value; N]) {
        self.rows.push(row);
    }

    /// Inserts the rows and returns how many were written. `conflict` is an `ON CONFLICT` clause or
    /// empty.
    pub async fn insert<C: ConnectionTrait>(
        self,
        conn: &C,
        table: &str,
        conflict: &str,
    ) -> Result<u64, DbErr> {
        let names = self.names();
        self.execute(conn, |rows| format!("INSERT INTO {table} ({names}) {rows} {conflict}")).await
    }

    /// Inserts the rows, or updates the other columns of existing rows with the same first `keys`
    /// columns. Returns how many were written.
    pub async fn upsert<C: ConnectionTrait>(
        self,
        conn: &C,
        table: &str,
        keys: usize,
    ) -> Result<u64, DbErr> {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let (key_names, value_names) = names.split_at(keys.min(names.len()));
        let sets: Vec<_> =
            value_names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let conflict =
            format!("ON CONFLICT ({}) DO UPDATE SET {}", key_names.join(", "), sets.join(", "));
        self.insert(conn, table, &conflict).await
    }

    /// Updates the rows of `table` that match the first `keys` columns with the values of the
    /// others. Returns how many were updated.
    pub async fn update<C: ConnectionTrait>(
        self,
        conn: &C,
        table: &str,
        keys: usize,
    ) -> Result<u64, DbErr> {
        let mut sets = String::new();
        let mut conditions = String::new();
        let names = self.names();
        for (index, (name, _)) in self.columns.iter().enumerate() {
            let (text, separator) =
                if index < keys { (&mut conditions, " AND ") } else { (&mut sets, ", ") };
            let before = if text.is_empty() { "" } else { separator };
            let column = if index < keys { format!("{table}.{name}") } else { (*name).to_owned() };
            let _ = write!(text, "{before}{column} = fresh.{name}");
        }
        self.execute(conn, |rows| format!("WITH fresh ({names}) AS ({rows}) UPDATE {table} SET {sets} FROM fresh WHERE {conditions}")).await
    }

    /// Inserts the rows and returns the result rows of `conflict`, which ends in a `RETURNING`
    /// clause. The caller passes few enough rows for one statement on SQLite.
    pub async fn returning<C: ConnectionTrait>(
        self,
        conn: &C,
        table: &str,
        conflict: &str,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let names = self.names();
        let (rows, values) = if conn.get_database_backend() == DbBackend::Postgres {
            lists(self.columns, self.rows)?
        } else {
            (marks(self.rows.len(), N), self.rows.into_iter().flatten().collect())
        };
        sql::all(conn, &format!("INSERT INTO {table} ({names}) {rows} {conflict}"), values).await
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in the form that PostgreSQL's functions read: a JSON array of objects by column.
    ///
    /// # Errors
    /// `Type` if a value is of none of the types in [`Kind`].
    pub fn json(self) -> Result<serde_json::Value, DbErr> {
        let names = self.columns.map(|(name, _)| name.to_owned());
        let row = |row: [Value; N]| {
            let fields =
                names.iter().cloned().zip(row).map(|(name, value)| Ok((name, json(value)?)));
            fields.collect::<Result<serde_json::Map<_, _>, DbErr>>().map(serde_json::Value::Object)
        };
        self.rows.into_iter().map(row).collect::<Result<Vec<_>, _>>().map(serde_json::Value::Array)
    }

    fn names(&self) -> String {
        self.columns.map(|(name, _)| name).join(", ")
    }

    async fn execute<C: ConnectionTrait>(
        mut self,
        conn: &C,
        statement: impl Fn(&str) -> String,
    ) -> Result<u64, DbErr> {
        if self.rows.is_empty() {
            return Ok(0);
        }
        if conn.get_database_backend() == DbBackend::Postgres {
            let (rows, values) = lists(self.columns, self.rows)?;
            return sql::exec(conn, &statement(&rows), values).await;
        }
        let mut written: u64 = 0;
        let rows_at_once = SQLITE_VALUES.checked_div(N).unwrap_or(1);
        while !self.rows.is_empty() {
            let later = self.rows.split_off(self.rows.len().min(rows_at_once));
            let rows = marks(self.rows.len(), N);
            let values = self.rows.into_iter().flatten().collect();
            written = written.saturating_add(sql::exec(conn, &statement(&rows), values).await?);
            self.rows = later;
        }
        Ok(written)
    }
}

/// Turns rows into one array for each column. The tenant, which is the same in all rows, is a
/// single value.
fn lists<const N: usize>(
    columns: [Column; N],
    rows: Vec<[Value; N]>,
) -> Result<(String, Vec<Value>), DbErr> {
    let kinds = columns.map(|(_, kind)| kind.list());
    let mut lists: Vec<Vec<Value>> =
        columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (((list, (_, kind)), (.., nothing)), value) in
            lists.iter_mut().zip(&columns).zip(&kinds).zip(row)
        {
            if *kind == Kind::Tenant {
                match list.first() {
                    None => list.push(value),
                    Some(first) if *first == value => {}
                    Some(_) => {
                        return Err(DbErr::Custom(
                            "rows of two tenants in one statement".to_owned(),
                        ));
                    }
                }
                continue;
            }
            list.push(match nothing {
                Some((nothing, _)) if value == value.as_null() => nothing.clone(),
                _ => value,
            });
        }
    }
    let mut selected = Vec::new();
    let mut marks = Vec::new();
    let mut names = Vec::new();
    let mut values = Vec::with_capacity(N);
    for (n, (((name, column), (kind, text, nothing)), list)) in
        (1..).zip(columns.into_iter().zip(kinds).zip(lists))
    {
        if column == Kind::Tenant {
            selected.push(format!("${n}::{text}"));
            values.extend(list);
            continue;
        }
        names.push(name);
        marks.push(format!("${n}::{text}[]"));
        selected.push(
            nothing.map_or_else(|| name.to_owned(), |(_, text)| format!("nullif({name}, {text})")),
        );
        values.push(Value::Array(kind, Some(Box::new(list))));
    }
    Ok((
        format!(
            "SELECT {} FROM unnest({}) AS given ({})",
            selected.join(", "),
            marks.join(", "),
            names.join(", ")
        ),
        values,
    ))
}

/// A value in the form that PostgreSQL reads from JSON.
fn json(value: Value) -> Result<serde_json::Value, DbErr> {
    Ok(match value {
        nothing if nothing == nothing.as_null() => serde_json::Value::Null,
        Value::String(Some(text)) => text.into(),
        Value::Uuid(Some(id)) => id.to_string().into(),
        Value::BigInt(Some(number)) => number.into(),
        Value::Bool(Some(flag)) => flag.into(),
        Value::ChronoDateTimeUtc(Some(at)) => at.to_rfc3339().into(),
        Value::Bytes(Some(bytes)) => hex(&bytes).into(),
        other => return Err(DbErr::Type(format!("{other:?} in a row"))),
    })
}

/// Bytes in the form that PostgreSQL reads from text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("\\x"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A VALUES list of placeholders. They are not numbered: SQLite searches all earlier ones for each
/// number, which is quadratic.
fn marks(rows: usize, of: usize) -> String {
    let row = format!("({})", vec!["?"; of].join(", "));
    format!("VALUES {}", vec![row; rows].join(", "))
}

/// The condition that `column` is one of `ids`, with placeholders numbered from `from`, and their
/// values.
#[must_use]
pub fn among<C: ConnectionTrait>(
    conn: &C,
    column: &str,
    from: usize,
    ids: &[Uuid],
) -> (String, Vec<Value>) {
    if conn.get_database_backend() == DbBackend::Postgres {
        let list = Value::Array(
            ArrayType::Uuid,
            Some(Box::new(ids.iter().map(|id| (*id).into()).collect())),
        );
        return (format!("{column} = ANY (${from})"), vec![list]);
    }
    let marks: Vec<_> = (from..).zip(ids).map(|(n, _)| format!("${n}")).collect();
    (format!("{column} IN ({})", marks.join(", ")), ids.iter().map(|id| (*id).into()).collect())
}

/// A statement whose first value is the tenant.
#[must_use]
pub fn of_tenant<C: ConnectionTrait>(
    conn: &C,
    select: &str,
    tenant: &TenantId,
    values: Vec<Value>,
) -> Statement {
    Statement::from_sql_and_values(
        conn.get_database_backend(),
        select,
        std::iter::once(tenant.as_str().into()).chain(values),
    )
}

/// The clause that locks the rows of a select. Empty on SQLite, whose single writer needs no row
/// locks.
#[must_use]
pub fn for_update<C: ConnectionTrait>(conn: &C) -> &'static str {
    if conn.get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
