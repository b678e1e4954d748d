//! Postpaid agreements: usage accrues, and a month is invoiced at the larger of usage and
//! commitment (docs/domain/wallet.md#postpaid-agreements).

use crate::{customer::Customer, settings::WalletSettings, wallet::Wallet};
use chrono::{DateTime, Months, NaiveDate, Utc};
use payterms_kernel::{
    Id, Money, Reason, Refusal, Violation, calendar::first_of_month, money::MoneyError,
};

/// Months that an agreement commits to.
pub const MONTHS: u32 = 12;

/// Where an agreement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgreementState {
    /// It waits for a decision.
    Requested,
    /// It was refused.
    Refused,
    /// Usage accrues to it.
    Active,
    /// Its twelve months are over.
    Ended,
    /// It ended early; the rest of the commitment is invoiced.
    Terminated,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    AgreementState { Requested = "REQUESTED", Refused = "REFUSED", Active = "ACTIVE", Ended = "ENDED", Terminated = "TERMINATED" }
}

impl AgreementState {
    /// The methods that a state allows.
    fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Requested => &["DecidePostpaid"],
            Self::Active => &["TerminatePostpaid"],
            Self::Refused | Self::Ended | Self::Terminated => &["RequestPostpaid"],
        }
    }
}

/// The agreed figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The least amount at which a committed month is invoiced, before tax.
    pub commitment: Money,
    /// How far the wallet may go below zero.
    pub limit: Money,
}

impl Terms {
    /// Refuses figures that the tenant does not offer, or that do not fit the wallet or each other.
    fn must_fit(&self, wallet: &Wallet, settings: &WalletSettings) -> Result<(), Refusal> {
        wallet.takes(self.commitment)?;
        wallet.takes(self.limit)?;
        let least = settings.postpaid_minimum(wallet.currency)?;
        if self.commitment.compare(least)?.is_lt() {
            let message =
                format!("The least monthly commitment is {least}; {} were named.", self.commitment);
            return Err(Refusal::precondition(Reason::BELOW_MINIMUM, message)
                .with("minimum", least.amount())
                .with("currency", least.currency()));
        }
        if self.limit.compare(self.commitment)?.is_lt() {
            let description = "Name a limit that is not below the monthly commitment.".to_owned();
            return Err(Refusal::invalid(vec![Violation {
                field: "limit".into(),
                reason: Reason::FIELD_OUT_OF_RANGE,
                description,
            }]));
        }
        Ok(())
    }
}

/// The objects that an approval needs, beside the agreement.
#[derive(Debug)]
pub struct Parties<'a> {
    /// The wallet, which gets the overdraft.
    pub wallet: &'a mut Wallet,
    /// The tenant's settings.
    pub settings: &'a WalletSettings,
    /// The wallet's customer.
    pub customer: &'a Customer,
}

/// What was used in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthUsage {
    /// First day of the month.
    pub month: NaiveDate,
    /// The invoiced usage, before the commitment.
    pub used: Money,
}

/// An agreement of one wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Its id.
    pub id: Id<Agreement>,
    /// The wallet that it covers.
    pub wallet: Id<Wallet>,
    /// Where it is.
    pub state: AgreementState,
    /// The agreed figures; the requested ones before a decision.
    pub terms: Terms,
    /// First day of the first committed month; `None` before it is active.
    pub first_month: Option<NaiveDate>,
    /// The number of committed months that are invoiced.
    pub billed: u32,
    /// The wallet's last entry before it was active.
    pub after_sequence: Option<i64>,
    /// The wallet's last entry before it ended.
    pub last_sequence: Option<i64>,
    /// The explanation of the decision or termination.
    pub explanation: String,
    /// Counts its changes.
    pub version: i64,
    /// When it was requested.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Agreement {
    /// Asks for an agreement.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`, `CURRENCY_NOT_OFFERED`, `BELOW_MINIMUM`, `FIELD_OUT_OF_RANGE`.
    pub fn ask(
        id: Id<Self>,
        wallet: &Wallet,
        settings: &WalletSettings,
        terms: Terms,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        terms.must_fit(wallet, settings)?;
        Ok(Self {
            id,
            wallet: wallet.id,
            state: AgreementState::Requested,
            terms,
            first_month: None,
            billed: 0,
            after_sequence: None,
            last_sequence: None,
            explanation: String::new(),
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    fn must_be(&self, state: AgreementState) -> Result<(), Refusal> {
        if self.state == state {
            return Ok(());
        }
        Err(Refusal::state(
            Reason::POSTPAID_STATE,
            "The agreement",
            self.state.name(),
            self.state.allowed(),
        ))
    }

    /// Approves the agreement with `terms`, which may differ from the requested ones. The
    /// commitment covers whole months: from today if that is the first of a month, otherwise from
    /// the next first.
    ///
    /// # Errors
    /// `POSTPAID_STATE`, `BALANCE_NEGATIVE`, `PROFILE_INCOMPLETE`, `TAX_UNKNOWN`, and those of
    /// [`Agreement::ask`].
    pub fn approve(
        &mut self,
        parties: Parties<'_>,
        terms: Terms,
        explanation: String,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let Parties { wallet, settings, customer } = parties;
        self.must_be(AgreementState::Requested)?;
        terms.must_fit(wallet, settings)?;
        customer.must_have_profile()?;
        customer.must_have_tax()?;
        if wallet.owed.is_positive() {
            let message =
                format!("{} are owed from before. Let the balance be repaired first.", wallet.owed);
            return Err(Refusal::precondition(Reason::BALANCE_NEGATIVE, message)
                .with("owed", wallet.owed.amount()));
        }
        let current_month = first_of_month(today);
        self.first_month = if today == current_month {
            Some(current_month)
        } else {
            current_month.checked_add_months(Months::new(1))
        };
        self.terms = terms;
        self.explanation = explanation;
        wallet.overdraft = Some(terms.limit);
        self.after_sequence = Some(wallet.sequence);
        self.go_to(AgreementState::Active, now);
        Ok(())
    }

    /// Refuses the agreement.
    ///
    /// # Errors
    /// `POSTPAID_STATE`.
    pub fn refuse(&mut self, explanation: String, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_be(AgreementState::Requested)?;
        self.explanation = explanation;
        self.go_to(AgreementState::Refused, now);
        Ok(())
    }

    fn is_committed(&self, month: NaiveDate) -> bool {
        self.state == AgreementState::Active && self.first_month.is_some_and(|first| month >= first)
    }

    /// Closes a month and returns the shortfall to the commitment. The twelfth month ends the
    /// agreement.
    pub fn close_month(
        &mut self,
        wallet: &mut Wallet,
        usage: MonthUsage,
        now: DateTime<Utc>,
    ) -> Result<Money, MoneyError> {
        if !self.is_committed(usage.month) {
            return Ok(Money::zero(wallet.currency));
        }
        self.billed = self.billed.saturating_add(1);
        if self.billed >= MONTHS {
            self.end(wallet, AgreementState::Ended, now);
        } else {
            self.touch(now);
        }
        missing(self.terms.commitment, usage.used)
    }

    /// Ends the agreement early. Returns the shortfall of this month, the commitment of the
    /// remaining months, and their number.
    ///
    /// # Errors
    /// `POSTPAID_STATE`.
    pub fn terminate(
        &mut self,
        wallet: &mut Wallet,
        usage: MonthUsage,
        explanation: String,
        now: DateTime<Utc>,
    ) -> Result<(Money, Money, u32), Refusal> {
        self.must_be(AgreementState::Active)?;
        let current = u32::from(self.is_committed(usage.month));
        let left = MONTHS.saturating_sub(self.billed).saturating_sub(current);
        let short = if current == 1 {
            missing(self.terms.commitment, usage.used)?
        } else {
            Money::zero(wallet.currency)
        };
        let rest =
            Money::from_product(wallet.currency, self.terms.commitment.amount(), left.into())?;
        self.billed = self.billed.saturating_add(current);
        self.explanation = explanation;
        self.end(wallet, AgreementState::Terminated, now);
        Ok((short, rest, left))
    }

    fn end(&mut self, wallet: &mut Wallet, state: AgreementState, now: DateTime<Utc>) {
        (wallet.overdraft, self.last_sequence) = (None, Some(wallet.sequence));
        self.go_to(state, now);
    }

    fn go_to(&mut self, state: AgreementState, now: DateTime<Utc>) {
        self.state = state;
        self.touch(now);
    }
    fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

fn missing(commitment: Money, used: Money) -> Result<Money, MoneyError> {
    commitment.minus(used.min(commitment)?)
}

/// Refuses if the wallet is postpaid, because auto-recharge is off then.
///
/// # Errors
/// `POSTPAID_ACTIVE`.
pub fn must_not_be_postpaid(wallet: &Wallet) -> Result<(), Refusal> {
    let message = "The wallet is postpaid: its months are invoiced and paid by transfer, and auto-recharge is off.";
    if wallet.overdraft.is_some() {
        Err(Refusal::precondition(Reason::POSTPAID_ACTIVE, message))
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "postpaid_tests.rs"]
mod tests;
