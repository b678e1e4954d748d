//! The wallet's rules: lots, the ledger, holds, top-ups, recharges, methods, prepayment.
//!
//! Pure: no I/O and no clock. A decision receives the time and the ids, changes the aggregate, and
//! leaves its transfers in the wallet for the store to save. docs/domain/wallet.md states the
//! rules.
#![expect(
    clippy::missing_errors_doc,
    reason = "refusals are named where there are any; arithmetic fails only for amounts that no stored row can hold"
)]

pub mod charge;
pub mod chargeback;
pub mod customer;
pub mod debt;
pub mod dispute;
pub mod dispute_won;
pub mod error;
pub mod expiry_notice;
pub mod fee;
pub mod hold;
pub mod ledger;
pub mod lot;
pub mod metered;
pub mod metered_reversal;
pub mod method;
pub mod method_setup;
pub mod month;
pub mod not_reversible;
pub mod original;
mod owed;
pub mod posting;
pub mod postpaid;
pub mod prepayment;
pub mod provider_difference;
pub mod provider_payout;
pub mod recharge;
pub mod recharge_rules;
pub mod reconciliation;
pub mod refund;
pub mod restore;
pub mod reversal;
pub mod revocation;
pub mod settings;
pub mod settlement;
pub mod stripe_connection;
pub mod top_up;
pub mod top_up_refund;
pub mod transfer_refund;
pub mod transfer_return;
pub mod usage;
pub mod wallet;

pub use charge::{Charge, ChargeState};
pub use customer::Customer;
pub use debt::Debt;
pub use dispute::{Dispute, DisputeState};
pub use fee::{Fee, RecurringFee};
pub use hold::{Hold, HoldState};
pub use ledger::{Account, Entry, Transfer, TransferKind};
pub use lot::{Lot, LotKind, TaxKind};
pub use metered::MeteredService;
pub use method::{MethodKind, Methods, PaymentMethod};
pub use method_setup::MethodSetup;
pub use posting::Posting;
pub use recharge::AutoRecharge;
pub use refund::{Refund, RefundState};
pub use reversal::Reversal;
pub use revocation::{Revocation, RevocationState};
pub use settings::WalletSettings;
pub use stripe_connection::StripeConnection;
pub use top_up::{TopUp, TopUpState};
pub use top_up_refund::{TopUpRefund, TopUpRefundState};
pub use usage::UsageRecord;
pub use wallet::Wallet;
