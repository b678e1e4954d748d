//! Plaid, against a local server that answers as its public API documents.

use super::Plaid;
use crate::bank_data::{BankData, PageState, Read};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// What the server was asked, and how the login stands.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Vec<(String, Value)>>>);

fn refused(kind: &str, code: &str) -> Response {
    let body = json!({
        "error_type": kind, "error_code": code, "error_message": "as documented", "display_message": null, "request_id": "Hsfj1",
    });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn account(id: &str, kind: &str, subtype: &str, mask: &str, currency: Option<&str>) -> Value {
    json!({
        "account_id": id, "name": "Account", "official_name": null, "type": kind, "subtype": subtype, "mask": mask,
        "balances": { "available": 100.5, "current": 110.1, "iso_currency_code": currency, "limit": null, "unofficial_currency_code": null },
    })
}

fn transaction(number: usize, account: &str, amount: &Value) -> Value {
    json!({
        "transaction_id": format!("t{number}"), "account_id": account, "amount": amount, "iso_currency_code": "USD",
        "date": "2026-05-04", "authorized_date": null, "name": "ACH Globex", "merchant_name": null, "pending": false,
        "personal_finance_category": { "primary": "INCOME", "detailed": "INCOME_OTHER_INCOME" },
    })
}

/// 502 transactions on two pages; the last two of the second one are of interest.
fn transactions(offset: &Value) -> Value {
    let mut all: Vec<Value> =
        (0..500).map(|number| transaction(number, "checking", &json!(-0.1))).collect();
    all.push(transaction(500, "card", &json!(-5_000)));
    let mut fee = transaction(501, "checking", &json!(35.0));
    fee["date"] = json!("2026-03-02");
    fee["personal_finance_category"]["detailed"] = json!("BANK_FEES_INSUFFICIENT_FUNDS");
    fee["merchant_name"] = json!("First Bank");
    all.push(fee);
    let mut pending = transaction(502, "checking", &json!(-7));
    pending["pending"] = json!(true);
    all.push(pending);
    let page: Vec<_> = all
        .iter()
        .skip(usize::try_from(offset.as_u64().unwrap()).unwrap())
        .take(500)
        .cloned()
        .collect();
    json!({
        "accounts": [
            account("checking", "depository", "checking", "0001", Some("USD")), account("card", "credit", "credit card", "0002", Some("USD")),
            account("second", "depository", "checking", "0001", Some("USD")), account("coins", "depository", "checking", "0003", None),
        ],
        "transactions": page, "total_transactions": all.len(), "item": { "institution_id": "ins_109508" }, "request_id": "45QSn",
    })
}

async fn answer(
    State(server): State<Server>,
    uri: Uri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    server.0.lock().unwrap().push((uri.path().to_owned(), body.clone()));
    if headers.get("plaid-client-id").is_none_or(|id| id != "client")
        || headers.get("plaid-secret").is_none_or(|header_value| header_value != "secret")
    {
        return refused("INVALID_INPUT", "INVALID_API_KEYS");
    }
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let answer = match (uri.path(), text("link_token").as_str(), text("access_token").as_str()) {
        ("/link/token/create", ..) => {
            let url = "https://secure.plaid.com/hl/lp1234";
            json!({ "link_token": "link-new", "expiration": "2026-05-10T04:00:00Z", "hosted_link_url": url, "request_id": "x" })
        }
        ("/link/token/get", "link-done", _) => {
            let institution =
                json!({ "institution_id": "ins_109508", "name": "First Platypus Bank" });
            let added =
                json!({ "public_token": "public-1", "accounts": [], "institution": institution });
            json!({ "link_token": "link-done", "link_sessions": [{ "link_session_id": "1", "results": { "item_add_results": [added] } }] })
        }
        ("/link/token/get", "link-stale", _) => {
            json!({ "link_sessions": [{ "results": { "item_add_results": [{ "public_token": "public-stale", "institution": null }] } }] })
        }
        ("/link/token/get", "link-new", _) => {
            json!({ "link_token": "link-new", "link_sessions": [{ "link_session_id": "1" }] })
        }
        ("/link/token/get", ..) => return refused("INVALID_INPUT", "INVALID_LINK_TOKEN"),
        ("/item/public_token/exchange", ..) if text("public_token") == "public-1" => {
            json!({ "access_token": "access-1", "item_id": "item", "request_id": "x" })
        }
        ("/item/public_token/exchange", ..) => {
            return refused("INVALID_INPUT", "INVALID_PUBLIC_TOKEN");
        }
        ("/transactions/get", _, "access-1") => transactions(&body["options"]["offset"]),
        ("/transactions/get", _, "access-early") => {
            return refused("ITEM_ERROR", "PRODUCT_NOT_READY");
        }
        ("/transactions/get", _, "access-locked") => {
            return refused("ITEM_ERROR", "ITEM_LOGIN_REQUIRED");
        }
        ("/transactions/get", _, "access-much") => {
            let body = json!({ "error_type": "RATE_LIMIT_EXCEEDED", "error_code": "TRANSACTIONS_LIMIT", "error_message": "wait" });
            return (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
        }
        ("/item/remove", _, "access-1") => json!({ "request_id": "x" }),
        ("/item/remove", ..) => return refused("ITEM_ERROR", "ITEM_NOT_FOUND"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    Json(answer).into_response()
}

async fn plaid() -> (Plaid, Server, tempfile::TempDir) {
    let server = Server::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().fallback(answer).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plaid.credentials");
    std::fs::write(&file, "client\nsecret\n").unwrap();
    (Plaid::new(&format!("http://{address}/"), &file).unwrap(), server, folder)
}

#[tokio::test]
async fn a_page_is_made_and_what_it_opened_is_exchanged() {
    let (plaid, server, _folder) = plaid().await;
    let tenant = "acme".parse().unwrap();
    let page = plaid.open_page(&tenant, Uuid::max()).await.unwrap();
    assert_eq!(
        (page.id.as_str(), page.url.as_str()),
        ("link-new", "https://secure.plaid.com/hl/lp1234")
    );
    let asked = server.0.lock().unwrap()[0].1.clone();
    assert_eq!(asked["user"]["client_user_id"], json!(Uuid::max()));
    assert_eq!(
        (&asked["products"], &asked["hosted_link"]["url_lifetime_seconds"]),
        (&json!(["transactions"]), &json!(14_400))
    );
    assert_eq!(plaid.page(&tenant, "link-new").await.unwrap(), PageState::Pending);
    let PageState::Opened(opened) = plaid.page(&tenant, "link-done").await.unwrap() else {
        panic!("the session is done")
    };
    assert_eq!(
        (opened.token.as_str(), opened.institution.as_str()),
        ("access-1", "First Platypus Bank")
    );
    assert!(
        !format!("{opened:?} {plaid:?}").contains("access-1")
            && !format!("{plaid:?}").contains("secret")
    );
    assert_eq!(
        plaid.page(&tenant, "link-stale").await.unwrap(),
        PageState::Gone,
        "a public token is good for half an hour"
    );
    assert_eq!(plaid.page(&tenant, "link-old").await.unwrap(), PageState::Gone);
}

#[tokio::test]
async fn accounts_are_read_page_by_page_without_fractions() {
    let (plaid, server, _folder) = plaid().await;
    let tenant = "acme".parse().unwrap();
    let days = ("2025-04-01".parse().unwrap(), "2026-05-10".parse().unwrap());
    let Read::Statements(statements) = plaid.read(&tenant, "access-1", days).await.unwrap() else {
        panic!("the bank answers")
    };
    assert_eq!(statements.len(), 2, "neither what a credit card pays, nor what is no currency");
    let (first, second) = (&statements[0], &statements[1]);
    assert_ne!(first.account, second.account, "two accounts of one login are two");
    assert_eq!(first.bookings.len(), 501, "what is pending is not booked");
    assert_eq!(
        first.bookings.iter().map(|booking| booking.amount).sum::<i64>(),
        500 * 100_000 - 35_000_000
    );
    let fee = first.bookings.iter().find(|booking| booking.returned.is_some()).unwrap();
    assert_eq!(
        (fee.amount, fee.party.as_str(), fee.references[0].value.as_str()),
        (-35_000_000, "First Bank", "t501")
    );
    assert_eq!(
        (first.covers, first.closing),
        (("2026-03-02".parse().unwrap(), days.1), Some(110_100_000))
    );
    assert_eq!((second.covers, second.bookings.len()), ((days.1, days.1), 0));
    let asked: Vec<_> = server
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|(_, body)| body["options"]["offset"].clone())
        .collect();
    assert_eq!(asked, [json!(0), json!(500)]);
    let Read::Statements(again) = plaid.read(&tenant, "access-1", days).await.unwrap() else {
        panic!("the bank answers")
    };
    assert_eq!(again, statements, "the same account has the same hash");
}

#[tokio::test]
async fn what_a_bank_refuses_is_told_apart() {
    let (plaid, _, _folder) = plaid().await;
    let tenant = "acme".parse().unwrap();
    let days = ("2025-04-01".parse().unwrap(), "2026-05-10".parse().unwrap());
    assert_eq!(plaid.read(&tenant, "access-early", days).await.unwrap(), Read::NotReady);
    assert_eq!(plaid.read(&tenant, "access-locked", days).await.unwrap(), Read::Broken);
    assert!(
        plaid
            .read(&tenant, "access-much", days)
            .await
            .unwrap_err()
            .0
            .contains("TRANSACTIONS_LIMIT")
    );
    plaid.forget(&tenant, "access-1").await.unwrap();
    plaid.forget(&tenant, "access-gone").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plaid.credentials");
    std::fs::write(&file, "client\n").unwrap();
    assert!(Plaid::new("https://production.plaid.com", &file).unwrap_err().contains("a line each"));
    std::fs::write(&file, "client\nother\n").unwrap();
    let stranger = Plaid::new(&plaid.base, &file).unwrap();
    assert!(
        stranger.open_page(&tenant, Uuid::max()).await.unwrap_err().0.contains("INVALID_API_KEYS")
    );
}

/// Answers that are changed at random, and such as nest: Plaid's are read like everybody's.
#[test]
fn no_answer_of_plaids_breaks_the_reader() {
    use super::{HistoryMessage, statements};
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let read = |body: &[u8]| {
        let Ok(page) = serde_json::from_slice::<HistoryMessage>(body) else { return };
        let to = chrono::NaiveDate::from_ymd_opt(2026, 6, 30).unwrap();
        let _ =
            statements(&"acme".parse().unwrap(), page.accounts, "ins_1", &page.transactions, to);
    };
    let all = move || {
        let mut random = StdRng::seed_from_u64(17);
        let page = json!({
            "accounts": [account("checking", "depository", "checking", "0001", Some("USD"))],
            "transactions": [transaction(1, "checking", &json!(-12.5))], "total_transactions": 1, "item": { "institution_id": "ins_1" },
        });
        let sample = page.to_string();
        let words = [
            "1e999999999",
            "-1e-999999999",
            "99999999999999999999999999999999999",
            "0.1234567",
            "[[[[",
            "{\"a\":",
            "null",
            "\"",
            "2026-13-45",
            "é",
        ];
        for _ in 0..3_000 {
            let mut body = sample.clone().into_bytes();
            for _ in 0..=random.random_range(0..3) {
                let at = random.random_range(0..body.len());
                match random.random_range(0..3) {
                    0 => body[at] = random.random(),
                    1 => drop(body.splice(
                        at..(at + 9).min(body.len()),
                        words[random.random_range(0..words.len())].bytes(),
                    )),
                    _ => drop(
                        body.splice(at..at, words[random.random_range(0..words.len())].bytes()),
                    ),
                }
            }
            read(&body);
        }
        for amount in words
            .iter()
            .copied()
            .chain(["[".repeat(100_000).as_str(), "9".repeat(1 << 20).as_str()])
        {
            read(sample.replace("-12.5", amount).as_bytes());
        }
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            read(sample.replace("-12.5", &nested).as_bytes());
            read(format!("{{\"more\":{nested},{}", sample.trim_start_matches('{')).as_bytes());
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(all).unwrap().join().unwrap();
}
