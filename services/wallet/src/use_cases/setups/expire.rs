//! Closes an unused hosted page that has expired.

use crate::{
    app::App, commands::customers::CustomerRef, messages::setups as messages, store::setups,
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    names,
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::MethodSetupChanged;

/// The job; its subject is the set-up's id.
pub const JOB: &str = "expire_setup";

/// Closes an unused hosted page that has expired.
pub async fn expire_method_setup(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("set-up {:?}", row.subject)));
    };
    let call = row.call("wallet", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let setup = setups::lock(&tx, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(mut setup) = setup
        && setup.expire(tx.now())
    {
        setups::save(&tx, &setup).await?;
        let customer = CustomerRef { tenant: row.tenant.clone(), customer: setup.customer };
        let event = MethodSetupChanged {
            method_setup: Some(messages::method_setup(&customer.name(), &setup)),
        };
        tx.emit("method_setup", &row.subject, &event).await?;
    }
    tx.commit_rows().await
}
