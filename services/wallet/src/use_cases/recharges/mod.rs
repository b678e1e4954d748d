//! Auto-recharge. Changes of a wallet enqueue a job. The job evaluates the wallet's rules and tops
//! it up from the collection method. The end of the top-up enqueues the job again.

pub mod end_stops;
pub mod load;
pub mod mark_month_end;
pub mod read;
pub mod recharge;
pub mod retry;
pub mod save;
pub mod update;
