//! The charge of a top-up is disputed: its credit goes, its own lot first, and comes back with its
//! tax and its receipt.

use crate::{
    chargebacks::{charges, methods, take_back},
    clocks::{advance, start},
    collections::START,
    disputes::{all_holds, decide, disputed, list, posted},
    disputes_given_back::available,
    disputes_of_parts::take_part,
    documents::{acme, business, receipts_of, taxed_sale},
    invariants,
    invoices::taxed,
    mails::{mails_of, text},
    rig::until,
    top_ups::{buy, card, shop},
    wallets::debit,
};
use payterms_proto::{
    invoicing::v1::MailKind,
    wallet::v1::{
        GetTopUpRequest, ListEntriesRequest, ListLotsRequest, Lot, RefundTopUpRequest,
        UpdateWalletSettingsRequest, WalletSettings, dispute, entry::Kind as EntryKind, top_up,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop as shops,
};
use payterms_testkit::{World, on_both};
use prost_types::FieldMask;

on_both!(
    a_top_up_that_is_won_has_its_credit_tax_and_receipt_again,
    a_disputed_top_up_loses_its_own_lot_first,
    a_won_part_of_a_top_up_can_be_refunded_with_the_rest,
    a_chargeback_is_asked_for_again_where_the_provider_tells_once,
);

async fn a_top_up_that_is_won_has_its_credit_tax_and_receipt_again(world: &World) {
    shop(world).await;
    business(world, acme()).await;
    taxed(world, &[("AU", "", "10", false), ("GB", "", "0", false)]).await;
    taxed_sale(world).await;
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let bought = admin
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 55, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 30, 0)))
        .await
        .unwrap();
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    let open = disputed(&owner, dispute::State::Open).await;
    assert_eq!(
        (open.from_credit.clone(), open.from_tax.clone()),
        (amount("USD", 50, 0), amount("USD", 5, 0))
    );
    assert_eq!(posted(&admin, &wallet).await, amount("USD", -30, 0));
    let credited = async || Ok(receipts_of(&owner, &customer, 1).await.remove(0));
    let first = until(credited, |own| own.credit_notes.len() == 1).await;
    let note = &first.credit_notes[0];
    assert_eq!(
        (note.dispute.as_str(), note.amount.clone(), note.top_up_refund.as_str()),
        (open.name.as_str(), amount("USD", 55, 0), "")
    );
    let opened = mails_of(&owner, MailKind::DisputeOpened, 1).await.remove(0);
    assert_eq!(opened.attachments, std::slice::from_ref(&note.name));
    let words = text(&owner, &opened).await;
    assert!(
        words.contains("Your balance owes 30.00\u{a0}USD now: new credit pays that first."),
        "{words}"
    );
    assert!(!words.contains("recharged"), "there are no rules: {words}");
    let report =
        text(&owner, &mails_of(&owner, MailKind::DisputeReported, 1).await.remove(0)).await;
    assert!(report.contains("The balance of the customer owes 30.00\u{a0}USD now."), "{report}");
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    assert_eq!(posted(&admin, &wallet).await, amount("USD", 20, 0), "what was owed is cleared");
    let get = GetTopUpRequest { name: bought.name.clone() };
    assert_eq!(
        admin.top_ups().get_top_up(get).await.unwrap().into_inner().top_up.unwrap().state(),
        top_up::State::Succeeded
    );
    let entries =
        ListEntriesRequest { parent: wallet.clone(), page_size: 100, ..Default::default() };
    let entries = admin.wallets().list_entries(entries).await.unwrap().into_inner().entries;
    assert_eq!(entries.iter().filter(|own| own.kind() == EntryKind::DisputeWon).count(), 1);
    let second = receipts_of(&owner, &customer, 2)
        .await
        .into_iter()
        .find(|own| own.name != first.name)
        .unwrap();
    assert_eq!(
        (second.dispute.as_str(), second.top_up.as_str(), second.amount.clone()),
        (open.name.as_str(), bought.name.as_str(), amount("USD", 55, 0))
    );
    assert_eq!(second.tax.as_ref().unwrap().tax, amount("USD", 5, 0));
    assert_ne!(second.number, first.number);
    let won = mails_of(&owner, MailKind::DisputeWon, 1).await.remove(0);
    assert_eq!(won.attachments, std::slice::from_ref(&second.name));
    let booked = invariants::booked(world).await;
    let at = |account: &str| booked.iter().find(|own| own.0 == account).map_or(0, |own| own.1);
    assert_eq!((at("PROVIDER_CLEARING"), at("TAX_PAYABLE")), (-55, 5), "{booked:?}");
    // Nobody has chosen another card meanwhile, so it is charged by itself again, and the mail says
    // so.
    assert!(
        methods(&admin, &customer)
            .await
            .iter()
            .all(|own| own.name == visa && !own.charged_back && own.collection_method)
    );
    assert!(
        text(&owner, &won)
            .await
            .contains("What is charged automatically is charged to your card ending in 4242.\n")
    );
    // Opened after it was won, and won twice: nothing changes.
    take_back(&simulator, &charge).await;
    decide(&simulator, &charge, "won").await;
    assert_eq!(posted(&admin, &wallet).await, amount("USD", 20, 0));
    all_holds(world).await;
}

async fn lots(session: &Session, wallet: &str) -> Vec<Lot> {
    let list = ListLotsRequest { parent: wallet.into(), ..Default::default() };
    session.lots().list_lots(list).await.unwrap().into_inner().lots
}

/// A of 100.00 expires in 30 days, B of 100.00 by another card never. A is disputed and lost: B
/// stays, whatever A would have become.
async fn a_disputed_top_up_loses_its_own_lot_first(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let owner = world.someone("OWNER", None);
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let master = card(world, &admin, &customer, "tok_mastercard").await;
    expire_days(&owner, 30).await;
    admin.top_ups().create_top_up(buy(&wallet, &visa, amount("USD", 100, 0))).await.unwrap();
    let charge = charges(&simulator).await.remove(0);
    expire_days(&owner, 0).await;
    admin.top_ups().create_top_up(buy(&wallet, &master, amount("USD", 100, 0))).await.unwrap();
    take_back(&simulator, &charge).await;
    disputed(&owner, dispute::State::Open).await;
    decide(&simulator, &charge, "lost").await;
    disputed(&owner, dispute::State::Lost).await;
    let left: Vec<_> = lots(&admin, &wallet)
        .await
        .into_iter()
        .filter(|lot| lot.remaining != amount("USD", 0, 0))
        .collect();
    assert!(
        left.len() == 1
            && left[0].expire_time.is_none()
            && left[0].remaining == amount("USD", 100, 0),
        "{left:?}"
    );
    all_holds(world).await;
}

async fn expire_days(owner: &Session, days: i32) {
    let settings = WalletSettings {
        name: "tenants/acme/walletSettings".into(),
        purchased_expire_days: days,
        ..WalletSettings::default()
    };
    let update_mask = Some(FieldMask { paths: vec!["purchased_expire_days".into()] });
    let request = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask,
        ..Default::default()
    };
    owner.settings().update_wallet_settings(request).await.unwrap();
}

/// Of 50.00 the issuer takes 20.00, 10.00 are spent. Won, the 40.00 that are left can be refunded
/// at once.
async fn a_won_part_of_a_top_up_can_be_refunded_with_the_rest(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let owner = world.someone("OWNER", None);
    let simulator = world.suite.simulator.clone();
    card(world, &admin, &customer, "tok_visa").await;
    let bought = admin
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 50, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    let charge = charges(&simulator).await.remove(0);
    take_part(&simulator, &charge, 20).await;
    disputed(&owner, dispute::State::Open).await;
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 10, 0)))
        .await
        .unwrap();
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    assert_eq!(available(&admin, &wallet).await, amount("USD", 40, 0));
    let refund = RefundTopUpRequest {
        request_id: request_id(),
        name: bought.name,
        credit: None,
        explanation: "Closed.".into(),
    };
    let refund =
        owner.top_ups().refund_top_up(refund).await.unwrap().into_inner().top_up_refund.unwrap();
    assert_eq!(
        (refund.credit, available(&admin, &wallet).await),
        (amount("USD", 40, 0), amount("USD", 0, 0))
    );
    all_holds(world).await;
}

/// A refund of the top-up is under way when the issuer takes it back, and the provider tells of
/// that once. An hour later it is asked.
async fn a_chargeback_is_asked_for_again_where_the_provider_tells_once(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    shops::open(&owner, "acme").await.unwrap();
    let simulator = world.suite.simulator.clone();
    card(world, &admin, &customer, "tok_refund_late").await;
    let bought = admin
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 50, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    let (name, explanation) = (bought.name.clone(), "Too much.".to_owned());
    let request = RefundTopUpRequest {
        request_id: request_id(),
        name,
        credit: amount("USD", 20, 0),
        explanation,
    };
    let caller = owner.clone();
    let refunding = tokio::spawn(async move { caller.top_ups().refund_top_up(request).await });
    let refunds = async || -> Vec<serde_json::Value> {
        reqwest::get(format!("{simulator}/v1/acme/refunds")).await.unwrap().json().await.unwrap()
    };
    until(async || Ok(refunds().await), |values| values.len() == 1).await;
    let charge = charges(&simulator).await.remove(0);
    let page = format!("{simulator}/simulator/acme/charges/{charge}/chargeback?once=true");
    assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
    refunding.await.unwrap().unwrap();
    let undelivered = async || {
        Ok(reqwest::get(format!("{simulator}/v1/notifications"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap())
    };
    until(undelivered, |left| left == "0").await;
    assert!(list(&owner, &customer, "").await.is_empty(), "the one notification came too early");
    advance(world, START + 3_600).await;
    let dispute = disputed(&owner, dispute::State::Open).await;
    assert_eq!(
        (dispute.amount.clone(), posted(&admin, &wallet).await),
        (amount("USD", 30, 0), amount("USD", 0, 0))
    );
    all_holds(world).await;
}
