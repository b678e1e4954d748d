//! Credit notes of receipts: what the wallet gave back of bought credit, printed and never
//! recomputed (docs/domain/wallet.md#refund-of-top-up).

use crate::{customer::Customer, number::Series, receipt::Receipt, tax::TaxAmount};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, Money, money::MoneyError};
use uuid::Uuid;

/// The reason of a credit note for what an issuer has taken back.
pub const CHARGED_BACK: &str = "CHARGED_BACK";

/// A credit note of a receipt; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptCreditNote {
    /// Its id.
    pub id: Id<ReceiptCreditNote>,
    /// The receipt that it corrects.
    pub receipt: Id<Receipt>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The refund of the wallet, or the dispute.
    pub refund: Uuid,
    /// Whether an issuer has taken it back.
    pub of_dispute: bool,
    /// Its number.
    pub number: String,
    /// Its date.
    pub issue_date: NaiveDate,
    /// The credit as net, and the tax.
    pub tax: TaxAmount,
    /// What was given back.
    pub amount: Money,
    /// Why.
    pub explanation: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What the wallet gave back.
#[derive(Debug, Clone)]
pub struct GivenBack {
    /// The refund, or the dispute.
    pub refund: Uuid,
    /// Whether an issuer has taken it back.
    pub of_dispute: bool,
    /// The credit.
    pub credit: Money,
    /// The tax.
    pub tax: Money,
    /// Why.
    pub explanation: String,
}

/// Splits what was given back over the receipts that stand, `receipts` with the newest first: never
/// more than credit notes have left of one. `None` where that is not enough, since the receipt of a
/// won dispute is still to come.
///
/// # Errors
/// `CurrencyMismatch`, `Overflow`.
pub fn split<'a>(
    receipts: &'a [Receipt],
    notes: &[ReceiptCreditNote],
    given_back: &GivenBack,
) -> Result<Option<Vec<(&'a Receipt, GivenBack)>>, MoneyError> {
    let (mut credit, mut tax, mut parts) = (given_back.credit, given_back.tax, Vec::new());
    let zero = Money::zero(credit.currency());
    for receipt in receipts {
        let of_receipt = || notes.iter().filter(|note| note.receipt == receipt.id);
        let rest = |whole: Money, taken: fn(&TaxAmount) -> Money| {
            of_receipt().try_fold(whole, |left, note| left.minus(taken(&note.tax)))
        };
        let part_of_credit = rest(receipt.tax.net, |tax| tax.net)?.max(zero)?.min(credit)?;
        let part_of_tax = rest(receipt.tax.tax, |tax| tax.tax)?.max(zero)?.min(tax)?;
        (credit, tax) = (credit.minus(part_of_credit)?, tax.minus(part_of_tax)?);
        if part_of_credit.is_positive() || part_of_tax.is_positive() {
            parts.push((
                receipt,
                GivenBack { credit: part_of_credit, tax: part_of_tax, ..given_back.clone() },
            ));
        }
    }
    Ok((credit.is_zero() && tax.is_zero()).then_some(parts))
}

impl ReceiptCreditNote {
    /// Issues the credit note of a refund.
    ///
    /// # Errors
    /// `CurrencyMismatch`.
    pub fn issue(
        id: Id<Self>,
        receipt: &Receipt,
        given_back: GivenBack,
        series: &mut Series,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Self, MoneyError> {
        let GivenBack { refund, of_dispute, credit, tax, explanation } = given_back;
        let zero = Money::zero(credit.currency());
        // Never before the receipt that it corrects.
        let (number, issue_date) = series.take(today.max(receipt.issue_date));
        Ok(Self {
            id,
            receipt: receipt.id,
            customer: receipt.customer,
            refund,
            of_dispute,
            number,
            issue_date,
            tax: TaxAmount {
                rate: receipt.tax.rate.clone(),
                net: credit,
                tax,
                credited_net: zero,
                credited_tax: zero,
            },
            amount: credit.plus(tax)?,
            explanation,
            created_at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{GivenBack, ReceiptCreditNote, split};
    use crate::{
        number::{RECEIPT_CREDIT_NOTES, RECEIPTS, Series},
        payment::tests::{customer, tenant},
        receipt::{Bought, Receipt},
        tax::Rate,
    };
    use chrono::DateTime;
    use payterms_kernel::{Currency, Id, Money};
    use rust_decimal::Decimal;
    use uuid::Uuid;

    fn usd(cents: i64) -> Money {
        Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
    }

    fn receipt(number: u128, cents: i64, tax: i64, series: &mut Series) -> Receipt {
        let rate = Rate { percent: Decimal::TEN, sentence: String::new() };
        let (amount, tax) = (usd(cents), usd(tax));
        let bought = Bought {
            top_up: Uuid::nil(),
            wallet: Uuid::nil(),
            replaces: None,
            expires_on: None,
            taxed: true,
            amount,
            tax,
            rate,
        };
        let today = "2026-02-03".parse().unwrap();
        Receipt::issue(
            Id::from_uuid(Uuid::from_u128(number)),
            &tenant(),
            &customer(),
            bought,
            series,
            today,
            DateTime::UNIX_EPOCH,
        )
        .unwrap()
    }

    fn given(credit: i64, tax: i64) -> GivenBack {
        GivenBack {
            refund: Uuid::nil(),
            of_dispute: false,
            credit: usd(credit),
            tax: usd(tax),
            explanation: String::new(),
        }
    }

    #[test]
    fn no_receipt_is_credited_beyond_what_is_left_of_it() {
        let mut series = Series::new(RECEIPTS);
        let mut standing =
            vec![receipt(1, 55_00, 5_00, &mut series), receipt(2, 22_00, 2_00, &mut series)];
        standing.sort_by(|one, other| other.place().cmp(&one.place()));
        let mut notes_series = Series::new(RECEIPT_CREDIT_NOTES);
        let today = "2026-02-03".parse().unwrap();
        let mut note = |receipt: &Receipt, part| {
            let id = Id::from_uuid(Uuid::from_u128(9));
            ReceiptCreditNote::issue(
                id,
                receipt,
                part,
                &mut notes_series,
                today,
                DateTime::UNIX_EPOCH,
            )
            .unwrap()
        };
        let notes =
            vec![note(&standing[1], given(20_00, 2_00)), note(&standing[0], given(10_00, 1_00))];
        let parts = |credit, tax| {
            let found = split(&standing, &notes, &given(credit, tax)).unwrap();
            found.map(|found| {
                found
                    .into_iter()
                    .map(|(receipt, part)| (receipt.number.clone(), part.credit, part.tax))
                    .collect::<Vec<_>>()
            })
        };
        let (first, second) = ("RC-2026-000001".to_owned(), "RC-2026-000002".to_owned());
        assert_eq!(
            parts(4_00, 40),
            Some(vec![(second.clone(), usd(4_00), usd(40))]),
            "the newest first"
        );
        assert_eq!(
            parts(40_00, 4_00),
            Some(vec![(second, usd(10_00), usd(1_00)), (first, usd(30_00), usd(3_00))])
        );
        assert_eq!(parts(40_01, 4_00), None, "more than is left: a receipt is still to come");
    }
}
