//! Policies: a decision table of hard rules, a scorecard, and how large a limit may be; as data,
//! published once its own cases pass, and never changed after (docs/domain/credit.md#decisions).

use crate::{
    decision::{Outcome, decide},
    feature::{Feature, Features},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Condition as Unmet, Currency, Id, Money, Reason, Refusal};
use serde::{Deserialize, Serialize};

/// How a feature is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Less than the value.
    Below,
    /// The value or less.
    AtMost,
    /// More than the value.
    Above,
    /// The value or more.
    AtLeast,
    /// It is not known.
    Missing,
    /// It is known: what would have passed where it was not.
    Known,
}

payterms_kernel::names! {
    /// The name of the comparison, as in the contract.
    Op { Below = "BELOW", AtMost = "AT_MOST", Above = "ABOVE", AtLeast = "AT_LEAST", Missing = "MISSING", Known = "KNOWN" }
}

impl Op {
    /// What holds exactly where this does not, of a feature that is known.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Below => Self::AtLeast,
            Self::AtMost => Self::Above,
            Self::Above => Self::AtMost,
            Self::AtLeast => Self::Below,
            Self::Missing => Self::Known,
            Self::Known => Self::Missing,
        }
    }
}

/// A comparison of a feature with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The feature.
    pub feature: Feature,
    /// How it is compared.
    pub op: Op,
    /// With what, in the feature's unit; nothing where it is missing or known.
    pub value: i64,
}

impl Condition {
    /// Whether the condition is true. For a missing feature only MISSING is true.
    #[must_use]
    pub fn holds(&self, features: &Features) -> bool {
        match (self.op, features.get(&self.feature)) {
            (Op::Missing, known) => known.is_none(),
            (Op::Known, known) => known.is_some(),
            (_, None) => false,
            (Op::Below, Some(known)) => *known < self.value,
            (Op::AtMost, Some(known)) => *known <= self.value,
            (Op::Above, Some(known)) => *known > self.value,
            (Op::AtLeast, Some(known)) => *known >= self.value,
        }
    }
}

/// A hard rule: where all its conditions hold, its outcome is the best that is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its code, such as `NEGATIVE_DAYS`.
    pub code: String,
    /// Why, for the applicant to read. Stored policies have it under `reason`.
    #[serde(rename = "reason")]
    pub explanation: String,
    /// All of these hold.
    pub conditions: Vec<Condition>,
    /// What follows: REFER or DECLINE.
    pub outcome: Outcome,
}

/// Points from a value on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// The least value; none: any below the next bin's.
    pub at_least: Option<i64>,
    /// Points.
    pub points: i64,
}

/// A line of the scorecard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Characteristic {
    /// The feature.
    pub feature: Feature,
    /// Why, where it costs points, for the applicant to read. Stored policies have it under
    /// `reason`.
    #[serde(rename = "reason")]
    pub explanation: String,
    /// Points by value, rising; the first has no least value.
    pub bins: Vec<Bin>,
    /// Points where it is not known.
    pub missing: i64,
}

impl Characteristic {
    /// The points of a value.
    #[must_use]
    pub fn points(&self, value: Option<i64>) -> i64 {
        let Some(value) = value else { return self.missing };
        let reached =
            self.bins.iter().rev().find(|bin| bin.at_least.is_none_or(|least| value >= least));
        reached.map_or(self.missing, |bin| bin.points)
    }

    /// The most points that a value can have.
    #[must_use]
    pub fn best(&self) -> i64 {
        self.bins.iter().map(|bin| bin.points).max().unwrap_or(self.missing)
    }
}

/// What decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Hard rules, in the order of their weight.
    pub rules: Vec<Rule>,
    /// Points to begin with.
    pub base: i64,
    /// The scorecard.
    pub scorecard: Vec<Characteristic>,
    /// Points from which it approves.
    pub approve_at: i64,
    /// Points from which it refers; below it declines.
    pub refer_at: i64,
    /// The limit as a share of the monthly inflow, in ten-thousandths.
    pub share_of_inflow: i64,
    /// What limits are rounded down to, in millionths.
    pub step: i64,
    /// The smallest limit, in millionths; below it declines.
    pub least: i64,
    /// The largest limit that is offered without a person, in millionths; none: any. What is
    /// carried beyond it is referred to a person as an increase.
    #[serde(default)]
    pub offered_at_once: Option<i64>,
}

/// A test case of a policy's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// What it is about.
    pub title: String,
    /// What is known.
    pub features: Features,
    /// What must come out.
    pub outcome: Outcome,
    /// The limit that must come out, in millionths; none: any.
    pub limit: Option<i64>,
}

/// Where a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyState {
    /// It may be changed, and decides nothing.
    Draft,
    /// It decides, and never changes.
    Published,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    PolicyState { Draft = "DRAFT", Published = "PUBLISHED" }
}

/// A policy with its cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its id.
    pub id: Id<Policy>,
    /// What it is called.
    pub title: String,
    /// Where it is.
    pub state: PolicyState,
    /// The currency of its amounts.
    pub currency: Currency,
    /// Rises with each publication of the tenant's; 0 for a draft.
    pub number: i64,
    /// What decides.
    pub terms: Terms,
    /// What it must decide before it is published.
    pub cases: Vec<Case>,
    /// Counts its changes.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was published.
    pub published_at: Option<DateTime<Utc>>,
}

/// What a case came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Whether it came out as it must.
    pub passed: bool,
    /// What came out.
    pub outcome: Outcome,
    /// The limit, in millionths.
    pub limit: i64,
}

/// No cap: cases are about the policy alone.
const NO_CAP: i64 = i64::MAX;

impl Policy {
    /// What its cases come to.
    #[must_use]
    pub fn tried(&self) -> Vec<Tried> {
        let try_one = |case: &Case| {
            let made = decide(&self.terms, &case.features, NO_CAP);
            let passed =
                made.outcome == case.outcome && case.limit.is_none_or(|limit| limit == made.limit);
            Tried { passed, outcome: made.outcome, limit: made.limit }
        };
        self.cases.iter().map(try_one).collect()
    }

    /// Refuses a change of what is published.
    ///
    /// # Errors
    /// `POLICY_STATE`.
    pub fn must_be_draft(&self) -> Result<(), Refusal> {
        match self.state {
            PolicyState::Draft => Ok(()),
            PolicyState::Published => Err(Refusal::state(
                Reason::POLICY_STATE,
                "The policy",
                self.state.name(),
                &["CreatePolicy"],
            )),
        }
    }

    /// Publishes a draft whose cases pass, with a case at least for each outcome.
    ///
    /// # Errors
    /// `POLICY_STATE`, `POLICY_CASES_FAILED` with every case that fails or is missing.
    pub fn publish(&mut self, number: i64, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_be_draft()?;
        let mut unmet = Vec::new();
        for (case, tried) in self.cases.iter().zip(self.tried()).filter(|(_, tried)| !tried.passed)
        {
            let limit = Money::from_micros(self.currency, tried.limit);
            let description =
                format!("It comes to {} and a limit of {limit}.", tried.outcome.name());
            unmet.push(Unmet { name: "CASE_FAILED", subject: case.title.clone(), description });
        }
        for outcome in Outcome::ALL {
            if !self.cases.iter().any(|case| case.outcome == outcome) {
                let description = format!("Add a case that comes to {}.", outcome.name());
                unmet.push(Unmet {
                    name: "CASE_MISSING",
                    subject: outcome.name().to_owned(),
                    description,
                });
            }
        }
        if !unmet.is_empty() {
            let message = "The policy does not decide its own cases as they say. Mend the policy or the cases.";
            return Err(
                Refusal::precondition(Reason::POLICY_CASES_FAILED, message).with_conditions(unmet)
            );
        }
        self.state = PolicyState::Published;
        self.number = number;
        self.published_at = Some(now);
        self.version = self.version.saturating_add(1);
        Ok(())
    }
}
