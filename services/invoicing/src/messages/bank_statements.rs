//! Files of bank statements: requests → commands, and what became of a file → messages.

use super::bank_lines::{bank_line, line_name};
use crate::{
    bank_files::{ReadFile, Taken},
    commands::bank_lines::BankStatementFile,
};
use payterms_bank_files::Place;
use payterms_chassis::{AppError, Call, Fields, bank_file::bank_file};
use payterms_invoicing_domain::BankLine;
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Duplicates and findings that are listed.
const MOST_LISTED: usize = 1_000;

/// Takes a file in.
pub fn import_bank_statement(
    request: Request<pb::ImportBankStatementRequest>,
) -> Result<(Call, BankStatementFile), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let (content, reading) =
        bank_file(&mut fields, &message.content, message.csv.as_ref(), message.preset);
    Ok((fields.write(&message.request_id, tenant)?, BankStatementFile { content, reading }))
}

/// Describes a file.
pub fn describe_bank_statement(
    request: Request<pb::DescribeBankStatementRequest>,
) -> Result<(TenantId, BankStatementFile), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let (content, reading) =
        bank_file(&mut fields, &message.content, message.csv.as_ref(), message.preset);
    fields.finish()?;
    Ok((tenant, BankStatementFile { content, reading }))
}

fn duplicates(tenant: &TenantId, taken: &Taken) -> Vec<pb::DuplicateEntry> {
    let entry = |(place, line): &(Place, Id<BankLine>)| pb::DuplicateEntry {
        place: place.to_string(),
        bank_line: line_name(tenant, *line),
    };
    taken.duplicates.iter().take(MOST_LISTED).map(entry).collect()
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// What became of a file.
#[must_use]
pub fn imported(
    tenant: &TenantId,
    file: &ReadFile,
    taken: &Taken,
) -> pb::ImportBankStatementResponse {
    pb::ImportBankStatementResponse {
        bank_lines: taken.lines.iter().map(|line| bank_line(tenant, line)).collect(),
        duplicate_count: count(taken.duplicates.len()),
        ignored_count: count(file.ignored),
        duplicates: duplicates(tenant, taken),
        findings: file.findings.iter().take(MOST_LISTED).cloned().collect(),
        finding_count: count(file.findings.len()),
        format: file.format.to_owned(),
    }
}

/// What would become of a file. Its lines have no names yet; one that may be another of the file
/// names none.
#[must_use]
pub fn described(
    tenant: &TenantId,
    file: &ReadFile,
    taken: &Taken,
) -> pb::DescribeBankStatementResponse {
    let unnamed = |line: &BankLine| {
        let is_new = |id: &Id<BankLine>| id.uuid().is_nil();
        let shown =
            BankLine { duplicate_of: line.duplicate_of.filter(|id| !is_new(id)), ..line.clone() };
        pb::BankLine { name: String::new(), create_time: None, ..bank_line(tenant, &shown) }
    };
    pb::DescribeBankStatementResponse {
        bank_lines: taken.lines.iter().map(unnamed).collect(),
        duplicates: duplicates(tenant, taken),
        duplicate_count: count(taken.duplicates.len()),
        findings: file.findings.iter().take(MOST_LISTED).cloned().collect(),
        finding_count: count(file.findings.len()),
        format: file.format.to_owned(),
    }
}
