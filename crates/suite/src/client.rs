//! A caller of the gateway: one channel, one token, fresh request ids.

pub use crate::request_ids::request_id;

use crate::credentials::Credentials;
use payterms_proto::{
    common::{
        peers::v1::inbox_service_client::InboxServiceClient,
        v1::operations_service_client::OperationsServiceClient,
    },
    credit::{
        peers::v1::payment_draw_service_client::PaymentDrawServiceClient,
        v1::{
            application_service_client::ApplicationServiceClient,
            credit_line_service_client::CreditLineServiceClient,
            draw_service_client::DrawServiceClient, policy_service_client::PolicyServiceClient,
            programme_service_client::ProgrammeServiceClient,
        },
    },
    gateway::v1::{
        account_service_client::AccountServiceClient, event_service_client::EventServiceClient,
        webhook_delivery_service_client::WebhookDeliveryServiceClient,
    },
    google::r#type::Money,
    invoicing::{
        peers::v1::owner_collection_service_client::OwnerCollectionServiceClient,
        v1::{
            approval_service_client::ApprovalServiceClient, bank_service_client::BankServiceClient,
            collection_service_client::CollectionServiceClient,
            customer_service_client::CustomerServiceClient,
            document_service_client::DocumentServiceClient,
            invoice_service_client::InvoiceServiceClient, mail_service_client::MailServiceClient,
            mail_template_service_client::MailTemplateServiceClient,
            metered_service_service_client::MeteredServiceServiceClient,
            payment_service_client::PaymentServiceClient,
            receipt_service_client::ReceiptServiceClient,
            refund_service_client::RefundServiceClient,
            statement_service_client::StatementServiceClient,
            tenant_service_client::TenantServiceClient,
            test_clock_service_client::TestClockServiceClient,
            transfer_refund_service_client::TransferRefundServiceClient,
            transfer_top_up_service_client::TransferTopUpServiceClient,
            webhook_endpoint_service_client::WebhookEndpointServiceClient,
        },
    },
    plans::v1::{
        plan_service_client::PlanServiceClient,
        plan_settings_service_client::PlanSettingsServiceClient,
    },
};
use std::net::SocketAddr;
use tonic::{
    metadata::MetadataValue,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};

/// The channel of a caller.
pub type Caller = InterceptedService<Channel, Credentials>;

/// Someone who calls the gateway.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) channel: Channel,
    pub(crate) credentials: Credentials,
}

impl Session {
    /// A caller with a token; connects when first used.
    ///
    /// # Errors
    /// A sentence if the token is no header.
    pub fn new(gateway: SocketAddr, token: &str) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(format!("http://{gateway}"))
            .map_err(|error| error.to_string())?;
        Self::on(endpoint.connect_lazy(), token)
    }

    /// A caller with a token on a channel of its own making.
    ///
    /// # Errors
    /// A sentence if the token is no header.
    pub fn on(channel: Channel, token: &str) -> Result<Self, String> {
        let token =
            format!("Bearer {token}").parse().map_err(|_| "the token is no header".to_owned())?;
        Ok(Self {
            channel,
            credentials: Credentials { token, after: None, service: None, calls: None },
        })
    }

    /// The same caller, who waits for the versions that a write's answer named.
    #[must_use]
    pub fn after<M>(&self, response: &tonic::Response<M>) -> Self {
        let after = response.metadata().get("payterms-version").cloned();
        Self {
            channel: self.channel.clone(),
            credentials: Credentials { after, ..self.credentials.clone() },
        }
    }

    pub(crate) fn caller(&self) -> Caller {
        InterceptedService::new(self.channel.clone(), self.credentials.clone())
    }

    /// `OperationsService` of one service.
    #[must_use]
    pub fn operations(&self, service: &'static str) -> OperationsServiceClient<Caller> {
        let credentials = Credentials {
            service: Some(MetadataValue::from_static(service)),
            ..self.credentials.clone()
        };
        OperationsServiceClient::new(InterceptedService::new(self.channel.clone(), credentials))
    }

    /// `TenantService`.
    #[must_use]
    pub fn tenants(&self) -> TenantServiceClient<Caller> {
        TenantServiceClient::new(self.caller())
    }

    /// `CustomerService`.
    #[must_use]
    pub fn customers(&self) -> CustomerServiceClient<Caller> {
        CustomerServiceClient::new(self.caller())
    }

    /// `InvoiceService`.
    #[must_use]
    pub fn invoices(&self) -> InvoiceServiceClient<Caller> {
        InvoiceServiceClient::new(self.caller())
    }

    /// `PaymentService`.
    #[must_use]
    pub fn payments(&self) -> PaymentServiceClient<Caller> {
        PaymentServiceClient::new(self.caller())
    }

    /// `RefundService`.
    #[must_use]
    pub fn refunds(&self) -> RefundServiceClient<Caller> {
        RefundServiceClient::new(self.caller())
    }

    /// `ReceiptService`.
    #[must_use]
    pub fn receipts(&self) -> ReceiptServiceClient<Caller> {
        ReceiptServiceClient::new(self.caller())
    }

    /// `MeteredServiceService`.
    #[must_use]
    pub fn metered_services(&self) -> MeteredServiceServiceClient<Caller> {
        MeteredServiceServiceClient::new(self.caller())
    }

    /// `StatementService`.
    #[must_use]
    pub fn statements(&self) -> StatementServiceClient<Caller> {
        StatementServiceClient::new(self.caller())
    }

    /// `BankService`.
    #[must_use]
    pub fn bank(&self) -> BankServiceClient<Caller> {
        BankServiceClient::new(self.caller())
    }

    /// `ApprovalService`.
    #[must_use]
    pub fn approvals(&self) -> ApprovalServiceClient<Caller> {
        ApprovalServiceClient::new(self.caller())
    }

    /// `TransferTopUpService`.
    #[must_use]
    pub fn transfer_top_ups(&self) -> TransferTopUpServiceClient<Caller> {
        TransferTopUpServiceClient::new(self.caller())
    }

    /// `TransferRefundService`.
    #[must_use]
    pub fn transfer_refunds(&self) -> TransferRefundServiceClient<Caller> {
        TransferRefundServiceClient::new(self.caller())
    }

    /// `MailService`.
    #[must_use]
    pub fn mails(&self) -> MailServiceClient<Caller> {
        MailServiceClient::new(self.caller())
    }

    /// `MailTemplateService`.
    #[must_use]
    pub fn templates(&self) -> MailTemplateServiceClient<Caller> {
        MailTemplateServiceClient::new(self.caller())
    }

    /// `DocumentService`.
    #[must_use]
    pub fn documents(&self) -> DocumentServiceClient<Caller> {
        DocumentServiceClient::new(self.caller())
    }

    /// `OwnerCollectionService`, at the service itself.
    #[must_use]
    pub fn owner_collections(&self) -> OwnerCollectionServiceClient<Caller> {
        OwnerCollectionServiceClient::new(self.caller())
    }

    /// `CollectionService`.
    #[must_use]
    pub fn collections(&self) -> CollectionServiceClient<Caller> {
        CollectionServiceClient::new(self.caller())
    }

    /// `AccountService`.
    #[must_use]
    pub fn accounts(&self) -> AccountServiceClient<Caller> {
        AccountServiceClient::new(self.caller())
    }

    /// `WebhookEndpointService`.
    #[must_use]
    pub fn webhook_endpoints(&self) -> WebhookEndpointServiceClient<Caller> {
        WebhookEndpointServiceClient::new(self.caller())
    }

    /// `WebhookDeliveryService`.
    #[must_use]
    pub fn webhook_deliveries(&self) -> WebhookDeliveryServiceClient<Caller> {
        WebhookDeliveryServiceClient::new(self.caller())
    }

    /// `EventService`.
    #[must_use]
    pub fn events(&self) -> EventServiceClient<Caller> {
        EventServiceClient::new(self.caller())
    }

    /// `InboxService`, for peers.
    #[must_use]
    pub fn inbox(&self) -> InboxServiceClient<Caller> {
        InboxServiceClient::new(self.caller())
    }

    /// `TestClockService`.
    #[must_use]
    pub fn clock(&self) -> TestClockServiceClient<Caller> {
        TestClockServiceClient::new(self.caller())
    }

    /// `ProgrammeService`.
    #[must_use]
    pub fn programmes(&self) -> ProgrammeServiceClient<Caller> {
        ProgrammeServiceClient::new(self.caller())
    }

    /// `CreditLineService`.
    #[must_use]
    pub fn lines(&self) -> CreditLineServiceClient<Caller> {
        CreditLineServiceClient::new(self.caller())
    }

    /// `PolicyService`.
    #[must_use]
    pub fn policies(&self) -> PolicyServiceClient<Caller> {
        PolicyServiceClient::new(self.caller())
    }

    /// `ApplicationService`.
    #[must_use]
    pub fn applications(&self) -> ApplicationServiceClient<Caller> {
        ApplicationServiceClient::new(self.caller())
    }

    /// `PaymentDrawService`, at the service itself.
    #[must_use]
    pub fn payment_draws(&self) -> PaymentDrawServiceClient<Caller> {
        PaymentDrawServiceClient::new(self.caller())
    }

    /// `DrawService`.
    #[must_use]
    pub fn draws(&self) -> DrawServiceClient<Caller> {
        DrawServiceClient::new(self.caller())
    }

    /// `PlanService`.
    #[must_use]
    pub fn plans(&self) -> PlanServiceClient<Caller> {
        PlanServiceClient::new(self.caller())
    }

    /// `PlanSettingsService`.
    #[must_use]
    pub fn plan_settings(&self) -> PlanSettingsServiceClient<Caller> {
        PlanSettingsServiceClient::new(self.caller())
    }
}

/// An amount of whole units and cents, `("USD", 20, 50)` for 20.50 USD.
#[must_use]
pub fn amount(currency: &str, units: i64, cents: i32) -> Option<Money> {
    Some(Money {
        currency_code: currency.to_owned(),
        units,
        nanos: cents.saturating_mul(10_000_000),
    })
}
