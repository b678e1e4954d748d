//! The flow that switches a line's method in the wallet: activate, deactivate, reactivate, close.
//! What is to be done stands in the line's row, so any driver resumes where another stopped. The
//! wallet checks and moves the pointer in one transaction of its own, which alone may refuse.

use super::{
    load::lock_line,
    save::{DrawChanges, publish_line},
};
use crate::{app::App, commands::lines::SwitchLine, peers::wallet, store::lines, use_cases::actor};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill, retry,
    steps::StepOutcome,
};
use payterms_credit_domain::{Line, LineState, Verb};
use payterms_kernel::{Id, Side, id::step_id};
use payterms_proto::{
    credit::v1::ActivateLineResponse, wallet::peers::v1::switch_credit_line_request::To,
};
use prost::Message;

/// The kind of flow; its intent is the line.
pub const FLOW: &str = "credit_line";

/// Begins a verb, drives it, and answers when it is done.
///
/// # Errors
/// Those of [`Line::begin`], `RESOURCE_NOT_FOUND`, `OTHER_METHOD_REQUIRED`.
pub async fn switch_line<A: Message + Default>(
    app: &App,
    call: &Call,
    command: &SwitchLine,
) -> Result<Answer<A>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = lock_line(&tx, &command.line).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let side = if command.verb == Verb::Close { Side::Tenant } else { Side::Customer };
    line.begin(command.verb, actor(call, side), &command.explanation, tx.now())?;
    publish_line(&mut tx, &mut line, DrawChanges::default()).await?;
    let lease = app.flows.open(&tx, FLOW, line.id.uuid()).await?;
    kill::point("line.before_intent");
    tx.commit_intent(line.id.uuid()).await?;
    kill::point("line.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// What the wallet switches the method to; none: it has no method of an offer.
fn switch_for(line: &Line, verb: Verb) -> Option<To> {
    match verb {
        Verb::Deactivate => Some(To::Off),
        Verb::Close if line.state == LineState::Offered => None,
        Verb::Close => Some(To::Removed),
        _ => Some(To::On),
    }
}

/// Drives the flow to its close.
///
/// # Errors
/// No answer of the wallet; the recovery resumes.
pub async fn drive_line_switch(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = lines::find(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    drop(conn);
    let Some(line) = found else { return Ok(()) };
    let mut switched = StepOutcome::Done(());
    if let Some(to) =
        line.pending_transition.as_ref().and_then(|pending| switch_for(&line, pending.verb))
    {
        let step = step_id(lease.intent, &format!("switch/{}", line.moves));
        switched = wallet::switch_credit_line(app, &lease.tenant, step, &line, to).await?;
        kill::point("line.after_switch");
    }
    retry(|| record_line_switch(app, lease, &line, &switched)).await
}

/// Closes the flow: the verb is done, or its intent is undone and the wallet's refusal is the
/// answer.
async fn record_line_switch(
    app: &App,
    lease: &Lease,
    driven: &Line,
    switched: &StepOutcome<()>,
) -> Result<(), AppError> {
    let call = Call::internal(
        "credit",
        &lease.tenant,
        &format!("line_moved/{}", driven.moves),
        lease.intent,
        None,
    );
    let mut tx: WriteTx = app.db.begin_apart(&call).await?;
    let found = lines::lock(tx.conn(), &lease.tenant, driven.id).await?;
    flow::hold(&tx, lease).await?;
    let mut line = found.ok_or_else(|| AppError::Fault(format!("no line {}", lease.intent)))?;
    let now = tx.now();
    match switched {
        StepOutcome::Done(()) => {
            line.moved(now);
            let rendered = publish_line(&mut tx, &mut line, DrawChanges::default()).await?;
            // All verbs answer with one field of the same number: their bytes are the same.
            tx.answer_intent(lease.intent, &ActivateLineResponse { credit_line: Some(rendered) })
                .await?;
        }
        StepOutcome::Refused(status) => {
            line.not_moved(now);
            publish_line(&mut tx, &mut line, DrawChanges::default()).await?;
            tx.refuse_intent(lease.intent, status).await?;
        }
    }
    flow::close(&tx, lease).await?;
    kill::point("line.before_record");
    tx.commit_rows().await?;
    kill::point("line.after_record");
    Ok(())
}
