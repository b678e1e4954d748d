//! Drafts, invoices, and what bills them.

pub mod ageing;
pub mod announce_usage;
pub mod bill_metered_month;
pub mod bill_purchase;
pub mod bill_usage_month;
pub mod correct;
pub mod create;
pub mod delete;
pub mod explain;
pub mod finalize;
pub mod load;
pub mod read;
pub mod save;
pub mod update;
pub mod void;
pub mod write_off;
