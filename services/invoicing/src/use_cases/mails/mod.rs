//! Mails: written with what they tell of, sent apart from it.

pub mod collection_notices;
pub mod credit_notices;
pub mod dispute_notices;
mod dispute_reports;
pub mod expiry_notices;
pub mod invoice_notices;
pub mod month_notices;
pub mod notices;
pub mod plan_notices;
mod plan_standing;
pub mod postpaid_notices;
pub mod read;
pub mod recharge_notices;
pub mod retry;
pub mod revocation_notices;
pub mod save;
pub mod send;
pub mod transfer_notices;
pub mod transfer_refund_notices;
pub mod write;
