//! Draws: a part of a line is reserved, becomes owed, is repaid (docs/domain/credit.md#draws).
//!
//! Exposure changes here and nowhere else: each change adds an entry, and the sum of entries is
//! what a line's exposure was at any instant.

use crate::{
    Invoice, Verb,
    line::{Line, LineState, Suspension},
    purchase::Purchase,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, IdSource, Kind, Money, Reason, Refusal, money::MoneyError};
use uuid::Uuid;

/// Where a draw is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawState {
    /// It reserves a part of the line.
    Authorized,
    /// It is owed until it is repaid.
    Captured,
    /// It was given back.
    Voided,
    /// It ended by its expiry.
    Expired,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    DrawState { Authorized = "AUTHORIZED", Captured = "CAPTURED", Voided = "VOIDED", Expired = "EXPIRED" }
}

/// One use of a line: for an invoice of a payment, or a purchase without an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// Its id.
    pub id: Id<Draw>,
    /// Where it is.
    pub state: DrawState,
    /// What was authorised.
    pub amount: Money,
    /// What was captured of it.
    pub captured: Money,
    /// What was repaid of what was captured.
    pub repaid: Money,
    /// The invoice that it defers; of a purchase: once it is captured.
    pub invoice: Option<Id<Invoice>>,
    /// The payment that drew it; none: a purchase.
    pub payment: Option<Uuid>,
    /// What a purchase sells; none: the draw of a payment.
    pub purchase: Option<Purchase>,
    /// Day of the purchase.
    pub purchased_on: Option<NaiveDate>,
    /// When what is left of it falls due.
    pub due_on: Option<NaiveDate>,
    /// Whether the invoice is blocked: nothing follows from its due date meanwhile.
    pub blocked: bool,
    /// Whether the invoice was given up: it is not paid, though nothing of it is open.
    pub written_off: bool,
    /// The day from which anything follows from what is open of the invoice, where a payment of it
    /// was taken back.
    pub no_consequence_before: Option<NaiveDate>,
    /// When it was authorised.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A change of a line's exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its place among the line's entries.
    pub sequence: i64,
    /// The draw.
    pub draw: Id<Draw>,
    /// What is authorised more, or less.
    pub authorized: Money,
    /// What was captured.
    pub captured: Money,
    /// What was repaid, or is owed again.
    pub repaid: Money,
    /// What bounded the exposure then: the limit, and no more than the programme's cap.
    pub bound: Money,
    /// When.
    pub at: DateTime<Utc>,
}

/// What is known of an invoice that a draw defers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// What is open of it.
    pub open: Money,
    /// When it falls due.
    pub due_on: NaiveDate,
    /// Whether it is blocked.
    pub blocked: bool,
    /// Whether it was given up.
    pub written_off: bool,
    /// The day from which anything follows from what is open of it.
    pub no_consequence_before: Option<NaiveDate>,
}

impl Draw {
    /// A draw that reserves an amount.
    pub(crate) fn authorized(id: Id<Self>, amount: Money, now: DateTime<Utc>) -> Self {
        let zero = Money::zero(amount.currency());
        Self {
            id,
            state: DrawState::Authorized,
            amount,
            captured: zero,
            repaid: zero,
            invoice: None,
            payment: None,
            purchase: None,
            purchased_on: None,
            due_on: None,
            blocked: false,
            written_off: false,
            no_consequence_before: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// What is owed of it.
    pub fn owed(&self) -> Result<Money, MoneyError> {
        self.captured.minus(self.repaid)
    }

    /// The day on which what is owed of it falls due, blocked or not; what was given up was not
    /// paid. A payment that was taken back makes nothing past due before the day that the customer
    /// was promised.
    pub fn falls_due(&self) -> Result<Option<NaiveDate>, MoneyError> {
        let counts = self.written_off || self.owed()?.is_positive();
        let promised = self.no_consequence_before.and_then(|day| day.pred_opt());
        Ok(self.due_on.filter(|_| counts).map(|due| promised.map_or(due, |last| due.max(last))))
    }
}

/// An invoice of a customer in a payment plan, which may bar new draws. Resource names, as a
/// refusal tells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InPlan {
    /// The invoice.
    pub invoice: String,
    /// The plan.
    pub plan: String,
}

impl Line {
    /// All that bars new draws now, whatever the amount.
    pub(crate) fn bars(&self, in_plan: Option<&InPlan>) -> Vec<Refusal> {
        let mut bars = Vec::new();
        if self.state != LineState::Active {
            let past_due = self.suspensions.contains(&Suspension::PastDue);
            let allowed = if past_due {
                vec!["CreatePayment of what is past due"]
            } else {
                crate::edges::allowed(self.state)
            };
            bars.push(Refusal::state(Reason::LINE_STATE, "The line", self.state.name(), &allowed));
        } else if self
            .pending_transition
            .as_ref()
            .is_some_and(|pending| matches!(pending.verb, Verb::Deactivate | Verb::Close))
        {
            bars.push(Refusal::new(
                Kind::Conflict,
                Reason::CONCURRENT_UPDATE,
                "The line is being put aside or closed.",
            ));
        }
        if let Some(in_plan) = in_plan {
            let message = "An invoice of the customer is in a payment plan: the line gives no new draws meanwhile.";
            bars.push(
                Refusal::precondition(Reason::INVOICE_IN_PLAN, message)
                    .with("invoice", &in_plan.invoice)
                    .with("plan", &in_plan.plan),
            );
        }
        bars
    }

    /// Why nothing can be drawn now, whatever the amount; none: it can.
    #[must_use]
    pub fn barred(&self, in_plan: Option<&InPlan>) -> Option<Refusal> {
        Refusal::all(self.bars(in_plan))
    }

    /// What can be drawn now under a programme with that cap, which may have been lowered since the
    /// line was offered.
    pub fn drawable(&self, cap: Money) -> Result<Money, MoneyError> {
        let under_cap = cap.minus(self.exposure()?)?.max(Money::zero(self.currency()))?;
        self.available()?.min(under_cap)
    }

    pub(crate) fn entry(
        &mut self,
        draw: Id<Draw>,
        authorized: Money,
        captured: Money,
        repaid: Money,
        now: DateTime<Utc>,
    ) -> Result<Entry, Refusal> {
        self.authorized = self.authorized.plus(authorized)?;
        self.captured = self.captured.plus(captured)?;
        self.repaid = self.repaid.plus(repaid)?;
        self.entries = self.entries.saturating_add(1);
        self.touch(now);
        Ok(Entry {
            sequence: self.entries,
            draw,
            authorized,
            captured,
            repaid,
            bound: self.limit,
            at: now,
        })
    }

    /// Reserves a part of the line for each invoice of a payment, for all or for none. Exposure
    /// stays within the limit, however many come at once: the line is locked.
    ///
    /// # Errors
    /// `LINE_STATE`, `INVOICE_IN_PLAN`, `CURRENCY_MISMATCH`, `CREDIT_LIMIT_EXCEEDED`.
    pub fn authorize(
        &mut self,
        ids: &mut IdSource,
        payment: Uuid,
        invoices: &[(Id<Invoice>, Money)],
        cap: Money,
        in_plan: Option<&InPlan>,
        now: DateTime<Utc>,
    ) -> Result<(Vec<Draw>, Vec<Entry>), Refusal> {
        let zero = Money::zero(self.currency());
        let mut against = self.bars(in_plan);
        let wanted = invoices.iter().try_fold(zero, |sum, (_, amount)| sum.plus(*amount))?;
        let (bound, available) = (self.limit.min(cap)?, self.drawable(cap)?);
        if available.compare(wanted)?.is_lt() {
            against.push(limit_exceeded(available, wanted));
        }
        if let Some(refusal) = Refusal::all(against) {
            return Err(refusal);
        }
        let (mut draws, mut entries) =
            (Vec::with_capacity(invoices.len()), Vec::with_capacity(invoices.len()));
        for (invoice, amount) in invoices {
            let draw = Draw {
                invoice: Some(*invoice),
                payment: Some(payment),
                ..Draw::authorized(ids.make(), *amount, now)
            };
            entries.push(Entry { bound, ..self.entry(draw.id, *amount, zero, zero, now)? });
            draws.push(draw);
        }
        Ok((draws, entries))
    }

    /// What a payment has reserved becomes owed, due by the term from the day of the purchase. A
    /// suspended, inactive or lowered line captures what stands.
    pub fn capture(
        &mut self,
        draw: &mut Draw,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Option<Entry>, Refusal> {
        if draw.state != DrawState::Authorized {
            return Ok(None);
        }
        self.owe(draw, draw.amount, today, now).map(Some)
    }

    /// A part of what is reserved becomes owed, and the rest is released.
    pub(crate) fn owe(
        &mut self,
        draw: &mut Draw,
        captured: Money,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Entry, Refusal> {
        draw.state = DrawState::Captured;
        draw.captured = captured;
        draw.purchased_on = Some(today);
        draw.due_on = Some(self.term.due(today).unwrap_or(today));
        draw.updated_at = now;
        self.entry(draw.id, draw.amount.negated(), captured, Money::zero(self.currency()), now)
    }

    /// Gives back what a payment has reserved.
    pub fn void(&mut self, draw: &mut Draw, now: DateTime<Utc>) -> Result<Option<Entry>, Refusal> {
        if draw.state != DrawState::Authorized {
            return Ok(None);
        }
        self.release(draw, DrawState::Voided, now).map(Some)
    }

    /// Nothing is reserved any more.
    pub(crate) fn release(
        &mut self,
        draw: &mut Draw,
        end: DrawState,
        now: DateTime<Utc>,
    ) -> Result<Entry, Refusal> {
        draw.state = end;
        draw.updated_at = now;
        let zero = Money::zero(self.currency());
        self.entry(draw.id, draw.amount.negated(), zero, zero, now)
    }

    /// Brings a captured draw in line with its invoice: what is open of it is owed, at most what
    /// was captured. Paying frees the limit, once; what is taken back is owed again. Answers
    /// whether anything changed.
    pub fn follow(
        &mut self,
        draw: &mut Draw,
        known: Figures,
        now: DateTime<Utc>,
    ) -> Result<(bool, Option<Entry>), Refusal> {
        if draw.state != DrawState::Captured {
            return Ok((false, None));
        }
        let before = (draw.due_on, draw.blocked, draw.written_off, draw.no_consequence_before);
        (draw.due_on, draw.blocked, draw.written_off) =
            (Some(known.due_on), known.blocked, known.written_off);
        draw.no_consequence_before = known.no_consequence_before;
        let repaid = draw.captured.minus(known.open.min(draw.captured)?)?;
        let more = repaid.minus(draw.repaid)?;
        if more.is_zero() {
            let changed =
                before != (draw.due_on, draw.blocked, draw.written_off, draw.no_consequence_before);
            if changed {
                draw.updated_at = now;
            }
            return Ok((changed, None));
        }
        draw.repaid = repaid;
        draw.updated_at = now;
        let zero = Money::zero(self.currency());
        Ok((true, Some(self.entry(draw.id, zero, zero, more, now)?)))
    }
}

/// More was asked than can be drawn.
#[must_use]
pub fn limit_exceeded(available: Money, wanted: Money) -> Refusal {
    let message = format!("{available} can be drawn on the line; {wanted} were asked.");
    Refusal::precondition(Reason::CREDIT_LIMIT_EXCEEDED, message)
        .with("available", available.amount())
        .with("asked", wanted.amount())
}
