//! What a bank file says, whatever its format.

use crate::finding::{Finding, Place};
use chrono::NaiveDate;
use payterms_kernel::{Currency, Money};

/// What a file holds. Nothing in it is dropped: what cannot be used is a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankFile {
    /// Its format.
    pub format: Format,
    /// The format's version where the file states it: 2 to 13 of CAMT, 1 or 2 of OFX.
    pub version: Option<u8>,
    /// The bank whose export a CSV file is, where a preset read it.
    pub preset: Option<crate::Preset>,
    /// Its statements, in the file's order.
    pub statements: Vec<Statement>,
    /// What could not be used, or not as it stands, in the file's order.
    pub findings: Vec<Finding>,
}

impl BankFile {
    /// All entries of all statements.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.statements.iter().flat_map(|statement| &statement.entries)
    }
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// An account report within the day, ISO 20022.
    Camt052,
    /// A statement, ISO 20022.
    Camt053,
    /// A notification of credits and debits, ISO 20022.
    Camt054,
    /// A statement, SWIFT.
    Mt940,
    /// Open Financial Exchange, as SGML or XML.
    Ofx,
    /// Rows of columns.
    Csv,
}

payterms_kernel::names! {
    /// Its name, as in the API.
    Format { Camt052 = "CAMT_052", Camt053 = "CAMT_053", Camt054 = "CAMT_054", Mt940 = "MT940", Ofx = "OFX", Csv = "CSV" }
}

/// What the bank says of one account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statement {
    /// The account, as in the file: an IBAN without spaces, or the bank's number. Compare it by
    /// [`crate::account_key`].
    pub account: String,
    /// Currency of the account.
    pub currency: Option<Currency>,
    /// What identifies the statement; empty where the file has none.
    pub id: String,
    /// The statement's number in its sequence; empty where the file has none.
    pub sequence: String,
    /// The page of the statement; empty where the file has none.
    pub page: String,
    /// First and last day: as stated, or by the days of opening and closing balance.
    pub period: Option<(NaiveDate, NaiveDate)>,
    /// The balance before the first entry.
    pub opening: Option<Balance>,
    /// The balance after the last entry.
    pub closing: Option<Balance>,
    /// The entries, oldest first where the file has an order.
    pub entries: Vec<Entry>,
}

impl Statement {
    /// Whether the opening balance and the booked entries make the closing balance: then no entry
    /// of its days is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let (Some(opening), Some(closing)) = (&self.opening, &self.closing) else { return false };
        let mut sum = Ok(opening.amount);
        for entry in self.entries.iter().filter(|entry| entry.status == Status::Booked) {
            sum = match &entry.part_of {
                // A batch was booked as one amount; its parts may be without the charges.
                Some(batch) if batch.number == 1 => {
                    sum.and_then(|sum| sum.plus(batch.entry_amount))
                }
                Some(_) => sum,
                None => sum.and_then(|sum| sum.plus(entry.amount)),
            };
        }
        sum == Ok(closing.amount)
    }
}

/// A balance of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// The day it is of.
    pub on: NaiveDate,
    /// The amount: below zero where the account is overdrawn.
    pub amount: Money,
}

/// How far a booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Status {
    /// Booked. No other status counts as money.
    Booked,
    /// Expected, not booked.
    Pending,
    /// For information: no money moves by it, or it was called off.
    Information,
    /// The file does not say.
    #[default]
    Unstated,
}

/// One booking, or one part of a batch that was booked as one amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// How far it is.
    pub status: Status,
    /// The day of the booking.
    pub booked_on: NaiveDate,
    /// The day from which it bears interest.
    pub value_on: Option<NaiveDate>,
    /// What came in, or went out where it is below zero.
    pub amount: Money,
    /// Whether the bank takes an earlier booking back.
    pub reversal: bool,
    /// The payment that came back, where this is one.
    pub returned: Option<Returned>,
    /// What the bank's code says of its sense.
    pub kind: Kind,
    /// The bank's code as written: `PMNT/RDDT/UPDD`, `NTRF/166`, `DIRECTDEP`.
    pub code: String,
    /// References, without placeholders.
    pub references: Vec<Reference>,
    /// Who paid or was paid.
    pub party: String,
    /// The account of who paid or was paid.
    pub party_account: String,
    /// All that a person wrote or the bank added, for people to read: 2,000 characters at most.
    pub text: String,
    /// The texts in which numbers of invoices are looked for.
    pub search: Vec<String>,
    /// Amounts that the payer states for single documents: number and amount.
    pub named_amounts: Vec<(String, Money)>,
    /// Charges that the bank names for it.
    pub charges: Option<Money>,
    /// The batch of which it is a part.
    pub part_of: Option<PartOf>,
}

impl Entry {
    /// The first reference of a kind.
    #[must_use]
    pub fn reference(&self, kind: ReferenceKind) -> Option<&str> {
        self.references
            .iter()
            .find(|reference| reference.kind == kind)
            .map(|reference| reference.value.as_str())
    }
}

/// A payment that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// True: a payment of the account's holder came back, such as an unpaid direct debit or cheque.
    /// False: a deposit came back.
    pub own_payment: bool,
    /// The reason or the bank's code: `AM04`, `R01`, `UPDD`; `REVERSAL` where only that is stated.
    pub code: String,
}

/// What the bank's code says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Nothing of the below.
    #[default]
    Other,
    /// A loan paid out or paid back.
    Loan,
    /// Between accounts of the same holder: sweeps, pools, term deposits.
    OwnTransfer,
    /// Cash paid in or taken out.
    Cash,
    /// Charges of the bank.
    Fee,
    /// Interest.
    Interest,
    /// Money given back by a seller or to a buyer.
    Refund,
    /// Taxes that the bank withholds or passes on.
    Tax,
}

/// A reference with its kind: only references of one kind can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Who gave it.
    pub kind: ReferenceKind,
    /// The reference, as written.
    pub value: String,
}

/// Who gave a reference, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceKind {
    /// The bank that keeps the account, to the booking (`AcctSvcrRef`, `FITID`).
    AccountServicer,
    /// The payer, passed on to the end.
    EndToEnd,
    /// The payer, to the order.
    Instruction,
    /// The first bank, to the transaction.
    Transaction,
    /// The direct debit mandate.
    Mandate,
    /// The number of a cheque.
    Cheque,
    /// The bank, to the entry within this statement; many number each statement from 1.
    EntryRef,
    /// Any other of a bank's or a clearing system's.
    Bank,
    /// The payer, to a document that is paid. No reader makes one: who knows what documents are
    /// called does.
    Document,
}

payterms_kernel::names! {
    /// Its name, as it is stored.
    ReferenceKind {
        AccountServicer = "ACCOUNT_SERVICER",
        EndToEnd = "END_TO_END",
        Instruction = "INSTRUCTION",
        Transaction = "TRANSACTION",
        Mandate = "MANDATE",
        Cheque = "CHEQUE",
        EntryRef = "ENTRY_REF",
        Bank = "BANK",
        Document = "DOCUMENT",
    }
}

/// The batch of which an entry is a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartOf {
    /// What was booked.
    pub entry_amount: Money,
    /// Which part this is, from 1.
    pub number: usize,
    /// How many parts there are among the entries.
    pub count: usize,
    /// What was booked less the sum of the parts, where they differ.
    pub difference: Option<Money>,
    /// Whether the named charges explain the difference.
    pub by_charges: bool,
}
