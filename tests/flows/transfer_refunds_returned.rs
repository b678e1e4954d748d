//! Transfers back that the bank sends back to us, and accounts that people know where the bank
//! named none.

use crate::{
    bank::{import, paid},
    bank_decisions::{get, match_to, only, unmatch},
    invoices::read,
    mails::{mails, mails_of, text},
    payments::till,
    rig::until,
    transfer_refunds::{
        PAYER, ask, balance, bought, cancel, holds, listed, on_account, read_refund, refund,
        refused, send, statement,
    },
    transfer_refunds_meanwhile::said,
};
use payterms_proto::invoicing::v1::{
    BankLine, ConfirmRefundAccountRequest, CreditBankLineRequest, DescribeBankStatementRequest,
    MailKind, RefundTransferRequest, SplitBankLineRequest, TransferRefund,
    bank_line::{self, SuggestReason},
    transfer_refund::{Credit, State},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use tonic::{Code, Status};

on_both!(
    what_the_bank_sends_back_is_on_account_again,
    what_may_have_come_back_waits_for_a_person,
    what_came_back_may_be_a_part_or_pay_an_invoice,
    a_purchase_that_came_back_stays_credited,
    an_account_that_the_bank_did_not_name_takes_two_people,
);

/// A statement with a transfer of ours that came back.
pub(crate) fn came_back(number: &str, value: &str, text: &str) -> Vec<u8> {
    came_back_in("USD", number, value, text)
}

fn came_back_in(currency: &str, number: &str, value: &str, text: &str) -> Vec<u8> {
    let plain = String::from_utf8(statement(number, &[(value, currency, text, PAYER)])).unwrap();
    let (first, last) = ("<RltdPties><Dbtr><Nm>Brightside</Nm></Dbtr><DbtrAcct>", "</DbtrAcct>");
    assert!(plain.contains(first), "{plain}");
    let returned = plain
        .replace(first, "<RltdPties><Cdtr><Nm>Brightside</Nm></Cdtr><CdtrAcct>")
        .replace(last, "</CdtrAcct>");
    returned.replace("</TxDtls>", "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls>").into_bytes()
}

pub(crate) async fn credit(session: &Session, line: &BankLine, customer: &str) {
    let request = CreditBankLineRequest {
        request_id: request_id(),
        name: line.name.clone(),
        customer: customer.into(),
        ..Default::default()
    };
    session.bank().credit_bank_line(request).await.unwrap();
}

pub(crate) async fn in_state(
    session: &Session,
    refund: &TransferRefund,
    state: State,
) -> TransferRefund {
    until(
        async || read_refund(session, &refund.name).await,
        |transfer_refund| transfer_refund.state() == state,
    )
    .await
}

async fn what_the_bank_sends_back_is_on_account_again(world: &World) {
    let till = till(world, 0).await;
    let payment = on_account(&till.owner, &till.customer, "A", "80.00", PAYER).await;
    let made =
        refund(&till.owner, ask(&payment, Credit::Surplus, amount("USD", 30, 0))).await.unwrap();
    send(&till.owner, &made.name).await.unwrap();
    assert_eq!(till.available().await, amount("USD", 50, 0));
    let file = came_back("B", "30.00", &format!("return of {}", made.reference));
    let described = till
        .owner
        .bank()
        .describe_bank_statement(DescribeBankStatementRequest {
            parent: "tenants/acme".into(),
            content: file.clone().into(),
            ..Default::default()
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(described.bank_lines[0].transfer_refund, made.name);
    let imported = import(&till.owner, file.clone()).await.unwrap();
    let line = only(&imported).clone();
    assert_eq!(
        (line.state(), line.transfer_refund.as_str()),
        (bank_line::State::Matched, made.name.as_str())
    );
    assert_eq!(
        (line.customer.as_str(), imported.findings.len()),
        (till.customer.as_str(), 0),
        "{imported:?}"
    );
    let back = in_state(&till.owner, &made, State::Returned).await;
    assert_eq!(back.returned_by, line.name);
    assert_eq!(
        read_refund(&till.admin, &made.name).await.unwrap().returned_by,
        "",
        "a customer has no bank lines"
    );
    let again = paid(&till.owner, &line.name).await.1;
    assert_eq!(
        (again.surplus.clone(), till.available().await),
        (amount("USD", 30, 0), amount("USD", 80, 0))
    );
    let mail = mails_of(&till.owner, MailKind::TransferRefundReturned, 1).await.remove(0);
    let words = text(&till.owner, &mail).await;
    assert!(words.contains("30.00") && words.contains("5555"), "{words}");
    // The customer has paid once, so is thanked once.
    assert_eq!(mails(&till.owner, MailKind::PaymentReceived).await.len(), 1);
    let known = import(&till.owner, file).await.unwrap();
    assert_eq!(
        (known.bank_lines.len(), known.duplicates[0].bank_line.as_str()),
        (0, line.name.as_str())
    );
    // It was something else after all: the transfer stands again.
    unmatch(&till.owner, &line.name).await.unwrap();
    assert_eq!(in_state(&till.owner, &made, State::Sent).await.returned_by, "");
    assert_eq!(till.available().await, amount("USD", 50, 0));
    credit(&till.owner, &line, &till.customer).await;
    in_state(&till.owner, &made, State::Returned).await;
    let again = paid(&till.owner, &line.name).await.1;
    // To the account that it came from it can go once more, and the first payment's line stays as
    // it is.
    let second = refund(&till.owner, ask(&again, Credit::Surplus, None)).await.unwrap();
    assert_eq!(
        (second.amount.clone(), second.account_end.as_str()),
        (amount("USD", 30, 0), "5555")
    );
    assert_eq!(
        reason(&unmatch(&till.owner, &payment.tenders[0].bank_line).await.unwrap_err()),
        "PAYMENT_REFUNDED"
    );
    assert_eq!(listed(&till.owner, &till.customer, "state = RETURNED").await.len(), 1);
    holds(world).await;
}

/// Another amount, no reference, or no word of a return: a person says what it is.
async fn what_may_have_come_back_waits_for_a_person(world: &World) {
    let till = till(world, 0).await;
    let payment = on_account(&till.owner, &till.customer, "A", "80.00", PAYER).await;
    let mut refunds = Vec::new();
    for units in [30, 20] {
        let made = refund(&till.owner, ask(&payment, Credit::Surplus, amount("USD", units, 0)))
            .await
            .unwrap();
        refunds.push(send(&till.owner, &made.name).await.unwrap());
    }
    let other = import(&till.owner, came_back("B", "7.00", "a supplier's")).await.unwrap();
    assert_eq!(
        (other.bank_lines.len(), other.findings[0].kind.as_str()),
        (0, "RETURNED"),
        "no transfer back of ours"
    );
    // The bank names an account of its own for what it sends back.
    let by_the_bank =
        String::from_utf8(came_back("C", "28.50", &format!("less 1.50 {}", refunds[0].reference)))
            .unwrap();
    let by_the_bank = by_the_bank.replace(PAYER, "DE02120300000000202051").into_bytes();
    let files = [by_the_bank, came_back("D", "20.00", "account closed")];
    let mut lines = Vec::new();
    for (file, made) in files.into_iter().zip(&refunds) {
        let line = only(&import(&till.owner, file).await.unwrap()).clone();
        assert_eq!(
            (line.state(), line.transfer_refund.as_str()),
            (bank_line::State::Suggested, made.name.as_str())
        );
        assert_eq!(
            line.suggest_reasons().collect::<Vec<_>>(),
            [SuggestReason::TransferRefundReturned]
        );
        lines.push(line);
    }
    assert_eq!(
        till.available().await,
        amount("USD", 30, 0),
        "nothing is credit before somebody says so"
    );
    credit(&till.owner, &lines[0], &till.customer).await;
    in_state(&till.owner, &refunds[0], State::Returned).await;
    // Another customer's money: the transfer back stands.
    let stranger = world.customer("acme", "GB").await;
    credit(&till.owner, &lines[1], &stranger).await;
    paid(&till.owner, &lines[1].name).await;
    assert_eq!(in_state(&till.owner, &refunds[1], State::Sent).await.returned_by, "");
    assert_eq!(get(&till.owner, &lines[1].name).await.customer, stranger);
    let back = paid(&till.owner, &lines[0].name).await.1;
    assert_eq!(till.available().await, amount("USD", 58, 50));
    let once_more = refund(&till.owner, ask(&back, Credit::Surplus, None)).await.unwrap();
    assert_eq!(
        (once_more.state(), once_more.amount),
        (State::Pending, amount("USD", 28, 50)),
        "to the payer's account, whatever the bank named"
    );
    holds(world).await;
}

/// 30.00 came back with 5.00 of another's in one line; 20.00 came back and pay an invoice.
async fn what_came_back_may_be_a_part_or_pay_an_invoice(world: &World) {
    let till = till(world, 0).await;
    let payment = on_account(&till.owner, &till.customer, "A", "80.00", PAYER).await;
    let mut refunds = Vec::new();
    for units in [30, 20] {
        let made = refund(&till.owner, ask(&payment, Credit::Surplus, amount("USD", units, 0)))
            .await
            .unwrap();
        refunds.push(send(&till.owner, &made.name).await.unwrap());
    }
    let whole =
        only(&import(&till.owner, came_back("B", "35.00", &refunds[0].reference)).await.unwrap())
            .clone();
    let parts = [amount("USD", 5, 0), amount("USD", 30, 0)].into_iter().flatten().collect();
    let split = SplitBankLineRequest {
        request_id: request_id(),
        name: whole.name,
        parts,
        ..Default::default()
    };
    let parts = till.owner.bank().split_bank_line(split).await.unwrap().into_inner().parts;
    assert_eq!(
        (parts[0].transfer_refund.as_str(), parts[1].transfer_refund.as_str()),
        ("", refunds[0].name.as_str())
    );
    credit(&till.owner, &parts[0], &till.customer).await;
    assert_eq!(
        in_state(&till.owner, &refunds[0], State::Sent).await.returned_by,
        "",
        "the other part is it"
    );
    credit(&till.owner, &parts[1], &till.customer).await;
    assert_eq!(
        in_state(&till.owner, &refunds[0], State::Returned).await.returned_by,
        parts[1].name
    );
    let line = only(&import(&till.owner, came_back("C", "20.00", "account closed")).await.unwrap())
        .clone();
    assert_eq!(
        (line.state(), line.transfer_refund.as_str()),
        (bank_line::State::Suggested, refunds[1].name.as_str())
    );
    match_to(&till.owner, &line.name, &[&till.invoice.name]).await.unwrap();
    assert_eq!(in_state(&till.owner, &refunds[1], State::Returned).await.returned_by, line.name);
    paid(&till.owner, &line.name).await;
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().paid, amount("USD", 20, 0));
    unmatch(&till.owner, &line.name).await.unwrap();
    in_state(&till.owner, &refunds[1], State::Sent).await;
    mails_of(&till.owner, MailKind::TransferRefundReturned, 2).await;
    holds(world).await;
}

/// What had been bought is no sale any more: its money is on account, gross, and the credit note
/// stays.
async fn a_purchase_that_came_back_stays_credited(world: &World) {
    let (desk, of) = bought(world).await;
    let made =
        refund(&desk.owner, ask(&of.payment, Credit::TopUp, amount("AUD", 100, 1))).await.unwrap();
    send(&desk.owner, &made.name).await.unwrap();
    let line = only(
        &import(&desk.owner, came_back_in("AUD", "B", "110.01", &made.reference)).await.unwrap(),
    )
    .clone();
    in_state(&desk.owner, &made, State::Returned).await;
    paid(&desk.owner, &line.name).await;
    assert_eq!(
        balance(&desk.admin, &desk.wallet).await.0,
        amount("AUD", 160, 0),
        "49.99 were left"
    );
    let order = read(&desk.owner, &of.order.name).await.unwrap();
    assert_eq!((order.paid, order.credited), (amount("AUD", 109, 99), amount("AUD", 110, 1)));
    holds(world).await;
}

async fn confirm(session: &Session, refund: &TransferRefund) -> Result<TransferRefund, Status> {
    let request = ConfirmRefundAccountRequest {
        request_id: request_id(),
        name: refund.name.clone(),
        ..Default::default()
    };
    session
        .transfer_refunds()
        .confirm_refund_account(request)
        .await
        .map(|answer| answer.into_inner().transfer_refund.unwrap())
}

pub(crate) async fn an_account_that_the_bank_did_not_name_takes_two_people(world: &World) {
    let till = till(world, 0).await;
    let (admin, staff) = (world.someone("ADMIN", None), world.someone("STAFF", None));
    let silent = on_account(&till.owner, &till.customer, "A", "80.00", "").await;
    let plain = ask(&silent, Credit::Surplus, amount("USD", 30, 0));
    assert_eq!(refused(&admin, plain.clone()).await, "PAYER_ACCOUNT_UNKNOWN");
    let evidence = "Letter of Barclays of 5 January, seen by Ann".to_owned();
    let known = |request: &RefundTransferRequest| RefundTransferRequest {
        request_id: request_id(),
        account_evidence: evidence.clone(),
        ..request.clone()
    };
    let made = refund(&admin, known(&plain)).await.unwrap();
    assert_eq!(
        (made.state(), made.account_evidence.as_str()),
        (State::Confirming, evidence.as_str())
    );
    assert_eq!(till.available().await, amount("USD", 50, 0), "its credit is reserved");
    assert_eq!(
        read_refund(&till.admin, &made.name).await.unwrap().account_evidence,
        "",
        "what the tenant knows is the tenant's"
    );
    assert_eq!(reason(&send(&staff, &made.name).await.unwrap_err()), "TRANSFER_REFUND_STATE");
    assert_eq!(reason(&confirm(&admin, &made).await.unwrap_err()), "SEPARATION_OF_DUTIES");
    assert_eq!(confirm(&staff, &made).await.unwrap_err().code(), Code::PermissionDenied);
    // Nothing is paired with it before a second person has looked.
    let imported =
        import(&till.owner, statement("B", &[("-30.00", "USD", &made.reference, PAYER)]))
            .await
            .unwrap();
    assert!(
        said(&imported, "TRANSFER_REFUND_UNEXPECTED")[0].contains("is not confirmed, but went out"),
        "{imported:?}"
    );
    assert_eq!(read_refund(&staff, &made.name).await.unwrap().state(), State::Confirming);
    let request = ConfirmRefundAccountRequest {
        request_id: request_id(),
        name: made.name.clone(),
        ..Default::default()
    };
    let answer = till
        .owner
        .transfer_refunds()
        .confirm_refund_account(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.transfer_refund.as_ref().unwrap().state(), State::Pending);
    let again = till.owner.transfer_refunds().confirm_refund_account(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner(), answer);
    assert_eq!(reason(&confirm(&till.owner, &made).await.unwrap_err()), "TRANSFER_REFUND_STATE");
    assert_eq!(send(&staff, &made.name).await.unwrap().state(), State::Sent);
    // One that nobody confirms is given up.
    let second = refund(&admin, known(&plain)).await.unwrap();
    assert_eq!(cancel(&staff, &second.name).await.unwrap().state(), State::Cancelled);
    assert_eq!(till.available().await, amount("USD", 50, 0));
    // Where the bank named the account, that counts alone.
    let named = on_account(&till.owner, &till.customer, "C", "10.00", PAYER).await;
    let wrong = RefundTransferRequest {
        account: "DE02120300000000202051".into(),
        ..ask(&named, Credit::Surplus, None)
    };
    assert_eq!(refused(&admin, known(&wrong)).await, "PAYER_ACCOUNT_DIFFERS");
    let right = refund(&admin, known(&ask(&named, Credit::Surplus, None))).await.unwrap();
    assert_eq!((right.state(), right.account_evidence.as_str()), (State::Pending, ""));
    holds(world).await;
}
