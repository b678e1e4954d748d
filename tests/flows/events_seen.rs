//! To each reader of events no more than it may read otherwise.

use crate::{
    events::{all_of, read_on, until_told},
    invoices::{draft, issued, line},
    transfer_refunds::{PAYER, ask, on_account, refund},
    wallets::grant,
};
use payterms_proto::{
    common::v1::PublicEvent,
    gateway::v1::ListEventsRequest,
    invoicing::v1::{Tenant, UpdateTenantRequest, transfer_refund::Credit},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use std::collections::BTreeSet;
use tonic::Code;

on_both!(everybody_sees_what_they_may_read);

async fn everybody_sees_what_they_may_read(world: &World) {
    let (customer, wallet) = world.usual().await;
    let stranger = world.customer("acme", "AU").await;
    world.tenant("other").await;
    world.customer("other", "GB").await;
    let owner = world.someone("OWNER", None);
    grant(world, &wallet, amount("USD", 5, 0), 0).await;
    issued(&owner, draft(&customer, "USD", vec![line("Seats", amount("USD", 20, 0))])).await;
    let payment = on_account(&owner, &customer, "A", "80.00", PAYER).await;
    refund(&world.someone("ADMIN", None), ask(&payment, Credit::Surplus, amount("USD", 5, 0)))
        .await
        .unwrap();
    let staff = world.someone("STAFF", None);
    let texts = [
        "CreditGranted",
        "InvoiceChanged",
        "MailChanged",
        "TenantChanged",
        "CustomerChanged",
        "TransferRefundChanged",
    ];
    let of_tenant = until_told(&staff, &mut all_of("tenants/acme"), &texts).await;
    assert!(of_tenant.iter().all(|event| event.tenant == "tenants/acme"));
    let mail = of_tenant.iter().find(|event| event.r#type.ends_with(".MailChanged")).unwrap();
    assert!(mail.subject.starts_with("tenants/acme/mails/") && mail.data.is_none(), "{mail:?}");
    // A customer's people see their customer's events, and of these what they may read.
    let member = world.someone("MEMBER", Some(&customer));
    let public_events = read_on(&member, &mut all_of(&customer)).await;
    assert!(public_events.iter().all(|event| event.customer == customer));
    let ids = |events: &[PublicEvent]| {
        events.iter().map(|event| event.id.clone()).collect::<BTreeSet<_>>()
    };
    let expected: Vec<_> =
        of_tenant.iter().filter(|event| event.customer == customer).cloned().collect();
    assert_eq!(ids(&public_events), ids(&expected));
    // A customer's profile, and a refund by transfer, have what only people of the tenant read.
    for kind in [".CustomerChanged", ".TransferRefundChanged"] {
        let is_kind = |event: &&PublicEvent| event.r#type.ends_with(kind);
        assert!(public_events.iter().find(is_kind).unwrap().data.is_none(), "{kind}");
        assert!(expected.iter().find(is_kind).unwrap().data.is_some(), "{kind}");
    }
    // Everything else is not there, and nothing says whether it is.
    let refused = async |session: &Session, request: ListEventsRequest| {
        session.events().list_events(request).await.unwrap_err()
    };
    for (session, parent) in [
        (&member, "tenants/acme"),
        (&member, stranger.as_str()),
        (&staff, "tenants/other"),
        (&staff, "tenants/nobody"),
    ] {
        let status = refused(session, all_of(parent)).await;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::NotFound, "RESOURCE_NOT_FOUND"),
            "{parent}"
        );
    }
    let typed = |kind: &str, parent: &str| ListEventsRequest {
        types: vec![kind.to_owned()],
        ..all_of(parent)
    };
    for (session, parent, kind) in [
        (&member, customer.as_str(), "payterms.invoicing.v1.MailChanged"),
        (&staff, "tenants/acme", "payterms.credit.v1.AdvisedLimitChanged"),
        (&owner, "tenants/acme", "payterms.wallet.v1.MethodSetupChanged"),
        (&owner, "tenants/acme", "nothing"),
    ] {
        let status = refused(session, typed(kind, parent)).await;
        assert_eq!(violations(&status), ["types[0]: EVENT_TYPE_UNKNOWN"], "{kind}");
    }
    // What a tenant hides from its customers stays hidden from them in events.
    let tenant = Tenant { name: "tenants/acme".into(), invoices_hidden: true, ..Tenant::default() };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["invoices_hidden".into()] });
    let hide = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask,
        ..Default::default()
    };
    owner.tenants().update_tenant(hide).await.unwrap();
    let now = read_on(&member, &mut all_of(&customer)).await;
    assert!(now.iter().any(|event| event.r#type.ends_with(".CreditGranted")));
    assert!(!now.iter().any(|event| event.r#type.ends_with(".InvoiceChanged")));
    assert!(
        read_on(&staff, &mut all_of(&customer))
            .await
            .iter()
            .any(|event| event.r#type.ends_with(".InvoiceChanged"))
    );
}
