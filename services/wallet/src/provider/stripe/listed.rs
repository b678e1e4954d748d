//! What an account lists of the tenant's charges: for reconciliations. Balance transactions say
//! what moved in a period, and what they are of says how it stands now.

use super::{
    super::Unknown,
    Stripe,
    client::{Access, Reply},
    disputes::{state_of, takes_money},
    minor_units,
    objects::IntentMessage,
    transactions::Source,
};
use chrono::{DateTime, Utc};
use payterms_kernel::TenantId;
use payterms_wallet_domain::{
    provider_difference::{Place, Record, RecordKind},
    provider_payout::ProviderTransaction,
    reconciliation::Period,
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// The tenant's key may not read what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MayNotRead;

/// An answer about what may be read.
pub(super) type Readable<T> = Result<Result<T, MayNotRead>, Unknown>;

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
    /// All that moved the balance.
    pub transactions: Vec<ProviderTransaction>,
    /// After what the next page begins; none on the last.
    pub next: Option<String>,
}

impl Source {
    /// How it stands; none while Stripe has not decided it, or where it takes no money.
    fn moved(&self, intent: &str) -> Result<Option<Moved>, Unknown> {
        let (kind, id, units, currency, outcome) = match self {
            Self::Charge(charge) => {
                (RecordKind::Charge, intent, charge.amount_captured, &charge.currency, None)
            }
            Self::Refund(refund) => {
                (RecordKind::Refund, refund.id.as_str(), refund.amount, &refund.currency, None)
            }
            Self::Dispute(dispute) => (
                RecordKind::Dispute,
                dispute.id.as_str(),
                dispute.amount,
                &dispute.currency,
                state_of(dispute)?,
            ),
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
        Ok(Some(Moved { place, record, step: self.step(), made_at: self.made_at() }))
    }
}

impl Stripe {
    /// A page of what moved in a period, of charges that the suite has made for the tenant.
    ///
    /// # Errors
    /// `Unknown` where Stripe does not answer.
    pub async fn moved(
        &self,
        tenant: &TenantId,
        period: Period,
        after: Option<&str>,
    ) -> Readable<MovedPage> {
        // Stripe counts in seconds; what is listed twice is compared twice.
        let (from, to) = (period.from.timestamp(), period.to.timestamp().saturating_add(1));
        let Ok((entries, next)) =
            self.entries(tenant, &format!("created[gte]={from}&created[lt]={to}"), after).await?
        else {
            return Ok(Err(MayNotRead));
        };
        let transactions = entries
            .iter()
            .filter_map(|entry| entry.to_store(None).transpose())
            .collect::<Result<_, _>>()?;
        let ours =
            entries.iter().filter(|entry| entry.is_ours).filter_map(|entry| entry.source.as_ref());
        let moved = ours
            .filter_map(|source| source.moved(source.intent()?).transpose())
            .collect::<Result<_, _>>()?;
        Ok(Ok(MovedPage { moved, transactions, next }))
    }

    /// How something stands at Stripe by its id; none where it is not there, or takes no money.
    ///
    /// # Errors
    /// `Unknown` where Stripe does not answer.
    pub async fn record_at(&self, tenant: &TenantId, place: &Place) -> Readable<Option<Record>> {
        let (access, _) = self.access(tenant).await?;
        match place.kind {
            RecordKind::Charge => {
                let Ok(found) = self
                    .object::<IntentMessage>(&access, &format!("/v1/payment_intents/{}", place.id))
                    .await?
                else {
                    return Ok(Err(MayNotRead));
                };
                let intent = found.filter(|intent| intent.status == "succeeded");
                Ok(Ok(intent.map(|intent| charge_of(place, &intent)).transpose()?))
            }
            RecordKind::Refund => {
                let Ok(found) = self.object(&access, &format!("/v1/refunds/{}", place.id)).await?
                else {
                    return Ok(Err(MayNotRead));
                };
                Ok(Ok(record_of(place, found.map(Source::Refund))?))
            }
            RecordKind::Dispute => {
                let Ok(found) = self.object(&access, &format!("/v1/disputes/{}", place.id)).await?
                else {
                    return Ok(Err(MayNotRead));
                };
                Ok(Ok(record_of(place, found.map(Source::Dispute))?))
            }
            RecordKind::Payout => {
                Err(Unknown("a payout is read with all that it is made of".to_owned()))
            }
        }
    }

    /// An object; none where there is none.
    async fn object<T: DeserializeOwned>(
        &self,
        access: &Access,
        path: &str,
    ) -> Readable<Option<T>> {
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
