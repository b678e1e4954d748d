//! Notes what a person found out about a customer's tax number.

use super::save::{publish_customers, schedule_number_checks};
use crate::{
    app::App,
    commands::customers::VerifyTaxNumber,
    messages,
    store::{customers, tenants},
    use_cases::mails::notices::mail_tax_number_invalid,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::TaxNumberState;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::VerifyTaxNumberResponse;

/// Notes what a person found out.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::Customer::number_judged`], `RESOURCE_NOT_FOUND`.
pub async fn verify_tax_number(
    app: &App,
    call: &Call,
    found: &VerifyTaxNumber,
) -> Result<Answer<VerifyTaxNumberResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut customer = customers::lock(tx.conn(), &call.tenant, found.customer)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let before = customer.tax_number.as_ref().map(|tax_number| tax_number.state);
    customer.number_judged(
        &found.number,
        found.state,
        &call.caller.subject,
        &found.explanation,
        now,
    )?;
    let tenant = tenants::hold(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    customer.resolve_tax(&tenant, now);
    customer.touch(now);
    publish_customers(&mut tx, std::slice::from_ref(&customer)).await?;
    schedule_number_checks(&tx, &tenant, std::slice::from_ref(&customer)).await?;
    if found.state == TaxNumberState::Invalid && before != Some(TaxNumberState::Invalid) {
        mail_tax_number_invalid(&mut tx, &customer).await?;
    }
    let rendered = messages::customers::customer(&call.tenant, &customer);
    tx.commit(VerifyTaxNumberResponse { customer: Some(rendered) }).await
}
