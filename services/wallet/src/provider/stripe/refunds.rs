//! Refunds. Keys are forgotten after a day, so that the refunds of the charge are read before
//! another is asked for.

use super::{
    super::{ProviderRefund, RefundOrder, Unknown},
    STEP, Stripe, TENANT,
    client::Access,
    minor_units,
    objects::{List, RefundMessage},
};
use payterms_wallet_domain::refund::Refunded;

/// Most pages of refunds of one charge that are read.
const MOST_PAGES: usize = 20;

/// What has become of a refund. While Stripe has not decided it, nothing is known.
fn ended(refund: RefundMessage) -> Result<ProviderRefund, Unknown> {
    let outcome = match refund.status.as_deref() {
        Some("succeeded") => Refunded::Succeeded,
        Some("failed" | "canceled") => Refunded::Failed,
        other => return Err(Unknown(format!("a refund that is {other:?}"))),
    };
    Ok(ProviderRefund { id: refund.id, outcome })
}

impl Stripe {
    /// Refunds, once per step.
    pub(super) async fn refund_once(&self, order: &RefundOrder) -> Result<ProviderRefund, Unknown> {
        let failed = || Ok(ProviderRefund { id: String::new(), outcome: Refunded::Failed });
        let Some(amount) = minor_units::of_money(order.amount) else { return failed() };
        let (access, _) = self.access(&order.tenant).await?;
        let (step, amount) = (order.key.to_string(), amount.to_string());
        if let Some(made) = self.refund_of_step(&access, &order.charge_id, &step).await? {
            return ended(made);
        }
        let (mark, owner) = (format!("metadata[{STEP}]"), format!("metadata[{TENANT}]"));
        let form = [
            ("payment_intent", order.charge_id.as_str()),
            ("amount", &amount),
            (&mark, &step),
            (&owner, order.tenant.as_str()),
        ];
        match self.client.post(&access, "/v1/refunds", &step, &form).await?.answered()? {
            Ok(made) => ended(made),
            // More than is left of the charge, or the issuer has taken it back.
            Err(failure) => {
                tracing::info!(why = failure.codes(), "Stripe takes no refund");
                failed()
            }
        }
    }

    async fn refund_of_step(
        &self,
        access: &Access,
        intent: &str,
        step: &str,
    ) -> Result<Option<RefundMessage>, Unknown> {
        let mut after = String::new();
        for _ in 0..MOST_PAGES {
            let path = format!("/v1/refunds?payment_intent={intent}&limit=100{after}");
            let page: List<RefundMessage> = self.client.get(access, &path).await?.must()?;
            let last = page.data.last().map(|refund| refund.id.clone());
            if let Some(found) = page
                .data
                .into_iter()
                .find(|refund| refund.metadata.get(STEP).is_some_and(|text| text == step))
            {
                return Ok(Some(found));
            }
            match last.filter(|_| page.has_more) {
                Some(last) => after = format!("&starting_after={last}"),
                None => return Ok(None),
            }
        }
        Err(Unknown("the charge has more refunds than are read".to_owned()))
    }
}
