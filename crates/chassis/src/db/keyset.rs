//! Lists by keyset: a page begins after the last row of the page before, so that a page costs the
//! same wherever it is, given an index on the key and the id.

use crate::{
    db::columns::unknown,
    wire::{
        error::AppError,
        filter::{Comparison, Operator, Value},
        listing::{BY_CREATION, Listing},
    },
};
use chrono::{DateTime, Utc};
use sea_orm::{
    EntityTrait, ExprTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{BinOper, Expr, IntoCondition},
};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// What a list is ordered by, of one row; what is equal comes in the order of the ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The id alone.
    Id,
    /// A text or a date; one that is not set is empty.
    Text(String),
    /// An amount in millionths.
    Number(i64),
    /// An instant, of the microseconds that databases keep.
    Instant(DateTime<Utc>),
}

/// Where a row is in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// By what the list is ordered.
    pub key: Key,
    /// The row's id.
    pub id: Uuid,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Key::Id => write!(f, "{}", self.id),
            Key::Text(text) => write!(f, "{} t{text}", self.id),
            Key::Number(number) => write!(f, "{} n{number}", self.id),
            Key::Instant(at) => write!(f, "{} i{}", self.id, at.timestamp_micros()),
        }
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (id, key) = text.split_once(' ').map_or((text, None), |(id, key)| (id, Some(key)));
        let key = match key.map(|key| key.split_at_checked(1)) {
            None => Key::Id,
            Some(Some(("t", text))) => Key::Text(text.to_owned()),
            Some(Some(("n", number))) => Key::Number(number.parse().map_err(|_| ())?),
            Some(Some(("i", micros))) => Key::Instant(
                micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(())?,
            ),
            Some(_) => return Err(()),
        };
        Ok(Self { key, id: id.parse().map_err(|_| ())? })
    }
}

/// What the fields of a list are in the database. Both functions answer nothing for a field that
/// they do not know.
pub struct Columns<'a> {
    /// The column of the row's id, by which a list is in the order of creation.
    pub id: Expr,
    /// What a field is compared as.
    pub filter: &'a (dyn Fn(&Comparison) -> Option<Compared> + Sync),
    /// What any other field of the order is. A text that may be NULL is written
    /// `coalesce(column, '')`, as its index is: the databases disagree about where NULL comes.
    pub order: &'a (dyn Fn(&str) -> Option<Expr> + Sync),
}

/// A compared field.
pub enum Compared {
    /// It is compared as this.
    As(Expr),
    /// The whole comparison.
    Whole(Expr),
}

/// Narrows a query to a page of a list: its filter, its order, after a position, and one row more
/// than the page holds.
///
/// # Errors
/// `Fault` for a field that the store does not know: a list and its store disagree.
pub fn page<E: EntityTrait>(
    query: Select<E>,
    listing: &Listing,
    after: Option<Position>,
    columns: &Columns<'_>,
) -> Result<Select<E>, AppError> {
    let mut query = query;
    for comparison in &listing.filter.0 {
        let condition = match (columns.filter)(comparison)
            .ok_or_else(|| unknown("filter", comparison.field))?
        {
            Compared::Whole(condition) => condition,
            Compared::As(column) => compared(column, comparison),
        };
        query = query.filter(condition.into_condition());
    }
    let key = match listing.order.field {
        BY_CREATION => None,
        field => Some((columns.order)(field).ok_or_else(|| unknown("order", field))?),
    };
    if let Some(position) = after {
        query = query.filter(beyond(
            columns.id.clone(),
            key.clone(),
            position,
            listing.order.descending,
        )?);
    }
    let order = if listing.order.descending { Order::Desc } else { Order::Asc };
    if let Some(key) = key {
        query = query.order_by(key, order.clone());
    }
    Ok(query.order_by(columns.id.clone(), order).limit(listing.page.reads()))
}

/// What comes after a position: one comparison of two columns, which an index over both answers.
/// SQLite seeks by it only where both are columns; where the key is an expression, the bound of the
/// key alone lets it seek.
fn beyond(
    id: Expr,
    key: Option<Expr>,
    position: Position,
    descending: bool,
) -> Result<Expr, AppError> {
    let (key, value) = match (key, position.key) {
        (None, Key::Id) => {
            return Ok(if descending { id.lt(position.id) } else { id.gt(position.id) });
        }
        (Some(key), Key::Text(text)) => (key, Expr::val(text)),
        (Some(key), Key::Number(number)) => (key, Expr::val(number)),
        (Some(key), Key::Instant(at)) => (key, Expr::val(at)),
        (_, key) => return Err(unknown("position", &format!("{key:?}"))),
    };
    let columns = Expr::tuple([key.clone(), id]);
    let values = Expr::tuple([value.clone(), Expr::val(position.id)]);
    Ok(if descending {
        key.lte(value).and(columns.lt(values))
    } else {
        key.gte(value).and(columns.gt(values))
    })
}

/// A column compared with a value. What has no value is unequal to each.
#[must_use]
pub fn compared(column: Expr, comparison: &Comparison) -> Expr {
    let mut column = column;
    let value = match &comparison.value {
        Value::Label { key, value } => {
            column = column.binary(BinOper::Custom("->>"), Expr::val(key.clone()));
            Expr::val(value.clone())
        }
        Value::Text(text) => Expr::val(text.clone()),
        Value::Flag(flag) => Expr::val(*flag),
        Value::Date(day) => Expr::val(day.to_string()),
        Value::Instant(at) => Expr::val(*at),
        Value::Amount(micros) => Expr::val(*micros),
        Value::Id(id) => Expr::val(*id),
    };
    match comparison.operator {
        Operator::Equal => column.eq(value),
        Operator::NotEqual => column.clone().is_null().or(column.ne(value)),
        Operator::Less => column.lt(value),
        Operator::AtMost => column.lte(value),
        Operator::More => column.gt(value),
        Operator::AtLeast => column.gte(value),
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Position};
    use chrono::DateTime;
    use uuid::Uuid;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        for key in [
            Key::Id,
            Key::Text(String::new()),
            Key::Text("INV 2026-1 x".into()),
            Key::Number(-5),
            Key::Instant(DateTime::UNIX_EPOCH),
        ] {
            let position = Position { key, id: Uuid::from_u128(7) };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for bad in [
            "",
            "x",
            "00000000-0000-0000-0000-000000000007 ",
            "00000000-0000-0000-0000-000000000007 nx",
        ] {
            assert_eq!(bad.parse::<Position>(), Err(()), "{bad}");
        }
    }
}
