//! Makes a transfer to make: a flow over the wallet, which reserves its credit.
//!
//! What the wallet would refuse is asked before anything is stored. The intent then stands in the
//! way of whoever takes the payer's line back, before the credit is reserved: so one of both is
//! refused, and never both done.

use super::save::publish_transfer_refund;
use crate::{
    app::App,
    commands::transfer_refunds::RefundTransfer,
    peers::wallet::Wallet,
    store::{bank_imports, payments, transfer_refunds},
    use_cases::{
        approvals::limit::must_be_within_limit,
        bank_lines::{identify::account_hmac, take_back::lock_paid_line},
        payments::pending::name_payment,
    },
};
use payterms_bank_files::account_key;
use payterms_chassis::{
    Answer, AppError, Call,
    flow::{self, Lease},
    kill,
    steps::StepOutcome,
};
use payterms_invoicing_domain::{
    TransferRefund,
    approval::Together,
    transfer_refund::{
        PayeeAccount, RefundState,
        ask::{ToGoBack, may_go_back},
        line_of, no_transfer_credit, taken_back,
    },
};
use payterms_kernel::{Id, Money, Refusal};
use payterms_proto::invoicing::v1::RefundTransferResponse;

/// The kind of flow.
pub const FLOW: &str = "transfer_refund";

/// An account of which so many characters are known is told by its last four, a shorter one by its
/// last two.
const LONG_ACCOUNT: usize = 8;

/// Makes a transfer to make.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `SECOND_PERSON_REQUIRED`; those of [`TransferRefund::ask`];
/// `REFUND_TOO_LARGE` and `RECHARGE_WOULD_FOLLOW` of the wallet.
pub async fn refund_transfer(
    app: &App,
    call: &Call,
    asked: &RefundTransfer,
) -> Result<Answer<RefundTransferResponse>, AppError> {
    let tenant = &call.tenant;
    let conn = app.db.read(tenant).await?;
    let found = payments::find(&conn, tenant, asked.payment)
        .await?
        .filter(|payment| payment.customer == asked.customer);
    drop(conn);
    let payment = found.ok_or_else(Refusal::not_found)?;
    let line = line_of(&payment).ok_or_else(no_transfer_credit)?;
    if let Some(credit) = asked.credit {
        Money::zero(payment.currency).compare(credit)?;
    }
    let wallet = Wallet::new(app, tenant, payment.customer).of(&payment);
    // What it says counts only for a request that is new.
    let quoted = wallet.quote_transfer_refund(asked.from, payment.currency, asked.credit).await;
    let mut tx = app.db.begin(call).await?;
    let held = lock_paid_line(&tx, line, None).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    // The line may pay something else by now, or nothing.
    let payment = held
        .payment
        .as_ref()
        .filter(|payment| payment.id == asked.payment)
        .ok_or_else(taken_back)?;
    let secret = bank_imports::secret(tx.conn(), tenant).await?.unwrap_or_default();
    let account = payee(&secret, &asked.account.0);
    let goes = may_go_back(
        payment,
        &held.line,
        asked.from,
        &account,
        &asked.account_evidence,
        &held.refunds,
    );
    name_payment(tenant, Some((payment.customer, payment.id)), goes)?;
    let now = tx.now();
    let back = ToGoBack {
        payment,
        line: &held.line,
        from: asked.from,
        credit: quoted?,
        account,
        account_evidence: asked.account_evidence.clone(),
        asked_by: call.caller.subject.clone(),
        explanation: asked.explanation.clone(),
        earlier: &held.refunds,
    };
    let refund = TransferRefund::ask(tx.ids(), back, now)?;
    must_be_within_limit(&tx, together(&held.refunds, &refund)?).await?;
    publish_transfer_refund(&mut tx, &refund).await?;
    let lease = app.flows.open(&tx, FLOW, refund.id.uuid()).await?;
    tx.commit_intent(refund.id.uuid()).await?;
    kill::point("transfer_refund.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// An account as it is compared with payers' accounts, and told to people.
fn payee(secret: &str, entered: &str) -> PayeeAccount {
    let plain = account_key(entered);
    let shown = if plain.len() < LONG_ACCOUNT { 2 } else { 4 };
    let end = plain.get(plain.len().saturating_sub(shown)..).unwrap_or_default().to_owned();
    PayeeAccount { key: account_hmac(secret, &plain), end }
}

/// All transfers back of the payment together: many small ones are a large one.
fn together(earlier: &[TransferRefund], refund: &TransferRefund) -> Result<Together, AppError> {
    let amount = refund.amount()?;
    let mut so_far = Money::zero(amount.currency());
    for transfer_refund in earlier.iter().filter(|transfer_refund| transfer_refund.state.counts()) {
        so_far = so_far.plus(transfer_refund.amount()?)?;
    }
    Ok(Together {
        what: "all that is transferred back of one payment",
        so_far,
        amount,
        proposal: None,
    })
}

/// Drives the flow to its close.
///
/// # Errors
/// Those of a wallet that does not answer; the recovery goes on.
pub async fn drive_transfer_refund(app: &App, lease: &Lease) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let conn = app.db.read(tenant).await?;
    let found = transfer_refunds::find(&conn, tenant, Id::from_uuid(lease.intent)).await?;
    drop(conn);
    let Some(refund) = found else { return Ok(()) };
    let reserved = Wallet::new(app, tenant, refund.customer)
        .sending_back(&refund)
        .reserve_transfer_refund(&refund)
        .await?;
    kill::point("transfer_refund.after_reserve");
    let call = Call::internal("invoicing", tenant, "transfer_refund_reserved", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let found = transfer_refunds::lock(tx.conn(), tenant, refund.id).await?;
    let mut refund =
        found.ok_or_else(|| AppError::Fault(format!("no transfer back {}", lease.intent)))?;
    flow::hold(&tx, lease).await?;
    let now = tx.now();
    if refund.state == RefundState::Reserving {
        refund.reserved(reserved.refused_for(), now)?;
    }
    let rendered = publish_transfer_refund(&mut tx, &refund).await?;
    match &reserved {
        StepOutcome::Done(()) => {
            tx.answer_intent(
                lease.intent,
                &RefundTransferResponse { transfer_refund: Some(rendered) },
            )
            .await?;
        }
        StepOutcome::Refused(status) => tx.refuse_intent(lease.intent, status).await?,
    }
    flow::close(&tx, lease).await?;
    kill::point("transfer_refund.before_pending");
    tx.commit_rows().await?;
    kill::point("transfer_refund.after_pending");
    Ok(())
}
