//! The rules of invoicing: the register of tenants, customers and their tax treatment, and the
//! march of a test clock.
//!
//! Pure: no I/O, no clock. docs/domain.md is the law.

pub mod customer;
pub mod tenant;
pub mod test_clock;

pub use customer::{Address, Customer, TaxTreatment};
pub use tenant::{TaxRule, Tenant};
pub use test_clock::{ClockState, TestClock};
