//! What keeps a purchase on a credit line from being made; draws of payments and of purchases keep
//! apart.

use crate::{
    invoices::line as item,
    lines::{active, usd},
    payments::by,
    purchases::{authorize, bought, capture, ends, invoices, void, wanted},
    rig::until,
};
use payterms_proto::{
    credit::{
        peers::v1::{CaptureForPaymentRequest, VoidForPaymentRequest},
        v1::{AuthorizeDrawRequest, Draw, ListDrawsRequest},
    },
    google::r#type::{Decimal, Money},
    invoicing::v1::{Customer, InvoiceLine, UpdateCustomerRequest},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason, violations};
use prost_types::FieldMask;
use tonic::Code;

on_both!(
    what_could_keep_the_invoice_from_being_made_is_refused,
    draws_of_payments_and_purchases_keep_apart,
);

async fn what_could_keep_the_invoice_from_being_made_is_refused(world: &World) {
    let credit = active(world, 1_000).await;
    let service = world.someone("SERVICE", None);
    let refused =
        async |lines| reason(&authorize(&service, bought(&credit, lines)).await.unwrap_err());
    let euros = || item("Tea", amount("EUR", 1, 0));
    assert_eq!(
        refused(vec![item("Pot", usd(1)), euros()]).await,
        "CURRENCY_MISMATCH",
        "two currencies"
    );
    assert_eq!(refused(vec![euros()]).await, "CURRENCY_MISMATCH", "not the line's");
    let books = InvoiceLine { tax_category: "books".into(), ..item("Book", usd(1)) };
    assert_eq!(refused(vec![books]).await, "TAX_UNKNOWN");
    assert_eq!(
        refused(vec![item("Speck", Some(Money { nanos: 1_000_000, ..usd(0).unwrap() }))]).await,
        "INVOICE_EMPTY"
    );
    assert_eq!(refused(vec![item("Pot", usd(1_001))]).await, "CREDIT_LIMIT_EXCEEDED");
    let wrong = vec![
        InvoiceLine { quantity: Some(Decimal { value: "0".into() }), ..item("", None) },
        item("Pot", usd(-1)),
    ];
    let wrong = authorize(
        &service,
        AuthorizeDrawRequest { parent: "here".into(), ..bought(&credit, wrong) },
    )
    .await
    .unwrap_err();
    let texts = violations(&wrong);
    let fields: Vec<_> = texts.iter().filter_map(|text| text.split(": ").next()).collect();
    assert_eq!(
        fields,
        [
            "parent",
            "lines[0].description",
            "lines[0].quantity",
            "lines[0].unit_price",
            "lines[1].unit_price"
        ]
    );
    assert_eq!(
        violations(&authorize(&service, bought(&credit, Vec::new())).await.unwrap_err()),
        ["lines: FIELD_REQUIRED"]
    );
    // A customer whose profile lacks something has nothing that could be made out to it.
    let customer = Customer {
        name: credit.customer.clone(),
        billing_email: String::new(),
        ..Customer::default()
    };
    let request = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(customer),
        update_mask: Some(FieldMask { paths: vec!["billing_email".into()] }),
        ..Default::default()
    };
    credit.owner.customers().update_customer(request).await.unwrap();
    let lacking = until(
        async || Ok(authorize(&service, wanted(&credit)).await.err()),
        |answer| answer.as_ref().is_some_and(|status| reason(status) == "PROFILE_INCOMPLETE"),
    );
    lacking.await;
    for role in ["OWNER", "ADMIN", "STAFF"] {
        assert_eq!(
            authorize(&world.someone(role, None), wanted(&credit)).await.unwrap_err().code(),
            Code::PermissionDenied
        );
    }
    assert_eq!(
        authorize(&credit.admin, wanted(&credit)).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    // What was authorised before the profile lacked something is voided here, so that nothing
    // stands.
    let list = ListDrawsRequest { parent: credit.line.name.clone(), ..ListDrawsRequest::default() };
    for draw in credit.admin.draws().list_draws(list).await.unwrap().into_inner().draws {
        void(&service, &draw).await.unwrap();
    }
    assert_eq!((credit.read().await.exposure, invoices(&credit).await.len()), (usd(0), 0));
    ends(world).await;
}

async fn draws_of_payments_and_purchases_keep_apart(world: &World) {
    let credit = active(world, 1_000).await;
    let service = world.someone("SERVICE", None);
    let invoice = credit.invoice(100).await;
    credit.pay(&[&invoice], vec![by("", None)]).await.unwrap();
    let list = ListDrawsRequest { parent: credit.line.name.clone(), ..ListDrawsRequest::default() };
    let of_payment =
        credit.admin.draws().list_draws(list).await.unwrap().into_inner().draws.remove(0);
    assert_eq!(
        reason(&capture(&service, &of_payment, Vec::new()).await.unwrap_err()),
        "HOLD_OWNER"
    );
    assert_eq!(reason(&void(&service, &of_payment).await.unwrap_err()), "HOLD_OWNER");
    // The verbs of payments refuse a purchase, whatever a peer takes it for.
    let draw = authorize(&service, wanted(&credit)).await.unwrap();
    let payment = format!("{}/payments/{}", credit.customer, draw.name.rsplit('/').next().unwrap());
    let (peer, name) = (world.peer("invoicing", "credit"), credit.line.name.clone());
    let request = CaptureForPaymentRequest {
        request_id: request_id(),
        name: name.clone(),
        payment: payment.clone(),
    };
    assert_eq!(
        reason(&peer.payment_draws().capture_for_payment(request).await.unwrap_err()),
        "HOLD_OWNER"
    );
    let request = VoidForPaymentRequest { request_id: request_id(), name, payment };
    assert_eq!(
        reason(&peer.payment_draws().void_for_payment(request).await.unwrap_err()),
        "HOLD_OWNER"
    );
    // A draw of another line is not there.
    let elsewhere = Draw {
        name: draw.name.replace(
            &credit.line.name,
            &format!("{}/creditLines/{}", credit.customer, request_id()),
        ),
        ..draw.clone()
    };
    assert_eq!(void(&service, &elsewhere).await.unwrap_err().code(), Code::NotFound);
    capture(&service, &draw, Vec::new()).await.unwrap();
    ends(world).await;
}
