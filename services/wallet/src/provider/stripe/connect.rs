//! Keys of tenants: sealed, opened, and asked whose they are.

use super::{
    super::Unknown,
    Stripe,
    client::{Access, Reply},
    objects::Named,
};
use payterms_chassis::seal::Seal;
use payterms_kernel::TenantId;
use payterms_wallet_domain::StripeConnection;

/// Why it is not known whose a key is.
#[derive(Debug)]
pub enum AccountFault {
    /// The key opens nothing, or not the account that it is to ask for.
    Denied,
    /// Stripe does not answer.
    Unknown(Unknown),
}

/// Seals what a connection holds again, with the key that seals now.
///
/// # Errors
/// A sentence if something of it does not open; then the connection is as it was.
pub fn reseal(
    seal: &Seal,
    tenant: &TenantId,
    connection: &mut StripeConnection,
) -> Result<(), String> {
    let again = |what: &str, sealed: &[u8]| seal.reseal(bound_to(tenant, what).as_bytes(), sealed);
    let secrets = (
        again(KEY, &connection.sealed_key)?,
        again(WEBHOOK_SECRET, &connection.sealed_webhook_secret)?,
    );
    (connection.sealed_key, connection.sealed_webhook_secret) = secrets;
    Ok(())
}

/// What a secret is of, which it is bound to.
fn bound_to(tenant: &TenantId, what: &str) -> String {
    format!("stripe/{tenant}/{what}")
}

const KEY: &str = "key";
const WEBHOOK_SECRET: &str = "webhook_secret";

impl Stripe {
    /// The account that a key asks for.
    ///
    /// # Errors
    /// Where the key is not accepted, or Stripe does not answer.
    pub async fn account_of(
        &self,
        key: &str,
        on_behalf_of: Option<&str>,
    ) -> Result<String, AccountFault> {
        let access = Access { key: key.to_owned(), on_behalf_of: on_behalf_of.map(str::to_owned) };
        match self.client.get::<Named>(&access, "/v1/account").await {
            Ok(Reply::Done(account)) => Ok(account.id),
            Ok(Reply::Refused(_) | Reply::Denied) => Err(AccountFault::Denied),
            Err(unknown) => Err(AccountFault::Unknown(unknown)),
        }
    }

    /// Seals the key and the webhook secret of a tenant.
    ///
    /// # Errors
    /// A sentence if they cannot be sealed.
    pub fn seal_secrets(
        &self,
        tenant: &TenantId,
        key: &str,
        webhook_secret: &str,
    ) -> Result<(Vec<u8>, Vec<u8>), String> {
        let seal = |what: &str, secret: &str| {
            self.seal.seal_bytes(bound_to(tenant, what).as_bytes(), secret.as_bytes())
        };
        Ok((seal(KEY, key)?, seal(WEBHOOK_SECRET, webhook_secret)?))
    }

    pub(super) fn open_key(
        &self,
        tenant: &TenantId,
        connection: &StripeConnection,
    ) -> Result<String, String> {
        self.opened(tenant, KEY, &connection.sealed_key)
    }

    pub(super) fn open_webhook_secret(
        &self,
        tenant: &TenantId,
        connection: &StripeConnection,
    ) -> Result<String, String> {
        self.opened(tenant, WEBHOOK_SECRET, &connection.sealed_webhook_secret)
    }

    fn opened(&self, tenant: &TenantId, what: &str, sealed: &[u8]) -> Result<String, String> {
        let plain = self.seal.open_bytes(bound_to(tenant, what).as_bytes(), sealed.to_vec())?;
        String::from_utf8(plain).map_err(|_| "a secret of Stripe is no text".to_owned())
    }
}
