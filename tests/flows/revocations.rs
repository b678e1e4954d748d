//! Bought credit is revoked by two people for cause, withheld, and given back by a person.

use crate::{
    holds::authorize,
    invariants,
    mails::{mails, mails_of, text},
    recharges::set,
    sources::{count_of, named_sources},
    top_ups::{buy, card, shop},
    wallets::{debit, grant},
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::MailKind,
    wallet::v1::{
        AutoRecharge, DecideRevocationRequest, GetAutoRechargeRequest, GetRevocationRequest,
        GetWalletRequest, ListEntriesRequest, ListLotsRequest, ListRevocationsRequest,
        ProposeRevocationRequest, RestoreCreditRequest, Revocation,
        auto_recharge::ThresholdRecharge,
        entry::Kind,
        revocation::{Cause, State},
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use tonic::{Code, Status};

on_both!(
    two_people_withhold_credit_and_a_person_gives_it_back,
    what_is_pinned_spent_or_granted_is_not_revoked,
    auto_recharge_stops_until_the_credit_is_restored,
);

pub(crate) fn of(lot: &str, money: Option<Money>) -> ProposeRevocationRequest {
    ProposeRevocationRequest {
        request_id: request_id(),
        lot: lot.into(),
        amount: money,
        cause: Cause::Fraud.into(),
        explanation: "The card was reported as stolen.".into(),
        ..Default::default()
    }
}

pub(crate) async fn propose(
    session: &Session,
    request: ProposeRevocationRequest,
) -> Result<Revocation, Status> {
    session
        .revocations()
        .propose_revocation(request)
        .await
        .map(|answer| answer.into_inner().revocation.unwrap())
}

pub(crate) async fn decide(
    session: &Session,
    name: &str,
    approve: bool,
) -> Result<Revocation, Status> {
    let request = DecideRevocationRequest {
        request_id: request_id(),
        name: name.into(),
        approve,
        answer: "Looked at".into(),
        ..Default::default()
    };
    session
        .revocations()
        .decide_revocation(request)
        .await
        .map(|answer| answer.into_inner().revocation.unwrap())
}

pub(crate) async fn restore(session: &Session, name: &str) -> Result<Revocation, Status> {
    let request = RestoreCreditRequest {
        request_id: request_id(),
        name: name.into(),
        answer: "It was the holder.".into(),
        ..Default::default()
    };
    session
        .revocations()
        .restore_credit(request)
        .await
        .map(|answer| answer.into_inner().revocation.unwrap())
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

/// A customer with 50.00 of bought credit; its lot.
async fn bought(world: &World) -> (Session, String, String) {
    let (customer, wallet, member) = shop(world).await;
    card(world, &member, &customer, "tok_visa").await;
    member.top_ups().create_top_up(buy(&wallet, "", amount("USD", 50, 0))).await.unwrap();
    let list = ListLotsRequest { parent: wallet.clone(), ..Default::default() };
    let lot = member.lots().list_lots(list).await.unwrap().into_inner().lots.remove(0);
    (member, wallet, lot.name)
}

pub(crate) async fn two_people_withhold_credit_and_a_person_gives_it_back(world: &World) {
    let (member, wallet, lot) = bought(world).await;
    let (owner, admin, staff) =
        (world.someone("OWNER", None), world.someone("ADMIN", None), world.someone("STAFF", None));
    let wrong = ProposeRevocationRequest { cause: 0, explanation: String::new(), ..of(&lot, None) };
    assert_eq!(violations(&propose(&admin, wrong).await.unwrap_err()).len(), 2);
    let proposed = propose(&admin, of(&lot, amount("USD", 30, 0))).await.unwrap();
    assert_eq!((proposed.state(), proposed.cause()), (State::Proposed, Cause::Fraud));
    assert_eq!(posted(&member, &wallet).await, amount("USD", 50, 0), "nothing is taken yet");
    let status = decide(&admin, &proposed.name, true).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::PermissionDenied, "SEPARATION_OF_DUTIES")
    );
    assert_eq!(
        decide(&staff, &proposed.name, true).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let get = GetRevocationRequest { name: proposed.name.clone() };
    assert_eq!(
        member.revocations().get_revocation(get.clone()).await.unwrap_err().code(),
        Code::PermissionDenied,
        "not before it is done"
    );
    let revoked = decide(&owner, &proposed.name, true).await.unwrap();
    assert_eq!((revoked.state(), revoked.answer.as_str()), (State::Revoked, "Looked at"));
    assert_eq!(
        reason(&decide(&owner, &proposed.name, true).await.unwrap_err()),
        "REVOCATION_STATE"
    );
    assert_eq!(posted(&member, &wallet).await, amount("USD", 20, 0));
    assert!(
        invariants::booked(world).await.contains(&("WITHHELD".to_owned(), 30)),
        "a liability, no revenue"
    );
    let list = ListEntriesRequest { parent: wallet.clone(), page_size: 1, ..Default::default() };
    let entry =
        member.wallets().list_entries(list.clone()).await.unwrap().into_inner().entries.remove(0);
    assert_eq!(
        (entry.kind(), entry.amount, entry.description.as_str()),
        (Kind::Revocation, amount("USD", -30, 0), "The card was reported as stolen.")
    );
    let mail = mails_of(&owner, MailKind::CreditRevoked, 1).await.remove(0);
    let words = text(&owner, &mail).await;
    assert!(
        words.contains("The card was reported as stolen.") && !words.contains("automatic top-up"),
        "there are no rules: {words}"
    );
    assert_eq!(
        staff.revocations().get_revocation(get).await.unwrap().into_inner().revocation,
        Some(revoked.clone())
    );
    for parent in [wallet.clone(), "tenants/acme/customers/-/wallets/-".into()] {
        let in_state = async |state: State| {
            let list = ListRevocationsRequest {
                parent: parent.clone(),
                state: state.into(),
                ..Default::default()
            };
            staff.revocations().list_revocations(list).await.unwrap().into_inner().revocations
        };
        assert_eq!(
            (in_state(State::Revoked).await, in_state(State::Proposed).await),
            (vec![revoked.clone()], Vec::new())
        );
    }
    let restored = restore(&admin, &revoked.name).await.unwrap();
    assert_eq!((restored.state(), restored.restored_lot.as_str()), (State::Restored, lot.as_str()));
    assert_eq!(reason(&restore(&admin, &revoked.name).await.unwrap_err()), "REVOCATION_STATE");
    assert_eq!(posted(&member, &wallet).await, amount("USD", 50, 0));
    let entry = member.wallets().list_entries(list).await.unwrap().into_inner().entries.remove(0);
    assert_eq!(
        (entry.kind(), entry.description.as_str()),
        (Kind::Restoration, "It was the holder.")
    );
    assert!(invariants::booked(world).await.contains(&("WITHHELD".to_owned(), 0)));
    let mail = mails_of(&owner, MailKind::CreditRestored, 1).await.remove(0);
    let words = text(&owner, &mail).await;
    let entries = named_sources(&staff, &wallet).await;
    assert_eq!(
        (count_of(&entries, Kind::Revocation), count_of(&entries, Kind::Restoration)),
        (1, 1)
    );
    assert!(
        words.contains("It was the holder.")
            && words.contains("It can be used at once.")
            && !words.contains("owed"),
        "{words}"
    );
    invariants::hold(world).await;
}

async fn what_is_pinned_spent_or_granted_is_not_revoked(world: &World) {
    let (member, wallet, lot) = bought(world).await;
    let (owner, admin, service) = (
        world.someone("OWNER", None),
        world.someone("ADMIN", None),
        world.someone("SERVICE", None),
    );
    service.holds().authorize_hold(authorize(&wallet, 20)).await.unwrap();
    let more = propose(&admin, of(&lot, amount("USD", 30, 1))).await.unwrap_err();
    assert_eq!(reason(&more), "REVOCATION_TOO_LARGE");
    let proposed = propose(&admin, of(&lot, None)).await.unwrap();
    assert_eq!(proposed.amount, amount("USD", 30, 0), "all that no hold pins");
    service.postings().post_debit(debit(&wallet, amount("USD", 1, 0))).await.unwrap();
    assert_eq!(
        reason(&decide(&owner, &proposed.name, true).await.unwrap_err()),
        "REVOCATION_TOO_LARGE"
    );
    let refused = decide(&owner, &proposed.name, false).await.unwrap();
    assert_eq!(
        (refused.state(), posted(&member, &wallet).await),
        (State::Refused, amount("USD", 49, 0))
    );
    assert_eq!(reason(&restore(&owner, &proposed.name).await.unwrap_err()), "REVOCATION_STATE");
    let granted = grant(world, &wallet, amount("USD", 5, 0), 0).await;
    let gift = propose(&admin, of(&granted, None)).await.unwrap_err();
    assert!(
        reason(&gift) == "LOT_STATE" && gift.message().contains("VoidGrant"),
        "{}",
        gift.message()
    );
    let other = world.wallet(&world.customer("acme", "GB").await, "USD").await;
    let foreign = lot.replace(&wallet, &other);
    assert_eq!(propose(&admin, of(&foreign, None)).await.unwrap_err().code(), Code::NotFound);
    assert!(mails(&owner, MailKind::CreditRevoked).await.is_empty());
    invariants::hold(world).await;
}

async fn auto_recharge_stops_until_the_credit_is_restored(world: &World) {
    let (member, wallet, lot) = bought(world).await;
    let (owner, admin) = (world.someone("OWNER", None), world.someone("ADMIN", None));
    let rules = AutoRecharge {
        threshold: amount("USD", 40, 0),
        threshold_recharge: amount("USD", 20, 0).map(ThresholdRecharge::ThresholdAmount),
        ..AutoRecharge::default()
    };
    set(&member, &wallet, rules).await.unwrap();
    let proposed = propose(&owner, of(&lot, None)).await.unwrap();
    let revoked = decide(&admin, &proposed.name, true).await.unwrap();
    let read = async || {
        let get = GetAutoRechargeRequest { name: format!("{wallet}/autoRecharge") };
        member.recharges().get_auto_recharge(get).await.unwrap().into_inner().auto_recharge.unwrap()
    };
    assert_eq!(read().await.failure_reason, "CREDIT_REVOKED");
    let words = text(&owner, &mails_of(&owner, MailKind::CreditRevoked, 1).await.remove(0)).await;
    assert!(words.contains("Your automatic top-up has stopped"), "{words}");
    assert_eq!(posted(&member, &wallet).await, amount("USD", 0, 0), "nothing is bought again");
    restore(&owner, &revoked.name).await.unwrap();
    assert_eq!(
        (read().await.failure_reason.as_str(), posted(&member, &wallet).await),
        ("", amount("USD", 50, 0))
    );
    mails_of(&owner, MailKind::CreditRestored, 1).await;
    assert!(
        mails(&owner, MailKind::RechargeFailed).await.is_empty(),
        "no other method is asked for"
    );
    invariants::hold(world).await;
}
