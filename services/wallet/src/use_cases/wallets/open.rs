//! Opens the customer's wallet in a currency.

use crate::{
    app::App,
    commands::wallets::{OpenWallet, name_of},
    messages::wallets as messages,
    store::{customers, wallets},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, marks::must_be_free};
use payterms_kernel::{Currency, Id, Kind, Marks, Reason, Refusal};
use payterms_proto::wallet::v1::{OpenWalletResponse, WalletOpened};
use payterms_wallet_domain::{Customer, Wallet};

/// Opens a wallet.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` for a customer without a copy here; `RESOURCE_ALREADY_EXISTS` with the
/// wallet's name, `EXTERNAL_ID_TAKEN`.
pub async fn open_wallet(
    app: &App,
    call: &Call,
    command: &OpenWallet,
) -> Result<Answer<OpenWalletResponse>, AppError> {
    let (customer, currency) = (command.customer.customer, command.currency);
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    customers::find(tx.conn(), &call.tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    if let Some(existing) =
        wallets::find_in_currency(tx.conn(), &call.tenant, customer, currency).await?
    {
        let name = name_of(&call.tenant, &existing);
        let message = format!("The customer has a wallet in {currency}: {name}. Use it.");
        return Err(Refusal::new(Kind::AlreadyExists, Reason::RESOURCE_ALREADY_EXISTS, message)
            .with("name", name)
            .into());
    }
    let wallet = open_in_currency(&mut tx, customer, currency, command.marks.clone()).await?;
    let rendered = messages::wallet(&call.tenant, &wallet, tx.now())?;
    tx.commit(OpenWalletResponse { wallet: Some(rendered) }).await
}

/// Opens a wallet and publishes it. Of two attempts at once one violates the unique key; its retry
/// finds the other's wallet.
pub async fn open_in_currency(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    currency: Currency,
    marks: Marks,
) -> Result<Wallet, AppError> {
    let mut wallet = Wallet::open(tx.id(), customer, currency, tx.now());
    wallet.marks = marks;
    must_be_free(tx, wallets::NAMED, wallet.id.uuid(), wallet.marks.external_id.as_deref()).await?;
    wallets::insert(tx, &wallet).await?;
    let rendered = messages::wallet(&tx.call().tenant, &wallet, tx.now())?;
    tx.emit("wallet", &wallet.id.to_string(), &WalletOpened { wallet: Some(rendered) }).await?;
    Ok(wallet)
}
