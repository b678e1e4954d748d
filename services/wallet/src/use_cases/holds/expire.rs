//! Ends a hold whose time is over.

use crate::{
    app::App,
    messages,
    store::{holds, wallets},
    use_cases::{lots::expire::schedule_overdue_lots, wallets::save::save_wallet},
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    names,
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::HoldExpired;
use payterms_wallet_domain::hold;

/// The job; its subject is the hold's id.
pub const JOB: &str = "expire_hold";

/// Expires a hold.
pub async fn expire_hold(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("hold {:?}", row.subject)));
    };
    let call = row.call("wallet", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(wallet_id) = holds::wallet_of(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else {
        return Ok(());
    };
    let Some(mut locked) = wallets::lock_many(&tx, &[wallet_id]).await?.pop() else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut hold) = holds::find(tx.conn(), &row.tenant, wallet_id, Id::from_uuid(id)).await?
    else {
        return Ok(());
    };
    let now = tx.now();
    if hold::expire(&mut locked.wallet, &mut hold, tx.ids(), now)? {
        let after = messages::wallets::wallet(&row.tenant, &locked.wallet, now)?;
        let name = after.name.clone();
        schedule_overdue_lots(&tx, &locked.wallet, now).await?;
        save_wallet(&tx, &mut locked).await?;
        holds::save(&tx, wallet_id, &hold).await?;
        let event =
            HoldExpired { wallet: Some(after), hold: Some(messages::holds::hold(&name, &hold)?) };
        tx.emit("wallet", &wallet_id.to_string(), &event).await?;
    }
    tx.commit_rows().await
}
