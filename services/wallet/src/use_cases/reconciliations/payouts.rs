//! Keeps a copy of what moved the balance at Stripe and of its payouts, and compares each payout
//! with what it is made of. The copy is written page by page: it is Stripe's word, the same whoever
//! reads it again.

use super::examine::{Examination, Examined, Found, MOST_PAGES};
use crate::{
    provider::{
        stripe::{ListedPayout, NAME},
        unanswered,
    },
    store::{provider_payouts, provider_transactions},
};
use payterms_chassis::{AppError, Call, kill};
use payterms_wallet_domain::{
    provider_difference::{Finding, Place, RecordKind, Side},
    provider_payout::{ProviderPayout, ProviderTransaction, Sums},
    reconciliation::{Period, ReconciliationState},
};
use uuid::Uuid;

impl Examination<'_> {
    /// Keeps a page of transactions.
    pub(super) async fn keep(&self, transactions: &[ProviderTransaction]) -> Result<(), AppError> {
        if transactions.is_empty() {
            return Ok(());
        }
        let call =
            Call::internal("wallet", self.tenant, "provider_transactions_read", Uuid::nil(), None);
        let tx = self.app.db.begin_apart(&call).await?;
        provider_transactions::save(&tx, NAME, transactions).await?;
        tx.commit_rows().await
    }

    /// Keeps the payouts that were made or have changed, and compares those whose list is complete.
    pub(super) async fn read_payouts(
        &self,
        examined: &mut Examined,
        period: Period,
    ) -> Result<Result<(), ReconciliationState>, AppError> {
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page = self
                .accounts
                .payouts(self.tenant, period, after.as_deref())
                .await
                .map_err(unanswered)?;
            let Ok((payouts, next)) = page else { return Ok(Err(ReconciliationState::KeyRefused)) };
            for listed in payouts {
                if let Err(failed) = self.read_payout(examined, listed).await? {
                    return Ok(Err(failed));
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(Ok(())),
            }
        }
        Ok(Err(ReconciliationState::TooMany))
    }

    async fn read_payout(
        &self,
        examined: &mut Examined,
        ListedPayout { payout, is_complete }: ListedPayout,
    ) -> Result<Result<(), ReconciliationState>, AppError> {
        let conn = self.app.db.read(self.tenant).await?;
        let before = provider_payouts::find(&conn, self.tenant, payout.id).await?;
        drop(conn);
        // Its row is there before those that name it.
        let is_listed = before.is_some_and(|before| before.is_listed);
        self.keep_payout(&ProviderPayout { is_listed, ..payout.clone() }).await?;
        kill::point("provider_payout.after_row");
        if !is_complete {
            return Ok(Ok(()));
        }
        if !is_listed || self.differs(&payout).await?.is_some() {
            if let Err(failed) = self.keep_list(&payout).await? {
                return Ok(Err(failed));
            }
            kill::point("provider_payout.after_list");
            self.keep_payout(&ProviderPayout { is_listed: true, ..payout.clone() }).await?;
            examined.listed.count(RecordKind::Payout);
        }
        let place = Place {
            kind: RecordKind::Payout,
            id: payout.provider_id.clone(),
            charge: String::new(),
        };
        if let Some(net) = self.differs(&payout).await? {
            let (at_provider, in_ledger) = (
                Side { amount: payout.amount, outcome: None },
                Side { amount: net, outcome: None },
            );
            let finding = Finding {
                place: place.clone(),
                at_provider: Some(at_provider),
                in_ledger: Some(in_ledger),
            };
            examined.found.push(Found { finding, step: None, settles_itself: false });
        }
        examined.seen.insert(place);
        Ok(Ok(()))
    }

    async fn keep_payout(&self, payout: &ProviderPayout) -> Result<(), AppError> {
        let call = Call::internal("wallet", self.tenant, "provider_payout_read", payout.id, None);
        let tx = self.app.db.begin_apart(&call).await?;
        provider_payouts::save(&tx, payout).await?;
        tx.commit_rows().await
    }

    /// Keeps all that a payout is made of.
    async fn keep_list(
        &self,
        payout: &ProviderPayout,
    ) -> Result<Result<(), ReconciliationState>, AppError> {
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page = self
                .accounts
                .transactions_of(self.tenant, payout, after.as_deref())
                .await
                .map_err(unanswered)?;
            let Ok((transactions, next)) = page else {
                return Ok(Err(ReconciliationState::KeyRefused));
            };
            self.keep(&transactions).await?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(Ok(())),
            }
        }
        Ok(Err(ReconciliationState::TooMany))
    }

    /// What the transactions of a payout come to, where that is another amount.
    async fn differs(
        &self,
        payout: &ProviderPayout,
    ) -> Result<Option<payterms_kernel::Money>, AppError> {
        let conn = self.app.db.read(self.tenant).await?;
        let sums = provider_transactions::sums_of(&conn, self.tenant, &[payout.id]).await?;
        let net = sums
            .get(&payout.id)
            .copied()
            .unwrap_or_else(|| Sums::none(payout.amount.currency()))
            .net()?;
        Ok((net != payout.amount).then_some(net))
    }
}
