//! The hosted page: a Checkout Session that saves a card or a bank account, with its mandate, and
//! charges nothing.

use super::{
    super::{HostedPage, SetupOrder, Unknown},
    STEP, Stripe, TENANT,
    client::Access,
    debits::{ACH, CARD, saved_account, scheme_of},
    objects::{Failure, Named, OpenedSession, SessionMessage},
    stored,
};
use crate::store::stripe as store;
use payterms_chassis::Call;
use payterms_kernel::{TenantId, id::step_id};
use payterms_wallet_domain::{MethodKind, StripeConnection, method_setup::SavedCard};
use sha2::{Digest, Sha256};

/// Where a person comes back to, and how the visit ended.
fn comes_back(return_url: &str, order: &SetupOrder, outcome: &str) -> String {
    let mark = if return_url.contains('?') { '&' } else { '?' };
    format!("{return_url}{mark}setup={}&outcome={outcome}", order.setup)
}

impl Stripe {
    /// Opens the page. A page that nobody knows of charges nothing: another may be opened in its
    /// place.
    pub(super) async fn open_page(&self, order: &SetupOrder) -> Result<HostedPage, Unknown> {
        let (access, connection) = self.access(&order.tenant).await?;
        let customer = self.customer(&access, &connection, order).await?;
        let opened = match self.open_session(&access, &connection, order, &customer).await? {
            Err(failure) if failure.misses("customer") => {
                self.forget(&order.tenant, &customer).await?;
                let customer = self.customer(&access, &connection, order).await?;
                self.open_session(&access, &connection, order, &customer).await?
            }
            opened => opened,
        };
        let opened = opened.map_err(|failure| Unknown(failure.codes()))?;
        let url = opened.url.ok_or_else(|| Unknown("a page without an address".to_owned()))?;
        Ok(HostedPage { setup_id: opened.id, url })
    }

    async fn open_session(
        &self,
        access: &Access,
        connection: &StripeConnection,
        order: &SetupOrder,
        customer: &str,
    ) -> Result<Result<OpenedSession, Failure>, Unknown> {
        let [saved, cancelled] = ["saved", "cancelled"]
            .map(|outcome| comes_back(&connection.return_url, order, outcome));
        let (step, mark, owner) =
            (order.key.to_string(), format!("metadata[{STEP}]"), format!("metadata[{TENANT}]"));
        let kind = match order.kind {
            MethodKind::BankDebit => scheme_of(&order.country)
                .ok_or_else(|| Unknown("banks of the country are not debited".to_owned()))?,
            _ => CARD,
        };
        let mut form = vec![
            ("mode", "setup"),
            ("payment_method_types[]", kind),
            ("customer", customer),
            ("success_url", &saved),
            ("cancel_url", &cancelled),
            (&mark, &step),
            (&owner, order.tenant.as_str()),
        ];
        // Small deposits take days to be confirmed, in which the page closes.
        if kind == ACH {
            form.push(("payment_method_options[us_bank_account][verification_method]", "instant"));
        }
        // Where people come back to may have been changed since: that is another request, and takes
        // another key.
        let words = form
            .iter()
            .flat_map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes(), b"\n"])
            .collect::<Vec<_>>()
            .concat();
        let digest = hex::encode(Sha256::digest(words));
        let key = format!("{step}-{}", digest.get(..16).unwrap_or_default());
        self.client.post(access, "/v1/checkout/sessions", &key, &form).await?.answered()
    }

    /// Stripe's customer for ours, which is made with the first method.
    async fn customer(
        &self,
        access: &Access,
        connection: &StripeConnection,
        order: &SetupOrder,
    ) -> Result<String, Unknown> {
        let (tenant, customer, account) =
            (&order.tenant, order.customer, connection.account.as_str());
        let conn = self.db.read(tenant).await.map_err(stored)?;
        let known = store::customer(&conn, tenant, customer, account).await.map_err(stored)?;
        drop(conn);
        if let Some(known) = known {
            return Ok(known);
        }
        let (ours, mark, owner) = (
            order.customer.to_string(),
            "metadata[payterms_customer]".to_owned(),
            format!("metadata[{TENANT}]"),
        );
        let form = [(mark.as_str(), ours.as_str()), (&owner, tenant.as_str())];
        let key = step_id(order.key, "customer").to_string();
        let made: Named = self.client.post(access, "/v1/customers", &key, &form).await?.must()?;
        let call = Call::internal("wallet", tenant, "stripe_customer_made", order.key, None);
        let tx = self.db.begin_apart(&call).await.map_err(stored)?;
        store::save_customer(tx.conn(), tenant, customer, account, &made.id)
            .await
            .map_err(stored)?;
        let known = store::customer(tx.conn(), tenant, customer, account).await.map_err(stored)?;
        tx.commit_rows().await.map_err(stored)?;
        known.ok_or_else(|| Unknown("a customer that was stored is gone".to_owned()))
    }

    async fn forget(&self, tenant: &TenantId, customer: &str) -> Result<(), Unknown> {
        let call =
            Call::internal("wallet", tenant, "stripe_customer_gone", uuid::Uuid::nil(), None);
        let tx = self.db.begin_apart(&call).await.map_err(stored)?;
        store::forget_customer(tx.conn(), tenant, customer).await.map_err(stored)?;
        tx.commit_rows().await.map_err(stored)
    }

    /// The card or account that was saved on a page; `None` until one is.
    pub(super) async fn card_of_page(
        &self,
        tenant: &TenantId,
        session: &str,
    ) -> Result<Option<SavedCard>, Unknown> {
        let (access, _) = self.access(tenant).await?;
        let path = format!(
            "/v1/checkout/sessions/{session}?expand[]=setup_intent.payment_method&expand[]=setup_intent.mandate"
        );
        let session: SessionMessage = self.client.get(&access, &path).await?.must()?;
        let saved = session.setup_intent.filter(|intent| {
            session.status.as_deref() == Some("complete") && intent.status == "succeeded"
        });
        let Some(mut intent) = saved else { return Ok(None) };
        let Some(method) = intent.payment_method.take() else { return Ok(None) };
        if method.kind != CARD {
            return saved_account(&intent, &method).map(Some);
        }
        let (Some(customer), Some(card)) = (method.customer, method.card) else {
            return Err(Unknown("a saved method without its customer or card".to_owned()));
        };
        Ok(Some(SavedCard {
            token: format!("{customer}/{}", method.id),
            brand: card.brand,
            last_four: card.last4,
            expire_month: card.exp_month,
            expire_year: card.exp_year,
            mandate: String::new(),
        }))
    }
}
