//! VIES, against a local server that answers as its public description documents.

use super::{Answer, TaxRegister, Vies};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use payterms_invoicing_domain::tax_number_form::{Spelled, spelled};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

type Asked = Arc<Mutex<Vec<Value>>>;

fn refused(code: &str) -> Value {
    json!({ "actionSucceed": false, "errorWrappers": [{ "error": code, "message": "as documented" }] })
}

fn found(number: &Value, valid: bool, consultation: &str) -> Value {
    json!({
        "countryCode": "DE", "vatNumber": number, "requestDate": "2026-11-29T10:00:00.000Z", "valid": valid,
        "requestIdentifier": consultation, "name": "---", "address": "---", "traderName": "---", "traderNameMatch": "NOT_PROCESSED",
    })
}

async fn answer(State(asked): State<Asked>, Json(body): Json<Value>) -> Response {
    asked.lock().unwrap().push(body.clone());
    let number = &body["vatNumber"];
    let consultation = if body["requesterNumber"].is_string() { "WAPIAAAAY3kC8Bcd" } else { "" };
    match number.as_str().unwrap() {
        "136695976" => Json(found(number, true, consultation)).into_response(),
        "123456788" => Json(found(number, false, consultation)).into_response(),
        "1" => Json(refused("MS_UNAVAILABLE")).into_response(),
        "2" => Json(refused("GLOBAL_MAX_CONCURRENT_REQ")).into_response(),
        "3" => (StatusCode::BAD_REQUEST, Json(refused("INVALID_REQUESTER_INFO"))).into_response(),
        "4" => (StatusCode::SERVICE_UNAVAILABLE, "<html>down</html>").into_response(),
        "5" => Json(json!({ "valid": true, "errorWrappers": [{ "error": "VAT_BLOCKED" }] }))
            .into_response(),
        "8" => (StatusCode::SERVICE_UNAVAILABLE, Json(found(number, false, ""))).into_response(),
        "6" => Json(found(number, true, "W1\n<b>")).into_response(),
        _ => Json(json!({ "countryCode": "DE" })).into_response(),
    }
}

#[tokio::test]
async fn it_answers_as_documented_and_everything_else_is_silence() {
    let asked = Asked::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let vies = Vies::new(&format!("http://{}/", listener.local_addr().unwrap()));
    let server =
        Router::new().route("/rest-api/check-vat-number", post(answer)).with_state(asked.clone());
    let served = tokio::spawn(async move { axum::serve(listener, server).await });
    let german = |rest: &str| Spelled { prefix: "DE", rest: rest.to_owned() };
    let seller = spelled("FR", "FR 40 303 265 045").unwrap();
    let valid =
        |valid, consultation: &str| Answer::Found { valid, consultation: consultation.to_owned() };
    assert_eq!(
        vies.ask(&german("136695976"), Some(&seller)).await,
        valid(true, "WAPIAAAAY3kC8Bcd")
    );
    assert_eq!(vies.ask(&german("136695976"), None).await, valid(true, ""));
    assert_eq!(
        vies.ask(&german("123456788"), Some(&seller)).await,
        valid(false, "WAPIAAAAY3kC8Bcd")
    );
    let silent = [
        "MS_UNAVAILABLE",
        "GLOBAL_MAX_CONCURRENT_REQ",
        "INVALID_REQUESTER_INFO",
        "HTTP_503",
        "VAT_BLOCKED",
        "HTTP_503",
    ];
    for (number, code) in ["1", "2", "3", "4", "5", "8"].into_iter().zip(silent) {
        assert_eq!(vies.ask(&german(number), None).await, Answer::Silent(code.to_owned()));
    }
    assert_eq!(
        vies.ask(&german("6"), None).await,
        valid(true, "W1b"),
        "of what it writes only letters and digits are kept"
    );
    assert_eq!(vies.ask(&german("7"), None).await, Answer::Silent("NO_ANSWER".to_owned()));
    let with = json!({
        "countryCode": "DE", "vatNumber": "136695976", "requesterMemberStateCode": "FR", "requesterNumber": "40303265045",
    });
    assert_eq!(asked.lock().unwrap()[0], with);
    assert_eq!(asked.lock().unwrap()[1], json!({ "countryCode": "DE", "vatNumber": "136695976" }));
    served.abort();
    let _ = served.await;
    assert!(
        matches!(Vies::new("http://127.0.0.1:1").ask(&german("1"), None).await, Answer::Silent(code) if code == "UNREACHABLE")
    );
}
