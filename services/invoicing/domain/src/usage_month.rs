//! The invoices of a wallet's month: what deposits have paid already, and what accrued to a
//! postpaid agreement (docs/domain/wallet.md#prepaid-prices, docs/domain/wallet.md#postpaid-month).

use crate::{
    invoice::{Content, Invoice, Line},
    payment::{Allocation, Payment, PaymentState, Source, Tender, TenderState},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{
    Id, Money, Reason, Refusal,
    calendar::{PaymentTerm, month_end},
    money::MoneyError,
};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Days in which a postpaid month is to be transferred.
pub const POSTPAID_DAYS: u16 = 30;
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
    /// What its invoice says: prices include tax where deposits paid; else tax is added, and it is
    /// to be transferred. An agreement that ends within its month is billed before the month is
    /// over.
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

/// What the wallet tells of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The product, or the words of a fee or debit; empty for the rest of the month.
    pub label: String,
    /// How much, rounded to the minor unit.
    pub amount: Money,
    /// How many were used, and the price of one.
    pub priced: Option<(Decimal, Money)>,
}

/// Lines of what was used; `rest` names what has no label.
///
/// # Errors
/// None that stored amounts can cause.
pub fn lines(used: &[Used], rest: &str) -> Result<Vec<Line>, MoneyError> {
    let mut lines = Vec::with_capacity(used.len());
    for this_used in used {
        let description: String =
            if this_used.label.is_empty() { rest } else { this_used.label.as_str() }
                .chars()
                .take(MOST_TEXT)
                .collect();
        let whole = Line::plain(description, Decimal::ONE, this_used.amount, String::new());
        let priced = this_used.priced.map(|(quantity, unit_price)| Line {
            quantity,
            unit_price,
            ..whole.clone()
        });
        // The wallet has settled the amount: a price that comes to another is not shown.
        let line = priced.map(|line| Ok::<_, MoneyError>((line.amount()?, line))).transpose()?;
        lines.push(
            line.filter(|(amount, _)| *amount == this_used.amount).map_or(whole, |(_, line)| line),
        );
    }
    Ok(lines)
}

impl Invoice {
    /// Whether it bills a month of a postpaid agreement, which is paid by transfer only.
    #[must_use]
    pub fn is_postpaid(&self) -> bool {
        self.usage.is_some_and(|usage_month| usage_month.agreement.is_some())
    }

    /// Whether the turn of a month issued it: it bills a month that ended on the day before.
    #[must_use]
    pub fn is_of_month_turn(&self) -> bool {
        let month = self
            .usage
            .map(|usage_month| usage_month.month)
            .or(self.billed.map(|billed| billed.month));
        let turn = month.and_then(|month| month_end(month).succ_opt());
        turn.is_some() && turn == self.issue.as_ref().map(|issue| issue.issue_date)
    }

    /// Refuses what does not pay a postpaid month (docs/domain/invoicing.md#transfer-only).
    ///
    /// # Errors
    /// `TRANSFER_ONLY`.
    pub fn must_take(&self, source: Source) -> Result<(), Refusal> {
        if !self.is_postpaid()
            || matches!(source, Source::Announced | Source::Transfer(_) | Source::Outside)
        {
            return Ok(());
        }
        let message = "The invoice bills a postpaid month: only a bank transfer pays it. Transfer the amount with the invoice's payment \
                       reference, or announce a transfer.";
        Err(Refusal::precondition(Reason::TRANSFER_ONLY, message).with("invoice", self.id))
    }
}

impl Payment {
    /// What deposits have paid of a month's invoice: the wallet has settled it when it closed the
    /// month.
    ///
    /// # Errors
    /// None that an issued invoice can cause.
    pub fn by_deposits(
        month: UsageMonth,
        invoice: &mut Invoice,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
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
            tenders: vec![Tender {
                source: Source::Credit,
                amount,
                state: TenderState::Succeeded,
                refunded: zero,
                charged_back: zero,
            }],
            surplus: zero,
            deferred: Vec::new(),
            bought: None,
            reference: String::new(),
            bank_details: String::new(),
            owner: String::new(),
            marks: payterms_kernel::Marks::default(),
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
    use super::{UsageMonth, Used, lines};
    use crate::{InvoiceState, Payment, PaymentState, payment::tests::invoices};
    use chrono::DateTime;
    use payterms_kernel::Reason;
    use payterms_kernel::{Currency, Money, calendar::PaymentTerm};
    use uuid::Uuid;

    #[test]
    fn what_deposits_paid_is_paid_and_what_accrued_is_to_be_transferred() {
        let mut invoice = invoices(&[1_000]).remove(0);
        let month = UsageMonth {
            closing: Uuid::max(),
            wallet: Uuid::nil(),
            month: "2026-06-01".parse().unwrap(),
            agreement: None,
        };
        let payment = Payment::by_deposits(month, &mut invoice, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(
            (payment.state, payment.id.uuid(), invoice.state),
            (PaymentState::Succeeded, Uuid::max(), InvoiceState::Paid)
        );
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
    fn a_line_has_quantity_and_price_where_they_come_to_the_amount() {
        let usd = |micros| Money::from_micros(Currency::parse("USD").unwrap(), micros);
        let used = |label: &str, amount, priced| Used {
            label: label.to_owned(),
            amount: usd(amount),
            priced,
        };
        let sums = [
            used("calls", 3_010_000, Some((3.into(), usd(1_002_345)))),
            used("texts", 3_010_000, Some((3.into(), usd(1_000_000)))),
            used("", 20_000, None),
        ];
        let lines = lines(&sums, "Other use, June 2026").unwrap();
        let shown: Vec<_> = lines
            .iter()
            .map(|line| {
                (line.description.as_str(), line.quantity.to_string(), line.unit_price.micros())
            })
            .collect();
        let one = || "1".to_owned();
        assert_eq!(
            shown,
            [
                ("calls", "3".to_owned(), 1_002_345),
                ("texts", one(), 3_010_000),
                ("Other use, June 2026", one(), 20_000)
            ]
        );
    }

    #[test]
    fn only_a_transfer_pays_a_postpaid_month() {
        use crate::Source;
        let mut invoice = invoices(&[1_000]).remove(0);
        assert!(invoice.must_take(Source::Credit).is_ok());
        let month = UsageMonth {
            closing: Uuid::max(),
            wallet: Uuid::nil(),
            month: "2026-06-01".parse().unwrap(),
            agreement: Some(Uuid::nil()),
        };
        invoice.usage = Some(month);
        for refused in [
            Source::Credit,
            Source::Card(Uuid::nil()),
            Source::BankDebit(Uuid::nil()),
            Source::Line(Uuid::nil()),
        ] {
            assert_eq!(invoice.must_take(refused).unwrap_err().reason, Reason::TRANSFER_ONLY);
        }
        assert!(
            invoice.must_take(Source::Announced).is_ok()
                && invoice.must_take(Source::Outside).is_ok()
        );
    }

    #[test]
    fn an_invoice_of_the_turn_is_dated_on_the_day_after_its_month() {
        let mut invoice = invoices(&[1_000]).remove(0);
        assert!(!invoice.is_of_month_turn());
        let month = |month: &str| UsageMonth {
            closing: Uuid::max(),
            wallet: Uuid::nil(),
            month: month.parse().unwrap(),
            agreement: None,
        };
        invoice.issue.as_mut().unwrap().issue_date = "2026-07-01".parse().unwrap();
        invoice.usage = Some(month("2026-06-01"));
        assert!(invoice.is_of_month_turn());
        invoice.usage = Some(month("2026-05-01"));
        assert!(!invoice.is_of_month_turn(), "it comes late");
    }
}
