//! Reads the linked accounts of an application, which may be repeated.

use crate::{
    app::App,
    bank_data::{Read, Unknown},
};
use chrono::{Months, NaiveDate};
use payterms_chassis::{AppError, flow::Lease};
use payterms_credit_domain::{BankLink, LinkState, bank::Statement};
use payterms_kernel::calendar::first_of_month;
use std::time::Duration;

/// Whole months that accounts are read over, beside the one that has begun.
const MONTHS: u32 = 13;
/// Tries of a bank that is still collecting, or of a provider that does not answer, and the pause
/// between.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// What came of reading all links.
pub(super) enum AccountsRead {
    /// What each link was read as.
    Statements(Vec<(BankLink, Vec<Statement>)>),
    /// This bank lets us in no more.
    Broken(BankLink),
    /// Not all of them, in all that time.
    NotYet,
}

/// Reads the accounts of all links.
pub(super) async fn read_accounts(
    app: &App,
    lease: &Lease,
    links: Vec<BankLink>,
    today: NaiveDate,
) -> Result<AccountsRead, AppError> {
    let from = first_of_month(today).checked_sub_months(Months::new(MONTHS)).unwrap_or(today);
    let mut statements = Vec::new();
    for link in links.into_iter().filter(|link| link.state == LinkState::Linked) {
        match read_link(app, lease, &link, (from, today)).await? {
            Ok(Read::Statements(read)) => statements.push((link, read)),
            Ok(Read::Broken) => return Ok(AccountsRead::Broken(link)),
            Ok(Read::NotReady) => return Ok(AccountsRead::NotYet),
            Err(error) => {
                tracing::warn!(%error, "the accounts of a link could not be read");
                return Ok(AccountsRead::NotYet);
            }
        }
    }
    Ok(AccountsRead::Statements(statements))
}

/// Reads the accounts of one link, again while the bank is collecting.
async fn read_link(
    app: &App,
    lease: &Lease,
    link: &BankLink,
    days: (NaiveDate, NaiveDate),
) -> Result<Result<Read, Unknown>, AppError> {
    let token = app.unseal(link.id.uuid(), &link.token)?;
    let mut last = Ok(Read::NotReady);
    for _ in 0..TRIES {
        last = app.bank_data()?.read(&lease.tenant, &token, days).await;
        if !matches!(last, Ok(Read::NotReady) | Err(_)) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(last)
}
