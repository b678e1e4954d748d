//! Invoicing's tables: SeaORM entities and their queries. Models stop here; every finder takes
//! the tenant.

pub mod customers;
pub mod tenants;
pub mod test_clocks;

use rust_decimal::{Decimal, prelude::ToPrimitive};

/// A rate in percent, as columns hold it.
pub(crate) fn millionths(rate: Decimal) -> i64 {
    rate.checked_mul(Decimal::from(1_000_000)).and_then(|rate| rate.to_i64()).unwrap_or_default()
}

/// A rate in percent of a column.
pub(crate) fn rate(millionths: i64) -> Decimal {
    Decimal::new(millionths, 6).normalize()
}
