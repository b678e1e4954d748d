//! S4: prepayment is turned on when all conditions hold; the customer prepays without an invoice,
//! the credit waits, and pays invoices in part and in full.

use super::stage::{Stage, TENANT, must_hold, sentence_of, shown, shown_day};
use crate::{
    client::{amount, request_id},
    shop,
};
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        ApplyCreditRequest, CreateInvoiceRequest, CreatePaymentRequest, Discount,
        FinalizeInvoiceRequest, GetInvoiceRequest, Invoice, InvoiceLine, InvoiceToPay, PaymentTerm,
        TenderToUse, discount::Off, invoice, payment, payment_term, tender_to_use::Source,
    },
    wallet::v1::{GetPrepaymentOptionsRequest, TurnOnPrepaymentRequest, top_up::State},
};

/// Plays the story.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.print_title(
        "S4  Pay ahead: prepayment is turned on, and credit is bought without an invoice.",
    );
    let owner = stage.someone("OWNER")?;
    let on = TurnOnPrepaymentRequest {
        request_id: request_id(),
        name: format!("tenants/{TENANT}/walletSettings"),
        methods: Vec::new(),
        ..Default::default()
    };
    let early = owner.settings().turn_on_prepayment(on).await;
    let refused = early.err().map(sentence_of).unwrap_or_default();
    stage.print_step("Owner", &format!("asks for prepayment. Refused: {refused}"));
    for condition in ["PROVIDER_NOT_CONNECTED", "PROVIDER_NOT_DEFAULT", "NO_METHOD_CHOSEN"] {
        must_hold(refused.contains(condition), &format!("the refusal names {condition}"))?;
    }
    shop::open_at(&owner, TENANT, stage.pages.provider()).await.map_err(sentence_of)?;
    stage.print_step("Owner", "connects the payment provider, chooses cards, turns prepayment on.");
    let read = GetPrepaymentOptionsRequest { parent: stage.customer.clone() };
    let options = stage
        .someone("CUSTOMER_ADMIN")?
        .settings()
        .get_prepayment_options(read)
        .await
        .map_err(sentence_of)?
        .into_inner();
    must_hold(options.prepayment, "the customer sees that credit can be bought")?;
    let least = shown(options.minimums.first().and_then(|minimum| minimum.amount.as_ref()));
    stage.print_step(
        "Brightside admin",
        &format!("sees that credit can be bought by card, from {least}."),
    );
    stage.save_card("tok_visa").await?;
    stage.print_step(
        "Brightside admin",
        "saves a Visa card on the provider's page; nothing is charged.",
    );
    let bought = stage.buy(50, 0).await?;
    must_hold(bought.state() == State::Succeeded, "the card is charged")?;
    stage.print_step(
        "Brightside admin",
        &format!(
            "prepays {}: credit {}, tax {}.",
            shown(bought.amount.as_ref()),
            shown(bought.credit.as_ref()),
            shown(bought.tax.as_ref())
        ),
    );
    let balance = stage.balance().await?;
    must_hold(balance.available == amount("USD", 50, 0), "50.00 USD wait in the wallet")?;
    stage.print_step(
        "Wallet",
        &format!("holds {}; the credit waits.", shown(balance.available.as_ref())),
    );
    Box::pin(invoice(stage)).await
}

/// An invoice, part-paid ahead with credit by support, then paid off by the customer from two
/// sources.
async fn invoice(stage: &mut Stage) -> Result<(), String> {
    let draft = drafted(stage).await?;
    let issued = issue(stage, draft).await?;
    let apply = ApplyCreditRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: issued.name.clone(), amount: None }],
        amount: amount("USD", 15, 0),
        currency_code: String::new(),
        ..Default::default()
    };
    let applied = stage
        .someone("STAFF")?
        .payments()
        .apply_credit(apply)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .payment
        .unwrap_or_default();
    must_hold(applied.state() == payment::State::Succeeded, "support applies credit in part")?;
    stage.print_step("Support", "applies 15.00 USD of the credit to it, before it is due.");
    let pay = CreatePaymentRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: issued.name.clone(), amount: None }],
        tenders: vec![
            TenderToUse { source: Some(Source::Credit(true)), amount: amount("USD", 10, 0) },
            TenderToUse { source: Some(Source::PaymentMethod(String::new())), amount: None },
        ],
        currency_code: String::new(),
        ..Default::default()
    };
    let admin = stage.someone("CUSTOMER_ADMIN")?;
    let paid = admin
        .payments()
        .create_payment(pay)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .payment
        .unwrap_or_default();
    must_hold(paid.state() == payment::State::Succeeded, "the rest is paid from two sources")?;
    let read = GetInvoiceRequest { name: issued.name };
    let now = admin
        .invoices()
        .get_invoice(read)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoice
        .unwrap_or_default();
    must_hold(
        now.state() == invoice::State::Paid && now.paid == amount("USD", 40, 0),
        "the invoice is paid, once",
    )?;
    let by_card =
        paid.tenders.iter().find(|tender| !tender.credit).and_then(|tender| tender.amount.as_ref());
    stage.print_step(
        "Brightside admin",
        &format!(
            "pays the rest: 10.00 USD of credit, {} by card. {} is PAID.",
            shown(by_card),
            now.number
        ),
    );
    let balance = stage.balance().await?;
    must_hold(balance.available == amount("USD", 25, 0), "25.00 USD of credit are left")
}

/// A draft with a discount of the whole.
async fn drafted(stage: &mut Stage) -> Result<Invoice, String> {
    let owner = stage.someone("OWNER")?;
    let line = InvoiceLine {
        description: "Number porting, set-up".to_owned(),
        unit_price: amount("USD", 50, 0),
        ..InvoiceLine::default()
    };
    let percent = Decimal { value: "20".to_owned() };
    let welcome = Discount {
        off: Some(Off::Percent(percent)),
        description: "Welcome".to_owned(),
        ..Discount::default()
    };
    let draft = Invoice {
        currency_code: "USD".to_owned(),
        payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 30 }),
        lines: vec![line],
        discount: Some(welcome),
        ..Invoice::default()
    };
    let create = CreateInvoiceRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        invoice: Some(draft),
        ..Default::default()
    };
    let draft = owner
        .invoices()
        .create_invoice(create)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoice
        .unwrap_or_default();
    must_hold(draft.total == amount("USD", 40, 0), "the draft shows what it would be now")?;
    let off = shown(draft.discount.as_ref().and_then(|discount| discount.taken_off.as_ref()));
    stage.print_step(
        "Owner",
        &format!(
            "writes a draft of 50.00 USD less 20 %, which takes {off} off: {} in all.",
            shown(draft.total.as_ref())
        ),
    );
    Ok(draft)
}

/// The draft gets its number, and says why it bears no tax.
async fn issue(stage: &mut Stage, draft: Invoice) -> Result<Invoice, String> {
    let owner = stage.someone("OWNER")?;
    let finalize = FinalizeInvoiceRequest {
        request_id: request_id(),
        name: draft.name,
        etag: draft.etag,
        ..Default::default()
    };
    let issued = owner
        .invoices()
        .finalize_invoice(finalize)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoice
        .unwrap_or_default();
    let why =
        issued.taxes.first().map(|tax_amount| tax_amount.sentence.clone()).unwrap_or_default();
    must_hold(
        issued.lines.last().is_some_and(|invoice_line| invoice_line.is_invoice_discount),
        "the discount stands on the invoice as a line",
    )?;
    must_hold(why.contains("no Australian GST"), "the document says why it bears no tax")?;
    let due = shown_day(issued.due_date);
    stage.print_step(
        "Owner",
        &format!("issues {}: {}, due {due}. {why}", issued.number, shown(issued.total.as_ref())),
    );
    Ok(issued)
}
