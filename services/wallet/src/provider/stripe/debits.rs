//! Bank debits: by which scheme a customer's bank is debited, and what is kept of an account and
//! its mandate.

use super::{
    super::Unknown,
    objects::{MethodMessage, SetupIntentMessage},
};
use payterms_kernel::country::in_european_union;
use payterms_wallet_domain::method_setup::SavedCard;
use serde_json::Value;

/// Cards, in Stripe's words.
pub(super) const CARD: &str = "card";
const SEPA: &str = "sepa_debit";
const BACS: &str = "bacs_debit";
const BECS: &str = "au_becs_debit";
/// Accounts in the United States.
pub(super) const ACH: &str = "us_bank_account";
/// Countries of SEPA that are in no union with the others.
const BESIDE_THE_UNION: [&str; 9] = ["AD", "CH", "GI", "IS", "LI", "MC", "NO", "SM", "VA"];

/// The scheme by which banks of a country are debited, in Stripe's words; none where Stripe debits
/// none.
pub(super) fn scheme_of(country: &str) -> Option<&'static str> {
    match country {
        "US" => Some(ACH),
        "GB" => Some(BACS),
        "AU" => Some(BECS),
        other if in_european_union(other) || BESIDE_THE_UNION.contains(&other) => Some(SEPA),
        _ => None,
    }
}

/// What is shown of a bank that is not named.
fn scheme_name(scheme: &str) -> &'static str {
    match scheme {
        SEPA => "SEPA Direct Debit",
        BACS => "Bacs Direct Debit",
        BECS => "BECS Direct Debit",
        _ => "ACH Direct Debit",
    }
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The customer's reference of a mandate: its own of the scheme, or Stripe's id.
fn reference<'a>(mandate: &'a Value, scheme: &str) -> Option<&'a str> {
    let details = mandate.get("payment_method_details").and_then(|details| details.get(scheme));
    details.and_then(|details| text(details, "reference")).or_else(|| text(mandate, "id"))
}

/// What is kept of a saved account; its token names the scheme.
pub(super) fn saved_account(
    intent: &SetupIntentMessage,
    method: &MethodMessage,
) -> Result<SavedCard, Unknown> {
    let lacks = |what: &str| Unknown(format!("a saved account without its {what}"));
    let scheme = method.kind.as_str();
    let customer = method.customer.as_deref().ok_or_else(|| lacks("customer"))?;
    let account = method.details.get(scheme).ok_or_else(|| lacks("details"))?;
    let mandate = intent
        .mandate
        .as_ref()
        .and_then(|mandate| reference(mandate, scheme))
        .ok_or_else(|| lacks("mandate"))?;
    Ok(SavedCard {
        token: format!("{customer}/{}/{scheme}", method.id),
        brand: text(account, "bank_name").unwrap_or_else(|| scheme_name(scheme)).to_owned(),
        last_four: text(account, "last4").unwrap_or_default().to_owned(),
        expire_month: 0,
        expire_year: 0,
        mandate: mandate.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{saved_account, scheme_of};
    use crate::provider::stripe::objects::{MethodMessage, SetupIntentMessage};
    use serde_json::json;

    #[test]
    fn banks_are_debited_by_the_scheme_of_their_country() {
        let expected = [
            ("US", Some("us_bank_account")),
            ("GB", Some("bacs_debit")),
            ("AU", Some("au_becs_debit")),
            ("DE", Some("sepa_debit")),
            ("CH", Some("sepa_debit")),
            ("JP", None),
            ("", None),
        ];
        assert_eq!(
            expected.map(|(country, _)| scheme_of(country)),
            expected.map(|(_, scheme)| scheme)
        );
    }

    #[test]
    fn an_account_is_kept_with_its_bank_and_mandate() {
        let saved = |kind: &str, details: serde_json::Value, mandate: serde_json::Value| {
            let method = json!({ "id": "pm_1", "customer": "cus_1", "type": kind, kind: details });
            let method: MethodMessage = serde_json::from_value(method).unwrap();
            let intent: SetupIntentMessage =
                serde_json::from_value(json!({ "status": "succeeded", "mandate": mandate }))
                    .unwrap();
            saved_account(&intent, &method)
        };
        let mandate = json!({ "id": "mandate_1", "payment_method_details": { "type": "sepa_debit", "sepa_debit": { "reference": "REF1" } } });
        let sepa = saved("sepa_debit", json!({ "last4": "3000" }), mandate).unwrap();
        assert_eq!(
            (sepa.token.as_str(), sepa.mandate.as_str(), sepa.expire_year),
            ("cus_1/pm_1/sepa_debit", "REF1", 0)
        );
        assert_eq!((sepa.brand.as_str(), sepa.last_four.as_str()), ("SEPA Direct Debit", "3000"));
        let ach = saved(
            "us_bank_account",
            json!({ "last4": "6789", "bank_name": "STRIPE TEST BANK" }),
            json!({ "id": "mandate_2" }),
        )
        .unwrap();
        assert_eq!((ach.brand.as_str(), ach.mandate.as_str()), ("STRIPE TEST BANK", "mandate_2"));
        assert!(
            saved("sepa_debit", json!({}), json!(null)).is_err(),
            "nobody is debited without a mandate"
        );
    }
}
