//! Usage is recorded, alone and by stream; each record has one effect and fails alone.

use crate::{invariants, wallets::grant};
use payterms_proto::{
    google::r#type::Decimal,
    wallet::v1::{
        GetWalletRequest, ListUsageRecordsRequest, RecordUsageRequest, RecordUsageStreamRequest,
        RecordUsagesRequest,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};
use prost_types::Timestamp;

on_both!(
    a_record_takes_price_times_quantity_rounded_once,
    a_stream_records_each_once_and_refuses_each_alone,
    usage_is_neither_old_nor_ahead,
    a_resent_stream_goes_on_where_it_broke_off,
    a_use_of_a_month_that_is_over_is_late_also_where_credit_pays,
);

pub(crate) fn used(
    wallet: &str,
    product: &str,
    quantity: &str,
    price: Option<payterms_proto::google::r#type::Money>,
) -> RecordUsageRequest {
    RecordUsageRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        product: product.into(),
        quantity: Some(Decimal { value: quantity.into() }),
        unit_price: price,
        usage_time: None,
        ..Default::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
fn micros(micros: i32) -> Option<payterms_proto::google::r#type::Money> {
    Some(payterms_proto::google::r#type::Money {
        currency_code: "USD".into(),
        units: 0,
        nanos: micros * 1_000,
    })
}

async fn a_record_takes_price_times_quantity_rounded_once(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let request = used(&wallet, "voice", "1.5", micros(333));
    let first = service.usage().record_usage(request.clone()).await.unwrap().into_inner();
    assert_eq!(
        first.usage_record.as_ref().unwrap().amount,
        micros(500),
        "0.0004995 rounds half away to 0.000500"
    );
    let again = service.usage().record_usage(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner(), first);
    let nothing = service
        .usage()
        .record_usage(used(&wallet, "voice", "0", micros(333)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(nothing.usage_record.unwrap().transfer_id, "");
    let wrong = service
        .usage()
        .record_usage(used(&wallet, "", "1e3", amount("USD", 0, 0)))
        .await
        .unwrap_err();
    assert_eq!(
        payterms_testkit::violations(&wrong),
        [
            "product: FIELD_REQUIRED",
            "quantity: AMOUNT_MALFORMED",
            "unit_price: AMOUNT_NOT_POSITIVE"
        ]
    );
    invariants::hold(world).await;
}

async fn a_stream_records_each_once_and_refuses_each_alone(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let mut records: Vec<_> = (0..1_200)
        .map(|n| used(&wallet, if n % 2 == 0 { "voice" } else { "sms" }, "1", micros(1_000)))
        .collect();
    records[7] = used(&wallet, "voice", "1", amount("USD", 500, 0));
    records[9] = used(&wallet, "voice", "-1", micros(1));
    records[11] = records[10].clone();
    let send = async || {
        let messages: Vec<_> = records
            .iter()
            .map(|record| RecordUsageStreamRequest { record: Some(record.clone()) })
            .collect();
        service
            .usage()
            .record_usage_stream(tokio_stream::iter(messages))
            .await
            .unwrap()
            .into_inner()
    };
    let first = send().await;
    assert_eq!((first.recorded_count, first.replayed_count, first.refused_count), (1_197, 1, 2));
    let pairs: Vec<_> =
        first.refusals.iter().map(|refusal| (refusal.index, refusal.reason.as_str())).collect();
    let mut pairs = pairs;
    pairs.sort_unstable_by_key(|(index, _)| *index);
    assert_eq!(pairs, [(7, "INSUFFICIENT_FUNDS"), (9, "FIELD_OUT_OF_RANGE")]);
    let second = send().await;
    assert_eq!((second.recorded_count, second.replayed_count, second.refused_count), (0, 1_198, 2));
    // In a list each is the same one, and says what became of it.
    let list = RecordUsagesRequest { records: records[6..10].to_vec() };
    let results = service.usage().record_usages(list).await.unwrap().into_inner().results;
    let short: Vec<_> = results
        .iter()
        .map(|usage_result| {
            (
                usage_result.usage_record.is_some(),
                usage_result.replayed,
                usage_result.reason.as_str(),
            )
        })
        .collect();
    let is_there = (true, true, "");
    assert_eq!(
        short,
        [
            is_there,
            (false, false, "INSUFFICIENT_FUNDS"),
            is_there,
            (false, false, "FIELD_OUT_OF_RANGE")
        ]
    );
    assert!(
        results
            .iter()
            .zip(&records[6..])
            .all(|(usage_result, record)| usage_result.request_id == record.request_id)
    );
    let many = RecordUsagesRequest { records: vec![records[0].clone(); 501] };
    assert_eq!(reason(&service.usage().record_usages(many).await.unwrap_err()), "TOO_MANY_ITEMS");
    let read = service
        .wallets()
        .get_wallet(GetWalletRequest { name: wallet.clone() })
        .await
        .unwrap()
        .into_inner();
    let left = read.wallet.unwrap().balance.unwrap().posted.unwrap();
    assert_eq!((left.units, left.nanos), (8, 803_000_000));
    let list = ListUsageRecordsRequest {
        parent: wallet,
        page_size: 500,
        product: "sms".into(),
        ..Default::default()
    };
    let page = service.usage().list_usage_records(list).await.unwrap().into_inner();
    assert!(
        page.usage_records.len() == 500
            && page.usage_records.iter().all(|record| record.product == "sms")
    );
    invariants::hold(world).await;
}

async fn usage_is_neither_old_nor_ahead(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let real = GetWalletRequest { name: wallet.clone() };
    let now = service
        .wallets()
        .get_wallet(real)
        .await
        .unwrap()
        .into_inner()
        .wallet
        .unwrap()
        .balance
        .unwrap()
        .time
        .unwrap()
        .seconds;
    for (seconds, expected) in
        [(now - 36 * 86_400, "USAGE_TOO_OLD"), (now + 3_600, "USAGE_IN_FUTURE")]
    {
        let request = RecordUsageRequest {
            usage_time: Some(Timestamp { seconds, nanos: 0 }),
            ..used(&wallet, "voice", "1", micros(1))
        };
        assert_eq!(reason(&service.usage().record_usage(request).await.unwrap_err()), expected);
    }
}

/// On a clock that stands still, a stream that begins with what was sent before records the rest.
async fn a_resent_stream_goes_on_where_it_broke_off(world: &World) {
    world.tenant("acme").await;
    crate::clocks::start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let records: Vec<_> = (0..3).map(|_| used(&wallet, "voice", "1", micros(1_000))).collect();
    for sent in 1..=3 {
        let messages: Vec<_> = records[..sent]
            .iter()
            .map(|record| RecordUsageStreamRequest { record: Some(record.clone()) })
            .collect();
        let answer = service
            .usage()
            .record_usage_stream(tokio_stream::iter(messages))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(
            (answer.recorded_count, answer.replayed_count),
            (1, i64::try_from(sent).unwrap() - 1)
        );
    }
    invariants::hold(world).await;
}

async fn a_use_of_a_month_that_is_over_is_late_also_where_credit_pays(world: &World) {
    world.tenant("acme").await;
    crate::clocks::start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    crate::wallets::grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    // 1 February in Sydney begins eleven hours before it does in UTC.
    let february = crate::collections::START + 31 * crate::collections::DAY - 11 * 3_600;
    crate::clocks::advance(world, february + 3_600).await;
    for (seconds, late) in [(february - 1, true), (february, false), (february + 3_600, false)] {
        let request = RecordUsageRequest {
            request_id: request_id(),
            wallet: wallet.clone(),
            product: "maps".into(),
            quantity: Some(Decimal { value: "1".into() }),
            unit_price: amount("USD", 1, 0),
            usage_time: crate::clocks::at(seconds),
            ..Default::default()
        };
        let record =
            service.usage().record_usage(request).await.unwrap().into_inner().usage_record.unwrap();
        assert_eq!((record.late, record.metered_service.as_str()), (late, ""), "{seconds}");
    }
    let list = ListUsageRecordsRequest { parent: wallet, ..Default::default() };
    let listed = service.usage().list_usage_records(list).await.unwrap().into_inner().usage_records;
    assert_eq!(
        listed.iter().map(|record| record.late).collect::<Vec<_>>(),
        [false, false, true],
        "the newest first"
    );
    crate::invariants::hold(world).await;
}
