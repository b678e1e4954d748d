//! A provider whose calls are measured: how long each took, and whether its answer is known.

use super::{ChargeOrder, HostedPage, News, PaymentProvider, ProviderCharge, ProviderRefund, RefundOrder, Unknown};
use chrono::{DateTime, Utc};
use payterms_chassis::telemetry::metrics::{self, Histogram, KeyValue};
use payterms_kernel::TenantId;
use payterms_wallet_domain::{MethodKind, dispute::ProviderDispute, method_setup::SavedCard};
use std::time::Instant;
use uuid::Uuid;

/// Measures the calls to another provider.
#[derive(Debug)]
pub struct Measured<P> {
    provider: P,
    name: &'static str,
    durations: Histogram<f64>,
}

impl<P: PaymentProvider> Measured<P> {
    /// Measures the calls to `provider`, which metrics call `name`.
    pub fn new(name: &'static str, provider: P) -> Self {
        let durations = metrics::durations("payterms.provider.call.duration", "How long calls to payment providers took.");
        Self { provider, name, durations }
    }

    async fn measure<T>(&self, operation: &'static str, work: impl Future<Output = Result<T, Unknown>>) -> Result<T, Unknown> {
        let started = Instant::now();
        let answer = work.await;
        let outcome = if answer.is_ok() { "answered" } else { "unknown" };
        let labels = [
            KeyValue::new("payterms.provider", self.name),
            KeyValue::new("payterms.operation", operation),
            KeyValue::new("payterms.outcome", outcome),
        ];
        self.durations.record(started.elapsed().as_secs_f64(), &labels);
        answer
    }
}

#[tonic::async_trait]
impl<P: PaymentProvider> PaymentProvider for Measured<P> {
    async fn create_setup(&self, tenant: &TenantId, key: Uuid, kind: MethodKind) -> Result<HostedPage, Unknown> {
        self.measure("create_setup", self.provider.create_setup(tenant, key, kind)).await
    }

    async fn saved_card(&self, tenant: &TenantId, setup_id: &str) -> Result<Option<SavedCard>, Unknown> {
        self.measure("saved_card", self.provider.saved_card(tenant, setup_id)).await
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<ProviderCharge, Unknown> {
        self.measure("charge", self.provider.charge(order)).await
    }

    async fn find_charge(&self, tenant: &TenantId, key: Uuid, now: DateTime<Utc>) -> Result<Option<ProviderCharge>, Unknown> {
        self.measure("find_charge", self.provider.find_charge(tenant, key, now)).await
    }

    async fn refund(&self, order: &RefundOrder) -> Result<ProviderRefund, Unknown> {
        self.measure("refund", self.provider.refund(order)).await
    }

    async fn find_dispute(&self, tenant: &TenantId, charge_id: &str) -> Result<Option<ProviderDispute>, Unknown> {
        self.measure("find_dispute", self.provider.find_dispute(tenant, charge_id)).await
    }

    fn read_notification(&self, body: &[u8], signature: &str) -> Result<Option<News>, String> {
        self.provider.read_notification(body, signature)
    }
}
