//! Test clocks: requests → commands, and clocks → messages.

use crate::commands::test_clocks::StartTestClock;
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, Call, Fields, render::timestamp};
use payterms_invoicing_domain::{ClockState, TestClock};
use payterms_kernel::{Reason, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Gives a tenant a test clock.
pub fn start_test_clock(
    request: Request<pb::StartTestClockRequest>,
) -> Result<(Call, StartTestClock), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let now = fields.instant("now", message.now.as_ref());
    if now < DateTime::UNIX_EPOCH || now.timestamp() >= 253_370_764_800 {
        fields.wrong("now", Reason::TIME_OUT_OF_RANGE, "Use an instant of the years 1970 to 9998.");
    }
    let seed = fields.text("seed", &message.seed, 0, 100);
    Ok((fields.write(&message.request_id, tenant)?, StartTestClock { now, seed }))
}

/// Advances a test clock.
pub fn advance_test_clock(
    request: Request<pb::AdvanceTestClockRequest>,
) -> Result<(Call, DateTime<Utc>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], "testClock").tenant;
    let target = fields.instant("target_time", message.target_time.as_ref());
    Ok((fields.write(&message.request_id, tenant)?, target))
}

/// Names a test clock to read.
pub fn get_test_clock(request: Request<pb::GetTestClockRequest>) -> Result<TenantId, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.singleton("name", &message.name, &[], "testClock").tenant;
    fields.finish()?;
    Ok(tenant)
}

/// A test clock.
#[must_use]
pub fn test_clock(tenant: &TenantId, clock: &TestClock) -> pb::TestClock {
    let state = match clock.state {
        ClockState::Ready => pb::test_clock::State::Ready,
        ClockState::Advancing => pb::test_clock::State::Advancing,
        ClockState::Stuck => pb::test_clock::State::Stuck,
    };
    pb::TestClock {
        name: format!("tenants/{tenant}/testClock"),
        now: Some(timestamp(clock.now)),
        target_time: Some(timestamp(clock.target)),
        state: state.into(),
        stuck_rows: clock.stuck_rows.clone(),
    }
}
