//! Lines of bank statements: what has arrived, and which invoice it pays
//! (docs/domain/invoicing.md#transfers-are-accepted).

use crate::{
    customer::Customer,
    invoice::{Invoice, InvoiceState},
    payment::{Allocation, Payment, PaymentState, Source, Tender, TenderState},
    tax::TaxAmount,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal};

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// No invoice is known for it: a person matches it.
    Unmatched,
    /// It pays an invoice.
    Matched,
}

impl LineState {
    /// All states.
    pub const ALL: [Self; 2] = [Self::Unmatched, Self::Matched];

    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unmatched => "UNMATCHED",
            Self::Matched => "MATCHED",
        }
    }
}

/// What a statement says of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The tenant's account, an IBAN or the bank's number.
    pub account: String,
    /// The bank's reference of the line: it is taken in once.
    pub reference: String,
    /// When it was booked.
    pub booked_on: NaiveDate,
    /// What has arrived.
    pub amount: Money,
    /// Who paid, as the bank names them; may be empty.
    pub payer: String,
    /// What the payer wrote.
    pub text: String,
}

/// A line that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankLine {
    /// Its id.
    pub id: Id<BankLine>,
    /// What the statement says.
    pub shown: Shown,
    /// Where it is.
    pub state: LineState,
    /// The invoice that it pays.
    pub invoice: Option<Id<Invoice>>,
    /// Whose invoice that is.
    pub customer: Option<Id<Customer>>,
    /// The payment that it made.
    pub payment: Option<Id<Payment>>,
    /// When it was taken in.
    pub created_at: DateTime<Utc>,
}

/// The number of an invoice that a text names, with whatever separators: `INV 2026 000042`. Digits too
/// many or too few are no number: a person looks.
#[must_use]
pub fn number_in(text: &str) -> Option<String> {
    let plain = text.to_ascii_uppercase();
    plain.match_indices("INV").find_map(|(at, _)| {
        let rest = plain.get(at.saturating_add(3)..)?;
        let (first, rest) = digits(rest)?;
        let (year, number) = if first.len() == 4 { (first, digits(rest)?.0) } else { first.split_at_checked(4)? };
        let taken = number.len() == 6 || (number.len() > 6 && !number.starts_with('0'));
        taken.then(|| format!("INV-{year}-{number}"))
    })
}

/// The run of digits that comes first but for separators, and what follows it.
fn digits(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some(text.split_at(end)).filter(|(run, _)| !run.is_empty())
}

/// What a transfer is short of, with its part of each rate, where a credit note takes it off.
pub type Short = Option<(Money, Vec<TaxAmount>)>;

impl BankLine {
    /// Matches it to an issued invoice.
    ///
    /// # Errors
    /// `BANK_LINE_STATE` where it is matched, `INVOICE_STATE` for a draft, `CURRENCY_MISMATCH`.
    pub fn match_to(&mut self, invoice: &Invoice) -> Result<(), Refusal> {
        if self.state == LineState::Matched {
            return Err(Refusal::state("BANK_LINE_STATE", "The bank line", self.state.name(), &[]));
        }
        if invoice.state == InvoiceState::Draft {
            return Err(Refusal::state("INVOICE_STATE", "The invoice", invoice.state.name(), &["FinalizeInvoice"]));
        }
        Money::zero(invoice.currency).compare(self.shown.amount)?;
        self.state = LineState::Matched;
        self.invoice = Some(invoice.id);
        self.customer = Some(invoice.customer);
        Ok(())
    }

    /// The payment that it makes: as much as the invoice can take pays it, the rest becomes credit. What
    /// has arrived is never refused. Answers what is credit-noted too: what a top-up's transfer is short of
    /// by no more than the tolerance.
    ///
    /// # Errors
    /// None that a matched line can cause.
    pub fn pay(
        &mut self,
        ids: &mut IdSource,
        invoice: &mut Invoice,
        tolerance: Money,
        now: DateTime<Utc>,
    ) -> Result<(Payment, Short), Refusal> {
        let (amount, zero) = (self.shown.amount, Money::zero(invoice.currency));
        let takes = matches!(invoice.state, InvoiceState::Open | InvoiceState::Uncollectible);
        let part = if takes { invoice.collectable()?.min(amount)? } else { zero };
        let (mut allocations, mut bought, mut short) = (Vec::new(), None, None);
        if part.is_positive() {
            bought = invoice.buys(part)?;
            let reversed = invoice.reserve(part, now)?;
            allocations.push(Allocation::of(invoice.id, part, reversed));
            short = invoice.forgive(tolerance, now)?;
        }
        let source = Source::Transfer(self.id.uuid());
        let id = ids.make();
        self.payment = Some(id);
        let payment = Payment {
            id,
            customer: invoice.customer,
            state: PaymentState::Processing,
            currency: invoice.currency,
            taxed: false,
            automatic: false,
            allocations,
            tenders: vec![Tender { source, amount, state: TenderState::Processing, refunded: zero, charged_back: zero }],
            surplus: amount.minus(part)?,
            deferred: Vec::new(),
            bought,
            reference: String::new(),
            owner: String::new(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        Ok((payment, short))
    }
}

#[cfg(test)]
mod tests {
    use super::{BankLine, LineState, Shown, number_in};
    use crate::{InvoiceState, TenderState, payment::tests::invoices};
    use chrono::DateTime;
    use payterms_kernel::{Currency, Id, IdSource, Money};
    use uuid::Uuid;

    #[test]
    fn a_number_is_found_however_it_is_written() {
        for text in ["INV-2026-000042", "rent inv 2026 000042 thanks", "Rechnung INV2026000042/x", "INV-2026-000042 INV-2026-000043"] {
            assert_eq!(number_in(text).as_deref(), Some("INV-2026-000042"), "{text}");
        }
        assert_eq!(number_in("INV-2026-1000000").as_deref(), Some("INV-2026-1000000"), "the millionth of a year");
        for text in ["", "INV-2026-42", "INV-2026-0000420", "INV 20260000421", "INVOICE", "2026-000042", "ÏNV"] {
            assert_eq!(number_in(text), None, "{text}");
        }
    }

    #[test]
    fn what_arrives_pays_what_it_can_and_the_rest_is_credit() {
        let now = DateTime::UNIX_EPOCH;
        let usd = |cents: i64| Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
        let mut own = invoices(&[10_000]).remove(0);
        let line = |cents: i64| BankLine {
            id: Id::from_uuid(Uuid::nil()),
            shown: Shown {
                account: "X".into(),
                reference: "1".into(),
                booked_on: "2026-01-01".parse().unwrap(),
                amount: usd(cents),
                payer: String::new(),
                text: String::new(),
            },
            state: LineState::Unmatched,
            invoice: None,
            customer: None,
            payment: None,
            created_at: now,
        };
        let mut ids = IdSource::new(now, b"seed", "test");
        for (cents, allocated, open) in [(6_000, 6_000, 4_000), (5_000, 4_000, 0), (700, 0, 0)] {
            let mut line = line(cents);
            line.match_to(&own).unwrap();
            let (mut payment, short) = line.pay(&mut ids, &mut own, usd(10_000), now).unwrap();
            assert_eq!(short, None, "only top-ups are forgiven a bank's fees");
            payment.tenders[0].state = TenderState::Succeeded;
            payment.close(std::slice::from_mut(&mut own), now).unwrap();
            let paid: i64 = payment.allocations.iter().map(|own| own.paid.micros() / 10_000).sum();
            assert_eq!((paid, payment.surplus, own.open().unwrap()), (allocated, usd(cents - allocated), usd(open)));
            assert_eq!(line.match_to(&own).unwrap_err().reason, "BANK_LINE_STATE");
        }
        assert_eq!(own.state, InvoiceState::Paid);
    }
}
