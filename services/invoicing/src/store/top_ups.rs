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
    /// Where transfers go, in rows from before the seller of an invoice had it.
    #[serde(default, skip_serializing)]
    bank_details: String,
}

fn parse(text: &str) -> Result<TopUpText, AppError> {
    serde_json::from_str(text).map_err(|error| AppError::Fault(format!("a top-up: {error}")))
}

/// Where transfers go, by a row from before the seller of an invoice had it; else empty.
pub(crate) fn bank_details(text: &str) -> Result<String, AppError> {
    if text.is_empty() { Ok(String::new()) } else { Ok(parse(text)?.bank_details) }
}

pub(crate) fn top_up(text: &str) -> Result<Option<TopUp>, AppError> {
    if text.is_empty() {
        return Ok(None);
    }
    let TopUpText {
        company_name,
        address,
        company_id,
        email,
        contact_name,
        phone,
        taxed,
        bank_details: _,
    } = parse(text)?;
    Ok(Some(TopUp {
        company_name,
        address: address.map(Into::into),
        company_id,
        email,
        contact_name,
        phone,
        taxed,
    }))
}

pub(crate) fn top_up_text(top_up: Option<&TopUp>) -> Result<String, AppError> {
    let Some(this_top_up) = top_up.cloned() else { return Ok(String::new()) };
    let TopUp { company_name, address, company_id, email, contact_name, phone, taxed } =
        this_top_up;
    let (address, bank_details) = (address.map(Into::into), String::new());
    let text = TopUpText {
        company_name,
        address,
        company_id,
        email,
        contact_name,
        phone,
        taxed,
        bank_details,
    };
    serde_json::to_string(&text).map_err(|error| AppError::Fault(error.to_string()))
}
