//! The changes that decisions made to wallets, as rows of all tables concerned.

use super::{
    RequestsByTransfer, accruals, debts, entries, lots, transfers,
    wallets::{self, Locked, row},
};
use payterms_chassis::{AppError, WriteTx, rows::Rows};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Transfer, Wallet};
use serde_json::{Map, Value};

/// Rows of wallets, lots, debts, transfers with their entries, and accruals.
#[derive(Debug)]
pub struct Changes {
    wallets: Rows<{ wallets::Model::CHANGES }>,
    new_lots: Rows<{ lots::Model::WIDTH }>,
    lots: Rows<{ lots::Model::CHANGES }>,
    debts: debts::Changed,
    transfers: Rows<{ transfers::Model::WIDTH }>,
    entries: Rows<{ entries::Model::WIDTH }>,
    accruals: Rows<{ accruals::Row::WIDTH }>,
}

impl Changes {
    /// Collects the changes of wallets since they were loaded. Their transfers are moved out of
    /// them.
    ///
    /// # Errors
    /// `Fault` if a decision broke a rule of the books.
    pub fn of(
        tenant: &TenantId,
        changed: &mut [Locked],
        sums: &accruals::Sums,
        requests: &RequestsByTransfer,
    ) -> Result<Self, AppError> {
        let with_lots: Vec<_> =
            changed.iter().map(|locked| (&locked.wallet, locked.before.lots.as_slice())).collect();
        let (new_lots, lots) = lots::rows(tenant, &with_lots);
        let debts = debts::Changed::of(tenant, changed);
        let (mut wallets, mut posted) = (Rows::new(wallets::Model::CHANGING), Vec::new());
        for locked in changed.iter_mut().filter(|locked| locked.wallet != locked.before) {
            let wallet = &mut locked.wallet;
            // Cached lots count as valid while the wallet's row is unchanged, so lots must not
            // change without its version.
            if wallet.version == locked.before.version && wallet.lots != locked.before.lots {
                return Err(AppError::Fault(format!(
                    "lots of wallet {} changed, and its version did not",
                    wallet.id
                )));
            }
            wallets.push(row(tenant, wallet).changed());
            locked.before.lots.clear();
            posted.extend(
                std::mem::take(&mut wallet.transfers)
                    .into_iter()
                    .map(|transfer| (wallet.id, transfer)),
            );
        }
        let posted: Vec<(Id<Wallet>, Transfer)> = posted;
        Ok(Self {
            wallets,
            new_lots,
            lots,
            debts,
            transfers: transfers::rows(tenant, &posted, requests)?,
            entries: entries::rows(tenant, &posted),
            accruals: accruals::rows(tenant, sums),
        })
    }

    /// Saves the changes.
    pub async fn save(self, tx: &WriteTx) -> Result<(), AppError> {
        let conn = tx.conn();
        self.accruals.insert(conn, accruals::Row::TABLE, accruals::ADDED).await?;
        self.new_lots.insert(conn, lots::Model::TABLE, "").await?;
        let expected = (self.lots.len() + self.wallets.len()) as u64;
        let written = self.lots.update(conn, lots::Model::TABLE, lots::Model::KEYS).await?
            + self.wallets.update(conn, wallets::Model::TABLE, wallets::Model::KEYS).await?;
        if written != expected {
            return Err(AppError::Fault(format!(
                "{written} rows of wallets and lots are there of {expected} that changed"
            )));
        }
        self.debts.save(conn, &tx.call().tenant).await?;
        self.transfers.insert(conn, transfers::Model::TABLE, "").await?;
        self.entries.insert(conn, entries::Model::TABLE, "").await?;
        Ok(())
    }

    /// The changes as input of the procedure `post_single_call`; `None` if there are changes that
    /// it does not save.
    pub fn single_call_input(
        self,
        tenant: &TenantId,
        before: &Wallet,
    ) -> Result<Option<Map<String, Value>>, AppError> {
        if !self.new_lots.is_empty() || !self.debts.is_empty() {
            return Ok(None);
        }
        let wallet = serde_json::to_value(row(tenant, before))
            .map_err(|error| AppError::Fault(error.to_string()))?;
        let of_tables = [
            ("wallet", wallet),
            ("wallets", self.wallets.json()?),
            ("lots", self.lots.json()?),
            ("transfers", self.transfers.json()?),
            ("entries", self.entries.json()?),
            ("accruals", self.accruals.json()?),
        ];
        Ok(Some(of_tables.map(|(name, rows)| (name.to_owned(), rows)).into_iter().collect()))
    }
}
