//! Auto-recharge: when a wallet buys credit by itself, and how much (docs/domain/wallet.md#auto-recharge).
//!
//! Triggers only mark a wallet. A wallet has at most one open recharge; when it ends, the rules are evaluated again. So many
//! triggers at once cannot charge twice.

use crate::{
    top_up::{TopUp, TopUpState},
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{
    Id, Money, Refusal, Violation,
    ladder::{AUTHENTICATION_REQUIRED, Ladder, Rung},
};

/// What a threshold recharge does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Buys this much.
    Amount(Money),
    /// Buys what is missing up to this balance.
    UpTo(Money),
}

/// When a wallet recharges; figures are credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// The threshold of the available balance, and what happens below it.
    pub threshold: Option<(Money, Then)>,
    /// The amount to buy on the last day of each month.
    pub month_end: Option<Money>,
    /// Whether a negative balance is bought back at once.
    pub repair_negative: bool,
    /// The most that is charged in a month; `None` for three times the largest figure.
    pub ceiling: Option<Money>,
}

impl Rules {
    /// Whether there is no rule.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.threshold.is_none() && self.month_end.is_none() && !self.repair_negative
    }

    /// Refuses figures in another currency than the wallet's, and a target that is not above its
    /// threshold.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`, `FIELD_OUT_OF_RANGE`.
    pub fn must_fit(&self, wallet: &Wallet) -> Result<(), Refusal> {
        if let Some((below, then)) = self.threshold {
            wallet.takes(below)?;
            let (Then::Amount(figure) | Then::UpTo(figure)) = then;
            wallet.takes(figure)?;
            if matches!(then, Then::UpTo(target) if target.compare(below)?.is_le()) {
                let description = "Name a balance above the threshold.".to_owned();
                let field = "auto_recharge.threshold_up_to".to_owned();
                return Err(Refusal::invalid(vec![Violation { field, reason: "FIELD_OUT_OF_RANGE", description }]));
            }
        }
        self.month_end.iter().chain(&self.ceiling).try_for_each(|amount| wallet.takes(*amount))
    }

    /// Refuses a charge that would exceed the month's ceiling; it is not reduced either. A rule that only repairs a negative
    /// balance has no figure, and so no ceiling unless one is stated.
    ///
    /// # Errors
    /// `CEILING`, which is shown as the reason of the failure.
    pub fn must_stay_below_ceiling(&self, charged: Money, amount: Money) -> Result<(), Refusal> {
        let threshold = self.threshold.map(|(_, Then::Amount(figure) | Then::UpTo(figure))| figure);
        let largest = match (threshold, self.month_end) {
            (Some(one), Some(other)) => Some(one.max(other)?),
            (one, other) => one.or(other),
        };
        let by_default = largest.map(|figure| figure.plus(figure)?.plus(figure)).transpose()?;
        let Some(ceiling) = self.ceiling.or(by_default) else { return Ok(()) };
        if charged.plus(amount)?.compare(ceiling)?.is_gt() {
            let message = format!("Charging {amount} would pass the ceiling of {ceiling} a month; {charged} are charged already.");
            return Err(Refusal::precondition("CEILING", message));
        }
        Ok(())
    }
}

/// A wallet's rules and their state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AutoRecharge {
    /// The rules.
    pub rules: Rules,
    /// Whether a month end has passed for which no recharge was made yet.
    pub month_end_marked: bool,
    /// The open recharge.
    pub open: Option<Id<TopUp>>,
    /// Whether the open or failed recharge was for the month's end.
    pub for_month_end: bool,
    /// Why the last recharge failed; empty if it did not.
    pub failure: String,
    /// The failures of this period.
    pub ladder: Ladder,
    /// When it is retried automatically.
    pub retry_at: Option<DateTime<Utc>>,
    /// Counts changes.
    pub version: i64,
}

impl AutoRecharge {
    /// The credit that the rules require now; `None` while a recharge is open or has failed, or if the wallet is postpaid.
    pub fn wanted(&self, wallet: &Wallet, now: DateTime<Utc>) -> Result<Option<Money>, Refusal> {
        if self.open.is_some() || !self.failure.is_empty() || wallet.overdraft.is_some() {
            return Ok(None);
        }
        // What is owed because a transfer was taken back is never collected by itself: the rules do not see it.
        let deficit = Money::zero(wallet.currency).minus(wallet.posted)?.minus(wallet.owed_undone)?;
        let repair = (self.rules.repair_negative && deficit.is_positive()).then_some(deficit);
        let available = wallet.available(now)?.plus(wallet.owed_undone)?;
        let below = match self.rules.threshold {
            Some((below, then)) if available.compare(below)?.is_lt() => Some(match then {
                Then::Amount(amount) => amount,
                Then::UpTo(target) => target.minus(available)?,
            }),
            _ => None,
        };
        let month_end = self.rules.month_end.filter(|_| self.month_end_marked);
        let Some(rule) = repair.or(below).or(month_end) else { return Ok(None) };
        Ok(Some(rule.max(deficit)?.round_up_to_minor_unit()))
    }

    /// Begins a recharge. It clears the mark of the month's end only if no other rule required credit.
    pub fn begin(&mut self, top_up: Id<TopUp>, wallet: &Wallet, now: DateTime<Utc>) -> Result<(), Refusal> {
        let others = Self { month_end_marked: false, ..self.clone() };
        self.for_month_end = others.wanted(wallet, now)?.is_none();
        self.month_end_marked &= !self.for_month_end;
        self.open = Some(top_up);
        self.version = self.version.saturating_add(1);
        Ok(())
    }

    /// Records the end of a recharge. A failure is stored, so that the customer sees it.
    pub fn end(&mut self, top_up: &TopUp, now: DateTime<Utc>) {
        match top_up.state {
            TopUpState::Processing => return,
            TopUpState::Succeeded | TopUpState::ChargedBack => self.start_anew(),
            TopUpState::Failed if top_up.decline_code.is_empty() => self.fail("DECLINED", "DECLINED", now),
            TopUpState::Failed => self.fail(&top_up.decline_code, &top_up.decline_code, now),
            TopUpState::RequiresAction => self.fail("REQUIRES_ACTION", AUTHENTICATION_REQUIRED, now),
        }
        // The month's end did not get its credit, so its mark is set again for the retry.
        self.month_end_marked |= self.for_month_end && !self.failure.is_empty() && self.rules.month_end.is_some();
        self.for_month_end = false;
        self.open = None;
        self.version = self.version.saturating_add(1);
    }

    /// Records that a recharge could not be made. One that would exceed the ceiling is not retried before the next month.
    pub fn refused(&mut self, refusal: &Refusal, now: DateTime<Utc>) {
        if refusal.reason == "CEILING" {
            refusal.reason.clone_into(&mut self.failure);
            self.retry_at = None;
        } else {
            self.fail(refusal.reason, refusal.reason, now);
        }
        self.version = self.version.saturating_add(1);
    }

    fn fail(&mut self, shown: &str, reason: &str, now: DateTime<Utc>) {
        shown.clone_into(&mut self.failure);
        self.retry_at = match self.ladder.failed(reason, now) {
            Rung::At(at) => Some(at),
            Rung::Hard | Rung::Action | Rung::Over => None,
        };
    }

    /// Starts a new ladder of retries, after a success, with new rules or in a new period.
    pub fn start_anew(&mut self) {
        self.failure.clear();
        self.ladder = Ladder::default();
        self.retry_at = None;
    }

    /// Retries after a failure, on request or when the retry is due. It uses up the next rung of the ladder.
    ///
    /// # Errors
    /// `RECHARGE_STATE` if nothing has failed.
    pub fn retry(&mut self) -> Result<(), Refusal> {
        if self.failure.is_empty() {
            let state = if self.open.is_some() { "OPEN" } else { "not FAILED" };
            return Err(Refusal::state("RECHARGE_STATE", "Auto-recharge", state, &["UpdateAutoRecharge"]));
        }
        self.failure.clear();
        self.retry_at = None;
        self.version = self.version.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{AutoRecharge, Rules, Then};
    use crate::wallet::Wallet;
    use chrono::DateTime;
    use payterms_kernel::{Currency, Id, Money};

    fn aud(text: &str) -> Money {
        Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
    }

    fn wallet(balance: &str) -> Wallet {
        let id = Id::from_uuid(uuid::Uuid::from_u128(1));
        let mut wallet = Wallet::open(id, Id::from_uuid(id.uuid()), aud("0").currency(), DateTime::UNIX_EPOCH);
        wallet.posted = aud(balance);
        wallet.owed = aud(balance).negated();
        wallet
    }

    fn wanted(rules: Rules, balance: &str) -> Option<Money> {
        let recharge = AutoRecharge { rules, month_end_marked: rules.month_end.is_some(), ..AutoRecharge::default() };
        recharge.wanted(&wallet(balance), DateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn each_rule_asks_for_its_figure_or_the_deficit() {
        let threshold = |then| Rules { threshold: Some((aud("10"), then)), ..Rules::default() };
        assert_eq!(wanted(threshold(Then::Amount(aud("50"))), "-5.001"), Some(aud("50")));
        assert_eq!(wanted(threshold(Then::Amount(aud("50"))), "-70.001"), Some(aud("70.01")), "the deficit is larger");
        assert_eq!(wanted(threshold(Then::UpTo(aud("50"))), "-5.001"), Some(aud("55.01")), "rounded up to the minor unit");
        assert_eq!(wanted(Rules { repair_negative: true, ..Rules::default() }, "-3.2"), Some(aud("3.20")));
        assert_eq!(wanted(Rules { month_end: Some(aud("20")), ..Rules::default() }, "0"), Some(aud("20")));
        assert_eq!(wanted(Rules::default(), "-3"), None);
    }

    #[test]
    fn a_threshold_recharge_does_not_replace_the_month_end_one() {
        let rules = Rules {
            threshold: Some((aud("10"), Then::Amount(aud("50")))),
            month_end: Some(aud("20")),
            repair_negative: false,
            ceiling: None,
        };
        let mut recharge = AutoRecharge { rules, month_end_marked: true, ..AutoRecharge::default() };
        recharge.begin(Id::from_uuid(uuid::Uuid::from_u128(2)), &wallet("0"), DateTime::UNIX_EPOCH).unwrap();
        assert!(recharge.month_end_marked);
        recharge.open = None;
        recharge.begin(Id::from_uuid(uuid::Uuid::from_u128(3)), &wallet("-0"), DateTime::UNIX_EPOCH).unwrap();
        let full = AutoRecharge { rules: Rules { threshold: None, ..rules }, month_end_marked: true, ..AutoRecharge::default() };
        let mut full = full;
        full.begin(Id::from_uuid(uuid::Uuid::from_u128(4)), &wallet("0"), DateTime::UNIX_EPOCH).unwrap();
        assert!(!full.month_end_marked);
    }
}
