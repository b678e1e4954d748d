//! After a won dispute all is as it was before: each purchase has its own credit, card and receipt
//! again.

use crate::{
    chargebacks::{charges, take_back},
    disputes::{all_holds, decide, disputed, list, posted},
    disputes_of_parts::{charge_of, take_part},
    documents::{acme, business, receipts_of, taxed_sale},
    invoices::taxed,
    mails::{mails_of, text},
    rig::until,
    sources::{count_of, named_sources},
    top_up_refunds::refund,
    top_ups::{buy, card, shop},
    wallets::debit,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{MailKind, Receipt},
    wallet::v1::{
        GetTopUpRequest, ListLotsRequest, LoseDisputeRequest, TopUp, dispute, entry::Kind, top_up,
        top_up_refund,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};

on_both!(
    each_purchase_has_its_own_credit_and_card_again,
    a_refund_corrects_the_receipts_that_stand,
    a_debt_that_was_paid_meanwhile_is_credit_of_the_disputed_purchase,
    what_the_issuer_left_of_a_lost_purchase_goes_back,
);

/// Purchases are taxed with 10 %.
async fn taxed_shop(world: &World) -> (String, String, Session, Session) {
    shop(world).await;
    business(world, acme()).await;
    taxed(world, &[("AU", "", "10", false), ("GB", "", "0", false)]).await;
    taxed_sale(world).await;
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    (customer, wallet, admin, owner)
}

pub(crate) async fn bought(admin: &Session, wallet: &str, method: &str, units: i64) -> TopUp {
    admin
        .top_ups()
        .create_top_up(buy(wallet, method, amount("USD", units, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap()
}

async fn remaining(admin: &Session, wallet: &str) -> Vec<Option<Money>> {
    let list = ListLotsRequest { parent: wallet.into(), ..Default::default() };
    let mut lots = admin.lots().list_lots(list).await.unwrap().into_inner().lots;
    lots.retain(|lot| lot.remaining != amount("USD", 0, 0));
    lots.into_iter().map(|lot| lot.remaining).collect()
}

/// What the notes of a receipt take off it: credit and tax.
fn credited(receipt: &Receipt) -> Vec<(i64, i64)> {
    let parts = |amount: &Option<Money>| amount.as_ref().map_or(0, |amount| amount.units);
    receipt
        .credit_notes
        .iter()
        .filter_map(|note| note.tax.as_ref())
        .map(|tax| (parts(&tax.net), parts(&tax.tax)))
        .collect()
}

async fn until_credited(
    owner: &Session,
    customer: &str,
    receipts: usize,
    notes: usize,
) -> Vec<Receipt> {
    let read = async || Ok(receipts_of(owner, customer, receipts).await);
    let mut found = until(read, |receipts| {
        receipts.iter().map(|receipt| receipt.credit_notes.len()).sum::<usize>() == notes
    })
    .await;
    found.sort_by(|one, other| one.number.cmp(&other.number));
    found
}

/// The first purchase, by Visa, is spent, the second, by Mastercard, is not. The chargeback of the
/// first takes the second's credit. Won, the second can be refunded to its own card, and the first
/// cannot.
async fn each_purchase_has_its_own_credit_and_card_again(world: &World) {
    let (customer, wallet, admin, owner) = taxed_shop(world).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let master = card(world, &admin, &customer, "tok_mastercard").await;
    let first = bought(&admin, &wallet, &visa, 55).await;
    let visa_charge = charges(&simulator).await.remove(0);
    let second = bought(&admin, &wallet, &master, 66).await;
    let master_charge = charge_of(&simulator, "66").await;
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 50, 0)))
        .await
        .unwrap();
    take_back(&simulator, &visa_charge).await;
    disputed(&owner, dispute::State::Open).await;
    assert_eq!(
        (posted(&admin, &wallet).await, remaining(&admin, &wallet).await),
        (amount("USD", 10, 0), vec![amount("USD", 10, 0)])
    );
    decide(&simulator, &visa_charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    assert_eq!(
        (posted(&admin, &wallet).await, remaining(&admin, &wallet).await),
        (amount("USD", 60, 0), vec![amount("USD", 60, 0)])
    );
    let get = GetTopUpRequest { name: first.name.clone() };
    assert_eq!(
        admin.top_ups().get_top_up(get).await.unwrap().into_inner().top_up.unwrap().state(),
        top_up::State::Succeeded
    );
    assert_eq!(
        reason(&refund(&owner, &first, None).await.unwrap_err()),
        "REFUND_TOO_LARGE",
        "all of it was spent"
    );
    let given = refund(&owner, &second, None).await.unwrap();
    assert_eq!((given.credit, given.tax), (amount("USD", 60, 0), amount("USD", 6, 0)));
    let refunds: Vec<serde_json::Value> =
        reqwest::get(format!("{simulator}/v1/acme/refunds")).await.unwrap().json().await.unwrap();
    assert!(refunds.len() == 1 && refunds[0]["charge"] == master_charge.as_str(), "{refunds:?}");
    let receipts = until_credited(&owner, &customer, 3, 2).await;
    let of = |top_up: &TopUp| {
        receipts
            .iter()
            .filter(|receipt| receipt.top_up == top_up.name)
            .map(credited)
            .collect::<Vec<_>>()
    };
    assert_eq!((of(&first), of(&second)), (vec![vec![(50, 5)], vec![]], vec![vec![(60, 6)]]));
    let entries = named_sources(&owner, &wallet).await;
    let disputed = |kind: Kind| {
        entries.iter().filter(|entry| entry.kind() == kind).all(|entry| entry.source == first.name)
    };
    assert!(
        disputed(Kind::Chargeback)
            && disputed(Kind::DisputeWon)
            && count_of(&entries, Kind::DisputeWon) > 0,
        "{entries:?}"
    );
    all_holds(world).await;
}

/// Of 55.00 the issuer takes 22.00, and gives them back; then all is refunded: 22.00 off the new
/// receipt, 33.00 off the first. One mail brings both notes.
async fn a_refund_corrects_the_receipts_that_stand(world: &World) {
    let (customer, wallet, admin, owner) = taxed_shop(world).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let top_up = bought(&admin, &wallet, &visa, 55).await;
    let charge = charges(&simulator).await.remove(0);
    take_part(&simulator, &charge, 22).await;
    disputed(&owner, dispute::State::Open).await;
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    until_credited(&owner, &customer, 2, 1).await;
    let some = refund(&owner, &top_up, amount("USD", 10, 0)).await.unwrap();
    assert_eq!((some.credit, some.tax), (amount("USD", 10, 0), amount("USD", 1, 0)));
    let receipts = until_credited(&owner, &customer, 2, 2).await;
    assert_eq!(
        (credited(&receipts[0]), credited(&receipts[1])),
        (vec![(20, 2)], vec![(10, 1)]),
        "the newest first"
    );
    refund(&owner, &top_up, None).await.unwrap();
    let receipts = until_credited(&owner, &customer, 2, 4).await;
    assert_eq!(
        (credited(&receipts[0]), credited(&receipts[1])),
        (vec![(20, 2), (30, 3)], vec![(10, 1), (10, 1)])
    );
    let mail = mails_of(&owner, MailKind::TopUpRefunded, 2).await.remove(0);
    let words = text(&owner, &mail).await;
    assert!(mail.attachments.len() == 2 && words.contains("44.00\u{a0}USD"), "{words}");
    assert!(
        receipts.iter().all(|receipt| words.contains(&receipt.number)
            && words.contains(&receipt.credit_notes.last().unwrap().number)),
        "{words}"
    );
    all_holds(world).await;
}

/// Of 55.00 the issuer takes 22.00 for good; what it left is refunded, once the provider holds it
/// to be decided too.
async fn what_the_issuer_left_of_a_lost_purchase_goes_back(world: &World) {
    let (customer, wallet, admin, owner) = taxed_shop(world).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let top_up = bought(&admin, &wallet, &visa, 55).await;
    let charge = charges(&simulator).await.remove(0);
    take_part(&simulator, &charge, 22).await;
    let open = disputed(&owner, dispute::State::Open).await;
    let opened = text(&owner, &mails_of(&owner, MailKind::DisputeOpened, 1).await.remove(0)).await;
    for said in [
        "Credit of 20.00\u{a0}USD was taken",
        "and 2.00\u{a0}USD of tax",
        "Attached: credit note RCN-2026-000001.",
    ] {
        assert!(opened.contains(said), "{said}: {opened}");
    }
    let early = refund(&owner, &top_up, None).await.unwrap_err();
    assert!(
        reason(&early) == "TOP_UP_STATE" && early.message().contains("once the dispute is decided"),
        "{early:?}"
    );
    let lose = LoseDisputeRequest {
        request_id: request_id(),
        name: open.name.clone(),
        explanation: "It is true.".into(),
        ..Default::default()
    };
    owner.disputes().lose_dispute(lose).await.unwrap();
    assert_eq!(reason(&refund(&owner, &top_up, None).await.unwrap_err()), "DISPUTE_NOT_CONFIRMED");
    decide(&simulator, &charge, "lost").await;
    let told = async || Ok(list(&owner, &customer, "").await.remove(0));
    until(told, |dispute| dispute.provider_outcome() == dispute::State::Lost).await;
    assert_eq!(
        reason(&refund(&owner, &top_up, amount("USD", 30, 1)).await.unwrap_err()),
        "REFUND_TOO_LARGE"
    );
    let given = refund(&owner, &top_up, None).await.unwrap();
    assert_eq!(
        (given.state(), given.credit, given.tax),
        (top_up_refund::State::Succeeded, amount("USD", 30, 0), amount("USD", 3, 0))
    );
    let receipts = until_credited(&owner, &customer, 1, 2).await;
    assert_eq!(
        (credited(&receipts[0]), posted(&admin, &wallet).await),
        (vec![(20, 2), (30, 3)], amount("USD", 0, 0))
    );
    let lost = text(&owner, &mails_of(&owner, MailKind::DisputeLost, 1).await.remove(0)).await;
    assert!(
        lost.contains("The credit of 20.00\u{a0}USD that was taken from your balance stays taken."),
        "{lost}"
    );
    let nothing = refund(&owner, &top_up, None).await.unwrap_err();
    assert!(nothing.message().contains("nothing is left"), "{nothing:?}");
    all_holds(world).await;
}

/// What became debt was spent of the disputed purchase. Another purchase has paid it by the time
/// that the dispute is won.
async fn a_debt_that_was_paid_meanwhile_is_credit_of_the_disputed_purchase(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let owner = world.someone("OWNER", None);
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let master = card(world, &admin, &customer, "tok_mastercard").await;
    let first = bought(&admin, &wallet, &visa, 50).await;
    let charge = charges(&simulator).await.remove(0);
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 30, 0)))
        .await
        .unwrap();
    take_back(&simulator, &charge).await;
    disputed(&owner, dispute::State::Open).await;
    bought(&admin, &wallet, &master, 40).await;
    assert_eq!(
        (posted(&admin, &wallet).await, remaining(&admin, &wallet).await),
        (amount("USD", 10, 0), vec![amount("USD", 10, 0)])
    );
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    let mut left = remaining(&admin, &wallet).await;
    left.sort_by_key(|amount| amount.as_ref().map(|amount| amount.units));
    assert_eq!(
        (posted(&admin, &wallet).await, left),
        (amount("USD", 60, 0), vec![amount("USD", 10, 0), amount("USD", 50, 0)])
    );
    let words = text(&owner, &mails_of(&owner, MailKind::DisputeWon, 1).await.remove(0)).await;
    assert!(
        words.contains("Credit of 50.00\u{a0}USD is in your balance.") && !words.contains("owed"),
        "{words}"
    );
    assert_eq!(refund(&owner, &first, None).await.unwrap().credit, amount("USD", 50, 0));
    all_holds(world).await;
}
