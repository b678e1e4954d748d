//! The flow that switches a line's method in the wallet: activate, deactivate, reactivate, close. What is to be done
//! stands in the line's row, so any driver goes on where another stopped. The wallet checks and moves the pointer in
//! one transaction of its own, which alone may refuse.

use super::{News, actor, locked, publish};
use crate::{App, parse::LineRef, store::lines, wallet};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx, answer,
    flow::{self, Lease},
    kill,
};
use payterms_credit_domain::{Line, Verb};
use payterms_kernel::{Id, Side, id::step_id};
use payterms_proto::{credit::v1::ActivateLineResponse, wallet::v1::switch_credit_line_request::To};
use prost::Message;
use tonic::Status;

/// The kind of flow; its intent is the line.
pub const FLOW: &str = "credit_line";

/// Begins a verb, drives it, and answers when it is done.
///
/// # Errors
/// Those of [`Line::begin`], `RESOURCE_NOT_FOUND`, `OTHER_METHOD_REQUIRED`.
pub async fn run<A: Message + Default>(
    app: &App,
    call: &Call,
    named: &LineRef,
    (verb, explanation): (Verb, &str),
) -> Result<Answer<A>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = locked(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let side = if verb == Verb::Close { Side::Tenant } else { Side::Customer };
    line.begin(verb, actor(call, side), explanation, tx.now())?;
    publish(&mut tx, &mut line, News::default()).await?;
    let lease = app.flows.open(&tx, FLOW, line.id.uuid()).await?;
    kill::point("line.before_intent");
    tx.commit_intent(line.id.uuid()).await?;
    kill::point("line.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// What the wallet is told for a verb; none: it was never told of the line.
fn switch_for(line: &Line, verb: Verb) -> Option<To> {
    match verb {
        Verb::Deactivate => Some(To::Off),
        Verb::Close if line.state == payterms_credit_domain::LineState::Offered => None,
        Verb::Close => Some(To::Removed),
        _ => Some(To::On),
    }
}

/// Drives the flow to its close.
///
/// # Errors
/// Those of a wallet that does not answer; the recovery goes on.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = lines::find(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    drop(conn);
    let Some(line) = found else { return Ok(()) };
    let mut switched = Ok(());
    if let Some(to) = line.moving.as_ref().and_then(|moving| switch_for(&line, moving.verb)) {
        let step = step_id(lease.intent, &format!("switch/{}", line.moves));
        switched = wallet::switch(app, &lease.tenant, step, &line, to).await?;
        kill::point("line.after_switch");
    }
    answer::retry(|| record(app, lease, &line, &switched)).await
}

async fn record(app: &App, lease: &Lease, driven: &Line, switched: &Result<(), Status>) -> Result<(), AppError> {
    let call = Call::own("credit", &lease.tenant, &format!("line_moved/{}", driven.moves), lease.intent, None);
    let mut tx: WriteTx = app.db.begin_apart(&call).await?;
    let found = lines::lock(tx.conn(), &lease.tenant, driven.id).await?;
    flow::hold(&tx, lease).await?;
    let mut line = found.ok_or_else(|| AppError::Fault(format!("no line {}", lease.intent)))?;
    let now = tx.now();
    match switched {
        Ok(()) => {
            line.moved(now);
            let rendered = publish(&mut tx, &mut line, News::default()).await?;
            // All verbs answer with one field of the same number: their bytes are the same.
            tx.answer_intent(lease.intent, &ActivateLineResponse { credit_line: Some(rendered) }).await?;
        }
        Err(status) => {
            line.not_moved(now);
            publish(&mut tx, &mut line, News::default()).await?;
            tx.refuse_intent(lease.intent, status).await?;
        }
    }
    flow::close(&tx, lease).await?;
    kill::point("line.before_record");
    tx.commit_rows().await?;
    kill::point("line.after_record");
    Ok(())
}
