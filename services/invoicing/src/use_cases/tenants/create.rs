//! Registers a tenant.

use super::save::publish_tenant;
use crate::{
    app::App, commands::tenants::TenantFields, messages, store::tenants,
    use_cases::statements::turn_month::schedule_month_turn,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{CallLimits, Tenant, bank::Automation};
use payterms_kernel::{Currency, Kind, Money, Reason, Refusal};
use payterms_proto::invoicing::v1::CreateTenantResponse;

/// Registers a tenant.
///
/// # Errors
/// `RESOURCE_ALREADY_EXISTS`.
pub async fn create_tenant(
    app: &App,
    call: &Call,
    new: &TenantFields,
) -> Result<Answer<CreateTenantResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if tenants::lock(tx.conn(), &call.tenant).await?.is_some() {
        let message = format!("There is a tenant {} already. Choose another id.", call.tenant);
        return Err(
            Refusal::new(Kind::AlreadyExists, Reason::RESOURCE_ALREADY_EXISTS, message).into()
        );
    }
    let now = tx.now();
    let tenant = Tenant {
        id: call.tenant.clone(),
        display_name: new.display_name.clone(),
        country: new.country.clone(),
        time_zone: new.time_zone.clone(),
        sandbox: new.sandbox,
        invoices_hidden: new.invoices_hidden,
        overpayment_refused: new.overpayment_refused,
        payment_notice: new.payment_notice.unwrap_or_default(),
        bank_automation: new.bank_automation.unwrap_or(Automation::Reference),
        business: new.business.clone(),
        dunning: new.dunning.clone(),
        transfer_tolerances: if new.transfer_tolerances.is_empty() {
            usual_tolerances()
        } else {
            new.transfer_tolerances.clone()
        },
        approval_limits: new.approval_limits.clone(),
        tax_rules: new.tax_rules.clone(),
        call_limits: CallLimits::default(),
        suspended: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    tenants::insert(tx.conn(), &tenant).await?;
    publish_tenant(&mut tx, &tenant).await?;
    schedule_month_turn(&tx).await?;
    tx.commit(CreateTenantResponse { tenant: Some(messages::tenants::tenant(&tenant)) }).await
}

/// 50.00 AUD.
fn usual_tolerances() -> Vec<Money> {
    Currency::parse("AUD").map(|aud| Money::from_micros(aud, 50_000_000)).into_iter().collect()
}
