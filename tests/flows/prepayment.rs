//! What prepayment needs before it is turned on, and the payment methods that it charges.

use crate::top_ups::{self, buy, card};
use payterms_proto::wallet::v1::{
    GetPrepaymentOptionsRequest, ListPaymentMethodsRequest, RemovePaymentMethodRequest,
    SetPurchaseDefaultRequest, TurnOnPrepaymentRequest,
};
use payterms_suite::{
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};
use tonic::Code;
use tonic_types::StatusExt;

on_both!(prepayment_needs_every_condition, removing_a_default_promotes_another,);

async fn prepayment_needs_every_condition(world: &World) {
    let (customer, wallet) = world.usual().await;
    let owner = world.someone("OWNER", None);
    let on = TurnOnPrepaymentRequest {
        request_id: request_id(),
        name: "tenants/acme/walletSettings".into(),
        methods: vec![],
        ..Default::default()
    };
    let refused = owner.settings().turn_on_prepayment(on.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "PREPAYMENT_CONDITIONS");
    let details = refused.get_error_details();
    let broken: Vec<_> = details
        .precondition_failure()
        .unwrap()
        .violations
        .iter()
        .map(|v| v.r#type.clone())
        .collect();
    assert_eq!(broken, ["PROVIDER_NOT_CONNECTED", "PROVIDER_NOT_DEFAULT", "NO_METHOD_CHOSEN"]);
    let staff = world.someone("STAFF", None).settings().turn_on_prepayment(on).await.unwrap_err();
    assert_eq!((staff.code(), reason(&staff).as_str()), (Code::PermissionDenied, "ROLE_REQUIRED"));
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    let options = || GetPrepaymentOptionsRequest { parent: customer.clone() };
    assert!(
        !admin.settings().get_prepayment_options(options()).await.unwrap().into_inner().prepayment
    );
    shop::open(&owner, "acme").await.unwrap();
    assert!(
        admin.settings().get_prepayment_options(options()).await.unwrap().into_inner().prepayment
    );
    let method = card(world, &admin, &customer, "tok_visa").await;
    hide_invoices(world).await;
    let off = admin
        .top_ups()
        .create_top_up(buy(&wallet, &method, amount("USD", 25, 0)))
        .await
        .unwrap_err();
    assert_eq!(reason(&off), "FEATURE_DISABLED");
}

/// Hides invoices from customers, and waits until the wallet has heard of it.
async fn hide_invoices(world: &World) {
    use payterms_proto::invoicing::v1::{Tenant, UpdateTenantRequest};
    let tenant =
        Tenant { name: "tenants/acme".into(), invoices_hidden: true, ..Default::default() };
    let mask = prost_types::FieldMask { paths: vec!["invoices_hidden".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    let owner = world.someone("OWNER", None);
    let changed = owner.tenants().update_tenant(update).await.unwrap();
    let name = "tenants/acme/walletSettings".to_owned();
    let read = payterms_proto::wallet::v1::GetWalletSettingsRequest { name };
    let seen =
        owner.after(&changed).settings().get_wallet_settings(read).await.unwrap().into_inner();
    assert!(
        !seen.wallet_settings.unwrap().prepayment,
        "a condition that breaks turns prepayment off"
    );
}

async fn removing_a_default_promotes_another(world: &World) {
    let (customer, _, admin) = top_ups::shop(world).await;
    let first = card(world, &admin, &customer, "tok_visa").await;
    let second = card(world, &admin, &customer, "tok_mastercard").await;
    let listed = async || {
        let list = ListPaymentMethodsRequest { parent: customer.clone(), ..Default::default() };
        admin.methods().list_payment_methods(list).await.unwrap().into_inner().payment_methods
    };
    let flags = |methods: &[payterms_proto::wallet::v1::PaymentMethod], name: &str| {
        let method = methods.iter().find(|method| method.name == name).unwrap();
        (method.purchase_default, method.collection_method)
    };
    assert_eq!(
        (flags(&listed().await, &first), flags(&listed().await, &second)),
        ((true, true), (false, false))
    );
    let point = SetPurchaseDefaultRequest {
        request_id: request_id(),
        name: second.clone(),
        ..Default::default()
    };
    admin.methods().set_purchase_default(point).await.unwrap();
    assert_eq!(
        (flags(&listed().await, &first), flags(&listed().await, &second)),
        ((false, true), (true, false))
    );
    let remove = || RemovePaymentMethodRequest {
        request_id: request_id(),
        name: first.clone(),
        ..Default::default()
    };
    admin.methods().remove_payment_method(remove()).await.unwrap();
    assert_eq!(flags(&listed().await, &second), (true, true));
    assert_eq!(
        reason(&admin.methods().remove_payment_method(remove()).await.unwrap_err()),
        "METHOD_STATE"
    );
}
