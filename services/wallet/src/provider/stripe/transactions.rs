//! Balance transactions: pages of what moved the account's balance, each with what it is of, whole.

use super::{
    super::Unknown,
    STEP, Stripe, TENANT,
    client::Reply,
    listed::{MayNotRead, Readable},
    minor_units,
    objects::{BalanceTransaction, ChargeMessage, DisputeMessage, List, RefundMessage},
    stored,
};
use crate::store::provider_records;
use chrono::{DateTime, Utc};
use payterms_kernel::TenantId;
use payterms_wallet_domain::provider_payout::{ProviderTransaction, TransactionKind};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// What a balance transaction is of, as far as it is read.
pub(super) enum Source {
    Charge(ChargeMessage),
    Refund(RefundMessage),
    Dispute(DisputeMessage),
}

impl Source {
    /// What a transaction is of; none for fees, payouts and the like.
    fn of(transaction: &mut BalanceTransaction) -> Result<Option<Self>, Unknown> {
        let Some(source) = transaction.source.take() else { return Ok(None) };
        let kind = source.get("object").and_then(Value::as_str).unwrap_or_default().to_owned();
        let read = match kind.as_str() {
            "charge" => serde_json::from_value(source).map(Self::Charge),
            "refund" => serde_json::from_value(source).map(Self::Refund),
            "dispute" => serde_json::from_value(source).map(Self::Dispute),
            _ => return Ok(None),
        };
        read.map(Some)
            .map_err(|error| Unknown(format!("a balance transaction of a {kind}: {error}")))
    }

    /// The intent of its charge. What was charged without one is not the suite's.
    pub(super) fn intent(&self) -> Option<&str> {
        match self {
            Self::Charge(charge) => charge.payment_intent.as_deref(),
            Self::Refund(refund) => refund.payment_intent.as_deref(),
            Self::Dispute(dispute) => dispute.payment_intent.as_deref(),
        }
    }

    fn metadata(&self) -> Option<&HashMap<String, String>> {
        match self {
            Self::Charge(charge) => Some(&charge.metadata),
            Self::Refund(refund) => Some(&refund.metadata),
            Self::Dispute(_) => None,
        }
    }

    /// The step of the suite that made it, where it has the mark.
    pub(super) fn step(&self) -> Option<Uuid> {
        self.metadata().and_then(|metadata| metadata.get(STEP)).and_then(|step| step.parse().ok())
    }

    /// When it was made.
    pub(super) fn made_at(&self) -> DateTime<Utc> {
        let seconds = match self {
            Self::Charge(charge) => charge.created,
            Self::Refund(refund) => refund.created,
            Self::Dispute(dispute) => dispute.created,
        };
        DateTime::from_timestamp(seconds, 0).unwrap_or_default()
    }

    /// The id under which the suite keeps it, if it made it.
    fn id(&self) -> &str {
        match self {
            Self::Charge(charge) => charge.payment_intent.as_deref().unwrap_or_default(),
            Self::Refund(refund) => &refund.id,
            Self::Dispute(dispute) => &dispute.id,
        }
    }
}

/// A balance transaction.
pub(super) struct Entry {
    transaction: BalanceTransaction,
    /// What it is of.
    pub(super) source: Option<Source>,
    /// Whether that is a charge of the suite, or of one.
    pub(super) is_ours: bool,
}

fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

impl Entry {
    fn kind(&self) -> TransactionKind {
        match self.transaction.reporting_category.as_str() {
            "payout" | "payout_reversal" => TransactionKind::Payout,
            "fee" | "network_cost" | "tax" => TransactionKind::Fee,
            "charge" | "charge_failure" if self.is_ours => TransactionKind::Charge,
            "refund" | "refund_failure" if self.is_ours => TransactionKind::Refund,
            "dispute" | "dispute_reversal" if self.is_ours => TransactionKind::Dispute,
            _ => TransactionKind::Other,
        }
    }

    /// What is kept of it; nothing of what the suite has not made and has no currency for.
    pub(super) fn to_store(
        &self,
        payout: Option<Uuid>,
    ) -> Result<Option<ProviderTransaction>, Unknown> {
        if !self.is_ours && minor_units::to_money(&self.transaction.currency, 0).is_err() {
            return Ok(None);
        }
        let BalanceTransaction { id, amount, fee, currency, created, available_on, .. } =
            &self.transaction;
        let source = self.source.as_ref().filter(|_| self.is_ours);
        Ok(Some(ProviderTransaction {
            id: id.clone(),
            kind: self.kind(),
            source: source.map(Source::id).unwrap_or_default().to_owned(),
            charge: source.and_then(Source::intent).unwrap_or_default().to_owned(),
            amount: minor_units::to_money(currency, *amount)?,
            fee: minor_units::to_money(currency, *fee)?,
            created_at: instant(*created),
            available_at: instant(*available_on),
            payout,
        }))
    }
}

impl Stripe {
    /// A page of balance transactions by their path and filter, and after what the next page
    /// begins.
    pub(super) async fn entries(
        &self,
        tenant: &TenantId,
        filter: &str,
        after: Option<&str>,
    ) -> Readable<(Vec<Entry>, Option<String>)> {
        let (access, _) = self.access(tenant).await?;
        let after = after.map(|last| format!("&starting_after={last}")).unwrap_or_default();
        let path =
            format!("/v1/balance_transactions?{filter}&limit=100&expand[]=data.source{after}");
        let page: List<BalanceTransaction> = match self.client.get(&access, &path).await? {
            Reply::Done(page) => page,
            Reply::Denied => return Ok(Err(MayNotRead)),
            Reply::Refused(failure) => return Err(Unknown(failure.codes())),
        };
        let next = page.data.last().map(|last| last.id.clone()).filter(|_| page.has_more);
        let mut entries = Vec::new();
        for mut transaction in page.data {
            let source = Source::of(&mut transaction)?;
            entries.push(Entry { transaction, source, is_ours: false });
        }
        let intents: BTreeSet<&str> =
            entries.iter().filter_map(|entry| entry.source.as_ref()?.intent()).collect();
        let conn = self.db.read(tenant).await.map_err(stored)?;
        let made =
            provider_records::intents_among(&conn, tenant, &intents).await.map_err(stored)?;
        drop(conn);
        // What the tenant charges elsewhere by the same account is not the suite's; the marks find
        // charges of a database that was restored.
        let is_marked = |source: &Source| {
            source
                .metadata()
                .and_then(|metadata| metadata.get(TENANT))
                .is_some_and(|named| named == tenant.as_str())
        };
        for entry in &mut entries {
            entry.is_ours = entry.source.as_ref().is_some_and(|source| {
                source.intent().is_some_and(|intent| made.contains(intent) || is_marked(source))
            });
        }
        Ok(Ok((entries, next)))
    }
}
