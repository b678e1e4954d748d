//! What happens while a transfer back is to be made: a bank's file shows it, its line is taken
//! back, its lot expires, others want its credit.

use crate::{
    bank::{camt, import, paid},
    bank_decisions::{get, only, unmatch},
    clocks::advance,
    collections::{DAY, START},
    mails::mails_of,
    payments::till,
    rig::until,
    top_ups::card,
    transfer_refunds::{
        PAYER, ask, balance, bought, cancel, holds, listed, on_account, read_refund, refund,
        refused, send, statement,
    },
    transfers::{desk, raise, request},
};
use payterms_proto::{
    invoicing::v1::{
        ImportBankStatementResponse, MailKind, MatchBankLineRequest, bank_line,
        transfer_refund::{Credit, State},
    },
    wallet::v1::{
        AutoRecharge, ListHoldsRequest, ListLotsRequest, PostFeeRequest, ProposeRevocationRequest,
        UpdateWalletSettingsRequest, VoidHoldRequest, WalletSettings,
        auto_recharge::ThresholdRecharge, hold, revocation::Cause,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};
use prost_types::FieldMask;

on_both!(
    a_bank_file_confirms_the_transfer,
    what_went_out_otherwise_than_it_was_to_is_a_finding,
    a_line_whose_money_goes_back_is_not_taken_back,
    what_is_reserved_outlives_expiry_debts_and_revocations,
    a_rule_that_would_buy_it_again_is_named,
    of_two_at_once_one_takes_the_credit,
);

/// What the findings of an import say, by kind.
pub(crate) fn said(imported: &ImportBankStatementResponse, kind: &str) -> Vec<String> {
    imported
        .findings
        .iter()
        .filter(|bank_finding| bank_finding.kind == kind)
        .map(|bank_finding| bank_finding.message.clone())
        .collect()
}

async fn a_bank_file_confirms_the_transfer(world: &World) {
    let till = till(world, 0).await;
    let payment = on_account(&till.owner, &till.customer, "A", "80.00", PAYER).await;
    let made =
        refund(&till.owner, ask(&payment, Credit::Surplus, amount("USD", 30, 0))).await.unwrap();
    let spaced: String = made
        .reference
        .chars()
        .enumerate()
        .flat_map(|(at, c)| (at > 0 && at % 4 == 0).then_some(' ').into_iter().chain([c]))
        .collect();
    let marked = format!("refund {}", spaced.to_lowercase());
    // Another amount, another account, another text: none of these is surely it.
    let near = [
        ("-29.99", "USD", marked.as_str(), PAYER),
        ("-30.00", "USD", &marked, "DE02120300000000202051"),
        ("-30.00", "USD", "rent", PAYER),
    ];
    let imported = import(&till.owner, statement("B", &near)).await.unwrap();
    let unexpected = said(&imported, "TRANSFER_REFUND_UNEXPECTED");
    assert!(
        unexpected[0].contains("which is of 30.00") && unexpected[1].contains("to another account"),
        "{unexpected:?}"
    );
    let may_be = said(&imported, "TRANSFER_REFUND").remove(0);
    assert!(
        may_be.contains(&made.name)
            && may_be.contains(&made.reference)
            && may_be.contains("MarkRefundSent"),
        "{may_be}"
    );
    assert_eq!(read_refund(&till.owner, &made.name).await.unwrap().state(), State::Pending);
    let file =
        statement("C", &[("-30.00", "USD", &marked, PAYER), ("-30.00", "USD", &marked, PAYER)]);
    let imported = import(&till.owner, file.clone()).await.unwrap();
    assert!(
        said(&imported, "TRANSFER_REFUND")[0].contains("confirms that it was sent"),
        "{imported:?}"
    );
    assert!(said(&imported, "TRANSFER_REFUND_UNEXPECTED")[0].contains("once more"), "{imported:?}");
    let sent = until(
        async || read_refund(&till.owner, &made.name).await,
        |transfer_refund| transfer_refund.state() == State::Sent,
    )
    .await;
    assert_eq!((sent.sent_date.unwrap().day, sent.bank_reference.as_str()), (2, "C-0"));
    assert_eq!(till.available().await, amount("USD", 50, 0));
    let again = import(&till.owner, file).await.unwrap();
    assert!(said(&again, "TRANSFER_REFUND")[0].contains("marked as sent"), "{again:?}");
    mails_of(&till.owner, MailKind::TransferRefunded, 1).await;
    // An incoming line with that reference, and no word of a return, pays nothing until a person
    // looks.
    let odd = import(&till.owner, camt(&[("30.00", &marked, "D1")])).await.unwrap();
    let odd = only(&odd);
    assert_eq!(
        (odd.state(), odd.transfer_refund.as_str()),
        (bank_line::State::Suggested, made.name.as_str())
    );
    holds(world).await;
}

/// A transfer was given up and made nevertheless; one went out before the money came, and twice;
/// none of that is passed over.
async fn what_went_out_otherwise_than_it_was_to_is_a_finding(world: &World) {
    let till = till(world, 0).await;
    let payment = on_account(&till.owner, &till.customer, "A", "80.00", PAYER).await;
    let given_up =
        refund(&till.owner, ask(&payment, Credit::Surplus, amount("USD", 30, 0))).await.unwrap();
    cancel(&till.owner, &given_up.name).await.unwrap();
    let out = |number: &str, text: &str| statement(number, &[("-30.00", "USD", text, PAYER)]);
    let unexpected = async |file: Vec<u8>| {
        let imported = import(&till.owner, file).await.unwrap();
        assert_eq!((imported.findings.len(), imported.bank_lines.len()), (1, 0), "{imported:?}");
        said(&imported, "TRANSFER_REFUND_UNEXPECTED").remove(0)
    };
    let text = unexpected(out("B", &given_up.reference)).await;
    assert!(
        text.contains("was given up, but went out") && text.contains("RefundTransfer"),
        "{text}"
    );
    // What it says to do.
    let made =
        refund(&till.owner, ask(&payment, Credit::Surplus, amount("USD", 30, 0))).await.unwrap();
    let early =
        String::from_utf8(out("C", &made.reference)).unwrap().replace("2026-01-02", "2025-12-31");
    let text = unexpected(early.into_bytes()).await;
    assert!(text.contains("before the money had come"), "{text}");
    assert_eq!(read_refund(&till.owner, &made.name).await.unwrap().state(), State::Pending);
    import(&till.owner, out("D", &made.reference)).await.unwrap();
    until(
        async || read_refund(&till.owner, &made.name).await,
        |transfer_refund| transfer_refund.state() == State::Sent,
    )
    .await;
    let text = unexpected(out("E", &made.reference)).await;
    assert!(text.contains("2026-01-02 (\"D-0\")") && text.contains("it went out twice"), "{text}");
    let elsewhere = statement("F", &[("-30.00", "USD", &made.reference, "")]);
    assert!(unexpected(elsewhere).await.contains("does not say to which"), "without an account");
    assert_eq!(till.available().await, amount("USD", 50, 0));
    holds(world).await;
}

async fn a_line_whose_money_goes_back_is_not_taken_back(world: &World) {
    let (desk, of) = bought(world).await;
    let made =
        refund(&desk.owner, ask(&of.payment, Credit::TopUp, amount("AUD", 100, 0))).await.unwrap();
    let kept = unmatch(&desk.owner, &of.line.name).await.unwrap_err();
    assert_eq!(reason(&kept), "PAYMENT_REFUNDED");
    assert!(kept.message().contains("CancelRefund"), "it says what to do: {}", kept.message());
    // The bank takes the money back meanwhile: a person decides.
    let credit =
        String::from_utf8(statement("T2", &[("220.00", "AUD", &of.order.number, PAYER)])).unwrap();
    let file = credit.replace("CRDT</CdtDbtInd>", "DBIT</CdtDbtInd><RvslInd>true</RvslInd>");
    let by = only(&import(&desk.owner, file.into_bytes()).await.unwrap()).name.clone();
    let waits = async || Ok(get(&desk.owner, &by).await);
    let line = until(waits, |line| line.state() == bank_line::State::Suggested).await;
    assert_eq!(
        line.suggest_reasons().collect::<Vec<_>>(),
        [bank_line::SuggestReason::OriginalNotReturnable]
    );
    assert_eq!(read_refund(&desk.owner, &made.name).await.unwrap().state(), State::Pending);
    cancel(&desk.owner, &made.name).await.unwrap();
    let named = MatchBankLineRequest {
        request_id: request_id(),
        name: by.clone(),
        returned_line: of.line.name.clone(),
        ..Default::default()
    };
    desk.owner.bank().match_bank_line(named).await.unwrap();
    let returned = async || Ok(get(&desk.owner, &of.line.name).await);
    until(returned, |line| line.state() == bank_line::State::Returned).await;
    assert_eq!(
        balance(&desk.owner, &desk.wallet).await.0,
        amount("AUD", -50, 0),
        "what is spent is owed"
    );
    assert_eq!(
        refused(&desk.owner, ask(&of.payment, Credit::TopUp, amount("AUD", 1, 0))).await,
        "BANK_LINE_STATE"
    );
    holds(world).await;
}

async fn what_is_reserved_outlives_expiry_debts_and_revocations(world: &World) {
    let desk = desk(world).await;
    let days = WalletSettings {
        name: "tenants/acme/walletSettings".into(),
        purchased_expire_days: 10,
        ..WalletSettings::default()
    };
    let mask = FieldMask { paths: vec!["purchased_expire_days".into()] };
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(days),
        update_mask: Some(mask),
        ..Default::default()
    };
    desk.owner.settings().update_wallet_settings(update).await.unwrap();
    let order = raise(&desk.owner, request(&desk.customer, amount("AUD", 220, 0))).await.unwrap();
    let imported = import(&desk.owner, statement("E", &[("220.00", "AUD", &order.number, PAYER)]))
        .await
        .unwrap();
    let payment = paid(&desk.owner, &only(&imported).name).await.1;
    let made =
        refund(&desk.owner, ask(&payment, Credit::TopUp, amount("AUD", 120, 0))).await.unwrap();
    let given_up =
        refund(&desk.owner, ask(&payment, Credit::TopUp, amount("AUD", 70, 0))).await.unwrap();
    // Nobody else ends its hold, and what it reserves is not revoked.
    let list = ListHoldsRequest { parent: desk.wallet.clone(), ..Default::default() };
    let found = desk.owner.holds().list_holds(list).await.unwrap().into_inner().holds;
    assert!(
        found.iter().all(|hold| hold.state() == hold::State::Active
            && hold.description == "Transfer back to the payer"),
        "{found:?}"
    );
    let void = VoidHoldRequest { request_id: request_id(), name: found[0].name.clone() };
    assert_eq!(
        reason(&world.someone("SERVICE", None).holds().void_hold(void).await.unwrap_err()),
        "HOLD_OWNER"
    );
    let list = ListLotsRequest { parent: desk.wallet.clone(), ..Default::default() };
    let lot = desk.owner.lots().list_lots(list).await.unwrap().into_inner().lots.remove(0).name;
    let revoke = |units: i64| ProposeRevocationRequest {
        request_id: request_id(),
        lot: lot.clone(),
        amount: amount("AUD", units, 0),
        cause: Cause::Error.into(),
        explanation: "Sold twice".into(),
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.owner.revocations().propose_revocation(revoke(11)).await.unwrap_err()),
        "REVOCATION_TOO_LARGE"
    );
    desk.owner.revocations().propose_revocation(revoke(10)).await.unwrap();
    // A fee beyond what is free is owed; the lot expires but for what is reserved.
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet: desk.wallet.clone(),
        amount: amount("AUD", 25, 0),
        description: "Porting".into(),
        unlisted: false,
    };
    desk.owner.postings().post_fee(fee).await.unwrap();
    assert_eq!(balance(&desk.owner, &desk.wallet).await.0, amount("AUD", 175, 0));
    advance(world, START + 20 * DAY).await;
    assert_eq!(
        balance(&desk.owner, &desk.wallet).await.0,
        amount("AUD", 175, 0),
        "what is reserved has not expired"
    );
    send(&desk.owner, &made.name).await.unwrap();
    assert_eq!(balance(&desk.owner, &desk.wallet).await.0, amount("AUD", 55, 0));
    // Its lot is over: what is free again expires, and pays none of the 15.00 that are owed.
    cancel(&desk.owner, &given_up.name).await.unwrap();
    advance(world, START + 21 * DAY).await;
    let expired = async || Ok(balance(&desk.owner, &desk.wallet).await);
    until(expired, |pair| pair.0 == amount("AUD", -15, 0)).await;
    assert_eq!(
        refused(&desk.owner, ask(&payment, Credit::TopUp, None)).await,
        "REFUND_TOO_LARGE",
        "it has expired"
    );
    holds(world).await;
}

async fn a_rule_that_would_buy_it_again_is_named(world: &World) {
    let till = till(world, 0).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let payment = on_account(&till.owner, &till.customer, "A", "80.00", PAYER).await;
    let rules = AutoRecharge {
        threshold: amount("USD", 50, 0),
        threshold_recharge: amount("USD", 40, 0).map(ThresholdRecharge::ThresholdAmount),
        ..AutoRecharge::default()
    };
    crate::recharges::set(&till.admin, &till.wallet, rules).await.unwrap();
    assert_eq!(
        refused(&till.owner, ask(&payment, Credit::Surplus, None)).await,
        "RECHARGE_WOULD_FOLLOW"
    );
    let made =
        refund(&till.owner, ask(&payment, Credit::Surplus, amount("USD", 30, 0))).await.unwrap();
    assert_eq!(made.state(), State::Pending, "down to the threshold nothing is bought");
    cancel(&till.owner, &made.name).await.unwrap();
    assert!(
        listed(&till.owner, &till.customer, "state = REFUSED").await.is_empty(),
        "what is refused leaves nothing"
    );
    holds(world).await;
}

/// Two refunds of one credit, a refund and an undo of its line, two ends of one refund: of each
/// pair exactly one is done.
async fn of_two_at_once_one_takes_the_credit(world: &World) {
    let till = till(world, 0).await;
    let payment = on_account(&till.owner, &till.customer, "A", "80.00", PAYER).await;
    let sixty = || refund(&till.owner, ask(&payment, Credit::Surplus, amount("USD", 60, 0)));
    let (one, two) = tokio::join!(sixty(), sixty());
    let (made, lost) = match (one, two) {
        (Ok(made), lost) | (lost, Ok(made)) => (made, lost),
        (Err(one), Err(two)) => panic!("{one:?} {two:?}"),
    };
    assert_eq!(reason(&lost.unwrap_err()), "REFUND_TOO_LARGE");
    assert_eq!(till.available().await, amount("USD", 20, 0));
    let (sent, cancelled) =
        tokio::join!(send(&till.owner, &made.name), cancel(&till.owner, &made.name));
    let lost = if sent.is_ok() { cancelled } else { sent };
    assert_eq!(reason(&lost.unwrap_err()), "TRANSFER_REFUND_STATE");
    let ended = read_refund(&till.owner, &made.name).await.unwrap();
    let left = if ended.state() == State::Sent { 20 } else { 80 };
    assert_eq!(till.available().await, amount("USD", left, 0), "{ended:?}");
    let other = on_account(&till.owner, &till.customer, "B", "50.00", PAYER).await;
    let line = other.tenders[0].bank_line.clone();
    let (back, undone) = tokio::join!(
        refund(&till.owner, ask(&other, Credit::Surplus, None)),
        unmatch(&till.owner, &line)
    );
    assert_eq!(back.is_ok(), undone.is_err(), "{back:?} {undone:?}");
    if let Err(kept) = undone {
        assert_eq!(reason(&kept), "PAYMENT_REFUNDED");
    }
    holds(world).await;
}
