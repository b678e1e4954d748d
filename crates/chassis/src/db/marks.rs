//! A tenant's own ids and labels in tables: every table whose resources have them has the columns
//! `external_id`, which is unique in the tenant, and `labels`, a JSON object of texts.

use crate::{
    db::{WriteTx, keyset::Compared, sql},
    wire::{
        call::{Call, Caller},
        error::AppError,
        filter::{Comparison, EXTERNAL_ID, LABELS},
    },
};
use payterms_kernel::{Kind, Reason, Refusal, marks::Marks};
use sea_orm::{ConnectionTrait, DbBackend, ExprTrait, sea_query::Expr};
use std::{collections::BTreeMap, fmt::Write};
use uuid::Uuid;

/// The resources of a table, by their names: a column for each id in the name, and the collection
/// that it is of. The first is the customer's, the last the resource's own.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// The table, or a subquery with a name where the ids stand in several.
    pub table: &'static str,
    /// Columns and collections.
    pub path: &'static [(&'static str, &'static str)],
}

/// The marks of a row.
///
/// # Errors
/// `Fault` for labels that are no JSON object of texts.
pub fn stored(external_id: Option<String>, labels: &str) -> Result<Marks, AppError> {
    let labels = serde_json::from_str(labels)
        .map_err(|error| AppError::Fault(format!("labels: {error}")))?;
    Ok(Marks { external_id, labels })
}

/// Labels as their column holds them.
#[must_use]
pub fn labels_text(labels: &BTreeMap<String, String>) -> String {
    let object = labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    serde_json::Value::Object(object).to_string()
}

/// What the fields `external_id` and `labels` of a filter are compared as; `None` for any other
/// field.
#[must_use]
pub fn compared(backend: DbBackend, comparison: &Comparison) -> Option<Compared> {
    match comparison.field {
        EXTERNAL_ID => Some(Compared::As(Expr::cust(EXTERNAL_ID))),
        // Both databases look into JSON by the same operator, SQLite in a text.
        LABELS if backend == DbBackend::Postgres => {
            Some(Compared::As(Expr::cust(LABELS).cast_as("jsonb")))
        }
        LABELS => Some(Compared::As(Expr::cust(LABELS))),
        _ => None,
    }
}

/// Refuses an own id that another resource of the table has. Of two that are written at once, the
/// unique index refuses the second, whose retry then finds the first here. Whatever else a create
/// is refused for, [`crate::handler::create`] names the first as well.
///
/// # Errors
/// `EXTERNAL_ID_TAKEN`, with the name of the first.
pub async fn must_be_free(
    tx: &WriteTx,
    named: Named,
    id: Uuid,
    external_id: Option<&str>,
) -> Result<(), AppError> {
    let Some(external_id) = external_id else { return Ok(()) };
    holder(tx.conn(), tx.call(), named, external_id, id)
        .await?
        .map_or(Ok(()), |taken| Err(taken.into()))
}

/// The refusal of an own id that another resource than `id` has.
pub(crate) async fn holder<C: ConnectionTrait>(
    conn: &C,
    call: &Call,
    named: Named,
    external_id: &str,
    id: Uuid,
) -> Result<Option<Refusal>, AppError> {
    let columns = named.path.iter().map(|(column, _)| *column).collect::<Vec<_>>().join(", ");
    let select = format!(
        "SELECT {columns} FROM {} WHERE tenant = $1 AND external_id = $2 AND id <> $3",
        named.table
    );
    let values = vec![call.tenant.as_str().into(), external_id.into(), id.into()];
    let Some(row) = sql::one(conn, &select, values).await? else { return Ok(None) };
    let mut name = format!("tenants/{}", call.tenant);
    let mut owner = None;
    for (column, collection) in named.path {
        let id: Uuid = row.try_get("", column)?;
        owner = owner.or(Some(id));
        let _ = write!(name, "/{collection}/{id}");
    }
    Ok(Some(taken(&call.caller, owner.unwrap_or_default(), &name)))
}

/// The refusal of an own id that a resource of a customer has. A member of another customer is not
/// told its name.
#[must_use]
pub fn taken(caller: &Caller, owner: Uuid, name: &str) -> Refusal {
    if caller.customer.is_some_and(|id| id != owner) {
        let message = "Something else has this external_id already. Choose another.";
        return Refusal::new(Kind::AlreadyExists, Reason::EXTERNAL_ID_TAKEN, message);
    }
    let message =
        format!("{name} has this external_id already. Use it, or choose another external_id.");
    Refusal::new(Kind::AlreadyExists, Reason::EXTERNAL_ID_TAKEN, message).with("name", name)
}

#[cfg(test)]
mod tests {
    use super::{labels_text, stored};
    use std::collections::BTreeMap;

    #[test]
    fn labels_are_read_as_they_were_written() {
        for labels in [
            BTreeMap::new(),
            BTreeMap::from([
                ("a".to_owned(), "\"q\" \\ é".to_owned()),
                ("b".to_owned(), String::new()),
            ]),
        ] {
            assert_eq!(stored(None, &labels_text(&labels)).unwrap().labels, labels);
        }
        assert!(stored(None, "[]").is_err());
    }
}
