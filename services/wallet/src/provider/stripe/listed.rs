//! What an account lists of the tenant's charges: for reconciliations. Balance transactions say what moved in a period, and what they are of
//! says how it stands now.

use super::{
    super::Unknown,
    STEP, Stripe, TENANT,
    client::{Access, Reply},
    disputes::{state_of, takes_money},
    minor_units,
    objects::{BalanceTransaction, ChargeMessage, DisputeMessage, IntentMessage, List, RefundMessage},
    stored,
};
use crate::store::provider_records;
use chrono::{DateTime, Utc};
use payterms_kernel::TenantId;
use payterms_wallet_domain::{
    provider_difference::{Place, Record, RecordKind},
    reconciliation::Period,
};
use serde::de::DeserializeOwned;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// The tenant's key may not read what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MayNotRead;

/// An answer about what may be read.
type Readable<T> = Result<Result<T, MayNotRead>, Unknown>;

/// Something that moved, as it stands now.
#[derive(Debug, Clone)]
pub struct Moved {
    /// Where it is.
    pub place: Place,
    /// What stands; none where it has failed since.
    pub record: Option<Record>,
    /// The step of the suite that made it, where it has the mark.
    pub step: Option<Uuid>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

/// A page of what moved.
#[derive(Debug)]
pub struct MovedPage {
    /// What moved of the tenant's charges by the suite.
    pub moved: Vec<Moved>,
    /// After what the next page begins; none on the last.
    pub next: Option<String>,
}

/// What a balance transaction is of, as far as it is read.
enum Source {
    Charge(ChargeMessage),
    Refund(RefundMessage),
    Dispute(DisputeMessage),
}

impl Source {
    /// What a transaction is of; none for fees, payouts and the like.
    fn of(transaction: BalanceTransaction) -> Result<Option<Self>, Unknown> {
        let Some(source) = transaction.source else { return Ok(None) };
        let kind = source.get("object").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let read = match kind.as_str() {
            "charge" => serde_json::from_value(source).map(Self::Charge),
            "refund" => serde_json::from_value(source).map(Self::Refund),
            "dispute" => serde_json::from_value(source).map(Self::Dispute),
            _ => return Ok(None),
        };
        read.map(Some).map_err(|error| Unknown(format!("a balance transaction of a {kind}: {error}")))
    }

    /// The intent of its charge. What was charged without one is not the suite's.
    fn intent(&self) -> Option<&str> {
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

    fn made_at(&self) -> DateTime<Utc> {
        let seconds = match self {
            Self::Charge(charge) => charge.created,
            Self::Refund(refund) => refund.created,
            Self::Dispute(dispute) => dispute.created,
        };
        DateTime::from_timestamp(seconds, 0).unwrap_or_default()
    }

    /// How it stands; none while Stripe has not decided it, or where it takes no money.
    fn moved(&self, intent: &str) -> Result<Option<Moved>, Unknown> {
        let (kind, id, units, currency, outcome) = match self {
            Self::Charge(charge) => (RecordKind::Charge, intent, charge.amount_captured, &charge.currency, None),
            Self::Refund(refund) => (RecordKind::Refund, refund.id.as_str(), refund.amount, &refund.currency, None),
            Self::Dispute(own) => (RecordKind::Dispute, own.id.as_str(), own.amount, &own.currency, state_of(own)?),
        };
        let stands = match self {
            Self::Charge(charge) => charge.status == "succeeded",
            Self::Refund(refund) => match refund.status.as_deref() {
                Some("succeeded") => true,
                Some("failed" | "canceled") => false,
                _ => return Ok(None),
            },
            Self::Dispute(dispute) if !takes_money(dispute) => return Ok(None),
            Self::Dispute(_) => true,
        };
        let place = Place { kind, id: id.to_owned(), charge: intent.to_owned() };
        let amount = minor_units::to_money(currency, units)?;
        let record = stands.then(|| Record { place: place.clone(), amount, outcome });
        let step = self.metadata().and_then(|own| own.get(STEP)).and_then(|step| step.parse().ok());
        Ok(Some(Moved { place, record, step, made_at: self.made_at() }))
    }
}

impl Stripe {
    /// A page of what moved in a period, of charges that the suite has made for the tenant.
    ///
    /// # Errors
    /// `Unknown` where Stripe does not answer.
    pub async fn moved(&self, tenant: &TenantId, period: Period, after: Option<&str>) -> Readable<MovedPage> {
        let (access, _) = self.access(tenant).await?;
        let after = after.map(|last| format!("&starting_after={last}")).unwrap_or_default();
        // Stripe counts in seconds; what is listed twice is compared twice.
        let (from, to) = (period.from.timestamp(), period.to.timestamp().saturating_add(1));
        let path = format!("/v1/balance_transactions?created[gte]={from}&created[lt]={to}&limit=100&expand[]=data.source{after}");
        let page: List<BalanceTransaction> = match self.client.get(&access, &path).await? {
            Reply::Done(page) => page,
            Reply::Denied => return Ok(Err(MayNotRead)),
            Reply::Refused(failure) => return Err(Unknown(failure.codes())),
        };
        let next = page.data.last().map(|last| last.id.clone()).filter(|_| page.has_more);
        let sources = page.data.into_iter().filter_map(|transaction| Source::of(transaction).transpose());
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        let intents: BTreeSet<&str> = sources.iter().filter_map(Source::intent).collect();
        let conn = self.db.read(tenant).await.map_err(stored)?;
        let made = provider_records::intents_among(&conn, tenant, &intents).await.map_err(stored)?;
        drop(conn);
        // What the tenant charges elsewhere by the same account may be in any currency, and is not looked at.
        let is_marked = |source: &Source| source.metadata().and_then(|own| own.get(TENANT)).is_some_and(|own| own == tenant.as_str());
        let ours = sources.iter().filter_map(|source| Some((source, source.intent()?)));
        let ours = ours.filter(|(source, intent)| made.contains(*intent) || is_marked(source));
        let moved = ours.filter_map(|(source, intent)| source.moved(intent).transpose()).collect::<Result<_, _>>()?;
        Ok(Ok(MovedPage { moved, next }))
    }

    /// How something stands at Stripe by its id; none where it is not there, or takes no money.
    ///
    /// # Errors
    /// `Unknown` where Stripe does not answer.
    pub async fn record_at(&self, tenant: &TenantId, place: &Place) -> Readable<Option<Record>> {
        let (access, _) = self.access(tenant).await?;
        match place.kind {
            RecordKind::Charge => {
                let Ok(found) = self.object::<IntentMessage>(&access, &format!("/v1/payment_intents/{}", place.id)).await? else {
                    return Ok(Err(MayNotRead));
                };
                let intent = found.filter(|intent| intent.status == "succeeded");
                Ok(Ok(intent.map(|intent| charge_of(place, &intent)).transpose()?))
            }
            RecordKind::Refund => {
                let Ok(found) = self.object(&access, &format!("/v1/refunds/{}", place.id)).await? else { return Ok(Err(MayNotRead)) };
                Ok(Ok(record_of(place, found.map(Source::Refund))?))
            }
            RecordKind::Dispute => {
                let Ok(found) = self.object(&access, &format!("/v1/disputes/{}", place.id)).await? else { return Ok(Err(MayNotRead)) };
                Ok(Ok(record_of(place, found.map(Source::Dispute))?))
            }
        }
    }

    /// An object; none where there is none.
    async fn object<T: DeserializeOwned>(&self, access: &Access, path: &str) -> Readable<Option<T>> {
        match self.client.get(access, path).await? {
            Reply::Done(found) => Ok(Ok(Some(found))),
            Reply::Denied => Ok(Err(MayNotRead)),
            Reply::Refused(failure) if failure.is_missing() => Ok(Ok(None)),
            Reply::Refused(failure) => Err(Unknown(failure.codes())),
        }
    }
}

fn record_of(place: &Place, source: Option<Source>) -> Result<Option<Record>, Unknown> {
    let Some(source) = source else { return Ok(None) };
    Ok(source.moved(&place.charge)?.and_then(|moved| moved.record))
}

fn charge_of(place: &Place, intent: &IntentMessage) -> Result<Record, Unknown> {
    let amount = minor_units::to_money(&intent.currency, intent.taken())?;
    Ok(Record { place: place.clone(), amount, outcome: None })
}
