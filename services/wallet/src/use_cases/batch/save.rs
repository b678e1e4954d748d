//! Saves everything that was decided in a batch, with one statement for each table.

use super::load::LoadedBatch;
use crate::{
    commands::wallets::name_of,
    store::{fees, holds, usage, usage_ids, wallets::Locked},
    use_cases::{
        holds::expire, lots::expire::schedule_overdue_lots, recharges::save::schedule_recharges,
        wallets::save::save_wallets,
    },
};
use payterms_chassis::{
    AppError, WriteTx, batch,
    jobs::{cancel_many, schedule_many},
    render::money,
};
use payterms_kernel::{Id, TenantId};
use payterms_proto::wallet::v1::{PostedWallet, PostingsMade};
use payterms_wallet_domain::{Hold, HoldState, Wallet};
use std::collections::HashSet;

impl LoadedBatch {
    /// Saves the batch.
    pub(super) async fn save(&mut self, tx: &mut WriteTx) -> Result<(), AppError> {
        let tenant = tx.call().tenant.clone();
        let now = tx.now();
        batch::answer(tx, std::mem::take(&mut self.answers)).await?;
        self.changed_holds.sort_unstable();
        self.changed_holds.dedup();
        let holds: Vec<_> =
            self.changed_holds.iter().filter_map(|id| self.holds.get(id)).cloned().collect();
        save_wallets(tx, &mut self.wallets, &self.requests).await?;
        save_holds(tx, &holds).await?;
        usage::insert_many(tx.conn(), &tenant, &self.usage_records).await?;
        usage_ids::insert_many(
            tx.conn(),
            &tenant,
            self.usage_records.iter().map(|(wallet, record, _)| (*wallet, record)),
        )
        .await?;
        fees::insert_many(tx, &self.fees).await?;
        // Each of these events carries its wallet as it was after its item, and the one of the
        // postings as it is after all of them. So that one comes last, and the last event of a
        // wallet has its balance.
        self.versions = batch::emit(tx, "wallet", std::mem::take(&mut self.events)).await?;
        let posted: Vec<_> =
            self.wallets.iter().filter_map(|locked| posted_wallet(&tenant, locked)).collect();
        if !posted.is_empty() {
            tx.emit_without_audit(
                "postings",
                &self.postings.to_string(),
                &PostingsMade { wallets: posted },
            )
            .await?;
        }
        let with_rules =
            schedule_recharges(tx, self.wallets.iter().map(|locked| &locked.wallet)).await?;
        self.without_rules = self
            .wallets
            .iter()
            .map(|locked| locked.wallet.id)
            .filter(|id| !with_rules.contains(id))
            .collect();
        let freed: HashSet<_> = holds.iter().map(|(wallet, _)| *wallet).collect();
        for locked in self.wallets.iter().filter(|locked| freed.contains(&locked.wallet.id)) {
            schedule_overdue_lots(tx, &locked.wallet, now).await?;
        }
        Ok(())
    }
}

/// Saves holds, and schedules or cancels their expiry.
async fn save_holds(tx: &WriteTx, changed: &[(Id<Wallet>, Hold)]) -> Result<(), AppError> {
    holds::save_many(tx, changed).await?;
    let (open, ended): (Vec<_>, Vec<_>) =
        changed.iter().partition(|(_, hold)| hold.state == HoldState::Active);
    let due: Vec<_> = open.iter().map(|(_, hold)| (hold.id.to_string(), hold.expires_at)).collect();
    schedule_many(tx, expire::JOB, &due).await?;
    let ids: Vec<_> = ended.iter().map(|(_, hold)| hold.id.to_string()).collect();
    cancel_many(tx, expire::JOB, &ids).await?;
    Ok(())
}

/// The postings of a wallet in this batch; `None` if there were none.
pub(super) fn posted_wallet(tenant: &TenantId, locked: &Locked) -> Option<PostedWallet> {
    let (sequence, usage_count) = locked.counted();
    let wallet = &locked.wallet;
    let posted = wallet.sequence > sequence;
    (posted || wallet.usage_count > usage_count).then(|| PostedWallet {
        wallet: name_of(tenant, wallet),
        first_sequence: if posted { sequence.saturating_add(1) } else { 0 },
        last_sequence: if posted { wallet.sequence } else { 0 },
        usage_count: wallet.usage_count.saturating_sub(usage_count),
        posted: Some(money(wallet.posted)),
    })
}
