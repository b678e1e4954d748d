//! What enabling a metered service needs is named when it is enabled and when it is used; the
//! customer's admin enables and disables on the tenant's terms.

use crate::{invariants, metered::yard, top_ups::card};
use payterms_proto::invoicing::v1::{
    Customer, DisableMeteredServiceRequest, EnableMeteredServiceRequest, MeteredService,
    PaymentTerm, UpdateCustomerRequest, metered_service::State, payment_term::Kind,
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{World, conditions, on_both, reason, violations};
use prost_types::FieldMask;
use tonic::Status;

on_both!(
    each_missing_thing_is_named_when_enabled_and_when_used,
    the_customers_admin_enables_and_disables_on_the_tenants_terms,
);

async fn each_missing_thing_is_named_when_enabled_and_when_used(world: &World) {
    let yard = yard(world, None).await;
    let without = |legal_name: &str, address| Customer {
        name: yard.customer.clone(),
        legal_name: legal_name.into(),
        billing_address: address,
        ..Customer::default()
    };
    let update = async |customer: Customer| {
        let mask = FieldMask { paths: vec!["legal_name".into(), "billing_address".into()] };
        let update = UpdateCustomerRequest {
            request_id: request_id(),
            customer: Some(customer),
            update_mask: Some(mask),
            ..Default::default()
        };
        let made = yard.admin.customers().update_customer(update).await.unwrap();
        let list = payterms_proto::wallet::v1::ListWalletsRequest {
            parent: yard.customer.clone(),
            ..Default::default()
        };
        yard.admin.after(&made).wallets().list_wallets(list).await.unwrap();
        made.into_inner().customer.unwrap()
    };
    let untaxed = MeteredService {
        product: "maps".into(),
        display_name: "Maps".into(),
        currency_code: "USD".into(),
        tax_category: "books".into(),
        payment_term: Some(PaymentTerm { kind: Kind::NetDays.into(), days: 0 }),
        ..MeteredService::default()
    };
    let request = EnableMeteredServiceRequest {
        request_id: request_id(),
        parent: yard.customer.clone(),
        metered_service: Some(untaxed),
        ..Default::default()
    };
    let both = yard.owner.metered_services().enable_metered_service(request).await.unwrap_err();
    assert_eq!(
        conditions(&both),
        ["collection_method", "tax_rules"],
        "a month that could not be billed is not begun"
    );
    let only_method = yard.enable("maps").await.unwrap_err();
    assert_eq!(reason(&only_method), "COLLECTION_METHOD_REQUIRED");
    update(without("", None)).await;
    let all = yard.enable("maps").await.unwrap_err();
    assert_eq!(reason(&all), "PROFILE_INCOMPLETE");
    assert_eq!(conditions(&all), ["legal_name", "billing_address", "collection_method"], "{all:?}");
    let address = payterms_proto::invoicing::v1::Address {
        lines: vec!["1 High Street".into()],
        city: "Town".into(),
        country: "GB".into(),
        ..Default::default()
    };
    update(without("Brightside Ltd", Some(address))).await;
    card(world, &yard.admin, &yard.customer, "tok_visa").await;
    yard.enable("maps").await.unwrap();
    yard.uses(world, "maps", "1", None).await.unwrap();
    update(without("", None)).await;
    let used = yard.uses(world, "maps", "1", None).await.unwrap_err();
    assert_eq!(
        (reason(&used).as_str(), conditions(&used)),
        ("PROFILE_INCOMPLETE", vec!["legal_name".into(), "billing_address".into()])
    );
    let twice = yard.enable("maps").await.unwrap_err();
    assert_eq!(reason(&twice), "PROFILE_INCOMPLETE");
}

pub(crate) async fn the_customers_admin_enables_and_disables_on_the_tenants_terms(world: &World) {
    let yard = yard(world, Some("tok_visa")).await;
    let service = MeteredService {
        product: "maps".into(),
        display_name: "Maps".into(),
        currency_code: "USD".into(),
        prices_include_tax: true,
        tax_category: "reduced".into(),
        payment_term: Some(PaymentTerm { kind: Kind::NetDays.into(), days: 365 }),
        ..MeteredService::default()
    };
    let ask = |service: MeteredService| EnableMeteredServiceRequest {
        request_id: request_id(),
        parent: yard.customer.clone(),
        metered_service: Some(service),
        ..Default::default()
    };
    let refused = yard
        .admin
        .metered_services()
        .enable_metered_service(ask(service.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        violations(&refused),
        ["prices_include_tax", "tax_category", "payment_term"]
            .map(|field| format!("metered_service.{field}: TERMS_OF_TENANT"))
    );
    let plain = MeteredService {
        prices_include_tax: false,
        tax_category: String::new(),
        payment_term: None,
        ..service
    };
    let enable = async |session: &Session| {
        let made = session.metered_services().enable_metered_service(ask(plain.clone())).await?;
        Ok::<_, Status>(made.into_inner().metered_service.unwrap())
    };
    let made = enable(&yard.admin).await.unwrap();
    assert_eq!((made.state(), made.payment_term.unwrap().days), (State::Active, 0));
    let disable = |name: &str| DisableMeteredServiceRequest {
        request_id: request_id(),
        name: name.into(),
        ..Default::default()
    };
    yard.admin.metered_services().disable_metered_service(disable(&made.name)).await.unwrap();
    assert_eq!(yard.state(&made.name).await, State::Disabled);
    // The tenant sells it on other terms; the customer's admin takes it up again on those.
    let offered = MeteredService {
        display_name: "Maps, agreed".into(),
        prices_include_tax: true,
        payment_term: Some(PaymentTerm { kind: Kind::NetDays.into(), days: 14 }),
        ..plain.clone()
    };
    yard.owner.metered_services().enable_metered_service(ask(offered)).await.unwrap();
    yard.admin.metered_services().disable_metered_service(disable(&made.name)).await.unwrap();
    let again = enable(&yard.admin).await.unwrap();
    assert_eq!((again.name.as_str(), again.state()), (made.name.as_str(), State::Active));
    assert_eq!((again.prices_include_tax, again.payment_term.unwrap().days), (true, 14));
    for role in ["BILLING_MANAGER", "MEMBER"] {
        let refused = enable(&world.someone(role, Some(&yard.customer))).await.unwrap_err();
        assert_eq!(reason(&refused), "ROLE_REQUIRED", "{role}");
    }
    let other = world.customer("acme", "GB").await;
    let stranger = world.someone("CUSTOMER_ADMIN", Some(&other));
    assert_eq!(reason(&enable(&stranger).await.unwrap_err()), "RESOURCE_NOT_FOUND");
    invariants::books_agree(world).await;
}
