//! Books back what a bank line had paid, once: its match was taken back, or the bank took the money
//! back.

use super::load::lock_payment_wallet;
use crate::{
    app::App,
    commands::payments::ReturnTransfer,
    messages::wallets as messages,
    store::transfers,
    use_cases::{recharges::save::schedule_recharges, wallets::save::save_wallet},
};
use payterms_chassis::{Answer, AppError, Call, kill, render::money};
use payterms_kernel::Money;
use payterms_proto::wallet::{peers::v1::ReturnTransferResponse, v1::TransferReturned};
use payterms_wallet_domain::{
    TaxKind, TransferKind,
    settlement::CreditBought,
    transfer_return::{Returned, ReturnedCredit, return_transfer as book_transfer_back},
};

/// Books back what a bank line had paid, once.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn return_transfer(
    app: &App,
    call: &Call,
    ReturnTransfer { payment: named, amount, surplus, bought }: &ReturnTransfer,
) -> Result<Answer<ReturnTransferResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    // It outlives the stored answer: a step that comes again after a month books nothing back.
    if !transfers::has_any(tx.conn(), &call.tenant, named.payment, &[TransferKind::TransferReturn])
        .await?
    {
        let now = tx.now();
        let lot =
            async |kind| transfers::bought_lot(tx.conn(), &call.tenant, named.payment, kind).await;
        let (of_surplus, of_top_up) =
            (lot(TransferKind::Surplus).await?, lot(TransferKind::TransferTopUp).await?);
        let untaxed = |amount: Money| CreditBought {
            amount,
            tax: Money::zero(amount.currency()),
            tax_kind: TaxKind::Deposit,
        };
        let returned = Returned {
            payment: named.payment,
            amount: *amount,
            surplus: surplus
                .map(|surplus| ReturnedCredit { credit: untaxed(surplus), lot: of_surplus }),
            bought: bought.map(|credit| ReturnedCredit { credit, lot: of_top_up }),
        };
        book_transfer_back(&mut locked.wallet, tx.ids(), returned, now)?;
        let wallet = Some(messages::wallet(&call.tenant, &locked.wallet, now)?);
        save_wallet(&tx, &mut locked).await?;
        schedule_recharges(&tx, [&locked.wallet]).await?;
        let event =
            TransferReturned { wallet, payment: named.name(), amount: Some(money(*amount)) };
        tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    }
    kill::point("transfer_return.before_commit");
    let owed = Some(locked.wallet.owed).filter(|owed| owed.is_positive()).map(money);
    let answer = tx.commit(ReturnTransferResponse { owed }).await;
    kill::point("transfer_return.after_commit");
    answer
}
