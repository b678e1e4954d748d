//! The invoices of a wallet's month: what deposits have paid already, and what accrued to a postpaid
//! agreement (docs/domain/wallet.md#prepaid-prices, docs/domain/wallet.md#postpaid-month).

use crate::{
    invoice::{Content, Invoice, Line},
    payment::{Allocation, Payment, PaymentState, Source, Tender, TenderState},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{
    Id, Money, Refusal,
    calendar::{PaymentTerm, month_end},
    money::MoneyError,
};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Days in which a postpaid month is to be transferred.
pub const POSTPAID_DAYS: u16 = 30;
/// Lines of one invoice; what is more comes as one line.
const MOST_LINES: usize = 400;
/// Characters of a line's description.
const MOST_TEXT: usize = 200;

/// What an invoice bills of a wallet's month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageMonth {
    /// How the wallet closed the month; also the payment of what deposits paid.
    pub closing: Uuid,
    /// The wallet.
    pub wallet: Uuid,
    /// First day of the month.
    pub month: NaiveDate,
    /// The postpaid agreement; none where deposits paid.
    pub agreement: Option<Uuid>,
}

impl UsageMonth {
    /// What its invoice says: prices include tax where deposits paid; else tax is added, and it is to be
    /// transferred. An agreement that ends within its month is billed before the month is over.
    #[must_use]
    pub fn content(&self, lines: Vec<Line>, today: NaiveDate) -> Content {
        let term = PaymentTerm::NetDays(if self.agreement.is_some() { POSTPAID_DAYS } else { 0 });
        Content {
            prices_include_tax: self.agreement.is_none(),
            term,
            lines,
            discount: None,
            supply_date: Some(month_end(self.month).min(today)),
            memo: String::new(),
            collect_automatically: false,
        }
    }
}

/// Lines of what was used, by label; `other` names what has none.
///
/// # Errors
/// None that stored amounts can cause.
pub fn lines(sums: &[(String, Money)], other: &str) -> Result<Vec<Line>, MoneyError> {
    let line = |label: &str, amount: Money| {
        let description: String = if label.is_empty() { other } else { label }.chars().take(MOST_TEXT).collect();
        Line::plain(description, Decimal::ONE, amount, String::new())
    };
    let mut lines: Vec<_> = sums.iter().take(MOST_LINES).map(|(label, amount)| line(label, *amount)).collect();
    let mut rest = sums.iter().skip(MOST_LINES).map(|(_, amount)| *amount);
    if let Some(first) = rest.next() {
        lines.push(line("", rest.try_fold(first, Money::plus)?));
    }
    Ok(lines)
}

impl Payment {
    /// What deposits have paid of a month's invoice: the wallet has settled it when it closed the month.
    ///
    /// # Errors
    /// None that an issued invoice can cause.
    pub fn by_deposits(month: UsageMonth, invoice: &mut Invoice, now: DateTime<Utc>) -> Result<Self, Refusal> {
        let issued_on = invoice.issue.as_ref().map(|issue| issue.issue_date);
        let (amount, zero) = (invoice.amounts.total, Money::zero(invoice.currency));
        let reversed = invoice.reserve(amount, now)?;
        let mut payment = Self {
            id: Id::from_uuid(month.closing),
            customer: invoice.customer,
            state: PaymentState::Processing,
            currency: invoice.currency,
            taxed: false,
            automatic: false,
            allocations: vec![Allocation::of(invoice.id, amount, reversed)],
            tenders: vec![Tender { source: Source::Credit, amount, state: TenderState::Succeeded, refunded: zero, charged_back: zero }],
            surplus: zero,
            deferred: Vec::new(),
            bought: None,
            reference: String::new(),
            bank_details: String::new(),
            owner: String::new(),
            effective_on: issued_on,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        payment.close(std::slice::from_mut(invoice), now)?;
        Ok(payment)
    }
}

#[cfg(test)]
mod tests {
    use super::{UsageMonth, lines};
    use crate::{InvoiceState, Payment, PaymentState, payment::tests::invoices};
    use chrono::DateTime;
    use payterms_kernel::{Currency, Money, calendar::PaymentTerm};
    use uuid::Uuid;

    #[test]
    fn what_deposits_paid_is_paid_and_what_accrued_is_to_be_transferred() {
        let mut own = invoices(&[1_000]).remove(0);
        let month = UsageMonth { closing: Uuid::max(), wallet: Uuid::nil(), month: "2026-06-01".parse().unwrap(), agreement: None };
        let payment = Payment::by_deposits(month, &mut own, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((payment.state, payment.id.uuid(), own.state), (PaymentState::Succeeded, Uuid::max(), InvoiceState::Paid));
        assert_eq!(payment.charged_beyond(), Ok(None));
        let paid = month.content(Vec::new(), "2026-07-01".parse().unwrap());
        let due = UsageMonth { agreement: Some(Uuid::nil()), ..month };
        let ended = due.content(Vec::new(), "2026-06-20".parse().unwrap());
        let due = due.content(Vec::new(), "2026-07-01".parse().unwrap());
        assert_eq!((paid.prices_include_tax, paid.term), (true, PaymentTerm::NetDays(0)));
        assert_eq!((due.prices_include_tax, due.term), (false, PaymentTerm::NetDays(30)));
        assert_eq!(due.supply_date.map(|day| day.to_string()).as_deref(), Some("2026-06-30"));
        assert_eq!(ended.supply_date.map(|day| day.to_string()).as_deref(), Some("2026-06-20"));
    }

    #[test]
    fn more_than_a_document_holds_comes_as_one_line() {
        let usd = Currency::parse("USD").unwrap();
        let sums: Vec<_> = (1..=403).map(|place| (format!("p{place}"), Money::from_micros(usd, 10_000))).collect();
        let lines = lines(&sums, "Usage").unwrap();
        assert_eq!((lines.len(), lines[400].description.as_str(), lines[400].unit_price), (401, "Usage", Money::from_micros(usd, 30_000)));
    }
}
