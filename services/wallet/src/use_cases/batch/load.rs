//! Locks the wallets of a batch and reads the holds and metered services that its items name.

use crate::{
    commands::batch::{BatchCommand, BatchItem},
    store::{
        RequestStamp, RequestsByTransfer, holds,
        lot_cache::LotCache,
        usage_ids::{self, MarkedUse},
        wallets::{self, Locked},
    },
    use_cases::usage::load::Meters,
};
use payterms_chassis::{AppError, Call, WriteTx, batch::BatchEvent};
use payterms_kernel::Id;
use payterms_wallet_domain::{Fee, Hold, UsageRecord, Wallet};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The wallets and holds of a batch, and the decisions made on them so far.
pub(super) struct LoadedBatch {
    pub(super) wallets: Vec<Locked>,
    /// The index of each wallet in `wallets`.
    pub(super) indexes: HashMap<Id<Wallet>, usize>,
    pub(super) holds: HashMap<Id<Hold>, (Id<Wallet>, Hold)>,
    pub(super) changed_holds: Vec<Id<Hold>>,
    pub(super) answers: Vec<(Call, Vec<u8>)>,
    pub(super) events: Vec<BatchEvent>,
    pub(super) requests: RequestsByTransfer,
    pub(super) usage_records: Vec<(Id<Wallet>, UsageRecord, RequestStamp)>,
    pub(super) meters: Meters,
    /// The uses that have own ids which items name.
    pub(super) marked_uses: HashMap<String, MarkedUse>,
    pub(super) fees: Vec<Fee>,
    /// Wallets without rules of auto-recharge; filled when the batch is saved. Only these may use
    /// the fast path.
    pub(super) without_rules: HashSet<Id<Wallet>>,
    /// The new version of each wallet that has an event of its own; filled when the batch is saved.
    pub(super) versions: HashMap<Uuid, i64>,
    /// The aggregate of the batch's single event about postings.
    pub(super) postings: Uuid,
}

impl LoadedBatch {
    pub(super) async fn load(
        tx: &WriteTx,
        cache: &LotCache,
        items: &[BatchItem],
    ) -> Result<Self, AppError> {
        let mut ids: Vec<_> = items.iter().map(|item| item.command.wallet().wallet).collect();
        ids.sort_unstable();
        ids.dedup();
        let wallets = wallets::lock_cached(tx, &ids, Some(cache)).await?;
        let indexes =
            wallets.iter().enumerate().map(|(index, locked)| (locked.wallet.id, index)).collect();
        let named: Vec<_> = items.iter().filter_map(|item| item.command.hold()).collect();
        let holds = holds::find_many(tx.conn(), &tx.call().tenant, &named).await?;
        let holds = holds.into_iter().map(|(wallet, hold)| (hold.id, (wallet, hold))).collect();
        let used_products = items.iter().filter_map(|item| match &item.command {
            BatchCommand::Use(wallet, used) => Some((wallet.customer, used.product.as_str())),
            _ => None,
        });
        let meters = Meters::load(tx, used_products).await?;
        let own_ids: Vec<_> =
            items.iter().filter_map(|item| item.command.external_id()).map(str::to_owned).collect();
        let marked_uses = usage_ids::find_many(tx.conn(), &tx.call().tenant, &own_ids).await?;
        Ok(Self {
            wallets,
            indexes,
            holds,
            changed_holds: Vec::new(),
            answers: Vec::new(),
            events: Vec::new(),
            requests: RequestsByTransfer::new(),
            usage_records: Vec::new(),
            meters,
            marked_uses,
            fees: Vec::new(),
            without_rules: HashSet::new(),
            versions: HashMap::new(),
            postings: items
                .first()
                .map(|first| first.key().event_stream(tx.writer_id()))
                .unwrap_or_default(),
        })
    }
}
