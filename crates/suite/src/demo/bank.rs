//! S5, money by bank transfer: a CAMT.053 statement is taken in; lines pay the invoices that they
//! name, in full and short, and what names nothing is matched by hand.

use super::stage::{Stage, TENANT, must_hold, sentence_of, shown};
use crate::client::{amount, request_id};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        BankLine, CreateInvoiceRequest, FinalizeInvoiceRequest, GetBankLineRequest,
        GetInvoiceRequest, GetPaymentRequest, ImportBankStatementRequest, Invoice, InvoiceLine,
        MatchBankLineRequest, PaymentTerm, bank_line::State, invoice, payment, payment_term,
    },
};

/// The statement; the numbers of three invoices stand in for those that the story issues.
const STATEMENT: &str = include_str!("../../demo/statement.xml");

/// Plays the story.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.print_title("S5  By bank transfer: a statement from the bank, with a full, a short and a nameless line.");
    let (full, exact) =
        (issue(stage, "Yearly plan", 1_210).await?, issue(stage, "Set-up", 90).await?);
    let short = issue(stage, "Numbers", 100).await?;
    let numbers =
        [(&full, "INV 2026 000099"), (&exact, "INV-2026-000098"), (&short, "inv-2026-000097")];
    let file = numbers.iter().fold(STATEMENT.to_owned(), |file, (invoice, stand_in)| {
        file.replace(stand_in, &invoice.number)
    });
    let import = async || {
        let request = ImportBankStatementRequest {
            request_id: request_id(),
            parent: format!("tenants/{TENANT}"),
            content: file.clone().into_bytes().into(),
            ..ImportBankStatementRequest::default()
        };
        stage
            .someone("STAFF")?
            .bank()
            .import_bank_statement(request)
            .await
            .map_err(sentence_of)
            .map(tonic::Response::into_inner)
    };
    let taken = import().await?;
    let matched: Vec<_> =
        taken.bank_lines.iter().filter(|line| line.state() == State::Matched).collect();
    must_hold(
        (matched.len(), taken.bank_lines.len(), taken.ignored_count) == (3, 4, 2),
        "three of four credits name an invoice",
    )?;
    stage.print_step(
        "Support",
        "imports statement.xml: 3 lines matched, 1 names nothing, 2 are no credits.",
    );
    let again = import().await?;
    // Two of the four lines are the parts of one entry.
    must_hold(
        again.bank_lines.is_empty() && again.duplicate_count == 3,
        "the same file again changes nothing",
    )?;
    for line in matched {
        settled(stage, &line.name).await?;
    }
    must_hold(
        read(stage, &full).await?.state() == invoice::State::Paid,
        "the first line pays its invoice",
    )?;
    let left = read(stage, &short).await?;
    must_hold(left.open == amount("USD", 40, 0), "the short one stays open for the rest")?;
    stage.print_step(
        "Bank",
        &format!(
            "pays {} and {}; of {} {} are open still.",
            full.number,
            exact.number,
            short.number,
            shown(left.open.as_ref())
        ),
    );
    let nameless = taken
        .bank_lines
        .iter()
        .find(|line| line.state() == State::Unmatched)
        .ok_or("no nameless line")?;
    let to = MatchBankLineRequest {
        request_id: request_id(),
        name: nameless.name.clone(),
        invoice: short.name.clone(),
        invoices: Vec::new(),
        returned_line: String::new(),
        ..Default::default()
    };
    stage.someone("STAFF")?.bank().match_bank_line(to).await.map_err(sentence_of)?;
    let surplus = settled(stage, &nameless.name).await?;
    must_hold(
        read(stage, &short).await?.state() == invoice::State::Paid
            && surplus == amount("USD", 35, 50),
        "the rest becomes credit",
    )?;
    let arrived = nameless.amount.as_ref();
    stage.print_step(
        "Support",
        &format!(
            "matches {} to {}: it is PAID, {} become credit.",
            shown(arrived),
            short.number,
            shown(surplus.as_ref())
        ),
    );
    Ok(())
}

/// An issued invoice.
pub(super) async fn issue(stage: &Stage, what: &str, units: i64) -> Result<Invoice, String> {
    let owner = stage.someone("OWNER")?;
    let line = InvoiceLine {
        description: what.to_owned(),
        unit_price: amount("USD", units, 0),
        ..InvoiceLine::default()
    };
    let draft = Invoice {
        currency_code: "USD".to_owned(),
        payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 30 }),
        lines: vec![line],
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
    let finalize = FinalizeInvoiceRequest {
        request_id: request_id(),
        name: draft.name,
        etag: String::new(),
        ..Default::default()
    };
    Ok(owner
        .invoices()
        .finalize_invoice(finalize)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoice
        .unwrap_or_default())
}

/// How an invoice stands.
pub(super) async fn read(stage: &Stage, invoice: &Invoice) -> Result<Invoice, String> {
    let get = GetInvoiceRequest { name: invoice.name.clone() };
    Ok(stage
        .someone("STAFF")?
        .invoices()
        .get_invoice(get)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoice
        .unwrap_or_default())
}

/// Waits until a matched line has made its payment; answers what became credit.
pub(super) async fn settled(stage: &Stage, line: &str) -> Result<Option<Money>, String> {
    let staff = stage.someone("STAFF")?;
    for _ in 0..150 {
        let get = GetBankLineRequest { name: line.to_owned() };
        let line: BankLine = staff
            .bank()
            .get_bank_line(get)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .bank_line
            .unwrap_or_default();
        if !line.payment.is_empty() {
            let get = GetPaymentRequest { name: line.payment };
            let payment = staff
                .payments()
                .get_payment(get)
                .await
                .map_err(sentence_of)?
                .into_inner()
                .payment
                .unwrap_or_default();
            if payment.state() == payment::State::Succeeded {
                return Ok(payment.surplus);
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err("this does not hold: a matched line makes its payment within seconds".to_owned())
}
