//! The wallet of a payment.

use crate::{
    commands::payments::PaymentRef,
    store::{
        customers,
        wallets::{self, Locked},
    },
    use_cases::wallets::open::open_in_currency,
};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Marks, Refusal};

/// Locks the customer's wallet in the payment's currency, and opens one first if there is none.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn lock_payment_wallet(tx: &mut WriteTx, named: &PaymentRef) -> Result<Locked, AppError> {
    let (tenant, customer) = (&named.customer.tenant, named.customer.customer);
    let id = if let Some(wallet) =
        wallets::find_in_currency(tx.conn(), tenant, customer, named.currency).await?
    {
        wallet.id
    } else {
        customers::find(tx.conn(), tenant, customer).await?.ok_or_else(Refusal::not_found)?;
        open_in_currency(tx, customer, named.currency, Marks::default()).await?.id
    };
    wallets::lock(tx, customer, id).await?.ok_or_else(|| Refusal::not_found().into())
}
