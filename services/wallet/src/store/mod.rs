//! The wallet's tables: SeaORM entities and their queries. Models stop here; every finder takes
//! the tenant.

pub mod accruals;
pub mod changes;
pub mod charges;
pub mod customers;
pub mod entries;
pub mod fees;
pub mod holds;
pub mod known;
pub mod line_switches;
pub mod lots;
pub mod metered;
pub mod methods;
pub mod postpaid;
pub mod recharges;
pub mod refunds;
pub mod settings;
pub mod setups;
pub mod top_ups;
pub mod transfers;
pub mod usage;
pub mod wallets;

use payterms_chassis::Call;
use payterms_kernel::Id;
use payterms_wallet_domain::Transfer;
use sea_orm::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) use payterms_chassis::columns::{amount, amounts_text, currency, money, unknown};

/// Who asked for a row, by which request and with which content: its idempotency and audit, beside what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    request_id: Uuid,
    input_hash: Vec<u8>,
    actor: String,
}

/// Who asked for which transfers.
pub type AskedBy = BTreeMap<Id<Transfer>, Asked>;

impl Asked {
    /// By a call.
    #[must_use]
    pub fn by(call: &Call) -> Self {
        Self { request_id: call.request_id, input_hash: call.input_hash.clone(), actor: call.caller.subject.clone() }
    }

    /// The values of `request_id`, `input_hash` and `actor`.
    fn values(asked: Option<&Self>) -> [Value; 3] {
        [asked.map(|own| own.request_id).into(), asked.map(|own| own.input_hash.clone()).into(), asked.map(|own| own.actor.clone()).into()]
    }
}
