//! Metered services: usage that accrues in the wallet and that invoicing bills after the month's
//! end (docs/domain/invoicing.md#metered-services).

use crate::{
    customer::Customer,
    method::Methods,
    usage::{UsageRecord, Use, dated},
    wallet::Wallet,
};
use chrono::{DateTime, Months, NaiveDate, Utc};
use payterms_kernel::{
    Condition, Currency, Id, IdSource, Money, Reason, Refusal, calendar::first_of_month,
};
use uuid::Uuid;

/// Whether a service may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may be used.
    Open,
    /// It may not, because its invoices are overdue.
    Suspended,
    /// It was switched off.
    Disabled,
}

payterms_kernel::names! {
    /// The name in columns.
    Access { Open = "OPEN", Suspended = "SUSPENDED", Disabled = "DISABLED" }
}

/// The wallet's copy of a customer's metered service, and its open month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeteredService {
    /// Invoicing's id.
    pub id: Uuid,
    /// Its customer.
    pub customer: Id<Customer>,
    /// Currency of its prices.
    pub currency: Currency,
    /// The product that it meters.
    pub product: String,
    /// Whether it may be used.
    pub access: Access,
    /// First day of the month that is open.
    pub open_month: NaiveDate,
}

/// The data that a metered use is checked against.
#[derive(Debug)]
pub struct Terms<'a> {
    /// The service.
    pub service: &'a MeteredService,
    /// The customer.
    pub customer: &'a Customer,
    /// The customer's methods.
    pub methods: &'a Methods,
    /// Today, in the tenant's zone.
    pub today: NaiveDate,
    /// The day of the use, in the tenant's zone.
    pub used_on: NaiveDate,
}

/// A metered use: who bills it, with which month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    /// The service.
    pub service: Uuid,
    /// First day of the month.
    pub month: NaiveDate,
}

/// Records one use. The wallet's credit is not touched: invoicing bills the use.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `USAGE_TOO_OLD`, `USAGE_IN_FUTURE`, `SERVICE_STATE`; `PROFILE_INCOMPLETE`
/// or `COLLECTION_METHOD_REQUIRED` with each missing item.
pub fn record(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    used: Use,
    terms: &Terms<'_>,
    now: DateTime<Utc>,
) -> Result<UsageRecord, Refusal> {
    wallet.takes(used.unit_price)?;
    let used_at = dated(&used, now)?;
    must_be_open(terms.service)?;
    must_be_billable(terms)?;
    let month_of_use = first_of_month(terms.used_on);
    wallet.usage_count = wallet.usage_count.saturating_add(1);
    Ok(UsageRecord {
        id: ids.make(),
        sequence: wallet.usage_count,
        amount: Money::from_product(wallet.currency, used.unit_price.amount(), used.quantity)?,
        product: used.product,
        quantity: used.quantity,
        unit_price: used.unit_price,
        transfer: None,
        metered: Some(Metered {
            service: terms.service.id,
            month: month_of_use.max(terms.service.open_month),
        }),
        used_at,
        recorded_at: now.max(wallet.updated_at),
        late: month_of_use < terms.service.open_month,
        external_id: used.external_id,
    })
}

fn must_be_open(service: &MeteredService) -> Result<(), Refusal> {
    let message = match service.access {
        Access::Open => return Ok(()),
        Access::Suspended => {
            "The metered service is SUSPENDED: what is overdue of it must be paid first."
        }
        Access::Disabled => "The metered service is DISABLED. Enable it again to use it.",
    };
    Err(Refusal::precondition(Reason::SERVICE_STATE, message).with("state", service.access.name()))
}

fn must_be_billable(terms: &Terms<'_>) -> Result<(), Refusal> {
    let method = terms.methods.collection.and_then(|id| terms.methods.get(id));
    let has_method = method.is_some_and(|method| method.must_be_usable(terms.today).is_ok());
    let missing = Condition {
        name: Reason::COLLECTION_METHOD_REQUIRED.name(),
        subject: "collection_method".to_owned(),
        description: "Save a card and choose it as the collection method.".to_owned(),
    };
    match (terms.customer.must_have_profile(), has_method) {
        (Ok(()), true) => Ok(()),
        (Err(refusal), true) => Err(refusal),
        (Err(mut refusal), false) => {
            refusal.conditions.push(missing);
            Err(refusal)
        }
        (Ok(()), false) => {
            let message = "There is no card to bill the service from. Choose a collection method.";
            Err(Refusal::precondition(Reason::COLLECTION_METHOD_REQUIRED, message)
                .with_conditions(vec![missing]))
        }
    }
}

impl MeteredService {
    /// Closes the open month. Uses of it that are recorded later count as late.
    pub fn close_month(&mut self) {
        self.open_month =
            self.open_month.checked_add_months(Months::new(1)).unwrap_or(self.open_month);
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, MeteredService, Terms, record};
    use crate::{Customer, Methods, Wallet, usage::Use};
    use chrono::{DateTime, NaiveDate, Utc};
    use payterms_kernel::Reason;
    use payterms_kernel::{Currency, Id, IdSource, Money};
    use rust_decimal::Decimal;
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_use_needs_all_that_billing_needs_and_names_each() {
        let usd = Currency::parse("USD").unwrap();
        let mut wallet =
            Wallet::open(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), usd, NOW);
        let mut service = MeteredService {
            id: Uuid::max(),
            customer: wallet.customer,
            currency: usd,
            product: "maps".into(),
            access: Access::Open,
            open_month: day("2026-06-01"),
        };
        let customer = Customer {
            id: wallet.customer,
            country: "GB".into(),
            tier: String::new(),
            has_legal_name: true,
            has_billing_address: false,
            has_billing_email: true,
            tax: None,
        };
        let used = || Use {
            product: "maps".into(),
            quantity: Decimal::TWO,
            unit_price: Money::from_micros(usd, 3),
            used_at: None,
            external_id: None,
        };
        let mut ids = IdSource::new(NOW, b"seed", "test");
        let methods = Methods::default();
        let mut on = |service: &MeteredService, used_on: &str| {
            let terms = Terms {
                service,
                customer: &customer,
                methods: &methods,
                today: day("2026-06-03"),
                used_on: day(used_on),
            };
            record(&mut wallet, &mut ids, used(), &terms, NOW)
        };
        let missing = on(&service, "2026-06-03").unwrap_err();
        assert_eq!(
            (missing.reason, missing.conditions.len()),
            (Reason::PROFILE_INCOMPLETE, 2),
            "address and method at once"
        );
        service.access = Access::Suspended;
        assert_eq!(on(&service, "2026-06-03").unwrap_err().reason, Reason::SERVICE_STATE);
        // The month that a use belongs to: its own, or the open one if that is closed.
        let month = |used_on: &str| super::first_of_month(day(used_on)).max(service.open_month);
        assert_eq!(
            (month("2026-05-31"), month("2026-07-01")),
            (day("2026-06-01"), day("2026-07-01"))
        );
        service.close_month();
        assert_eq!(service.open_month, day("2026-07-01"));
    }
}
