//! What invoicing sends, into what credit follows.

use crate::commands::invoices::FollowInvoice;
use payterms_chassis::{
    AppError, names,
    render::{date_of, money_of},
};
use payterms_credit_domain::{
    draw::Figures,
    purchase::{Buyer, TaxRule},
};
use payterms_kernel::{Id, Money, money::parse_decimal};
use payterms_proto::{
    google::r#type::{Date as DateMessage, Money as MoneyMessage},
    invoicing::v1::{
        Block, Customer as CustomerMessage, Invoice as InvoiceMessage, TaxRule as TaxRuleMessage,
        block::Reason, invoice::State, tax_number,
    },
};

/// A tax rule.
pub fn tax_rule(message: TaxRuleMessage) -> Result<TaxRule, AppError> {
    let rate_percent = message
        .rate_percent
        .as_ref()
        .map(|rate| parse_decimal(&rate.value, 6))
        .transpose()?
        .unwrap_or_default();
    let (country, category, with_tax_id, sentence) =
        (message.country, message.category, message.with_tax_id, message.sentence);
    Ok(TaxRule { country, category, with_tax_id, rate_percent, sentence })
}

/// What decides on invoices of a customer.
#[must_use]
pub fn buyer(message: &CustomerMessage) -> Buyer {
    let profile = [
        (message.legal_name.is_empty(), "legal_name"),
        (message.billing_address.is_none(), "billing_address"),
        (message.billing_email.is_empty(), "billing_email"),
    ];
    let lacking =
        profile.into_iter().filter(|(lacks, _)| *lacks).map(|(_, name)| name.to_owned()).collect();
    // A number that nobody has verified takes no tax off.
    let has_tax_id = message
        .tax_number
        .as_ref()
        .is_some_and(|tax_number| tax_number.state() == tax_number::State::Verified);
    Buyer { country: message.country.clone(), has_tax_id, lacking }
}

/// How an invoice stands; a fault where the message is not whole.
pub fn follow_invoice(message: &InvoiceMessage) -> Result<FollowInvoice, AppError> {
    let whole = || {
        let money = |amount: &Option<MoneyMessage>| amount.as_ref().and_then(money_of);
        let day = |day: &Option<DateMessage>| day.as_ref().and_then(date_of);
        let mut ids = message.name.split('/').skip(3).step_by(2).map(names::uuid);
        let (customer, invoice) = (ids.next()??, ids.next()??);
        let of_plan = |block: &&Block| {
            matches!(block.reason(), Reason::PaymentPlanProposed | Reason::PaymentPlanActive)
        };
        let figures = Figures {
            open: money(&message.open)?,
            due_on: day(&message.due_date)?,
            blocked: message.block.is_some(),
            written_off: money(&message.written_off).is_some_and(Money::is_positive),
            // While a charge that had paid it is disputed no day is known: an open dispute is held
            // against nobody.
            no_consequence_before: if message.disputed_by.is_empty() {
                day(&message.no_consequence_before)
            } else {
                chrono::NaiveDate::from_ymd_opt(9999, 12, 31)
            },
        };
        Some(FollowInvoice {
            invoice: Id::from_uuid(invoice),
            customer: Id::from_uuid(customer),
            figures,
            paid: money(&message.paid)?,
            // Sorted: the last is that of the last payment that stands.
            last_paid_on: message.paid_by_day.last().and_then(|dated| day(&dated.date)),
            issued_on: day(&message.issue_date)?,
            plan: message.block.as_ref().filter(of_plan).map(|block| block.owner.clone()),
            is_top_up: message.top_up.is_some(),
            is_void: message.state() == State::Void,
            draw: message.deferral.as_ref().map(|deferral| deferral.draw.clone()),
        })
    };
    whole()
        .ok_or_else(|| AppError::Fault(format!("invoice {:?} that invoicing sent", message.name)))
}

#[cfg(test)]
mod tests {
    use super::buyer;
    use payterms_proto::invoicing::v1::{Customer, TaxNumber, tax_number::State};

    #[test]
    fn only_a_verified_tax_number_counts() {
        let with = |state: Option<State>| {
            let tax_number =
                state.map(|state| TaxNumber { state: state.into(), ..TaxNumber::default() });
            buyer(&Customer { tax_id: "DE136695976".into(), tax_number, ..Customer::default() })
                .has_tax_id
        };
        let states = [None, Some(State::Unverified), Some(State::Invalid), Some(State::Verified)];
        assert_eq!(states.map(with), [false, false, false, true]);
    }
}
