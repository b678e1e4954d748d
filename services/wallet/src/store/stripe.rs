//! Tables `stripe_customers` and `stripe_intents`: what is kept of Stripe, so that it is asked for
//! by id and never asked to charge twice.

use super::money;
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, sql};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::Customer;
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

/// A charge that Stripe was asked for, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeIntent {
    /// The step that charges: the key of the request, and the mark of the intent.
    pub step: Uuid,
    /// Stripe's id of the intent; empty while it is not known.
    pub stripe_id: String,
    /// Stripe's id of the customer.
    pub stripe_customer: String,
    /// Stripe's id of the payment method.
    pub stripe_method: String,
    /// How much.
    pub amount: Money,
    /// When Stripe was first asked to make it, in real time.
    pub first_asked_at: DateTime<Utc>,
}

const COLUMNS: &str =
    "step_id, stripe_id, stripe_customer, stripe_method, amount, currency, first_asked_at";

fn intent(row: &QueryResult) -> Result<StripeIntent, AppError> {
    let currency: String = row.try_get("", "currency")?;
    Ok(StripeIntent {
        step: row.try_get("", "step_id")?,
        stripe_id: row.try_get("", "stripe_id")?,
        stripe_customer: row.try_get("", "stripe_customer")?,
        stripe_method: row.try_get("", "stripe_method")?,
        amount: money(&currency, row.try_get("", "amount")?)?,
        first_asked_at: row.try_get("", "first_asked_at")?,
    })
}

/// The charge of a step; `None` if Stripe was never asked for it.
pub async fn intent_of_step<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    step: Uuid,
) -> Result<Option<StripeIntent>, AppError> {
    let select = format!("SELECT {COLUMNS} FROM stripe_intents WHERE tenant = $1 AND step_id = $2");
    let row = sql::one(conn, &select, vec![tenant.as_str().into(), step.into()]).await?;
    row.as_ref().map(intent).transpose()
}

/// The charge by Stripe's id of its intent; `None` for an intent that the tenant makes elsewhere.
pub async fn intent_at_stripe<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    stripe_id: &str,
) -> Result<Option<StripeIntent>, AppError> {
    // The second condition lets the index, which has known ids alone, serve.
    let select = format!(
        "SELECT {COLUMNS} FROM stripe_intents WHERE tenant = $1 AND stripe_id = $2 AND stripe_id <> ''"
    );
    let row = sql::one(conn, &select, vec![tenant.as_str().into(), stripe_id.into()]).await?;
    row.as_ref().map(intent).transpose()
}

/// Stores that Stripe is about to be asked for a charge, unless that is stored.
pub async fn begin_intent<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    stripe_intent: &StripeIntent,
) -> Result<(), AppError> {
    let insert = "INSERT INTO stripe_intents (tenant, step_id, stripe_id, stripe_customer, stripe_method, amount, currency, first_asked_at) \
                  VALUES ($1, $2, '', $3, $4, $5, $6, $7) ON CONFLICT (tenant, step_id) DO NOTHING";
    let values = vec![
        tenant.as_str().into(),
        stripe_intent.step.into(),
        stripe_intent.stripe_customer.as_str().into(),
        stripe_intent.stripe_method.as_str().into(),
        stripe_intent.amount.micros().into(),
        stripe_intent.amount.currency().code().into(),
        stripe_intent.first_asked_at.into(),
    ];
    sql::exec(conn, insert, values).await?;
    Ok(())
}

/// Stores Stripe's id of an intent. The first that is stored stays: it alone is ever confirmed.
pub async fn name_intent<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    step: Uuid,
    stripe_id: &str,
) -> Result<(), AppError> {
    let update = "UPDATE stripe_intents SET stripe_id = $3 WHERE tenant = $1 AND step_id = $2 AND stripe_id = ''";
    sql::exec(conn, update, vec![tenant.as_str().into(), step.into(), stripe_id.into()]).await?;
    Ok(())
}

/// Stripe's id of a customer at an account.
pub async fn customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    account: &str,
) -> Result<Option<String>, AppError> {
    let select = "SELECT stripe_id FROM stripe_customers WHERE tenant = $1 AND customer_id = $2 AND account = $3";
    let row = sql::one(
        conn,
        select,
        vec![tenant.as_str().into(), customer.uuid().into(), account.into()],
    )
    .await?;
    Ok(row.map(|row| row.try_get("", "stripe_id")).transpose()?)
}

/// Stores Stripe's id of a customer, unless one is stored.
pub async fn save_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    account: &str,
    stripe_id: &str,
) -> Result<(), AppError> {
    let insert = "INSERT INTO stripe_customers (tenant, customer_id, account, stripe_id) VALUES ($1, $2, $3, $4) \
                  ON CONFLICT (tenant, customer_id, account) DO NOTHING";
    sql::exec(
        conn,
        insert,
        vec![tenant.as_str().into(), customer.uuid().into(), account.into(), stripe_id.into()],
    )
    .await?;
    Ok(())
}

/// Forgets a customer that somebody has deleted at Stripe.
pub async fn forget_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    stripe_id: &str,
) -> Result<(), AppError> {
    let delete = "DELETE FROM stripe_customers WHERE tenant = $1 AND stripe_id = $2";
    sql::exec(conn, delete, vec![tenant.as_str().into(), stripe_id.into()]).await?;
    Ok(())
}

/// What still needs a tenant's account at Stripe, by the names that a refusal has.
const IN_USE: &str = "\
    SELECT 'COLLECTION_METHODS' AS used_by WHERE EXISTS (SELECT 1 FROM method_pointers p JOIN payment_methods m ON m.tenant = p.tenant \
    AND m.id = p.collection_method_id AND m.provider = 'stripe' WHERE p.tenant = $1) \
    UNION ALL SELECT 'METHOD_SETUPS' WHERE EXISTS (SELECT 1 FROM method_setups WHERE tenant = $1 AND provider = 'stripe' AND state IN \
    ('CREATED', 'PENDING')) \
    UNION ALL SELECT 'CHARGES' WHERE EXISTS (SELECT 1 FROM top_ups t JOIN payment_methods m ON m.tenant = t.tenant AND m.id = t.method_id \
    AND m.provider = 'stripe' WHERE t.tenant = $1 AND t.state = 'PROCESSING') OR EXISTS (SELECT 1 FROM charges c JOIN payment_methods m \
    ON m.tenant = c.tenant AND m.id = c.method_id AND m.provider = 'stripe' WHERE c.tenant = $1 AND c.state = 'PROCESSING') \
    UNION ALL SELECT 'REFUNDS' WHERE EXISTS (SELECT 1 FROM top_up_refunds r JOIN top_ups t ON t.tenant = r.tenant AND t.id = r.top_up_id \
    JOIN payment_methods m ON m.tenant = t.tenant AND m.id = t.method_id AND m.provider = 'stripe' WHERE r.tenant = $1 AND r.state = \
    'PROCESSING') OR EXISTS (SELECT 1 FROM refunds r JOIN charges c ON c.tenant = r.tenant AND c.id = r.charge_id JOIN payment_methods m \
    ON m.tenant = c.tenant AND m.id = c.method_id AND m.provider = 'stripe' WHERE r.tenant = $1 AND r.state = 'PROCESSING') \
    UNION ALL SELECT 'DISPUTES' WHERE EXISTS (SELECT 1 FROM disputes d JOIN stripe_intents s ON s.tenant = d.tenant AND s.stripe_id = \
    d.provider_charge_id AND s.stripe_id <> '' WHERE d.tenant = $1 AND d.state = 'OPEN') \
    UNION ALL SELECT 'RECONCILIATION' WHERE EXISTS (SELECT 1 FROM provider_reconciliations WHERE tenant = $1 AND state = 'RUNNING')";

/// What still needs the tenant's account.
pub async fn in_use<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Vec<String>, AppError> {
    let rows = sql::all(conn, IN_USE, vec![tenant.as_str().into()]).await?;
    Ok(rows.iter().map(|row| row.try_get("", "used_by")).collect::<Result<_, _>>()?)
}

/// Whether methods are saved at Stripe, or are being saved.
pub async fn is_used<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<bool, AppError> {
    let select = "SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM payment_methods WHERE tenant = $1 AND provider = 'stripe') \
                  OR EXISTS (SELECT 1 FROM method_setups WHERE tenant = $1 AND provider = 'stripe' AND state IN ('CREATED', 'PENDING'))";
    Ok(sql::one(conn, select, vec![tenant.as_str().into()]).await?.is_some())
}
