//! Sellers and buyers as documents name them, in the columns of their tables.

use super::customers::AddressText;
use payterms_chassis::AppError;
use payterms_invoicing_domain::Party;
use serde::{Deserialize, Serialize};

/// A party as its column holds it.
#[derive(Debug, Serialize, Deserialize)]
struct PartyText {
    legal_name: String,
    address: Option<AddressText>,
    country: String,
    tax_id: String,
    /// Rows from before it was kept have none.
    #[serde(default)]
    bank_details: String,
    /// Likewise.
    #[serde(default)]
    language: String,
}

/// A party of a column.
pub(crate) fn party(text: &str) -> Result<Party, AppError> {
    let read: PartyText =
        serde_json::from_str(text).map_err(|error| AppError::Fault(format!("a party: {error}")))?;
    let PartyText { legal_name, address, country, tax_id, bank_details, language } = read;
    Ok(Party {
        legal_name,
        address: address.map(Into::into),
        country,
        tax_id,
        bank_details,
        language,
    })
}

/// A party as its column holds it; empty where there is none.
pub(crate) fn party_text(party: Option<&Party>) -> Result<String, AppError> {
    let Some(Party { legal_name, address, country, tax_id, bank_details, language }) =
        party.cloned()
    else {
        return Ok(String::new());
    };
    let text = PartyText {
        legal_name,
        address: address.map(Into::into),
        country,
        tax_id,
        bank_details,
        language,
    };
    serde_json::to_string(&text).map_err(|error| AppError::Fault(error.to_string()))
}
