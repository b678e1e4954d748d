//! Credit that had come by bank transfer goes back by a transfer to make, to the account that it
//! came from.

use crate::{
    bank::{import, paid},
    bank_decisions::{only, unmatch},
    invariants, invariants_of_provider,
    invoices::read,
    mails::{mails, mails_of, text},
    transfers::{Desk, desk, notes, raise, request},
    wallets::debit,
};
use payterms_proto::{
    google::r#type::{Date, Money},
    invoicing::v1::{
        BankLine, CancelRefundRequest, CreditBankLineRequest, GetDocumentRequest,
        GetPaymentRequest, GetTransferRefundRequest, Invoice, ListTransferRefundsRequest, MailKind,
        MarkRefundSentRequest, Payment, RefundTransferRequest, TransferRefund,
        credit_note::Reason,
        invoice,
        transfer_refund::{Credit, State},
    },
    wallet::v1::{GetBalanceRequest, ListEntriesRequest, entry::Kind},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use tonic::Status;

on_both!(bought_credit_goes_back_in_parts_with_its_tax,);

pub(crate) const PAYER: &str = "GB33BUKB20201555555555";

/// An entry of a statement: amount, currency, text, the other account; what went out is below zero.
pub(crate) type Booked<'a> = (&'a str, &'a str, &'a str, &'a str);

/// A statement whose entries have references of their own.
pub(crate) fn statement(number: &str, entries: &[Booked<'_>]) -> Vec<u8> {
    let entry = |(place, (value, currency, text, account)): (usize, &Booked<'_>)| {
        let (side, party) =
            if value.starts_with('-') { ("DBIT", "Cdtr") } else { ("CRDT", "Dbtr") };
        let account = if account.is_empty() {
            String::new()
        } else {
            format!("<{party}Acct><Id><IBAN>{account}</IBAN></Id></{party}Acct>")
        };
        format!(
            "<Ntry><Amt Ccy=\"{currency}\">{}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-01-02</Dt></BookgDt>\
             <AcctSvcrRef>{number}-{place}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><{party}><Nm>Brightside</Nm></{party}>{account}\
             </RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
            value.trim_start_matches('-')
        )
    };
    let entries: String = entries.iter().enumerate().map(entry).collect();
    format!(
        "<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>{entries}</Stmt></BkToCstmrStmt></Document>"
    )
    .into_bytes()
}

/// Money on account of a customer that came from an account; its payment.
pub(crate) async fn on_account(
    owner: &Session,
    customer: &str,
    number: &str,
    value: &str,
    account: &str,
) -> Payment {
    let imported =
        import(owner, statement(number, &[(value, "USD", "thank you", account)])).await.unwrap();
    let name = only(&imported).name.clone();
    let credit = CreditBankLineRequest {
        request_id: request_id(),
        name: name.clone(),
        customer: customer.into(),
        ..Default::default()
    };
    owner.bank().credit_bank_line(credit).await.unwrap();
    paid(owner, &name).await.1
}

pub(crate) fn ask(payment: &Payment, from: Credit, credit: Option<Money>) -> RefundTransferRequest {
    RefundTransferRequest {
        request_id: request_id(),
        payment: payment.name.clone(),
        from: from.into(),
        credit,
        account: PAYER.into(),
        account_evidence: String::new(),
        explanation: "The account is closed.".into(),
    }
}

pub(crate) async fn refund(
    session: &Session,
    request: RefundTransferRequest,
) -> Result<TransferRefund, Status> {
    session
        .transfer_refunds()
        .refund_transfer(request)
        .await
        .map(|answer| answer.into_inner().transfer_refund.unwrap())
}

pub(crate) async fn refused(session: &Session, request: RefundTransferRequest) -> String {
    reason(&refund(session, request).await.unwrap_err())
}

pub(crate) fn sent_on(name: &str, sent_date: Option<Date>) -> MarkRefundSentRequest {
    MarkRefundSentRequest {
        request_id: request_id(),
        name: name.into(),
        sent_date,
        bank_reference: "BANK-77".into(),
    }
}

pub(crate) async fn send(session: &Session, name: &str) -> Result<TransferRefund, Status> {
    session
        .transfer_refunds()
        .mark_refund_sent(sent_on(name, None))
        .await
        .map(|answer| answer.into_inner().transfer_refund.unwrap())
}

pub(crate) async fn cancel(session: &Session, name: &str) -> Result<TransferRefund, Status> {
    let request = CancelRefundRequest { request_id: request_id(), name: name.into() };
    session
        .transfer_refunds()
        .cancel_refund(request)
        .await
        .map(|answer| answer.into_inner().transfer_refund.unwrap())
}

pub(crate) async fn read_refund(session: &Session, name: &str) -> Result<TransferRefund, Status> {
    let get = GetTransferRefundRequest { name: name.into() };
    session
        .transfer_refunds()
        .get_transfer_refund(get)
        .await
        .map(|answer| answer.into_inner().transfer_refund.unwrap())
}

pub(crate) async fn listed(session: &Session, parent: &str, filter: &str) -> Vec<TransferRefund> {
    let list = ListTransferRefundsRequest {
        parent: parent.into(),
        filter: filter.into(),
        ..Default::default()
    };
    session
        .transfer_refunds()
        .list_transfer_refunds(list)
        .await
        .unwrap()
        .into_inner()
        .transfer_refunds
}

/// What is posted and what is available.
pub(crate) async fn balance(session: &Session, wallet: &str) -> (Option<Money>, Option<Money>) {
    let get = GetBalanceRequest { name: wallet.into(), as_of: None };
    let read = session.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap();
    (read.posted, read.available)
}

pub(crate) async fn holds(world: &World) {
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    invariants_of_provider::clearing_agrees(world).await;
}

/// The invoice of a top-up, the line that paid it, and its payment.
pub(crate) struct Purchase {
    pub order: Invoice,
    pub line: BankLine,
    pub payment: Payment,
}

/// A taxed top-up of 220.00 whose transfer came from the payer's account; 50.00 of its 200.00
/// credit are spent.
pub(crate) async fn bought(world: &World) -> (Desk, Purchase) {
    let desk = desk(world).await;
    let order = raise(&desk.owner, request(&desk.customer, amount("AUD", 220, 0))).await.unwrap();
    let imported = import(&desk.owner, statement("T1", &[("220.00", "AUD", &order.number, PAYER)]))
        .await
        .unwrap();
    let (line, payment) = paid(&desk.owner, &only(&imported).name).await;
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&desk.wallet, amount("AUD", 50, 0)))
        .await
        .unwrap();
    (desk, Purchase { order, line, payment })
}

pub(crate) async fn bought_credit_goes_back_in_parts_with_its_tax(world: &World) {
    let (desk, of) = bought(world).await;
    let request = ask(&of.payment, Credit::TopUp, amount("AUD", 100, 1));
    let answer = desk.owner.transfer_refunds().refund_transfer(request.clone()).await.unwrap();
    let first = answer.into_inner().transfer_refund.unwrap();
    let figures = |transfer_refund: &TransferRefund| {
        (
            transfer_refund.state(),
            transfer_refund.credit.clone(),
            transfer_refund.tax.clone(),
            transfer_refund.amount.clone(),
        )
    };
    assert_eq!(
        figures(&first),
        (State::Pending, amount("AUD", 100, 1), amount("AUD", 10, 0), amount("AUD", 110, 1))
    );
    assert_eq!(
        (first.account_end.as_str(), &first.reference[..2], first.payment.as_str()),
        ("5555", "RF", of.payment.name.as_str())
    );
    let again = desk.owner.transfer_refunds().refund_transfer(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner().transfer_refund, Some(first.clone()));
    assert_eq!(
        balance(&desk.admin, &desk.wallet).await,
        (amount("AUD", 150, 0), amount("AUD", 49, 99))
    );
    assert!(
        mails(&desk.owner, MailKind::TransferRefunded).await.is_empty(),
        "nothing has gone yet"
    );
    // Staff who make transfers mark them; the customer sees them.
    let staff = world.someone("STAFF", None);
    assert_eq!(
        listed(&staff, "tenants/acme/customers/-", "state = PENDING AND amount > 110").await,
        std::slice::from_ref(&first)
    );
    assert!(listed(&staff, "tenants/acme/customers/-", "state = SENT").await.is_empty());
    assert_eq!(read_refund(&desk.admin, &first.name).await.unwrap(), first);
    let sent = send(&staff, &first.name).await.unwrap();
    assert_eq!(
        (sent.state(), sent.bank_reference.as_str(), sent.sent_date.unwrap().day),
        (State::Sent, "BANK-77", 1)
    );
    assert_eq!(balance(&desk.admin, &desk.wallet).await.0, amount("AUD", 49, 99));
    let order = read(&desk.owner, &of.order.name).await.unwrap();
    assert_eq!(
        (order.state(), order.paid, order.credited),
        (invoice::State::Paid, amount("AUD", 109, 99), amount("AUD", 110, 1))
    );
    its_note_goes_with_one_mail(&desk, &of.order, &sent).await;
    // All that is left: 150.00 of 200.00 have 15.00 of tax, less 10.00. It is given up once, and
    // made then.
    let second = refund(&desk.owner, ask(&of.payment, Credit::TopUp, None)).await.unwrap();
    assert_eq!(
        figures(&second),
        (State::Pending, amount("AUD", 49, 99), amount("AUD", 5, 0), amount("AUD", 54, 99))
    );
    assert_eq!(
        refused(&desk.owner, ask(&of.payment, Credit::TopUp, None)).await,
        "REFUND_TOO_LARGE"
    );
    assert_eq!(cancel(&staff, &second.name).await.unwrap().state(), State::Cancelled);
    assert_eq!(
        balance(&desk.admin, &desk.wallet).await,
        (amount("AUD", 49, 99), amount("AUD", 49, 99))
    );
    for ended in [&first, &second] {
        assert_eq!(reason(&send(&staff, &ended.name).await.unwrap_err()), "TRANSFER_REFUND_STATE");
        assert_eq!(
            reason(&cancel(&staff, &ended.name).await.unwrap_err()),
            "TRANSFER_REFUND_STATE"
        );
    }
    let third = refund(&desk.owner, ask(&of.payment, Credit::TopUp, None)).await.unwrap();
    assert_eq!(figures(&third), figures(&second));
    // Neither after today nor before the money had come.
    for year in [2999, 2025] {
        let request = sent_on(&third.name, Some(Date { year, month: 12, day: 1 }));
        let refused = staff.transfer_refunds().mark_refund_sent(request).await.unwrap_err();
        assert!(violations(&refused)[0].contains("sent_date"), "{refused:?}");
    }
    send(&staff, &third.name).await.unwrap();
    let list = ListEntriesRequest { parent: desk.wallet.clone(), ..Default::default() };
    let entries = desk.admin.wallets().list_entries(list).await.unwrap().into_inner().entries;
    let gone: Vec<_> =
        entries.iter().filter(|entry| entry.kind() == Kind::TransferRefund).collect();
    assert_eq!((gone.len(), gone[0].description.as_str()), (2, "The account is closed."));
    what_was_used_keeps_its_tax(world).await;
    let paid = desk
        .owner
        .payments()
        .get_payment(GetPaymentRequest { name: of.payment.name.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(paid.payment.unwrap().tenders[0].refunded, amount("AUD", 165, 0));
    assert_eq!(reason(&unmatch(&desk.owner, &of.line.name).await.unwrap_err()), "PAYMENT_REFUNDED");
    holds(world).await;
}

/// In the books.
async fn what_was_used_keeps_its_tax(world: &World) {
    let booked = invariants::booked(world).await;
    let on =
        |account: &str| booked.iter().find(|(text, _)| text == account).map(|(_, units)| *units);
    assert_eq!(
        (on("BANK_CLEARING"), on("TAX_PAYABLE")),
        (Some(-55), Some(5)),
        "50.00 were used, and keep their 5.00 of tax"
    );
}

/// The credit note is attached to the mail of the refund.
async fn its_note_goes_with_one_mail(desk: &Desk, order: &Invoice, sent: &TransferRefund) {
    let note = notes(&desk.owner, order).await.remove(0);
    assert_eq!(
        (note.name.as_str(), note.reason(), note.amount),
        (sent.credit_note.as_str(), Reason::TransferredBack, amount("AUD", 110, 1))
    );
    assert_eq!(
        (note.taxes[0].net.clone(), note.taxes[0].tax.clone()),
        (amount("AUD", 100, 1), amount("AUD", 10, 0))
    );
    let get = GetDocumentRequest { name: note.name.clone() };
    assert!(
        desk.admin
            .documents()
            .get_document(get)
            .await
            .unwrap()
            .into_inner()
            .document
            .unwrap()
            .content
            .starts_with(b"%PDF")
    );
    let mail = mails_of(&desk.owner, MailKind::TransferRefunded, 1).await.remove(0);
    assert_eq!(mail.attachments, std::slice::from_ref(&note.name));
    assert!(
        mails(&desk.owner, MailKind::CreditNoteIssued).await.is_empty(),
        "the note goes with the one mail"
    );
    let words = text(&desk.owner, &mail).await;
    for this_text in ["110.01", "ends in 5555", &note.number, "The account is closed.", "January"] {
        assert!(words.contains(this_text), "{this_text}: {words}");
    }
}
