//! What a debit, capture or fee took is given back to what had paid it, above a limit by an owner;
//! other movements name their verb.

use crate::{
    approvals::limited,
    holds::authorize,
    invariants,
    postpaid::posted,
    top_up_refunds::refund,
    top_ups::{buy, card, shop},
    wallets::{debit, grant},
};
use payterms_proto::wallet::v1::Posting;
use payterms_proto::{
    google::r#type::Money,
    wallet::v1::{
        CaptureHoldRequest, Entry, GetReversalRequest, GetWalletRequest, ListEntriesRequest,
        ListLotsRequest, ListReversalsRequest, ListUsageRecordsRequest, Lot, PostFeeRequest,
        Reversal, ReverseTransferRequest, UsageRecord, entry::Kind,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use prost_types::Timestamp;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both!(
    a_debit_goes_back_to_its_lots_in_parts_the_last_first,
    a_capture_and_a_fee_that_was_owed_go_back,
    other_movements_name_their_verb,
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
    reversals_are_read_by_whom_they_concern(world, &wallet, &taken, rest).await;
    invariants::hold(world).await;
}

/// By name, by what they reverse, and in no other wallet.
async fn reversals_are_read_by_whom_they_concern(
    world: &World,
    wallet: &str,
    taken: &Posting,
    rest: Reversal,
) {
    let (admin, staff) = (world.someone("ADMIN", None), world.someone("STAFF", None));
    let get = GetReversalRequest { name: rest.name.clone() };
    assert_eq!(
        staff.reversals().get_reversal(get).await.unwrap().into_inner().reversal,
        Some(rest.clone())
    );
    let list = |original: &str| ListReversalsRequest {
        parent: wallet.to_owned(),
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
    let refused = reverse(&staff, of(wallet, &taken.transfer_id, None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let other = world.wallet(&world.customer("acme", "GB").await, "USD").await;
    assert_eq!(
        reverse(&admin, of(&other, &taken.transfer_id, None)).await.unwrap_err().code(),
        Code::NotFound
    );
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
