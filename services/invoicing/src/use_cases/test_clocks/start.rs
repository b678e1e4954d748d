//! Gives a sandbox tenant a clock of its own.

use super::advance::begin_advance;
use crate::{
    app::App,
    commands::test_clocks::StartTestClock,
    store::{tenants, test_clocks},
    use_cases::statements::turn_month::schedule_month_turn_from,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::TestClock;
use payterms_kernel::{Reason, Refusal};
use payterms_proto::invoicing::v1::StartTestClockResponse;

/// Gives a tenant a test clock: it stands at its instant in every service when this answers.
///
/// # Errors
/// `CLOCK_NOT_SANDBOX`, `CLOCK_STATE` where there is a clock.
pub async fn start_test_clock(
    app: &App,
    call: &Call,
    new: &StartTestClock,
) -> Result<Answer<StartTestClockResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let tenant = tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    if !tenant.sandbox {
        let message = "Only a sandbox tenant has a test clock. Create one with sandbox set.";
        return Err(Refusal::precondition(Reason::CLOCK_NOT_SANDBOX, message).into());
    }
    if let Some(clock) = test_clocks::lock(tx.conn(), &call.tenant).await? {
        return Err(Refusal::state(
            Reason::CLOCK_STATE,
            "The test clock",
            clock.state.name(),
            &["AdvanceTestClock"],
        )
        .into());
    }
    schedule_month_turn_from(&tx, new.now).await?;
    begin_advance(app, tx, TestClock::standing(new.now, new.seed.as_bytes().to_vec()), new.now)
        .await?;
    app.flows.answer(call, false).await
}
