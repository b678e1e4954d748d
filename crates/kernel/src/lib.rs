//! The pure kernel: money, currencies, the calendar, ids, the clock, refusals.
//!
//! A type belongs here if at least three services need it and it mentions no noun of any of them.
//! Nothing here does I/O, and nothing but [`clock`] reads the time.

pub mod actor;
pub mod calendar;
pub mod clock;
pub mod country;
pub mod currency;
pub mod dated;
pub mod id;
pub mod ladder;
pub mod marks;
pub mod money;
mod names;
pub mod page;
pub mod reason;
pub mod refusal;
pub mod rounding;
pub mod split;
pub mod text;

pub use actor::{Actor, Side};
pub use clock::{Clock, SystemClock};
pub use currency::Currency;
pub use dated::DatedAmount;
pub use id::{Id, IdSource, TenantId};
pub use marks::Marks;
pub use money::Money;
pub use reason::Reason;
pub use refusal::{Condition, Kind, Refusal, Violation};
