//! Versions of receipts: the first, and later ones with other business details and the same amounts
//! (docs/domain/invoicing.md#business-details).

use crate::{customer::Customer, invoice::Party, number::Series, receipt::Receipt, tenant::Tenant};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, Reason, Refusal};

/// A version; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptVersion {
    /// Its id; the first has the receipt's.
    pub id: Id<ReceiptVersion>,
    /// The receipt.
    pub receipt: Id<Receipt>,
    /// 1, 2, 3.
    pub version: u32,
    /// The receipt's number, or its own.
    pub number: String,
    /// When it was issued.
    pub issue_date: NaiveDate,
    /// Who sells.
    pub seller: Party,
    /// Who buys.
    pub buyer: Party,
    /// What the seller's law wants on it.
    pub mentions: String,
    /// Why; empty for the first.
    pub explanation: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl ReceiptVersion {
    /// The receipt as it was issued.
    #[must_use]
    pub fn first(receipt: &Receipt) -> Self {
        Self {
            id: Id::from_uuid(receipt.id.uuid()),
            receipt: receipt.id,
            version: 1,
            number: receipt.number.clone(),
            issue_date: receipt.issue_date,
            seller: receipt.seller.clone(),
            buyer: receipt.buyer.clone(),
            mentions: receipt.mentions.clone(),
            explanation: String::new(),
            created_at: receipt.created_at,
        }
    }

    /// Puts the present details on a receipt; `before` is its last version, which may be the first.
    ///
    /// # Errors
    /// `DETAILS_UNCHANGED`.
    pub fn correct(
        id: Id<Self>,
        (receipt, before): (&Receipt, &Self),
        (tenant, customer): (&Tenant, &Customer),
        (series, today, explanation): (&mut Series, NaiveDate, String),
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let (seller, buyer, mentions) =
            (tenant.party(), customer.party(), tenant.business.legal_mentions.clone());
        // The language that the customer reads now is no detail of business.
        let read_now = Party { language: buyer.language.clone(), ..before.buyer.clone() };
        if (&before.seller, &read_now, &before.mentions) == (&seller, &buyer, &mentions) {
            let message =
                "The receipt carries the present business details already. Change them first.";
            return Err(Refusal::precondition(Reason::DETAILS_UNCHANGED, message));
        }
        // In the European Union what is issued stays, and another document corrects it.
        let numbered = tenant.voids_by_credit_note().then(|| series.take(today));
        let (number, issue_date) =
            numbered.unwrap_or_else(|| (receipt.number.clone(), today.max(receipt.issue_date)));
        let version = before.version.saturating_add(1);
        Ok(Self {
            id,
            receipt: receipt.id,
            version,
            number,
            issue_date,
            seller,
            buyer,
            mentions,
            explanation,
            created_at: now,
        })
    }

    /// Whether it is a document of its own that corrects the first.
    #[must_use]
    pub fn is_corrective(&self, receipt: &Receipt) -> bool {
        receipt.number != self.number
    }
}

#[cfg(test)]
mod tests {
    use super::ReceiptVersion;
    use crate::{
        number::{CORRECTIONS, RECEIPTS, Series},
        payment::tests::{customer, tenant},
        receipt::{Receipt, Subject},
    };
    use chrono::DateTime;
    use payterms_kernel::Reason;
    use payterms_kernel::{Currency, Id, Money};
    use uuid::Uuid;

    #[test]
    fn a_version_keeps_the_number_outside_and_takes_its_own_inside_the_union() {
        let (mut seller, mut buyer, now) = (tenant(), customer(), DateTime::UNIX_EPOCH);
        let today = "2026-02-03".parse().unwrap();
        let amount = Money::from_micros(Currency::parse("USD").unwrap(), 20_000_000);
        let subject = Subject::TopUp {
            top_up: Uuid::nil(),
            wallet: Uuid::nil(),
            replaces: None,
            expires_on: None,
        };
        let taken = (&mut Series::new(RECEIPTS), today);
        let receipt = Receipt::of_payment(
            Id::from_uuid(Uuid::max()),
            (&seller, &buyer),
            (subject, amount),
            taken,
            now,
        );
        let first = ReceiptVersion::first(&receipt);
        let mut series = Series::new(CORRECTIONS);
        let mut correct = |seller: &_, buyer: &_, before: &ReceiptVersion| {
            let id = Id::from_uuid(Uuid::nil());
            ReceiptVersion::correct(
                id,
                (&receipt, before),
                (seller, buyer),
                (&mut series, today, "moved".into()),
                now,
            )
        };
        buyer.locale = "fr".into();
        assert_eq!(
            correct(&seller, &buyer, &first).unwrap_err().reason,
            Reason::DETAILS_UNCHANGED,
            "a language is no detail"
        );
        buyer.legal_name = "Brightside Holdings".into();
        let second = correct(&seller, &buyer, &first).unwrap();
        assert_eq!(
            (second.version, &second.number, second.is_corrective(&receipt)),
            (2, &receipt.number, false)
        );
        assert_eq!(
            correct(&seller, &buyer, &second).unwrap_err().reason,
            Reason::DETAILS_UNCHANGED
        );
        seller.country = "FR".into();
        let third = correct(&seller, &buyer, &second).unwrap();
        assert_eq!(
            (third.version, third.number.as_str(), third.is_corrective(&receipt)),
            (3, "COR-2026-000001", true)
        );
    }
}
