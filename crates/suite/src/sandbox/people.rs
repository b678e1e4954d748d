//! The seller with its taxes, and the buyer with profile and card.

use super::{patient, step};
use crate::{Session, client::request_id, shop};
use chrono::TimeDelta;
use payterms_chassis::render::timestamp;
use payterms_kernel::{Clock, SystemClock};
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        Address, BusinessDetails, CreateApiKeyRequest, CreateCustomerRequest, CreateTenantRequest,
        Customer, GetCustomerRequest, GetTenantRequest, ListCustomersRequest, RevokeApiKeyRequest,
        TaxRule, Tenant, UpdateCustomerRequest, UpdateTenantRequest, api_key::Role,
    },
    wallet::v1::{
        GetMethodSetupRequest, GetWalletSettingsRequest, ListPaymentMethodsRequest,
        StartMethodSetupRequest, method_setup::State, payment_method::Kind,
    },
};
use prost_types::FieldMask;
use tonic::{Code, Status};

/// The customer that is seeded. It is known again by this name.
const CUSTOMER: &str = "Brightside Ltd";
/// Countries that a seeded tenant sells to: what is taken at home, and what the tax is called.
const TAXES: [(&str, &str, &str); 5] = [
    ("AU", "10", "Australian GST"),
    ("GB", "20", "British VAT"),
    ("US", "0", "American sales tax"),
    ("FR", "20", "French VAT"),
    ("DE", "19", "German VAT"),
];
/// Where mails to the tenant go.
const CONTACT: &str = "billing@acme.example.com";
/// For how long the key counts with which the card is saved, should it not be revoked.
const KEY_MINUTES: i64 = 10;

/// The countries that a seeded tenant sells to.
pub(super) fn countries() -> Vec<String> {
    TAXES.map(|(country, ..)| country.to_owned()).to_vec()
}

/// Registers a sandbox tenant in Sydney, unless there is one of this name.
///
/// # Errors
/// A sentence that says what is wrong.
pub async fn open(operator: &Session, tenant: &str) -> Result<(), String> {
    let new = Tenant {
        display_name: "Acme Telecom".to_owned(),
        country: "AU".to_owned(),
        time_zone: "Australia/Sydney".to_owned(),
        business: Some(BusinessDetails {
            contact_email: CONTACT.to_owned(),
            ..BusinessDetails::default()
        }),
        sandbox: true,
        tax_rules: countries().iter().map(|country| rule("AU", country)).collect(),
        ..Tenant::default()
    };
    let create = CreateTenantRequest {
        request_id: step(tenant, "tenant with contact"),
        tenant_id: tenant.to_owned(),
        tenant: Some(new),
        ..Default::default()
    };
    match operator.tenants().create_tenant(create).await {
        Err(status) if status.code() != Code::AlreadyExists => {
            Err(crate::operate::sentence_of("CreateTenant", &status))
        }
        _ => Ok(()),
    }
}

/// The rule of a tenant at `home` for customers in `country`: its tax at home, none abroad.
fn rule(home: &str, country: &str) -> TaxRule {
    let tax = |of: &str| TAXES.iter().find(|(country, ..)| *country == of);
    let (percent, sentence) = match (tax(home), country == home) {
        (Some((_, "0", _)), true) => ("0", String::new()),
        (Some((_, percent, name)), true) => (*percent, format!("Includes {percent} % {name}.")),
        (Some((_, _, name)), false) => ("0", format!("Export of services: no {name}.")),
        (None, _) => ("0", "Export of services: no tax.".to_owned()),
    };
    TaxRule {
        country: country.to_owned(),
        rate_percent: Some(Decimal { value: percent.to_owned() }),
        sentence,
        ..TaxRule::default()
    }
}

/// Gives a tenant rules for the countries that it has none for, and an address for mails if it has
/// none.
pub(super) async fn complete_tenant(owner: &Session, slug: &str) -> Result<(), String> {
    let name = format!("tenants/{slug}");
    let get = GetTenantRequest { name: name.clone() };
    let tenant = patient("GetTenant", async || owner.tenants().get_tenant(get.clone()).await)
        .await?
        .tenant
        .unwrap_or_default();
    if !tenant.sandbox {
        return Err(format!(
            "{name} is no sandbox: only tenants that were created with sandbox set are seeded."
        ));
    }
    let has = |country: &str| {
        tenant
            .tax_rules
            .iter()
            .any(|rule| rule.country == country && rule.category.is_empty() && !rule.with_tax_id)
    };
    let missing: Vec<_> = countries()
        .iter()
        .filter(|country| !has(country))
        .map(|country| rule(&tenant.country, country))
        .collect();
    let mut paths = Vec::new();
    if !missing.is_empty() {
        paths.push("tax_rules".to_owned());
    }
    let mut business = tenant.business.unwrap_or_default();
    if business.contact_email.is_empty() {
        CONTACT.clone_into(&mut business.contact_email);
        paths.push("business".to_owned());
    }
    if paths.is_empty() {
        return Ok(());
    }
    let tax_rules = [tenant.tax_rules, missing].concat();
    let update = UpdateTenantRequest {
        request_id: step(slug, &format!("tenant of {}", tenant.etag)),
        tenant: Some(Tenant {
            name,
            etag: tenant.etag,
            tax_rules,
            business: Some(business),
            ..Tenant::default()
        }),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    };
    patient("UpdateTenant", async || owner.tenants().update_tenant(update.clone()).await)
        .await
        .map(drop)
}

/// The tenant's customer in London, registered unless it is there.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn customer(owner: &Session, tenant: &str) -> Result<String, String> {
    let parent = format!("tenants/{tenant}");
    let mut page_token = String::new();
    loop {
        let list = ListCustomersRequest {
            parent: parent.clone(),
            page_size: 500,
            page_token,
            ..Default::default()
        };
        let page =
            patient("ListCustomers", async || owner.customers().list_customers(list.clone()).await)
                .await?;
        if let Some(known) =
            page.customers.into_iter().find(|customer| customer.legal_name == CUSTOMER)
        {
            return Ok(known.name);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let customer = Customer {
        legal_name: CUSTOMER.to_owned(),
        country: "GB".to_owned(),
        ..Customer::default()
    };
    let create = CreateCustomerRequest {
        request_id: step(tenant, "customer"),
        parent,
        customer: Some(customer),
        ..Default::default()
    };
    let made =
        patient("CreateCustomer", async || owner.customers().create_customer(create.clone()).await)
            .await?;
    Ok(made.customer.unwrap_or_default().name)
}

/// Fills in what of the profile is empty.
pub(super) async fn complete_profile(
    owner: &Session,
    tenant: &str,
    name: &str,
) -> Result<(), String> {
    let get = GetCustomerRequest { name: name.to_owned() };
    let known = patient("GetCustomer", async || owner.customers().get_customer(get.clone()).await)
        .await?
        .customer
        .unwrap_or_default();
    let mut paths = Vec::new();
    if known.billing_address.is_none() {
        paths.push("billing_address".to_owned());
    }
    if known.billing_email.is_empty() {
        paths.push("billing_email".to_owned());
    }
    if paths.is_empty() {
        return Ok(());
    }
    let address = Address {
        lines: vec!["12 Finsbury Square".to_owned()],
        city: "London".to_owned(),
        postal_code: "EC2A 1AS".to_owned(),
        country: "GB".to_owned(),
        ..Address::default()
    };
    let customer = Customer {
        name: name.to_owned(),
        billing_address: Some(address),
        billing_email: "accounts@brightside.example".to_owned(),
        etag: known.etag.clone(),
        ..Customer::default()
    };
    let request_id = step(tenant, &format!("profile of {name} at {}", known.etag));
    let update = UpdateCustomerRequest {
        request_id,
        customer: Some(customer),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    };
    patient("UpdateCustomer", async || owner.customers().update_customer(update.clone()).await)
        .await
        .map(drop)
}

/// Connects the simulator with prepayment unless that is on, and saves a card for the customer
/// unless it has one.
pub(super) async fn save_card(owner: &Session, tenant: &str, customer: &str) -> Result<(), String> {
    let get = GetWalletSettingsRequest { name: format!("tenants/{tenant}/walletSettings") };
    let settings = patient("GetWalletSettings", async || {
        owner.settings().get_wallet_settings(get.clone()).await
    })
    .await?;
    if !settings.wallet_settings.unwrap_or_default().prepayment {
        shop::open(owner, tenant)
            .await
            .map_err(|status| crate::operate::sentence_of("TurnOnPrepayment", &status))?;
    }
    let list = ListPaymentMethodsRequest {
        parent: customer.to_owned(),
        page_size: 500,
        ..Default::default()
    };
    let methods = patient("ListPaymentMethods", async || {
        owner.methods().list_payment_methods(list.clone()).await
    })
    .await?
    .payment_methods;
    if methods.iter().any(|method| method.kind() == Kind::Card) {
        return Ok(());
    }
    // Only the customer's people save methods. The owner makes a key for that alone, so that the
    // token of one person is enough.
    let create = CreateApiKeyRequest {
        request_id: request_id(),
        parent: format!("tenants/{tenant}"),
        display_name: "Seeding of the sandbox".to_owned(),
        roles: vec![Role::CustomerAdmin.into()],
        methods: vec!["payterms.wallet.v1.PaymentMethodService/*".to_owned()],
        customer: customer.to_owned(),
        expire_time: Some(timestamp(SystemClock.now() + TimeDelta::minutes(KEY_MINUTES))),
    };
    let made =
        patient("CreateApiKey", async || owner.api_keys().create_api_key(create.clone()).await)
            .await?;
    let saved = save_as(&owner.with_token(&made.secret)?, customer).await;
    let revoke = RevokeApiKeyRequest {
        request_id: request_id(),
        name: made.api_key.unwrap_or_default().name,
        ..Default::default()
    };
    patient("RevokeApiKey", async || owner.api_keys().revoke_api_key(revoke.clone()).await).await?;
    saved
}

/// Saves a test card on the simulator's page. Its request has a new id each time: a page that was
/// used cannot be used again.
async fn save_as(admin: &Session, customer: &str) -> Result<(), String> {
    let start = StartMethodSetupRequest {
        request_id: request_id(),
        parent: customer.to_owned(),
        kind: Kind::Card.into(),
        ..Default::default()
    };
    let setup = patient("StartMethodSetup", async || {
        admin.methods().start_method_setup(start.clone()).await
    })
    .await?;
    let setup = setup.method_setup.unwrap_or_default();
    if !setup.hosted_url.starts_with("/simulator/") {
        return Err("the tenant's payment provider is not the simulator: save a card on its page by hand, and seed again.".to_owned());
    }
    let fault = |status: Status| crate::operate::sentence_of(&setup.hosted_url, &status);
    admin.submit_form(&setup.hosted_url, "token=tok_visa").await.map_err(fault)?;
    let get = GetMethodSetupRequest { name: setup.name };
    let setup =
        patient("GetMethodSetup", async || admin.methods().get_method_setup(get.clone()).await)
            .await?;
    let setup = setup.method_setup.unwrap_or_default();
    if setup.state() == State::Active {
        Ok(())
    } else {
        Err(format!("the test card was not saved: {}", setup.failure_reason))
    }
}

#[cfg(test)]
mod tests {
    use super::rule;

    #[test]
    fn tax_is_taken_at_home_alone() {
        let shown = |home, country| {
            let rule = rule(home, country);
            (rule.rate_percent.unwrap().value, rule.sentence)
        };
        assert_eq!(
            shown("AU", "AU"),
            ("10".to_owned(), "Includes 10 % Australian GST.".to_owned())
        );
        assert_eq!(
            shown("AU", "GB"),
            ("0".to_owned(), "Export of services: no Australian GST.".to_owned())
        );
        assert_eq!(shown("US", "US"), ("0".to_owned(), String::new()));
        assert_eq!(shown("NZ", "DE"), ("0".to_owned(), "Export of services: no tax.".to_owned()));
    }
}
