//! An account at Stripe is disconnected in the instant in which something begins there: one of them
//! sees the other.

use crate::{
    disputes::{pay_by, until_invoice},
    invariants,
    invoices::{draft, issued, line},
    stripe::{SETTINGS, connect, connection, disconnect, open, saved},
    top_up_refunds::refund,
    top_ups::buy,
};
use payterms_proto::{
    invoicing::v1::{invoice, payment},
    wallet::v1::{
        SetCollectionMethodRequest, StartMethodSetupRequest, UpdateWalletSettingsRequest,
        WalletSettings, payment_method::Kind, top_up::State,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{
    Database, World, on_both, reason,
    rig::until,
    stripe::{Card, StripeServer},
};
use prost_types::FieldMask;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use tonic::Status;
use tonic_types::StatusExt;

on_both!(a_charge_and_a_disconnect_do_not_pass_each_other);

/// Chooses the provider at which customers save methods from now on.
async fn choose(owner: &Session, provider: &str) {
    let settings = WalletSettings {
        name: SETTINGS.to_owned(),
        provider: provider.to_owned(),
        provider_default: true,
        ..Default::default()
    };
    let update_mask =
        Some(FieldMask { paths: ["provider", "provider_default"].map(str::to_owned).to_vec() });
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask,
        ..Default::default()
    };
    owner.settings().update_wallet_settings(update).await.unwrap();
}

struct Shop {
    owner: Session,
    admin: Session,
    customer: String,
    wallet: String,
    /// The card at Stripe, which is no collection method.
    card: String,
}

/// A customer with a card at Stripe, who is collected from another one at the simulator.
async fn shop_with_two_providers(world: &World) -> Shop {
    let (customer, wallet) = world.usual().await;
    let owner = world.someone("OWNER", None);
    open(&owner).await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    let card = saved(&world.stripe, &admin, &customer, Card::Good).await;
    choose(&owner, "simulator").await;
    let other =
        shop::save_card(&admin, world.suite.gateway, &customer, "tok_visa").await.unwrap().unwrap();
    collect_from(&admin, &other).await.unwrap();
    Shop { owner, admin, customer, wallet, card }
}

async fn collect_from(admin: &Session, method: &str) -> Result<(), Status> {
    let set = SetCollectionMethodRequest {
        request_id: request_id(),
        name: method.to_owned(),
        ..Default::default()
    };
    admin.methods().set_collection_method(set).await.map(drop)
}

fn taken(stripe: &StripeServer) -> usize {
    stripe.objects("payment_intent").iter().filter(|own| own["status"] == "succeeded").count()
}

async fn a_charge_and_a_disconnect_do_not_pass_each_other(world: &World) {
    let shop = shop_with_two_providers(world).await;
    let mut bought = 0;
    for _ in 0..12 {
        let request = buy(&shop.wallet, &shop.card, amount("USD", 25, 0));
        let (charge, off) = tokio::join!(
            async { shop.admin.top_ups().create_top_up(request).await },
            disconnect(&shop.owner)
        );
        match charge {
            Ok(answer) => {
                assert_eq!(answer.into_inner().top_up.unwrap().state(), State::Succeeded);
                bought += 1;
            }
            Err(refused) => assert_eq!(reason(&refused), "STRIPE_NOT_CONNECTED", "{refused:?}"),
        }
        if let Err(refused) = off {
            assert_eq!(reason(&refused), "STRIPE_IN_USE");
        }
        assert_eq!(taken(&world.stripe), bought, "what was charged is booked");
        connect(&shop.owner, connection()).await.unwrap();
    }
    invariants::hold(world).await;
}

/// Acts while an account is being disconnected by a transaction that has checked what is under way,
/// and commits once who acts waits for it.
#[expect(clippy::disallowed_methods, reason = "the test is the other one who holds the lock")]
async fn while_disconnecting<T: Send + 'static>(
    world: &World,
    act: impl Future<Output = T> + Send + 'static,
) -> T {
    let ((conn, s), (watch, _)) = (world.rows("wallet").await, world.rows("wallet").await);
    let tx = conn.begin().await.unwrap();
    let erase = format!(
        "UPDATE {s}wallet_settings SET stripe_key = NULL, stripe_webhook_secret = NULL WHERE tenant = 'acme'"
    );
    assert_eq!(
        tx.execute_raw(Statement::from_string(DbBackend::Postgres, erase))
            .await
            .unwrap()
            .rows_affected(),
        1
    );
    let acting = tokio::spawn(act);
    let waiting = "SELECT count(*) AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waits = async || {
        let row = watch
            .query_one_raw(Statement::from_string(DbBackend::Postgres, waiting))
            .await
            .unwrap()
            .unwrap();
        Ok::<_, Status>(acting.is_finished() || row.try_get::<i64>("", "waiting").unwrap() > 0)
    };
    until(waits, |waits| *waits).await;
    tx.commit().await.unwrap();
    let answer = acting.await.unwrap();
    conn.close().await.unwrap();
    watch.close().await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_at_stripe_waits_for_a_disconnect_on_postgres() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let shop = shop_with_two_providers(&world).await;
    let (admin, owner, card) = (shop.admin.clone(), shop.owner.clone(), shop.card.clone());
    let request = || buy(&shop.wallet, &card, amount("USD", 25, 0));
    let top_up =
        admin.top_ups().create_top_up(request()).await.unwrap().into_inner().top_up.unwrap();

    let (caller, sent) = (admin.clone(), request());
    let charged =
        while_disconnecting(&world, async move { caller.top_ups().create_top_up(sent).await })
            .await;
    assert_eq!(reason(&charged.unwrap_err()), "STRIPE_NOT_CONNECTED");
    connect(&owner, connection()).await.unwrap();

    let caller = owner.clone();
    let refunded =
        while_disconnecting(
            &world,
            async move { refund(&caller, &top_up, amount("USD", 10, 0)).await },
        )
        .await;
    assert_eq!(reason(&refunded.unwrap_err()), "STRIPE_NOT_CONNECTED");
    connect(&owner, connection()).await.unwrap();

    let (caller, method) = (admin.clone(), card.clone());
    let chosen =
        while_disconnecting(&world, async move { collect_from(&caller, &method).await }).await;
    assert_eq!(reason(&chosen.unwrap_err()), "STRIPE_NOT_CONNECTED");
    connect(&owner, connection()).await.unwrap();

    choose(&owner, "stripe").await;
    let start = StartMethodSetupRequest {
        request_id: request_id(),
        parent: shop.customer.clone(),
        kind: Kind::Card.into(),
        ..Default::default()
    };
    let caller = admin.clone();
    let saving =
        while_disconnecting(
            &world,
            async move { caller.methods().start_method_setup(start).await },
        )
        .await;
    assert_eq!(reason(&saving.unwrap_err()), "STRIPE_NOT_CONNECTED");
    assert_eq!(
        (taken(&world.stripe), world.stripe.objects("refund").len()),
        (1, 0),
        "Stripe was asked for nothing"
    );
    invariants::hold(&world).await;
    world.end().await;
}

/// A payment of an invoice ends as one that failed, with its reason, when the account is gone in
/// the instant in which it begins; one that has begun keeps the account.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_waits_for_a_disconnect_on_postgres() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let shop = shop_with_two_providers(&world).await;
    let (admin, owner, card, customer) =
        (shop.admin.clone(), shop.owner.clone(), shop.card.clone(), shop.customer.clone());
    let invoice =
        issued(&owner, draft(&customer, "USD", vec![line("Plan", amount("USD", 45, 0))])).await;
    let (caller, sent) = (customer.clone(), invoice.clone());
    let failed = Box::pin(while_disconnecting(&world, async move {
        pay_by(&admin, &caller, &sent, &card).await
    }))
    .await;
    assert_eq!(
        (failed.state(), failed.tenders[0].decline_code.as_str()),
        (payment::State::Failed, "METHOD_NOT_OFFERED"),
        "{failed:?}"
    );
    assert_eq!(world.stripe.objects("payment_intent").len(), 0, "Stripe was asked for nothing");
    until_invoice(&owner, &invoice, |own| own.pending == amount("USD", 0, 0)).await;
    connect(&owner, connection()).await.unwrap();

    choose(&owner, "stripe").await;
    let slow = saved(&world.stripe, &shop.admin, &customer, Card::Slow).await;
    choose(&owner, "simulator").await;
    assert_eq!(
        pay_by(&shop.admin, &customer, &invoice, &slow).await.state(),
        payment::State::Processing
    );
    let refused = disconnect(&owner).await.unwrap_err();
    let in_use = refused.get_details_error_info().unwrap().metadata["in_use"].clone();
    assert_eq!((reason(&refused).as_str(), in_use.as_str()), ("STRIPE_IN_USE", "CHARGES"));
    world.stripe.settle(None);
    let intent = world.stripe.objects("payment_intent").pop().unwrap();
    assert_eq!(
        StripeServer::notify(world.suite.gateway, "acme", "payment_intent.succeeded", &intent)
            .await,
        204
    );
    until_invoice(&owner, &invoice, |own| own.state() == invoice::State::Paid).await;
    disconnect(&owner).await.unwrap();
    invariants::hold(&world).await;
    world.end().await;
}
