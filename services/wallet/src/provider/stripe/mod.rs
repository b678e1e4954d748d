//! The adapter of Stripe, over its public HTTP API (docs/providers.md).
//!
//! A charge is an intent that is made, then confirmed. Its id is stored in between, so that a
//! confirmation whose answer was lost is asked for by id; an intent that nobody confirmed takes no
//! money.

mod charges;
pub mod client;
mod connect;
mod debits;
mod declines;
mod disputes;
mod listed;
mod minor_units;
mod notifications;
mod objects;
mod payouts;
mod refunds;
mod setups;
mod signature;
mod transactions;

pub use connect::{AccountFault, reseal};
pub use listed::{MayNotRead, Moved, MovedPage};
pub use payouts::ListedPayout;

use super::{
    ChargeOrder, HostedPage, News, PaymentProvider, ProviderCharge, ProviderRefund, RefundOrder,
    SetupOrder, Unknown, Unread,
};
use crate::store::settings;
use chrono::{DateTime, Utc};
use client::{Access, Client};
use payterms_chassis::{Db, seal::Seal};
use payterms_kernel::TenantId;
use payterms_wallet_domain::{
    MethodKind, StripeConnection, dispute::ProviderDispute, method_setup::SavedCard,
};
use uuid::Uuid;

/// The name by which tenants choose it.
pub const NAME: &str = "stripe";
/// The metadata that marks what was made for a step.
const STEP: &str = "payterms_step";
/// The metadata that says for which tenant.
const TENANT: &str = "payterms_tenant";

/// Talks to Stripe for all tenants, with the key of each.
#[derive(Debug, Clone)]
pub struct Stripe {
    client: Client,
    db: Db,
    seal: Seal,
}

/// A fault of the wallet's own database, while the provider was to be asked: what happens there is
/// not known.
fn stored(error: impl std::fmt::Display) -> Unknown {
    Unknown(error.to_string())
}

impl Stripe {
    /// An adapter to Stripe. What it must keep is in `db`; keys of tenants open with `seal`.
    #[must_use]
    pub fn new(client: Client, db: Db, seal: Seal) -> Self {
        Self { client, db, seal }
    }

    /// The tenant's account.
    async fn connection(&self, tenant: &TenantId) -> Result<Option<StripeConnection>, Unknown> {
        let conn = self.db.read(tenant).await.map_err(stored)?;
        settings::find(&conn, tenant).await.map(|settings| settings.stripe).map_err(stored)
    }

    /// How the tenant's account is reached.
    async fn access(&self, tenant: &TenantId) -> Result<(Access, StripeConnection), Unknown> {
        let connection = self
            .connection(tenant)
            .await?
            .ok_or_else(|| Unknown("no account at Stripe is connected".to_owned()))?;
        let key = self.open_key(tenant, &connection).map_err(Unknown)?;
        let on_behalf_of = connection.on_behalf.then(|| connection.account.clone());
        Ok((Access { key, on_behalf_of }, connection))
    }
}

#[tonic::async_trait]
impl PaymentProvider for Stripe {
    fn takes(&self, kind: MethodKind, country: &str) -> bool {
        match kind {
            MethodKind::Card => true,
            MethodKind::BankDebit => debits::scheme_of(country).is_some(),
            MethodKind::BankTransfer | MethodKind::CreditLine => false,
        }
    }

    async fn create_setup(&self, order: &SetupOrder) -> Result<HostedPage, Unknown> {
        self.open_page(order).await
    }

    async fn saved_card(
        &self,
        tenant: &TenantId,
        setup_id: &str,
    ) -> Result<Option<SavedCard>, Unknown> {
        self.card_of_page(tenant, setup_id).await
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<ProviderCharge, Unknown> {
        self.charge_once(order).await
    }

    async fn find_charge(
        &self,
        tenant: &TenantId,
        key: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Option<ProviderCharge>, Unknown> {
        self.charge_of_step(tenant, key, now).await
    }

    async fn refund(&self, order: &RefundOrder) -> Result<ProviderRefund, Unknown> {
        self.refund_once(order).await
    }

    async fn find_dispute(
        &self,
        tenant: &TenantId,
        charge_id: &str,
    ) -> Result<Option<ProviderDispute>, Unknown> {
        self.dispute_of_charge(tenant, charge_id).await
    }

    async fn read_notification(
        &self,
        tenant: &TenantId,
        body: &[u8],
        signature: &str,
    ) -> Result<Option<News>, Unread> {
        self.news(tenant, body, signature).await
    }
}
