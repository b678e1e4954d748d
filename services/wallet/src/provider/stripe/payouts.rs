//! What the account has paid out to the tenant's bank: payouts, and what each is made of.

use super::{
    super::Unknown,
    NAME, Stripe,
    client::Reply,
    listed::{MayNotRead, Readable},
    minor_units,
    objects::{List, PayoutMessage},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{TenantId, id::step_id};
use payterms_wallet_domain::{
    provider_payout::{PayoutState, ProviderPayout, ProviderTransaction},
    reconciliation::Period,
};
use uuid::Uuid;

/// How long before a period payouts are read again: they reach the bank, or fail, some days after
/// they were made.
const STILL_CHANGING: TimeDelta = TimeDelta::days(35);

/// A payout, and whether the list of its transactions is complete at Stripe.
#[derive(Debug, Clone)]
pub struct ListedPayout {
    /// The payout; whether it is listed here is for the store to say.
    pub payout: ProviderPayout,
    /// Whether Stripe says all that it is made of.
    pub is_complete: bool,
}

/// What is kept of a payout; nothing of one in a currency that the suite does not have, as it has
/// charged nothing of it.
fn read(message: &PayoutMessage) -> Result<Option<ListedPayout>, Unknown> {
    let Ok(amount) = minor_units::to_money(&message.currency, message.amount) else {
        return Ok(None);
    };
    let state = match message.status.as_str() {
        "pending" => PayoutState::Pending,
        "in_transit" => PayoutState::InTransit,
        "paid" => PayoutState::Paid,
        "failed" => PayoutState::Failed,
        "canceled" => PayoutState::Canceled,
        other => return Err(Unknown(format!("a payout that is {other:?}"))),
    };
    let instant = |seconds| DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default();
    let payout = ProviderPayout {
        id: step_id(Uuid::nil(), &format!("{NAME} {}", message.id)),
        provider: NAME.to_owned(),
        provider_id: message.id.clone(),
        state,
        automatic: message.automatic,
        is_listed: false,
        amount,
        arrives_on: instant(message.arrival_date).date_naive(),
        created_at: instant(message.created),
    };
    let is_complete =
        message.automatic && message.reconciliation_status.as_deref() == Some("completed");
    Ok(Some(ListedPayout { payout, is_complete }))
}

impl Stripe {
    /// A page of the payouts that were made in a period or changed in it, and after what the next
    /// page begins.
    ///
    /// # Errors
    /// `Unknown` where Stripe does not answer.
    pub async fn payouts(
        &self,
        tenant: &TenantId,
        period: Period,
        after: Option<&str>,
    ) -> Readable<(Vec<ListedPayout>, Option<String>)> {
        let (access, _) = self.access(tenant).await?;
        let after = after.map(|last| format!("&starting_after={last}")).unwrap_or_default();
        let from = (period.from - STILL_CHANGING).timestamp();
        let page: List<PayoutMessage> = match self
            .client
            .get(&access, &format!("/v1/payouts?created[gte]={from}&limit=100{after}"))
            .await?
        {
            Reply::Done(page) => page,
            Reply::Denied => return Ok(Err(MayNotRead)),
            Reply::Refused(failure) => return Err(Unknown(failure.codes())),
        };
        let next = page.data.last().map(|last| last.id.clone()).filter(|_| page.has_more);
        Ok(Ok((
            page.data
                .iter()
                .filter_map(|message| read(message).transpose())
                .collect::<Result<_, _>>()?,
            next,
        )))
    }

    /// A page of what a payout is made of, and after what the next page begins.
    ///
    /// # Errors
    /// `Unknown` where Stripe does not answer.
    pub async fn transactions_of(
        &self,
        tenant: &TenantId,
        payout: &ProviderPayout,
        after: Option<&str>,
    ) -> Readable<(Vec<ProviderTransaction>, Option<String>)> {
        let page = self.entries(tenant, &format!("payout={}", payout.provider_id), after).await?;
        let Ok((entries, next)) = page else { return Ok(Err(MayNotRead)) };
        let kept = entries
            .iter()
            .filter_map(|entry| entry.to_store(Some(payout.id)).transpose())
            .collect::<Result<_, _>>()?;
        Ok(Ok((kept, next)))
    }
}
