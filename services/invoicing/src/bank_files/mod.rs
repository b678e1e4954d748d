//! Files of banks: which credits and returns of credits they hold, as lines. A file is hostile
//! until it is read; the crate of bank files reads it. Bookings are the unit of comparison; a batch
//! booking has several lines.

mod bookings;
mod seen;
#[cfg(test)]
mod tests;

pub use seen::{Account, StoredBooking, Taken};

use bookings::bookings;
use chrono::NaiveDate;
use payterms_bank_files::{
    BankFile, Entry, FindingKind, Limits, Place, Preset, ReferenceKind, Statement, Status,
    account_key,
    identity::{Booking, Claim},
    read,
};
use payterms_chassis::bank_file::{Reading, bank_finding};
use payterms_invoicing_domain::bank::{RefundOfCustomer, Shown, refund_references_in};
use payterms_kernel::{Currency, Kind, Money, Reason, Refusal};
use payterms_proto::common::v1::BankFinding;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What a finding is called by which money went out.
pub const OUTGOING: &str = "OUTGOING";
/// What a finding is called by which a payment of the tenant's came back.
pub const RETURNED: &str = "RETURNED";
/// Lines in one file.
const MOST_LINES: usize = 1_000;
/// The references of an entry, the best first.
const REFERENCES: [ReferenceKind; 4] = [
    ReferenceKind::AccountServicer,
    ReferenceKind::Transaction,
    ReferenceKind::Bank,
    ReferenceKind::EndToEnd,
];

/// What a file holds.
#[derive(Debug)]
pub struct ReadFile {
    /// Its format.
    pub format: &'static str,
    /// What it says of each account, in its order.
    pub statements: Vec<ReadStatement>,
    /// What is not taken in, or not as it stands.
    pub findings: Vec<BankFinding>,
    /// How many entries are no line.
    pub ignored: usize,
    /// What went out, to an account that the bank names.
    pub went_out: Vec<WentOut>,
    /// Payments of the tenant's that came back.
    pub came_back: Vec<CameBack>,
}

/// A booked entry by which a payment of the tenant's came back.
#[derive(Debug)]
pub struct CameBack {
    /// The number of its statement.
    pub statement: usize,
    /// The booking, as a line of its statement.
    pub booking: ReadBooking,
    /// How much.
    pub amount: Money,
}

/// A booked entry by which money went out.
#[derive(Debug)]
pub struct WentOut {
    /// Where it stands.
    pub place: Place,
    /// When it was booked.
    pub booked_on: NaiveDate,
    /// How much.
    pub amount: Money,
    /// The account that it went to, as it is compared; empty where the bank names none.
    pub party_account: String,
    /// The references of transfers back in all of its texts.
    pub refund_references: BTreeSet<String>,
    /// The bank's reference.
    pub reference: String,
}

/// The lines of one account.
#[derive(Debug)]
pub struct ReadStatement {
    /// The account as the file writes it.
    pub account: String,
    /// The account as it is compared.
    pub account_key: String,
    /// Its currency.
    pub currency: Currency,
    /// What the statement says of itself.
    pub claim: Claim,
    /// The booked credits and returns, in its order.
    pub bookings: Vec<ReadBooking>,
}

/// A booked credit, or one that the bank takes back: one line, or a line for each part of a batch.
#[derive(Debug)]
pub struct ReadBooking {
    /// Where it stands.
    pub place: Place,
    /// As it is compared with others.
    pub compared: Booking,
    /// Its lines.
    pub lines: Vec<ReadLine>,
}

/// A line, and the payer's account.
#[derive(Debug)]
pub struct ReadLine {
    /// What the file says.
    pub shown: Shown,
    /// The payer's account as it is compared; empty where the bank does not say.
    pub payer_account: String,
    /// The references of transfers back of ours in all of its texts.
    pub refund_references: BTreeSet<String>,
    /// The transfer back of ours that it may be.
    pub came_back: Option<CameBackAs>,
}

/// A transfer back of ours that a line may be.
#[derive(Debug, Clone, Copy)]
pub struct CameBackAs {
    /// The transfer back.
    pub refund: RefundOfCustomer,
    /// Whether the bank calls it a return, and it has its reference.
    pub is_named: bool,
}

fn invalid(what: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, Reason::BANK_FILE_INVALID, what)
}

/// Reads a file; no booking may be after the newest day.
///
/// # Errors
/// `BANK_FILE_INVALID` with what is wrong.
pub fn read_bank_file(
    content: &[u8],
    reading: &Reading,
    newest_day: NaiveDate,
) -> Result<ReadFile, Refusal> {
    let file = read(content, reading.source(), newest_day, Limits::default())
        .map_err(|error| invalid(error.message))?;
    if !file.entries().any(|entry| entry.status == Status::Booked)
        && let Some(first) =
            file.findings.iter().find(|finding| finding.kind != FindingKind::NoEntries)
    {
        return Err(invalid(format!(
            "Nothing of the file can be used. {}: {}",
            first.place, first.message
        )));
    }
    let shown = file.findings.iter().map(|finding| {
        (finding.place, bank_finding(&finding.place, finding.kind.name(), &finding.message))
    });
    let ignored = file.findings.iter().filter(|finding| is_no_booking(finding.kind)).count();
    let mut found =
        Found { findings: shown.collect(), ignored, went_out: Vec::new(), came_back: Vec::new() };
    let mut statements = Vec::new();
    for (number, statement) in file.statements.iter().enumerate() {
        let Some(currency) =
            statement.currency.or(statement.entries.first().map(|entry| entry.amount.currency()))
        else {
            continue;
        };
        let stated = reading.mapping.as_ref().map_or("", |mapping| mapping.account.as_str());
        let account = if statement.account.is_empty() {
            stated.to_owned()
        } else {
            statement.account.clone()
        };
        let key = account_key(&account);
        // An export that names no account is of the one account of that bank's exports.
        let key =
            if key.is_empty() { file.preset.map_or("", Preset::name).to_owned() } else { key };
        let before = found.came_back.len();
        let bookings = bookings(statement, &account, &key, currency, &mut found);
        found
            .came_back
            .iter_mut()
            .skip(before)
            .for_each(|came_back| came_back.statement = statements.len());
        let claim = claim(&file, statement, content, number);
        statements.push(ReadStatement { account, account_key: key, currency, claim, bookings });
    }
    let lines: usize = statements
        .iter()
        .flat_map(|read_statement| &read_statement.bookings)
        .map(|booking| booking.lines.len())
        .sum();
    if lines > MOST_LINES {
        return Err(invalid("The file has more than 1,000 lines. Cut it in two."));
    }
    found.findings.sort_by_key(|pair| pair.0);
    let findings =
        std::mem::take(&mut found.findings).into_iter().map(|(_, finding)| finding).collect();
    let Found { ignored, went_out, came_back, .. } = found;
    Ok(ReadFile { format: file.format.name(), statements, findings, ignored, went_out, came_back })
}

/// What is not taken in.
struct Found {
    findings: Vec<(Place, BankFinding)>,
    ignored: usize,
    went_out: Vec<WentOut>,
    came_back: Vec<CameBack>,
}

impl Found {
    /// Notes money that went out and may be a transfer back: the bank names its account, or it has
    /// such a reference.
    fn note_outgoing(&mut self, entry: &Entry) {
        let party_account = account_key(&entry.party_account);
        let refund_references: BTreeSet<_> = texts(entry).flat_map(refund_references_in).collect();
        if party_account.is_empty() && refund_references.is_empty() {
            return;
        }
        self.went_out.push(WentOut {
            place: entry.place,
            booked_on: entry.booked_on,
            amount: entry.amount.negated(),
            party_account,
            refund_references,
            reference: REFERENCES
                .into_iter()
                .find_map(|kind| entry.reference(kind))
                .unwrap_or_default()
                .to_owned(),
        });
    }

    /// Notes a payment of the tenant's that came back; a part of a batch is for a person.
    fn note_return(&mut self, entry: &Entry, booking: impl FnOnce() -> ReadBooking) {
        if entry.part_of.is_some() || !entry.amount.is_positive() {
            return;
        }
        self.came_back.push(CameBack { statement: 0, booking: booking(), amount: entry.amount });
    }

    fn pass_over(&mut self, entry: &Entry, kind: &str, message: &str) {
        self.ignored = self.ignored.saturating_add(1);
        self.findings.push((entry.place, bank_finding(&entry.place, kind, message)));
    }
}

/// Whether a finding names an entry that is no line for it.
fn is_no_booking(kind: FindingKind) -> bool {
    let names_no_entry = matches!(kind, FindingKind::NoAccount | FindingKind::OtherVersion);
    !names_no_entry
        && (kind.sets_apart() || matches!(kind, FindingKind::NotBooked | FindingKind::NoStatus))
}

fn claim(file: &BankFile, statement: &Statement, content: &[u8], number: usize) -> Claim {
    // Balances, where there are both, know better than a stated period whether bookings are
    // missing.
    let whole = if statement.opening.is_some() && statement.closing.is_some() {
        statement.is_whole()
    } else {
        statement.period.is_some()
    };
    let has_id =
        !statement.id.is_empty() && (statement.period.is_some() || !statement.sequence.is_empty());
    let id = if has_id {
        format!("{}|{}|{}|{:?}", statement.id, statement.sequence, statement.page, statement.period)
    } else {
        // The same bytes are the same statement. An id alone is not: some banks give all their
        // statements one.
        format!("{}#{number}", hex::encode(Sha256::digest(content).get(..16).unwrap_or_default()))
    };
    Claim {
        source: file.format.name().to_owned(),
        fingerprint: id,
        covers: statement.period,
        whole,
    }
}

/// All texts and references of an entry.
fn texts(entry: &Entry) -> impl Iterator<Item = &str> {
    let references = entry.references.iter().map(|reference| reference.value.as_str());
    entry.search.iter().map(String::as_str).chain([entry.text.as_str()]).chain(references)
}
