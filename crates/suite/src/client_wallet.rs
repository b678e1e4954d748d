//! The clients of the wallet's services.

use crate::client::{Caller, Session};
use payterms_proto::wallet::{
    peers::v1::{
        credit_line_method_service_client::CreditLineMethodServiceClient,
        settlement_service_client::SettlementServiceClient,
    },
    v1::{
        auto_recharge_service_client::AutoRechargeServiceClient,
        dispute_service_client::DisputeServiceClient, fee_service_client::FeeServiceClient,
        hold_service_client::HoldServiceClient, lot_service_client::LotServiceClient,
        payment_method_service_client::PaymentMethodServiceClient,
        posting_service_client::PostingServiceClient,
        postpaid_service_client::PostpaidServiceClient,
        provider_reconciliation_service_client::ProviderReconciliationServiceClient,
        reversal_service_client::ReversalServiceClient,
        revocation_service_client::RevocationServiceClient,
        settings_service_client::SettingsServiceClient, top_up_service_client::TopUpServiceClient,
        usage_service_client::UsageServiceClient, wallet_service_client::WalletServiceClient,
    },
};

impl Session {
    /// `SettlementService`, for peers.
    #[must_use]
    pub fn settlements(&self) -> SettlementServiceClient<Caller> {
        SettlementServiceClient::new(self.caller())
    }

    /// `WalletService`.
    #[must_use]
    pub fn wallets(&self) -> WalletServiceClient<Caller> {
        WalletServiceClient::new(self.caller())
    }

    /// `LotService`.
    #[must_use]
    pub fn lots(&self) -> LotServiceClient<Caller> {
        LotServiceClient::new(self.caller())
    }

    /// `ReversalService`.
    #[must_use]
    pub fn reversals(&self) -> ReversalServiceClient<Caller> {
        ReversalServiceClient::new(self.caller())
    }

    /// `ProviderReconciliationService`.
    #[must_use]
    pub fn reconciliations(&self) -> ProviderReconciliationServiceClient<Caller> {
        ProviderReconciliationServiceClient::new(self.caller())
    }

    /// `RevocationService`.
    #[must_use]
    pub fn revocations(&self) -> RevocationServiceClient<Caller> {
        RevocationServiceClient::new(self.caller())
    }

    /// `FeeService`.
    #[must_use]
    pub fn fees(&self) -> FeeServiceClient<Caller> {
        FeeServiceClient::new(self.caller())
    }

    /// `PostingService`.
    #[must_use]
    pub fn postings(&self) -> PostingServiceClient<Caller> {
        PostingServiceClient::new(self.caller())
    }

    /// `PaymentMethodService`.
    #[must_use]
    pub fn methods(&self) -> PaymentMethodServiceClient<Caller> {
        PaymentMethodServiceClient::new(self.caller())
    }

    /// `CreditLineMethodService`.
    #[must_use]
    pub fn line_methods(&self) -> CreditLineMethodServiceClient<Caller> {
        CreditLineMethodServiceClient::new(self.caller())
    }

    /// `UsageService`.
    #[must_use]
    pub fn usage(&self) -> UsageServiceClient<Caller> {
        UsageServiceClient::new(self.caller())
    }

    /// `AutoRechargeService`.
    #[must_use]
    pub fn recharges(&self) -> AutoRechargeServiceClient<Caller> {
        AutoRechargeServiceClient::new(self.caller())
    }

    /// `PostpaidService`.
    #[must_use]
    pub fn postpaid(&self) -> PostpaidServiceClient<Caller> {
        PostpaidServiceClient::new(self.caller())
    }

    /// `DisputeService`.
    #[must_use]
    pub fn disputes(&self) -> DisputeServiceClient<Caller> {
        DisputeServiceClient::new(self.caller())
    }

    /// `TopUpService`.
    #[must_use]
    pub fn top_ups(&self) -> TopUpServiceClient<Caller> {
        TopUpServiceClient::new(self.caller())
    }

    /// `SettingsService`.
    #[must_use]
    pub fn settings(&self) -> SettingsServiceClient<Caller> {
        SettingsServiceClient::new(self.caller())
    }

    /// `HoldService`.
    #[must_use]
    pub fn holds(&self) -> HoldServiceClient<Caller> {
        HoldServiceClient::new(self.caller())
    }
}
