//! Bank accounts at Stripe: saved with a mandate on Stripe's page, debited for days, refused or
//! returned by the bank.

use crate::{
    invariants,
    stripe::{SETTINGS, open, setup, start_for, top_up},
    top_ups::buy,
};
use payterms_proto::wallet::v1::{
    Dispute, ListDisputesRequest, ListPaymentMethodsRequest, Minimum, TopUp,
    TurnOnPrepaymentRequest, UpdateWalletSettingsRequest, WalletSettings, dispute,
    payment_method::Kind, top_up::State,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{
    World, on_both, reason,
    rig::until,
    stripe::{Card, StripeServer, WEBHOOK_SECRET},
};
use prost_types::FieldMask;
use tonic::Status;

on_both!(an_account_is_debited_for_days_refused_or_returned);

/// Notifications that come again after all is decided, and those that the suite has no use for.
const LATE: [&str; 8] = [
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.refunded",
    "refund.updated",
    "mandate.updated",
];

/// Lets customers buy credit by bank debit, too.
pub(crate) async fn offer_debits(owner: &Session, currency: &str) {
    let kinds = vec![Kind::Card.into(), Kind::BankDebit.into()];
    let settings = WalletSettings {
        name: SETTINGS.to_owned(),
        methods: kinds.clone(),
        minimums: vec![Minimum { kind: Kind::BankDebit.into(), amount: amount(currency, 30, 0) }],
        ..WalletSettings::default()
    };
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask: Some(FieldMask { paths: vec!["methods".to_owned(), "minimums".to_owned()] }),
        ..Default::default()
    };
    owner.settings().update_wallet_settings(update).await.unwrap();
    let turn_on = TurnOnPrepaymentRequest {
        request_id: request_id(),
        name: SETTINGS.to_owned(),
        methods: kinds,
        ..Default::default()
    };
    owner.settings().turn_on_prepayment(turn_on).await.unwrap();
}

async fn bought(admin: &Session, wallet: &str, method: &str) -> TopUp {
    let request = buy(wallet, method, amount("GBP", 50, 0));
    admin.top_ups().create_top_up(request).await.unwrap().into_inner().top_up.unwrap()
}

pub(crate) async fn disputes(owner: &Session) -> Vec<Dispute> {
    let list =
        ListDisputesRequest { parent: "tenants/acme/customers/-".to_owned(), ..Default::default() };
    owner.disputes().list_disputes(list).await.unwrap().into_inner().disputes
}

async fn an_account_is_debited_for_days_refused_or_returned(world: &World) {
    world.tenant("acme").await;
    let (british, japanese) =
        (world.customer("acme", "GB").await, world.customer("acme", "JP").await);
    let wallet = world.wallet(&british, "GBP").await;
    let owner = world.someone("OWNER", None);
    open(&owner).await;
    offer_debits(&owner, "GBP").await;
    let tokyo = world.someone("CUSTOMER_ADMIN", Some(&japanese));
    assert_eq!(
        reason(&start_for(&tokyo, &japanese, Kind::BankDebit).await.unwrap_err()),
        "METHOD_NOT_OFFERED"
    );

    let admin = world.someone("CUSTOMER_ADMIN", Some(&british));
    let started = start_for(&admin, &british, Kind::BankDebit).await.unwrap();
    let _ = world.stripe.save_card(&started.hosted_url, Card::Account);
    let method = setup(&admin, &started.name).await.payment_method;
    let list = ListPaymentMethodsRequest { parent: british.clone(), ..Default::default() };
    let own = admin
        .methods()
        .list_payment_methods(list)
        .await
        .unwrap()
        .into_inner()
        .payment_methods
        .remove(0);
    assert_eq!(
        (own.name.as_str(), own.kind(), own.mandate_reference.as_str()),
        (method.as_str(), Kind::BankDebit, "REF-3000")
    );
    assert_eq!(
        (own.brand.as_str(), own.last_four.as_str(), own.collection_method),
        ("Bacs Direct Debit", "3000", true)
    );

    let notify = async |kind: &str, object: &serde_json::Value| {
        assert_eq!(StripeServer::notify(world.suite.gateway, "acme", kind, object).await, 204);
    };
    let ended = async |own: &TopUp, state: State| {
        until(async || Ok::<_, Status>(top_up(&admin, &own.name).await), |own| own.state() == state)
            .await
    };
    let intent = || world.stripe.objects("payment_intent").pop().unwrap();
    // The bank pays.
    let paid = bought(&admin, &wallet, &method).await;
    assert_eq!(paid.state(), State::Processing, "nothing is credited before the bank has paid");
    world.stripe.settle(None);
    let settled = intent();
    notify("payment_intent.succeeded", &settled).await;
    ended(&paid, State::Succeeded).await;
    // The bank refuses.
    let refused = bought(&admin, &wallet, &method).await;
    world.stripe.settle(Some("bank_account_closed"));
    notify("payment_intent.payment_failed", &intent()).await;
    let refused = ended(&refused, State::Failed).await;
    assert_eq!(
        (refused.decline_code.as_str(), &intent()["status"]),
        ("account_closed", &"canceled".into())
    );
    // The bank returns what it had paid, and nobody decides that any more.
    let returned = world.stripe.dispute(settled["id"].as_str().unwrap(), 5_000, "lost");
    for kind in ["charge.dispute.created", "charge.dispute.closed"] {
        notify(kind, &returned).await;
    }
    ended(&paid, State::ChargedBack).await;
    let found = disputes(&owner).await;
    let [dispute] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((dispute.state(), dispute.r#final), (dispute::State::Lost, true));
    // What comes late, twice, or is nobody's changes nothing; what is given back at Stripe is found
    // by a comparison.
    for kind in LATE {
        notify(kind, &settled).await;
        notify(kind, &returned).await;
        let post = async |event: String, secret: &str, age: i64| {
            StripeServer::post(world.suite.gateway, "acme", event, secret, age).await
        };
        let event = StripeServer::event(kind, &settled);
        let forged = post(event.clone(), "whsec_0123456789none", 0).await;
        assert_eq!(forged, 401, "{kind}: another secret");
        assert_eq!(post(event, WEBHOOK_SECRET, 301).await, 401, "{kind}: an old one");
        let huge = StripeServer::event(kind, &serde_json::json!({ "id": "x".repeat(70_000) }));
        assert_eq!(post(huge, WEBHOOK_SECRET, 0).await, 413, "{kind}");
    }
    assert_eq!(
        (top_up(&admin, &paid.name).await.state(), top_up(&admin, &refused.name).await.state()),
        (State::ChargedBack, State::Failed)
    );
    assert_eq!(disputes(&owner).await, found);
    invariants::hold(world).await;
}
