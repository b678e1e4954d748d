//! What is left of bought credit goes back to the card that paid it, with its tax and a credit note
//! of the receipt.

use crate::{
    chargebacks::take_back,
    disputes::disputed,
    disputes_of_parts::charge_of,
    documents::{acme, business, receipts_of, taxed_sale},
    invariants,
    invoices::taxed,
    mails::{mails, mails_of, text},
    rig::{self, retry, until},
    sources::{count_of, named_sources},
    top_ups::{buy, card, shop},
    wallets::debit,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{GetDocumentRequest, MailKind, Receipt},
    wallet::v1::{
        AutoRecharge, CreateTopUpRequest, GetTopUpRefundRequest, GetTopUpRequest, GetWalletRequest,
        ListTopUpRefundsRequest, RefundTopUpRequest, RemoveAutoRechargeRequest,
        RemovePaymentMethodRequest, TopUp, TopUpRefund,
        auto_recharge::{self, ThresholdRecharge},
        dispute,
        entry::Kind,
        top_up_refund::State,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use tonic::{Code, Status};

on_both!(
    what_is_left_goes_back_in_parts_with_its_tax,
    what_is_spent_or_never_bought_is_not_refunded,
    a_card_that_takes_no_refund_leaves_the_credit,
    a_lost_answer_refunds_once,
    a_rule_that_would_buy_it_again_is_named,
);

async fn bought(admin: &Session, wallet: &str, money: Option<Money>) -> TopUp {
    admin
        .top_ups()
        .create_top_up(buy(wallet, "", money))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap()
}

fn refund_of(top_up: &TopUp, credit: Option<Money>) -> RefundTopUpRequest {
    RefundTopUpRequest {
        request_id: request_id(),
        name: top_up.name.clone(),
        credit,
        explanation: "The account is closed.".into(),
    }
}

pub(crate) async fn refund(
    session: &Session,
    top_up: &TopUp,
    credit: Option<Money>,
) -> Result<TopUpRefund, Status> {
    let answer = session.top_ups().refund_top_up(refund_of(top_up, credit)).await?;
    Ok(answer.into_inner().top_up_refund.unwrap())
}

async fn posted(session: &Session, wallet: &str) -> Option<Money> {
    let read = session
        .wallets()
        .get_wallet(GetWalletRequest { name: wallet.into() })
        .await
        .unwrap()
        .into_inner();
    read.wallet.unwrap().balance.unwrap().posted
}

/// Waits until the receipt has so many credit notes: they follow the refund.
async fn credited(session: &Session, customer: &str, count: usize) -> Receipt {
    let read = async || Ok(receipts_of(session, customer, 1).await.remove(0));
    until(read, |receipt| receipt.credit_notes.len() == count).await
}

/// 55.00 with 10 % tax are 50.00 of credit: 20.00 are spent, 10.01 go back with 1.00, the rest with
/// the rest of its tax.
pub(crate) async fn what_is_left_goes_back_in_parts_with_its_tax(world: &World) {
    shop(world).await;
    business(world, acme()).await;
    taxed(world, &[("AU", "", "10", false), ("GB", "", "0", false)]).await;
    taxed_sale(world).await;
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    card(world, &admin, &customer, "tok_visa").await;
    let top_up = bought(&admin, &wallet, amount("USD", 55, 0)).await;
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 20, 0)))
        .await
        .unwrap();
    let request = refund_of(&top_up, amount("USD", 10, 1));
    let first = owner
        .top_ups()
        .refund_top_up(request.clone())
        .await
        .unwrap()
        .into_inner()
        .top_up_refund
        .unwrap();
    let figures = |top_up_refund: &TopUpRefund| {
        (
            top_up_refund.state(),
            top_up_refund.credit.clone(),
            top_up_refund.tax.clone(),
            top_up_refund.amount.clone(),
        )
    };
    let expected =
        (State::Succeeded, amount("USD", 10, 1), amount("USD", 1, 0), amount("USD", 11, 1));
    assert_eq!(figures(&first), expected);
    let again = owner.top_ups().refund_top_up(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner().top_up_refund, Some(first.clone()));
    let second = refund(&owner, &top_up, None).await.unwrap();
    assert_eq!(
        figures(&second).2,
        amount("USD", 2, 0),
        "30.00 of 50.00 are 3.00 of tax, less 1.00"
    );
    assert_eq!(posted(&admin, &wallet).await, amount("USD", 0, 0));
    its_refunds_are_read(&admin, &wallet, &top_up, &first, second).await;
    let receipt = credited(&admin, &customer, 2).await;
    let note = &receipt.credit_notes[0];
    assert_eq!(
        (note.amount.clone(), note.top_up_refund.as_str()),
        (amount("USD", 11, 1), first.name.as_str())
    );
    assert_eq!(
        (note.explanation.as_str(), note.receipt_number.as_str()),
        ("The account is closed.", receipt.number.as_str())
    );
    assert!(note.number.starts_with("RCN-") && note.number.ends_with("-000001"), "{}", note.number);
    let get = GetDocumentRequest { name: note.name.clone() };
    assert!(
        admin
            .documents()
            .get_document(get)
            .await
            .unwrap()
            .into_inner()
            .document
            .unwrap()
            .content
            .starts_with(b"%PDF")
    );
    let mails = mails_of(&owner, MailKind::TopUpRefunded, 2).await;
    let words = text(&owner, &mails[1]).await;
    assert!(words.contains(&note.number) && words.contains(&receipt.number), "{words}");
    assert!(
        words.contains("That is 10.01\u{a0}USD of your credit and 1.00\u{a0}USD of tax."),
        "{words}"
    );
    assert_eq!(mails[1].attachments, std::slice::from_ref(&note.name));
    invariants::hold(world).await;
}

/// At the top-up, by name, as a list, and as entries of the wallet.
async fn its_refunds_are_read(
    admin: &Session,
    wallet: &str,
    top_up: &TopUp,
    first: &TopUpRefund,
    second: TopUpRefund,
) {
    let read = admin
        .top_ups()
        .get_top_up(GetTopUpRequest { name: top_up.name.clone() })
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    assert_eq!(read.refunded_amount, amount("USD", 33, 0));
    let get = GetTopUpRefundRequest { name: first.name.clone() };
    assert_eq!(
        admin.top_ups().get_top_up_refund(get).await.unwrap().into_inner().top_up_refund,
        Some(first.clone())
    );
    let list =
        ListTopUpRefundsRequest { parent: top_up.name.clone(), page_size: 1, ..Default::default() };
    let page = admin.top_ups().list_top_up_refunds(list).await.unwrap().into_inner();
    assert_eq!((page.top_up_refunds, page.next_page_token.is_empty()), (vec![second], false));
    let entries = named_sources(admin, wallet).await;
    assert_eq!((count_of(&entries, Kind::TopUp), count_of(&entries, Kind::TopUpRefund)), (1, 2));
    assert_eq!(entries.last().map(|entry| entry.source.as_str()), Some(top_up.name.as_str()));
}

async fn what_is_spent_or_never_bought_is_not_refunded(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let owner = world.someone("OWNER", None);
    let good = card(world, &admin, &customer, "tok_visa").await;
    let top_up = bought(&admin, &wallet, amount("USD", 25, 0)).await;
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 5, 0)))
        .await
        .unwrap();
    // Other credit is not the top-up's.
    crate::wallets::grant(world, &wallet, amount("USD", 100, 0), 5).await;
    let refused = refund(&owner, &top_up, amount("USD", 20, 1)).await.unwrap_err();
    assert_eq!(reason(&refused), "REFUND_TOO_LARGE");
    assert!(refused.message().contains("20"), "{}", refused.message());
    refund(&owner, &top_up, amount("USD", 20, 0)).await.unwrap();
    assert_eq!(
        reason(&refund(&owner, &top_up, None).await.unwrap_err()),
        "REFUND_TOO_LARGE",
        "nothing is left"
    );
    let bad = card(world, &admin, &customer, "tok_declined").await;
    let request =
        CreateTopUpRequest { payment_method: bad, ..buy(&wallet, "", amount("USD", 25, 0)) };
    let failed = admin.top_ups().create_top_up(request).await.unwrap().into_inner().top_up.unwrap();
    assert_eq!(reason(&refund(&owner, &failed, None).await.unwrap_err()), "TOP_UP_STATE");
    let foreign = TopUp {
        name: top_up
            .name
            .replace(&wallet, &world.wallet(&world.customer("acme", "GB").await, "USD").await),
        ..top_up
    };
    assert_eq!(refund(&owner, &foreign, None).await.unwrap_err().code(), Code::NotFound);
    assert!(!good.is_empty());
    invariants::hold(world).await;
}

async fn a_card_that_takes_no_refund_leaves_the_credit(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let owner = world.someone("OWNER", None);
    card(world, &admin, &customer, "tok_refund_fails").await;
    let top_up = bought(&admin, &wallet, amount("USD", 25, 0)).await;
    let failed = refund(&owner, &top_up, None).await.unwrap();
    assert_eq!(
        (failed.state(), posted(&admin, &wallet).await),
        (State::Failed, amount("USD", 25, 0))
    );
    let read = admin
        .top_ups()
        .get_top_up(GetTopUpRequest { name: top_up.name.clone() })
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    assert_eq!(read.refunded_amount, amount("USD", 0, 0));
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 25, 0)))
        .await
        .unwrap();
    assert!(mails(&owner, MailKind::TopUpRefunded).await.is_empty());
    invariants::hold(world).await;
}

async fn a_lost_answer_refunds_once(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    card(world, &admin, &customer, "tok_refund_lost").await;
    let top_up = bought(&admin, &wallet, amount("USD", 25, 0)).await;
    let done = refund(&world.someone("ADMIN", None), &top_up, None).await.unwrap();
    assert_eq!(
        (done.state(), posted(&admin, &wallet).await),
        (State::Succeeded, amount("USD", 0, 0))
    );
    invariants::hold(world).await;
}

pub(crate) async fn a_rule_that_would_buy_it_again_is_named(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let top_up = bought(&admin, &wallet, amount("USD", 60, 0)).await;
    let rules = AutoRecharge {
        threshold: amount("USD", 50, 0),
        threshold_recharge: amount("USD", 40, 0).map(ThresholdRecharge::ThresholdAmount),
        ..AutoRecharge::default()
    };
    crate::recharges::set(&admin, &wallet, rules.clone()).await.unwrap();
    let owner = world.someone("OWNER", None);
    assert_eq!(reason(&refund(&owner, &top_up, None).await.unwrap_err()), "RECHARGE_WOULD_FOLLOW");
    refund(&owner, &top_up, amount("USD", 10, 0)).await.unwrap();
    assert_eq!(
        posted(&admin, &wallet).await,
        amount("USD", 50, 0),
        "down to the threshold nothing is bought"
    );
    // The customer is gone: a person of the tenant takes the rules away.
    let (staff, remove) = (
        world.someone("ADMIN", None),
        RemoveAutoRechargeRequest {
            request_id: request_id(),
            name: format!("{wallet}/autoRecharge"),
            explanation: "Your account is closed.".into(),
        },
    );
    let left = staff
        .recharges()
        .remove_auto_recharge(remove.clone())
        .await
        .unwrap()
        .into_inner()
        .auto_recharge
        .unwrap();
    assert_eq!((left.state(), left.threshold), (auto_recharge::State::Off, None));
    let again = RemoveAutoRechargeRequest { request_id: request_id(), ..remove };
    assert_eq!(
        reason(&staff.recharges().remove_auto_recharge(again).await.unwrap_err()),
        "RECHARGE_STATE"
    );
    let mail = mails_of(&owner, MailKind::RechargeRemoved, 1).await.remove(0);
    assert!(
        text(&owner, &mail)
            .await
            .contains("switched your automatic top-up off: Your account is closed."),
        "{mail:?}"
    );
    refund(&owner, &top_up, amount("USD", 10, 0)).await.unwrap();
    // A card whose charge is disputed may be charged again by itself once the dispute is won.
    bought(&admin, &wallet, amount("USD", 25, 0)).await;
    crate::recharges::set(
        &admin,
        &wallet,
        AutoRecharge { threshold: amount("USD", 40, 0), ..rules },
    )
    .await
    .unwrap();
    take_back(&world.suite.simulator, &charge_of(&world.suite.simulator, "25").await).await;
    disputed(&owner, dispute::State::Open).await;
    assert_eq!(reason(&refund(&owner, &top_up, None).await.unwrap_err()), "RECHARGE_WOULD_FOLLOW");
    // Without a card that could be charged, nothing would be bought again.
    let remove =
        RemovePaymentMethodRequest { request_id: request_id(), name: visa, ..Default::default() };
    admin.methods().remove_payment_method(remove).await.unwrap();
    refund(&owner, &top_up, None).await.unwrap();
    assert_eq!(posted(&admin, &wallet).await, amount("USD", 0, 0));
    invariants::hold(world).await;
}

/// Every point that a refund passes, in its order.
const POINTS: [&str; 4] = [
    "top_up_refund.after_intent",
    "top_up_refund.after_provider",
    "top_up_refund.before_record",
    "top_up_refund.after_record",
];

async fn a_refund_survives_a_kill_at_every_point(on_postgres: bool) {
    for point in POINTS {
        let Some(mut rig) = rig::start(on_postgres).await else { return };
        let people = rig.prepare("tok_visa").await;
        let owner = rig.someone("OWNER", None);
        let top_up = bought(&people.admin, &people.wallet, amount("USD", 25, 0)).await;
        let request = refund_of(&top_up, amount("USD", 15, 0));
        let (caller, sent) = (owner.clone(), request.clone());
        rig.die_at(point, async move { caller.top_ups().refund_top_up(sent).await }).await;
        let send = async || {
            owner.top_ups().refund_top_up(request.clone()).await.map(tonic::Response::into_inner)
        };
        let refund = retry(send).await.top_up_refund.unwrap();
        assert_eq!(
            (refund.state(), people.posted().await),
            (State::Succeeded, amount("USD", 10, 0)),
            "{point}"
        );
        assert_eq!(retry(send).await.top_up_refund, Some(refund), "{point}: one refund");
        credited(&people.admin, &people.customer, 1).await;
        invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_survives_a_kill_on_sqlite() {
    a_refund_survives_a_kill_at_every_point(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_survives_a_kill_on_postgres() {
    a_refund_survives_a_kill_at_every_point(true).await;
}
