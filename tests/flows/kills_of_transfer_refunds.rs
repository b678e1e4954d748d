//! Whoever dies while credit is on its way back to its payer: it is reserved, sent or freed once.

use crate::{
    bank::{import, paid},
    invariants,
    mails::mails,
    rig::{self, Rig, Services, retry, until},
    transfer_refunds::{PAYER, ask, on_account, read_refund, sent_on, statement},
    transfer_refunds_returned::came_back as returned_file,
    transfers::{raise, request, sell, set, with_bank},
    wallets::debit,
};
use futures::{FutureExt, StreamExt};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        CancelRefundRequest, ConfirmRefundAccountRequest, ImportBankStatementRequest,
        ListTransferRefundsRequest, MailKind, Payment, RefundTransferRequest, TransferRefund,
        transfer_refund::{Credit, State},
    },
    wallet::v1::{GetWalletRequest, Minimum, WalletSettings, payment_method::Kind},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::reason;

/// Every point that a refund passes until it is to be made.
const TO_MAKE: [&str; 6] = [
    "transfer_refund.after_intent",
    "commit.before /payterms.wallet.peers.v1.SettlementService/ReserveTransferRefund",
    "commit.after /payterms.wallet.peers.v1.SettlementService/ReserveTransferRefund",
    "transfer_refund.after_reserve",
    "transfer_refund.before_pending",
    "transfer_refund.after_pending",
];
/// Every point that one passes until it was made.
const MADE: [&str; 5] = [
    "transfer_refund.after_end_intent",
    "transfer_refund.before_book",
    "transfer_refund.after_book",
    "transfer_refund.before_end",
    "transfer_refund.after_end",
];
/// Every point that one passes until it was given up.
const GIVEN_UP: [&str; 5] = [
    "transfer_refund.after_end_intent",
    "commit.before /payterms.wallet.peers.v1.SettlementService/ReleaseTransferRefund",
    "commit.after /payterms.wallet.peers.v1.SettlementService/ReleaseTransferRefund",
    "transfer_refund.before_end",
    "transfer_refund.after_end",
];
/// Those of them around the record, which has a credit note where the credit was bought.
const NOTED: [&str; 3] =
    ["transfer_refund.after_book", "transfer_refund.before_end", "transfer_refund.after_end"];

/// What a person does about an account that the bank did not name.
const CONFIRMED: [&str; 2] = [
    "commit.before /payterms.invoicing.v1.TransferRefundService/ConfirmRefundAccount",
    "commit.after /payterms.invoicing.v1.TransferRefundService/ConfirmRefundAccount",
];
/// What a transfer back passes that comes back in a bank's file.
const CAME_BACK: [&str; 4] = [
    "commit.before /payterms.invoicing.v1.BankService/ImportBankStatement",
    "commit.after /payterms.invoicing.v1.BankService/ImportBankStatement",
    "bank_line.before_payment",
    "bank_line.after_payment",
];

/// Scenarios at once: most of their time they wait for a suite to start.
const AT_ONCE: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_back_is_made_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_back_is_made_once_whoever_dies_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    let reserved = TO_MAKE.map(|point| reserved(point, on_postgres).boxed_local());
    let sent_back = MADE.map(|point| sent(point, Credit::Surplus, on_postgres).boxed_local());
    let noted = NOTED.map(|point| sent(point, Credit::TopUp, on_postgres).boxed_local());
    let freed = GIVEN_UP.map(|point| freed(point, on_postgres).boxed_local());
    let confirmed = CONFIRMED.map(|point| confirmed(point, on_postgres).boxed_local());
    let came_back = CAME_BACK.map(|point| came_back(point, on_postgres).boxed_local());
    let scenarios = reserved
        .into_iter()
        .chain(sent_back)
        .chain(noted)
        .chain(freed)
        .chain(confirmed)
        .chain(came_back);
    futures::stream::iter(scenarios).for_each_concurrent(AT_ONCE, |scenario| scenario).await;
}

/// A customer with 80.00 on account, or with 100.00 that were bought, of which none is spent.
struct Stage {
    rig: Rig,
    owner: Session,
    customer: Session,
    wallet: String,
    payment: Payment,
}

async fn stage(from: Credit, on_postgres: bool) -> Option<Stage> {
    stage_of(PAYER, from, on_postgres).await
}

/// Of money that came from an account, or from none that the bank names.
async fn stage_of(account: &str, from: Credit, on_postgres: bool) -> Option<Stage> {
    let rig = rig::start(on_postgres).await?;
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let payment = if from == Credit::TopUp {
        set(&owner, with_bank(), &["business"]).await;
        let minimums =
            vec![Minimum { kind: Kind::BankTransfer.into(), amount: amount("USD", 100, 0) }];
        sell(&owner, WalletSettings { minimums, ..WalletSettings::default() }, &["minimums"]).await;
        let order = raise(&owner, request(&people.customer, amount("USD", 100, 0))).await.unwrap();
        let imported = import(&owner, statement("K", &[("100.00", "USD", &order.number, PAYER)]))
            .await
            .unwrap();
        paid(&owner, &imported.bank_lines[0].name).await.1
    } else {
        on_account(&owner, &people.customer, "K", "80.00", account).await
    };
    Some(Stage { rig, owner, customer: people.admin, wallet: people.wallet, payment })
}

impl Stage {
    /// What is posted and what is available.
    async fn balance(&self) -> (Option<Money>, Option<Money>) {
        let read = self
            .customer
            .wallets()
            .get_wallet(GetWalletRequest { name: self.wallet.clone() })
            .await
            .unwrap()
            .into_inner();
        let balance = read.wallet.unwrap().balance.unwrap();
        (balance.posted, balance.available)
    }

    async fn pending(&self, from: Credit) -> TransferRefund {
        let request = ask(&self.payment, from, amount("USD", 30, 0));
        self.owner
            .transfer_refunds()
            .refund_transfer(request)
            .await
            .unwrap()
            .into_inner()
            .transfer_refund
            .unwrap()
    }

    async fn ends(&self, refund: &TransferRefund, state: State, balance: (i64, i64), point: &str) {
        until(
            async || read_refund(&self.owner, &refund.name).await,
            |transfer_refund| transfer_refund.state() == state,
        )
        .await;
        assert_eq!(
            self.balance().await,
            (amount("USD", balance.0, 0), amount("USD", balance.1, 0)),
            "{point}"
        );
        invariants::hold_in(self.rig.data(), self.rig.postgres.as_deref()).await;
        invariants::books_agree_in(self.rig.data(), self.rig.postgres.as_deref()).await;
    }
}

async fn reserved(point: &'static str, on_postgres: bool) {
    let Some(mut stage) = stage(Credit::Surplus, on_postgres).await else { return };
    let request = ask(&stage.payment, Credit::Surplus, amount("USD", 30, 0));
    let (caller, asked) = (stage.owner.clone(), request.clone());
    stage
        .rig
        .die_at(point, async move { caller.transfer_refunds().refund_transfer(asked).await })
        .await;
    let again = async || {
        stage
            .owner
            .transfer_refunds()
            .refund_transfer(request.clone())
            .await
            .map(tonic::Response::into_inner)
    };
    let refund = retry(again).await.transfer_refund.unwrap();
    assert_eq!(
        retry(again).await.transfer_refund,
        Some(refund.clone()),
        "{point}: one transfer to make"
    );
    stage.ends(&refund, State::Pending, (80, 50), point).await;
}

async fn sent(point: &'static str, from: Credit, on_postgres: bool) {
    let Some(mut stage) = stage(from, on_postgres).await else { return };
    let refund = stage.pending(from).await;
    let request = sent_on(&refund.name, None);
    let (caller, asked) = (stage.owner.clone(), request.clone());
    stage
        .rig
        .die_at(point, async move { caller.transfer_refunds().mark_refund_sent(asked).await })
        .await;
    let again = async || {
        stage
            .owner
            .transfer_refunds()
            .mark_refund_sent(request.clone())
            .await
            .map(tonic::Response::into_inner)
    };
    let answer = retry(again).await.transfer_refund.unwrap();
    assert_eq!(
        (answer.state(), retry(again).await.transfer_refund),
        (State::Sent, Some(answer.clone())),
        "{point}"
    );
    let left = if from == Credit::TopUp { 70 } else { 50 };
    stage.ends(&refund, State::Sent, (left, left), point).await;
    let notes = mails(&stage.owner, MailKind::CreditNoteIssued).await.len();
    assert_eq!(
        (notes, answer.credit_note.is_empty()),
        (0, from != Credit::TopUp),
        "{point}: the note goes with the one mail"
    );
    let these_mails = mails(&stage.owner, MailKind::TransferRefunded).await;
    assert_eq!(
        (these_mails.len(), these_mails[0].attachments.len()),
        (1, usize::from(from == Credit::TopUp)),
        "{point}: told once"
    );
}

async fn freed(point: &'static str, on_postgres: bool) {
    let Some(mut stage) = stage(Credit::Surplus, on_postgres).await else { return };
    let refund = stage.pending(Credit::Surplus).await;
    let request = CancelRefundRequest { request_id: request_id(), name: refund.name.clone() };
    let (caller, asked) = (stage.owner.clone(), request.clone());
    stage
        .rig
        .die_at(point, async move { caller.transfer_refunds().cancel_refund(asked).await })
        .await;
    let again = async || {
        stage
            .owner
            .transfer_refunds()
            .cancel_refund(request.clone())
            .await
            .map(tonic::Response::into_inner)
    };
    let answer = retry(again).await.transfer_refund.unwrap();
    assert_eq!(answer.state(), State::Cancelled, "{point}");
    stage.ends(&refund, State::Cancelled, (80, 80), point).await;
}

/// A second person confirms the account, once.
async fn confirmed(point: &'static str, on_postgres: bool) {
    let Some(mut stage) = stage_of("", Credit::Surplus, on_postgres).await else { return };
    let evidence = "Letter of Barclays of 5 January, seen by Ann".to_owned();
    let request = RefundTransferRequest {
        account_evidence: evidence,
        ..ask(&stage.payment, Credit::Surplus, amount("USD", 30, 0))
    };
    let refund = stage
        .owner
        .transfer_refunds()
        .refund_transfer(request)
        .await
        .unwrap()
        .into_inner()
        .transfer_refund
        .unwrap();
    let request = ConfirmRefundAccountRequest {
        request_id: request_id(),
        name: refund.name.clone(),
        ..Default::default()
    };
    let admin = stage.rig.someone("ADMIN", None);
    let (caller, asked) = (admin.clone(), request.clone());
    stage
        .rig
        .die_at(point, async move { caller.transfer_refunds().confirm_refund_account(asked).await })
        .await;
    let again = async || {
        admin
            .transfer_refunds()
            .confirm_refund_account(request.clone())
            .await
            .map(tonic::Response::into_inner)
    };
    let answer = retry(again).await;
    assert_eq!(
        (answer.transfer_refund.as_ref().unwrap().state(), retry(again).await),
        (State::Pending, answer.clone()),
        "{point}"
    );
    stage.ends(&refund, State::Pending, (80, 50), point).await;
}

/// The bank sends it back: its money is credit again, once, and the customer is told once.
async fn came_back(point: &'static str, on_postgres: bool) {
    let Some(mut stage) = stage(Credit::Surplus, on_postgres).await else { return };
    let refund = stage.pending(Credit::Surplus).await;
    stage.owner.transfer_refunds().mark_refund_sent(sent_on(&refund.name, None)).await.unwrap();
    let request = ImportBankStatementRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        content: returned_file("L", "30.00", &refund.reference).into(),
        ..Default::default()
    };
    let (caller, asked) = (stage.owner.clone(), request.clone());
    stage.rig.die_at(point, async move { caller.bank().import_bank_statement(asked).await }).await;
    let again = async || {
        stage
            .owner
            .bank()
            .import_bank_statement(request.clone())
            .await
            .map(tonic::Response::into_inner)
    };
    let answer = retry(again).await;
    assert_eq!((answer.bank_lines.len(), retry(again).await), (1, answer.clone()), "{point}");
    let credit = async || Ok(stage.balance().await);
    until(credit, |pair| pair.0 == amount("USD", 80, 0)).await;
    stage.ends(&refund, State::Returned, (80, 80), point).await;
    let told = async || Ok(mails(&stage.owner, MailKind::TransferRefundReturned).await);
    assert_eq!(until(told, |found| !found.is_empty()).await.len(), 1, "{point}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_that_is_spent_meanwhile_is_refused_on_sqlite() {
    spent_meanwhile(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_that_is_spent_meanwhile_is_refused_on_postgres() {
    spent_meanwhile(true).await;
}

/// The credit is spent between the question and the reservation: the refund ends REFUSED, and
/// nothing is reserved.
async fn spent_meanwhile(on_postgres: bool) {
    let Some(Stage { rig, payment, wallet, .. }) = stage(Credit::Surplus, on_postgres).await else {
        return;
    };
    let customer = payment.name.split("/payments/").next().unwrap().to_owned();
    let mut services = Services::of(rig).await;
    let (owner, service) =
        (services.rig().someone("OWNER", None), services.rig().someone("SERVICE", None));
    let request = ask(&payment, Credit::Surplus, amount("USD", 30, 0));
    let (caller, asked) = (owner.clone(), request.clone());
    let act = async move { caller.transfer_refunds().refund_transfer(asked).await };
    let spend = async {
        service.postings().post_debit(debit(&wallet, amount("USD", 60, 0))).await.unwrap()
    };
    services.die_and_meanwhile("invoicing", "transfer_refund.after_intent", act, spend).await;
    let list = ListTransferRefundsRequest {
        parent: customer,
        filter: "state = REFUSED".into(),
        ..Default::default()
    };
    let refused = async || {
        owner
            .transfer_refunds()
            .list_transfer_refunds(list.clone())
            .await
            .map(|answer| answer.into_inner().transfer_refunds)
    };
    let refused = until(refused, |found| found.len() == 1).await.remove(0);
    assert_eq!(refused.refusal_reason, "REFUND_TOO_LARGE");
    // What is asked again is decided again.
    let again = owner.transfer_refunds().refund_transfer(request).await.unwrap_err();
    assert_eq!(reason(&again), "REFUND_TOO_LARGE");
    let less = ask(&payment, Credit::Surplus, None);
    let made = owner
        .transfer_refunds()
        .refund_transfer(less)
        .await
        .unwrap()
        .into_inner()
        .transfer_refund
        .unwrap();
    assert_eq!((made.state(), made.amount), (State::Pending, amount("USD", 20, 0)));
    invariants::hold_in(services.rig().data(), services.rig().postgres.as_deref()).await;
    invariants::books_agree_in(services.rig().data(), services.rig().postgres.as_deref()).await;
}
