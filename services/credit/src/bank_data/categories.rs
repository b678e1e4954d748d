//! The categories of bookings as Plaid names them (its personal finance categories, detailed), and
//! what they are here.

use payterms_credit_domain::bank::BookingKind;

/// The bank charged for a payment that came back.
pub(super) const RETURNED: &str = "BANK_FEES_INSUFFICIENT_FUNDS";

/// What a booking is by its category.
pub(super) fn kind(category: &str) -> BookingKind {
    match category {
        "TRANSFER_IN_CASH_ADVANCES_AND_LOANS" => BookingKind::Loan,
        "TRANSFER_IN_ACCOUNT_TRANSFER"
        | "TRANSFER_IN_SAVINGS"
        | "TRANSFER_IN_INVESTMENT_AND_RETIREMENT_FUNDS"
        | "TRANSFER_OUT_ACCOUNT_TRANSFER"
        | "TRANSFER_OUT_SAVINGS"
        | "TRANSFER_OUT_INVESTMENT_AND_RETIREMENT_FUNDS" => BookingKind::OwnTransfer,
        "TRANSFER_OUT_WITHDRAWAL" | "TRANSFER_IN_DEPOSIT" => BookingKind::Cash,
        "INCOME_TAX_REFUND" => BookingKind::Refund,
        _ if category.starts_with("LOAN_") => BookingKind::Loan,
        _ => BookingKind::Other,
    }
}
