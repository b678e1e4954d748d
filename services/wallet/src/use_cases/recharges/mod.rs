//! Auto-recharge: changes of a wallet enqueue it, the job evaluates its rules and tops up from the collection method,
//! the end of the top-up enqueues it again.

pub mod load;
pub mod mark_month_end;
pub mod read;
pub mod recharge;
pub mod retry;
pub mod save;
pub mod update;
