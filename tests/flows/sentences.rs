//! Sentences name the right thing, and what does not suffice is answered with what is missing.

use crate::{
    holds::authorize,
    invariants,
    invoices::{draft, issued, line},
    lines,
    metered::yard,
    payments::{by, credit, till},
    postpaid::used,
    reversals::{metadata, of, records, reverse},
    top_ups::{buy, card},
    wallets::grant,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        ApplyCreditRequest, InvoiceToPay, Payment, QuotePaymentRequest, invoice::State,
    },
    wallet::v1::{
        CaptureHoldRequest, Minimum, ReverseMeteredUseRequest, TaxKind,
        UpdateWalletSettingsRequest, WalletSettings, payment_method::Kind,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};
use tonic::Status;

on_both!(
    an_over_capture_speaks_of_the_hold,
    credit_is_applied_as_far_as_it_goes,
    a_quote_says_what_is_missing,
    taxed_credit_says_why_it_does_not_pay,
    each_reversal_names_the_other_where_that_is_right,
);

async fn apply(
    session: &Session,
    customer: &str,
    invoice: &str,
    money: Option<Money>,
) -> Result<Payment, Status> {
    let request = ApplyCreditRequest {
        request_id: request_id(),
        parent: customer.into(),
        invoices: vec![InvoiceToPay { invoice: invoice.into(), amount: None }],
        amount: money,
        ..ApplyCreditRequest::default()
    };
    session
        .payments()
        .apply_credit(request)
        .await
        .map(|answer| answer.into_inner().payment.unwrap())
}

async fn an_over_capture_speaks_of_the_hold(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let hold = service
        .holds()
        .authorize_hold(authorize(&wallet, 8))
        .await
        .unwrap()
        .into_inner()
        .hold
        .unwrap();
    let capture = |units| CaptureHoldRequest {
        request_id: request_id(),
        name: hold.name.clone(),
        amount: amount("USD", units, 0),
        ..CaptureHoldRequest::default()
    };
    service.holds().capture_hold(capture(3)).await.unwrap();
    let refused = service.holds().capture_hold(capture(6)).await.unwrap_err();
    assert_eq!(reason(&refused), "INSUFFICIENT_FUNDS");
    assert_eq!(
        refused.message(),
        "The hold was placed for 8.00 USD; 3.00 USD of it are captured and 5.00 USD are left. 6.00 USD cannot be captured: capture at most \
         what is left."
    );
    invariants::hold(world).await;
}

pub(crate) async fn credit_is_applied_as_far_as_it_goes(world: &World) {
    let till = till(world, 30).await;
    let staff = world.someone("STAFF", None);
    let paid = apply(&staff, &till.customer, &till.invoice.name, None).await.unwrap();
    assert_eq!(paid.tenders[0].amount, amount("USD", 30, 0));
    let left = crate::invoices::read(&till.owner, &till.invoice.name).await.unwrap();
    assert_eq!((left.state(), left.open.clone()), (State::Open, amount("USD", 70, 0)));
    let refused = apply(&staff, &till.customer, &till.invoice.name, None).await.unwrap_err();
    assert_eq!(reason(&refused), "INSUFFICIENT_FUNDS");
    assert!(
        refused
            .message()
            .starts_with("The wallet has 0.00 USD for these invoices; 70.00 USD were asked."),
        "{refused:?}"
    );
    grant(world, &till.wallet, amount("USD", 500, 0), 0).await;
    let refused =
        apply(&staff, &till.customer, &till.invoice.name, amount("USD", 600, 0)).await.unwrap_err();
    assert_eq!(reason(&refused), "OVERPAYMENT_NOT_ALLOWED");
    let rest = apply(&staff, &till.customer, &till.invoice.name, None).await.unwrap();
    assert_eq!(rest.tenders[0].amount, amount("USD", 70, 0), "no more than is payable");
    assert_eq!(
        crate::invoices::read(&till.owner, &till.invoice.name).await.unwrap().state(),
        State::Paid
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_quote_says_what_is_missing(world: &World) {
    let desk = lines::active(world, 50).await;
    let invoice = desk.invoice(100).await;
    let small = desk.invoice(40).await;
    let quote_of = |invoice: &str, tender| QuotePaymentRequest {
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: invoice.to_owned(), amount: None }],
        tenders: vec![tender],
        currency_code: String::new(),
    };
    let quote = |tender| quote_of(&invoice.name, tender);
    let answer =
        desk.admin.payments().quote_payment(quote(by("", None))).await.unwrap().into_inner();
    assert_eq!((answer.missing_on_line, answer.missing_credit), (amount("USD", 50, 0), None));
    assert_eq!(answer.payment.unwrap().tenders[0].amount, amount("USD", 100, 0));
    assert_eq!(
        reason(&desk.pay(&[&invoice], vec![by("", None)]).await.unwrap_err()),
        "CREDIT_LIMIT_EXCEEDED",
        "what it cannot is not done"
    );
    let answer =
        desk.admin.payments().quote_payment(quote(credit(None))).await.unwrap().into_inner();
    assert_eq!(
        (answer.missing_credit, answer.available_credit),
        (amount("USD", 100, 0), amount("USD", 0, 0))
    );
    let answer = desk
        .admin
        .payments()
        .quote_payment(quote_of(&small.name, by("", None)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (answer.missing_on_line, answer.missing_credit),
        (None, None),
        "what suffices misses nothing"
    );
    assert_eq!(
        crate::invoices::read(&desk.owner, &invoice.name).await.unwrap().pending,
        amount("USD", 0, 0)
    );
    invariants::hold(world).await;
}

async fn taxed_credit_says_why_it_does_not_pay(world: &World) {
    world.tenant("acme").await;
    let customer = world.customer("acme", "AU").await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let settings = WalletSettings {
        name: "tenants/acme/walletSettings".into(),
        top_up_tax_kind: TaxKind::TaxedSale.into(),
        minimums: vec![Minimum { kind: Kind::Card.into(), amount: amount("AUD", 20, 0) }],
        ..WalletSettings::default()
    };
    let update_mask =
        Some(prost_types::FieldMask { paths: vec!["top_up_tax_kind".into(), "minimums".into()] });
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask,
        ..Default::default()
    };
    owner.settings().update_wallet_settings(update).await.unwrap();
    let wallet = world.wallet(&customer, "AUD").await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    card(world, &admin, &customer, "tok_visa").await;
    admin.top_ups().create_top_up(buy(&wallet, "", amount("AUD", 55, 0))).await.unwrap();
    grant(world, &wallet, amount("AUD", 10, 0), 0).await;
    let invoice =
        issued(&owner, draft(&customer, "AUD", vec![line("Plan", amount("AUD", 30, 0))])).await;
    let refused = apply(&admin, &customer, &invoice.name, amount("AUD", 20, 0)).await.unwrap_err();
    assert_eq!(reason(&refused), "INSUFFICIENT_FUNDS");
    assert_eq!(
        refused.message(),
        "The wallet has 60.00 AUD, of which 10.00 AUD can pay these invoices: they charge tax, and the rest was taxed when it was bought, so \
         that it would be taxed twice. 20.00 AUD were asked; pay the rest otherwise."
    );
    let paid = apply(&admin, &customer, &invoice.name, None).await.unwrap();
    assert_eq!(paid.tenders[0].amount, amount("AUD", 10, 0), "what may pay does");
    invariants::hold(world).await;
}

async fn each_reversal_names_the_other_where_that_is_right(world: &World) {
    let yard = yard(world, Some("tok_visa")).await;
    yard.enable("maps").await.unwrap();
    let billed = yard.uses(world, "maps", "100", None).await.unwrap();
    let id = billed.name.rsplit('/').next().unwrap();
    let other = reverse(&yard.owner, of(&yard.wallet, id, None)).await.unwrap_err();
    assert_eq!(
        (reason(&other).as_str(), metadata(&other)["verb"].as_str()),
        ("NOT_REVERSIBLE", "ReverseMeteredUse")
    );
    grant(world, &yard.wallet, amount("USD", 5, 0), 0).await;
    used(&world.someone("SERVICE", None), &yard.wallet, "calls", "2", amount("USD", 1, 0))
        .await
        .unwrap();
    let paid = records(&yard.owner, &yard.wallet)
        .await
        .into_iter()
        .find(|usage_record| usage_record.product == "calls")
        .unwrap();
    let request = ReverseMeteredUseRequest {
        request_id: request_id(),
        usage_record: paid.name.clone(),
        explanation: "Counted twice".into(),
        ..ReverseMeteredUseRequest::default()
    };
    let other = yard.owner.reversals().reverse_metered_use(request).await.unwrap_err();
    assert_eq!(
        (reason(&other).as_str(), metadata(&other)["verb"].as_str()),
        ("NOT_REVERSIBLE", "ReverseTransfer")
    );
    assert_eq!(
        (metadata(&other)["transfer_id"].as_str(), other.message().contains("ReverseTransfer")),
        (paid.transfer_id.as_str(), true)
    );
    let id = paid.name.rsplit('/').next().unwrap();
    let other = reverse(&yard.owner, of(&yard.wallet, id, None)).await.unwrap_err();
    assert_eq!(
        metadata(&other)["transfer_id"],
        paid.transfer_id,
        "a use is named where its transfer is needed"
    );
    invariants::hold(world).await;
}
