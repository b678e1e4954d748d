//! Credit that a transfer bought is taken back: with its tax, with what is spent owed, and with a
//! new invoice for it.

use crate::{
    bank::{camt_in, import, paid},
    bank_decisions::{match_to, only, unmatch},
    invariants,
    invoices::read,
    mails::{mails_of, text},
    transfers::{Desk, desk, notes, raise, request, sell},
    wallets::debit,
};
use payterms_proto::{
    invoicing::v1::{
        Invoice, ListInvoicesRequest, MailKind, bank_line, credit_note::Reason, invoice::State,
    },
    wallet::v1::{Balance, GetBalanceRequest, WalletSettings},
};
use payterms_suite::client::amount;
use payterms_testkit::{World, on_both};

on_both!(
    a_transfer_that_bought_credit_is_taken_back_whole,
    a_bank_takes_bought_credit_back_and_what_is_spent_is_owed
);

impl Desk {
    async fn balance(&self) -> Balance {
        let get = GetBalanceRequest { name: self.wallet.clone(), as_of: None };
        self.owner.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap()
    }

    /// The invoice that was raised last.
    async fn newest(&self) -> Invoice {
        let list = ListInvoicesRequest { parent: self.customer.clone(), ..Default::default() };
        self.owner.invoices().list_invoices(list).await.unwrap().into_inner().invoices.remove(0)
    }
}

/// What each control account and each account of the tenant that must come to nothing still holds.
async fn left(world: &World) -> Vec<(String, i64)> {
    let accounts = ["BANK_CLEARING", "TAX_PAYABLE", "INVOICE_SETTLEMENT"];
    let booked = invariants::booked(world).await.into_iter();
    booked
        .filter(|(account, amount)| accounts.contains(&account.as_str()) && *amount != 0)
        .collect()
}

async fn a_transfer_that_bought_credit_is_taken_back_whole(world: &World) {
    let desk = desk(world).await;
    let year = WalletSettings { purchased_expire_days: 365, ..WalletSettings::default() };
    sell(&desk.owner, year, &["purchased_expire_days"]).await;
    let order =
        raise(&world.someone("STAFF", None), request(&desk.customer, amount("AUD", 220, 0)))
            .await
            .unwrap();
    let imported =
        import(&desk.owner, camt_in("AUD", &[("210.00", &order.number, "A1")])).await.unwrap();
    let line = only(&imported).name.clone();
    paid(&desk.owner, &line).await;
    let undone = unmatch(&desk.owner, &line).await.unwrap().bank_line.unwrap();
    assert_eq!(undone.state(), bank_line::State::Unmatched);
    let closed = read(&desk.owner, &order.name).await.unwrap();
    assert_eq!(
        (closed.state(), closed.paid, closed.credited),
        (State::Void, amount("AUD", 0, 0), amount("AUD", 220, 0))
    );
    let mut reasons: Vec<_> = notes(&desk.owner, &order)
        .await
        .into_iter()
        .map(|note| (note.reason(), note.amount))
        .collect();
    reasons.sort_by_key(|(reason, _)| *reason);
    let expected = [
        (Reason::TransferFees, amount("AUD", 10, 0)),
        (Reason::TransferTakenBack, amount("AUD", 210, 0)),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(
        (desk.posted().await, left(world).await),
        (amount("AUD", 0, 0), vec![]),
        "credit and tax are as before"
    );
    let again = desk.newest().await;
    assert_eq!(
        (again.state(), again.total.clone(), again.top_up.clone()),
        (State::Open, amount("AUD", 210, 0), order.top_up.clone())
    );
    assert_ne!(again.number, order.number);
    for order in mails_of(&desk.owner, MailKind::TransferInvoice, 2).await {
        assert!(text(&desk.owner, &order).await.contains("used for 365 days"), "the second too");
    }
    let mail = mails_of(&desk.owner, MailKind::PaymentTakenBack, 1).await.remove(0);
    let words = text(&desk.owner, &mail).await;
    assert!(
        words.contains("by mistake") && words.contains("190.91") && !words.contains("owe"),
        "nothing of it was used: {words}"
    );
    match_to(&desk.owner, &line, &[&again.name]).await.unwrap();
    paid(&desk.owner, &line).await;
    assert_eq!(read(&desk.owner, &again.name).await.unwrap().state(), State::Paid);
    assert_eq!(desk.posted().await, amount("AUD", 190, 91));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

pub(crate) async fn a_bank_takes_bought_credit_back_and_what_is_spent_is_owed(world: &World) {
    let desk = desk(world).await;
    let order =
        raise(&world.someone("STAFF", None), request(&desk.customer, amount("AUD", 220, 0)))
            .await
            .unwrap();
    let imported =
        import(&desk.owner, camt_in("AUD", &[("220.00", &order.number, "B1")])).await.unwrap();
    paid(&desk.owner, &only(&imported).name).await;
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&desk.wallet, amount("AUD", 30, 0)))
        .await
        .unwrap();
    let credit = String::from_utf8(camt_in("AUD", &[("220.00", &order.number, "B2")])).unwrap();
    let file = credit.replace("CRDT</CdtDbtInd>", "DBIT</CdtDbtInd><RvslInd>true</RvslInd>");
    let by = only(&import(&desk.owner, file.into_bytes()).await.unwrap()).clone();
    assert_eq!(by.returned_line, only(&imported).name);
    let is_returned =
        async || Ok(crate::bank_decisions::get(&desk.owner, &only(&imported).name).await);
    crate::rig::until(is_returned, |line| line.state() == bank_line::State::Returned).await;
    let balance = desk.balance().await;
    assert_eq!(
        (balance.posted, balance.owed_for_returns),
        (amount("AUD", -30, 0), amount("AUD", 30, 0)),
        "it says why it is below zero"
    );
    assert_eq!(left(world).await, vec![]);
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::PaymentTakenBack, 1).await.remove(0))
            .await;
    assert!(
        words.contains("The bank has taken back")
            && words.contains("Your balance owes 30.00\u{a0}AUD now"),
        "{words}"
    );
    // What is paid in next pays it, and is taxed: usage of credit whose tax was given back.
    let again = desk.newest().await;
    let imported =
        import(&desk.owner, camt_in("AUD", &[("220.00", &again.number, "B3")])).await.unwrap();
    paid(&desk.owner, &only(&imported).name).await;
    let balance = desk.balance().await;
    assert_eq!(
        (balance.posted, balance.owed_for_returns),
        (amount("AUD", 170, 0), amount("AUD", 0, 0))
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
