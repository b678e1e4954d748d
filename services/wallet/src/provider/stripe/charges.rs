//! Charges: an intent is made, its id is stored, then it is confirmed. Only the stored one is ever
//! confirmed, and Stripe takes money by an intent once at most, so that a charge is made once at
//! most whoever dies and whatever answer is lost.
//!
//! An intent whose making got no answer is made again with the same key and words, as long as
//! Stripe knows the key. Later the customer's intents are read; an intent that is not among them
//! was never made, and nothing is charged.

use super::{
    super::{ChargeOrder, ProviderCharge, REJECTED, Unknown},
    STEP, Stripe, TENANT,
    client::Access,
    debits::CARD,
    declines::{Decline, decline},
    minor_units,
    objects::{Failure, IntentMessage, List},
    stored,
};
use crate::store::stripe::{self as store, StripeIntent};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_chassis::{Call, kill};
use payterms_kernel::TenantId;
use payterms_wallet_domain::top_up::Charged;
use uuid::Uuid;

/// How long a request with the same key is the same request. Stripe forgets keys after a day.
const REPEATS_FOR: TimeDelta = TimeDelta::hours(23);
/// How long after an answer that leaves it open a charge is asked for again.
const ASK_AGAIN: TimeDelta = TimeDelta::hours(1);
/// Most pages of a customer's intents that are read.
const MOST_PAGES: usize = 100;
/// Stripe's word for an intent that is given up because nobody authenticated.
const ABANDONED: &str = "abandoned";

/// An intent that was to be made, or what its refusal means.
type Made = Result<IntentMessage, Charged>;

fn refused(failure: &Failure) -> Charged {
    match decline(failure) {
        Decline::Authentication => Charged::RequiresAction,
        Decline::Code(code) => Charged::Declined(code),
    }
}

fn rejected() -> Charged {
    Charged::Declined(REJECTED.to_owned())
}

/// What the failure of an intent says that took no money and never will.
fn failed(intent: &IntentMessage) -> Charged {
    match &intent.last_payment_error {
        _ if intent.cancellation_reason.as_deref() == Some(ABANDONED) => Charged::RequiresAction,
        Some(failure) => refused(failure),
        None => rejected(),
    }
}

/// The outcome of an intent that has one; `None` for one that is cancelled.
fn settled(intent: &IntentMessage, now: DateTime<Utc>) -> Result<Option<Charged>, Unknown> {
    match intent.status.as_str() {
        "succeeded" if intent.taken() == intent.amount => Ok(Some(Charged::Succeeded)),
        "processing" => Ok(Some(Charged::Processing(now + ASK_AGAIN))),
        "canceled" => Ok(None),
        other => Err(Unknown(format!("an intent that is {other:?}"))),
    }
}

/// The customer and the method at Stripe that a token names, and the method's kind: a card where it
/// says none.
fn parts_of(token: &str) -> Option<(&str, &str, &str)> {
    let (customer, method) = token.split_once('/')?;
    let (method, kind) = method.split_once('/').unwrap_or((method, CARD));
    (!customer.is_empty() && !method.is_empty()).then_some((customer, method, kind))
}

impl Stripe {
    /// Charges, once per step.
    pub(super) async fn charge_once(&self, order: &ChargeOrder) -> Result<ProviderCharge, Unknown> {
        let nothing = |outcome| Ok(ProviderCharge { id: String::new(), outcome });
        let (Some((customer, method, kind)), Some(_)) =
            (parts_of(&order.token), minor_units::of_money(order.amount))
        else {
            return nothing(rejected());
        };
        let (access, _) = self.access(&order.tenant).await?;
        let new = StripeIntent {
            step: order.key,
            stripe_id: String::new(),
            stripe_customer: customer.to_owned(),
            stripe_method: method.to_owned(),
            amount: order.amount,
            first_asked_at: self.db.clock().now(),
        };
        let row = self.begin(&order.tenant, &new).await?;
        let intent = if row.stripe_id.is_empty() {
            match self.make(&access, &order.tenant, &row, kind).await? {
                Ok(intent) => intent,
                Err(outcome) => return nothing(outcome),
            }
        } else {
            self.intent(&access, &row.stripe_id).await?
        };
        kill::point("stripe.before_confirm");
        let intent = if intent.status == "requires_confirmation" {
            self.confirm(&access, &row, &intent.id).await?
        } else {
            intent
        };
        kill::point("stripe.after_confirm");
        let charged = self.ended(&access, &row, intent, order.now).await?;
        charged.ok_or_else(|| Unknown("the intent waits for its confirmation".to_owned()))
    }

    /// The charge of a step; `None` if nothing was confirmed, so that nothing is charged.
    pub(super) async fn charge_of_step(
        &self,
        tenant: &TenantId,
        step: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Option<ProviderCharge>, Unknown> {
        let conn = self.db.read(tenant).await.map_err(stored)?;
        let row = store::intent_of_step(&conn, tenant, step).await.map_err(stored)?;
        drop(conn);
        let Some(row) = row.filter(|row| !row.stripe_id.is_empty()) else { return Ok(None) };
        let (access, _) = self.access(tenant).await?;
        let intent = self.intent(&access, &row.stripe_id).await?;
        self.ended(&access, &row, intent, now).await
    }

    /// Stores that Stripe is about to be asked, and answers what is stored: a charge that was begun
    /// before keeps its words.
    async fn begin(&self, tenant: &TenantId, new: &StripeIntent) -> Result<StripeIntent, Unknown> {
        let call = Call::internal("wallet", tenant, "stripe_intent_begun", new.step, None);
        let tx = self.db.begin_apart(&call).await.map_err(stored)?;
        store::begin_intent(tx.conn(), tenant, new).await.map_err(stored)?;
        let row = store::intent_of_step(tx.conn(), tenant, new.step).await.map_err(stored)?;
        tx.commit_rows().await.map_err(stored)?;
        row.ok_or_else(|| Unknown("a charge that was stored is gone".to_owned()))
    }

    /// Makes an intent, or finds it, and stores its id.
    async fn make(
        &self,
        access: &Access,
        tenant: &TenantId,
        row: &StripeIntent,
        kind: &str,
    ) -> Result<Made, Unknown> {
        let intent = if self.db.clock().now() - row.first_asked_at < REPEATS_FOR {
            match self.create(access, tenant, row, kind).await {
                Ok(Ok(intent)) => intent,
                Ok(Err(failure)) => return Ok(Err(refused(&failure))),
                // Stripe repeats a fault as it repeats an answer, though the intent may be made.
                Err(unknown) => self.look_up(access, row).await?.ok_or(unknown)?,
            }
        } else {
            match self.look_up(access, row).await? {
                Some(intent) => intent,
                None => return Ok(Err(rejected())),
            }
        };
        kill::point("stripe.after_create");
        let call = Call::internal("wallet", tenant, "stripe_intent_named", row.step, None);
        let tx = self.db.begin_apart(&call).await.map_err(stored)?;
        store::name_intent(tx.conn(), tenant, row.step, &intent.id).await.map_err(stored)?;
        let named = store::intent_of_step(tx.conn(), tenant, row.step).await.map_err(stored)?;
        tx.commit_rows().await.map_err(stored)?;
        // Another driver was faster with another intent: that one is confirmed, this one never.
        if named.is_none_or(|named| named.stripe_id != intent.id) {
            return Err(Unknown("another intent was stored meanwhile".to_owned()));
        }
        Ok(Ok(intent))
    }

    async fn create(
        &self,
        access: &Access,
        tenant: &TenantId,
        row: &StripeIntent,
        kind: &str,
    ) -> Result<Result<IntentMessage, Failure>, Unknown> {
        let amount = minor_units::of_money(row.amount)
            .ok_or_else(|| Unknown("an amount that Stripe has no units for".to_owned()))?;
        let (amount, currency, step) = (
            amount.to_string(),
            row.amount.currency().code().to_ascii_lowercase(),
            row.step.to_string(),
        );
        let (mark, owner) = (format!("metadata[{STEP}]"), format!("metadata[{TENANT}]"));
        let form = [
            ("amount", amount.as_str()),
            ("currency", &currency),
            ("customer", &row.stripe_customer),
            ("payment_method", &row.stripe_method),
            ("payment_method_types[]", kind),
            (&mark, &step),
            (&owner, tenant.as_str()),
        ];
        self.client.post(access, "/v1/payment_intents", &step, &form).await?.answered()
    }

    /// The intent of a step among those of its customer, which are all read: a search could be
    /// behind.
    async fn look_up(
        &self,
        access: &Access,
        row: &StripeIntent,
    ) -> Result<Option<IntentMessage>, Unknown> {
        let (step, since) =
            (row.step.to_string(), (row.first_asked_at - TimeDelta::hours(1)).timestamp());
        let mut after = String::new();
        for _ in 0..MOST_PAGES {
            let path = format!(
                "/v1/payment_intents?customer={}&created[gte]={since}&limit=100{after}",
                row.stripe_customer
            );
            let page: List<IntentMessage> = self.client.get(access, &path).await?.must()?;
            let last = page.data.last().map(|intent| intent.id.clone());
            if let Some(found) =
                page.data.into_iter().find(|intent| intent.metadata.get(STEP) == Some(&step))
            {
                return Ok(Some(found));
            }
            match last.filter(|_| page.has_more) {
                Some(last) => after = format!("&starting_after={last}"),
                None => return Ok(None),
            }
        }
        Err(Unknown("the customer has more intents than are read".to_owned()))
    }

    /// The key of one try. An intent is confirmed or cancelled once whatever the key; with the same
    /// one Stripe would repeat a fault that it has answered before, for a day.
    fn key_of_try(&self, row: &StripeIntent, what: &str) -> String {
        format!("{}-{what}-{}", row.step, self.db.clock().now().timestamp_micros())
    }

    async fn intent(&self, access: &Access, id: &str) -> Result<IntentMessage, Unknown> {
        self.client.get(access, &format!("/v1/payment_intents/{id}")).await?.must()
    }

    /// Confirms an intent with nobody present. Whatever a refusal says, the intent itself says what
    /// has become of it.
    async fn confirm(
        &self,
        access: &Access,
        row: &StripeIntent,
        id: &str,
    ) -> Result<IntentMessage, Unknown> {
        let key = self.key_of_try(row, "confirm");
        let path = format!("/v1/payment_intents/{id}/confirm");
        let failure = match self
            .client
            .post(access, &path, &key, &[("off_session", "true")])
            .await?
            .answered()?
        {
            Ok(intent) => return Ok(intent),
            Err(failure) => failure,
        };
        let intent = self.intent(access, id).await?;
        if intent.status != "requires_confirmation" {
            return Ok(intent);
        }
        // It was not even tried, and would not be the next time.
        Ok(IntentMessage {
            status: "requires_payment_method".to_owned(),
            last_payment_error: Some(failure),
            ..intent
        })
    }

    /// What has become of an intent; `None` while it waits for its confirmation. One that failed is
    /// cancelled, so that nothing can be taken by it later.
    async fn ended(
        &self,
        access: &Access,
        row: &StripeIntent,
        intent: IntentMessage,
        now: DateTime<Utc>,
    ) -> Result<Option<ProviderCharge>, Unknown> {
        let expected = minor_units::of_money(row.amount);
        if Some(intent.amount) != expected
            || !intent.currency.eq_ignore_ascii_case(row.amount.currency().code())
        {
            return Err(Unknown("the intent is of another amount".to_owned()));
        }
        let outcome = match intent.status.as_str() {
            "requires_confirmation" => return Ok(None),
            "requires_action" | "requires_payment_method" => {
                let needs_person = intent.status == "requires_action"
                    || failed(&intent) == Charged::RequiresAction;
                let cancelled = self.cancel(access, row, &intent.id, needs_person).await?;
                match settled(&cancelled, now)? {
                    Some(outcome) => outcome,
                    None if needs_person => Charged::RequiresAction,
                    None => failed(&intent),
                }
            }
            _ => match settled(&intent, now)? {
                Some(outcome) => outcome,
                None => failed(&intent),
            },
        };
        Ok(Some(ProviderCharge { id: intent.id, outcome }))
    }

    async fn cancel(
        &self,
        access: &Access,
        row: &StripeIntent,
        id: &str,
        needs_person: bool,
    ) -> Result<IntentMessage, Unknown> {
        let key = self.key_of_try(row, "cancel");
        let form: &[(&str, &str)] =
            if needs_person { &[("cancellation_reason", ABANDONED)] } else { &[] };
        match self
            .client
            .post(access, &format!("/v1/payment_intents/{id}/cancel"), &key, form)
            .await?
            .answered()?
        {
            Ok(intent) => Ok(intent),
            // It has ended meanwhile.
            Err(_) => self.intent(access, id).await,
        }
    }
}
