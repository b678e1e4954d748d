//! Entries and usage records are found over all customers of a tenant, by their time and product.

use crate::{invariants, usage::used, wallets::grant};
use payterms_proto::wallet::v1::{
    Entry, ListEntriesRequest, ListUsageRecordsRequest, RecordUsageRequest,
};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{World, on_both, violations};
use std::{cmp::Reverse, collections::BTreeSet};
use tonic::{Code, Status};

on_both!(
    entries_and_usage_are_found_over_all_customers,
    times_of_a_test_clock_are_compared_one_by_one
);

/// The names of all entries, by pages of two.
async fn entries(
    session: &Session,
    parent: &str,
    filter: &str,
    order: &str,
) -> Result<Vec<String>, Status> {
    let (parent, filter, order_by) = (parent.to_owned(), filter.to_owned(), order.to_owned());
    let mut request =
        ListEntriesRequest { parent, filter, order_by, page_size: 2, ..Default::default() };
    let mut names = Vec::new();
    loop {
        let page = session.wallets().list_entries(request.clone()).await?.into_inner();
        names.extend(page.entries.into_iter().map(|entry| entry.name));
        if page.next_page_token.is_empty() {
            return Ok(names);
        }
        request.page_token = page.next_page_token;
    }
}

/// The names of all records, by pages of one.
async fn usage(
    session: &Session,
    parent: &str,
    filter: &str,
    order: &str,
) -> Result<Vec<String>, Status> {
    let (parent, filter, order_by) = (parent.to_owned(), filter.to_owned(), order.to_owned());
    let mut request =
        ListUsageRecordsRequest { parent, filter, order_by, page_size: 1, ..Default::default() };
    let mut names = Vec::new();
    loop {
        let page = session.usage().list_usage_records(request.clone()).await?.into_inner();
        names.extend(page.usage_records.into_iter().map(|usage_record| usage_record.name));
        if page.next_page_token.is_empty() {
            return Ok(names);
        }
        request.page_token = page.next_page_token;
    }
}

/// All entries of a parent in one page.
async fn all_entries(session: &Session, parent: &str) -> Vec<Entry> {
    let request =
        ListEntriesRequest { parent: parent.to_owned(), page_size: 500, ..Default::default() };
    session.wallets().list_entries(request).await.unwrap().into_inner().entries
}

/// An instant as a filter writes it.
fn written(at: Option<&prost_types::Timestamp>) -> String {
    let at = at.unwrap();
    let nanos = u32::try_from(at.nanos).unwrap();
    chrono::DateTime::from_timestamp(at.seconds, nanos)
        .unwrap()
        .to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

async fn entries_and_usage_are_found_over_all_customers(world: &World) {
    let (customer, wallet) = world.usual().await;
    let other = world.customer("acme", "GB").await;
    let other_wallets = [world.wallet(&other, "USD").await, world.wallet(&other, "EUR").await];
    let service = world.someone("SERVICE", None);
    for (wallet, currency) in
        [(&wallet, "USD"), (&other_wallets[0], "USD"), (&other_wallets[1], "EUR")]
    {
        grant(world, wallet, amount(currency, 10, 0), 0).await;
        for product in ["sms", "voice"] {
            let price = amount(currency, 1, 0);
            service.usage().record_usage(used(wallet, product, "1", price)).await.unwrap();
        }
    }
    let owner = world.someone("OWNER", None);
    let everyone = "tenants/acme/customers/-/wallets/-";
    let listed = all_entries(&owner, everyone).await;
    let newest: Vec<_> = listed.iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(
        (newest.len(), newest.iter().collect::<BTreeSet<_>>().len()),
        (9, 9),
        "a grant and two uses in each wallet"
    );
    assert!(
        listed
            .is_sorted_by_key(|entry| Reverse(entry.record_time.map(|at| (at.seconds, at.nanos)))),
        "the newest first"
    );
    assert_eq!(
        entries(&owner, everyone, "", "").await.unwrap(),
        newest,
        "one by one as all at once"
    );
    let oldest: Vec<_> = newest.iter().rev().cloned().collect();
    assert_eq!(entries(&owner, everyone, "", "record_time").await.unwrap(), oldest);
    let at = written(listed[3].record_time.as_ref());
    for (sign, found) in [
        ("=", &newest[3..4]),
        ("<", &newest[4..]),
        ("<=", &newest[3..]),
        (">", &newest[..3]),
        (">=", &newest[..4]),
    ] {
        assert_eq!(
            entries(&owner, everyone, &format!("record_time {sign} {at}"), "").await.unwrap(),
            found,
            "{sign}"
        );
    }
    assert_eq!(
        entries(&owner, everyone, &format!("record_time != {at}"), "").await.unwrap().len(),
        8
    );
    assert!(
        entries(&owner, everyone, "record_time < 2020-01-01T00:00:00Z", "")
            .await
            .unwrap()
            .is_empty()
    );
    // Of one customer wallet by wallet, in each the newest first; of one wallet as ever.
    let of_other = entries(&owner, &format!("{other}/wallets/-"), "", "").await.unwrap();
    let sequences: Vec<_> = of_other.iter().map(|name| name.rsplit('/').next().unwrap()).collect();
    assert_eq!(sequences, ["3", "2", "1", "3", "2", "1"], "{of_other:?}");
    assert!(of_other.iter().all(|name| name.starts_with(&other)));
    let of_wallet: Vec<_> =
        newest.iter().filter(|name| name.starts_with(&wallet)).cloned().collect();
    assert_eq!(entries(&owner, &wallet, "", "").await.unwrap(), of_wallet);
    assert_eq!(
        entries(
            &owner,
            &wallet,
            &format!("record_time >= {}", written(listed.last().unwrap().record_time.as_ref())),
            "record_time"
        )
        .await
        .unwrap(),
        [of_wallet[2].clone(), of_wallet[1].clone(), of_wallet[0].clone()]
    );
    let member = world.someone("MEMBER", Some(&customer));
    assert_eq!(entries(&member, everyone, "", "").await.unwrap(), of_wallet, "a member's own");
    usage_is_found(world, &owner, &member, &wallet, &other).await;
    let bad = entries(&owner, everyone, "amount > 1", "amount").await.unwrap_err();
    assert_eq!(violations(&bad), ["filter: FILTER_INVALID", "order_by: ORDER_BY_INVALID"]);
    world.tenant("globex").await;
    let stranger = world.of_tenant("globex", "OWNER", None);
    assert!(
        entries(&stranger, "tenants/globex/customers/-/wallets/-", "", "")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(entries(&stranger, everyone, "", "").await.unwrap_err().code(), Code::NotFound);
    invariants::hold(world).await;
}

async fn usage_is_found(
    world: &World,
    owner: &Session,
    member: &Session,
    wallet: &str,
    other: &str,
) {
    let everyone = "tenants/acme/customers/-/wallets/-";
    let request = ListUsageRecordsRequest {
        parent: everyone.to_owned(),
        page_size: 500,
        ..Default::default()
    };
    let listed =
        owner.usage().list_usage_records(request.clone()).await.unwrap().into_inner().usage_records;
    let names: Vec<_> = listed.iter().map(|usage_record| usage_record.name.clone()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 6);
    assert!(
        listed.is_sorted_by_key(|usage_record| Reverse(
            usage_record.record_time.map(|at| (at.seconds, at.nanos))
        )),
        "the newest first"
    );
    assert_eq!(usage(owner, everyone, "", "").await.unwrap(), names);
    let of = |product: &str| {
        listed
            .iter()
            .filter(|usage_record| usage_record.product == product)
            .map(|usage_record| usage_record.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(usage(owner, everyone, "product = sms", "").await.unwrap(), of("sms"));
    assert_eq!(usage(owner, everyone, "product != sms", "").await.unwrap(), of("voice"));
    let by_field = ListUsageRecordsRequest { product: "voice".into(), page_size: 2, ..request };
    let page = owner.usage().list_usage_records(by_field.clone()).await.unwrap().into_inner();
    assert_eq!(
        page.usage_records.iter().map(|usage_record| usage_record.name.clone()).collect::<Vec<_>>(),
        of("voice")[..2]
    );
    // A token of the tenant's list is none of a member's.
    let of_all =
        ListUsageRecordsRequest { parent: everyone.into(), page_size: 1, ..Default::default() };
    let all = owner.usage().list_usage_records(of_all.clone()).await.unwrap().into_inner();
    let borrowed = ListUsageRecordsRequest { page_token: all.next_page_token, ..of_all };
    assert_eq!(
        violations(&member.usage().list_usage_records(borrowed).await.unwrap_err()),
        ["page_token: PAGE_TOKEN_INVALID"]
    );
    let of_another = ListUsageRecordsRequest {
        product: "sms".into(),
        page_token: page.next_page_token,
        ..by_field
    };
    assert_eq!(
        violations(&owner.usage().list_usage_records(of_another).await.unwrap_err()),
        ["page_token: PAGE_TOKEN_INVALID"]
    );
    for time in ["usage_time", "record_time"] {
        let at = if time == "usage_time" { &listed[2].usage_time } else { &listed[2].record_time };
        let at = written(at.as_ref());
        assert_eq!(
            usage(owner, everyone, &format!("{time} > {at}"), "").await.unwrap(),
            names[..2],
            "{time}"
        );
        assert_eq!(
            usage(owner, everyone, &format!("{time} <= {at}"), "").await.unwrap(),
            names[2..],
            "{time}"
        );
        assert_eq!(
            usage(owner, everyone, &format!("{time} = {at} AND product != nothing"), "")
                .await
                .unwrap(),
            names[2..3],
            "{time}"
        );
    }
    assert_eq!(
        usage(owner, &format!("{other}/wallets/-"), "product = sms", "").await.unwrap().len(),
        2
    );
    assert_eq!(usage(owner, wallet, "product = sms", "record_time").await.unwrap().len(), 1);
    assert!(
        usage(member, everyone, "", "").await.unwrap().iter().all(|name| name.starts_with(wallet))
    );
    let early = used(wallet, "early", "1", amount("USD", 1, 0));
    let seconds = listed[0].record_time.unwrap().seconds - 30 * 86_400;
    let early = RecordUsageRequest {
        usage_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        ..early
    };
    world.someone("SERVICE", None).usage().record_usage(early).await.unwrap();
    let at = written(Some(&prost_types::Timestamp { seconds: seconds + 1, nanos: 0 }));
    let found = usage(owner, everyone, &format!("usage_time < {at}"), "").await.unwrap();
    assert_eq!(found.len(), 1, "what was used a month before it was recorded: {found:?}");
}

/// While a test clock stands ids rise: a bound of ids by the time would lose what was recorded
/// last.
async fn times_of_a_test_clock_are_compared_one_by_one(world: &World) {
    world.tenant("acme").await;
    crate::clocks::start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    for _ in 0..5 {
        grant(world, &wallet, amount("USD", 1, 0), 0).await;
    }
    let owner = world.someone("OWNER", None);
    let everyone = "tenants/acme/customers/-/wallets/-";
    let at = written(all_entries(&owner, everyone).await[0].record_time.as_ref());
    assert_eq!(
        entries(&owner, everyone, &format!("record_time = {at}"), "").await.unwrap().len(),
        5
    );
    assert_eq!(
        entries(&owner, everyone, &format!("record_time <= {at}"), "").await.unwrap().len(),
        5
    );
    assert!(
        entries(&owner, everyone, &format!("record_time > {at}"), "").await.unwrap().is_empty()
    );
    invariants::hold(world).await;
}
