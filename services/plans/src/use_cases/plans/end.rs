//! A person ends a plan: refuses, withdraws or cancels it.

use super::{
    load::{lock_for_flow, side_of},
    switch_blocks::begin_block_switch,
};
use crate::{app::App, commands::plans::EndPlan, use_cases::actor};
use payterms_chassis::{Answer, AppError, Call};
use prost::Message;

/// Ends a plan. A flow lifts its blocks, and the answer waits for it.
///
/// # Errors
/// As [`payterms_plans_domain::Plan::end`]; `RESOURCE_NOT_FOUND`.
pub async fn end_plan<A: Message + Default>(
    app: &App,
    call: &Call,
    command: &EndPlan,
) -> Result<Answer<A>, AppError> {
    let (tx, mut plan) = match lock_for_flow(app, call, &command.plan).await? {
        Ok(opened) => opened,
        Err(answer) => return Ok(answer),
    };
    plan.end(command.verb, actor(call, side_of(command.verb)), &command.explanation, tx.now())?;
    begin_block_switch(app, call, tx, plan).await
}
