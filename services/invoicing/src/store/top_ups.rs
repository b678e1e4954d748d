//! Column `top_up` of table `invoices`: what an invoice of a top-up by transfer sells.

use super::customers::AddressText;
use payterms_chassis::AppError;
use payterms_invoicing_domain::TopUp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct TopUpText {
    company_name: String,
    address: Option<AddressText>,
    company_id: String,
    email: String,
    contact_name: String,
    phone: String,
    taxed: bool,
    bank_details: String,
}

pub(crate) fn top_up(text: &str) -> Result<Option<TopUp>, AppError> {
    if text.is_empty() {
        return Ok(None);
    }
    let read: TopUpText = serde_json::from_str(text).map_err(|error| AppError::Fault(format!("a top-up: {error}")))?;
    let TopUpText { company_name, address, company_id, email, contact_name, phone, taxed, bank_details } = read;
    Ok(Some(TopUp { company_name, address: address.map(Into::into), company_id, email, contact_name, phone, taxed, bank_details }))
}

pub(crate) fn top_up_text(top_up: Option<&TopUp>) -> Result<String, AppError> {
    let Some(own) = top_up.cloned() else { return Ok(String::new()) };
    let TopUp { company_name, address, company_id, email, contact_name, phone, taxed, bank_details } = own;
    let text = TopUpText { company_name, address: address.map(Into::into), company_id, email, contact_name, phone, taxed, bank_details };
    serde_json::to_string(&text).map_err(|error| AppError::Fault(error.to_string()))
}
