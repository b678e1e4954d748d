//! What a person reads at the start: addresses, a token for each role, lines that can be pasted.

use crate::{
    Suite,
    client::{Session, request_id},
};
use payterms_chassis::call::Caller;
use payterms_proto::{
    invoicing::v1::{CreateCustomerRequest, CreateTenantRequest, Customer, ListCustomersRequest, TaxRule, Tenant},
    wallet::v1::ListWalletsRequest,
};
use std::fmt::Write;
use tonic::Code;

/// The tenant that a fresh suite has.
const TENANT: &str = "acme";
/// How often a copy is waited for before the start gives up; each call waits itself.
const COPY_ATTEMPTS: u32 = 10;
/// How long the tokens of the banner live.
const HOURS: i64 = 12;

/// The ids of what a fresh suite is given, the same at every start.
const TENANT_REQUEST: &str = "5ee0a1a2-0000-4000-8000-000000000001";
const CUSTOMER_REQUEST: &str = "5ee0a1a2-0000-4000-8000-000000000002";

/// Registers the tenant and the customer that the banner's lines use, unless they are there.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn seed(suite: &Suite) -> Result<String, String> {
    let session = |caller: &Caller| Session::new(suite.gateway, &suite.token(caller, 60)?);
    let sentence_of = |status: tonic::Status| status.message().to_owned();
    let rule = |country: &str, percent: &str, sentence: &str| TaxRule {
        country: country.to_owned(),
        rate_percent: Some(payterms_proto::google::r#type::Decimal { value: percent.to_owned() }),
        sentence: sentence.to_owned(),
        ..TaxRule::default()
    };
    let tenant = Tenant {
        display_name: "Acme Telecom".to_owned(),
        country: "AU".to_owned(),
        time_zone: "Australia/Sydney".to_owned(),
        sandbox: true,
        tax_rules: vec![rule("AU", "10", "Includes GST of 10 %."), rule("GB", "0", "Export of services: no Australian GST.")],
        ..Tenant::default()
    };
    let create = CreateTenantRequest { request_id: TENANT_REQUEST.to_owned(), tenant_id: TENANT.to_owned(), tenant: Some(tenant) };
    let created = session(&person("OPERATOR", None))?.tenants().create_tenant(create).await;
    created.map(|_| ()).or_else(|status| if status.code() == Code::AlreadyExists { Ok(()) } else { Err(sentence_of(status)) })?;
    let owner = session(&person("OWNER", None))?;
    let list = ListCustomersRequest { parent: format!("tenants/{TENANT}"), page_size: 1, ..Default::default() };
    // What was seeded once is left alone, whatever has become of it since.
    if let Some(customer) = owner.customers().list_customers(list).await.map_err(sentence_of)?.into_inner().customers.pop() {
        return Ok(customer.name);
    }
    let customer = Customer { legal_name: "Brightside Ltd".to_owned(), country: "GB".to_owned(), ..Customer::default() };
    let create =
        CreateCustomerRequest { request_id: CUSTOMER_REQUEST.to_owned(), parent: format!("tenants/{TENANT}"), customer: Some(customer) };
    let made = owner.customers().create_customer(create).await.map_err(sentence_of)?;
    let informed = owner.after(&made);
    let name = made.into_inner().customer.map(|customer| customer.name).ok_or_else(|| "no customer came back".to_owned())?;
    // The wallet has a copy of both when this answers, so that the banner's lines work at once. On a busy machine the copy may
    // take longer than one call waits for it.
    for attempt in 1..=COPY_ATTEMPTS {
        let list = ListWalletsRequest { parent: name.clone(), ..Default::default() };
        match informed.wallets().list_wallets(list).await {
            Err(status) if status.code() == Code::Unavailable && attempt < COPY_ATTEMPTS => {}
            Err(status) => return Err(sentence_of(status)),
            Ok(_) => break,
        }
    }
    Ok(name)
}

/// A person of the seeded tenant in one role.
fn person(role: &str, customer: Option<&str>) -> Caller {
    let customer = customer.and_then(|name| name.rsplit('/').next()).and_then(|id| id.parse().ok());
    let tenant = (role != "OPERATOR").then(|| TENANT.parse().ok()).flatten();
    Caller { subject: format!("dev:{}", role.to_lowercase()), roles: vec![role.to_owned()], tenant, customer, run_id: None }
}

/// The banner.
///
/// # Errors
/// A sentence if a token cannot be signed.
pub fn text(suite: &Suite, customer: &str, data: &str) -> Result<String, String> {
    let mut out = String::new();
    let gateway = suite.gateway;
    let line = |out: &mut String, text: &str| writeln!(out, "{text}").map_err(|error| error.to_string());
    line(&mut out, &format!("Payterms serves on {gateway} (gRPC, no TLS), data in {data}. Stop it with Ctrl-C.\n"))?;
    line(&mut out, &format!("Tenant:   tenants/{TENANT} (a sandbox)\nCustomer: {customer}\n"))?;
    line(&mut out, &format!("Development tokens, good for {HOURS} hours:"))?;
    let mut service = String::new();
    for role in ["OPERATOR", "OWNER", "ADMIN", "STAFF", "SERVICE", "CUSTOMER_ADMIN", "BILLING_MANAGER", "MEMBER"] {
        let of_customer = matches!(role, "CUSTOMER_ADMIN" | "BILLING_MANAGER" | "MEMBER");
        let token = suite.token(&person(role, of_customer.then_some(customer)), HOURS * 3_600)?;
        line(&mut out, &format!("  export {role}={token}"))?;
        if role == "SERVICE" {
            service = token;
        }
    }
    line(&mut out, "\nOpen a wallet, give it credit, use some (each line can be pasted as it is):")?;
    let call =
        |method: &str, body: &str| format!("  grpcurl -plaintext -H 'authorization: Bearer {service}' -d '{body}' {gateway} {method}");
    let open = format!("{{\"request_id\":\"{}\",\"parent\":\"{customer}\",\"currency_code\":\"USD\"}}", request_id());
    line(&mut out, &call("payterms.wallet.v1.WalletService/OpenWallet", &open))?;
    line(&mut out, &call("payterms.wallet.v1.WalletService/ListWallets", &format!("{{\"parent\":\"{customer}\"}}")))?;
    line(&mut out, &format!("  grpcurl -plaintext {gateway} list"))?;
    Ok(out)
}
