//! Reads of test clocks.

use crate::{app::App, messages, store::test_clocks};
use payterms_chassis::AppError;
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;

/// The clock of a tenant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_test_clock(
    app: &App,
    tenant: &TenantId,
) -> Result<pb::GetTestClockResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let clock = test_clocks::find(&conn, tenant).await?.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetTestClockResponse {
        test_clock: Some(messages::test_clocks::test_clock(tenant, &clock)),
    })
}
