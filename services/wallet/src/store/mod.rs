//! The wallet's tables: SeaORM entities and their queries. Models stop here; every finder takes
//! the tenant.

pub mod accruals;
pub mod charges;
pub mod customers;
pub mod entries;
pub mod fees;
pub mod holds;
pub mod line_switches;
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

/// Rows of one statement: their values stay within what both databases bind.
pub(crate) const ROWS: usize = 1_000;

pub(crate) use payterms_chassis::columns::{amount, amounts_text, currency, money, unknown};
