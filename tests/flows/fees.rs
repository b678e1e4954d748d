//! Fees: recurring ones in advance and monthly, even into a negative balance; custom ones on and
//! off the list.

use crate::{
    clocks::{advance, start},
    collections::{DAY, START},
    invariants,
    wallets::grant,
};
use payterms_proto::wallet::v1::{
    CancelRecurringFeeRequest, CreateRecurringFeeRequest, Fee, GetBalanceRequest,
    ListEntriesRequest, ListFeesRequest, ListRecurringFeesRequest, PostFeeRequest, RecurringFee,
    entry, recurring_fee::State,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both};
use tonic::Code;

on_both!(
    a_recurring_fee_is_taken_in_advance_each_month_until_cancelled,
    a_custom_fee_may_be_unlisted
);

async fn taken(session: &Session, wallet: &str) -> Vec<Fee> {
    let list = ListFeesRequest { parent: wallet.into(), ..Default::default() };
    session.fees().list_fees(list).await.unwrap().into_inner().fees
}

async fn recurring(session: &Session, wallet: &str) -> Vec<RecurringFee> {
    let list = ListRecurringFeesRequest { parent: wallet.into(), ..Default::default() };
    session.fees().list_recurring_fees(list).await.unwrap().into_inner().recurring_fees
}

pub(crate) async fn a_recurring_fee_is_taken_in_advance_each_month_until_cancelled(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    grant(world, &wallet, amount("USD", 7, 0), 0).await;
    // 31 January in Sydney: the fee of the thirty-first.
    advance(world, START + 30 * DAY).await;
    let staff = world.someone("STAFF", None);
    let member = world.someone("MEMBER", Some(&customer));
    let create = CreateRecurringFeeRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 5, 0),
        description: "Dedicated number".into(),
        ..Default::default()
    };
    let fee = staff
        .fees()
        .create_recurring_fee(create.clone())
        .await
        .unwrap()
        .into_inner()
        .recurring_fee
        .unwrap();
    let again = staff
        .fees()
        .create_recurring_fee(create)
        .await
        .unwrap()
        .into_inner()
        .recurring_fee
        .unwrap();
    assert_eq!(again, fee, "taken once");
    let next = fee.next_date.as_ref().unwrap();
    assert_eq!((fee.taken_count, next.month, next.day), (1, 2, 28));
    // 28 February, 31 March, 30 April begin in Sydney the day before in UTC.
    advance(world, START + (30 + 28 + 31 + 30) * DAY).await;
    let recurring_fee = recurring(&member, &wallet).await.remove(0);
    assert_eq!(
        (
            recurring_fee.taken_count,
            recurring_fee.next_date.as_ref().map(|day| (day.month, day.day))
        ),
        (4, Some((5, 31)))
    );
    let balance = GetBalanceRequest { name: wallet.clone(), as_of: None };
    let posted =
        member.wallets().get_balance(balance).await.unwrap().into_inner().balance.unwrap().posted;
    assert_eq!(posted, amount("USD", -13, 0), "even into a negative balance");
    let list = taken(&member, &wallet).await;
    assert!(
        list.len() == 4
            && list
                .iter()
                .all(|each| each.recurring_fee == fee.name && each.amount == amount("USD", 5, 0)),
        "{list:?}"
    );
    let cancel = CancelRecurringFeeRequest {
        request_id: request_id(),
        name: fee.name.clone(),
        ..Default::default()
    };
    let ended = staff
        .fees()
        .cancel_recurring_fee(cancel)
        .await
        .unwrap()
        .into_inner()
        .recurring_fee
        .unwrap();
    assert_eq!((ended.state(), ended.next_date), (State::Cancelled, None));
    advance(world, START + 220 * DAY).await;
    assert_eq!(taken(&member, &wallet).await.len(), 4);
    let foreign = CancelRecurringFeeRequest {
        request_id: request_id(),
        name: format!("{wallet}/recurringFees/{}", uuid::Uuid::nil()),
        ..Default::default()
    };
    assert_eq!(
        staff.fees().cancel_recurring_fee(foreign).await.unwrap_err().code(),
        Code::NotFound
    );
    invariants::hold(world).await;
}

async fn a_custom_fee_may_be_unlisted(world: &World) {
    let (_, wallet) = world.usual().await;
    let staff = world.someone("STAFF", None);
    for (units, unlisted) in [(3, false), (4, true)] {
        let fee = PostFeeRequest {
            request_id: request_id(),
            wallet: wallet.clone(),
            amount: amount("USD", units, 0),
            description: "Porting".into(),
            unlisted,
        };
        staff.postings().post_fee(fee).await.unwrap();
    }
    let list = taken(&staff, &wallet).await;
    assert_eq!(
        list.iter().map(|fee| fee.amount.clone()).collect::<Vec<_>>(),
        [amount("USD", 3, 0)]
    );
    let entries = ListEntriesRequest { parent: wallet.clone(), ..Default::default() };
    let entries = staff.wallets().list_entries(entries).await.unwrap().into_inner().entries;
    assert_eq!(
        entries.iter().filter(|entry| entry.kind() == entry::Kind::Fee).count(),
        2,
        "both stand in the entries"
    );
    invariants::hold(world).await;
}
