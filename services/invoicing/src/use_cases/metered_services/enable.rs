//! Enables a metered service.

use super::save::publish_metered_service;
use crate::{
    app::App,
    commands::metered_services::EnableService,
    messages,
    peers::wallet::Wallet,
    store::{customers, metered, tenants},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{MeteredService, metered::must_be_billable};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1 as pb;

/// Enables a service.
///
/// # Errors
/// Those of [`must_be_billable`], `SERVICE_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn enable_metered_service(
    app: &App,
    call: &Call,
    EnableService { customer, terms, as_customer }: &EnableService,
) -> Result<Answer<pb::EnableMeteredServiceResponse>, AppError> {
    let customer = *customer;
    let means = Wallet::new(app, &call.tenant, customer).means(terms.currency).await?;
    let has_method = means.payment_methods.iter().any(|method| method.collection_method);
    let mut tx = app.db.begin(call).await?;
    let found =
        customers::lock(tx.conn(), &call.tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    let known =
        metered::lock_of_product(tx.conn(), &call.tenant, customer, terms.currency, &terms.product)
            .await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let tenant = tenants::find(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    let terms = known.as_ref().filter(|_| *as_customer).map_or(terms, |known| &known.terms).clone();
    must_be_billable(&tenant, &found, &terms, has_method)?;
    let now = tx.now();
    let service = match known {
        Some(mut known) => {
            known.enable_again(terms, now)?;
            // What it still owes is no clean slate.
            let today = tx.today();
            known.evaluate(metered::standing(tx.conn(), &call.tenant, known.id, today).await?, now);
            known
        }
        None => MeteredService::enable(tx.id(), customer, terms, now),
    };
    publish_metered_service(&mut tx, &service).await?;
    tx.commit(pb::EnableMeteredServiceResponse {
        metered_service: Some(messages::metered_services::metered_service(&call.tenant, &service)),
    })
    .await
}
