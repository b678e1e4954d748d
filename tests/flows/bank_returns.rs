//! Credits that the bank takes back: the payment does not stand any more, nothing of it can be
//! spent, and a person can say otherwise.

use crate::{
    bank::{another, import, paid},
    bank_decisions::{get, match_to, only, unmatch},
    invariants,
    invoices::read,
    mails::{mails_of, text},
    payments::{Till, till},
    rig::{self, retry, until},
    wallets::debit,
};
use payterms_proto::invoicing::v1::{
    BankLine, CreateCreditNoteRequest, CreditBankLineRequest, DismissBankLineRequest, Invoice,
    MailKind, MatchBankLineRequest,
    bank_line::{DismissReason, State, SuggestReason},
    invoice,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use tonic::Status;

on_both!(
    a_credit_that_the_bank_takes_back_reopens_its_invoice,
    a_file_may_hold_a_credit_and_its_return,
    a_return_that_fits_no_line_or_several_waits_for_a_person,
    what_cannot_be_taken_back_waits_for_a_person,
    a_return_is_taken_in_once_and_undone_by_a_person,
);

macro_rules! case {
    ($name:literal) => {
        include_str!(concat!("../../crates/bank-files/tests/files/", $name))
    };
}

const RETURN: &str = case!("reversal-of-a-credit.xml");

/// A booking: amount, day, payer, text; a return is below zero.
type Entry<'a> = (&'a str, &'a str, &'a str, &'a str);

/// A statement that holds its days wholly.
fn statement(entries: &[Entry<'_>]) -> Vec<u8> {
    let (first, last) = (entries.first().unwrap().1, entries.last().unwrap().1);
    let entry = |(amount, day, payer, text): &Entry<'_>| {
        let side = if amount.starts_with('-') {
            "<CdtDbtInd>DBIT</CdtDbtInd><RvslInd>true</RvslInd>"
        } else {
            "<CdtDbtInd>CRDT</CdtDbtInd>"
        };
        format!(
            "<Ntry><Amt Ccy=\"USD\">{}</Amt>{side}<Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt><NtryDtls><TxDtls><RltdPties><Dbtr>\
             <Nm>{payer}</Nm></Dbtr></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
            amount.trim_start_matches('-')
        )
    };
    let entries: String = entries.iter().map(entry).collect();
    format!(
        "<Document><BkToCstmrStmt><Stmt><FrToDt><FrDtTm>{first}T00:00:00</FrDtTm><ToDtTm>{last}T23:59:59</ToDtTm></FrToDt>\
         <Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>{entries}</Stmt></BkToCstmrStmt></Document>"
    )
    .into_bytes()
}

fn named(line: &str, returned: &str) -> MatchBankLineRequest {
    MatchBankLineRequest {
        request_id: request_id(),
        name: line.into(),
        returned_line: returned.into(),
        ..Default::default()
    }
}

async fn match_return(session: &Session, line: &str, returned: &str) -> Result<BankLine, Status> {
    session
        .bank()
        .match_bank_line(named(line, returned))
        .await
        .map(|answer| answer.into_inner().bank_line.unwrap())
}

/// The line once it is in a state.
async fn in_state(session: &Session, name: &str, state: State) -> BankLine {
    until(async || Ok(get(session, name).await), |line| line.state() == state).await
}

/// Pays a hundred of the till's invoice by transfer, and eight beyond.
async fn pay(till: &Till) -> BankLine {
    let file = statement(&[("108.00", "2026-01-02", "Brightside", &till.invoice.number)]);
    let imported = import(&till.owner, file).await.unwrap();
    paid(&till.owner, &only(&imported).name).await.0
}

async fn is_open_again(session: &Session, invoice: &Invoice) {
    let now = read(session, &invoice.name).await.unwrap();
    assert_eq!(
        (now.state(), &now.open, now.due_date),
        (invoice::State::Open, &invoice.total, invoice.due_date)
    );
}

pub(crate) async fn a_credit_that_the_bank_takes_back_reopens_its_invoice(world: &World) {
    let till = till(world, 0).await;
    let returned =
        RETURN.replace("INV-2026-000004", &till.invoice.number).replace("2026-07-15", "2026-01-15");
    let credit = returned
        .replace("DBIT</CdtDbtInd><RvslInd>true</RvslInd>", "CRDT</CdtDbtInd>")
        .replace("rv1r", "rv1");
    let credit =
        credit.replace("2026-01-15", "2026-01-14").replace(">M1<", ">M0<").replace(">S1<", ">S0<");
    let credit = credit.replace("100.00", "108.00");
    let returned = returned.replace("100.00", "108.00");
    let line = only(&import(&till.owner, credit.into_bytes()).await.unwrap()).clone();
    let (line, payment) = paid(&till.owner, &line.name).await;
    assert_eq!(
        (payment.surplus, till.available().await),
        (amount("USD", 8, 0), amount("USD", 8, 0))
    );
    // Five of the eight are spent: they are owed.
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&till.wallet, amount("USD", 5, 0)))
        .await
        .unwrap();
    let by = only(&import(&till.owner, returned.clone().into_bytes()).await.unwrap()).clone();
    assert_eq!(
        (by.state(), by.amount.clone(), &by.returned_line),
        (State::Matched, amount("USD", -108, 0), &line.name),
        "{by:?}"
    );
    let original = in_state(&till.owner, &line.name, State::Returned).await;
    assert_eq!(
        (original.returned_by.as_str(), original.payment.as_str(), original.invoices.len()),
        (by.name.as_str(), "", 0)
    );
    is_open_again(&till.owner, &till.invoice).await;
    assert_eq!(till.available().await, amount("USD", -5, 0), "no credit out of money that is gone");
    let mail = mails_of(&till.owner, MailKind::PaymentTakenBack, 1).await.remove(0);
    let words = text(&till.owner, &mail).await;
    assert!(
        words.contains("bank has taken back")
            && words.contains(&till.invoice.number)
            && words.contains("8.00"),
        "{words}"
    );
    let again = import(&till.owner, returned.into_bytes()).await.unwrap();
    assert_eq!(
        (again.bank_lines.len(), again.duplicates[0].bank_line.as_str()),
        (0, by.name.as_str())
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    let cleared = invariants::booked(world)
        .await
        .into_iter()
        .filter(|(account, amount)| account == "BANK_CLEARING" && *amount != 0);
    assert_eq!(cleared.count(), 0, "nothing has arrived for anyone");
}

async fn a_file_may_hold_a_credit_and_its_return(world: &World) {
    let till = till(world, 0).await;
    let number = till.invoice.number.clone();
    let file = statement(&[
        ("100.00", "2026-01-02", "Brightside", &number),
        ("-100.00", "2026-01-03", "Brightside", &number),
    ]);
    let lines = import(&till.owner, file).await.unwrap().bank_lines;
    assert_eq!((lines[1].state(), &lines[1].returned_line), (State::Matched, &lines[0].name));
    in_state(&till.owner, &lines[0].name, State::Returned).await;
    is_open_again(&till.owner, &till.invoice).await;
    assert_eq!(till.available().await, amount("USD", 0, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

pub(crate) async fn a_return_that_fits_no_line_or_several_waits_for_a_person(world: &World) {
    let till = till(world, 0).await;
    let second = another(&till, 100).await;
    let (one, other) = (till.invoice.number.as_str(), second.number.as_str());
    let on = |amount, text| (amount, "2026-01-02", "Brightside", text);
    let file = statement(&[
        on("100.00", one),
        on("100.00", other),
        ("-100.00", "2026-01-03", "Brightside", ""),
    ]);
    let lines = import(&till.owner, file).await.unwrap().bank_lines;
    for line in &lines[..2] {
        paid(&till.owner, &line.name).await;
    }
    let by = &lines[2];
    assert_eq!(by.suggest_reasons().collect::<Vec<_>>(), [SuggestReason::SeveralOriginals]);
    assert_eq!(by.candidate_lines.len(), 2, "{by:?}");
    let unknown = only(
        &import(&till.owner, statement(&[("-7.00", "2026-01-04", "Nobody", "")])).await.unwrap(),
    )
    .clone();
    assert_eq!(unknown.suggest_reasons().collect::<Vec<_>>(), [SuggestReason::OriginalUnknown]);
    let owner = &till.owner;
    let wrong = [
        match_to(owner, &by.name, &[&till.invoice.name]).await.unwrap_err(),
        match_return(owner, &lines[0].name, &lines[1].name).await.unwrap_err(),
        match_return(owner, &by.name, &unknown.name).await.unwrap_err(),
        match_return(owner, &by.name, &by.name).await.unwrap_err(),
        match_return(owner, &unknown.name, &lines[0].name).await.unwrap_err(),
        match_return(owner, &by.name, &lines[0].name.replace("acme", "other")).await.unwrap_err(),
        owner
            .bank()
            .match_bank_line(MatchBankLineRequest {
                invoice: second.name.clone(),
                ..named(&by.name, &lines[0].name)
            })
            .await
            .unwrap_err(),
    ];
    let direction = "BANK_LINE_DIRECTION";
    // A matched line is decided, whatever it is matched to.
    let expected = [
        direction,
        "BANK_LINE_STATE",
        direction,
        direction,
        "RETURN_AMOUNT_DIFFERS",
        "RESOURCE_NOT_FOUND",
        "DUPLICATE_ITEM",
    ];
    assert_eq!(wrong.map(|refused| reason(&refused)), expected);
    let credit = CreditBankLineRequest {
        request_id: request_id(),
        name: unknown.name.clone(),
        customer: till.customer.clone(),
        ..Default::default()
    };
    assert_eq!(reason(&owner.bank().credit_bank_line(credit).await.unwrap_err()), direction);
    let dismiss = DismissBankLineRequest {
        request_id: request_id(),
        name: unknown.name.clone(),
        reason: DismissReason::Other.into(),
        explanation: "A fee of the bank".into(),
        ..Default::default()
    };
    assert_eq!(
        owner
            .bank()
            .dismiss_bank_line(dismiss)
            .await
            .unwrap()
            .into_inner()
            .bank_line
            .unwrap()
            .state(),
        State::Dismissed
    );
    let request = named(&by.name, &lines[1].name);
    let answer = owner.bank().match_bank_line(request.clone()).await.unwrap().into_inner();
    assert_eq!(
        owner.bank().match_bank_line(request).await.unwrap().into_inner(),
        answer,
        "the same request again"
    );
    in_state(owner, &lines[1].name, State::Returned).await;
    is_open_again(owner, &second).await;
    assert_eq!(read(owner, &till.invoice.name).await.unwrap().state(), invoice::State::Paid);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_cannot_be_taken_back_waits_for_a_person(world: &World) {
    let till = till(world, 0).await;
    let line = pay(&till).await;
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: till.invoice.name.clone(),
        amount: amount("USD", 30, 0),
        explanation: "Goodwill".into(),
    };
    till.owner.invoices().create_credit_note(note).await.unwrap();
    let file = statement(&[("-108.00", "2026-01-05", "Brightside", &till.invoice.number)]);
    let by = only(&import(&till.owner, file).await.unwrap()).clone();
    let by = in_state(&till.owner, &by.name, State::Suggested).await;
    assert_eq!(by.suggest_reasons().collect::<Vec<_>>(), [SuggestReason::OriginalNotReturnable]);
    assert_eq!((&by.candidate_lines, by.returned_line.as_str()), (&vec![line.name.clone()], ""));
    assert_eq!(get(&till.owner, &line.name).await, line);
    let refused = match_return(&till.owner, &by.name, &line.name).await.unwrap_err();
    assert_eq!(reason(&refused), "PAYMENT_REFUNDED", "a person is told why");
    invariants::books_agree(world).await;
}

async fn a_return_is_taken_in_once_and_undone_by_a_person(world: &World) {
    let till = till(world, 0).await;
    let line = pay(&till).await;
    // A person took the match back already: the line pays nothing, and the bank takes it back.
    unmatch(&till.owner, &line.name).await.unwrap();
    let file = statement(&[("-108.00", "2026-01-05", "Brightside", &till.invoice.number)]);
    let by = only(&import(&till.owner, file).await.unwrap()).clone();
    assert_eq!(by.returned_line, line.name);
    in_state(&till.owner, &line.name, State::Returned).await;
    assert_eq!(reason(&unmatch(&till.owner, &line.name).await.unwrap_err()), "BANK_LINE_STATE");
    assert_eq!(
        reason(&match_to(&till.owner, &line.name, &[&till.invoice.name]).await.unwrap_err()),
        "BANK_LINE_STATE"
    );
    let undone = unmatch(&till.owner, &by.name).await.unwrap().bank_line.unwrap();
    assert_eq!((undone.state(), undone.returned_line.as_str()), (State::Unmatched, ""));
    assert_eq!(
        reason(&unmatch(&till.owner, &by.name).await.unwrap_err()),
        "BANK_LINE_STATE",
        "once"
    );
    let line = get(&till.owner, &line.name).await;
    assert_eq!((line.state(), line.returned_by.as_str()), (State::Unmatched, ""));
    match_to(&till.owner, &line.name, &[&till.invoice.name]).await.unwrap();
    paid(&till.owner, &line.name).await;
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().state(), invoice::State::Paid);
    // It was the right line after all.
    match_return(&till.owner, &by.name, &line.name).await.unwrap();
    in_state(&till.owner, &line.name, State::Returned).await;
    is_open_again(&till.owner, &till.invoice).await;
    assert_eq!(till.available().await, amount("USD", 0, 0));
    mails_of(&till.owner, MailKind::PaymentTakenBack, 2).await;
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_returned_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_returned_once_whoever_dies_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    use futures::StreamExt;
    let points = [
        "bank_line.before_returned",
        "bank_line.after_returned",
        "transfer_return.after_commit",
        "bank_line.before_unmatched",
    ];
    futures::stream::iter(points.map(|point| Box::pin(killed(point, on_postgres))))
        .for_each_concurrent(2, |scenario| scenario)
        .await;
}

/// Match → return, killed in the middle.
async fn killed(point: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let (people, invoice) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let before = people.posted().await;
    let credit = statement(&[("110.00", "2026-01-02", "Brightside", &invoice.number)]);
    let line = only(&import(&owner, credit).await.unwrap()).name.clone();
    paid(&owner, &line).await;
    let file = statement(&[("-110.00", "2026-01-05", "Brightside", &invoice.number)]);
    let (caller, sent) = (owner.clone(), file.clone());
    rig.die_at(point, async move { import(&caller, sent).await }).await;
    let list = payterms_proto::invoicing::v1::ListBankLinesRequest {
        parent: "tenants/acme".into(),
        ..Default::default()
    };
    let lines = async || {
        owner
            .bank()
            .list_bank_lines(list.clone())
            .await
            .map(|answer| answer.into_inner().bank_lines)
    };
    until(lines, |lines| {
        lines.iter().any(|bank_line| bank_line.name == line && bank_line.state() == State::Returned)
    })
    .await;
    let again = retry(async || import(&owner, file.clone()).await).await;
    assert_eq!((again.bank_lines.len(), again.duplicate_count), (0, 1), "{point}");
    assert_eq!(read(&owner, &invoice.name).await.unwrap().open, amount("USD", 100, 0), "{point}");
    assert_eq!(people.posted().await, before, "{point}");
    mails_of(&owner, MailKind::PaymentTakenBack, 1).await;
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}
