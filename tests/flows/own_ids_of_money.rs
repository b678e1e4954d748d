//! Own ids of what moves money: payments, top-ups and uses; and of plans and applications.

use crate::{
    applications,
    exports::EVERYONE,
    invariants,
    invoices::{draft, issued, line},
    own_ids::taken_by,
    payments::{Till, credit, till},
    plans,
    top_ups::{buy, card},
    usage::used,
};
use payterms_proto::{
    credit::v1::{ListApplicationsRequest, Programme, StartApplicationRequest},
    invoicing::v1::{
        CreatePaymentRequest, InvoiceToPay, ListPaymentsRequest, RecordOutsidePaymentRequest,
    },
    plans::v1::{ListPlansRequest, PlanSettings, ProposePlanRequest},
    wallet::v1::{
        CreateTopUpRequest, ListTopUpsRequest, ListUsageRecordsRequest, RecordUsageRequest,
        RecordUsagesRequest,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};
use std::collections::BTreeMap;

on_both!(payments_top_ups_and_uses_have_own_ids, plans_and_applications_have_own_ids);

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("run".to_owned(), "jan".to_owned())])
}

async fn payments_top_ups_and_uses_have_own_ids(world: &World) {
    let till = till(world, 30).await;
    payments_have_own_ids(&till).await;
    top_ups_have_own_ids(world, &till).await;
    uses_have_own_ids(world, &till).await;
    invariants::hold(world).await;
}

async fn payments_have_own_ids(till: &Till) {
    let request = till.request(vec![credit(amount("USD", 10, 0))]);
    let request = CreatePaymentRequest { external_id: "p-1".into(), labels: labels(), ..request };
    let paid = till
        .admin
        .payments()
        .create_payment(request.clone())
        .await
        .unwrap()
        .into_inner()
        .payment
        .unwrap();
    assert_eq!((paid.external_id.as_str(), &paid.labels), ("p-1", &labels()));
    let again = till
        .admin
        .payments()
        .create_payment(request.clone())
        .await
        .unwrap()
        .into_inner()
        .payment
        .unwrap();
    assert_eq!(again, paid, "a retry is the same payment");
    let another = CreatePaymentRequest { request_id: request_id(), ..request };
    assert_eq!(
        taken_by(&till.admin.payments().create_payment(another).await.unwrap_err()),
        paid.name
    );
    let outside = |external_id: &str| RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        invoices: vec![InvoiceToPay {
            invoice: till.invoice.name.clone(),
            amount: amount("USD", 1, 0),
        }],
        reference: "till 7".into(),
        external_id: external_id.into(),
        ..Default::default()
    };
    assert_eq!(
        taken_by(&till.owner.payments().record_outside_payment(outside("p-1")).await.unwrap_err()),
        paid.name
    );
    till.owner.payments().record_outside_payment(outside("p-2")).await.unwrap();
    let list = |filter: &str| ListPaymentsRequest {
        parent: EVERYONE.into(),
        filter: filter.into(),
        order_by: "update_time".into(),
        ..Default::default()
    };
    for (filter, expected) in [
        ("external_id = p-2", vec!["p-2"]),
        ("labels.run = jan", vec!["p-1"]),
        ("", vec!["p-1", "p-2"]),
    ] {
        let found =
            till.owner.payments().list_payments(list(filter)).await.unwrap().into_inner().payments;
        assert_eq!(
            found.iter().map(|payment| payment.external_id.as_str()).collect::<Vec<_>>(),
            expected,
            "{filter}"
        );
    }
}

async fn top_ups_have_own_ids(world: &World, till: &Till) {
    let method = card(world, &till.admin, &till.customer, "tok_visa").await;
    let buying = CreateTopUpRequest {
        external_id: "t-1".into(),
        labels: labels(),
        ..buy(&till.wallet, &method, amount("USD", 20, 0))
    };
    let bought = till
        .admin
        .top_ups()
        .create_top_up(buying.clone())
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    assert_eq!((bought.external_id.as_str(), &bought.labels), ("t-1", &labels()));
    let refused = till
        .admin
        .top_ups()
        .create_top_up(CreateTopUpRequest { request_id: request_id(), ..buying })
        .await
        .unwrap_err();
    assert_eq!(taken_by(&refused), bought.name);
    let list = ListTopUpsRequest {
        parent: format!("{EVERYONE}/wallets/-"),
        filter: "external_id = t-1 AND labels.run = jan".into(),
        order_by: "update_time desc".into(),
        ..Default::default()
    };
    assert_eq!(
        till.owner.top_ups().list_top_ups(list).await.unwrap().into_inner().top_ups,
        [bought]
    );
    let other = world.customer("acme", "GB").await;
    let stranger = world.someone("CUSTOMER_ADMIN", Some(&other));
    let theirs = buy(
        &world.wallet(&other, "USD").await,
        &card(world, &stranger, &other, "tok_visa").await,
        amount("USD", 20, 0),
    );
    let refused = stranger
        .top_ups()
        .create_top_up(CreateTopUpRequest { external_id: "t-1".into(), ..theirs })
        .await
        .unwrap_err();
    assert_eq!(taken_by(&refused), "", "another customer's name is not told");
}

async fn uses_have_own_ids(world: &World, till: &Till) {
    let service = world.someone("SERVICE", None);
    let using = |external_id: &str| RecordUsageRequest {
        external_id: external_id.into(),
        ..used(&till.wallet, "voice", "1", amount("USD", 1, 0))
    };
    let request = using("u-1");
    let first = service
        .usage()
        .record_usage(request.clone())
        .await
        .unwrap()
        .into_inner()
        .usage_record
        .unwrap();
    let again =
        service.usage().record_usage(request).await.unwrap().into_inner().usage_record.unwrap();
    assert_eq!((first.external_id.as_str(), &again), ("u-1", &first));
    let calls = (0..16).map(|_| {
        let (service, request) = (service.clone(), using("u-2"));
        tokio::spawn(async move { service.usage().record_usage(request).await })
    });
    let outcomes: Vec<_> =
        futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        outcomes.iter().filter(|answer| answer.is_ok()).count(),
        1,
        "of many with one own id one is recorded"
    );
    assert!(
        outcomes
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .all(|refused| taken_by(refused).contains("/usageRecords/"))
    );
    assert_eq!(
        taken_by(&service.usage().record_usage(using("u-1")).await.unwrap_err()),
        first.name
    );
    let together = RecordUsagesRequest { records: vec![using("u-1")] };
    let result =
        service.usage().record_usages(together).await.unwrap().into_inner().results.remove(0);
    assert_eq!(
        (result.reason.as_str(), result.metadata.get("name")),
        ("EXTERNAL_ID_TAKEN", Some(&first.name))
    );
    service.usage().record_usage(using("")).await.unwrap();
    let list = |filter: &str| ListUsageRecordsRequest {
        parent: format!("{EVERYONE}/wallets/-"),
        filter: filter.into(),
        ..Default::default()
    };
    for (filter, expected) in [
        ("external_id = u-1", vec!["u-1"]),
        ("", vec!["", "u-2", "u-1"]),
        ("external_id != u-1", vec!["", "u-2"]),
    ] {
        let found = service
            .usage()
            .list_usage_records(list(filter))
            .await
            .unwrap()
            .into_inner()
            .usage_records;
        assert_eq!(
            found.iter().map(|usage_record| usage_record.external_id.as_str()).collect::<Vec<_>>(),
            expected,
            "{filter}"
        );
    }
}

async fn plans_and_applications_have_own_ids(world: &World) {
    let desk = applications::desk(world, Programme::default()).await;
    let start = |external_id: &str| StartApplicationRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        programme: desk.programme.name.clone(),
        external_id: external_id.into(),
        labels: labels(),
        ..Default::default()
    };
    let started = desk
        .admin
        .applications()
        .start_application(start("a-1"))
        .await
        .unwrap()
        .into_inner()
        .credit_application
        .unwrap();
    assert_eq!((started.external_id.as_str(), &started.labels), ("a-1", &labels()));
    let list = |filter: &str| ListApplicationsRequest {
        parent: "tenants/acme".into(),
        filter: filter.into(),
        order_by: "update_time desc".into(),
        ..Default::default()
    };
    for (filter, count) in
        [("external_id = a-1 AND labels.run = jan", 1), ("external_id = a-2", 0), ("", 1)]
    {
        let found = desk
            .owner
            .applications()
            .list_applications(list(filter))
            .await
            .unwrap()
            .into_inner()
            .credit_applications;
        assert_eq!(found.len(), count, "{filter}");
    }
    for who in [&desk.owner, &desk.admin] {
        let everyone = ListApplicationsRequest { parent: EVERYONE.into(), ..Default::default() };
        assert_eq!(
            who.applications()
                .list_applications(everyone)
                .await
                .unwrap()
                .into_inner()
                .credit_applications
                .len(),
            1
        );
    }
    plans::allow(&desk.owner, PlanSettings::default(), &[]).await;
    let invoices =
        [1, 2].map(|_| draft(&desk.customer, "USD", vec![line("Plan", amount("USD", 100, 0))]));
    let [first, second] = invoices;
    let (first, second) = (issued(&desk.owner, first).await, issued(&desk.owner, second).await);
    let propose = |invoice, external_id: &str| ProposePlanRequest {
        external_id: external_id.into(),
        labels: labels(),
        collect_automatically: false,
        ..plans::proposal(&desk.customer, &[invoice], plans::monthly(3, 31))
    };
    let made = plans::propose(&desk.admin, propose(&first, "plan-1")).await.unwrap();
    assert_eq!((made.external_id.as_str(), &made.labels), ("plan-1", &labels()));
    assert_eq!(
        taken_by(&plans::propose(&desk.admin, propose(&second, "plan-1")).await.unwrap_err()),
        made.name
    );
    // Who has lost the request ids makes both again: by now something else stands in the way, and
    // the first ones are named all the same.
    assert_eq!(
        taken_by(&plans::propose(&desk.admin, propose(&first, "plan-1")).await.unwrap_err()),
        made.name
    );
    assert_eq!(
        taken_by(&desk.admin.applications().start_application(start("a-1")).await.unwrap_err()),
        started.name
    );
    let twice = plans::propose(&desk.admin, propose(&first, "plan-2")).await.unwrap_err();
    assert_eq!(reason(&twice), "INVOICE_BLOCKED", "an id that is free changes no refusal");
    let list = ListPlansRequest {
        parent: "tenants/acme".into(),
        filter: "external_id = plan-1 AND labels.run = jan".into(),
        order_by: "update_time".into(),
        ..Default::default()
    };
    assert_eq!(desk.owner.plans().list_plans(list).await.unwrap().into_inner().plans.len(), 1);
    invariants::hold(world).await;
}
