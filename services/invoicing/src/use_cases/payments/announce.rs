//! Says where an announced transfer goes and with which reference, mails it, and lets it lapse in
//! time.

use super::lapse;
use crate::{store::tenants, use_cases::mails::transfer_notices::mail_announced_transfer};
use chrono::TimeDelta;
use payterms_chassis::{AppError, WriteTx, jobs::schedule};
use payterms_invoicing_domain::{Invoice, Payment, announced};
use payterms_kernel::{Refusal, calendar::day_in};

/// Announces a transfer in the transaction that reserves for it, so that its mail is written once.
pub(super) async fn announce_transfer(
    tx: &mut WriteTx,
    payment: &mut Payment,
    owned: &[Invoice],
) -> Result<(), AppError> {
    let tenant =
        tenants::find(tx.conn(), &tx.call().tenant).await?.ok_or_else(Refusal::not_found)?;
    payment.announce(owned, tenant.business.bank_details);
    let until = tx.now() + TimeDelta::days(announced::DAYS);
    schedule(tx, lapse::JOB, &payment.id.to_string(), until).await?;
    let last_day = day_in(tx.time().zone, until);
    mail_announced_transfer(tx, payment, owned, last_day).await
}
