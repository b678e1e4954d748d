//! Takes the lines of a bank statement in, each once, and matches them to invoices.

use super::{evaluate::evaluate_lines, save::publish_bank_line};
use crate::{app::App, bank_files::camt, messages, store::bank_lines};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_invoicing_domain::{BankLine, bank::Shown};
use payterms_proto::invoicing::v1::ImportBankStatementResponse;
use std::collections::{BTreeMap, BTreeSet};

/// Takes a file in.
///
/// # Errors
/// `BANK_FILE_INVALID`.
pub async fn import_bank_statement(app: &App, call: &Call, file: &[u8]) -> Result<Answer<ImportBankStatementResponse>, AppError> {
    let credits = camt::read(file)?;
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (fresh, duplicates) = fresh_lines(&tx, credits.lines).await?;
    let now = tx.now();
    let mut taken: Vec<_> = fresh.into_iter().map(|shown| BankLine::new(tx.id(), shown, now)).collect();
    evaluate_lines(&tx, &mut taken).await?;
    bank_lines::save_many(tx.conn(), &call.tenant, &taken).await?;
    for line in &taken {
        publish_bank_line(&mut tx, line).await?;
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
async fn fresh_lines(tx: &WriteTx, lines: Vec<Shown>) -> Result<(Vec<Shown>, usize), AppError> {
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
        let stored: BTreeSet<_> =
            bank_lines::stored_references(tx.conn(), &tx.call().tenant, &account, &references).await?.into_iter().collect();
        fresh.extend(lines.into_iter().filter(|line| !stored.contains(&line.reference)));
    }
    fresh.sort_by_key(|line| order.iter().position(|own| own.0 == line.account && own.1 == line.reference));
    let duplicates = all.saturating_sub(fresh.len());
    Ok((fresh, duplicates))
}
