//! What a debit, capture, use or fee took is given back: to what had paid it, off the month that is
//! open, or else on its invoice.

use crate::{
    approvals::limited,
    clocks::advance,
    holds::authorize,
    invariants,
    metered::{FEBRUARY, yard},
    postpaid::{desk, first_of, invoices_of, nanos, posted, used},
    rig::until,
    top_up_refunds::refund,
    top_ups::{buy, card, shop},
    wallets::{debit, grant},
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{CreateCreditNoteRequest, Invoice, refund_part::Destination},
    wallet::v1::{
        CaptureHoldRequest, Entry, GetReversalRequest, GetWalletRequest, ListEntriesRequest,
        ListLotsRequest, ListReversalsRequest, ListUsageRecordsRequest, Lot, PostFeeRequest,
        Reversal, ReverseMeteredUseRequest, ReverseTransferRequest, UpdateWalletSettingsRequest,
        UsageRecord, WalletSettings, entry::Kind,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use prost_types::{FieldMask, Timestamp};
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both!(
    a_debit_goes_back_to_its_lots_in_parts_the_last_first,
    a_capture_and_a_fee_that_was_owed_go_back,
    other_movements_name_their_verb,
    what_deposits_paid_is_taken_off_the_open_month,
    a_closed_month_is_credited_on_its_invoice_and_its_lots_come_back,
    of_a_use_that_is_billed_in_part_the_rest_goes_back,
    a_postpaid_use_is_taken_off_its_month,
    a_metered_use_is_taken_off_its_open_month,
    above_the_limit_an_owner_gives_back,
);

pub(crate) fn of(wallet: &str, transfer: &str, money: Option<Money>) -> ReverseTransferRequest {
    ReverseTransferRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        transfer_id: transfer.into(),
        amount: money,
        effective_time: None,
        explanation: "Billed twice".into(),
        ..Default::default()
    }
}

pub(crate) async fn reverse(
    session: &Session,
    request: ReverseTransferRequest,
) -> Result<Reversal, Status> {
    session
        .reversals()
        .reverse_transfer(request)
        .await
        .map(|answer| answer.into_inner().reversal.unwrap())
}

async fn entries(session: &Session, wallet: &str) -> Vec<Entry> {
    let list = ListEntriesRequest { parent: wallet.into(), ..Default::default() };
    session.wallets().list_entries(list).await.unwrap().into_inner().entries
}

pub(crate) async fn lots(session: &Session, wallet: &str) -> Vec<Lot> {
    let list = ListLotsRequest { parent: wallet.into(), ..Default::default() };
    session.lots().list_lots(list).await.unwrap().into_inner().lots
}

pub(crate) async fn records(session: &Session, wallet: &str) -> Vec<UsageRecord> {
    let list = ListUsageRecordsRequest { parent: wallet.into(), ..Default::default() };
    session.usage().list_usage_records(list).await.unwrap().into_inner().usage_records
}

pub(crate) fn metadata(refused: &Status) -> HashMap<String, String> {
    refused.get_error_details().error_info().map(|info| info.metadata.clone()).unwrap_or_default()
}

pub(crate) async fn a_debit_goes_back_to_its_lots_in_parts_the_last_first(world: &World) {
    let (_, wallet) = world.usual().await;
    let last = grant(world, &wallet, amount("USD", 10, 0), 5).await;
    let first = grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let (admin, staff) = (world.someone("ADMIN", None), world.someone("STAFF", None));
    let taken = world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 12, 50)))
        .await
        .unwrap();
    let taken = taken.into_inner().posting.unwrap();
    let at = |nanos| taken.record_time.map(|time| Timestamp { nanos: time.nanos + nanos, ..time });
    for wrong in [at(-1_000), at(0).map(|time| Timestamp { seconds: time.seconds + 3_600, ..time })]
    {
        let request = ReverseTransferRequest {
            effective_time: wrong,
            ..of(&wallet, &taken.transfer_id, None)
        };
        assert_eq!(
            violations(&reverse(&admin, request).await.unwrap_err()),
            ["effective_time: TIME_OUT_OF_RANGE"]
        );
    }
    let request = ReverseTransferRequest {
        effective_time: at(0),
        ..of(&wallet, &taken.transfer_id, amount("USD", 5, 0))
    };
    let answer = admin
        .reversals()
        .reverse_transfer(request.clone())
        .await
        .unwrap()
        .into_inner()
        .reversal
        .unwrap();
    let again = admin.reversals().reverse_transfer(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner().reversal, Some(answer.clone()));
    let parts: Vec<_> =
        answer.parts.iter().map(|part| (part.lot.as_str(), part.amount.clone())).collect();
    assert_eq!(
        parts,
        [(last.as_str(), amount("USD", 2, 50)), (first.as_str(), amount("USD", 2, 50))]
    );
    assert_eq!(
        (answer.effective_time, answer.reversed_transfer_id.as_str()),
        (taken.record_time, taken.transfer_id.as_str())
    );
    let found = entries(&staff, &wallet).await;
    let (this_entry, original) =
        (&found[0], found.iter().find(|entry| entry.kind() == Kind::Debit).unwrap());
    assert_eq!(
        (this_entry.kind(), this_entry.reversed_transfer_id.as_str()),
        (Kind::Reversal, taken.transfer_id.as_str())
    );
    assert_eq!(
        (this_entry.transfer_id.as_str(), this_entry.description.as_str()),
        (answer.transfer_id.as_str(), "Billed twice")
    );
    assert_eq!(
        (this_entry.effective_time, original.reversed_amount.clone()),
        (taken.record_time, amount("USD", 5, 0))
    );
    let more =
        reverse(&admin, of(&wallet, &taken.transfer_id, amount("USD", 7, 51))).await.unwrap_err();
    assert_eq!(
        (reason(&more).as_str(), metadata(&more)["left"].as_str()),
        ("REVERSAL_TOO_LARGE", "7.5")
    );
    assert_eq!(
        reason(
            &reverse(&admin, of(&wallet, &taken.transfer_id, amount("EUR", 1, 0)))
                .await
                .unwrap_err()
        ),
        "CURRENCY_MISMATCH"
    );
    let rest = reverse(&admin, of(&wallet, &taken.transfer_id, None)).await.unwrap();
    assert_eq!((rest.amount.clone(), rest.parts.len()), (amount("USD", 7, 50), 1));
    assert_eq!(
        reason(&reverse(&admin, of(&wallet, &taken.transfer_id, None)).await.unwrap_err()),
        "ALREADY_REVERSED"
    );
    assert!(
        lots(&staff, &wallet).await.iter().all(|lot| lot.remaining == lot.amount),
        "both lots are whole again"
    );
    let get = GetReversalRequest { name: rest.name.clone() };
    assert_eq!(
        staff.reversals().get_reversal(get).await.unwrap().into_inner().reversal,
        Some(rest.clone())
    );
    let list = |original: &str| ListReversalsRequest {
        parent: wallet.clone(),
        page_size: 1,
        reversed_id: original.into(),
        ..Default::default()
    };
    let page =
        staff.reversals().list_reversals(list(&taken.transfer_id)).await.unwrap().into_inner();
    assert_eq!((page.reversals, page.next_page_token.is_empty()), (vec![rest], false));
    assert!(
        staff
            .reversals()
            .list_reversals(list(&request_id()))
            .await
            .unwrap()
            .into_inner()
            .reversals
            .is_empty()
    );
    let refused = reverse(&staff, of(&wallet, &taken.transfer_id, None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let other = world.wallet(&world.customer("acme", "GB").await, "USD").await;
    assert_eq!(
        reverse(&admin, of(&other, &taken.transfer_id, None)).await.unwrap_err().code(),
        Code::NotFound
    );
    invariants::hold(world).await;
}

async fn a_capture_and_a_fee_that_was_owed_go_back(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let (owner, service) = (world.someone("OWNER", None), world.someone("SERVICE", None));
    let hold = service
        .holds()
        .authorize_hold(authorize(&wallet, 8))
        .await
        .unwrap()
        .into_inner()
        .hold
        .unwrap();
    let capture = CaptureHoldRequest {
        request_id: request_id(),
        name: hold.name,
        amount: amount("USD", 6, 0),
        r#final: true,
    };
    let captured =
        service.holds().capture_hold(capture).await.unwrap().into_inner().posting.unwrap();
    reverse(&owner, of(&wallet, &captured.transfer_id, amount("USD", 1, 0))).await.unwrap();
    assert_eq!(posted(&owner, &wallet).await, amount("USD", 5, 0));
    let fee = |units| PostFeeRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", units, 0),
        description: "Porting".into(),
        unlisted: false,
    };
    let fee = async |units| {
        service.postings().post_fee(fee(units)).await.unwrap().into_inner().posting.unwrap()
    };
    // 5.00 are there: 3.00 of the first fee are owed, and all of the second.
    let (first, second) = (fee(8).await, fee(4).await);
    let lowered = reverse(&owner, of(&wallet, &second.transfer_id, None)).await.unwrap();
    assert!(lowered.parts.is_empty(), "only the debt is lower: {lowered:?}");
    assert_eq!(posted(&owner, &wallet).await, amount("USD", -3, 0));
    // New credit pays what is owed; what was owed goes back to it.
    let paid = grant(world, &wallet, amount("USD", 20, 0), 9).await;
    assert_eq!(posted(&owner, &wallet).await, amount("USD", 17, 0));
    let back = reverse(&owner, of(&wallet, &first.transfer_id, amount("USD", 3, 0))).await.unwrap();
    assert_eq!(
        back.parts.iter().map(|part| part.lot.as_str()).collect::<Vec<_>>(),
        [paid.as_str()]
    );
    assert_eq!(posted(&owner, &wallet).await, amount("USD", 20, 0));
    reverse(&owner, of(&wallet, &first.transfer_id, None)).await.unwrap();
    assert_eq!(posted(&owner, &wallet).await, amount("USD", 25, 0));
    invariants::hold(world).await;
}

async fn other_movements_name_their_verb(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let (owner, service) = (world.someone("OWNER", None), world.someone("SERVICE", None));
    card(world, &admin, &customer, "tok_visa").await;
    let top_up = admin
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 25, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    grant(world, &wallet, amount("USD", 1, 0), 0).await;
    let hold = service
        .holds()
        .authorize_hold(authorize(&wallet, 3))
        .await
        .unwrap()
        .into_inner()
        .hold
        .unwrap();
    let taken = service
        .postings()
        .post_debit(debit(&wallet, amount("USD", 2, 0)))
        .await
        .unwrap()
        .into_inner()
        .posting
        .unwrap();
    let reversed = reverse(&owner, of(&wallet, &taken.transfer_id, None)).await.unwrap();
    let found = entries(&owner, &wallet).await;
    let transfer = |kind| {
        found
            .iter()
            .find(|entry| entry.kind() == kind)
            .map(|entry| entry.transfer_id.clone())
            .unwrap()
    };
    let id = |name: &str| name.rsplit('/').next().unwrap().to_owned();
    for (transfer, verb) in [
        (transfer(Kind::Grant), "VoidGrant"),
        (transfer(Kind::TopUp), "RefundTopUp"),
        (id(&top_up.name), "RefundTopUp"),
        (id(&hold.name), "VoidHold"),
        (reversed.transfer_id, "PostFee"),
    ] {
        let refused = reverse(&owner, of(&wallet, &transfer, None)).await.unwrap_err();
        assert_eq!(
            (reason(&refused).as_str(), metadata(&refused)["verb"].as_str()),
            ("NOT_REVERSIBLE", verb)
        );
        assert!(refused.message().contains(verb), "{}", refused.message());
    }
    assert_eq!(
        reverse(&owner, of(&wallet, &request_id(), None)).await.unwrap_err().code(),
        Code::NotFound
    );
    invariants::hold(world).await;
}

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
        used(&desk.service, &wallet, (product, quantity, nanos("USD", 2, 0))).await.unwrap();
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
        used(&desk.service, &wallet, (product, quantity, nanos("USD", 1, 0))).await.unwrap();
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
    used(&desk.service, &wallet, ("calls", "12", nanos("USD", 1, 0))).await.unwrap();
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
    used(&desk.service, &desk.wallet, ("calls", "1200", amount("AUD", 1, 0))).await.unwrap();
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

async fn above_the_limit_an_owner_gives_back(world: &World) {
    let (customer, wallet, member) = shop(world).await;
    let (owner, admin, service) = (
        world.someone("OWNER", None),
        world.someone("ADMIN", None),
        world.someone("SERVICE", None),
    );
    card(world, &member, &customer, "tok_visa").await;
    let top_up = member
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 60, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    let taken = service
        .postings()
        .post_debit(debit(&wallet, amount("USD", 30, 0)))
        .await
        .unwrap()
        .into_inner()
        .posting
        .unwrap();
    let made = limited(&owner, 10).await;
    // The wallet has its own copy of the limit.
    owner
        .after(&made)
        .wallets()
        .get_wallet(GetWalletRequest { name: wallet.clone() })
        .await
        .unwrap();
    let refused =
        reverse(&admin, of(&wallet, &taken.transfer_id, amount("USD", 11, 0))).await.unwrap_err();
    assert_eq!(reason(&refused), "SECOND_PERSON_REQUIRED");
    reverse(&admin, of(&wallet, &taken.transfer_id, amount("USD", 6, 0))).await.unwrap();
    let second =
        reverse(&admin, of(&wallet, &taken.transfer_id, amount("USD", 5, 0))).await.unwrap_err();
    assert_eq!(reason(&second), "SECOND_PERSON_REQUIRED", "many small ones are a large one");
    reverse(&owner, of(&wallet, &taken.transfer_id, None)).await.unwrap();
    assert_eq!(
        reason(&refund(&admin, &top_up, amount("USD", 11, 0)).await.unwrap_err()),
        "SECOND_PERSON_REQUIRED"
    );
    refund(&admin, &top_up, amount("USD", 10, 0)).await.unwrap();
    refund(&owner, &top_up, amount("USD", 20, 0)).await.unwrap();
    let read = owner
        .wallets()
        .get_wallet(GetWalletRequest { name: wallet })
        .await
        .unwrap()
        .into_inner()
        .wallet
        .unwrap();
    assert_eq!(read.balance.unwrap().posted, amount("USD", 30, 0));
    invariants::hold(world).await;
}
