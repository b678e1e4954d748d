//! What an invoice's state means, in a sentence.

use crate::invoice::{Invoice, InvoiceState};
use payterms_kernel::money::MoneyError;

/// What its state means.
pub(crate) fn state_sentence(invoice: &Invoice) -> Result<String, MoneyError> {
    let left = invoice.open()?.grouped();
    Ok(match invoice.state {
        InvoiceState::Draft => {
            let problem = invoice
                .problem
                .as_ref()
                .map(|problem| format!(" It cannot be issued as it stands: {}", problem.sentence));
            format!(
                "It is a draft: it can be changed, and nobody owes it yet.{}",
                problem.unwrap_or_default()
            )
        }
        InvoiceState::Open if invoice.top_up.is_some() && invoice.paid.is_positive() => {
            let (total, paid) = (invoice.amounts.total.grouped(), invoice.paid.grouped());
            format!(
                "It offers credit for {total}, of which {paid} came: {left} are awaited, and are no debt."
            )
        }
        InvoiceState::Open if invoice.top_up.is_some() => {
            format!(
                "It offers credit for {left}: it is no debt, and the credit comes when the transfer does."
            )
        }
        InvoiceState::Open => {
            format!("It is open: {left} of {} are left to pay.", invoice.amounts.total.grouped())
        }
        InvoiceState::Paid if invoice.amounts.total.is_zero() => {
            "It comes to nothing: there is nothing to pay.".to_owned()
        }
        InvoiceState::Paid if invoice.top_up.is_some() && invoice.credited.is_positive() => {
            let (paid, credited) = (invoice.paid.grouped(), invoice.credited.grouped());
            format!("It is paid: {paid} bought credit, and credit notes took {credited} off it.")
        }
        InvoiceState::Paid => "It is paid.".to_owned(),
        InvoiceState::Void if invoice.top_up.is_some() => {
            "It offered credit, and the offer is over: nothing of it is awaited.".to_owned()
        }
        InvoiceState::Void if invoice.credited.is_positive() => {
            "Credit notes took all of it off: nothing of it is owed.".to_owned()
        }
        InvoiceState::Void => "It is void: nothing of it is owed.".to_owned(),
        InvoiceState::Uncollectible => {
            format!(
                "{} of it are written off; a payment still reverses that.",
                invoice.written_off.grouped()
            )
        }
    })
}
