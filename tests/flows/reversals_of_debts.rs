//! What was owed, what accrued to an agreement and what a month that ended in another zone holds go
//! back once, to what had paid it.

use crate::{
    clocks::advance,
    invariants,
    postpaid::{decide, desk, first_of, invoices_of, nanos, posted, used},
    reversals::{lots, metadata, of, records, reverse},
    reversals_of_months::{billed, deposit},
    rig::until,
    top_ups::{buy, card},
    wallets::grant,
    zones::move_to,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::CreateCreditNoteRequest,
    wallet::v1::{
        Minimum, PostFeeRequest, TerminatePostpaidRequest, UpdateWalletSettingsRequest,
        WalletSettings, payment_method::Kind,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use prost_types::FieldMask;

on_both!(
    a_fee_that_an_invoice_bills_is_not_taken_off_another_debt,
    a_fee_that_later_credit_pays_stands_on_the_invoice_by_its_name,
    each_fee_goes_back_to_what_had_paid_it,
    a_fee_after_an_agreement_is_a_debt_again,
    a_termination_rounds_what_deposits_paid_and_what_accrued,
    a_month_keeps_its_last_hours_through_a_change_of_zone,
);

async fn fee(service: &Session, wallet: &str, money: Option<Money>) -> String {
    fee_for(service, wallet, money, "Number").await
}

async fn fee_for(
    service: &Session,
    wallet: &str,
    money: Option<Money>,
    description: &str,
) -> String {
    let request = PostFeeRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        amount: money,
        description: description.into(),
        unlisted: false,
    };
    service.postings().post_fee(request).await.unwrap().into_inner().posting.unwrap().transfer_id
}

async fn all_holds(world: &World) {
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// January's fee is owed, paid by a deposit and billed. February's is owed. January's is credited
/// on its invoice, and nowhere else.
async fn a_fee_that_an_invoice_bills_is_not_taken_off_another_debt(world: &World) {
    let (desk, wallet) = deposit(world, 0).await;
    fee(&desk.service, &wallet, amount("USD", 50, 0)).await;
    let first = fee(&desk.service, &wallet, amount("USD", 30, 0)).await;
    desk.admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 30, 0))).await.unwrap();
    advance(world, first_of(2) + 60).await;
    let invoice = billed(&desk.admin, &desk.customer, 1).await.remove(0);
    assert_eq!(invoice.total, amount("USD", 80, 0));
    let second = fee(&desk.service, &wallet, amount("USD", 10, 0)).await;
    let refused = async || Ok(reverse(&desk.owner, of(&wallet, &first, None)).await.unwrap_err());
    let refused = until(refused, |refused| metadata(refused).contains_key("invoice")).await;
    assert_eq!(
        (reason(&refused).as_str(), metadata(&refused)["left"].as_str()),
        ("USAGE_INVOICED", "0")
    );
    assert_eq!(posted(&desk.owner, &wallet).await, amount("USD", -10, 0));
    // What is owed now goes back whole.
    reverse(&desk.owner, of(&wallet, &second, None)).await.unwrap();
    assert_eq!(posted(&desk.owner, &wallet).await, amount("USD", 0, 0));
    let (request_id, parent) = (request_id(), invoice.name.clone());
    let note = CreateCreditNoteRequest {
        request_id,
        parent,
        amount: amount("USD", 30, 0),
        explanation: "No number".into(),
    };
    desk.owner.invoices().create_credit_note(note).await.unwrap();
    assert_eq!(posted(&desk.owner, &wallet).await, amount("USD", 30, 0));
    all_holds(world).await;
}

/// January's fees are owed. A deposit of February pays the first and a part of the second, another
/// one the rest: February's invoice names each, a reversal lowers its own line, and the refusal of
/// a month that is closed names it.
async fn a_fee_that_later_credit_pays_stands_on_the_invoice_by_its_name(world: &World) {
    let (desk, wallet) = deposit(world, 0).await;
    fee(&desk.service, &wallet, amount("USD", 50, 0)).await;
    let porting = fee_for(&desk.service, &wallet, amount("USD", 30, 0), "Porting").await;
    let line = fee_for(&desk.service, &wallet, amount("USD", 25, 0), "Line").await;
    advance(world, first_of(2) + 60).await;
    billed(&desk.admin, &desk.customer, 1).await;
    for units in [20, 40] {
        desk.admin
            .top_ups()
            .create_top_up(buy(&wallet, "", amount("USD", units, 0)))
            .await
            .unwrap();
    }
    let back = reverse(&desk.owner, of(&wallet, &porting, amount("USD", 8, 0))).await.unwrap();
    assert_eq!(
        back.parts.iter().filter(|part| !part.lot.is_empty()).count(),
        1,
        "the second deposit had paid the last of it"
    );
    advance(world, first_of(3) + 60).await;
    let invoice = billed(&desk.admin, &desk.customer, 2)
        .await
        .into_iter()
        .find(|invoice| invoice.total == amount("USD", 47, 0))
        .unwrap();
    let mut lines: Vec<_> =
        invoice.lines.iter().map(|line| (line.description.as_str(), line.amount.clone())).collect();
    lines.sort_by(|one, other| one.0.cmp(other.0));
    assert_eq!(lines, [("Line", amount("USD", 25, 0)), ("Porting", amount("USD", 22, 0))]);
    for (text, place) in [(&line, "Line"), (&porting, "Porting")] {
        let refused = async || Ok(reverse(&desk.owner, of(&wallet, text, None)).await.unwrap_err());
        let refused = until(refused, |refused| metadata(refused).contains_key("invoice")).await;
        let number: usize = metadata(&refused)["line"].parse().unwrap();
        assert_eq!(invoice.lines[number - 1].description, place);
    }
    all_holds(world).await;
}

async fn each_fee_goes_back_to_what_had_paid_it(world: &World) {
    let (_, wallet) = world.usual().await;
    let (owner, service) = (world.someone("OWNER", None), world.someone("SERVICE", None));
    let mut fees = Vec::new();
    for units in [6, 4, 5] {
        fees.push(fee(&service, &wallet, amount("USD", units, 0)).await);
    }
    // The first pays 6.00 and 2.00, the second 2.00 and 3.00; 2.00 of the last are owed.
    let first = grant(world, &wallet, amount("USD", 8, 0), 5).await;
    let second = grant(world, &wallet, amount("USD", 5, 0), 5).await;
    assert_eq!(posted(&owner, &wallet).await, amount("USD", -2, 0));
    let back = reverse(&owner, of(&wallet, &fees[1], None)).await.unwrap();
    let parts: Vec<_> = back
        .parts
        .iter()
        .map(|part| (part.lot.as_str(), part.amount.as_ref().unwrap().units))
        .collect();
    assert_eq!(parts, [(second.as_str(), 2), (first.as_str(), 2)]);
    // 2.00 of that pay what was owed of the last.
    assert_eq!(posted(&owner, &wallet).await, amount("USD", 2, 0));
    for fee in [&fees[0], &fees[2]] {
        reverse(&owner, of(&wallet, fee, None)).await.unwrap();
    }
    assert_eq!(posted(&owner, &wallet).await, amount("USD", 13, 0));
    assert!(lots(&owner, &wallet).await.iter().all(|lot| lot.remaining == lot.amount));
    all_holds(world).await;
}

/// The same fee before, during and after an agreement.
async fn a_fee_after_an_agreement_is_a_debt_again(world: &World) {
    let desk = desk(world).await;
    let (owner, wallet) = (&desk.owner, &desk.wallet);
    let before = fee(&desk.service, wallet, amount("AUD", 10, 0)).await;
    let grant = grant(world, wallet, amount("AUD", 10, 0), 0).await;
    let requested = desk.requested().await;
    decide(owner, &requested.name, true).await.unwrap();
    fee(&desk.service, wallet, amount("AUD", 100, 0)).await;
    // It goes back to the grant that had paid it, and not off what accrues.
    let back = reverse(owner, of(wallet, &before, None)).await.unwrap();
    assert_eq!(
        back.parts.iter().map(|part| part.lot.as_str()).collect::<Vec<_>>(),
        [grant.as_str()]
    );
    assert_eq!(posted(owner, wallet).await, amount("AUD", -90, 0));
    let end = TerminatePostpaidRequest {
        request_id: request_id(),
        name: requested.name,
        explanation: "Moved away".into(),
        ..Default::default()
    };
    owner.postpaid().terminate_postpaid(end).await.unwrap();
    assert_eq!(posted(owner, wallet).await, amount("AUD", 10, 0));
    fee(&desk.service, wallet, amount("AUD", 10, 0)).await;
    let after = fee(&desk.service, wallet, amount("AUD", 10, 0)).await;
    assert!(
        reverse(owner, of(wallet, &after, None)).await.unwrap().parts.is_empty(),
        "only the debt is lower"
    );
    assert_eq!(posted(owner, wallet).await, amount("AUD", 0, 0));
    all_holds(world).await;
}

/// Three lines of deposits round down by 0.01, and the use of the agreement that ends is not a debt
/// from which that is taken.
async fn a_termination_rounds_what_deposits_paid_and_what_accrued(world: &World) {
    let desk = desk(world).await;
    payterms_suite::shop::open(&desk.owner, "acme").await.unwrap();
    let wallet_settings = Some(WalletSettings {
        name: "tenants/acme/walletSettings".into(),
        minimums: vec![Minimum { kind: Kind::Card.into(), amount: amount("AUD", 20, 0) }],
        ..WalletSettings::default()
    });
    let update_mask = Some(FieldMask { paths: vec!["minimums".into()] });
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings,
        update_mask,
        ..Default::default()
    };
    desk.owner.settings().update_wallet_settings(update).await.unwrap();
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    let wallet = desk.wallet.clone();
    desk.admin.top_ups().create_top_up(buy(&wallet, "", amount("AUD", 20, 0))).await.unwrap();
    let agreement = desk.approved().await;
    for (product, nano) in [("calls", 333_000_000), ("texts", 333_000_000), ("mails", 334_000_000)]
    {
        used(&desk.service, &wallet, product, "1", nanos("AUD", 6, nano)).await.unwrap();
    }
    used(&desk.service, &wallet, "calls", "1", amount("AUD", 51, 0)).await.unwrap();
    let end = TerminatePostpaidRequest {
        request_id: request_id(),
        name: agreement.name,
        explanation: "Moved away".into(),
        ..Default::default()
    };
    desk.owner.postpaid().terminate_postpaid(end).await.unwrap();
    let all =
        until(async || Ok(invoices_of(&desk.admin, &desk.customer).await), |all| all.len() == 2)
            .await;
    assert!(all.iter().any(|invoice| invoice.total == amount("AUD", 19, 99)), "{all:?}");
    all_holds(world).await;
}

/// 12.00 are used in the last hour of January in Sydney. Then the tenant moves to Auckland, where
/// it was February already.
async fn a_month_keeps_its_last_hours_through_a_change_of_zone(world: &World) {
    let (desk, wallet) = deposit(world, 0).await;
    advance(world, first_of(2) - 1_800).await;
    used(&desk.service, &wallet, "calls", "12", nanos("USD", 1, 0)).await.unwrap();
    let january = records(&desk.owner, &wallet).await.remove(0);
    advance(world, first_of(2) + 60).await;
    let invoice = billed(&desk.admin, &desk.customer, 1).await.remove(0);
    used(&desk.service, &wallet, "calls", "20", nanos("USD", 1, 0)).await.unwrap();
    move_to(&desk.owner, "Pacific/Auckland").await;
    let refused = async || {
        Ok(reverse(&desk.owner, of(&wallet, &january.transfer_id, None)).await.unwrap_err())
    };
    let refused = until(refused, |refused| metadata(refused).contains_key("invoice")).await;
    assert_eq!(
        (reason(&refused).as_str(), metadata(&refused)["invoice"].as_str()),
        ("USAGE_INVOICED", invoice.name.as_str())
    );
    let (request_id, parent) = (request_id(), invoice.name.clone());
    let note = CreateCreditNoteRequest {
        request_id,
        parent,
        amount: amount("USD", 12, 0),
        explanation: "No calls".into(),
    };
    let refund =
        desk.owner.invoices().create_credit_note(note).await.unwrap().into_inner().refund.unwrap();
    assert!(!refund.name.is_empty());
    assert_eq!(posted(&desk.owner, &wallet).await, amount("USD", 30, 0));
    all_holds(world).await;
}
