//! The wallet's tables: SeaORM entities and their queries. Models stop here; every finder takes
//! the tenant.

pub mod accruals;
pub mod charges;
pub mod customers;
pub mod entries;
pub mod fees;
pub mod holds;
pub mod lots;
pub mod metered;
pub mod methods;
pub mod postpaid;
pub mod recharges;
pub mod refunds;
pub mod settings;
pub mod setups;
pub mod top_ups;
pub mod transfers;
pub mod usage;
pub mod wallets;

use payterms_chassis::AppError;
use payterms_kernel::{Currency, Money};

/// The currency of a row.
pub(crate) fn currency(code: &str) -> Result<Currency, AppError> {
    Currency::parse(code).ok_or_else(|| AppError::Fault(format!("a row in currency {code:?}")))
}

/// An amount of a row.
pub(crate) fn money(code: &str, micros: i64) -> Result<Money, AppError> {
    Ok(Money::from_micros(currency(code)?, micros))
}

/// A name that a column holds and no enum has.
pub(crate) fn unknown(what: &str, name: &str) -> AppError {
    AppError::Fault(format!("a row with {what} {name:?}"))
}
