//! Bank statements: lines are taken in once and matched to invoices; what is matched becomes a payment,
//! begun apart from the import by a flow of its own.

use super::{
    create_invoice::locked,
    create_payment::{self, publish as publish_payment},
    transfer_top_up,
};
use crate::{
    App,
    bank_files::camt,
    commands::invoices::InvoiceRef,
    jobs, messages,
    store::{bank_lines, invoice_lists, invoices, payments},
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    jobs::cancel,
    kill,
    page::Page,
};
use payterms_invoicing_domain::{
    BankLine,
    bank::{LineState, Shown, number_in},
};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1::{
    BankLineChanged, GetBankLineResponse, ImportBankStatementResponse, ListBankLinesResponse, MatchBankLineResponse,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The kind of flow.
pub const FLOW: &str = "bank_line";

/// Takes a file in.
///
/// # Errors
/// `BANK_FILE_INVALID`.
pub async fn import(app: &App, call: &Call, file: &[u8]) -> Result<Answer<ImportBankStatementResponse>, AppError> {
    let credits = camt::read(file)?;
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (fresh, duplicates) = fresh(&tx, credits.lines).await?;
    let numbers: BTreeSet<_> = fresh.iter().filter_map(|shown| number_in(&shown.text)).collect();
    let known = invoice_lists::by_numbers(tx.conn(), &call.tenant, &numbers.into_iter().collect::<Vec<_>>()).await?;
    let now = tx.now();
    let mut taken = Vec::with_capacity(fresh.len());
    for shown in fresh {
        let number = number_in(&shown.text);
        let own = known.iter().find(|own| own.issue.as_ref().map(|issue| &issue.number) == number.as_ref() && number.is_some());
        let (state, created_at) = (LineState::Unmatched, now);
        let mut line = BankLine { id: tx.id(), shown, state, invoice: None, customer: None, payment: None, created_at };
        // An invoice in another currency is a question for a person.
        if let Some(invoice) = own {
            let _ = line.match_to(invoice);
        }
        taken.push(line);
    }
    bank_lines::save_many(tx.conn(), &call.tenant, &taken).await?;
    for line in &taken {
        told(&mut tx, line).await?;
    }
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let answer = ImportBankStatementResponse {
        bank_lines: taken.iter().map(|line| messages::bank_lines::bank_line(&call.tenant, line)).collect(),
        duplicate_count: count(duplicates),
        ignored_count: count(credits.ignored),
    };
    tx.commit(answer).await
}

/// The lines that were not taken in before, and how many were.
async fn fresh(tx: &WriteTx, lines: Vec<Shown>) -> Result<(Vec<Shown>, usize), AppError> {
    let all = lines.len();
    let mut by_account: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    for line in lines {
        if seen.insert((line.account.clone(), line.reference.clone())) {
            order.push((line.account.clone(), line.reference.clone()));
            by_account.entry(line.account.clone()).or_default().push(line);
        }
    }
    let mut fresh = Vec::new();
    for (account, lines) in by_account {
        let references: Vec<_> = lines.iter().map(|line| line.reference.as_str()).collect();
        let known: BTreeSet<_> = bank_lines::known(tx.conn(), &tx.call().tenant, &account, &references).await?.into_iter().collect();
        fresh.extend(lines.into_iter().filter(|line| !known.contains(&line.reference)));
    }
    fresh.sort_by_key(|line| order.iter().position(|own| own.0 == line.account && own.1 == line.reference));
    let duplicates = all.saturating_sub(fresh.len());
    Ok((fresh, duplicates))
}

/// Tells of a line; one that is matched is left to its flow.
async fn told(tx: &mut WriteTx, line: &BankLine) -> Result<(), AppError> {
    let event = BankLineChanged { bank_line: Some(messages::bank_lines::anonymous_bank_line(&tx.call().tenant, line)) };
    tx.emit("bank_line", &line.id.to_string(), &event).await?;
    if line.state == LineState::Matched && line.payment.is_none() {
        flow::leave(tx, FLOW, line.id.uuid()).await?;
    }
    Ok(())
}

/// Lets a line pay an invoice that a person names.
///
/// # Errors
/// `BANK_LINE_STATE`, `INVOICE_STATE`, `CURRENCY_MISMATCH`, `RESOURCE_NOT_FOUND`.
pub async fn match_line(app: &App, call: &Call, id: Id<BankLine>, named: &InvoiceRef) -> Result<Answer<MatchBankLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let invoice = locked(&tx, named).await?;
    let mut line = bank_lines::lock(tx.conn(), &call.tenant, id).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    line.match_to(&invoice)?;
    bank_lines::save_many(tx.conn(), &call.tenant, std::slice::from_ref(&line)).await?;
    told(&mut tx, &line).await?;
    tx.commit(MatchBankLineResponse { bank_line: Some(messages::bank_lines::bank_line(&call.tenant, &line)) }).await
}

/// Drives the flow: makes the payment of a matched line, once, and leaves that to its own driver.
///
/// # Errors
/// The database's.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let id = Id::from_uuid(lease.intent);
    let conn = app.db.read(tenant).await?;
    let found = bank_lines::find(&conn, tenant, id).await?;
    drop(conn);
    let Some(invoice) = found.and_then(|line| line.invoice) else { return Ok(()) };
    let call = Call::own("invoicing", tenant, "bank_line_matched", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut owned = invoices::lock_many(tx.conn(), tenant, &[invoice]).await?;
    let Some(mut line) = bank_lines::lock(tx.conn(), tenant, id).await? else { return Ok(()) };
    flow::hold(&tx, lease).await?;
    let mut payment_lease = None;
    if let (None, Some(invoice)) = (line.payment, owned.first_mut()) {
        let now = tx.now();
        let announced = payments::lock_announced(tx.conn(), tenant, invoice.id).await?;
        let mut payment = if let Some(mut announced) = announced {
            announced.arrived(&mut line, now);
            cancel(&tx, jobs::LAPSE_TRANSFER, &announced.id.to_string()).await?;
            announced
        } else {
            let tolerance = transfer_top_up::tolerance(&tx, invoice).await?;
            let (payment, short) = line.pay(tx.ids(), invoice, tolerance, now)?;
            transfer_top_up::forgiven(&mut tx, invoice, short).await?;
            payment
        };
        payment_lease = Some(app.flows.open(&tx, create_payment::FLOW, payment.id.uuid()).await?);
        bank_lines::save_many(tx.conn(), tenant, std::slice::from_ref(&line)).await?;
        publish_payment(&mut tx, &mut payment, &mut owned).await?;
        told(&mut tx, &line).await?;
    }
    flow::close(&tx, lease).await?;
    kill::point("bank_line.before_payment");
    tx.commit_rows().await?;
    kill::point("bank_line.after_payment");
    if let Some(lease) = payment_lease {
        app.flows.spawn(lease);
    }
    Ok(())
}

/// One line.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, tenant: &TenantId, id: Id<BankLine>) -> Result<GetBankLineResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let found = bank_lines::find(&conn, tenant, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(GetBankLineResponse { bank_line: Some(messages::bank_lines::bank_line(tenant, &found)) })
}

/// A page of lines, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, tenant: &TenantId, state: Option<LineState>, page: &Page) -> Result<ListBankLinesResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = bank_lines::list(&conn, tenant, (state, before), page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |own| own.id.to_string());
    Ok(ListBankLinesResponse {
        bank_lines: found.iter().map(|own| messages::bank_lines::bank_line(tenant, own)).collect(),
        next_page_token,
    })
}
