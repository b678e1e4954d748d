//! What a use took is given back: off the month that is open, or on the invoice of the one that is
//! closed.

use crate::{
    clocks::advance,
    invariants,
    metered::{FEBRUARY, yard},
    postpaid::{desk, first_of, invoices_of, nanos, posted, used},
    reversals::{lots, metadata, of, records, reverse},
    rig::until,
    top_ups::{buy, card},
    wallets::grant,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{CreateCreditNoteRequest, Invoice, refund_part::Destination},
    wallet::v1::{
        ListReversalsRequest, ReverseMeteredUseRequest, UpdateWalletSettingsRequest, UsageRecord,
        WalletSettings,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use prost_types::FieldMask;

on_both!(
    what_deposits_paid_is_taken_off_the_open_month,
    a_closed_month_is_credited_on_its_invoice_and_its_lots_come_back,
    of_a_use_that_is_billed_in_part_the_rest_goes_back,
    a_postpaid_use_is_taken_off_its_month,
    a_metered_use_is_taken_off_its_open_month,
);

/// A wallet in USD with 50.00 of bought credit, in January.
pub(crate) async fn deposit(world: &World, days: i32) -> (crate::postpaid::Desk, String) {
    let desk = desk(world).await;
    payterms_suite::shop::open(&desk.owner, "acme").await.unwrap();
    if days > 0 {
        let wallet_settings = Some(WalletSettings {
            name: "tenants/acme/walletSettings".into(),
            purchased_expire_days: days,
            ..WalletSettings::default()
        });
        let update_mask = Some(FieldMask { paths: vec!["purchased_expire_days".into()] });
        let update = UpdateWalletSettingsRequest {
            request_id: request_id(),
            wallet_settings,
            update_mask,
            ..Default::default()
        };
        desk.owner.settings().update_wallet_settings(update).await.unwrap();
    }
    let wallet = world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    desk.admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 50, 0))).await.unwrap();
    (desk, wallet)
}

pub(crate) async fn billed(session: &Session, customer: &str, count: usize) -> Vec<Invoice> {
    until(async || Ok(invoices_of(session, customer).await), |found| found.len() == count).await
}

async fn what_deposits_paid_is_taken_off_the_open_month(world: &World) {
    let (desk, wallet) = deposit(world, 0).await;
    for (product, quantity) in [("calls", "3"), ("calls", "2"), ("texts", "4")] {
        used(&desk.service, &wallet, product, quantity, nanos("USD", 2, 0)).await.unwrap();
    }
    let found = records(&desk.owner, &wallet).await;
    // 3.00 of 4.00 are 1.5 of 2 calls; all texts go back, and their line with them.
    let back = reverse(&desk.owner, of(&wallet, &found[1].transfer_id, amount("USD", 3, 0)))
        .await
        .unwrap();
    assert_eq!(back.quantity.as_ref().map(|number| number.value.as_str()), Some("1.5"));
    reverse(&desk.owner, of(&wallet, &found[0].transfer_id, None)).await.unwrap();
    let net: Vec<_> = records(&desk.admin, &wallet)
        .await
        .into_iter()
        .map(|usage_record| {
            (usage_record.net_quantity.map(|net| net.value), usage_record.net_amount)
        })
        .collect();
    assert_eq!(
        net,
        [
            (Some("0".into()), amount("USD", 0, 0)),
            (Some("0.5".into()), amount("USD", 1, 0)),
            (None, None)
        ]
    );
    assert_eq!(posted(&desk.owner, &wallet).await, amount("USD", 43, 0));
    assert!(
        lots(&desk.owner, &wallet).await.iter().all(|lot| lot.amount == amount("USD", 50, 0)),
        "the lot itself has its credit again"
    );
    advance(world, first_of(2)).await;
    let invoice = billed(&desk.admin, &desk.customer, 1).await.remove(0);
    let lines: Vec<_> =
        invoice.lines.iter().map(|line| (line.description.as_str(), line.amount.clone())).collect();
    assert_eq!(lines, [("calls", amount("USD", 7, 0))]);
    assert_eq!(
        (invoice.total.clone(), invoice.paid.clone()),
        (amount("USD", 7, 0), amount("USD", 7, 0))
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

pub(crate) async fn a_closed_month_is_credited_on_its_invoice_and_its_lots_come_back(
    world: &World,
) {
    let (desk, wallet) = deposit(world, 20).await;
    for (product, quantity) in [("calls", "20"), ("texts", "2")] {
        used(&desk.service, &wallet, product, quantity, nanos("USD", 1, 0)).await.unwrap();
    }
    let texts = records(&desk.owner, &wallet).await.remove(0);
    reverse(&desk.owner, of(&wallet, &texts.transfer_id, amount("USD", 1, 0))).await.unwrap();
    advance(world, first_of(2) + 60).await;
    let invoice = billed(&desk.admin, &desk.customer, 1).await.remove(0);
    assert_eq!(invoice.total, amount("USD", 21, 0), "1.00 was reversed");
    // What was left of the lot has expired, and the month is closed.
    assert_eq!(posted(&desk.owner, &wallet).await, amount("USD", 0, 0));
    let closed =
        async || Ok(reverse(&desk.owner, of(&wallet, &texts.transfer_id, None)).await.unwrap_err());
    let refused = until(closed, |refused| metadata(refused).contains_key("invoice")).await;
    let metadata = metadata(&refused);
    let named = ["invoice", "number", "line", "month"].map(|name| metadata[name].as_str());
    assert_eq!(
        (reason(&refused).as_str(), named),
        ("USAGE_INVOICED", [&invoice.name, &invoice.number, "2", "2026-01"])
    );
    assert!(
        refused.message().contains(&invoice.number) && refused.message().contains("line 2"),
        "{}",
        refused.message()
    );
    let note = |units| CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.name.clone(),
        amount: amount("USD", units, 0),
        explanation: "Texts that were not sent".into(),
    };
    let refund = desk
        .owner
        .invoices()
        .create_credit_note(note(1))
        .await
        .unwrap()
        .into_inner()
        .refund
        .unwrap();
    assert_eq!(refund.parts[0].destination(), Destination::Credit);
    desk.owner.invoices().create_credit_note(note(20)).await.unwrap();
    assert_eq!(posted(&desk.owner, &wallet).await, amount("USD", 21, 0));
    let now = first_of(2) + 60;
    for lot in
        lots(&desk.owner, &wallet).await.iter().filter(|lot| lot.remaining != amount("USD", 0, 0))
    {
        assert_eq!(
            lot.expire_time.map(|time| time.seconds),
            Some(now + 30 * 86_400),
            "as the lot that paid, and usable for 30 days: {lot:?}"
        );
        assert_eq!(lot.tax_kind(), payterms_proto::wallet::v1::TaxKind::Deposit);
    }
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn of_a_use_that_is_billed_in_part_the_rest_goes_back(world: &World) {
    let (desk, wallet) = deposit(world, 0).await;
    grant(world, &wallet, amount("USD", 5, 0), 0).await;
    used(&desk.service, &wallet, "calls", "12", nanos("USD", 1, 0)).await.unwrap();
    let record = records(&desk.owner, &wallet).await.remove(0);
    advance(world, first_of(2) + 60).await;
    let invoice = billed(&desk.admin, &desk.customer, 1).await.remove(0);
    assert_eq!(invoice.total, amount("USD", 7, 0), "5.00 were granted");
    let ask = async |money: Option<Money>| {
        reverse(&desk.owner, of(&wallet, &record.transfer_id, money)).await
    };
    let whole = async || Ok(ask(None).await.unwrap_err());
    let refused = until(whole, |refused| metadata(refused).contains_key("invoice")).await;
    assert_eq!(
        (reason(&refused).as_str(), metadata(&refused)["left"].as_str()),
        ("USAGE_INVOICED", "5")
    );
    assert!(
        refused.message().contains("5.00 USD") && refused.message().contains(&invoice.number),
        "{}",
        refused.message()
    );
    assert_eq!(metadata(&ask(amount("USD", 5, 1)).await.unwrap_err())["left"], "5");
    ask(amount("USD", 2, 0)).await.unwrap();
    ask(amount("USD", 3, 0)).await.unwrap();
    let refused = ask(None).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), metadata(&refused)["left"].as_str()),
        ("USAGE_INVOICED", "0")
    );
    assert_eq!(
        posted(&desk.owner, &wallet).await,
        amount("USD", 48, 0),
        "43.00 of the deposit, and the grant"
    );
    let (request_id, parent) = (request_id(), invoice.name.clone());
    let note = CreateCreditNoteRequest {
        request_id,
        parent,
        amount: amount("USD", 7, 0),
        explanation: "No calls".into(),
    };
    desk.owner.invoices().create_credit_note(note).await.unwrap();
    assert_eq!(posted(&desk.owner, &wallet).await, amount("USD", 55, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_postpaid_use_is_taken_off_its_month(world: &World) {
    let desk = desk(world).await;
    desk.approved().await;
    used(&desk.service, &desk.wallet, "calls", "1200", amount("AUD", 1, 0)).await.unwrap();
    let record = records(&desk.owner, &desk.wallet).await.remove(0);
    let back = reverse(&desk.owner, of(&desk.wallet, &record.transfer_id, amount("AUD", 150, 0)))
        .await
        .unwrap();
    assert!(back.parts.is_empty(), "it is owed no more: {back:?}");
    assert_eq!(posted(&desk.owner, &desk.wallet).await, amount("AUD", -1_050, 0));
    advance(world, first_of(2)).await;
    let invoice = billed(&desk.admin, &desk.customer, 1).await.remove(0);
    assert_eq!(
        (invoice.net.clone(), posted(&desk.owner, &desk.wallet).await),
        (amount("AUD", 1_050, 0), amount("AUD", 0, 0))
    );
    let closed = async || {
        Ok(reverse(&desk.owner, of(&desk.wallet, &record.transfer_id, None)).await.unwrap_err())
    };
    let refused = until(closed, |refused| metadata(refused).contains_key("invoice")).await;
    assert_eq!(
        (reason(&refused).as_str(), metadata(&refused)["invoice"].as_str()),
        ("USAGE_INVOICED", invoice.name.as_str())
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

pub(crate) async fn a_metered_use_is_taken_off_its_open_month(world: &World) {
    let yard = yard(world, Some("tok_visa")).await;
    yard.enable("maps").await.unwrap();
    let (first, second) = (
        yard.uses(world, "maps", "100", None).await.unwrap(),
        yard.uses(world, "maps", "40", None).await.unwrap(),
    );
    let request = |record: &UsageRecord, quantity: Option<&str>| ReverseMeteredUseRequest {
        request_id: request_id(),
        usage_record: record.name.clone(),
        quantity: quantity
            .map(|value| payterms_proto::google::r#type::Decimal { value: value.into() }),
        effective_time: None,
        explanation: "Counted twice".into(),
        ..Default::default()
    };
    let reverse = async |request| {
        yard.owner
            .reversals()
            .reverse_metered_use(request)
            .await
            .map(|answer| answer.into_inner().reversal.unwrap())
    };
    let back = reverse(request(&first, Some("30"))).await.unwrap();
    assert_eq!(
        (back.amount.clone(), back.usage_record.as_str(), back.transfer_id.as_str()),
        (amount("USD", 7, 50), first.name.as_str(), "")
    );
    reverse(request(&second, None)).await.unwrap();
    assert_eq!(reason(&reverse(request(&second, None)).await.unwrap_err()), "ALREADY_REVERSED");
    let more = reverse(request(&first, Some("70.5"))).await.unwrap_err();
    assert_eq!(
        (reason(&more).as_str(), metadata(&more)["left"].as_str()),
        ("REVERSAL_TOO_LARGE", "70")
    );
    let net: Vec<_> = records(&yard.admin, &yard.wallet)
        .await
        .into_iter()
        .map(|usage_record| usage_record.net_quantity.unwrap().value)
        .collect();
    assert_eq!(net, ["0", "70"]);
    let found = yard
        .owner
        .reversals()
        .list_reversals(ListReversalsRequest { parent: yard.wallet.clone(), ..Default::default() })
        .await
        .unwrap();
    assert_eq!(found.into_inner().reversals.len(), 2);
    advance(world, FEBRUARY + 60).await;
    let bill = yard.invoices().await.remove(0);
    assert_eq!(
        (bill.total.clone(), bill.lines[0].quantity.as_ref().map(|number| number.value.as_str())),
        (amount("USD", 17, 50), Some("70"))
    );
    let closed = async || Ok(reverse(request(&first, None)).await.unwrap_err());
    let refused = until(closed, |refused| metadata(refused).contains_key("invoice")).await;
    let metadata = metadata(&refused);
    assert_eq!(
        (reason(&refused).as_str(), metadata["invoice"].as_str(), metadata["line"].as_str()),
        ("USAGE_INVOICED", bill.name.as_str(), "1")
    );
    invariants::hold(world).await;
}
