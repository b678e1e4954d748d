//! What a document will print is refused where it is written, in whichever service, if the fonts
//! lack its characters.

use crate::{invariants, wallets::grant};
use payterms_proto::{
    credit::v1::AuthorizeDrawRequest,
    google::r#type::Decimal,
    invoicing::v1::InvoiceLine,
    wallet::v1::{
        AuthorizeHoldRequest, CreateRecurringFeeRequest, PostDebitRequest, PostDebitsRequest,
        PostFeeRequest, RecordUsageRequest, RefundTopUpRequest, ReverseTransferRequest,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};
use tonic::{Response, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

on_both!(texts_of_the_wallet_and_of_purchases_that_documents_cannot_print_are_refused);

const TEXT: &str = "Conférence 東京";

/// The fields that a refusal names, with its sentences.
fn violations_of<T: std::fmt::Debug>(
    answer: Result<Response<T>, Status>,
) -> Vec<(String, String, String)> {
    let details = answer.unwrap_err().get_error_details();
    let violations = details.bad_request().unwrap().field_violations.clone();
    violations
        .into_iter()
        .map(|field_violation| {
            (field_violation.field, field_violation.reason, field_violation.description)
        })
        .collect()
}

/// Whether a refusal names exactly this field, with its reason and the characters.
fn names(item: &[(String, String, String)], field: &str) {
    assert_eq!(item.len(), 1, "{item:?}");
    let (named, reason, sentence) = &item[0];
    assert!(
        named == field && reason == "SCRIPT_UNSUPPORTED" && sentence.contains("\"東京\""),
        "{field}: {item:?}"
    );
}

async fn texts_of_the_wallet_and_of_purchases_that_documents_cannot_print_are_refused(
    world: &World,
) {
    let (customer, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let (service, owner) = (world.someone("SERVICE", None), world.someone("OWNER", None));
    let (money, description) = (amount("USD", 1, 0), TEXT.to_owned());
    let debit = |description: &str| PostDebitRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: money.clone(),
        description: description.into(),
    };
    names(&violations_of(service.postings().post_debit(debit(TEXT)).await), "description");
    let hold = AuthorizeHoldRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: money.clone(),
        description: description.clone(),
        ..Default::default()
    };
    names(&violations_of(service.holds().authorize_hold(hold).await), "description");
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: money.clone(),
        description: description.clone(),
        unlisted: false,
    };
    names(&violations_of(owner.postings().post_fee(fee).await), "description");
    let each_month = CreateRecurringFeeRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: money.clone(),
        description: description.clone(),
        ..Default::default()
    };
    names(&violations_of(owner.fees().create_recurring_fee(each_month).await), "description");
    let used = RecordUsageRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        product: description.clone(),
        quantity: Some(Decimal { value: "1".into() }),
        unit_price: money.clone(),
        usage_time: None,
        ..Default::default()
    };
    names(&violations_of(service.usage().record_usage(used).await), "product");
    let top_up = format!("{wallet}/topUps/{}", Uuid::from_u128(7));
    let refund = RefundTopUpRequest {
        request_id: request_id(),
        name: top_up,
        credit: None,
        explanation: description.clone(),
    };
    names(&violations_of(owner.top_ups().refund_top_up(refund).await), "explanation");
    let reverse = ReverseTransferRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        transfer_id: Uuid::from_u128(7).to_string(),
        explanation: description.clone(),
        ..Default::default()
    };
    names(&violations_of(owner.reversals().reverse_transfer(reverse).await), "explanation");
    let line = |description: &str| InvoiceLine {
        description: description.into(),
        unit_price: money.clone(),
        ..InvoiceLine::default()
    };
    let draw = |text: &str, memo: &str| AuthorizeDrawRequest {
        request_id: request_id(),
        parent: format!("{customer}/creditLines/{}", Uuid::from_u128(7)),
        lines: vec![line(text)],
        description: memo.into(),
        ..AuthorizeDrawRequest::default()
    };
    names(
        &violations_of(service.draws().authorize_draw(draw(TEXT, "")).await),
        "lines[0].description",
    );
    names(&violations_of(service.draws().authorize_draw(draw("Tea", TEXT)).await), "description");
    // Of a list, one is refused and the others are not; what the fonts have is taken, whatever the
    // language.
    let debits = PostDebitsRequest {
        debits: vec![debit("Łódź – Ελλάδα – Москва"), debit(TEXT)]
    };
    let results = service.postings().post_debits(debits).await.unwrap().into_inner().results;
    assert_eq!(
        results.iter().map(|debit_result| debit_result.reason.as_str()).collect::<Vec<_>>(),
        ["", "SCRIPT_UNSUPPORTED"]
    );
    invariants::hold(world).await;
}
