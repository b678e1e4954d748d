//! Accruals: the amounts that transfers add to the months of their wallets, from which invoices are
//! made.

use crate::store::{accruals::Sums, wallets::Locked};
use chrono::{DateTime, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_chassis::AppError;
use payterms_kernel::{
    Money,
    calendar::{first_of_month, start_of_day, today},
};
use payterms_wallet_domain::month::accrued;

/// Wallets whose month must be closed, and when.
pub type Closings = Vec<(String, DateTime<Utc>)>;

/// The accruals of one transaction.
#[derive(Debug)]
pub struct Accrued {
    /// The amounts to add to the months' sums.
    pub sums: Sums,
    /// The closings to schedule.
    pub closings: Closings,
}

/// Collects the accruals of the wallets' new transfers. The first accrual of a month also schedules
/// the closing of that month.
///
/// # Errors
/// `Fault` for an amount that no column could hold.
pub fn accrue(
    zone: Tz,
    reached: Option<NaiveDate>,
    changed: &mut [Locked],
) -> Result<Accrued, AppError> {
    let (mut sums, mut closings) = (Sums::new(), Closings::new());
    for Locked { wallet, .. } in changed {
        for transfer in &wallet.transfers {
            let month = first_of_month(today(zone, transfer.recorded_at, reached));
            // Nothing accrues to a month before the open one: that is closed.
            let month = wallet.closes.map_or(month, |open| month.max(open));
            for (funding, label, amount) in accrued(wallet, transfer)? {
                let zero = Money::zero(wallet.currency);
                let sum = sums.entry((wallet.id, month, funding, label)).or_insert(zero);
                *sum = sum.plus(amount)?;
                wallet.closes = wallet.closes.or_else(|| {
                    let next = month.checked_add_months(Months::new(1)).unwrap_or(month);
                    closings.push((wallet.id.to_string(), start_of_day(zone, next)));
                    Some(month)
                });
            }
        }
    }
    Ok(Accrued { sums, closings })
}
