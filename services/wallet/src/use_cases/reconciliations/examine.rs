//! Compares what moved at Stripe and in the ledger in a period, and what was apart before. It
//! changes nothing, but for the copy of what Stripe lists.
//!
//! Both are asked for more than their own list: what the one has of the period is looked up at the
//! other by its id, so that it does not matter on which side of the period's ends its clock was.
//! The ledger is read after the provider, in one snapshot for each page.

use crate::{
    app::App,
    provider::{
        stripe::{Moved, Stripe},
        unanswered,
    },
    store::{provider_records, settings},
};
use chrono::{DateTime, Utc};
use payterms_chassis::AppError;
use payterms_kernel::{TenantId, id::step_id};
use payterms_wallet_domain::{
    provider_difference::{
        Apart, Finding, Place, ProviderDifference, Record, RecordKind, findings,
    },
    reconciliation::{Listed, Period, ReconciliationState, UNDER_WAY},
};
use sea_orm::ConnectionTrait;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Most pages of 100 that are read.
pub(super) const MOST_PAGES: usize = 5_000;
/// Most of the ledger's movements that are asked for one by one.
const MOST_QUESTIONS: usize = 1_000;
/// How many of these are compared at once.
const AT_ONCE: usize = 100;

/// A difference that was found.
pub(super) struct Found {
    /// What is apart.
    pub(super) finding: Finding,
    /// The step of the suite that made it.
    pub(super) step: Option<Uuid>,
    /// Whether the suite is about to settle it by itself.
    pub(super) settles_itself: bool,
}

/// What was compared.
#[derive(Default)]
pub(super) struct Examined {
    /// How much the provider lists.
    pub(super) listed: Listed,
    /// What is apart.
    pub(super) found: Vec<Found>,
    /// All places that were looked at.
    pub(super) seen: BTreeSet<Place>,
}

impl Examined {
    /// Whether a place was looked at and nothing was found there.
    pub(super) fn is_equal(&self, place: &Place) -> bool {
        self.seen.contains(place) && !self.found.iter().any(|found| found.finding.place == *place)
    }
}

/// Compares a period, and what was apart before.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider does not answer.
pub(super) async fn examine(
    app: &App,
    tenant: &TenantId,
    period: Period,
    open: &[ProviderDifference],
) -> Result<Result<Examined, ReconciliationState>, AppError> {
    let examination =
        Examination { app, accounts: app.stripe_accounts()?, tenant, now: app.db.clock().now() };
    let conn = app.db.read(tenant).await?;
    let is_connected = settings::find(&conn, tenant).await?.stripe.is_some();
    drop(conn);
    if !is_connected {
        return Ok(Err(ReconciliationState::KeyRefused));
    }
    let mut examined = Examined::default();
    let listed = examination.read_list(&mut examined, period).await?;
    let questions = match listed {
        Ok(()) => examination.questions(&examined, period, open).await?,
        Err(failed) => Err(failed),
    };
    let looked_up = match questions {
        Ok(questions) => examination.look_up(&mut examined, questions).await?,
        Err(failed) => Err(failed),
    };
    let payouts = match looked_up {
        Ok(()) => examination.read_payouts(&mut examined, period).await?,
        Err(failed) => Err(failed),
    };
    Ok(payouts.map(|()| examined))
}

/// A comparison that is under way.
pub(super) struct Examination<'a> {
    pub(super) app: &'a App,
    pub(super) accounts: &'a Stripe,
    pub(super) tenant: &'a TenantId,
    now: DateTime<Utc>,
}

/// Something of which the provider is asked by its id.
struct Question {
    place: Place,
    step: Option<Uuid>,
    made_at: DateTime<Utc>,
}

impl Examination<'_> {
    /// Reads and compares all pages of the provider's list.
    async fn read_list(
        &self,
        examined: &mut Examined,
        period: Period,
    ) -> Result<Result<(), ReconciliationState>, AppError> {
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page = self
                .accounts
                .moved(self.tenant, period, after.as_deref())
                .await
                .map_err(unanswered)?;
            let Ok(page) = page else { return Ok(Err(ReconciliationState::KeyRefused)) };
            self.keep(&page.transactions).await?;
            // A dispute that was won has two transactions, and is one.
            let standing =
                page.moved.iter().filter(|moved| moved.record.is_some()).map(|moved| &moved.place);
            for place in
                standing.filter(|place| !examined.seen.contains(place)).collect::<BTreeSet<_>>()
            {
                examined.listed.count(place.kind);
            }
            self.compare(examined, page.moved).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(Ok(())),
            }
        }
        Ok(Err(ReconciliationState::TooMany))
    }

    /// What the ledger has of the period that the list did not show, and what was apart before.
    async fn questions(
        &self,
        examined: &Examined,
        period: Period,
        open: &[ProviderDifference],
    ) -> Result<Result<Vec<Question>, ReconciliationState>, AppError> {
        let conn = self.app.db.read(self.tenant).await?;
        let moved = provider_records::moved(&conn, self.tenant, period).await?;
        let missing: BTreeSet<Place> =
            moved.into_iter().filter(|place| !examined.seen.contains(place)).collect();
        // A charge that took nothing has no record, and nothing is to be asked of it.
        let charges = missing.iter().map(|place| place.charge.as_str()).collect();
        let records = provider_records::of_charges(&conn, self.tenant, &charges).await?;
        drop(conn);
        let places =
            records.into_iter().map(|record| record.place).filter(|place| missing.contains(place));
        let mut questions: Vec<_> =
            places.map(|place| Question { place, step: None, made_at: period.from }).collect();
        if questions.len() > MOST_QUESTIONS {
            return Ok(Err(ReconciliationState::TooMany));
        }
        let asked: BTreeSet<_> = questions.iter().map(|question| question.place.clone()).collect();
        // Payouts are read with all that they are made of.
        let single =
            open.iter().filter(|difference| difference.finding.place.kind != RecordKind::Payout);
        let before = single.filter(|difference| {
            !examined.seen.contains(&difference.finding.place)
                && !asked.contains(&difference.finding.place)
        });
        questions.extend(before.map(|difference| Question {
            place: difference.finding.place.clone(),
            step: difference.step,
            made_at: difference.created_at,
        }));
        questions.truncate(MOST_QUESTIONS);
        Ok(Ok(questions))
    }

    /// Asks the provider one by one, and compares.
    async fn look_up(
        &self,
        examined: &mut Examined,
        questions: Vec<Question>,
    ) -> Result<Result<(), ReconciliationState>, AppError> {
        for questions in questions.chunks(AT_ONCE) {
            let mut answers = Vec::new();
            for Question { place, step, made_at } in questions {
                let answer =
                    self.accounts.record_at(self.tenant, place).await.map_err(unanswered)?;
                let Ok(record) = answer else { return Ok(Err(ReconciliationState::KeyRefused)) };
                answers.push(Moved {
                    place: place.clone(),
                    record,
                    step: *step,
                    made_at: *made_at,
                });
            }
            self.compare(examined, answers).await?;
        }
        Ok(Ok(()))
    }

    /// Compares what stands at the provider with what the ledger has of the same places.
    async fn compare(&self, examined: &mut Examined, moved: Vec<Moved>) -> Result<(), AppError> {
        let fresh: BTreeMap<Place, Moved> = moved
            .into_iter()
            .filter(|record| examined.seen.insert(record.place.clone()))
            .map(|record| (record.place.clone(), record))
            .collect();
        let charges = fresh.keys().map(|place| place.charge.as_str()).collect();
        let there: Vec<Record> = fresh.values().filter_map(|moved| moved.record.clone()).collect();
        let conn = self.app.db.read(self.tenant).await?;
        let records = provider_records::of_charges(&conn, self.tenant, &charges).await?;
        let here: Vec<Record> =
            records.iter().filter(|record| fresh.contains_key(&record.place)).cloned().collect();
        let apart = findings(&there, &here);
        let open =
            if apart.is_empty() { BTreeSet::new() } else { self.steps_under_way(&conn).await? };
        drop(conn);
        for finding in apart {
            let Some(moved) = fresh.get(&finding.place) else { continue };
            let is_under_way = finding.apart() == Apart::OnlyAtProvider
                && moved.step.is_some_and(|step| open.contains(&step));
            if is_under_way && self.now - moved.made_at < UNDER_WAY {
                continue;
            }
            let has_charge = || {
                records.iter().any(|record| {
                    record.place.kind == RecordKind::Charge
                        && record.place.id == finding.place.charge
                })
            };
            // What a notification would have said is asked for now.
            let is_unheard = finding.place.kind == RecordKind::Dispute
                && matches!(finding.apart(), Apart::OnlyAtProvider | Apart::Outcome)
                && has_charge();
            examined.found.push(Found {
                step: moved.step,
                settles_itself: is_under_way || is_unheard,
                finding,
            });
        }
        Ok(())
    }

    /// The steps whose outcome is not recorded yet.
    async fn steps_under_way<C: ConnectionTrait>(
        &self,
        conn: &C,
    ) -> Result<BTreeSet<Uuid>, AppError> {
        let ids = provider_records::under_way(conn, self.tenant).await?;
        Ok(ids
            .into_iter()
            .flat_map(|id| ["charge", "refund"].map(|step| step_id(id, step)))
            .collect())
    }
}
