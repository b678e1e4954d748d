//! Features: what a decision looks at, each a whole number with its unit
//! (docs/domain/credit.md#decision).
//!
//! No fraction stands where money is: money is in millionths, a ratio in ten-thousandths.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Millionths of the programme's currency.
    Money,
    /// Ten-thousandths.
    BasisPoints,
    /// How many.
    Count,
    /// Days.
    Days,
    /// Months.
    Months,
}

/// What is known of a customer's bank accounts, and of what it has done here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Feature {
    /// Average of what customers paid in a whole calendar month: what came in without what was set
    /// apart.
    MonthlyInflow,
    /// Average of what went out, likewise.
    MonthlyOutflow,
    /// What came in in the last three whole months against the three before, as a change.
    InflowTrend,
    /// Mean absolute deviation of the months' inflow from its mean, against the mean.
    InflowVolatility,
    /// Lowest end-of-day balance over all accounts in the last 90 days.
    LowestBalance,
    /// Average end-of-day balance over all accounts in the last 90 days.
    AverageBalance,
    /// Days of the last 90 on which an account ended below zero.
    DaysNegative,
    /// Payments that came back in the last 180 days.
    ReturnedPayments,
    /// Share of what came in that the largest payer paid.
    PayerConcentration,
    /// Whole calendar months that the statements cover without a gap, up to the newest.
    MonthsOfHistory,
    /// Invoices of the last 365 days that were paid after their due date, or are past due.
    PaidLate,
    /// What was paid of invoices of the last 365 days.
    PaidVolume,
    /// What is open of invoices.
    OpenInvoices,
    /// Payment plans that were completed.
    PlansKept,
    /// Payment plans that were breached.
    PlansBreached,
    /// Payments of the customer that came back in the last 180 days: unpaid direct debits, cheques
    /// without cover.
    ReturnedOwnPayments,
    /// Share of all that came in, in the last 180 days, that came back: bounced deposits.
    ReturnedDeposits,
    /// Share of all that came in that went back to where it came from within 14 days.
    CircularFlow,
    /// Days since the last day that all accounts are covered to.
    StatementAge,
    /// Bookings that may be the same as another one.
    SuspectedDuplicates,
}

payterms_kernel::names! {
    /// The name of the feature, as in the contract.
    Feature {
        MonthlyInflow = "MONTHLY_INFLOW",
        MonthlyOutflow = "MONTHLY_OUTFLOW",
        InflowTrend = "INFLOW_TREND",
        InflowVolatility = "INFLOW_VOLATILITY",
        LowestBalance = "LOWEST_BALANCE",
        AverageBalance = "AVERAGE_BALANCE",
        DaysNegative = "DAYS_NEGATIVE",
        ReturnedPayments = "RETURNED_PAYMENTS",
        PayerConcentration = "PAYER_CONCENTRATION",
        MonthsOfHistory = "MONTHS_OF_HISTORY",
        PaidLate = "PAID_LATE",
        PaidVolume = "PAID_VOLUME",
        OpenInvoices = "OPEN_INVOICES",
        PlansKept = "PLANS_KEPT",
        PlansBreached = "PLANS_BREACHED",
        ReturnedOwnPayments = "RETURNED_OWN_PAYMENTS",
        ReturnedDeposits = "RETURNED_DEPOSITS",
        CircularFlow = "CIRCULAR_FLOW",
        StatementAge = "STATEMENT_AGE",
        SuspectedDuplicates = "SUSPECTED_DUPLICATES",
    }
}

impl Feature {
    /// What it counts.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::MonthlyInflow
            | Self::MonthlyOutflow
            | Self::LowestBalance
            | Self::AverageBalance
            | Self::PaidVolume
            | Self::OpenInvoices => Unit::Money,
            Self::InflowTrend
            | Self::InflowVolatility
            | Self::PayerConcentration
            | Self::ReturnedDeposits
            | Self::CircularFlow => Unit::BasisPoints,
            Self::DaysNegative | Self::StatementAge => Unit::Days,
            Self::MonthsOfHistory => Unit::Months,
            Self::ReturnedPayments
            | Self::PaidLate
            | Self::PlansKept
            | Self::PlansBreached
            | Self::ReturnedOwnPayments
            | Self::SuspectedDuplicates => Unit::Count,
        }
    }
}

/// Features with what is known of them; one that is not there is not known.
pub type Features = BTreeMap<Feature, i64>;
