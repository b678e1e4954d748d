//! What a notification is about. Only that is taken from it: the state is asked for.

use super::{
    super::{News, Unknown, Unread},
    Stripe,
    objects::EventMessage,
    signature, stored,
};
use crate::store::stripe as store;
use payterms_kernel::TenantId;
use serde_json::Value;

/// The events that are read; others change nothing here.
const SAVED: &str = "checkout.session.completed";
const CHARGED: [&str; 4] = [
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.requires_action",
];
const DISPUTED: [&str; 5] = [
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Stripe {
    /// Reads a notification, which the tenant's own secret must have signed just now.
    pub(super) async fn news(
        &self,
        tenant: &TenantId,
        body: &[u8],
        header: &str,
    ) -> Result<Option<News>, Unread> {
        let forged = |why: &str| Unread::Forged(why.to_owned());
        let connection = self
            .connection(tenant)
            .await
            .map_err(Unread::Unknown)?
            .ok_or_else(|| forged("no account is connected"))?;
        let secret = self
            .open_webhook_secret(tenant, &connection)
            .map_err(|error| Unread::Unknown(Unknown(error)))?;
        signature::check(header, body, &secret, self.db.clock().now()).map_err(forged)?;
        let Ok(event) = serde_json::from_slice::<EventMessage>(body) else { return Ok(None) };
        // A platform is told of all its accounts, and an endpoint may be told of both modes.
        let is_own = event.account.as_ref().is_none_or(|account| *account == connection.account)
            && event.livemode == connection.live;
        if !is_own || connection.on_behalf && event.account.is_none() {
            tracing::debug!(kind = event.kind, "a notification is about another account or mode");
            return Ok(None);
        }
        let object = &event.data.object;
        let kind = event.kind.as_str();
        if kind == SAVED {
            return Ok(Some(News::Setup(text(object, "id").to_owned())));
        }
        let (intent, news): (&str, fn(String) -> News) = if CHARGED.contains(&kind) {
            (text(object, "id"), News::Charge)
        } else if DISPUTED.contains(&kind) {
            (text(object, "payment_intent"), News::Dispute)
        } else {
            return Ok(None);
        };
        // A tenant may charge by the same account elsewhere.
        let conn = self.db.read(tenant).await.map_err(|error| Unread::Unknown(stored(error)))?;
        let stripe_intent = store::intent_at_stripe(&conn, tenant, intent)
            .await
            .map_err(|error| Unread::Unknown(stored(error)))?;
        Ok(stripe_intent.map(|stripe_intent| news(stripe_intent.stripe_id)))
    }
}
