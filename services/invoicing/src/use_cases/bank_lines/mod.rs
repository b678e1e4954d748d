//! Bank statements: lines are taken in once, matched to invoices, and become payments.

pub mod confirm;
pub mod credit;
pub mod dismiss;
mod evaluate;
mod identify;
pub mod import;
pub mod match_line;
pub mod pay;
pub mod read;
pub mod save;
pub mod split;
pub mod unmatch;
