//! Checks a proposal, reporting all problems at once, and makes the plan exactly as it is stored
//! (docs/domain/plans.md#proposals).

use crate::{
    Customer,
    collection::Attempt,
    edges::Verb,
    on_time::{Breaches, Restart},
    plan::{Covered, Offer, PendingTransition, Plan, PlanState},
    schedule::{Instalment, MOST_INSTALMENTS, Schedule, instalments},
    settings::{Consequence, Kind, PlanSettings},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Actor, Condition, Currency, Id, Money, Reason, Refusal, Violation};

/// What blocks an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Why, as in the API.
    pub reason: String,
    /// Who alone lifts it: the name of a plan or of a dispute; empty: the tenant's people.
    pub owner: String,
}

/// An invoice as invoicing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The invoice as the plan would store it.
    pub covered: Covered,
    /// Its resource name, for conditions of a refusal.
    pub name: String,
    /// Its state, as in the API.
    pub state: String,
    /// The amount that payments under way have reserved.
    pub pending: Money,
    /// What blocks it.
    pub block: Option<Block>,
    /// Whether it sells wallet credit: such an invoice is not a debt.
    pub top_up: bool,
    /// Whether a credit line defers it under a programme that allows no plans.
    pub deferred: bool,
    /// Whether only a bank transfer pays it: it bills a postpaid month.
    pub transfer_only: bool,
    /// How often it was proposed within the last [`PROPOSAL_DAYS`](crate::settings::PROPOSAL_DAYS)
    /// days.
    pub proposals: u32,
}

/// The instalments of a schedule for an amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    schedule: Schedule,
    today: NaiveDate,
    /// The instalments, in the order of their dates.
    pub instalments: Vec<Instalment>,
}

fn unfit(name: &'static str, description: String) -> Condition {
    Condition { name, subject: "schedule".to_owned(), description }
}

impl Terms {
    /// Works out the instalments of a schedule.
    ///
    /// # Errors
    /// `DATE_IN_PAST`; `SCHEDULE_INVALID` if a date is past the end of the calendar.
    pub fn of(
        schedule: Schedule,
        total: Money,
        settings: &PlanSettings,
        today: NaiveDate,
    ) -> Result<Self, Refusal> {
        let wrong = |field: &str, reason, description: &str| {
            Refusal::invalid(vec![Violation {
                field: format!("schedule{field}"),
                reason,
                description: description.to_owned(),
            }])
        };
        if matches!(schedule, Schedule::Deferral(date) if date <= today) {
            return Err(wrong(".date", Reason::DATE_IN_PAST, "Use a date after today."));
        }
        let dates = schedule.dates(today, settings.lead_days);
        let dates = dates.ok_or_else(|| {
            wrong(
                "",
                Reason::SCHEDULE_INVALID,
                "The dates leave the calendar. Ask for fewer instalments.",
            )
        })?;
        Ok(Self { schedule, today, instalments: instalments(total, &dates)? })
    }

    /// The first date.
    #[must_use]
    pub fn first(&self) -> Option<NaiveDate> {
        self.instalments.first().map(|instalment| instalment.due_on)
    }

    /// Days from the proposal to the last date.
    #[must_use]
    pub fn days(&self) -> i64 {
        self.instalments.last().map_or(0, |instalment| (instalment.due_on - self.today).num_days())
    }

    /// All limits of the tenant that the schedule exceeds.
    #[must_use]
    pub fn check(&self, settings: &PlanSettings) -> Vec<Condition> {
        let mut unmet = Vec::new();
        if !settings.kinds.contains(&Kind::of(self.schedule)) {
            unmet.push(unfit(
                "KIND_NOT_ALLOWED",
                "Choose a kind and an interval that the options name.".to_owned(),
            ));
        }
        let most = settings.max_instalments.min(MOST_INSTALMENTS);
        if self.schedule.count() > most {
            unmet.push(unfit(
                "TOO_MANY_INSTALMENTS",
                format!("Ask for at most {most} instalments."),
            ));
        }
        if self.days() > i64::from(settings.max_days) {
            let most = settings.max_days;
            unmet.push(unfit(
                "DURATION_TOO_LONG",
                format!("The last date is {} days ahead; at most {most} are allowed.", self.days()),
            ));
        }
        let ahead = self.first().map_or(0, |first| (first - self.today).num_days());
        if ahead <= i64::from(settings.lead_days) {
            let least = settings.lead_days.saturating_add(1);
            unmet.push(unfit(
                "DATE_TOO_SOON",
                format!("Let the first date be at least {least} days ahead."),
            ));
        }
        let smallest = self.instalments.last().map(|instalment| instalment.amount);
        let least = smallest.and_then(|amount| {
            settings.min_instalments.iter().find(|least| least.currency() == amount.currency())
        });
        let too_small = smallest.is_some_and(|amount| {
            !amount.is_positive() || least.is_some_and(|least| amount.micros() < least.micros())
        });
        if too_small {
            let least = least.map_or_else(|| "one minor unit".to_owned(), ToString::to_string);
            unmet.push(unfit(
                "INSTALMENT_TOO_SMALL",
                format!("Ask for fewer instalments: each must be at least {least}."),
            ));
        }
        unmet
    }

    /// Refuses a schedule that exceeds a limit of the tenant.
    ///
    /// # Errors
    /// `NOT_ELIGIBLE`, naming every limit that is exceeded.
    pub fn must_fit(&self, settings: &PlanSettings) -> Result<(), Refusal> {
        refuse(self.check(settings), &[])
    }
}

fn refuse(unmet: Vec<Condition>, invoices: &[Facts]) -> Result<(), Refusal> {
    const REASONS: [Reason; 9] = [
        Reason::FEATURE_DISABLED,
        Reason::INVOICE_STATE,
        Reason::TOP_UP_INVOICE,
        Reason::INVOICE_DEFERRED,
        Reason::TRANSFER_ONLY,
        Reason::CURRENCY_MISMATCH,
        Reason::INVOICE_BLOCKED,
        Reason::PAYMENT_PENDING,
        Reason::PROPOSAL_LIMIT,
    ];
    if unmet.is_empty() {
        return Ok(());
    }
    // A refusal has one reason: the first of REASONS that applies. Limits of the tenant share
    // NOT_ELIGIBLE.
    let reason = REASONS
        .into_iter()
        .find(|reason| unmet.iter().any(|condition| condition.name == *reason))
        .unwrap_or(Reason::NOT_ELIGIBLE);
    let message = unmet
        .iter()
        .take(10)
        .map(|condition| condition.description.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    // The figures are those of the first invoice with this reason.
    let subject = unmet
        .iter()
        .find(|condition| condition.name == reason)
        .map(|condition| condition.subject.as_str());
    let figures = invoices
        .iter()
        .find(|invoice| Some(invoice.name.as_str()) == subject)
        .map(|invoice| invoice.figures(reason));
    let refusal = Refusal::precondition(reason, message).with_conditions(unmet);
    Err(figures
        .into_iter()
        .flatten()
        .fold(refusal, |refusal, (name, value)| refusal.with(name, value)))
}

impl Facts {
    /// All reasons why this invoice cannot be proposed, in a plan that charges the customer's
    /// method or one that waits for payments.
    fn check(&self, currency: Currency, collects: bool, settings: &PlanSettings) -> Vec<Condition> {
        let mut unmet = Vec::new();
        let number = if self.covered.number.is_empty() {
            "An invoice"
        } else {
            self.covered.number.as_str()
        };
        let mut wrong = |reason: Reason, description: String| {
            unmet.push(Condition {
                name: reason.name(),
                subject: self.name.clone(),
                description: format!("{number} {description}"),
            });
        };
        if self.state != "OPEN" {
            wrong(Reason::INVOICE_STATE, format!("is {}; propose open invoices.", self.state));
        }
        if self.top_up {
            wrong(Reason::TOP_UP_INVOICE, "sells credit and asks for no debt.".to_owned());
        }
        if self.deferred {
            wrong(
                Reason::INVOICE_DEFERRED,
                "is deferred by a credit line whose programme allows no plans.".to_owned(),
            );
        }
        if self.transfer_only && collects {
            let why = "bills a postpaid month, which is paid by bank transfer; propose a plan without automatic collection.";
            wrong(Reason::TRANSFER_ONLY, why.to_owned());
        }
        if self.covered.open.currency() != currency {
            wrong(
                Reason::CURRENCY_MISMATCH,
                format!(
                    "is in {}, another in {currency}; propose them apart.",
                    self.covered.open.currency()
                ),
            );
        }
        if let Some(block) = &self.block {
            let why = format!(
                "is blocked: {}. Only the block's owner lifts it; propose the invoice after that.",
                block.reason
            );
            wrong(Reason::INVOICE_BLOCKED, why);
        }
        if self.pending.is_positive() {
            wrong(
                Reason::PAYMENT_PENDING,
                format!("has {} in a payment under way; wait for its end.", self.pending),
            );
        }
        if self.proposals >= settings.max_proposals {
            wrong(
                Reason::PROPOSAL_LIMIT,
                format!("was proposed {} times within 90 days.", self.proposals),
            );
        }
        unmet
    }

    /// The figures of a reason, as docs/errors.md lists them.
    fn figures(&self, reason: Reason) -> Vec<(&'static str, String)> {
        let invoice = || ("invoice", self.covered.invoice.to_string());
        match (reason, &self.block) {
            (Reason::INVOICE_BLOCKED, Some(block)) => {
                vec![("block_reason", block.reason.clone()), ("owner", block.owner.clone())]
            }
            (Reason::INVOICE_STATE, _) => vec![("state", self.state.clone())],
            (Reason::PAYMENT_PENDING, _) => {
                vec![invoice(), ("pending", self.pending.amount().to_string())]
            }
            (Reason::TOP_UP_INVOICE | Reason::TRANSFER_ONLY, _) => vec![invoice()],
            _ => Vec::new(),
        }
    }
}

/// What a customer proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The dates of the instalments.
    pub schedule: Schedule,
    /// Whether instalments are collected automatically with the customer's collection method.
    pub collect_automatically: bool,
    /// For the tenant to read.
    pub note: String,
}

/// A plan that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlan {
    /// The id that it gets.
    pub id: Id<Plan>,
    /// The customer that pays it.
    pub customer: Id<Customer>,
    /// Who proposes it.
    pub by: Actor,
}

/// Makes a plan for invoices. It is PENDING until they are blocked.
///
/// # Errors
/// All conditions that are not met, in one refusal; as [`Terms::of`].
pub fn propose(
    new: NewPlan,
    invoices: Vec<Facts>,
    proposal: Proposal,
    settings: &PlanSettings,
    today: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Plan, Refusal> {
    let NewPlan { id, customer, by } = new;
    let currency = invoices.first().ok_or_else(Refusal::not_found)?.covered.open.currency();
    let mut unmet = Vec::new();
    if !settings.allowed {
        let description = "The seller takes no proposals. Talk to the seller.".to_owned();
        unmet.push(Condition {
            name: Reason::FEATURE_DISABLED.name(),
            subject: "proposals_allowed".to_owned(),
            description,
        });
    }
    unmet.extend(
        invoices
            .iter()
            .flat_map(|invoice| invoice.check(currency, proposal.collect_automatically, settings)),
    );
    let zero = Money::zero(currency);
    let total = invoices
        .iter()
        .filter(|invoice| invoice.covered.open.currency() == currency)
        .try_fold(zero, |sum, invoice| sum.plus(invoice.covered.open))?;
    let terms = Terms::of(proposal.schedule, total, settings, today)?;
    if total.is_positive() {
        unmet.extend(terms.check(settings));
    }
    refuse(unmet, &invoices)?;
    let mut covered: Vec<_> = invoices.into_iter().map(|invoice| invoice.covered).collect();
    covered.sort_by(|invoice, other| {
        (invoice.due_on, &invoice.number).cmp(&(other.due_on, &other.number))
    });
    Ok(Plan {
        id,
        customer,
        state: PlanState::Pending,
        currency,
        covered,
        offer: Offer {
            schedule: proposal.schedule,
            instalments: terms.instalments,
            by: by.clone(),
            explanation: String::new(),
        },
        counter: None,
        collect_automatically: proposal.collect_automatically,
        note: proposal.note,
        explanation: String::new(),
        answer_days: settings.answer_days,
        grace_days: settings.grace_days,
        accelerates: settings.consequence == Consequence::Accelerate,
        answer_by: None,
        late_since: None,
        breached_on: None,
        reinstated_on: None,
        collected_from: None,
        breaches: Breaches::default(),
        restart: Restart::default(),
        attempt: Attempt::default(),
        pending_transition: Some(PendingTransition::Block {
            verb: Verb::Send,
            by,
            explanation: String::new(),
        }),
        moves: 1,
        transitions: Vec::new(),
        marks: payterms_kernel::Marks::default(),
        version: 1,
        created_at: now,
        updated_at: now,
    })
}
