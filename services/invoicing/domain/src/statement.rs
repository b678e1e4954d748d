//! Statements: what a customer owed at the beginning of a month, what came to it, and what is left
//! (docs/domain/invoicing.md#statement).

use crate::{
    customer::Customer,
    invoice::{Invoice, InvoiceState, Party},
    tenant::Tenant,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, Money, money::MoneyError};

/// What changes what a customer owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// An invoice was issued.
    Issued,
    /// A credit note or a void took something off.
    Credited,
    /// Something was written off, or that was reversed.
    WrittenOff,
    /// Something was paid, or given back.
    Paid,
}

payterms_kernel::names! {
    /// The name in columns.
    Movement { Issued = "ISSUED", Credited = "CREDITED", WrittenOff = "WRITTEN_OFF", Paid = "PAID" }
}

impl Movement {
    /// How much of it an invoice has seen in all, where so much was noted before.
    #[must_use]
    pub fn of(self, invoice: &Invoice, noted: impl Fn(Self) -> Money) -> Money {
        let zero = Money::zero(invoice.currency);
        if invoice.state == InvoiceState::Draft {
            return zero;
        }
        if invoice.top_up.is_some() {
            return self.of_purchase(invoice, noted).unwrap_or(zero);
        }
        match self {
            Self::Issued => invoice.amounts.total,
            Self::Credited => invoice.credited,
            Self::WrittenOff => invoice.written_off,
            Self::Paid => invoice.paid,
        }
    }

    /// A purchase of credit is never owed. What comes of it is invoiced and paid at once, and what
    /// is taken back of that is credited; a credit note on what never came moves nothing.
    fn of_purchase(
        self,
        invoice: &Invoice,
        noted: impl Fn(Self) -> Money,
    ) -> Result<Money, MoneyError> {
        let zero = Money::zero(invoice.currency);
        let more = invoice.paid.minus(noted(Self::Paid))?;
        match self {
            Self::Issued => noted(self).plus(more.max(zero)?),
            Self::Credited => noted(self).minus(more.min(zero)?),
            Self::WrittenOff => Ok(zero),
            Self::Paid => Ok(invoice.paid),
        }
    }
}

/// The movements of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// What was invoiced.
    pub issued: Money,
    /// What was credited.
    pub credited: Money,
    /// What was written off, less what of that was reversed.
    pub written_off: Money,
    /// What was paid, less what was given back.
    pub paid: Money,
    /// What was given back.
    pub given_back: Money,
}

impl Moved {
    /// Nothing.
    #[must_use]
    pub fn nothing(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self { issued: zero, credited: zero, written_off: zero, paid: zero, given_back: zero }
    }
}

/// An invoice that is open on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvoice {
    /// The invoice.
    pub id: Id<Invoice>,
    /// Its number.
    pub number: String,
    /// When it falls due.
    pub due: NaiveDate,
    /// How many days ago that was; zero or less: it is not past due.
    pub days: i64,
    /// What is open of it.
    pub open: Money,
}

/// Something that was given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// The credit note; empty where a payment was taken off an invoice, and for credit that no
    /// invoice had sold.
    pub note: String,
    /// The invoice; empty for credit that no invoice had sold.
    pub invoice: String,
    /// The day, in the tenant's zone of then; of a transfer without a credit note the bank's.
    pub on: NaiveDate,
    /// How much; below zero: the bank sent it back.
    pub amount: Money,
    /// How the account ends to which it was transferred; empty where it went elsewhere.
    pub to_account: String,
}

/// Why something was taken back from a customer, or is there again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenFor {
    /// A charge is disputed.
    Dispute,
    /// A charge was disputed, and the dispute was lost before the month ended: so a statement says
    /// of a dispute.
    DisputeLost,
    /// A dispute was won.
    DisputeWon,
    /// A bank has returned a debit.
    Return,
    /// A bank transfer does not stand for what it had paid.
    Transfer,
    /// Bought credit was withheld.
    Revocation,
    /// Withheld credit was given back.
    Restoration,
    /// What was left of granted credit was taken back.
    GrantVoid,
}

payterms_kernel::names! {
    /// The name in columns.
    TakenFor {
        Dispute = "DISPUTE",
        DisputeLost = "DISPUTE_LOST",
        DisputeWon = "DISPUTE_WON",
        Return = "RETURN",
        Transfer = "TRANSFER",
        Revocation = "REVOCATION",
        Restoration = "RESTORATION",
        GrantVoid = "GRANT_VOID",
    }
}

impl TakenFor {
    /// Whether it is there again.
    #[must_use]
    pub fn is_there_again(self) -> bool {
        matches!(self, Self::DisputeWon | Self::Restoration)
    }
}

/// Something that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// Why.
    pub why: TakenFor,
    /// The day, in the tenant's zone of then.
    pub on: NaiveDate,
    /// How much; below zero where it is there again.
    pub amount: Money,
    /// The numbers of the invoices that a disputed or returned charge had paid, apart by commas;
    /// empty otherwise.
    pub invoices: String,
}

/// A statement of one month and currency; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its id.
    pub id: Id<Statement>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// First day of the month.
    pub month: NaiveDate,
    /// What was owed when it began: the closing of the one before.
    pub opening: Money,
    /// What came to it.
    pub moved: Moved,
    /// What is owed at its end.
    pub closing: Money,
    /// Who draws it up, with where transfers go if something is owed; none on those from before it
    /// was kept.
    pub seller: Option<Party>,
    /// Whom it is for, likewise.
    pub buyer: Option<Party>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Statement {
    /// Draws a month up.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn draw_up(
        id: Id<Self>,
        (customer, month): (Id<Customer>, NaiveDate),
        (opening, moved): (Money, Moved),
        (tenant, buyer): (&Tenant, &Customer),
        now: DateTime<Utc>,
    ) -> Result<Self, MoneyError> {
        let closing = opening
            .plus(moved.issued)?
            .minus(moved.credited)?
            .minus(moved.written_off)?
            .minus(moved.paid)?;
        let bank_details = if closing.is_positive() {
            tenant.business.bank_details.clone()
        } else {
            String::new()
        };
        let seller = Some(Party { bank_details, ..tenant.party() });
        Ok(Self {
            id,
            customer,
            month,
            opening,
            moved,
            closing,
            seller,
            buyer: Some(buyer.party()),
            created_at: now,
        })
    }

    /// The currency of all amounts.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.closing.currency()
    }
}
