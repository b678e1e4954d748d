//! A provider whose calls are measured: how long each took, and whether its answer is known.

use super::{
    ChargeOrder, HostedPage, News, PaymentProvider, ProviderCharge, ProviderRefund, RefundOrder,
    SetupOrder, Unknown, Unread,
};
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
        let durations = metrics::durations(
            "payterms.provider.call.duration",
            "How long calls to payment providers took.",
        );
        let measured = Self { provider, name, durations };
        // Counters begin at 0, so that the first of a kind is seen as a rise.
        for outcome in ["read", "ignored", "forged", "unknown"] {
            measured.count_notification(outcome, 0);
        }
        measured
    }

    fn count_notification(&self, outcome: &'static str, count: u64) {
        let labels = [
            KeyValue::new("payterms.provider", self.name),
            KeyValue::new("payterms.outcome", outcome),
        ];
        let (meter, description) =
            (metrics::meter(), "Notifications of payment providers, by what was made of them.");
        let counter = meter
            .u64_counter("payterms.provider.notifications")
            .with_unit("{notification}")
            .with_description(description)
            .build();
        counter.add(count, &labels);
    }

    async fn measure<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Unknown>>,
    ) -> Result<T, Unknown> {
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
    fn takes(&self, kind: MethodKind, country: &str) -> bool {
        self.provider.takes(kind, country)
    }

    async fn create_setup(&self, order: &SetupOrder) -> Result<HostedPage, Unknown> {
        self.measure("create_setup", self.provider.create_setup(order)).await
    }

    async fn saved_card(
        &self,
        tenant: &TenantId,
        setup_id: &str,
    ) -> Result<Option<SavedCard>, Unknown> {
        self.measure("saved_card", self.provider.saved_card(tenant, setup_id)).await
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<ProviderCharge, Unknown> {
        self.measure("charge", self.provider.charge(order)).await
    }

    async fn find_charge(
        &self,
        tenant: &TenantId,
        key: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Option<ProviderCharge>, Unknown> {
        self.measure("find_charge", self.provider.find_charge(tenant, key, now)).await
    }

    async fn refund(&self, order: &RefundOrder) -> Result<ProviderRefund, Unknown> {
        self.measure("refund", self.provider.refund(order)).await
    }

    async fn find_dispute(
        &self,
        tenant: &TenantId,
        charge_id: &str,
    ) -> Result<Option<ProviderDispute>, Unknown> {
        self.measure("find_dispute", self.provider.find_dispute(tenant, charge_id)).await
    }

    async fn read_notification(
        &self,
        tenant: &TenantId,
        body: &[u8],
        signature: &str,
    ) -> Result<Option<News>, Unread> {
        let read = self.provider.read_notification(tenant, body, signature).await;
        let outcome = match &read {
            Ok(Some(_)) => "read",
            Ok(None) => "ignored",
            Err(Unread::Forged(_)) => "forged",
            Err(Unread::Unknown(_)) => "unknown",
        };
        self.count_notification(outcome, 1);
        read
    }
}
