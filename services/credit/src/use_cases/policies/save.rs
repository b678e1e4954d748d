//! What every verb of a policy ends with: its row and its event.

use crate::{messages::policies::render_policy, store::policies};
use payterms_chassis::{AppError, WriteTx};
use payterms_credit_domain::Policy;
use payterms_proto::credit::v1::{Policy as PolicyMessage, PolicyChanged};

/// Saves a policy and emits how it stands.
pub(super) async fn save_policy(
    tx: &mut WriteTx,
    policy: &Policy,
) -> Result<PolicyMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    policies::save(tx.conn(), &tenant, policy).await?;
    let rendered = render_policy(&tenant, policy);
    tx.emit("policy", &policy.id.to_string(), &PolicyChanged { policy: Some(rendered.clone()) })
        .await?;
    Ok(rendered)
}
