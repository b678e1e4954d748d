//! Charges of payments.

use super::{methods::method_name, names::customer_ref};
use crate::commands::{
    customers::CustomerRef,
    payments::{ChargeRef, payment_name},
};
use payterms_chassis::{
    AppError, Fields,
    render::{money, timestamp},
};
use payterms_kernel::Id;
use payterms_proto::wallet::{peers::v1 as peers, v1 as pb};
use payterms_wallet_domain::{Charge, ChargeState};
use tonic::Request;

/// Names a charge to read.
pub fn get_charge(request: Request<peers::GetChargeRequest>) -> Result<ChargeRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "charges"]);
    fields.finish()?;
    Ok(ChargeRef { customer: customer_ref(&name), charge: Id::from_uuid(name.id(1)) })
}

/// A charge of a customer's.
#[must_use]
pub fn charge(customer: &CustomerRef, charge: &Charge) -> pb::Charge {
    let state = match charge.state {
        ChargeState::Processing => pb::charge::State::Processing,
        ChargeState::Succeeded => pb::charge::State::Succeeded,
        ChargeState::Failed => pb::charge::State::Failed,
        ChargeState::ChargedBack => pb::charge::State::ChargedBack,
    };
    pb::Charge {
        name: format!("{}/charges/{}", customer.name(), charge.id),
        payment: payment_name(customer, charge.payment),
        payment_method: charge
            .method
            .map(|method| method_name(&customer.name(), method))
            .unwrap_or_default(),
        state: state.into(),
        amount: Some(money(charge.amount)),
        decline_code: charge.decline_code.clone(),
        provider_charge_id: charge.provider_charge_id.clone(),
        create_time: Some(timestamp(charge.created_at)),
        update_time: Some(timestamp(charge.updated_at)),
        charged_back: charge.charged_back.map(|back| money(back.amount)),
        request_id: charge.step.to_string(),
        from_invoices: charge.charged_back.map(|back| money(back.from_invoices)),
        from_surplus: charge.charged_back.map(|back| money(back.from_surplus)),
        dispute: charge
            .charged_back
            .and_then(|back| back.dispute)
            .map(|id| format!("{}/disputes/{id}", customer.name()))
            .unwrap_or_default(),
    }
}
