//! Seals what opens a tenant's account at Stripe again, after the key of the suite was replaced.

use crate::{provider::stripe, store::settings as store};
use futures::future::BoxFuture;
use payterms_chassis::{
    AppError, WriteTx,
    seal::Seal,
    sealed::{SealedRow, SealedTable},
    transaction::Transaction,
};
use payterms_kernel::TenantId;

/// The key of the one row of a tenant.
const ROW: &str = "stripe";

/// The sealed keys of tenants.
#[must_use]
pub fn sealed(seal: Option<Seal>) -> SealedTable {
    SealedTable {
        name: "wallet_settings",
        seal,
        holds: "stripe_key IS NOT NULL",
        list,
        reseal: Some(reseal),
    }
}

fn list<'a>(
    conn: &'a Transaction,
    tenant: &'a TenantId,
    after: &'a str,
    _: i64,
) -> BoxFuture<'a, Result<Vec<SealedRow>, AppError>> {
    Box::pin(async move {
        if !after.is_empty() {
            return Ok(Vec::new());
        }
        let row = |stripe_connection: payterms_wallet_domain::StripeConnection| SealedRow {
            key: ROW.to_owned(),
            values: vec![stripe_connection.sealed_key, stripe_connection.sealed_webhook_secret],
        };
        Ok(store::find(conn, tenant).await?.stripe.map(row).into_iter().collect())
    })
}

/// Nothing that the tenant sees changes, so its settings keep their version, and nobody is told.
fn reseal<'a>(
    tx: &'a mut WriteTx,
    seal: &'a Seal,
    _: &'a str,
) -> BoxFuture<'a, Result<Result<(), String>, AppError>> {
    Box::pin(async move {
        let tenant = tx.call().tenant.clone();
        let mut settings = store::lock(tx.conn(), &tenant).await?;
        let Some(connection) = &mut settings.stripe else { return Ok(Ok(())) };
        if let Err(why) = stripe::reseal(seal, &tenant, connection) {
            return Ok(Err(why));
        }
        store::save(tx.conn(), &tenant, &settings).await.map(Ok)
    })
}
