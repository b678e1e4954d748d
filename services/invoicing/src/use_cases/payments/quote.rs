//! What a payment would be.

use super::{
    means::{find_means, must_have_credit},
    plan::{lock_invoices_to_pay, plan_payment},
};
use crate::{
    app::App,
    commands::payments::ToPay,
    messages,
    use_cases::deferrals::means::{find_line_means, must_have_line},
};
use payterms_chassis::{AppError, Call};
use payterms_proto::invoicing::v1::{Payment as PaymentMessage, QuotePaymentResponse};

/// What the payment would be, without any effect.
///
/// # Errors
/// Those of [`super::create::create_payment`].
pub async fn quote_payment(app: &App, to_pay: &ToPay) -> Result<QuotePaymentResponse, AppError> {
    let means = find_means(app, to_pay).await?;
    let line = find_line_means(app, to_pay, &means).await?;
    let call = Call::internal("invoicing", &to_pay.tenant, "quote", uuid::Uuid::from_bytes(rand::random()), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut owned = lock_invoices_to_pay(&tx, to_pay).await?;
    let payment = plan_payment(&mut tx, to_pay, &means, &mut owned).await?;
    drop(tx);
    must_have_credit(&payment, &means)?;
    must_have_line(&payment, line.as_ref())?;
    let available_credit = if payment.taxed { means.available_for_taxed } else { means.available };
    let shown = PaymentMessage { name: String::new(), ..messages::payments::payment(&to_pay.tenant, &payment) };
    Ok(QuotePaymentResponse { payment: Some(shown), available_credit })
}
