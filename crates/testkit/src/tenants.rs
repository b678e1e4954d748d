//! Tenants, their customers and wallets, made through the gateway of a suite that runs.

use crate::World;
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        Address, CreateCustomerRequest, CreateTenantRequest, Customer, TaxRule, Tenant,
    },
    wallet::v1::OpenWalletRequest,
};
use payterms_suite::{Session, client::request_id};
use tonic::Code;

impl World {
    /// Registers a sandbox tenant in Sydney that taxes Australia and the United Kingdom.
    pub async fn tenant(&self, id: &str) {
        let rule = |country: &str, percent: &str| TaxRule {
            country: country.to_owned(),
            rate_percent: Some(Decimal { value: percent.to_owned() }),
            sentence: String::new(),
            ..TaxRule::default()
        };
        let tenant = Tenant {
            display_name: "Acme Telecom".to_owned(),
            country: "AU".to_owned(),
            time_zone: "Australia/Sydney".to_owned(),
            sandbox: true,
            tax_rules: vec![rule("AU", "10"), rule("GB", "0")],
            ..Tenant::default()
        };
        let request = CreateTenantRequest {
            request_id: request_id(),
            tenant_id: id.to_owned(),
            tenant: Some(tenant),
            ..Default::default()
        };
        self.someone("OPERATOR", None)
            .tenants()
            .create_tenant(request)
            .await
            .expect("the tenant is registered");
    }

    /// Adds a customer with a whole profile to a tenant, and answers its name. The wallet knows
    /// it when this answers.
    pub async fn customer(&self, tenant: &str, country: &str) -> String {
        customer_of(&self.of_tenant(tenant, "OWNER", None), tenant, country).await
    }

    /// Opens a wallet for a customer, and answers its name.
    pub async fn wallet(&self, customer: &str, currency: &str) -> String {
        let tenant = customer.split('/').nth(1).unwrap_or_default();
        wallet_of(&self.of_tenant(tenant, "SERVICE", None), customer, currency).await
    }

    /// Tenant `acme`, a customer in the United Kingdom, and its wallet in USD.
    pub async fn usual(&self) -> (String, String) {
        self.tenant("acme").await;
        let customer = self.customer("acme", "GB").await;
        let wallet = self.wallet(&customer, "USD").await;
        (customer, wallet)
    }
}

/// How often what is not there yet is asked for again; each time the service waits for it too.
const TRIES: usize = 10;

/// Adds a customer with a whole profile, and answers its name. The wallet knows it when this
/// answers.
pub async fn customer_of(owner: &Session, tenant: &str, country: &str) -> String {
    let address = Address {
        lines: vec!["1 High Street".to_owned()],
        city: "Town".to_owned(),
        country: country.to_owned(),
        ..Address::default()
    };
    let customer = Customer {
        legal_name: "Brightside Ltd".to_owned(),
        billing_address: Some(address),
        billing_email: "billing@brightside.example".to_owned(),
        country: country.to_owned(),
        ..Customer::default()
    };
    let request = CreateCustomerRequest {
        request_id: request_id(),
        parent: format!("tenants/{tenant}"),
        customer: Some(customer),
        ..Default::default()
    };
    let made = owner.customers().create_customer(request).await.expect("the customer is added");
    let seen = owner.after(&made);
    let name = made.into_inner().customer.expect("a customer").name;
    let list = payterms_proto::wallet::v1::ListWalletsRequest {
        parent: name.clone(),
        ..Default::default()
    };
    // As any caller does, it asks again what is refused because the copy is not there yet: services
    // may have started just now.
    let listed = async || seen.wallets().list_wallets(list.clone()).await;
    let mut answer = listed().await;
    for _ in 0..TRIES {
        if !answer.as_ref().is_err_and(|status| status.code() == Code::Unavailable) {
            break;
        }
        answer = listed().await;
    }
    answer.expect("the wallet's copy is there");
    name
}

/// Opens a wallet for a customer, and answers its name.
pub async fn wallet_of(service: &Session, customer: &str, currency: &str) -> String {
    let request = OpenWalletRequest {
        request_id: request_id(),
        parent: customer.to_owned(),
        currency_code: currency.to_owned(),
        ..Default::default()
    };
    let opened = service.wallets().open_wallet(request).await.expect("the wallet is opened");
    opened.into_inner().wallet.expect("a wallet").name
}
