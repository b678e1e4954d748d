//! Table `decisions`: what policies came to, with all that led to it. Rows never change.

use super::json::{of_json, to_json};
use payterms_chassis::{AppError, columns::money, sql};
use payterms_credit_domain::{Advice, Application, Customer, Decided, Features};
use payterms_kernel::{Currency, Id, TenantId};
use sea_orm::{ConnectionTrait, QueryResult};

/// Inserts what the policy came to; the row stays for ever.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    application: &Application,
    advice: &Advice,
) -> Result<(), AppError> {
    let insert = "INSERT INTO decisions (tenant, application_id, number, policy_id, features, currency, cap, decided, at, coverage) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let values = vec![
        tenant.as_str().into(),
        application.id.uuid().into(),
        application.decisions.into(),
        advice.policy.uuid().into(),
        to_json(&advice.features)?.into(),
        advice.cap.currency().code().into(),
        advice.cap.micros().into(),
        to_json(&advice.decided)?.into(),
        advice.at.into(),
        to_json(&advice.coverage)?.into(),
    ];
    sql::exec(conn, insert, values).await?;
    Ok(())
}

fn advice(row: &QueryResult) -> Result<Advice, AppError> {
    let (features, decided): (String, String) =
        (row.try_get("", "features")?, row.try_get("", "decided")?);
    let (code, coverage): (String, String) =
        (row.try_get("", "currency")?, row.try_get("", "coverage")?);
    Ok(Advice {
        policy: Id::from_uuid(row.try_get("", "policy_id")?),
        features: of_json::<Features>(&features, "features")?,
        cap: money(&code, row.try_get("", "cap")?)?,
        coverage: of_json(&coverage, "a coverage")?,
        decided: of_json::<Decided>(&decided, "a decision")?,
        at: row.try_get("", "at")?,
    })
}

/// What the policy came to last for an application; none where nothing was decided.
pub async fn last<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Application>,
) -> Result<Option<Advice>, AppError> {
    let select = "SELECT policy_id, features, currency, cap, decided, coverage, at FROM decisions WHERE tenant = $1 AND application_id = $2 \
                  ORDER BY number DESC LIMIT 1";
    sql::one(conn, select, vec![tenant.as_str().into(), id.uuid().into()])
        .await?
        .as_ref()
        .map(advice)
        .transpose()
}

/// The newest decisions in a currency, with their applications and customers.
pub async fn newest<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    currency: Currency,
    limit: i64,
) -> Result<Vec<(Id<Application>, Id<Customer>, Advice)>, AppError> {
    let select = "SELECT d.application_id, a.customer_id, d.policy_id, d.features, d.currency, d.cap, d.decided, d.coverage, d.at FROM decisions d \
                  JOIN applications a ON a.tenant = d.tenant AND a.id = d.application_id WHERE d.tenant = $1 AND d.currency = $2 \
                  ORDER BY d.at DESC, d.application_id LIMIT $3";
    let rows =
        sql::all(conn, select, vec![tenant.as_str().into(), currency.code().into(), limit.into()])
            .await?;
    let one = |row: &QueryResult| {
        Ok((
            Id::from_uuid(row.try_get("", "application_id")?),
            Id::from_uuid(row.try_get("", "customer_id")?),
            advice(row)?,
        ))
    };
    rows.iter().map(one).collect()
}
