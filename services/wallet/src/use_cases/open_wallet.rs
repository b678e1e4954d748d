//! Opens the customer's wallet in a currency.

use crate::{
    App, render,
    store::{customers, wallets},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_kernel::{Currency, Id, Kind, Refusal};
use payterms_proto::wallet::v1::{OpenWalletResponse, WalletOpened};
use payterms_wallet_domain::{Customer, Wallet};

/// Runs the verb.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` for a customer that the wallet has not heard of; `RESOURCE_ALREADY_EXISTS` with
/// the wallet's name.
pub async fn run(app: &App, call: &Call, customer: Id<Customer>, currency: Currency) -> Result<Answer<OpenWalletResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    customers::find(tx.conn(), &call.tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    if let Some(existing) = wallets::find_in_currency(tx.conn(), &call.tenant, customer, currency).await? {
        let name = render::wallet_name(&call.tenant, customer, existing.id);
        let message = format!("The customer has a wallet in {currency}: {name}. Use it.");
        return Err(Refusal::new(Kind::AlreadyExists, "RESOURCE_ALREADY_EXISTS", message).with("name", name).into());
    }
    let wallet = open(&mut tx, customer, currency).await?;
    let rendered = render::wallet(&call.tenant, &wallet, tx.now())?;
    tx.commit(OpenWalletResponse { wallet: Some(rendered) }).await
}

/// Opens a wallet and tells of it. Of two at once one fails, and finds the other's when it is tried
/// again.
///
/// # Errors
/// The database's.
pub async fn open(tx: &mut WriteTx, customer: Id<Customer>, currency: Currency) -> Result<Wallet, AppError> {
    let wallet = Wallet::open(tx.id(), customer, currency, tx.now());
    wallets::insert(tx, &wallet).await?;
    let rendered = render::wallet(&tx.call().tenant, &wallet, tx.now())?;
    tx.emit("wallet", &wallet.id.to_string(), &WalletOpened { wallet: Some(rendered) }).await?;
    Ok(wallet)
}
