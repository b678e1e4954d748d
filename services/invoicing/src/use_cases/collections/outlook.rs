//! What is taken of an invoice by itself next, so that mails say when and from what, and ask for no
//! transfer (docs/domain/invoicing.md#no-transfer-asked).

use crate::{
    documents::wording::Language,
    store::{collection_methods, method_copies},
    use_cases::mails::write::tried_method,
};
use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use payterms_chassis::{AppError, names};
use payterms_invoicing_domain::{CollectionState, Invoice, InvoiceState, collection::NOTICE_DAYS};
use payterms_kernel::{TenantId, calendar::day_in};
use payterms_proto::wallet::v1::{PaymentMethod, PaymentMethodsChanged, payment_method::Kind};
use sea_orm::ConnectionTrait;
use serde_json::Value;

/// What is taken of an invoice by itself next.
#[derive(Debug, Clone, Default)]
pub enum Outlook {
    /// Nothing: the customer pays it.
    #[default]
    Nothing,
    /// It is being collected.
    UnderWay,
    /// It is collected on a day, from a method where that is known.
    Collected(NaiveDate, Option<Box<PaymentMethod>>),
    /// It is to be collected on a day, and no method can be charged then.
    NoMethod(NaiveDate),
    /// It is to be collected on a day, but a dispute has taken the only method: it waits for that
    /// decision.
    Waits(NaiveDate),
}

impl Outlook {
    /// Whether nobody is to pay anything: it is taken by itself, or waits.
    #[must_use]
    pub fn takes(&self) -> bool {
        matches!(self, Self::UnderWay | Self::Collected(..) | Self::Waits(_))
    }

    /// What mails say of it: `planned` is `collected`, `under_way`, `no_method`, `waits`, or empty.
    #[must_use]
    pub fn variables(&self, language: Language) -> [(&'static str, Value); 3] {
        let (planned, on, method) = match self {
            Self::Nothing => ("", None, None),
            Self::UnderWay => ("under_way", None, None),
            Self::Collected(on, method) => ("collected", Some(*on), method.as_deref()),
            Self::NoMethod(on) => ("no_method", Some(*on), None),
            Self::Waits(on) => ("waits", Some(*on), None),
        };
        let on = on.map(|on| language.date(on)).unwrap_or_default();
        [
            ("planned", planned.into()),
            ("planned_on", on.into()),
            ("planned_method", tried_method(language, method).into()),
        ]
    }
}

/// The method of a customer that is charged without a person present.
#[must_use]
pub fn collection_method(
    payment_methods_changed: &PaymentMethodsChanged,
) -> Option<&PaymentMethod> {
    payment_methods_changed
        .payment_methods
        .iter()
        .find(|payment_method| payment_method.collection_method)
}

/// What is taken of an invoice by itself next, as far as is known here.
pub async fn outlook_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &Invoice,
    zone: Tz,
    today: NaiveDate,
) -> Result<Outlook, AppError> {
    if invoice.state != InvoiceState::Open || invoice.block.is_some() {
        return Ok(Outlook::Nothing);
    }
    let next = match invoice.collection.state {
        CollectionState::Processing => return Ok(Outlook::UnderWay),
        CollectionState::Scheduled => invoice.collection.next_at,
        CollectionState::Off | CollectionState::RequiresAction | CollectionState::Failed => None,
    };
    let Some(next) = next else { return Ok(Outlook::Nothing) };
    let day = day_in(zone, next).max(invoice.spared_until(today).unwrap_or(today)).max(today);
    let payment_methods_changed =
        method_copies::of_customer(conn, tenant, invoice.customer).await?.unwrap_or_default();
    if !payment_methods_changed.collection_waits_for.is_empty() {
        return Ok(Outlook::Waits(day));
    }
    if !collection_methods::is_usable(conn, tenant, invoice.customer, day).await? {
        return Ok(Outlook::NoMethod(day));
    }
    let method = collection_method(&payment_methods_changed);
    let day = method
        .filter(|payment_method| needs_notice(invoice, payment_method))
        .map_or(day, |_| day + Days::new(NOTICE_DAYS.unsigned_abs()));
    Ok(Outlook::Collected(day, method.cloned().map(Box::new)))
}

/// Whether a notice is mailed when the day has come, before the bank account is debited.
fn needs_notice(invoice: &Invoice, method: &PaymentMethod) -> bool {
    let account = method.name.rsplit('/').next().and_then(names::uuid);
    method.kind() == Kind::BankDebit
        && invoice.notice.is_none_or(|given| Some(given.account) != account)
}
