//! Changes a customer; a new country brings a new tax treatment, another tax number has to be
//! verified.

use super::{
    read::show_customer,
    save::{publish_customers, schedule_number_checks},
};
use crate::{
    app::App,
    commands::customers::UpdateCustomer,
    store::{customers, tenants},
};
use payterms_chassis::{Answer, AppError, Call, etag, marks::must_be_free};
use payterms_invoicing_domain::tax_number_form::must_be_formed;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::UpdateCustomerResponse;

/// Changes what the paths name of a customer.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `EXTERNAL_ID_TAKEN`, `TAX_NUMBER_INVALID`,
/// `TENANT_SUSPENDED`.
pub async fn update_customer(
    app: &App,
    call: &Call,
    update: &UpdateCustomer,
) -> Result<Answer<UpdateCustomerResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut customer = customers::lock(tx.conn(), &call.tenant, update.customer)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let new = &update.fields;
    etag::check(&new.etag, customer.version)?;
    let before = customer.clone();
    for path in &update.paths {
        match path.as_str() {
            "legal_name" => customer.legal_name.clone_from(&new.legal_name),
            "billing_address" => customer.address.clone_from(&new.address),
            "billing_email" => customer.billing_email.clone_from(&new.billing_email),
            "tax_id" => customer.tax_id.clone_from(&new.tax_id),
            "locale" => customer.locale.clone_from(&new.locale),
            "contacts" => customer.contacts.clone_from(&new.contacts),
            "country" => customer.country.clone_from(&new.country),
            "external_id" => customer.marks.external_id.clone_from(&new.marks.external_id),
            "labels" => customer.marks.labels.clone_from(&new.marks.labels),
            _ => customer.tier.clone_from(&new.tier),
        }
    }
    if update.paths.iter().any(|path| path == "tax_id" || path == "country") {
        must_be_formed(&customer.country, &customer.tax_id)?;
        customer.number_set(&before.country, &before.tax_id);
    }
    if update.paths.iter().any(|path| path == "external_id") {
        must_be_free(
            &tx,
            customers::NAMED,
            customer.id.uuid(),
            customer.marks.external_id.as_deref(),
        )
        .await?;
    }
    let now = tx.now();
    let tenant = tenants::hold(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    customer.resolve_tax(&tenant, now);
    customer.touch(now);
    publish_customers(&mut tx, std::slice::from_ref(&customer)).await?;
    let number = |customer: &payterms_invoicing_domain::Customer| {
        (customer.tax_id.clone(), customer.tax_number.clone(), customer.country.clone())
    };
    if number(&before) != number(&customer) {
        schedule_number_checks(&tx, &tenant, std::slice::from_ref(&customer)).await?;
    }
    let rendered = show_customer(&call.tenant, &customer, update.as_customer);
    tx.commit(UpdateCustomerResponse { customer: Some(rendered) }).await
}
