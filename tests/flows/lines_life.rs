//! What becomes of deferred invoices: notes, refunds, chargebacks, write-offs, plans; and what the
//! customer is told.

use crate::{
    chargebacks::{charges, take_back},
    clocks::advance,
    collections::{DAY, START},
    disputes::{disputed, until_invoice},
    invariants,
    invariants_of_credit::credit_agrees,
    invoices::read,
    lines::{Credit, activate, active, offered, usd},
    mails::{mails_of, text},
    payments::by,
    plans::{allow, deferral, proposal, propose},
    reversals::metadata,
    rig::until,
};
use payterms_proto::{
    credit::v1::{
        ChangeLimitRequest, Programme, SuspendLineRequest, UpdateProgrammeRequest,
        credit_line::State,
    },
    gateway::v1::GetAccountOverviewRequest,
    invoicing::v1::{
        CreateCreditNoteRequest, Invoice, InvoiceToPay, MailKind, QuotePaymentRequest, Refund,
        VoidInvoiceRequest, WriteOffInvoiceRequest, invoice, refund_part::Destination,
    },
    plans::v1::{PlanSettings, WithdrawPlanRequest},
    wallet::v1::{GetBalanceRequest, ListWalletsRequest, LoseDisputeRequest, dispute},
};
use payterms_suite::client::request_id;
use payterms_testkit::{World, on_both, reason};
use std::collections::HashMap;

on_both!(
    a_credit_note_frees_the_limit_and_line_money_never_becomes_cash,
    a_chargeback_is_owed_again,
    void_and_write_off_free_the_limit,
    plans_and_lines_keep_out_of_each_other,
    the_customer_is_told,
);

impl Credit {
    pub(crate) async fn deferred(&self, units: i64) -> Invoice {
        let invoice = Box::pin(self.invoice(units)).await;
        Box::pin(self.pay(&[&invoice], vec![by("", None)])).await.unwrap();
        read(&self.owner, &invoice.name).await.unwrap()
    }

    pub(crate) async fn note(&self, invoice: &Invoice, units: i64) -> Option<Refund> {
        let request = CreateCreditNoteRequest {
            request_id: request_id(),
            parent: invoice.name.clone(),
            amount: usd(units),
            explanation: "Goodwill".into(),
        };
        self.owner.invoices().create_credit_note(request).await.unwrap().into_inner().refund
    }

    /// The limit of the line, by its programme's words.
    async fn change(&self, programme: Programme, path: &str) {
        let programme = Programme { name: self.line.programme.clone(), ..programme };
        let update_mask = Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
        let request = UpdateProgrammeRequest {
            request_id: request_id(),
            programme: Some(programme),
            update_mask,
            ..Default::default()
        };
        self.owner.programmes().update_programme(request).await.unwrap();
    }
}

async fn a_credit_note_frees_the_limit_and_line_money_never_becomes_cash(world: &World) {
    let credit = active(world, 1_000).await;
    let visa = credit.card().await;
    let invoice = credit.invoice(100).await;
    credit.pay(&[&invoice], vec![by(&visa, usd(40)), by("", None)]).await.unwrap();
    credit.owes(60).await;
    assert_eq!(
        credit.note(&invoice, 25).await,
        None,
        "it lowers what is open first: that is the line's part"
    );
    credit.owes(35).await;
    credit.pay(&[&invoice], vec![by(&visa, None)]).await.unwrap();
    credit.owes(0).await;
    assert_eq!(read(&credit.owner, &invoice.name).await.unwrap().state(), invoice::State::Paid);
    // 35 had repaid the line: they become credit. The 40 before it go back to the card.
    let parts = credit.note(&invoice, 50).await.unwrap().parts;
    let pairs: Vec<_> = parts
        .iter()
        .map(|refund_part| (refund_part.amount.clone(), refund_part.destination()))
        .collect();
    assert_eq!(pairs, [(usd(35), Destination::Credit), (usd(15), Destination::Card)]);
    let list = ListWalletsRequest { parent: credit.customer.clone(), ..Default::default() };
    let wallet = credit
        .admin
        .wallets()
        .list_wallets(list)
        .await
        .unwrap()
        .into_inner()
        .wallets
        .remove(0)
        .name;
    let balance = credit
        .admin
        .wallets()
        .get_balance(GetBalanceRequest { name: wallet, as_of: None })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(balance.balance.unwrap().posted, usd(35));
    assert_eq!(credit.read().await.exposure, usd(0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    credit_agrees(world).await;
}

async fn a_chargeback_is_owed_again(world: &World) {
    let credit = active(world, 1_000).await;
    let invoice = credit.deferred(300).await;
    credit.owes(300).await;
    credit.pay(&[&invoice], vec![by(&credit.card().await, None)]).await.unwrap();
    credit.owes(0).await;
    take_back(&world.suite.simulator, &charges(&world.suite.simulator).await[0]).await;
    credit.owes(300).await;
    assert_eq!(read(&credit.owner, &invoice.name).await.unwrap().state(), invoice::State::Open);
    // While the dispute is open nothing follows; once it is lost and nobody pays, the line is
    // suspended as past due.
    advance(world, START + 60 * DAY).await;
    assert_eq!(credit.read().await.state(), State::Active);
    let name = disputed(&credit.owner, dispute::State::Open).await.name;
    let lose = LoseDisputeRequest {
        request_id: request_id(),
        name,
        explanation: "We sent no proof in time.".into(),
        ..Default::default()
    };
    credit.owner.disputes().lose_dispute(lose).await.unwrap();
    disputed(&credit.owner, dispute::State::Lost).await;
    until_invoice(&credit.owner, &invoice, |invoice| invoice.block.is_none()).await;
    advance(world, START + 70 * DAY).await;
    assert_eq!(credit.read().await.state(), State::Suspended);
    credit_agrees(world).await;
}

async fn void_and_write_off_free_the_limit(world: &World) {
    let credit = active(world, 1_000).await;
    let (one, two) = (credit.deferred(100).await, credit.deferred(200).await);
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: one.name.clone(),
        explanation: "Wrong".into(),
        ..Default::default()
    };
    credit.owner.invoices().void_invoice(void).await.unwrap();
    credit.owes(200).await;
    let off = WriteOffInvoiceRequest {
        request_id: request_id(),
        name: two.name.clone(),
        ..Default::default()
    };
    credit.owner.invoices().write_off_invoice(off).await.unwrap();
    credit.owes(0).await;
    advance(world, START + 60 * DAY).await;
    assert_eq!(credit.read().await.state(), State::Suspended, "what was given up was not paid");
    credit.pay(&[&two], vec![by(&credit.card().await, None)]).await.unwrap();
    until(async || Ok(credit.read().await), |line| line.state() == State::Active).await;
    invariants::hold(world).await;
    credit_agrees(world).await;
}

async fn plans_and_lines_keep_out_of_each_other(world: &World) {
    let credit = active(world, 1_000).await;
    allow(
        &credit.owner,
        PlanSettings { max_duration_days: 300, ..PlanSettings::default() },
        &["max_duration_days"],
    )
    .await;
    let (deferred, plain, other) =
        (credit.deferred(100).await, credit.invoice(50).await, credit.invoice(20).await);
    let later = || deferral(2026, 1, 20);
    let refused = propose(&credit.admin, proposal(&credit.customer, &[&deferred], later()))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "INVOICE_DEFERRED", "the programme allows no plans");
    // While an invoice is in a plan the line gives no new draws.
    let plan =
        propose(&credit.admin, proposal(&credit.customer, &[&plain], later())).await.unwrap();
    let quote = || QuotePaymentRequest {
        parent: credit.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: other.name.clone(), amount: None }],
        tenders: vec![by("", None)],
        currency_code: String::new(),
    };
    // By event: credit hears of the block a moment later.
    let barred = async || {
        Ok(credit.admin.payments().quote_payment(quote()).await.err().map(|status| reason(&status)))
    };
    until(barred, |why| why.as_deref() == Some("INVOICE_IN_PLAN")).await;
    let barred = credit.pay(&[&other], vec![by("", None)]).await.unwrap_err();
    let named = HashMap::from([
        ("invoice".to_owned(), plain.name.clone()),
        ("plan".to_owned(), plan.name.clone()),
    ]);
    assert_eq!((reason(&barred).as_str(), metadata(&barred)), ("INVOICE_IN_PLAN", named));
    let blocked = credit.pay(&[&plain], vec![by("", None)]).await.unwrap_err();
    assert_eq!(reason(&blocked), "INVOICE_BLOCKED");
    credit
        .change(
            Programme { draws_during_plans: true, ..Programme::default() },
            "draws_during_plans",
        )
        .await;
    credit.pay(&[&other], vec![by("", None)]).await.unwrap();
    let back = WithdrawPlanRequest { request_id: request_id(), name: plan.name };
    credit.admin.plans().withdraw_plan(back).await.unwrap();
    // What is deferred from now on may be paid in a plan.
    credit.change(Programme { plans_allowed: true, ..Programme::default() }, "plans_allowed").await;
    let new = credit.deferred(70).await;
    propose(&credit.admin, proposal(&credit.customer, &[&new], deferral(2026, 3, 20)))
        .await
        .unwrap();
    // Blocked, nothing new follows from its due date.
    advance(world, START + 12 * DAY).await;
    assert_eq!(credit.read().await.state(), State::Active);
    credit_agrees(world).await;
}

async fn the_customer_is_told(world: &World) {
    let credit = offered(world, 1_000, Programme::default()).await;
    let mail = mails_of(&credit.owner, MailKind::LineOffered, 1).await.remove(0);
    let this_text = text(&credit.owner, &mail).await;
    assert!(
        this_text.contains("1,000.00") && !this_text.contains("Known for years"),
        "{this_text}"
    );
    activate(&credit.admin, &credit.line.name).await.unwrap();
    let (name, reasons) =
        (credit.line.name.clone(), vec!["Less turnover.".to_owned(), "Paid late.".to_owned()]);
    let cut = ChangeLimitRequest {
        request_id: request_id(),
        name: name.clone(),
        limit: usd(500),
        reasons,
        etag: String::new(),
        ..Default::default()
    };
    credit.owner.lines().change_limit(cut).await.unwrap();
    let this_text =
        text(&credit.owner, &mails_of(&credit.owner, MailKind::LimitCut, 1).await.remove(0)).await;
    assert!(
        this_text.contains("500.00") && this_text.contains("- Less turnover.\n- Paid late."),
        "{this_text}"
    );
    let suspend = SuspendLineRequest {
        request_id: request_id(),
        name,
        explanation: "We talk first.".into(),
        ..Default::default()
    };
    credit.owner.lines().suspend_line(suspend).await.unwrap();
    let this_text =
        text(&credit.owner, &mails_of(&credit.owner, MailKind::LineSuspended, 1).await.remove(0))
            .await;
    assert!(this_text.contains("We talk first."), "{this_text}");
    let overview = GetAccountOverviewRequest { name: credit.customer.clone() };
    let overview = credit
        .admin
        .accounts()
        .get_account_overview(overview)
        .await
        .unwrap()
        .into_inner()
        .account_overview
        .unwrap();
    assert_eq!(
        (overview.credit_lines.len(), overview.credit_lines[0].limit.clone()),
        (1, usd(500))
    );
}
