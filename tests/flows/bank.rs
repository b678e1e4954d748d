//! Bank statements: what has arrived pays the invoice that it names, once; the rest is credit.

use crate::{
    invariants,
    invoices::{draft, issued, line, read},
    mails::{mails_of, text},
    payments::{Till, till},
    rig::{self, retry, until},
    sources::{count_of, named_sources},
};
use payterms_proto::{
    invoicing::v1::{
        BankLine, CreateCreditNoteRequest, GetBankLineRequest, GetPaymentRequest,
        ImportBankStatementRequest, ImportBankStatementResponse, Invoice, ListBankLinesRequest,
        MailKind, MatchBankLineRequest, Payment, bank_line::State, invoice, payment,
        refund_part::Destination,
    },
    wallet::v1::entry::Kind,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use tonic::{Code, Status};

on_both!(
    lines_pay_what_they_name_in_part_in_full_and_beyond,
    a_file_that_comes_twice_is_taken_in_once,
    what_names_nothing_is_matched_by_hand,
    what_arrived_is_given_back_as_credit,
    a_file_that_is_none_is_refused,
);

pub(crate) fn camt(lines: &[(&str, &str, &str)]) -> Vec<u8> {
    camt_in("USD", lines)
}

/// A statement: amount, text and bank reference of each credit.
pub(crate) fn camt_in(currency: &str, lines: &[(&str, &str, &str)]) -> Vec<u8> {
    let entry = |(amount, text, reference): &(&str, &str, &str)| {
        format!(
            "<Ntry><Amt Ccy=\"{currency}\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-01-02</Dt></BookgDt>\
             <AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Nm>Brightside</Nm></Dbtr></RltdPties>\
             <RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        )
    };
    let entries: String = lines.iter().map(entry).collect();
    format!(
        "<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>{entries}</Stmt></BkToCstmrStmt></Document>"
    )
    .into_bytes()
}

pub(crate) async fn import(
    session: &Session,
    file: Vec<u8>,
) -> Result<ImportBankStatementResponse, Status> {
    let request = ImportBankStatementRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        content: file.into(),
        ..ImportBankStatementRequest::default()
    };
    session.bank().import_bank_statement(request).await.map(tonic::Response::into_inner)
}

/// The line once its payment has ended.
pub(crate) async fn paid(session: &Session, name: &str) -> (BankLine, Payment) {
    let get = async || {
        session
            .bank()
            .get_bank_line(GetBankLineRequest { name: name.into() })
            .await
            .map(|answer| answer.into_inner().bank_line.unwrap())
    };
    let line = until(get, |line| !line.payment.is_empty()).await;
    let get = GetPaymentRequest { name: line.payment.clone() };
    let read = async || {
        session
            .payments()
            .get_payment(get.clone())
            .await
            .map(|answer| answer.into_inner().payment.unwrap())
    };
    (line, until(read, |payment| payment.state() == payment::State::Succeeded).await)
}

pub(crate) async fn another(till: &Till, units: i64) -> Invoice {
    issued(&till.owner, draft(&till.customer, "USD", vec![line("More", amount("USD", units, 0))]))
        .await
}

async fn lines_pay_what_they_name_in_part_in_full_and_beyond(world: &World) {
    let till = till(world, 0).await;
    let number = till.invoice.number.replace('-', " ").to_lowercase();
    let file =
        camt(&[("60.00", &format!("rent {number} part one"), "A1"), ("75.50", "thank you", "A2")]);
    let answer = import(&till.owner, file).await.unwrap();
    let states: Vec<_> =
        answer.bank_lines.iter().map(|line| (line.state(), line.invoice.clone())).collect();
    assert_eq!(
        states,
        [(State::Matched, till.invoice.name.clone()), (State::Unmatched, String::new())]
    );
    let (first, payment) = paid(&till.owner, &answer.bank_lines[0].name).await;
    assert_eq!(
        (payment.tenders[0].bank_line.clone(), payment.surplus.clone()),
        (first.name, amount("USD", 0, 0))
    );
    let short = read(&till.owner, &till.invoice.name).await.unwrap();
    assert_eq!(
        (short.state(), short.open),
        (invoice::State::Open, amount("USD", 40, 0)),
        "it stays open for the rest"
    );
    let rest = import(
        &till.owner,
        camt(&[("44.00", &till.invoice.number, "A3"), ("5.00", &till.invoice.number, "A4")]),
    )
    .await
    .unwrap();
    let (_, beyond) = paid(&till.owner, &rest.bank_lines[0].name).await;
    let (_, late) = paid(&till.owner, &rest.bank_lines[1].name).await;
    // Either line may pay the rest of the invoice, so that one or both go beyond it.
    let surplus: Vec<_> = [&beyond, &late]
        .iter()
        .map(|payment| payment.surplus.as_ref().unwrap().units)
        .filter(|units| *units > 0)
        .collect();
    assert_eq!(
        surplus.iter().sum::<i64>(),
        9,
        "what is more than the invoice can take becomes credit, and is never refused"
    );
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().state(), invoice::State::Paid);
    assert_eq!(till.available().await, amount("USD", 9, 0));
    assert_eq!(
        count_of(&named_sources(&till.admin, &till.wallet).await, Kind::Surplus),
        surplus.len()
    );
    let mut texts = Vec::new();
    for mail in mails_of(&till.owner, MailKind::PaymentReceived, 3).await {
        texts.push(text(&till.owner, &mail).await.replace('\u{a0}', " "));
    }
    let beyond = |units: &i64| {
        texts.iter().any(|words| {
            words.contains(&format!("Beyond what was invoiced: {units}.00 USD, which is credit"))
        })
    };
    assert!(
        surplus.iter().all(beyond)
            && texts.iter().any(|words| words.contains("payment of 5.00 USD")),
        "{texts:?}"
    );
    let booked = invariants::booked(world).await;
    assert!(booked.contains(&("BANK_CLEARING".to_owned(), -109)), "{booked:?}");
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_file_that_comes_twice_is_taken_in_once(world: &World) {
    let till = till(world, 0).await;
    let file = camt(&[
        ("30.00", &till.invoice.number, "B1"),
        ("20.00", &till.invoice.number, "B2"),
        ("20.00", &till.invoice.number, "B2"),
    ]);
    let (one, two) =
        tokio::join!(import(&till.owner, file.clone()), import(&till.owner, file.clone()));
    let (one, two) = (one.unwrap(), two.unwrap());
    let counts =
        |answer: &ImportBankStatementResponse| (answer.bank_lines.len(), answer.duplicate_count);
    let mut both = [counts(&one), counts(&two)];
    both.sort_unstable();
    assert_eq!(
        both,
        [(0, 3), (3, 0)],
        "two equal entries of a file are two; files at once are one after the other"
    );
    for bank_line in one.bank_lines.iter().chain(&two.bank_lines) {
        paid(&till.owner, &bank_line.name).await;
    }
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().paid, amount("USD", 70, 0));
    invariants::books_agree(world).await;
}

async fn what_names_nothing_is_matched_by_hand(world: &World) {
    let till = till(world, 0).await;
    let other =
        issued(&till.owner, draft(&till.customer, "AUD", vec![line("Other", amount("AUD", 9, 0))]))
            .await;
    let answer =
        import(&till.owner, camt(&[("100.00", "thank you", "C1"), ("9.00", &other.number, "C2")]))
            .await
            .unwrap();
    let list = ListBankLinesRequest {
        parent: "tenants/acme".into(),
        state: State::Unmatched.into(),
        ..Default::default()
    };
    let staff = world.someone("STAFF", None);
    let open = staff.bank().list_bank_lines(list.clone()).await.unwrap().into_inner().bank_lines;
    assert_eq!(open.len(), 2, "nor is one matched to an invoice in another currency");
    let to = |line: &str, invoice: &str| MatchBankLineRequest {
        request_id: request_id(),
        name: line.into(),
        invoice: invoice.into(),
        invoices: Vec::new(),
        returned_line: String::new(),
        ..Default::default()
    };
    let line = &answer.bank_lines[0].name;
    let wrong = staff.bank().match_bank_line(to(line, &other.name)).await.unwrap_err();
    assert_eq!(reason(&wrong), "CURRENCY_MISMATCH");
    let matched = staff
        .bank()
        .match_bank_line(to(line, &till.invoice.name))
        .await
        .unwrap()
        .into_inner()
        .bank_line
        .unwrap();
    assert_eq!(matched.state(), State::Matched);
    paid(&till.owner, line).await;
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().state(), invoice::State::Paid);
    let again = staff.bank().match_bank_line(to(line, &till.invoice.name)).await.unwrap_err();
    assert_eq!(
        (again.code(), reason(&again).as_str()),
        (Code::FailedPrecondition, "BANK_LINE_STATE")
    );
    assert_eq!(staff.bank().list_bank_lines(list).await.unwrap().into_inner().bank_lines.len(), 1);
    let foreign = GetBankLineRequest { name: line.replace("acme", "other") };
    assert_eq!(staff.bank().get_bank_line(foreign).await.unwrap_err().code(), Code::NotFound);
    invariants::books_agree(world).await;
}

async fn what_arrived_is_given_back_as_credit(world: &World) {
    let till = till(world, 0).await;
    let invoice = another(&till, 80).await;
    let answer = import(&till.owner, camt(&[("80.00", &invoice.number, "D1")])).await.unwrap();
    paid(&till.owner, &answer.bank_lines[0].name).await;
    let note = |units: i64| CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.name.clone(),
        amount: amount("USD", units, 0),
        explanation: "Goodwill".into(),
    };
    for units in [30, 50] {
        let refund = till
            .owner
            .invoices()
            .create_credit_note(note(units))
            .await
            .unwrap()
            .into_inner()
            .refund
            .unwrap();
        assert_eq!(refund.parts[0].destination(), Destination::Credit);
    }
    assert_eq!(till.available().await, amount("USD", 80, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_file_that_is_none_is_refused(world: &World) {
    let till = till(world, 0).await;
    for file in [
        b"<Document/>".to_vec(),
        b"a,b,c".to_vec(),
        vec![0xFF; 40],
        camt(&[("1.234", "x", "E1")]),
        camt(&[("-1.00", "x", "E1")]),
    ] {
        let refused = import(&till.owner, file).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "BANK_FILE_INVALID"),
            "{}",
            refused.message()
        );
    }
    let list = ListBankLinesRequest { parent: "tenants/acme".into(), ..Default::default() };
    assert!(
        till.owner.bank().list_bank_lines(list).await.unwrap().into_inner().bank_lines.is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_pays_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_pays_once_whoever_dies_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    use futures::StreamExt;
    let points = [
        "bank_line.before_payment",
        "bank_line.after_payment",
        "payment.after_transfer",
        "payment.before_record",
    ];
    futures::stream::iter(points.map(|point| Box::pin(killed(point, on_postgres))))
        .for_each_concurrent(2, |scenario| scenario)
        .await;
}

async fn killed(point: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let (_, invoice) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let (caller, file) = (owner.clone(), camt(&[("110.00", &invoice.number, "F1")]));
    let sent = file.clone();
    rig.die_at(point, async move { import(&caller, sent).await }).await;
    let _ = retry(async || import(&owner, file.clone()).await).await;
    let list = ListBankLinesRequest { parent: "tenants/acme".into(), ..Default::default() };
    let lines = retry(async || owner.bank().list_bank_lines(list.clone()).await)
        .await
        .into_inner()
        .bank_lines;
    assert_eq!(lines.len(), 1, "{point}");
    let (_, payment) = paid(&owner, &lines[0].name).await;
    assert_eq!(payment.surplus, amount("USD", 10, 0), "{point}");
    assert_eq!(read(&owner, &invoice.name).await.unwrap().state(), invoice::State::Paid, "{point}");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}
