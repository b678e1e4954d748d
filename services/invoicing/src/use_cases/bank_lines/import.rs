//! Takes the credits and returns of a bank's file in, each once, and matches them to invoices and
//! lines.

use super::{
    evaluate::evaluate_lines, identify::identify, return_line::evaluate_returns,
    save::publish_bank_line,
};
use crate::{
    app::App,
    bank_files::read_bank_file,
    commands::bank_lines::BankStatementFile,
    messages,
    store::{bank_bookings, bank_imports, bank_lines},
    use_cases::transfer_refunds::{
        came_back::{decide_what_came_back, take_in_what_came_back},
        pair::confirm_what_went_out,
    },
};
use chrono::{DateTime, NaiveDate};
use payterms_chassis::{
    Answer, AppError, Call,
    telemetry::metrics::{self, KeyValue},
};
use payterms_invoicing_domain::BankLine;
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1::{DescribeBankStatementResponse, ImportBankStatementResponse};
use uuid::Uuid;

/// Takes a file in.
///
/// # Errors
/// `BANK_FILE_INVALID`.
pub async fn import_bank_statement(
    app: &App,
    call: &Call,
    file: &BankStatementFile,
) -> Result<Answer<ImportBankStatementResponse>, AppError> {
    let mut read =
        read_bank_file(&file.content, &file.reading, newest_day(app, &call.tenant).await?)?;
    let mut tx = app.db.begin(call).await?;
    // One import of a tenant at a time: two files of one account would both find a booking new.
    let secret = bank_imports::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    take_in_what_came_back(tx.conn(), &call.tenant, &mut read, &secret).await?;
    let mut known = bank_bookings::of_accounts(tx.conn(), &call.tenant, &read.statements).await?;
    let mut taken = identify(&read.statements, &mut known, &secret, now, &mut || tx.id());
    evaluate_lines(&tx, &mut taken.lines).await?;
    decide_what_came_back(&mut tx, &mut taken).await?;
    bank_lines::save_many(tx.conn(), &call.tenant, &taken.lines).await?;
    bank_bookings::save_many(tx.conn(), &call.tenant, &taken.bookings).await?;
    // Once the lines of this file are stored: it may hold a credit and its return.
    evaluate_returns(&mut tx, &mut taken.lines).await?;
    for line in &taken.lines {
        publish_bank_line(&mut tx, line).await?;
    }
    confirm_what_went_out(&mut tx, &mut read, &secret).await?;
    let answer = messages::bank_statements::imported(&call.tenant, &read, &taken);
    let answered = tx.commit(answer).await?;
    count(&taken.lines);
    Ok(answered)
}

/// Counts the lines that were taken in, by what became of them.
fn count(lines: &[BankLine]) {
    let (meter, description) =
        (metrics::meter(), "Bank lines that were taken in from files, by what became of them.");
    let counter = meter
        .u64_counter("payterms.bank_lines.taken")
        .with_unit("{line}")
        .with_description(description)
        .build();
    for line in lines {
        counter.add(1, &[KeyValue::new("payterms.state", line.state.name())]);
    }
}

/// What would be taken in of a file; nothing changes.
///
/// # Errors
/// `BANK_FILE_INVALID`.
pub async fn describe_bank_statement(
    app: &App,
    tenant: &TenantId,
    file: &BankStatementFile,
) -> Result<DescribeBankStatementResponse, AppError> {
    let mut read = read_bank_file(&file.content, &file.reading, newest_day(app, tenant).await?)?;
    let conn = app.db.read(tenant).await?;
    let secret = bank_imports::secret(&conn, tenant).await?.unwrap_or_default();
    take_in_what_came_back(&conn, tenant, &mut read, &secret).await?;
    let mut known = bank_bookings::of_accounts(&conn, tenant, &read.statements).await?;
    let no_id = || Id::from_uuid(Uuid::nil());
    let taken = identify(&read.statements, &mut known, "", DateTime::UNIX_EPOCH, &mut { no_id });
    Ok(messages::bank_statements::described(tenant, &read, &taken))
}

/// The last day that a bank may have booked on: where the account is kept it may be tomorrow
/// already.
async fn newest_day(app: &App, tenant: &TenantId) -> Result<NaiveDate, AppError> {
    let today = app.db.tenant_today(tenant).await?;
    Ok(today.succ_opt().unwrap_or(today))
}
