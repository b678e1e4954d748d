//! Bank data: what statements and linked accounts say of a customer's accounts
//! (docs/domain/credit.md#identity-of-bookings).
//!
//! `identity` finds the bookings that several statements repeat, `apart` sets aside what no
//! customer paid, `circular` measures money that goes back to where it came from, and `features`
//! makes the facts that a policy decides on.

mod apart;
mod circular;
mod features;
mod identity;
mod names;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use apart::{ApartRule, SetApart};
pub use identity::MergedBooking;
pub use names::key_words;

use chrono::{Days, NaiveDate};
use payterms_kernel::Currency;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Gaps that are listed.
const MOST_GAPS: usize = 100;

/// What a reference names. References of different kinds are never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReferenceKind {
    /// The number that the bank gave the booking.
    Servicer,
    /// The number that the payer gave the payment, carried from end to end.
    EndToEnd,
    /// The number of the payment between banks, or of the instruction.
    Transaction,
    /// The number of a cheque.
    Cheque,
    /// Another reference of the bank's, such as a column of a CSV file.
    Bank,
}

/// A reference of a booking: a hint, since banks repeat them and write placeholders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// What it names.
    pub kind: ReferenceKind,
    /// The reference.
    pub value: String,
}

/// Whose payment came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Returned {
    /// A payment of the account's holder: an unpaid direct debit, a cheque without cover.
    OwnPayment,
    /// A deposit: what somebody had paid in.
    Deposit,
    /// The bank does not say: the side and an earlier booking of the same amount decide.
    Unstated,
}

/// What a booking is, where the bank's code says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum BookingKind {
    /// A payment like any other, or nothing is said.
    #[default]
    Other,
    /// A loan or credit, paid out or repaid.
    Loan,
    /// A transfer between accounts of one holder.
    OwnTransfer,
    /// Cash, paid in or withdrawn.
    Cash,
    /// A refund of an earlier payment.
    Refund,
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Booking {
    /// The day.
    pub day: NaiveDate,
    /// What came in, or went out below zero, in millionths.
    pub amount: i64,
    /// Who paid, or was paid; empty where the bank does not say.
    pub party: String,
    /// What else was written on it.
    pub text: String,
    /// Its references, without placeholders.
    pub references: Vec<Reference>,
    /// Whether a payment came back.
    pub returned: Option<Returned>,
    /// What it is.
    pub kind: BookingKind,
    /// Of a batch with details: who paid how much of it, in millionths; empty otherwise.
    pub parts: Vec<(String, i64)>,
}

impl Booking {
    /// A booking of which nothing else is known.
    #[must_use]
    pub fn plain(day: NaiveDate, amount: i64, party: &str) -> Self {
        Self {
            day,
            amount,
            party: party.to_owned(),
            text: String::new(),
            references: Vec::new(),
            returned: None,
            kind: BookingKind::Other,
            parts: Vec::new(),
        }
    }
}

/// What identifies a statement at its bank; an empty id identifies nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StatementId {
    /// The bank's id of the statement.
    pub id: String,
    /// Its sequence number.
    pub sequence: String,
    /// Its page.
    pub page: String,
}

/// How a statement was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A file in the bank's own format, by the format's name.
    File(&'static str),
    /// A provider of linked accounts.
    Link,
}

/// What one statement, or one pull of a linked account, says of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// What distinguishes the account from others: a hash of its number.
    pub account: String,
    /// Its currency.
    pub currency: Currency,
    /// How it was made.
    pub source: Source,
    /// What identifies it at its bank.
    pub id: StatementId,
    /// The first and the last day that it covers.
    pub covers: (NaiveDate, NaiveDate),
    /// Whether it holds every booking of each day that it covers: it states its period, and its
    /// balances, where it has both, agree with its bookings.
    pub whole: bool,
    /// The balance at the end of the last day, in millionths; none where the file does not say.
    pub closing: Option<i64>,
    /// Whether its format says which payments came back.
    pub reports_returns: bool,
    /// Its bookings.
    pub bookings: Vec<Booking>,
}

/// An account with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    bookings: Vec<MergedBooking>,
    covers: Vec<(NaiveDate, NaiveDate)>,
    reports_returns: Vec<(NaiveDate, NaiveDate)>,
    closing: Option<(NaiveDate, i64)>,
}

/// What is known of a customer's accounts in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankData {
    accounts: BTreeMap<String, Account>,
    ignored: usize,
    apart: apart::Counted,
}

/// A time that an account's statements do not cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which account, from 1.
    pub account: usize,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

/// What bank data covers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Accounts in the currency.
    pub accounts: usize,
    /// Statements in another one.
    pub ignored: usize,
    /// The last day that all accounts are covered to.
    pub until: Option<NaiveDate>,
    /// What is not covered, the first of it.
    pub gaps: Vec<Gap>,
    /// What was set apart from inflow and outflow, by rule; none in decisions that are older than
    /// the rules.
    #[serde(default)]
    pub set_apart: Vec<SetApart>,
}

/// Times in order, those that touch or overlap as one.
fn joined(mut times: Vec<(NaiveDate, NaiveDate)>) -> Vec<(NaiveDate, NaiveDate)> {
    times.sort_unstable();
    let mut joined: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for (from, to) in times {
        match joined.last_mut() {
            Some(last) if from <= last.1.checked_add_days(Days::new(1)).unwrap_or(last.1) => {
                last.1 = last.1.max(to);
            }
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn account(statements: &[&Statement]) -> Account {
    let covers = |among: &dyn Fn(&&&Statement) -> bool| {
        joined(statements.iter().filter(among).map(|statement| statement.covers).collect())
    };
    Account {
        bookings: identity::merge(statements),
        covers: covers(&|_| true),
        reports_returns: covers(&|statement| statement.reports_returns),
        closing: statements
            .iter()
            .filter_map(|statement| Some((statement.covers.1, statement.closing?)))
            .max(),
    }
}

impl BankData {
    /// Puts statements together; those in another currency are counted and left out. `is_holder`
    /// says whether a name is the applicant's.
    #[must_use]
    pub fn of(
        currency: Currency,
        statements: &[Statement],
        is_holder: &dyn Fn(&str) -> bool,
    ) -> Self {
        let (same, other): (Vec<_>, Vec<_>) =
            statements.iter().partition(|statement| statement.currency == currency);
        let mut by_account: BTreeMap<String, Vec<&Statement>> = BTreeMap::new();
        for statement in same {
            by_account.entry(statement.account.clone()).or_default().push(statement);
        }
        let accounts: BTreeMap<String, Account> =
            by_account.into_iter().map(|(name, statements)| (name, account(&statements))).collect();
        let apart = apart::set_apart(
            accounts.values().map(|account| account.bookings.as_slice()),
            is_holder,
        );
        Self { accounts, ignored: other.len(), apart }
    }

    /// The last day that all accounts are covered to.
    #[must_use]
    pub fn until(&self) -> Option<NaiveDate> {
        self.accounts.values().filter_map(|account| account.covers.last().map(|last| last.1)).min()
    }

    /// What it covers.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let set_apart = self.apart.summary();
        Coverage {
            accounts: self.accounts.len(),
            ignored: self.ignored,
            until: self.until(),
            gaps: self.gaps(),
            set_apart,
        }
    }

    /// Times between the first and the last day that an account's statements do not cover: as many
    /// as are listed.
    fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (account, this_account) in (1..).zip(self.accounts.values()) {
            for pair in this_account.covers.windows(2) {
                let [before, after] = pair else { continue };
                if let (Some(from), Some(to)) = (before.1.succ_opt(), after.0.pred_opt()) {
                    gaps.push(Gap { account, from, to });
                }
                if gaps.len() >= MOST_GAPS {
                    return gaps;
                }
            }
        }
        gaps
    }
}
