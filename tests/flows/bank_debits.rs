//! Bank accounts are debited under a mandate, after notice; the money is there days later, and a
//! debit that fails takes nothing else with it.

use crate::{
    chargebacks::{methods, take_back},
    clocks::{advance, start},
    collections::{DAY, START, desk},
    invariants,
    invoices::{draft, issued, line, read},
    mails::{mails, mails_of, text},
    payments::{by, credit},
    top_ups::buy,
    wallets::grant,
};
use payterms_proto::{
    invoicing::v1::{
        CreatePaymentRequest, GetPaymentRequest, Invoice, InvoiceToPay, MailKind, Payment,
        RetryCollectionRequest, collection, invoice, payment, payment_tender,
    },
    wallet::v1::{
        GetTopUpRequest, ListPaymentMethodsRequest, Minimum, SetCollectionMethodRequest,
        TurnOnPrepaymentRequest, UpdateWalletSettingsRequest, WalletSettings, payment_method::Kind,
        top_up,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};
use prost_types::FieldMask;

on_both!(
    an_account_is_saved_with_its_mandate_and_buys_credit_when_it_settles,
    a_debit_stays_pending_and_takes_nothing_with_it,
    a_card_charged_back_while_a_debit_waits_is_taken_in_when_it_ends,
    collection_gives_notice_before_it_debits,
);

pub(crate) async fn account(world: &World, admin: &Session, customer: &str, token: &str) -> String {
    shop::save(admin, &world.suite.gateway, customer, Kind::BankDebit, token)
        .await
        .unwrap()
        .unwrap()
}

async fn an_account_is_saved_with_its_mandate_and_buys_credit_when_it_settles(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (owner, admin) =
        (world.someone("OWNER", None), world.someone("CUSTOMER_ADMIN", Some(&customer)));
    shop::open(&owner, "acme").await.unwrap();
    assert!(
        shop::save(&admin, &world.suite.gateway, &customer, Kind::BankDebit, "tok_visa")
            .await
            .is_err(),
        "no card on this page"
    );
    let saved = account(world, &admin, &customer, "tok_bank").await;
    let list = ListPaymentMethodsRequest { parent: customer.clone(), ..Default::default() };
    let payment_method = admin
        .methods()
        .list_payment_methods(list)
        .await
        .unwrap()
        .into_inner()
        .payment_methods
        .remove(0);
    assert_eq!(
        (payment_method.kind(), payment_method.last_four.as_str(), payment_method.expire_year),
        (Kind::BankDebit, "3000", 0)
    );
    assert!(
        payment_method.mandate_reference.starts_with("MD-")
            && payment_method.collection_method
            && payment_method.purchase_default,
        "{payment_method:?}"
    );
    let ask =
        async || admin.top_ups().create_top_up(buy(&wallet, &saved, amount("USD", 50, 0))).await;
    assert_eq!(reason(&ask().await.unwrap_err()), "METHOD_NOT_OFFERED");
    let kinds = vec![Kind::Card.into(), Kind::BankDebit.into()];
    let settings = WalletSettings {
        name: "tenants/acme/walletSettings".into(),
        methods: kinds.clone(),
        minimums: vec![Minimum { kind: Kind::BankDebit.into(), amount: amount("USD", 30, 0) }],
        ..WalletSettings::default()
    };
    let mask = FieldMask { paths: vec!["methods".into(), "minimums".into()] };
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask: Some(mask),
        ..Default::default()
    };
    owner.settings().update_wallet_settings(update).await.unwrap();
    let on = TurnOnPrepaymentRequest {
        request_id: request_id(),
        name: "tenants/acme/walletSettings".into(),
        methods: kinds,
        ..Default::default()
    };
    owner.settings().turn_on_prepayment(on).await.unwrap();
    let low = admin
        .top_ups()
        .create_top_up(buy(&wallet, &saved, amount("USD", 29, 99)))
        .await
        .unwrap_err();
    assert_eq!(reason(&low), "BELOW_MINIMUM", "the minimum of its kind");
    let bought = ask().await.unwrap().into_inner().top_up.unwrap();
    assert_eq!(bought.state(), top_up::State::Processing);
    let read = async || {
        let get = GetTopUpRequest { name: bought.name.clone() };
        admin.top_ups().get_top_up(get).await.unwrap().into_inner().top_up.unwrap().state()
    };
    advance(world, START + DAY).await;
    assert_eq!(read().await, top_up::State::Processing, "credited when settled");
    advance(world, START + 2 * DAY + 3_600).await;
    assert_eq!(read().await, top_up::State::Succeeded);
    invariants::hold(world).await;
}

async fn pay(admin: &Session, invoice: &Invoice, account: &str) -> Payment {
    let customer = invoice.name.split("/invoices/").next().unwrap();
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: customer.into(),
        invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
        tenders: vec![by(account, None), credit(amount("USD", 30, 0))],
        ..Default::default()
    };
    admin.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap()
}

async fn a_debit_stays_pending_and_takes_nothing_with_it(world: &World) {
    let desk = desk(world, None).await;
    let wallet = world.wallet(&desk.customer, "USD").await;
    grant(world, &wallet, amount("USD", 60, 0), 0).await;
    let cases = [
        (3, "tok_bank", payment::State::Succeeded, 0),
        (6, "tok_bank_refused", payment::State::Partial, 70),
    ];
    for (day, token, state, open) in cases {
        let saved = account(world, &desk.admin, &desk.customer, token).await;
        let invoice = issued(
            &desk.owner,
            draft(&desk.customer, "USD", vec![line("Plan", amount("USD", 100, 0))]),
        )
        .await;
        let begun = pay(&desk.admin, &invoice, &saved).await;
        assert_eq!(begun.state(), payment::State::Processing);
        let waiting = read(&desk.owner, &invoice.name).await.unwrap();
        assert_eq!(
            (waiting.state(), waiting.pending),
            (invoice::State::Open, amount("USD", 100, 0))
        );
        advance(world, START + day * DAY).await;
        let get = GetPaymentRequest { name: begun.name.clone() };
        let ended =
            desk.admin.payments().get_payment(get).await.unwrap().into_inner().payment.unwrap();
        assert_eq!(ended.state(), state, "{token}");
        assert_eq!(
            ended.tenders[0].state(),
            payment_tender::State::Succeeded,
            "what credit paid stays paid"
        );
        let after = read(&desk.owner, &invoice.name).await.unwrap();
        assert_eq!(
            (after.open, after.pending),
            (amount("USD", open, 0), amount("USD", 0, 0)),
            "{token}"
        );
    }
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_card_charged_back_while_a_debit_waits_is_taken_in_when_it_ends(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    world.wallet(&desk.customer, "USD").await;
    let card = methods(&desk.admin, &desk.customer).await.remove(0);
    let bank = account(world, &desk.admin, &desk.customer, "tok_bank").await;
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: desk.invoice.name.clone(), amount: None }],
        tenders: vec![by(&card.name, amount("USD", 40, 0)), by(&bank, None)],
        ..Default::default()
    };
    let begun =
        desk.admin.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap();
    assert_eq!(begun.state(), payment::State::Processing);
    let simulator = &world.suite.simulator;
    let list: Vec<serde_json::Value> =
        reqwest::get(format!("{simulator}/v1/acme/charges")).await.unwrap().json().await.unwrap();
    let charge = list.iter().find(|value| value["amount"] == "40").unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    take_back(simulator, &charge).await;
    let paid = async || read(&desk.owner, &desk.invoice.name).await.unwrap();
    advance(world, START + DAY).await;
    assert_eq!(
        (paid().await.open, paid().await.pending),
        (amount("USD", 100, 0), amount("USD", 100, 0)),
        "nothing has ended yet"
    );
    advance(world, START + 3 * DAY).await;
    let invoice = paid().await;
    assert_eq!(
        (invoice.state(), invoice.open, invoice.paid),
        (invoice::State::Open, amount("USD", 40, 0), amount("USD", 60, 0)),
        "once, when it ended"
    );
    let get = GetPaymentRequest { name: begun.name };
    let ended = desk.admin.payments().get_payment(get).await.unwrap().into_inner().payment.unwrap();
    let taken: Vec<_> = ended
        .tenders
        .iter()
        .map(|payment_tender| payment_tender.charged_back.clone().unwrap().units)
        .collect();
    assert_eq!((ended.state(), taken), (payment::State::Succeeded, vec![40, 0]));
    advance(world, START + 5 * DAY).await;
    assert_eq!(paid().await.open, amount("USD", 40, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn collection_gives_notice_before_it_debits(world: &World) {
    let desk = desk(world, None).await;
    let saved = account(world, &desk.admin, &desk.customer, "tok_bank").await;
    let point =
        SetCollectionMethodRequest { request_id: request_id(), name: saved, ..Default::default() };
    desk.admin.methods().set_collection_method(point).await.unwrap();
    let name = desk.invoice.name.clone();
    // Due on 31 January, 00:00 in Sydney.
    let due = START + 30 * DAY - 11 * 3_600;
    advance(world, due).await;
    let notice = mails_of(&desk.owner, MailKind::DebitNotice, 1).await.remove(0);
    let words = text(&desk.owner, &notice).await;
    assert!(
        words.contains("2 February 2026") && words.contains("3000") && words.contains("MD-"),
        "{words}"
    );
    let waiting = read(&desk.owner, &name).await.unwrap();
    assert_eq!(
        (waiting.collection.unwrap().state(), waiting.pending),
        (collection::State::Scheduled, amount("USD", 0, 0))
    );
    // By hand it is no earlier; from another account it is told anew.
    let retry = RetryCollectionRequest {
        request_id: request_id(),
        name: name.clone(),
        ..Default::default()
    };
    desk.owner.collections().retry_collection(retry).await.unwrap();
    advance(world, due + DAY).await;
    let still = read(&desk.owner, &name).await.unwrap();
    assert_eq!(
        (still.collection.unwrap().state(), still.pending),
        (collection::State::Scheduled, amount("USD", 0, 0))
    );
    assert_eq!(mails(&desk.owner, MailKind::DebitNotice).await.len(), 1);
    let other = account(world, &desk.admin, &desk.customer, "tok_bank").await;
    desk.admin
        .methods()
        .set_collection_method(SetCollectionMethodRequest {
            request_id: request_id(),
            name: other,
            ..Default::default()
        })
        .await
        .unwrap();
    advance(world, due + 2 * DAY).await;
    let notice = mails_of(&desk.owner, MailKind::DebitNotice, 2).await.remove(0);
    assert!(text(&desk.owner, &notice).await.contains("4 February 2026"));
    advance(world, due + 4 * DAY).await;
    assert_eq!(
        read(&desk.owner, &name).await.unwrap().collection.unwrap().state(),
        collection::State::Processing
    );
    advance(world, due + 6 * DAY + 3_600).await;
    assert_eq!(read(&desk.owner, &name).await.unwrap().state(), invoice::State::Paid);
    assert_eq!(mails(&desk.owner, MailKind::DebitNotice).await.len(), 2);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
