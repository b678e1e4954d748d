//! The tenant approves a proposal, or the customer accepts a counter-offer.

use super::{
    load::{lock_for_flow, side_of},
    switch_blocks::begin_block_switch,
};
use crate::{app::App, commands::plans::AcceptPlan, use_cases::actor};
use payterms_chassis::{Answer, AppError, Call, etag};
use prost::Message;

/// Accepts the valid offer. A flow blocks the invoices, and the answer waits for it.
///
/// # Errors
/// As [`payterms_plans_domain::Plan::accept`]; `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`; invoicing's
/// refusal of the blocks.
pub async fn accept_plan<A: Message + Default>(
    app: &App,
    call: &Call,
    command: &AcceptPlan,
) -> Result<Answer<A>, AppError> {
    let (tx, mut plan) = match lock_for_flow(app, call, &command.plan).await? {
        Ok(opened) => opened,
        Err(answer) => return Ok(answer),
    };
    etag::check(&command.etag, plan.version)?;
    plan.accept(command.verb, actor(call, side_of(command.verb)), command.total_seen, tx.now())?;
    begin_block_switch(app, call, tx, plan).await
}
