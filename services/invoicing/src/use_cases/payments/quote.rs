//! What a payment would be.

use super::{
    means::{find_means, missing_credit},
    plan::{lock_invoices_to_pay, plan_payment},
};
use crate::{
    app::App,
    commands::payments::ToPay,
    messages,
    use_cases::deferrals::means::{find_line_means, missing_on_line},
};
use payterms_chassis::{AppError, Call, render::money};
use payterms_proto::invoicing::v1::{Payment as PaymentMessage, QuotePaymentResponse};

/// What the payment would be, without any effect, and what is missing of its credit and on its
/// line.
///
/// # Errors
/// Those of [`super::create::create_payment`], but for too little credit and too little on the
/// line.
pub async fn quote_payment(app: &App, to_pay: &ToPay) -> Result<QuotePaymentResponse, AppError> {
    let means = find_means(app, to_pay).await?;
    let line = find_line_means(app, to_pay, &means).await?;
    let call = Call::internal(
        "invoicing",
        &to_pay.tenant,
        "quote",
        uuid::Uuid::from_bytes(rand::random()),
        None,
    );
    let mut tx = app.db.begin_forward(&call).await?;
    let mut owned = lock_invoices_to_pay(&tx, to_pay).await?;
    let payment = plan_payment(&mut tx, to_pay, &means, &mut owned).await?;
    drop(tx);
    let missing_credit = missing_credit(&payment, &means)?.map(money);
    let missing_on_line = missing_on_line(&payment, line.as_ref())?.map(money);
    let available_credit = if payment.taxed { means.available_for_taxed } else { means.available };
    let shown = PaymentMessage {
        name: String::new(),
        ..messages::payments::payment(&to_pay.tenant, &payment)
    };
    Ok(QuotePaymentResponse {
        payment: Some(shown),
        available_credit,
        missing_credit,
        missing_on_line,
    })
}
