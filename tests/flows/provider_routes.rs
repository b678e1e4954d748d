//! A tenant with more than one provider: each method is saved where its kind and currency lead, and
//! stays there.

use crate::{
    bank_debits::account,
    chargebacks::{charges, take_back},
    clocks::{START, advance, start},
    disputes::{decide, disputed},
    invariants,
    stripe::{SETTINGS, connect, connection, disconnect, open, saved, setup, start_for, top_up},
    top_up_refunds::refund,
    top_ups::{buy, card, shop as simulated},
};
use payterms_proto::wallet::v1::{
    GetPaymentMethodRequest, GetWalletSettingsRequest, PaymentMethod, ProviderRoute,
    StartMethodSetupRequest, UpdateWalletSettingsRequest, WalletSettings, dispute,
    payment_method::Kind, top_up::State, top_up_refund,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop::{self, HostedPages},
};
use payterms_testkit::{World, on_both, reason, stripe::Card, violations};
use prost_types::FieldMask;
use tonic::Status;

on_both!(
    a_method_is_saved_where_its_route_leads_and_stays_there,
    routes_that_cannot_be_are_refused,
    a_move_from_the_simulator_to_stripe_loses_nothing,
);

fn route(kind: Kind, currency_code: &str, provider: &str) -> ProviderRoute {
    ProviderRoute {
        kind: kind.into(),
        currency_code: currency_code.to_owned(),
        provider: provider.to_owned(),
    }
}

async fn set(
    owner: &Session,
    provider_routes: Vec<ProviderRoute>,
) -> Result<WalletSettings, Status> {
    let settings =
        WalletSettings { name: SETTINGS.to_owned(), provider_routes, ..WalletSettings::default() };
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask: Some(FieldMask { paths: vec!["provider_routes".to_owned()] }),
        ..Default::default()
    };
    Ok(owner.settings().update_wallet_settings(update).await?.into_inner().wallet_settings.unwrap())
}

async fn routes(owner: &Session) -> Vec<ProviderRoute> {
    let get = GetWalletSettingsRequest { name: SETTINGS.to_owned() };
    owner
        .settings()
        .get_wallet_settings(get)
        .await
        .unwrap()
        .into_inner()
        .wallet_settings
        .unwrap()
        .provider_routes
}

async fn method(admin: &Session, name: &str) -> PaymentMethod {
    let get = GetPaymentMethodRequest { name: name.to_owned() };
    admin.methods().get_payment_method(get).await.unwrap().into_inner().payment_method.unwrap()
}

/// The provider of a card's set-up in a currency.
async fn leads_to(admin: &Session, customer: &str, currency_code: &str) -> String {
    let start = StartMethodSetupRequest {
        request_id: request_id(),
        parent: customer.to_owned(),
        kind: Kind::Card.into(),
        currency_code: currency_code.to_owned(),
    };
    admin
        .methods()
        .start_method_setup(start)
        .await
        .unwrap()
        .into_inner()
        .method_setup
        .unwrap()
        .provider
}

async fn a_method_is_saved_where_its_route_leads_and_stays_there(world: &World) {
    let (customer, wallet) = world.usual().await;
    let (owner, admin) =
        (world.someone("OWNER", None), world.someone("CUSTOMER_ADMIN", Some(&customer)));
    shop::open(&owner, "acme").await.unwrap();
    let first =
        shop::save_card(&admin, world.suite.gateway, &customer, "tok_visa").await.unwrap().unwrap();
    assert_eq!(method(&admin, &first).await.provider, "simulator");

    connect(&owner, connection()).await.unwrap();
    let chosen = vec![route(Kind::Card, "", "stripe"), route(Kind::Card, "EUR", "simulator")];
    assert_eq!(set(&owner, chosen.clone()).await.unwrap().provider_routes, chosen);
    assert_eq!(leads_to(&admin, &customer, "").await, "stripe");
    assert_eq!(leads_to(&admin, &customer, "USD").await, "stripe");
    assert_eq!(leads_to(&admin, &customer, "EUR").await, "simulator");
    let started = start_for(&admin, &customer, Kind::Card).await.unwrap();
    let _ = world.stripe.save_card(&started.hosted_url, Card::Good);
    let second = crate::stripe::setup(&admin, &started.name).await.payment_method;
    let bank = account(world, &admin, &customer, "tok_bank").await;
    assert_eq!([&second, &bank].map(|name| name.contains("/paymentMethods/")), [true; 2]);
    assert_eq!(
        (
            method(&admin, &second).await.provider.as_str(),
            method(&admin, &bank).await.provider.as_str()
        ),
        ("stripe", "simulator")
    );

    // Both cards are charged and given back where they are saved, wherever the next one is.
    assert_eq!(set(&owner, Vec::new()).await.unwrap().provider_routes, []);
    for (card, at_stripe) in [(&first, 0), (&second, 1)] {
        let bought = admin
            .top_ups()
            .create_top_up(buy(&wallet, card, amount("USD", 25, 0)))
            .await
            .unwrap()
            .into_inner()
            .top_up
            .unwrap();
        assert_eq!(
            (bought.state(), world.stripe.objects("payment_intent").len()),
            (State::Succeeded, at_stripe)
        );
        refund(&owner, &bought, amount("USD", 10, 0)).await.unwrap();
        assert_eq!(world.stripe.objects("refund").len(), at_stripe);
    }
    assert_eq!(leads_to(&admin, &customer, "EUR").await, "simulator", "the tenant's provider");
    invariants::hold(world).await;
}

async fn routes_that_cannot_be_are_refused(world: &World) {
    world.usual().await;
    let owner = world.someone("OWNER", None);
    let unconnected = set(&owner, vec![route(Kind::Card, "", "stripe")]).await.unwrap_err();
    assert_eq!(reason(&unconnected), "STRIPE_NOT_CONNECTED");
    open(&owner).await;
    let wrong = vec![
        route(Kind::BankTransfer, "", "stripe"),
        route(Kind::Card, "usd", ""),
        route(Kind::Card, "USD", "stripe"),
        route(Kind::Card, "USD", "simulator"),
    ];
    let refused = violations(&set(&owner, wrong).await.unwrap_err());
    let field = |rest: &str| format!("wallet_settings.provider_routes{rest}");
    let expected = [
        field("[0].kind: ENUM_INVALID"),
        field("[1].currency_code: CURRENCY_UNSUPPORTED"),
        field("[1].provider: FIELD_INVALID_CHARS"),
        field("[3]: DUPLICATE_ITEM"),
    ];
    assert_eq!(refused, expected);
    let many = vec![route(Kind::Card, "USD", "stripe"); 51];
    assert_eq!(violations(&set(&owner, many).await.unwrap_err()), [field(": TOO_MANY_ITEMS")]);
    assert_eq!(routes(&owner).await, []);

    // What is disconnected has no routes.
    set(&owner, vec![route(Kind::Card, "USD", "stripe"), route(Kind::Card, "", "simulator")])
        .await
        .unwrap();
    disconnect(&owner).await.unwrap();
    assert_eq!(routes(&owner).await, [route(Kind::Card, "", "simulator")]);
}

/// What a customer has at the simulator goes on there when the tenant moves to Stripe: a method, a
/// page that is open, a charge that takes time, a dispute, what may be given back. What is saved
/// from then on is at Stripe.
async fn a_move_from_the_simulator_to_stripe_loses_nothing(world: &World) {
    let (customer, wallet, admin) = simulated(world).await;
    let (owner, simulator, gateway) =
        (world.someone("OWNER", None), world.suite.simulator.clone(), world.suite.gateway);
    start(world, "acme", "seed").await;
    let buys = async |method: &str, units: i64| {
        let request = buy(&wallet, method, amount("USD", units, 0));
        admin.top_ups().create_top_up(request).await.unwrap().into_inner().top_up.unwrap()
    };
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let taken = buys(&visa, 60).await;
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    disputed(&owner, dispute::State::Open).await;
    let paid = buys(&visa, 40).await;
    let slow = buys(&card(world, &admin, &customer, "tok_slow").await, 30).await;
    assert_eq!(slow.state(), State::Processing);
    let page = start_for(&admin, &customer, Kind::Card).await.unwrap();

    open(&owner).await;
    gateway.write(&page.hosted_url, "tok_mastercard").await.unwrap();
    let late = setup(&admin, &page.name).await;
    assert_eq!(
        (late.provider.as_str(), method(&admin, &late.payment_method).await.provider.as_str()),
        ("simulator", "simulator")
    );
    assert_eq!(buys(&late.payment_method, 25).await.state(), State::Succeeded);
    assert_eq!(
        refund(&owner, &paid, amount("USD", 10, 0)).await.unwrap().state(),
        top_up_refund::State::Succeeded
    );
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    assert_eq!(
        top_up(&admin, &taken.name).await.state(),
        State::Succeeded,
        "the payment stands again"
    );
    advance(world, START + 3_600).await;
    assert_eq!(
        top_up(&admin, &slow.name).await.state(),
        State::Succeeded,
        "it is asked for where it was made"
    );
    assert_eq!(world.stripe.objects("payment_intent").len(), 0);

    let new = saved(&world.stripe, &admin, &customer, Card::Good).await;
    assert_eq!(method(&admin, &new).await.provider, "stripe");
    assert_eq!(buys(&new, 20).await.state(), State::Succeeded);
    assert_eq!(world.stripe.listed("charges").len(), 1);
    invariants::hold(world).await;
}
