//! Verbs of draws. Those of a payment of invoices reserve for all or for none, make owed, give
//! back: each is one transaction and answers the same for the same request id; what comes after the
//! payment's end is refused. Purchases without an invoice are in `batch`.

pub mod authorize_for_payment;
pub mod capture_for_payment;
pub mod expire;
pub mod load;
pub mod read;
pub mod void_for_payment;
