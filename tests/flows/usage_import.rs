//! `payterms usage import`: each line is recorded once, however often the file is sent, and each is
//! refused alone.

use crate::{invariants, verify::payterms, wallets::grant};
use payterms_kernel::{Clock, SystemClock};
use payterms_proto::wallet::v1::{ListUsageRecordsRequest, UsageRecord};
use payterms_suite::client::amount;
use payterms_testkit::{World, on_both};
use serde_json::{Value, json};
use std::fs;

on_both!(a_file_is_recorded_once_however_often_it_is_sent);

const HEAD: &str = "request_id,usage_time,product,quantity,unit_price\n";

async fn a_file_is_recorded_once_however_often_it_is_sent(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let today = SystemClock.now().format("%Y-%m-%d").to_string();
    let file = world.folder.path().join("calls.csv");
    let import = async |lines: &str| {
        fs::write(&file, format!("{HEAD}{lines}")).unwrap();
        let arguments = [
            "usage",
            "import",
            file.to_str().unwrap(),
            "--wallet",
            &wallet,
            "--first-day",
            &today,
            "--output",
            "json",
        ];
        let (code, out, err) = payterms(world, &arguments).await;
        assert_eq!(err, "", "{out}");
        (code, serde_json::from_str::<Value>(&out).unwrap())
    };
    let counts = |answer: &Value| {
        ["recordedCount", "replayedCount", "refusedCount"]
            .map(|name| answer[name].as_i64().unwrap())
    };
    // More than one stream holds, and two lines that are refused: one by us, one by the wallet.
    let line = |number: usize| format!("call-{number},2026-06-01T00:00:00Z,voice,1,0.001\n");
    let begun: String = (0..700).map(line).collect();
    let whole: String = (0..1_300)
        .map(line)
        .chain([
            "dear,2026-06-01T00:00:00Z,voice,1,500\n".to_owned(),
            "bad,today,voice,1,1\n".to_owned(),
        ])
        .collect();
    let (code, answer) = import(&begun).await;
    assert_eq!((code, counts(&answer)), (0, [700, 0, 0]), "{answer}");
    let (code, answer) = import(&whole).await;
    assert_eq!(
        (code, counts(&answer)),
        (3, [600, 700, 2]),
        "what was recorded before an interruption is found: {answer}"
    );
    let named: Vec<_> = answer["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| (value["line"].clone(), value["reason"].clone()))
        .collect();
    assert_eq!(
        named,
        [(json!(1_302), json!("INSUFFICIENT_FUNDS")), (json!(1_303), json!("LINE_MALFORMED"))]
    );
    let (code, answer) = import(&whole).await;
    assert_eq!((code, counts(&answer)), (3, [0, 1_300, 2]), "{answer}");
    let list =
        ListUsageRecordsRequest { parent: wallet.clone(), page_size: 1, ..Default::default() };
    let page =
        world.someone("STAFF", None).usage().list_usage_records(list).await.unwrap().into_inner();
    let [UsageRecord { product, .. }] = page.usage_records.as_slice() else { panic!("a record") };
    assert_eq!(product, "voice");
    fs::write(&file, "request_id,product\n").unwrap();
    let (code, _, err) =
        payterms(world, &["usage", "import", file.to_str().unwrap(), "--wallet", &wallet]).await;
    assert_eq!((code, err.contains("usage_time, quantity, unit_price")), (1, true), "{err}");
    invariants::hold(world).await;
}
