//! What a request may say: parameters and words that the version of the API does not know are
//! refused, as Stripe refuses them.

use super::state::{Answer, Command};

/// The one version of the API that is spoken.
pub(super) const VERSION: &str = "2025-03-31.basil";
/// The longest idempotency key, and the longest name and text of metadata.
const LONGEST: [usize; 3] = [255, 40, 500];
const PAGE: [&str; 3] = ["ending_before", "limit", "starting_after"];
const LISTS: [&str; 5] =
    ["balance_transactions", "disputes", "payment_intents", "payouts", "refunds"];
const SCHEMES: [&str; 5] = ["au_becs_debit", "bacs_debit", "card", "sepa_debit", "us_bank_account"];

/// The parameters that the adapter has a use for, of those that Stripe documents; none where the
/// path is not known.
fn known(method: &str, path: &[&str]) -> Option<&'static [&'static str]> {
    Some(match (method, path) {
        ("GET", ["balance_transactions"]) => &["created", "currency", "payout", "source", "type"],
        ("GET", ["payment_intents"]) => &["created", "customer"],
        ("GET", ["payouts"]) => &["arrival_date", "created", "destination", "status"],
        ("GET", ["refunds" | "disputes"]) => &["charge", "created", "payment_intent"],
        ("GET", _) => &[],
        ("POST", ["checkout", "sessions"]) => &[
            "cancel_url",
            "currency",
            "customer",
            "metadata",
            "mode",
            "payment_method_options",
            "payment_method_types",
            "success_url",
        ],
        ("POST", ["customers"]) => &["metadata"],
        ("POST", ["payment_intents"]) => &[
            "amount",
            "currency",
            "customer",
            "metadata",
            "payment_method",
            "payment_method_types",
        ],
        ("POST", ["payment_intents", _, "confirm"]) => &["mandate", "off_session"],
        ("POST", ["payment_intents", _, "cancel"]) => &["cancellation_reason"],
        ("POST", ["refunds"]) => &["amount", "charge", "metadata", "payment_intent", "reason"],
        _ => return None,
    })
}

/// Whether a parameter has a word that it may have.
fn is_word(name: &str, value: &str) -> bool {
    match name {
        "limit" => value.parse::<u8>().is_ok_and(|limit| (1..=100).contains(&limit)),
        "off_session" => ["true", "false"].contains(&value),
        "cancellation_reason" => {
            ["abandoned", "duplicate", "fraudulent", "requested_by_customer"].contains(&value)
        }
        "payment_method_types[]" => SCHEMES.contains(&value),
        "payment_method_options[us_bank_account][verification_method]" => {
            ["automatic", "instant"].contains(&value)
        }
        _ if name.starts_with("payment_method_options") => false,
        _ if name.starts_with("metadata[") => {
            name.len() - "metadata[]".len() <= LONGEST[1] && value.len() <= LONGEST[2]
        }
        _ => true,
    }
}

/// The refusal of a request that Stripe would not understand.
pub(super) fn refusal(command: &Command) -> Option<Answer> {
    let path: Vec<_> = command.path.trim_start_matches("/v1/").split('/').collect();
    let known = known(&command.method, &path)?;
    let is_list = command.method == "GET"
        && path.len() == 1
        && path.first().is_some_and(|kind| LISTS.contains(kind));
    let is_known =
        |name: &str| known.contains(&name) || name == "expand" || is_list && PAGE.contains(&name);
    for (name, value) in &command.fields {
        if !is_known(name.split('[').next().unwrap_or_default()) {
            return Some(Answer::invalid(
                "Received unknown parameter",
                Some("parameter_unknown"),
                Some(name),
            ));
        }
        if !is_word(name, value) {
            return Some(Answer::invalid("Invalid value", None, Some(name)));
        }
    }
    let key_fits = command.key.len() <= LONGEST[0];
    (!key_fits).then(|| Answer::invalid("The idempotency key is too long", None, None))
}
