//! The standard policy, which decides where a tenant has named none.

use crate::store::policies;
use chrono::{DateTime, Utc};
use payterms_chassis::AppError;
use payterms_credit_domain::{Policy, PolicyState, standard};
use payterms_kernel::{Currency, Id, TenantId, id::step_id};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// The standard policy in a currency, published by itself the first time that it is needed.
pub(crate) async fn standard_policy<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    currency: Currency,
    now: DateTime<Utc>,
) -> Result<Policy, AppError> {
    let id = step_id(Uuid::nil(), &format!("standard policy of {tenant} in {currency}, 1"));
    if let Some(found) = policies::find(conn, tenant, Id::from_uuid(id)).await? {
        return Ok(found);
    }
    let policy = Policy {
        id: Id::from_uuid(id),
        title: "Standard policy".to_owned(),
        state: PolicyState::Published,
        currency,
        number: 0,
        terms: standard::terms(),
        cases: standard::cases(),
        version: 1,
        created_at: now,
        published_at: Some(now),
    };
    policies::save(conn, tenant, &policy).await?;
    Ok(policy)
}
