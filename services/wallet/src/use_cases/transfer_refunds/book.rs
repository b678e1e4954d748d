//! Books that a transfer back was made.

use crate::{
    app::App,
    commands::transfer_refunds::BookTransferRefund,
    store::holds,
    use_cases::payments::{load::lock_payment_wallet, save::save_payment_hold},
};
use payterms_chassis::{Answer, AppError, Call, kill, render::money};
use payterms_kernel::Refusal;
use payterms_proto::wallet::{peers::v1::BookTransferRefundResponse, v1::TransferRefundBooked};
use payterms_wallet_domain::transfer_refund;

/// Books that the transfer was made, once.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` where nothing was reserved, `HOLD_STATE` after a release.
pub async fn book_transfer_refund(
    app: &App,
    call: &Call,
    BookTransferRefund { refund, payment: named, tax, description }: &BookTransferRefund,
) -> Result<Answer<BookTransferRefundResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let mut hold = holds::of_payment(tx.conn(), &call.tenant, *refund)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let amount = hold.amount.plus(*tax)?;
    // The hold outlives the stored answer: a step that comes again after a month books nothing.
    if transfer_refund::book(
        &mut locked.wallet,
        &mut hold,
        tx.ids(),
        named.payment,
        *tax,
        description,
        now,
    )? {
        let (wallet, rendered) = save_payment_hold(&mut tx, &mut locked, &hold).await?;
        let event = TransferRefundBooked {
            wallet: Some(wallet),
            hold: Some(rendered),
            payment: named.name(),
            amount: Some(money(amount)),
        };
        tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    }
    kill::point("transfer_refund.before_book");
    let answer = tx.commit(BookTransferRefundResponse {}).await;
    kill::point("transfer_refund.after_book");
    answer
}
