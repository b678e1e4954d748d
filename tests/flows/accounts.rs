//! How a customer stands, gathered from all services; what cannot be reached is named.

use crate::{
    invariants,
    invoices::{draft, issued, line},
    payments::{Till, till},
    rig::{self, Services, until},
    top_ups::card,
    wallets::grant,
};
use payterms_proto::{
    gateway::v1::{AccountOverview, GetAccountOverviewRequest},
    invoicing::v1::{
        EnableMeteredServiceRequest, MeteredService, PaymentTerm, metered_service, payment_term,
    },
    wallet::v1::GrantCreditRequest,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use prost_types::Timestamp;
use tonic::{Code, Status};

on_both!(an_overview_gathers_what_the_services_know);

async fn overview(session: &Session, customer: &str) -> Result<AccountOverview, Status> {
    let request = GetAccountOverviewRequest { name: customer.into() };
    session
        .accounts()
        .get_account_overview(request)
        .await
        .map(|answer| answer.into_inner().account_overview.unwrap())
}

async fn an_overview_gathers_what_the_services_know(world: &World) {
    let Till { customer, wallet, owner, admin, .. } = till(world, 30).await;
    card(world, &admin, &customer, "tok_visa").await;
    issued(&owner, draft(&customer, "AUD", vec![line("Other", amount("AUD", 7, 0))])).await;
    grant(world, &wallet, amount("USD", 5, 0), 0).await;
    let maps = MeteredService {
        product: "maps".into(),
        display_name: "Maps".into(),
        currency_code: "USD".into(),
        payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 0 }),
        ..MeteredService::default()
    };
    let enable = EnableMeteredServiceRequest {
        request_id: request_id(),
        parent: customer.clone(),
        metered_service: Some(maps),
        ..Default::default()
    };
    owner.metered_services().enable_metered_service(enable).await.unwrap();
    let tomorrow = payterms_kernel::Clock::now(&payterms_kernel::SystemClock).timestamp() + 86_400;
    let soon = GrantCreditRequest {
        request_id: request_id(),
        wallet,
        amount: amount("USD", 2, 0),
        expire_time: Some(Timestamp { seconds: tomorrow, nanos: 0 }),
        ..GrantCreditRequest::default()
    };
    world.someone("STAFF", None).lots().grant_credit(soon).await.unwrap();
    for session in [&admin, &owner, &world.someone("MEMBER", Some(&customer))] {
        let seen = overview(session, &customer).await.unwrap();
        assert_eq!(
            (seen.customer.as_str(), seen.prepayment, seen.unreachable.len()),
            (customer.as_str(), true, 0)
        );
        assert_eq!(seen.wallets[0].balance.as_ref().unwrap().available, amount("USD", 37, 0));
        assert_eq!(
            (seen.expiring_lots.len(), seen.expiring_lots[0].remaining.clone()),
            (1, amount("USD", 2, 0))
        );
        assert_eq!(
            (seen.payment_methods.len(), seen.payment_methods[0].last_four.as_str()),
            (1, "4242")
        );
        let open: Vec<_> = seen
            .outstanding
            .iter()
            .map(|outstanding| {
                (outstanding.open.clone(), outstanding.past_due.clone(), outstanding.invoice_count)
            })
            .collect();
        let services: Vec<_> = seen
            .metered_services
            .iter()
            .map(|metered_service| (metered_service.product.as_str(), metered_service.state()))
            .collect();
        assert_eq!(services, [("maps", metered_service::State::Active)]);
        assert_eq!(
            open,
            [
                (amount("AUD", 7, 0), amount("AUD", 0, 0), 1),
                (amount("USD", 100, 0), amount("USD", 0, 0), 1)
            ]
        );
    }
    let stranger = world.customer("acme", "AU").await;
    let stranger = world.someone("MEMBER", Some(&stranger));
    assert_eq!(overview(&stranger, &customer).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        reason(&overview(&world.someone("OPERATOR", None), &customer).await.unwrap_err()),
        "ROLE_REQUIRED"
    );
    invariants::hold(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_is_named_and_the_rest_is_told() {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    issued(&owner, draft(&people.customer, "USD", vec![line("Plan", amount("USD", 9, 0))])).await;
    let mut services = Services::of(rig).await;
    let whole = until(
        async || overview(&people.admin, &people.customer).await,
        |seen| seen.unreachable.is_empty(),
    )
    .await;
    assert_eq!((whole.wallets.len(), whole.outstanding.len()), (1, 1));
    services.stop("wallet");
    let seen = overview(&people.admin, &people.customer).await.unwrap();
    assert_eq!(
        (seen.unreachable, seen.wallets.len(), seen.outstanding),
        (vec!["wallet".to_owned()], 0, whole.outstanding.clone())
    );
    services.restart("wallet", None).await;
    services.stop("invoicing");
    let seen = until(
        async || overview(&people.admin, &people.customer).await,
        |seen| !seen.wallets.is_empty(),
    )
    .await;
    assert_eq!((seen.unreachable, seen.outstanding.len()), (vec!["invoicing".to_owned()], 0));
}
