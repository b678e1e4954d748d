//! Transfers for credit that come short: of the bank's fees, and they buy what came; of more, and
//! they wait for thirty days and are no debt.

use crate::transfers::Desk;
use crate::{
    bank::{camt_in, import, paid},
    bank_decisions::match_to,
    clocks::advance,
    collections::{DAY, START},
    documents::acme,
    invariants,
    invoices::read,
    mails::{mails_of, text},
    transfers::{desk, notes, raise, request, sell},
    where_to_pay::grouped,
};
use payterms_proto::invoicing::v1::Invoice;
use payterms_proto::{
    invoicing::v1::{
        DismissBankLineRequest, ExplainInvoiceRequest, GetDocumentRequest, GetOutstandingRequest,
        GetPaymentRequest, ListStatementsRequest, MailKind,
        bank_line::{DismissReason, SuggestReason},
        credit_note::Reason,
        invoice::State,
    },
    wallet::v1::{ListEntriesRequest, ListLotsRequest, TaxKind, WalletSettings, entry},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};

on_both!(
    a_transfer_short_of_the_banks_fees_buys_what_came,
    what_is_short_of_more_waits_thirty_days_and_is_no_debt,
);

async fn a_transfer_short_of_the_banks_fees_buys_what_came(world: &World) {
    let desk = desk(world).await;
    let year = WalletSettings { purchased_expire_days: 365, ..WalletSettings::default() };
    sell(&desk.owner, year, &["purchased_expire_days"]).await;
    let staff = world.someone("STAFF", None);
    let request = request(&desk.customer, amount("AUD", 220, 0));
    let invoice = raise(&staff, request.clone()).await.unwrap();
    assert_eq!(raise(&staff, request).await.unwrap(), invoice, "raised once");
    assert_eq!(
        (invoice.state(), invoice.total.clone(), invoice.net.clone()),
        (State::Open, amount("AUD", 220, 0), amount("AUD", 200, 0))
    );
    assert_eq!(
        invoice.buyer.as_ref().map(|party| (party.legal_name.as_str(), party.tax_id.as_str())),
        Some(("Brightside Pty Ltd", "51 824 753 556"))
    );
    assert!(invoice.top_up.as_ref().is_some_and(
        |transfer_top_up| transfer_top_up.taxed && transfer_top_up.contact_name == "Ann Chovey"
    ));
    its_mail_says_how_to_pay(&desk, &invoice).await;
    assert_eq!(desk.comes("210.00", &invoice, "A1").await, amount("AUD", 0, 0));
    let closed = read(&desk.owner, &invoice.name).await.unwrap();
    assert_eq!(
        (closed.state(), closed.credited, closed.paid),
        (State::Paid, amount("AUD", 10, 0), amount("AUD", 210, 0))
    );
    let note = notes(&desk.owner, &invoice).await.remove(0);
    assert_eq!(
        (note.reason(), note.amount, note.taxes[0].tax.clone()),
        (Reason::TransferFees, amount("AUD", 10, 0), amount("AUD", 0, 91))
    );
    assert_eq!(
        desk.posted().await,
        amount("AUD", 190, 91),
        "what came keeps the remainder of the tax"
    );
    let lots = desk
        .owner
        .lots()
        .list_lots(ListLotsRequest { parent: desk.wallet.clone(), ..Default::default() })
        .await
        .unwrap()
        .into_inner()
        .lots;
    assert_eq!((lots.len(), lots[0].tax_kind()), (1, TaxKind::TaxedSale));
    let list = ListEntriesRequest { parent: desk.wallet.clone(), ..Default::default() };
    let entries = desk.owner.wallets().list_entries(list).await.unwrap().into_inner().entries;
    assert_eq!(entries[0].kind(), entry::Kind::TransferTopUp);
    let payment = desk
        .admin
        .payments()
        .get_payment(GetPaymentRequest { name: entries[0].source.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        payment.payment.unwrap().allocations[0].invoice,
        invoice.name,
        "the entry names what brought it"
    );
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::PaymentReceived, 1).await.remove(0))
            .await;
    for this_text in [
        "payment of 210.00",
        "for prepaid credit: 210.00",
        "Credit bought: 190.91",
        "to be used until 1 January 2027",
    ] {
        assert!(words.replace('\u{a0}', " ").contains(this_text), "{this_text:?} in {words}");
    }
    let booked = invariants::booked(world).await;
    let on =
        |account: &str| booked.iter().find(|(text, _)| text == account).map(|(_, units)| *units);
    assert_eq!(
        (on("BANK_CLEARING"), on("TAX_PAYABLE"), on("INVOICE_SETTLEMENT")),
        (Some(-210), Some(19), None)
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// Mail and document name the account, the reference and how long the credit can be used.
async fn its_mail_says_how_to_pay(desk: &Desk, invoice: &Invoice) {
    let mail = mails_of(&desk.owner, MailKind::TransferInvoice, 1).await.remove(0);
    assert_eq!(
        mail.recipients,
        ["accounts@brightside.example"],
        "the address that was given, not the customer's"
    );
    let words = text(&desk.owner, &mail).await;
    assert!(
        words.contains("account 1234 5678")
            && mail.subject.contains(&invoice.number)
            && words.contains("220.00"),
        "{words}"
    );
    assert!(
        words.contains(&grouped(&invoice.payment_reference)) && words.contains("used for 365 days"),
        "{words}"
    );
    assert_eq!(invoice.seller.as_ref().unwrap().bank_details, acme().bank_details);
    let pdf = desk
        .owner
        .documents()
        .get_document(GetDocumentRequest { name: invoice.name.clone() })
        .await
        .unwrap()
        .into_inner();
    assert!(pdf.document.unwrap().content.starts_with(b"%PDF"));
}

async fn what_is_short_of_more_waits_thirty_days_and_is_no_debt(world: &World) {
    let desk = desk(world).await;
    let invoice = raise(&desk.owner, request(&desk.customer, amount("AUD", 500, 0))).await.unwrap();
    desk.comes("300.00", &invoice, "B1").await;
    assert_eq!(desk.posted().await, amount("AUD", 272, 73), "credit for what came");
    let open = read(&desk.owner, &invoice.name).await.unwrap();
    assert_eq!((open.state(), open.open.clone()), (State::Open, amount("AUD", 200, 0)));
    let explain = ExplainInvoiceRequest { name: invoice.name.clone() };
    let answer = desk.admin.invoices().explain_invoice(explain).await.unwrap().into_inner();
    assert!(answer.facts[0].sentence.contains("of which 300.00 AUD came"), "{answer:?}");
    let lapses = answer.next.unwrap();
    assert_eq!(
        lapses.time.as_ref().map(|at| at.seconds),
        Some(START + 31 * DAY - 11 * 3_600),
        "{lapses:?}"
    );
    let outstanding = GetOutstandingRequest { parent: desk.customer.clone() };
    assert!(
        desk.admin
            .invoices()
            .get_outstanding(outstanding)
            .await
            .unwrap()
            .into_inner()
            .outstanding
            .is_empty(),
        "it is no debt"
    );
    advance(world, START + 30 * DAY).await;
    assert_eq!(read(&desk.owner, &invoice.name).await.unwrap().state(), State::Open);
    advance(world, START + 31 * DAY).await;
    let lapsed = read(&desk.owner, &invoice.name).await.unwrap();
    assert_eq!(
        (lapsed.state(), lapsed.credited, lapsed.past_due),
        (State::Paid, amount("AUD", 200, 0), false)
    );
    let note = notes(&desk.owner, &invoice).await.remove(0);
    assert_eq!(
        (note.reason(), note.taxes[0].tax.clone()),
        (Reason::NotTransferred, amount("AUD", 18, 18))
    );
    let late =
        import(&desk.owner, camt_in("AUD", &[("200.00", &invoice.number, "B2")])).await.unwrap();
    let late = &late.bank_lines[0];
    assert_eq!(
        late.suggest_reasons().collect::<Vec<_>>(),
        [SuggestReason::InvoiceNotOpen],
        "a person says whose it is"
    );
    match_to(&desk.owner, &late.name, &[&invoice.name]).await.unwrap();
    assert_eq!(
        paid(&desk.owner, &late.name).await.1.surplus,
        amount("AUD", 200, 0),
        "what comes late is never refused"
    );
    assert_eq!(desk.posted().await, amount("AUD", 472, 73));
    // The statement of January has what came, and that of February nothing of what did not.
    let listed = ListStatementsRequest { parent: desk.customer.clone(), ..Default::default() };
    let statements =
        desk.owner.statements().list_statements(listed).await.unwrap().into_inner().statements;
    let january = statements.last().unwrap();
    assert_eq!(
        (january.issued.clone(), january.paid.clone()),
        (amount("AUD", 300, 0), amount("AUD", 300, 0))
    );
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0)).await;
    assert!(
        words.contains(&format!("- {}: 300.00\u{a0}AUD,", invoice.number))
            && !words.contains("200.00"),
        "{words}"
    );
    what_may_have_come_does_not_lapse(world, &desk).await;
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// While a line waits for a person, its invoice does; dismissed, it lapses.
async fn what_may_have_come_does_not_lapse(world: &World, desk: &Desk) {
    let never = raise(&desk.owner, request(&desk.customer, amount("AUD", 200, 0))).await.unwrap();
    // What came in for it in time waits for a person: meanwhile it does not lapse, and whoever may
    // decide is told.
    let doubtful = import(&desk.owner, camt_in("AUD", &[("500.00", &never.number, "B3")]))
        .await
        .unwrap()
        .bank_lines
        .remove(0);
    assert_eq!(doubtful.suggest_reasons().count(), 1, "{doubtful:?}");
    advance(world, START + 63 * DAY).await;
    assert_eq!(read(&desk.owner, &never.name).await.unwrap().state(), State::Open);
    let explain = ExplainInvoiceRequest { name: never.name.clone() };
    let next =
        desk.owner.invoices().explain_invoice(explain).await.unwrap().into_inner().next.unwrap();
    assert!(
        next.sentence.starts_with("A transfer of 500.00 AUD came in") && next.time.is_none(),
        "{next:?}"
    );
    let (name, explanation) = (doubtful.name.clone(), "Somebody else's.".to_owned());
    let dismiss = DismissBankLineRequest {
        request_id: request_id(),
        name,
        reason: DismissReason::NotOurs.into(),
        explanation,
        ..Default::default()
    };
    desk.owner.bank().dismiss_bank_line(dismiss).await.unwrap();
    advance(world, START + 64 * DAY).await;
    let listed = ListStatementsRequest { parent: desk.customer.clone(), ..Default::default() };
    let statements =
        desk.owner.statements().list_statements(listed).await.unwrap().into_inner().statements;
    assert!(
        statements.iter().all(|statement| statement.credited == amount("AUD", 0, 0)),
        "what never came is not credited: {statements:?}"
    );
    assert_eq!(read(&desk.owner, &never.name).await.unwrap().state(), State::Void);
}
