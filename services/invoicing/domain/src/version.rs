//! Versions of issued invoices: the first, and later ones with other business details and the same
//! amounts (docs/domain/invoicing.md#business-details).

use crate::{
    customer::Customer,
    invoice::{Invoice, InvoiceState, Party},
    number::Series,
    tenant::Tenant,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, Reason, Refusal};

/// A version; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceVersion {
    /// Its id; the first has the invoice's.
    pub id: Id<InvoiceVersion>,
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// 1, 2, 3.
    pub version: u32,
    /// The invoice's number, or its own.
    pub number: String,
    /// When it was issued.
    pub issue_date: NaiveDate,
    /// Who sells.
    pub seller: Party,
    /// Who buys.
    pub buyer: Party,
    /// What the seller's law wants on it.
    pub mentions: String,
    /// What was still to be paid of the invoice when it was issued, in micros of its currency.
    pub open_micros: i64,
    /// Why; empty for the first.
    pub explanation: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl InvoiceVersion {
    /// The invoice as it was issued; none for a draft.
    #[must_use]
    pub fn first(invoice: &Invoice) -> Option<Self> {
        let issue = invoice.issue.clone()?;
        Some(Self {
            id: Id::from_uuid(invoice.id.uuid()),
            invoice: invoice.id,
            version: 1,
            number: issue.number,
            issue_date: issue.issue_date,
            seller: issue.seller,
            buyer: issue.buyer,
            mentions: issue.mentions,
            open_micros: invoice.amounts.total.micros(),
            explanation: String::new(),
            created_at: invoice.created_at,
        })
    }

    /// Puts the present details on an invoice; `before` is its last version.
    ///
    /// # Errors
    /// `INVOICE_STATE`, `PROFILE_INCOMPLETE`, `DETAILS_UNCHANGED`.
    pub fn correct(
        id: Id<Self>,
        (invoice, before): (&Invoice, Option<&Self>),
        (tenant, customer): (&Tenant, &Customer),
        (series, today, explanation): (&mut Series, NaiveDate, String),
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        invoice.must_be(&[InvoiceState::Open, InvoiceState::Paid, InvoiceState::Uncollectible])?;
        customer.must_have_billing_profile()?;
        let Some(issue) = &invoice.issue else { return Err(Refusal::not_found()) };
        let open = invoice.open()?.plus(invoice.written_off)?;
        let (seller, buyer, mentions) = (
            invoice.seller(tenant, open),
            customer.party(),
            tenant.business.legal_mentions.clone(),
        );
        let last =
            before.map_or((&issue.seller, &issue.buyer, &issue.mentions), |invoice_version| {
                (&invoice_version.seller, &invoice_version.buyer, &invoice_version.mentions)
            });
        // Where transfers go is no reason for a version of what is paid.
        let paid = Party { bank_details: String::new(), ..last.0.clone() };
        let same_seller = *last.0 == seller || paid == seller;
        // Nor is the language that the customer reads now.
        let read_now = Party { language: buyer.language.clone(), ..last.1.clone() };
        if same_seller && (&read_now, last.2) == (&buyer, &mentions) {
            let message =
                "The invoice carries the present business details already. Change them first.";
            return Err(Refusal::precondition(Reason::DETAILS_UNCHANGED, message));
        }
        // In the European Union what is issued stays, and another document corrects it.
        let numbered = tenant.voids_by_credit_note().then(|| series.take(today));
        let (number, issue_date) =
            numbered.unwrap_or_else(|| (issue.number.clone(), today.max(issue.issue_date)));
        let version = before.map_or(1, |invoice_version| invoice_version.version).saturating_add(1);
        Ok(Self {
            id,
            invoice: invoice.id,
            version,
            number,
            issue_date,
            seller,
            buyer,
            mentions,
            open_micros: open.micros(),
            explanation,
            created_at: now,
        })
    }

    /// Whether it is a document of its own that corrects the first.
    #[must_use]
    pub fn is_corrective(&self, invoice: &Invoice) -> bool {
        invoice.issue.as_ref().is_none_or(|issue| issue.number != self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::InvoiceVersion;
    use crate::{
        invoice::{Invoice, InvoiceState},
        number::{CORRECTIONS, Series},
        payment::tests::{customer, invoices, tenant},
    };
    use chrono::DateTime;
    use payterms_kernel::Id;
    use payterms_kernel::Reason;
    use uuid::Uuid;

    #[test]
    fn a_version_keeps_the_number_outside_and_takes_its_own_inside_the_union() {
        let (mut seller, mut buyer, now) = (tenant(), customer(), DateTime::UNIX_EPOCH);
        let invoice = invoices(&[10_000]).remove(0);
        let mut series = Series::new(CORRECTIONS);
        let today = "2026-02-03".parse().unwrap();
        let mut correct = |seller: &_, buyer: &_, before: Option<&InvoiceVersion>| {
            let id = Id::from_uuid(Uuid::nil());
            InvoiceVersion::correct(
                id,
                (&invoice, before),
                (seller, buyer),
                (&mut series, today, "moved".into()),
                now,
            )
        };
        assert_eq!(correct(&seller, &buyer, None).unwrap_err().reason, Reason::DETAILS_UNCHANGED);
        buyer.legal_name = "Brightside Holdings".into();
        let second = correct(&seller, &buyer, None).unwrap();
        assert_eq!(
            (second.version, second.number.as_str(), second.is_corrective(&invoice)),
            (2, "INV-2026-000001", false)
        );
        assert_eq!(
            correct(&seller, &buyer, Some(&second)).unwrap_err().reason,
            Reason::DETAILS_UNCHANGED
        );
        seller.country = "FR".into();
        let third = correct(&seller, &buyer, Some(&second)).unwrap();
        assert_eq!(
            (third.version, third.number.as_str(), third.is_corrective(&invoice)),
            (3, "COR-2026-000001", true)
        );
        assert_eq!(
            (third.open_micros, third.seller.bank_details.as_str()),
            (invoice.amounts.total.micros(), "")
        );
        seller.business.bank_details = "Bank 1".into();
        let fourth = correct(&seller, &buyer, Some(&third)).unwrap();
        assert_eq!((fourth.version, fourth.seller.bank_details.as_str()), (4, "Bank 1"));
        buyer.billing_email.clear();
        assert_eq!(
            correct(&seller, &buyer, Some(&fourth)).unwrap_err().reason,
            Reason::PROFILE_INCOMPLETE
        );
    }

    #[test]
    fn where_transfers_go_is_no_reason_for_a_version_of_what_is_paid() {
        let (mut seller, buyer, now) = (tenant(), customer(), DateTime::UNIX_EPOCH);
        let mut invoice = invoices(&[10_000]).remove(0);
        let before = invoice.clone();
        invoice.credit(invoice.amounts.total, now).unwrap();
        invoice.state = InvoiceState::Paid;
        seller.business.bank_details = "Bank 1".into();
        let mut series = Series::new(CORRECTIONS);
        let today = "2026-02-03".parse().unwrap();
        let mut correct = |invoice: &Invoice| {
            let id = Id::from_uuid(Uuid::nil());
            InvoiceVersion::correct(
                id,
                (invoice, None),
                (&seller, &buyer),
                (&mut series, today, "moved".into()),
                now,
            )
        };
        assert_eq!(correct(&before).unwrap().seller.bank_details, "Bank 1");
        assert_eq!(correct(&invoice).unwrap_err().reason, Reason::DETAILS_UNCHANGED);
    }
}
