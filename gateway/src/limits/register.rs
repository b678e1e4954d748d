//! Asks invoicing, which has the register of tenants, for the rates of those tenants that call. No
//! call waits for it: a tenant's first calls count against the configured rates.

use super::{Limits, rates::TenantRates};
use payterms_chassis::{AppError, access::PEER, call::Caller, peers::Peers};
use payterms_proto::invoicing::{
    peers::v1::{GetCallLimitsRequest, call_limit_service_client::CallLimitServiceClient},
    v1::CallLimits,
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often the register is asked.
const EVERY: Duration = Duration::from_secs(10);
/// The least time between two questions: when a tenant calls for the first time it is asked sooner.
const SOONEST: Duration = Duration::from_secs(1);
/// How long an answer may take.
const BUDGET: Duration = Duration::from_secs(5);
/// Tenants of one question.
const MOST: usize = 500;

/// Asks again and again. While invoicing does not answer, what it said last holds.
pub(super) async fn follow(limits: Arc<Limits>, peers: Peers, stop: CancellationToken) {
    loop {
        let tenants = limits.tenants_that_call();
        limits.shared.rates.keep(&tenants);
        for some in tenants.chunks(MOST) {
            match ask(&peers, some).await {
                Ok(found) => limits.shared.rates.register(some, &found),
                Err(error) => tracing::debug!(%error, "the limits of tenants are not known anew"),
            }
        }
        let next = async {
            tokio::join!(sleep(SOONEST), async {
                tokio::select! {
                    () = limits.a_tenant_came.notified() => {}
                    () = sleep(EVERY) => {}
                }
            })
        };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = next => {}
        }
    }
}

async fn ask(peers: &Peers, tenants: &[String]) -> Result<HashMap<String, TenantRates>, AppError> {
    let caller = Caller {
        subject: "service:gateway".to_owned(),
        roles: vec![PEER.to_owned()],
        tenant: None,
        customer: None,
        run_id: None,
    };
    let request = peers.request(
        "invoicing",
        &caller,
        GetCallLimitsRequest { tenants: tenants.to_vec() },
        BUDGET,
    )?;
    let answer = CallLimitServiceClient::new(peers.channel("invoicing")?)
        .get_call_limits(request)
        .await?
        .into_inner();
    let limited = answer
        .limited_tenants
        .into_iter()
        .map(|limited| (limited.tenant, tenant_rates(limited.call_limits.unwrap_or_default())));
    Ok(limited.collect())
}

fn tenant_rates(limits: CallLimits) -> TenantRates {
    let rate = |rate: i32| u32::try_from(rate).ok().filter(|rate| *rate > 0);
    TenantRates {
        caller: rate(limits.caller_calls_per_second),
        customer: rate(limits.customer_calls_per_second),
        tenant: rate(limits.tenant_calls_per_second),
    }
}
