//! Saves and publishes revocations.

use crate::{messages, store::revocations};
use payterms_chassis::{AppError, WriteTx, render::money};
use payterms_kernel::Money;
use payterms_proto::wallet::v1::{CreditRevocationChanged, Revocation as RevocationMessage};
use payterms_wallet_domain::{Revocation, RevocationState};

/// What a revocation has led to beside the credit itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Consequences {
    /// What of restored credit paid what was owed.
    pub(super) paid_owed: Option<Money>,
    /// Whether auto-recharge has stopped because of it.
    pub(super) recharge_stopped: bool,
}

/// Saves a revocation of the wallet of that name and publishes how it stands, and what it has led
/// to.
pub(super) async fn publish_revocation(
    tx: &mut WriteTx,
    wallet: &str,
    this_revocation: &Revocation,
    consequences: Consequences,
) -> Result<RevocationMessage, AppError> {
    revocations::save(tx, this_revocation).await?;
    let rendered = messages::revocations::revocation(wallet, this_revocation);
    let decided =
        matches!(this_revocation.state, RevocationState::Revoked | RevocationState::Restored);
    let event = CreditRevocationChanged {
        revocation: Some(rendered.clone()),
        decided,
        paid_owed: consequences.paid_owed.filter(|paid| paid.is_positive()).map(money),
        recharge_stopped: consequences.recharge_stopped,
    };
    tx.emit("credit_revocation", &this_revocation.id.to_string(), &event).await?;
    Ok(rendered)
}
