//! One verb a file: lock, look the request up, let the domain decide, save, commit.

pub mod authorize_hold;
pub mod capture_hold;
pub mod change_methods;
pub mod change_settings;
pub mod charge_for_payment;
pub mod chargeback;
pub mod charging;
pub mod close_metered;
pub mod close_month;
pub mod create_top_up;
pub mod expire_hold;
pub mod expire_lot;
pub mod grant_credit;
pub mod hot;
pub mod open_wallet;
pub mod post_debit;
pub mod postpaid;
pub mod read;
pub mod read_payments;
pub mod receive_notification;
pub mod recharge;
pub mod record_usage;
pub mod recurring_fees;
pub mod refund_payment;
mod replays;
pub mod settle_method_setup;
pub mod settle_payment;
pub mod single_call;
pub mod start_method_setup;
pub mod switch_credit_line;
pub mod update_recharge;
pub mod void_grant;
pub mod void_hold;

use crate::{
    parse::WalletRef,
    provider::Unknown,
    store::wallets::{self, Locked},
};
use payterms_chassis::{AppError, WriteTx, error::not_yet};
use payterms_kernel::Refusal;

/// Locks the wallet that a request names.
async fn locked(tx: &WriteTx, named: &WalletRef) -> Result<Locked, AppError> {
    wallets::lock(tx, named.customer, named.wallet).await?.ok_or_else(|| Refusal::not_found().into())
}

/// The provider did not tell what happened: the flow waits and asks again.
#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn no_answer(unknown: Unknown) -> AppError {
    tracing::warn!(error = %unknown, "the payment provider does not answer");
    not_yet("PROVIDER_UNAVAILABLE", "The payment provider does not answer. Retry with the same request id.")
}
