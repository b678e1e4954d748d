//! What invoicing does with the events of other services.

use crate::use_cases::{create_payment, issue_receipt};
use futures::future::BoxFuture;
use payterms_chassis::{AppError, WriteTx, inbox::Consumers};
use payterms_proto::{
    common::v1::Event,
    wallet::v1::{ChargeChanged, TopUpChanged, charge::State, top_up},
};
use prost::Message;

/// All consumers.
#[must_use]
pub fn all() -> Consumers {
    Consumers::default().with::<ChargeChanged>(charge_changed).with::<TopUpChanged>(top_up_changed)
}

fn charge_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let charge = ChargeChanged::decode(event.data.clone())?.charge.unwrap_or_default();
        match charge.state() {
            State::Succeeded | State::Failed => create_payment::charge_ended(tx, &charge.payment).await,
            State::Processing | State::Unspecified => Ok(()),
        }
    })
}

fn top_up_changed<'a>(tx: &'a mut WriteTx, event: &'a Event) -> BoxFuture<'a, Result<(), AppError>> {
    Box::pin(async move {
        let top_up = TopUpChanged::decode(event.data.clone())?.top_up.unwrap_or_default();
        if top_up.state() == top_up::State::Succeeded {
            issue_receipt::run(tx, &top_up).await?;
        }
        Ok(())
    })
}
