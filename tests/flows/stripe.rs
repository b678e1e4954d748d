//! A tenant takes real cards: its account at Stripe is connected, a card is saved on Stripe's page,
//! charged, given back.

use crate::invariants;
use payterms_proto::wallet::v1::{
    ConnectStripeRequest, DisconnectStripeRequest, GetMethodSetupRequest, GetTopUpRequest,
    GetWalletSettingsRequest, ListPaymentMethodsRequest, MethodSetup, RemovePaymentMethodRequest,
    StartMethodSetupRequest, TopUp, TurnOnPrepaymentRequest, UpdateWalletSettingsRequest,
    WalletSettings, payment_method::Kind,
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{
    World, on_both, reason,
    stripe::{ACCOUNT, Card, Fault, KEY, StripeServer, WEBHOOK_SECRET},
    violations,
};
use prost_types::FieldMask;
use sea_orm::{ConnectionTrait, Statement};
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both!(
    an_account_is_connected_and_its_secrets_are_not_shown,
    another_account_is_refused_once_a_card_is_saved,
);

pub(crate) const SETTINGS: &str = "tenants/acme/walletSettings";

pub(crate) fn connection() -> ConnectStripeRequest {
    ConnectStripeRequest {
        request_id: request_id(),
        name: SETTINGS.to_owned(),
        secret_key: KEY.to_owned(),
        webhook_secret: WEBHOOK_SECRET.to_owned(),
        connected_account: String::new(),
        return_url: "https://shop.example/back".to_owned(),
    }
}

pub(crate) async fn connect(
    owner: &Session,
    request: ConnectStripeRequest,
) -> Result<WalletSettings, Status> {
    Ok(owner.settings().connect_stripe(request).await?.into_inner().wallet_settings.unwrap())
}

/// Chooses Stripe as the default provider of cards.
async fn choose(owner: &Session) -> Result<WalletSettings, Status> {
    let settings = WalletSettings {
        name: SETTINGS.to_owned(),
        provider: "stripe".to_owned(),
        provider_default: true,
        methods: vec![Kind::Card.into()],
        ..WalletSettings::default()
    };
    let update_mask = Some(FieldMask {
        paths: ["provider", "provider_default", "methods"].map(str::to_owned).to_vec(),
    });
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask,
        ..Default::default()
    };
    Ok(owner.settings().update_wallet_settings(update).await?.into_inner().wallet_settings.unwrap())
}

/// Connects the account, chooses Stripe and turns prepayment on.
pub(crate) async fn open(owner: &Session) {
    connect(owner, connection()).await.unwrap();
    choose(owner).await.unwrap();
    let turn_on = TurnOnPrepaymentRequest {
        request_id: request_id(),
        name: SETTINGS.to_owned(),
        methods: Vec::new(),
        ..Default::default()
    };
    owner.settings().turn_on_prepayment(turn_on).await.unwrap();
}

pub(crate) async fn start(admin: &Session, customer: &str) -> MethodSetup {
    start_for(admin, customer, Kind::Card).await.unwrap()
}

pub(crate) async fn start_for(
    admin: &Session,
    customer: &str,
    kind: Kind,
) -> Result<MethodSetup, Status> {
    let start = StartMethodSetupRequest {
        request_id: request_id(),
        parent: customer.to_owned(),
        kind: kind.into(),
        ..Default::default()
    };
    Ok(admin.methods().start_method_setup(start).await?.into_inner().method_setup.unwrap())
}

pub(crate) async fn setup(admin: &Session, name: &str) -> MethodSetup {
    let get = GetMethodSetupRequest { name: name.to_owned() };
    admin.methods().get_method_setup(get).await.unwrap().into_inner().method_setup.unwrap()
}

/// Saves a card, and answers the method's name.
pub(crate) async fn saved(
    stripe: &StripeServer,
    admin: &Session,
    customer: &str,
    card: Card,
) -> String {
    let started = start(admin, customer).await;
    let _ = stripe.save_card(&started.hosted_url, card);
    setup(admin, &started.name).await.payment_method
}

pub(crate) async fn top_up(admin: &Session, name: &str) -> TopUp {
    admin
        .top_ups()
        .get_top_up(GetTopUpRequest { name: name.to_owned() })
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap()
}

async fn an_account_is_connected_and_its_secrets_are_not_shown(world: &World) {
    world.usual().await;
    let owner = world.someone("OWNER", None);
    assert_eq!(reason(&choose(&owner).await.unwrap_err()), "STRIPE_NOT_CONNECTED");
    let wrong = ConnectStripeRequest {
        secret_key: "pk_test_0123456789acme".to_owned(),
        webhook_secret: "secret".to_owned(),
        connected_account: "1Acme".to_owned(),
        return_url: "http://shop.example/".to_owned(),
        ..connection()
    };
    let refused = connect(&owner, wrong).await.unwrap_err();
    let fields = ["secret_key", "webhook_secret", "connected_account", "return_url"]
        .map(|field| format!("{field}: FIELD_INVALID_CHARS"));
    assert_eq!(violations(&refused), fields);
    for unknown in [
        ConnectStripeRequest { secret_key: "sk_test_9999999999none".to_owned(), ..connection() },
        ConnectStripeRequest { connected_account: "acct_2Other".to_owned(), ..connection() },
    ] {
        let refused = connect(&owner, unknown).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "STRIPE_KEY_REFUSED")
        );
        assert!(!format!("{refused:?}").contains("sk_test"), "{refused:?}");
    }
    world.stripe.fail("GET /v1/account", Fault::TooMany);
    assert_eq!(reason(&connect(&owner, connection()).await.unwrap_err()), "PROVIDER_UNAVAILABLE");

    let request = connection();
    let settings = connect(&owner, request.clone()).await.unwrap();
    assert_eq!(connect(&owner, request).await.unwrap(), settings, "the same again");
    let own = settings.stripe.clone().unwrap();
    assert_eq!(
        (own.account.as_str(), own.live, own.connected_account, own.key_ending.as_str()),
        (ACCOUNT, false, false, "acme")
    );
    assert_eq!(
        (own.return_url.as_str(), own.notification_path.as_str()),
        ("https://shop.example/back", "/notifications/stripe/acme")
    );
    assert_eq!(choose(&owner).await.unwrap().provider, "stripe");
    let read = GetWalletSettingsRequest { name: SETTINGS.to_owned() };
    let read = world
        .someone("STAFF", None)
        .settings()
        .get_wallet_settings(read)
        .await
        .unwrap()
        .into_inner();
    assert!(
        !format!("{read:?}").contains(KEY) && read.wallet_settings.unwrap().stripe == Some(own)
    );
    nowhere_in_the_open(world).await;
    invariants::hold(world).await;
}

pub(crate) async fn another_account_is_refused_once_a_card_is_saved(world: &World) {
    let (customer, _) = world.usual().await;
    let owner = world.someone("OWNER", None);
    // Before a card is saved the account may change, afterwards its key alone.
    world.stripe.add_key("sk_test_0123456789more", "acct_3More");
    world.stripe.connect("acct_4Below");
    for (key, account) in [("sk_test_0123456789more", ""), (KEY, "acct_4Below"), (KEY, "")] {
        let other = ConnectStripeRequest {
            secret_key: key.to_owned(),
            connected_account: account.to_owned(),
            ..connection()
        };
        connect(&owner, other).await.unwrap();
    }
    choose(&owner).await.unwrap();
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    saved(&world.stripe, &admin, &customer, Card::Good).await;
    let other =
        ConnectStripeRequest { secret_key: "sk_test_0123456789more".to_owned(), ..connection() };
    assert_eq!(reason(&connect(&owner, other).await.unwrap_err()), "STRIPE_ACCOUNT_DIFFERS");
    world.stripe.add_key("rk_test_0123456789roll", ACCOUNT);
    world.stripe.drop_key(KEY);
    let rolled =
        ConnectStripeRequest { secret_key: "rk_test_0123456789roll".to_owned(), ..connection() };
    connect(&owner, rolled.clone()).await.unwrap();
    saved(&world.stripe, &admin, &customer, Card::Good).await;

    let refused = disconnect(&owner).await.unwrap_err();
    assert_eq!(
        (
            reason(&refused).as_str(),
            refused.get_details_error_info().unwrap().metadata["in_use"].as_str()
        ),
        ("STRIPE_IN_USE", "COLLECTION_METHODS")
    );
    let list = ListPaymentMethodsRequest { parent: customer.clone(), ..Default::default() };
    for method in
        admin.methods().list_payment_methods(list).await.unwrap().into_inner().payment_methods
    {
        let remove = RemovePaymentMethodRequest {
            request_id: request_id(),
            name: method.name,
            ..Default::default()
        };
        admin.methods().remove_payment_method(remove).await.unwrap();
    }
    let without = disconnect(&owner).await.unwrap();
    assert_eq!((without.provider.as_str(), without.stripe), ("", None));
    assert_eq!(reason(&disconnect(&owner).await.unwrap_err()), "STRIPE_NOT_CONNECTED");
    let (conn, s) = world.rows("wallet").await;
    let erased = format!(
        "SELECT tenant FROM {s}wallet_settings WHERE stripe_key IS NULL AND stripe_webhook_secret IS NULL"
    );
    assert_eq!(
        conn.query_all_raw(Statement::from_string(conn.get_database_backend(), erased))
            .await
            .unwrap()
            .len(),
        1
    );
    conn.close().await.unwrap();
    // Methods are on record: no other account takes their place.
    let other =
        ConnectStripeRequest { secret_key: "sk_test_0123456789more".to_owned(), ..connection() };
    assert_eq!(reason(&connect(&owner, other).await.unwrap_err()), "STRIPE_ACCOUNT_DIFFERS");
    connect(&owner, ConnectStripeRequest { request_id: request_id(), ..rolled }).await.unwrap();
    invariants::hold(world).await;
}

pub(crate) async fn disconnect(owner: &Session) -> Result<WalletSettings, Status> {
    let request = DisconnectStripeRequest {
        request_id: request_id(),
        name: SETTINGS.to_owned(),
        ..Default::default()
    };
    Ok(owner.settings().disconnect_stripe(request).await?.into_inner().wallet_settings.unwrap())
}

/// The secrets stand in no row of the wallet: neither in the settings, nor in what is kept of
/// requests and events.
async fn nowhere_in_the_open(world: &World) {
    let (conn, s) = world.rows("wallet").await;
    for (table, column) in [
        ("wallet_settings", "stripe_key"),
        ("wallet_settings", "stripe_webhook_secret"),
        ("requests", "answer"),
        ("outbox", "data"),
    ] {
        let select = Statement::from_string(
            conn.get_database_backend(),
            format!("SELECT {column} AS bytes FROM {s}{table}"),
        );
        for row in conn.query_all_raw(select).await.unwrap() {
            let bytes: Option<Vec<u8>> = row.try_get("", "bytes").unwrap();
            let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
            assert!(!text.contains("0123456789acme"), "{table}.{column}");
        }
    }
    conn.close().await.unwrap();
}
