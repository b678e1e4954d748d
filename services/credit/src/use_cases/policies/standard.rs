//! The standard policy, which decides where a tenant has named none.

use crate::store::policies;
use chrono::{DateTime, Utc};
use payterms_chassis::AppError;
use payterms_credit_domain::{
    Policy, PolicyState,
    policy::{Case, Terms},
    standard,
};
use payterms_kernel::{Currency, Id, TenantId, id::step_id};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// The standard policy in a currency, its newest version. All versions are published by themselves
/// the first time that one is needed, so that each can be read and tried on what another one
/// decided.
pub(crate) async fn standard_policy<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    currency: Currency,
    now: DateTime<Utc>,
) -> Result<Policy, AppError> {
    version(
        conn,
        tenant,
        currency,
        now,
        1,
        standard::terms_of_version_1(),
        standard::cases_of_version_1(),
    )
    .await?;
    version(conn, tenant, currency, now, standard::NEWEST, standard::terms(), standard::cases())
        .await
}

async fn version<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    currency: Currency,
    now: DateTime<Utc>,
    number: i64,
    terms: Terms,
    cases: Vec<Case>,
) -> Result<Policy, AppError> {
    let id = step_id(Uuid::nil(), &format!("standard policy of {tenant} in {currency}, {number}"));
    if let Some(found) = policies::find(conn, tenant, Id::from_uuid(id)).await? {
        return Ok(found);
    }
    let policy = Policy {
        id: Id::from_uuid(id),
        title: format!("Standard policy, version {number}"),
        state: PolicyState::Published,
        currency,
        number: 0,
        terms,
        cases,
        version: 1,
        created_at: now,
        published_at: Some(now),
    };
    policies::save(conn, tenant, &policy).await?;
    Ok(policy)
}
