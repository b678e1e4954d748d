//! The wallet's tables: SeaORM entities and their queries. Models do not leave this module, and
//! every query has the tenant in its condition.
#![expect(
    clippy::missing_errors_doc,
    reason = "every query fails as the database does; other errors are named"
)]

pub mod accruals;
pub mod changes;
pub mod charges;
pub mod closed_use;
pub mod customers;
mod debts;
pub mod disputes;
pub mod entries;
pub mod entry_lists;
pub mod expiry_notices;
pub mod fees;
pub mod figures;
pub mod history;
pub mod holds;
pub mod line_switches;
pub mod lot_cache;
pub mod lots;
pub mod metered;
pub mod methods;
pub mod postpaid;
pub mod provider_differences;
pub mod provider_payouts;
pub mod provider_reconciliations;
pub mod provider_records;
pub mod provider_transactions;
pub mod recharges;
pub mod refunds;
pub mod reversals;
pub mod revocations;
pub mod rules;
pub mod settings;
pub mod setups;
pub mod shared;
pub mod sources;
pub mod stripe;
pub mod top_up_refunds;
pub mod top_ups;
pub mod transfers;
pub mod usage;
pub mod usage_ids;
pub mod usage_invoices;
pub mod wallets;

use payterms_chassis::{Call, rows};
use payterms_kernel::Id;
use payterms_wallet_domain::Transfer;
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) use payterms_chassis::columns::{amount, amounts_text, currency, money, unknown};

/// The request that wrote a row: its id, the hash of its content, and its actor. A row with a stamp
/// serves for idempotency and audit too, which saves two rows for each debit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestStamp {
    request_id: Uuid,
    input_hash: Vec<u8>,
    actor: String,
}

/// The requests of transfers that store them.
pub type RequestsByTransfer = BTreeMap<Id<Transfer>, RequestStamp>;

impl RequestStamp {
    /// The stamp of a call.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        Self {
            request_id: call.request_id,
            input_hash: call.input_hash.clone(),
            actor: call.caller.subject.clone(),
        }
    }
}

/// The tables that are written by rows, and all their columns.
pub const TABLES: [(&str, &[rows::Column]); 7] = [
    (wallets::Model::TABLE, &wallets::Model::COLUMNS),
    (lots::Model::TABLE, &lots::Model::COLUMNS),
    (debts::Row::TABLE, &debts::Row::COLUMNS),
    (transfers::Model::TABLE, &transfers::Model::COLUMNS),
    (entries::Model::TABLE, &entries::Model::COLUMNS),
    (accruals::Row::TABLE, &accruals::Row::COLUMNS),
    (usage::Model::TABLE, &usage::Model::COLUMNS),
];

/// The columns that the fast path's procedure sets of a wallet and of a lot, after the key.
#[must_use]
pub fn set_by_single_call() -> [Vec<&'static str>; 2] {
    let names =
        |columns: &[rows::Column], keys| columns.iter().skip(keys).map(|(name, _)| *name).collect();
    [
        names(&wallets::Model::CHANGING, wallets::Model::KEYS),
        names(&lots::Model::CHANGING, lots::Model::KEYS),
    ]
}
