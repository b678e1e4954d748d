//! Says how much of a transfer's credit can go back.

use super::load::lot_and_rules;
use crate::{app::App, commands::transfer_refunds::QuoteTransferRefund, store::wallets};
use payterms_chassis::{AppError, render::money};
use payterms_kernel::{IdSource, Refusal};
use payterms_proto::wallet::peers::v1::QuoteTransferRefundResponse;
use payterms_wallet_domain::transfer_refund::{TransferBack, reserve};
use uuid::Uuid;

/// How much can go back now: what a reservation would take, which is not made.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `REFUND_TOO_LARGE`, `RECHARGE_WOULD_FOLLOW`.
pub async fn quote_transfer_refund(
    app: &App,
    quote: &QuoteTransferRefund,
) -> Result<QuoteTransferRefundResponse, AppError> {
    let (customer, currency) = (&quote.of.payment.customer, quote.of.payment.currency);
    let now = app.db.tenant_now(&customer.tenant).await?;
    let today = app.db.tenant_today(&customer.tenant).await?;
    let conn = app.db.read(&customer.tenant).await?;
    let found = wallets::find_in_currency(&conn, &customer.tenant, customer.customer, currency)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let found = wallets::find(&conn, &customer.tenant, customer.customer, found.id).await?;
    let mut wallet = found.ok_or_else(Refusal::not_found)?;
    let mut ids = IdSource::new(now, b"quote", "transfer_refund");
    let (lot, recharge) = lot_and_rules(&conn, &quote.of, &wallet, today).await?;
    let order = TransferBack { refund: Uuid::nil(), lot, credit: quote.credit };
    let hold = reserve(&mut wallet, &recharge, &mut ids, order, now)?;
    Ok(QuoteTransferRefundResponse { credit: Some(money(hold.amount)) })
}
