//! Saves and publishes disputes.

use crate::{
    messages::disputes::{self as messages, Around},
    store::{disputes, methods, recharges, wallets::Locked},
    use_cases::{recharges::save::schedule_recharges, wallets::save::save_wallet},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::Money;
use payterms_proto::wallet::v1::{Dispute as DisputeMessage, TopUp};
use payterms_wallet_domain::{Dispute, Methods, Wallet};

/// What else an event of a dispute says.
pub struct Change<'a> {
    /// The disputed top-up, after the change.
    pub top_up: Option<TopUp>,
    /// The customer's methods, after the change.
    pub methods: &'a Methods,
    /// What of the credit that it has just given back paid what was owed.
    pub paid_owed: Option<Money>,
}

/// Saves a dispute with its wallet, and publishes it.
pub(super) async fn publish_change(
    tx: &mut WriteTx,
    locked: &mut Locked,
    dispute: &Dispute,
    change: Change<'_>,
) -> Result<DisputeMessage, AppError> {
    save_wallet(tx, locked).await?;
    let message = publish_dispute(tx, &locked.wallet, dispute, change).await?;
    schedule_recharges(tx, [&locked.wallet]).await?;
    Ok(message)
}

/// Saves a dispute alone, and publishes it.
pub async fn publish_dispute(
    tx: &mut WriteTx,
    wallet: &Wallet,
    dispute: &Dispute,
    Change { top_up, methods: saved, paid_owed }: Change<'_>,
) -> Result<DisputeMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    disputes::save(tx, dispute).await?;
    let charged = match dispute.method {
        Some(method) => methods::get(tx.conn(), &tenant, method).await?,
        None => None,
    };
    let rules = recharges::find(tx.conn(), &tenant, wallet.id).await?;
    let around = Around {
        top_up,
        charged: charged.as_ref(),
        methods: saved,
        owed: Some(wallet.owed),
        paid_owed,
        paused_until: rules.pause_after(tx.now()),
    };
    let event = messages::dispute_changed(&tenant, dispute, around);
    tx.emit("dispute", &dispute.id.to_string(), &event).await?;
    Ok(event.dispute.unwrap_or_default())
}
