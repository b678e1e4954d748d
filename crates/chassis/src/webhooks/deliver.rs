//! The background task that delivers webhooks: it makes deliveries of new events, claims those that
//! are due, sends each in a task of its own, and writes how it went. It uses real time, whatever
//! the tenant's clock says, and no test clock waits for it.

use crate::{
    bus::relay::Relay,
    db::{Db, sql},
    edge::access::AccessTable,
    flow::background::Beat,
    kill,
    net::outside::AddressRules,
    seal::Seal,
    telemetry::metrics,
    webhooks::{
        claims::{self, Claimed},
        envelope,
        fan_out::{FanOut, OutboxRow, deliverable},
        lanes::{Lanes, Place},
        sender::{Message, Sender},
        signature::signature,
        targets::{self, FAILURE, Target},
        verdict::{self, MOST_JITTER, Outcome, Verdict},
    },
    wire::{call::Call, error::AppError, render::timestamp},
};
use futures::future::BoxFuture;
use opentelemetry::{KeyValue, metrics::Counter};
use payterms_proto::common::{peers::v1::WebhookFailed, v1::PublicEvent};
use rand::seq::SliceRandom;
use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How often it looks by itself, since another replica may have stored something, and time passes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// It looks no sooner after events were committed, so that many are made in one pass.
const GATHERS: Duration = Duration::from_millis(50);
/// How long requests under way may take when the process ends. What has no answer by then is sent
/// again by who comes next.
const DRAINS: Duration = Duration::from_secs(5);

/// What a service does where the endpoints are its own and one has failed, in the transaction that
/// notes it. Others publish it.
pub type OnFailure = for<'a> fn(
    &'a mut crate::db::WriteTx,
    &'a WebhookFailed,
) -> BoxFuture<'a, Result<(), AppError>>;

static ATTEMPTS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let description = "Requests of webhooks that were sent, or that the address of their endpoint forbade, by how they ended.";
    metrics::meter()
        .u64_counter("payterms.webhooks.attempts")
        .with_unit("{request}")
        .with_description(description)
        .build()
});

/// Counts attempts of a part with an outcome.
fn count_attempts(part: &'static str, outcome: Outcome, attempts: u64) {
    ATTEMPTS
        .add(attempts, &[metrics::part(part), KeyValue::new("payterms.outcome", outcome.name())]);
}

/// What a service needs to keep endpoints and to deliver to them.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Where they may go.
    pub rules: AddressRules,
    /// Seals their secrets; none where the installation has no key: then it sends none.
    pub seal: Option<Seal>,
    /// The types of events that may be delivered.
    pub types: Arc<HashSet<String>>,
}

impl Webhooks {
    /// The file of the key, in the folder of keys: 32 bytes, the same for all services.
    pub const KEY: &'static str = "webhooks.key";

    /// Reads the key, if there is one.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn open(keys: &Path, rules: AddressRules, access: &AccessTable) -> Result<Self, String> {
        let seal = Self::seal(keys)?;
        if seal.is_none() {
            tracing::warn!(file = %keys.join(Self::KEY).display(), "there is no key for webhooks: none are sent");
        }
        Ok(Self { rules, seal, types: Arc::new(deliverable(access)) })
    }

    /// The keys that secrets of webhooks are sealed with; none where their folder has no such file.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn seal(keys: &Path) -> Result<Option<Seal>, String> {
        Seal::read_if_there(&keys.join(Self::KEY))
    }
}

/// Delivers the events of one service.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    db: Db,
    seal: Option<Seal>,
    sender: Sender,
    fan_out: FanOut,
    placed: watch::Receiver<i64>,
    lanes: Lanes,
    on_failure: Option<OnFailure>,
}

impl Delivery {
    pub(crate) fn new(
        db: Db,
        relay: &Relay,
        webhooks: Webhooks,
        on_failure: Option<OnFailure>,
    ) -> Self {
        // Counters begin at 0, so that the first of a kind is seen as a rise.
        for outcome in Outcome::KINDS {
            count_attempts(db.service(), outcome, 0);
        }
        Self {
            sender: Sender::new(webhooks.rules),
            fan_out: FanOut { db: db.clone(), types: webhooks.types },
            placed: relay.placed(),
            lanes: Lanes::default(),
            seal: webhooks.seal,
            db,
            on_failure,
        }
    }

    pub(crate) async fn run_forever(self, beat: Beat, stop: CancellationToken) {
        let Some(seal) = self.seal.clone() else {
            return beat.while_waiting(stop.cancelled()).await;
        };
        let (mut requests, mut placed) = (JoinSet::new(), self.placed.clone());
        loop {
            beat.beat();
            placed.mark_unchanged();
            while requests.try_join_next().is_some() {}
            let passed = self.pass(&seal, &mut requests).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "webhooks wait");
                Pass::Idle
            });
            let pause = if passed == Pass::More { Duration::ZERO } else { LOOK_EVERY };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
                () = self.lanes.freed() => {}
                Ok(()) = placed.changed(), if passed != Pass::Idle => tokio::time::sleep(GATHERS).await,
            }
        }
        let _ = beat
            .while_waiting(tokio::time::timeout(DRAINS, async {
                while requests.join_next().await.is_some() {}
            }))
            .await;
    }

    /// Makes deliveries and begins to send those that are due.
    async fn pass(&self, seal: &Seal, requests: &mut JoinSet<()>) -> Result<Pass, AppError> {
        if sql::one(self.db.system(), "SELECT 1 AS found FROM webhook_targets LIMIT 1", vec![])
            .await?
            .is_none()
        {
            return Ok(Pass::Idle);
        }
        let more = self.fan_out.run_once().await?;
        let mut due = claims::due_targets(&self.db).await?;
        // If there are more than places, none is always the last.
        due.shuffle(&mut rand::rng());
        for target in &due {
            let free = self.lanes.free(target);
            if free == 0 {
                continue;
            }
            for claimed in claims::claim(&self.db, target, free).await? {
                let (delivery, seal, place) = (self.clone(), seal.clone(), self.lanes.take(target));
                requests.spawn(async move { delivery.attempt(&seal, &claimed, place).await });
            }
        }
        Ok(if more { Pass::More } else { Pass::Watching })
    }

    /// Sends one delivery. `_place` is free again when this ends.
    async fn attempt(&self, seal: &Seal, claimed: &Claimed, _place: Place) {
        if let Err(error) = self.try_attempt(seal, claimed).await {
            tracing::warn!(event = %claimed.event, endpoint = %claimed.endpoint, %error, "a webhook is tried again after its claim");
        }
    }

    async fn try_attempt(&self, seal: &Seal, claimed: &Claimed) -> Result<(), AppError> {
        // Without it the endpoint was disabled or deleted meanwhile: the delivery waits.
        let Some(target) =
            targets::find(self.db.system(), (&claimed.tenant, claimed.endpoint), "").await?
        else {
            return Ok(());
        };
        let Some(event) = self.event(claimed).await? else { return claimed.lapse(&self.db).await };
        let (now, body) = (self.db.clock().now(), envelope::body(&event)?);
        let signature = signature(&target.open(seal, now)?, &event.id, now.timestamp(), &body);
        kill::point("webhooks.before_send");
        let message = Message {
            url: &target.url,
            id: &event.id,
            timestamp: now.timestamp(),
            signature: &signature,
            body,
        };
        let outcome = self.sender.send(message).await;
        kill::point("webhooks.after_send");
        count_attempts(self.db.service(), outcome, 1);
        let verdict = verdict::after(
            outcome,
            claimed.attempts.saturating_add(1),
            rand::random_range(0..=MOST_JITTER),
        );
        if verdict == Verdict::GiveUp {
            self.give_up(claimed, &target, outcome).await
        } else {
            self.finish(claimed, &target, outcome, verdict).await
        }
    }

    /// The event of a delivery; none if it is not kept any more.
    async fn event(&self, claimed: &Claimed) -> Result<Option<PublicEvent>, AppError> {
        let select = format!(
            "SELECT {} FROM outbox WHERE tenant = $1 AND position = $2",
            OutboxRow::COLUMNS
        );
        let values = vec![claimed.tenant.as_str().into(), claimed.position.into()];
        let Some(row) = sql::one(self.db.system(), &select, values).await? else { return Ok(None) };
        let mut events = OutboxRow::read(&row, &claimed.tenant)?.events();
        let item = usize::try_from(claimed.item).ok().filter(|item| *item < events.len());
        let event = item.and_then(|item| events.swap_remove(item));
        // In a database that was restored another event may be there.
        Ok(event.filter(|event| event.id == claimed.event.to_string()))
    }

    async fn finish(
        &self,
        claimed: &Claimed,
        target: &Target,
        outcome: Outcome,
        verdict: Verdict,
    ) -> Result<(), AppError> {
        let now = self.db.clock().now();
        let txn = self.db.transaction().await?;
        let failed_at = (verdict != Verdict::Done).then_some(now);
        if claimed.finish(&txn, outcome, verdict, now).await?
            && failed_at.is_some() != target.failing_since.is_some()
        {
            targets::note_attempt(&txn, target, failed_at).await?;
        }
        Ok(txn.commit().await?)
    }

    /// Ends a delivery without success. If nothing else arrives at the endpoint either, the service
    /// gives it up and says so.
    async fn give_up(
        &self,
        claimed: &Claimed,
        target: &Target,
        outcome: Outcome,
    ) -> Result<(), AppError> {
        let call = Call::internal(
            self.db.service(),
            &target.tenant,
            "webhooks.give_up",
            claimed.event,
            None,
        );
        let mut tx = self.db.begin_apart(&call).await?;
        let real = tx.time().real;
        if !claimed.finish(tx.conn(), outcome, Verdict::GiveUp, real).await? {
            return Ok(());
        }
        targets::note_attempt(tx.conn(), target, Some(real)).await?;
        if outcome == Outcome::Gone || !claimed.others_arrive(tx.conn()).await? {
            let failure = WebhookFailed {
                endpoint: target.name(),
                generation: target.generation,
                outcome: outcome.reported().into(),
                http_status: outcome.http_status().into(),
                failing_since: Some(timestamp(
                    target.failing_since.unwrap_or(claimed.first_attempt_at),
                )),
                event_type: claimed.event_type.clone(),
            };
            if targets::give_up(tx.conn(), target, &failure).await? {
                match self.on_failure {
                    Some(disable) => disable(&mut tx, &failure).await?,
                    None => tx.emit(FAILURE, &target.endpoint.to_string(), &failure).await?,
                }
            }
        }
        tx.commit_rows().await
    }
}

/// What a pass has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// No endpoint.
    Idle,
    /// All is made and begun.
    Watching,
    /// There are more deliveries to make.
    More,
}
