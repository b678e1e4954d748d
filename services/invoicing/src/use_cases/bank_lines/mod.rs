//! Bank statements: lines are taken in once, matched to invoices, become payments, and are taken
//! back.

pub mod confirm;
pub mod credit;
pub mod dismiss;
mod evaluate;
pub mod identify;
pub mod import;
pub mod match_line;
pub mod pay;
pub mod read;
pub mod return_line;
pub mod save;
pub mod split;
pub mod take_back;
pub mod unmatch;
