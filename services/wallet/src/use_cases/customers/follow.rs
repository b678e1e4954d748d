//! Follows invoicing's customers: keeps a copy of each.

use crate::store::customers;
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, money::parse_decimal};
use payterms_proto::invoicing::v1::Customer as CustomerMessage;
use payterms_wallet_domain::{Customer, customer::Tax};

/// Saves the copy of a customer as invoicing's event shows it.
///
/// # Errors
/// `Fault` for a rate that is no number.
pub async fn follow_customer(
    tx: &WriteTx,
    id: Id<Customer>,
    message: CustomerMessage,
) -> Result<(), AppError> {
    let tax = message.tax_treatment.as_ref().map(|tax| {
        let rate = tax
            .rate_percent
            .as_ref()
            .map(|rate| parse_decimal(&rate.value, 6))
            .transpose()?
            .unwrap_or_default();
        Ok::<_, AppError>(Tax {
            rate_percent: rate,
            sentence: tax.sentence.clone(),
            version: tax.version,
        })
    });
    let customer = Customer {
        id,
        country: message.country,
        tier: message.tier,
        has_legal_name: !message.legal_name.is_empty(),
        has_billing_address: message.billing_address.is_some(),
        has_billing_email: !message.billing_email.is_empty(),
        tax: tax.transpose()?,
    };
    customers::save(tx.conn(), &tx.call().tenant, &customer).await
}
