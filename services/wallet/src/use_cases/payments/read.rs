//! Reads a customer's means of payment.

use crate::{
    app::App,
    commands::customers::CustomerRef,
    messages::{disputes::dispute_name, methods as messages},
    store::{customers, methods, wallets},
    use_cases::methods::load::collection_waits_for,
};
use payterms_chassis::{AppError, render::money};
use payterms_kernel::{Currency, Money, Refusal};
use payterms_proto::wallet::peers::v1::GetPaymentMeansResponse;
use payterms_wallet_domain::settlement::{self, InvoiceTax};

/// The credit and the methods with which a customer can pay now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_payment_means(
    app: &App,
    named: &CustomerRef,
    currency: Currency,
) -> Result<GetPaymentMeansResponse, AppError> {
    // Before a connection is held: two at once by many callers would wait for each other.
    let (now, today) =
        (app.db.tenant_now(&named.tenant).await?, app.db.tenant_today(&named.tenant).await?);
    let conn = app.db.read(&named.tenant).await?;
    customers::find(&conn, &named.tenant, named.customer).await?.ok_or_else(Refusal::not_found)?;
    let saved = methods::of_customer(&conn, &named.tenant, named.customer).await?;
    let wallet = wallets::find_in_currency(&conn, &named.tenant, named.customer, currency).await?;
    let wallet = match wallet {
        Some(wallet) => wallets::find(&conn, &named.tenant, named.customer, wallet.id).await?,
        None => None,
    };
    let waits_for = collection_waits_for(&conn, named, &saved, today).await?;
    drop(conn);
    let available = |tax| {
        let free = wallet
            .as_ref()
            .map(|wallet| settlement::available_for(wallet, tax, now))
            .transpose()?;
        Ok::<_, AppError>(
            free.filter(|free| free.is_positive()).unwrap_or_else(|| Money::zero(currency)),
        )
    };
    let name = named.name();
    Ok(GetPaymentMeansResponse {
        available: Some(money(available(InvoiceTax::Untaxed)?)),
        available_for_taxed: Some(money(available(InvoiceTax::Taxed)?)),
        payment_methods: saved
            .active
            .iter()
            .map(|method| messages::payment_method(&name, method, &saved))
            .collect(),
        collection_waits_for: waits_for
            .map(|dispute| dispute_name(named, dispute))
            .unwrap_or_default(),
    })
}
